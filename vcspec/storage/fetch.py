"""Sources as local files: downloaded once, verified, kept in a cache."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import requests
from filelock import FileLock, Timeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from vcspec.cards import Source
from vcspec.model.address import shown
from vcspec.model.errors import Unreadable
from vcspec.storage.caching import cache_folder

ATTEMPTS = 5
WAIT = wait_exponential(multiplier=0.5, max=20)
SECONDS = (10, 60)  # to connect, and between two pieces
LOCK_SECONDS = 3600
MOST_BYTES = 1 << 31  # of a file whose size is not known
PIECE = 1 << 16  # also what a cut can lose
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
CUT = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
PAGE = "answers with a web page (HTML) in place of the file"
PACKED = frozenset({".gz", ".bz2", ".xz", ".zip", ".zst"})

Progress = Callable[[int, int], None]


class _FailedError(Exception):
    """This place does not have the file; the message says what it has."""


class _PassingError(_FailedError):
    """The same place may well have the file in a moment."""


@dataclass(frozen=True)
class _Landing:
    """Where the bytes of one source arrive."""

    source: Source
    part: Path
    progress: Progress

    @property
    def size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0


def fetch(source: Source, *, cache: Path | None = None, progress: Progress | None = None) -> Path:
    """A local file with the source's bytes; whatever returns has the right size and SHA-256.

    Looks in the cache, then in the mirror that VCSPEC_SOURCE_MIRROR names (a folder, or a `file:`,
    `http:` or `https:` address under which files lie by the path of their URL, with or without the
    host), then at the source's own address. A download that was cut is continued.

    Args:
        source: what is wanted.
        cache: folder to keep files in; `cache_folder()` unless given.
        progress: called with bytes at hand and bytes in all.

    Raises:
        Unreadable: no place has the bytes, or the cache cannot be written.
    """
    folder = (cache_folder() if cache is None else cache) / "sources"
    target = folder / f"{source.digest}{_suffix(source.url)}"
    try:
        if _verified(target, source):
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{source.digest}.lock", timeout=LOCK_SECONDS):
            if not _verified(target, source):
                part = folder / f"{source.digest}.part"
                _land(_Landing(source, part, progress or (lambda _done, _all: None)))
                part.replace(target)
    except Timeout:
        message = f"another process has held {folder} for an hour; expected it to finish; end it"
        raise Unreadable(message) from None
    except OSError as error:
        message = (
            f"the cache {folder} cannot be used ({error.strerror or type(error).__name__}); "
            "set VCSPEC_CACHE to a folder that can be written"
        )
        raise Unreadable(message) from error
    return target


def _land(landing: _Landing) -> None:
    """Try one place after the other until the part file is whole and right."""
    problems = []
    for place in _places(landing.source.url):
        attempts = Retrying(
            retry=retry_if_exception_type(_PassingError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=WAIT,
            reraise=True,
        )
        try:
            attempts(_bring, place, landing)
        except _FailedError as failed:
            problems.append(f"{shown(place)} {failed}")
        else:
            return
    wanted = _wanted(landing.source)
    message = (
        f"{landing.source.name!r} cannot be had: {'; '.join(problems)}. Expected {wanted}. "
        "Check the network, or set VCSPEC_SOURCE_MIRROR to a folder or address that has the file"
    )
    raise Unreadable(message)


def _places(url: str) -> Iterator[str]:
    """Addresses to ask, in order: in the mirror by path, by host and path; the URL itself."""
    mirror = os.environ.get("VCSPEC_SOURCE_MIRROR", "").rstrip("/")
    parts = urlsplit(url)
    path = parts.path.lstrip("/")
    climbs = ".." in unquote(path).replace("\\", "/").split("/")
    if mirror and path and not climbs:
        base = mirror if "://" in mirror else Path(mirror).absolute().as_uri()
        yield f"{base}/{path}"
        if parts.hostname:
            yield f"{base}/{parts.hostname}/{path}"
    yield url


def _bring(place: str, landing: _Landing) -> None:
    """Fill the part file from one place, and check it before anybody can take it for the file."""
    begun = landing.size
    if begun > landing.source.bytes or not landing.source.bytes:
        landing.part.unlink(missing_ok=True)  # nothing tells how much of it is missing
        begun = 0
    if begun < landing.source.bytes or begun == 0:
        scheme = urlsplit(place).scheme
        if scheme == "file":
            _copy(place, landing)
        elif scheme in ("http", "https"):
            _download(place, landing)
        else:
            message = f"has scheme {scheme!r}; only file, http and https can be read"
            raise _FailedError(message)
    _check(landing, resumed=begun > 0)


def _copy(place: str, landing: _Landing) -> None:
    path = Path(url2pathname(urlsplit(place).path))
    if not path.is_file():
        message = "does not exist"
        raise _FailedError(message)
    if landing.source.bytes and path.stat().st_size != landing.source.bytes:
        message = f"holds {path.stat().st_size} bytes"
        raise _FailedError(message)
    try:
        original = path.open("rb")
    except OSError as error:
        message = f"cannot be opened ({error.strerror})"
        raise _FailedError(message) from None
    with original, landing.part.open("wb") as copy:
        shutil.copyfileobj(original, copy, PIECE)
    landing.progress(landing.size, landing.source.bytes)


def _download(place: str, landing: _Landing) -> None:
    # identity: a body that the server compresses has other offsets than the file
    headers = {"Accept-Encoding": "identity"}
    if landing.size:
        headers["Range"] = f"bytes={landing.size}-"
    try:
        with requests.get(place, headers=headers, stream=True, timeout=SECONDS) as answer:
            _accept(answer, landing)
            with landing.part.open("ab" if answer.status_code == 206 else "wb") as file:
                _receive(answer, file, landing)
    except CUT as error:
        message = f"was cut after {landing.size} bytes ({type(error).__name__})"
        raise _PassingError(message) from None
    except requests.RequestException as error:
        message = f"cannot be asked ({type(error).__name__})"
        raise _FailedError(message) from None


def _accept(answer: requests.Response, landing: _Landing) -> None:
    """Refuse every answer but the whole file or exactly the piece that is missing."""
    status = answer.status_code
    message = f"answers {status} {answer.reason}"
    if status == 416:
        landing.part.unlink(missing_ok=True)
        raise _PassingError(message)
    if status == 206:
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {landing.size}-"):
            landing.part.unlink(missing_ok=True)
            message = "answers with another range than was asked for"
            raise _PassingError(message)
    elif status in PASSING:
        raise _PassingError(message)
    elif status != 200:
        raise _FailedError(message)
    else:
        _announced(answer, landing.source.bytes)


def _announced(answer: requests.Response, expected: int) -> None:
    length = answer.headers.get("Content-Length", "")
    plain = "Content-Encoding" not in answer.headers
    if expected and plain and length.isdecimal() and int(length) != expected:
        page = answer.headers.get("Content-Type", "").startswith("text/html")
        message = PAGE if page else f"holds {length} bytes"
        raise _FailedError(message)


def _receive(answer: requests.Response, file: IO[bytes], landing: _Landing) -> None:
    for piece in answer.iter_content(PIECE):
        file.write(piece)
        landing.progress(file.tell(), landing.source.bytes)
        if file.tell() > (landing.source.bytes or MOST_BYTES):
            break


def _check(landing: _Landing, *, resumed: bool) -> None:
    """Pass a part file that is right; drop one that can never become right."""
    size, source = landing.size, landing.source
    if _verified(landing.part, source):
        return
    page = _is_page(landing.part)
    if size < landing.source.bytes and not page:
        message = f"stops after {size} bytes"
        raise _PassingError(message)
    is_larger = source.bytes and size != source.bytes
    held = "more bytes than expected" if is_larger else _found(landing.part, source)
    landing.part.unlink()
    if resumed:
        message = "does not continue the bytes that were there"
        raise _PassingError(message)
    if page:
        raise _FailedError(PAGE)
    message = f"holds {held}"
    raise _FailedError(message)


def _verified(path: Path, source: Source) -> bool:
    if not path.is_file() or path.stat().st_size != (source.bytes or path.stat().st_size):
        return False
    if source.sha256:
        return _sha256(path) == source.sha256
    return _git_blob(path) == source.git_blob


def _wanted(source: Source) -> str:
    size = f"{source.bytes} bytes" if source.bytes else "a file"
    known = f"SHA-256 {source.sha256}" if source.sha256 else f"git blob {source.git_blob}"
    return f"{size} with {known}"


def _found(path: Path, source: Source) -> str:
    return f"SHA-256 {_sha256(path)}" if source.sha256 else f"git blob {_git_blob(path)}"


def _git_blob(path: Path) -> str:
    """The name that git gives a file's bytes."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html"))


def _suffix(url: str) -> str:
    """Ending of the file's name, such as `.h5ad` or `.csv.gz`, because readers go by it."""
    endings = Path(unquote(urlsplit(url).path)).suffixes
    kept = endings[-2:] if endings[-1:] and endings[-1] in PACKED else endings[-1:]
    ending = "".join(kept)
    return ending if len(ending) <= 16 and ending.replace(".", "").isalnum() else ""
