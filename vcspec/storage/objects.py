"""The objects of a store as names and bytes: a local folder, or any place that fsspec reaches."""

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Protocol
from urllib.parse import unquote

from vcspec.model.address import climbs, has_user, shown, without_user
from vcspec.model.errors import Refused, Unreadable, VcspecError
from vcspec.model.store import Body, StoredObject
from vcspec.standard import standard
from vcspec.storage.anonymous import anonymous_options
from vcspec.storage.quick_s3 import QuickS3, quick_s3
from vcspec.storage.reasons import chain, meaning, status, told

# Windows has no such flag; what it has in place of links is met as "special" when it is listed.
UNFOLLOWED = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
DEEPEST = 32  # folders within folders that a web server lists
AT_ONCE = 32  # requests under way at a time
THREADS = 8  # the same, where the driver can do only one at a time
A_TURN = 512
PIECE = 262_144  # of a file: what stays near the processor until it is hashed and written
KEYS_A_PAGE = 1_000
CHECKSUM_ERRORS = frozenset({"FlexibleChecksumError", "ChecksumError"})  # of botocore
DRIVERS = {
    "s3": "'vcspec[s3]'",
    "http": "'vcspec[http]'",
    "https": "'vcspec[http]'",
    "gs": "'vcspec[gcs]'",
    "az": "'vcspec[azure]'",
    "abfs": "'vcspec[azure]'",
}

CONFIGURATION = Path("~/.config/fsspec")  # where fsspec looks unless its own variable says else
Wanted = tuple[str, int | None, int | None]


class Unreached(OSError):
    """A remote place gave no answer on an object: nothing is known about it, good or bad."""


class Corrupt(OSError):
    """A remote place gave bytes of which its driver knows that they are not those it was given."""


class Objects(Protocol):
    """Names and bytes below one root.

    Attributes:
        requests: how often the place was asked for something so far.
        bytes_read: length of all that `read` and `read_many` gave so far.
    """

    @property
    def requests(self) -> int: ...  # noqa: D102 - told above

    @property
    def bytes_read(self) -> int: ...  # noqa: D102 - told above

    def listing(self) -> Mapping[str, StoredObject]:
        """Every object below the root, by its name relative to it."""

    def size(self, name: str) -> int | None:
        """Bytes of an object, asked for on its own; None where there is none."""

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Bytes of the object, all or from `start` to `stop`."""

    def read_many(self, wanted: Sequence[Wanted], *, alone: bool = False) -> Sequence[Body]:
        """What `read` says of each (name, start, stop), in the order asked, at once where it pays.

        Large ones may be views of memory that others look at as well.

        Args:
            wanted: what is read.
            alone: nothing else of these objects will be asked for soon.

        Raises:
            OSError: as `read` does, for the first that cannot be read; the others are lost.
                FileNotFoundError says that the object has vanished, Unreached that a remote place
                gave no answer or denies one, Corrupt that its driver does not believe the answer.
        """


class _Tally:
    """Counts of requests and bytes that any number of threads add to."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests = 0
        self._bytes_read = 0

    @property
    def requests(self) -> int:
        return self._requests

    @property
    def bytes_read(self) -> int:
        return self._bytes_read

    def _count(self, requests: int, bytes_read: int = 0) -> None:
        with self._lock:
            self._requests += requests
            self._bytes_read += bytes_read


class LocalObjects(_Tally):
    """A folder of the local file system; links are listed, never followed.

    A folder that is listed is one request, and so is a file that is opened.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def listing(self) -> Mapping[str, StoredObject]:
        """Every file below the folder."""
        found: dict[str, StoredObject] = {}
        pending = [(os.fspath(self.root), "")]
        while pending:
            self._count(1)
            folder, prefix = pending.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        pending.append((entry.path, f"{prefix}{entry.name}/"))
                        continue
                    found[prefix + entry.name] = _local_object(status)
        return dict(sorted(found.items()))

    def size(self, name: str) -> int | None:
        """Bytes of the file."""
        self._count(1)
        try:
            return (self.root / name).lstat().st_size
        except FileNotFoundError:
            return None

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Bytes of the file; a link is refused by the operating system."""
        with os.fdopen(os.open(self.root / name, UNFOLLOWED), "rb") as file:
            if start is not None:
                file.seek(start)
            body = file.read(-1 if start is None or stop is None else stop - start)
        self._count(1, len(body))
        return body

    def pieces(self, name: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of the file, which is opened once; fewer where it ends before.

        A link is refused as by `read`.
        """
        handle = os.open(self.root / name, UNFOLLOWED)
        left = size
        try:
            while left and (piece := os.read(handle, min(left, PIECE))):
                left -= len(piece)
                yield piece
        finally:
            os.close(handle)
            self._count(1, size - left)

    def sha256(self, name: str) -> str:
        """SHA-256 of the file, hexadecimal; never more of it in memory than a small buffer."""
        with os.fdopen(os.open(self.root / name, UNFOLLOWED), "rb", buffering=0) as file:
            digest = hashlib.file_digest(file, "sha256")
            self._count(1, file.tell())
        return digest.hexdigest()

    def read_many(self, wanted: Sequence[Wanted], *, alone: bool = False) -> list[bytes]:  # noqa: ARG002
        """Bytes of each; one after the other, as threads only slow a local disk's reader down."""
        return [self.read(*one) for one in wanted]


class RemoteObjects(_Tally):
    """Keys below a prefix of an fsspec file system.

    One request is counted for every object or range asked for, for every size that a listing left
    out, and for every page of a listing: a thousand keys, as S3 has it, or a folder where the place
    has no flat listing, as the web. What the driver does unseen is not counted: trying again,
    signing in, following redirects.

    Args:
        driver: makes the file system, when it is first asked for something.
        root: the prefix, as that file system spells it.
        quick: is asked before it.
    """

    def __init__(self, driver: Callable[[], Any], root: str, quick: QuickS3 | None = None) -> None:
        super().__init__()
        self._driver = driver
        self.root = root.rstrip("/")
        self._quick = quick

    @cached_property
    def filesystem(self) -> Any:
        """The file system."""
        return self._driver()

    def below(self, prefix: str) -> "RemoteObjects":
        """The objects below the prefix."""
        return RemoteObjects(lambda: self.filesystem, f"{self.root}/{prefix}", self._quick)

    def listing(self) -> Mapping[str, StoredObject]:
        """Every key below the prefix, as the place has it now.

        Raises:
            FileNotFoundError: there is none.
            OSError: the place cannot be listed.
        """
        prefix = f"{self.root}/"
        try:
            found = self._found_quickly() or (self._walked() if self._walks() else self._found())
        except VcspecError:
            raise
        except Exception as error:  # drivers raise what they like
            raise _failure(self.root, error) from error
        if not found:
            raise FileNotFoundError(errno.ENOENT, "nothing is listed below this place", self.root)
        return {
            key.removeprefix(prefix): StoredObject(int(size or 0))
            for key, size in sorted(self._sized(found).items())
        }

    def _found_quickly(self) -> Mapping[str, int | None]:
        found = None if self._quick is None else self._quick.listing(self.root)
        self._count(-(-len(found or ()) // KEYS_A_PAGE))
        return found or {}

    def _walks(self) -> bool:
        """Whether the driver can only list folder by folder, which it would do one at a time."""
        from fsspec.asyn import AsyncFileSystem

        return getattr(type(self.filesystem), "_find", None) is AsyncFileSystem._find

    def _found(self) -> dict[str, int | None]:
        """Sizes of all keys, as the driver lists them."""
        found = self.filesystem.find(self.root, detail=True)
        self._count(max(1, -(-len(found) // KEYS_A_PAGE)))
        prefix = f"{self.root}/"
        return {key: info["size"] for key, info in found.items() if key.startswith(prefix)}

    def _walked(self) -> dict[str, int | None]:
        """The same, folders of one depth at once; one that cannot be listed is not left out."""
        found: dict[str, int | None] = {}
        pending, seen = [f"{self.root}/"], set[str]()
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in range(DEEPEST):
                self._count(len(pending))
                seen.update(pending)
                linked = [entry for page in pool.map(self.filesystem.ls, pending) for entry in page]
                below = [entry for entry in linked if self._is_below(entry["name"])]
                folders = {one["name"] for one in below if one["type"] == "directory"}
                found |= {one["name"]: one["size"] for one in below if one["type"] == "file"}
                pending = sorted(folders - seen)
                if not pending:
                    return found
        message = f"folders lie within folders, {DEEPEST} deep and more: it is not followed"
        raise OSError(errno.ELOOP, message, shown(self.root))

    def _is_below(self, key: str) -> bool:
        """Whether a link leads below the root; a web server may link to anywhere."""
        name = key.removeprefix(f"{self.root}/")
        return name != key and not climbs(name) and not {"?", "#"} & set(name)

    def _sized(self, found: Mapping[str, int | None]) -> Mapping[str, int | None]:
        """The keys with the sizes that the listing left out, asked for at once."""
        unsized = [key for key, size in found.items() if size is None]
        if not unsized:
            return found
        self._count(len(unsized))
        try:
            return {**found} | dict(zip(unsized, self.filesystem.sizes(unsized), strict=True))
        except Exception as error:  # drivers raise what they like
            place = f"{self.root}, the size of an object"
            raise _failure(place, error) from error

    def size(self, name: str) -> int | None:
        """Bytes of the key."""
        self._count(1)
        key = self._key(name)
        known = None if self._quick is None else self._quick.size(key)
        if known is not None:
            return known
        try:
            return int(self.filesystem.size(key))
        except FileNotFoundError:
            return None
        except Exception as error:  # drivers raise what they like
            raise _failure(key, error) from error

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Bytes of the key."""
        return bytes(self.read_many([(name, start, stop)])[0])

    def read_many(self, wanted: Sequence[Wanted], *, alone: bool = False) -> list[Body]:  # noqa: ARG002
        """Bytes of each; `AT_ONCE` requests are under way at a time."""
        found: list[Body] = [b""] * len(wanted)
        # No server can be asked for a range of no bytes.
        places = [
            at for at, (_, start, stop) in enumerate(wanted) if start is None or start != stop
        ]
        # In turns, so that a place that is down is not asked for thousands of objects.
        for first in range(0, len(places), A_TURN):
            turn = places[first : first + A_TURN]
            self._count(len(turn))
            for at, answer in zip(turn, self._answers([wanted[at] for at in turn]), strict=True):
                found[at] = self._body(wanted[at], answer)
        return found

    def _key(self, name: str) -> str:
        key = f"{self.root}/{name}"
        if climbs(name):  # the driver would resolve it, and ask for what lies beside the store
            raise OSError(errno.EINVAL, "this name would leave the store", key)
        return key

    def _answers(self, wanted: Sequence[Wanted]) -> list[Any]:
        """For each its bytes, or the error that the driver raised."""
        asked = [
            (self._key(name), start, None if start is None else stop)
            for name, start, stop in wanted
        ]
        if self._quick is None:
            return self._answers_of_driver(asked)
        found: list[Any] = list(self._quick.answers(asked))
        lacking = [at for at, answer in enumerate(found) if answer is None]
        if lacking:
            answers = self._answers_of_driver([asked[at] for at in lacking])
            for at, answer in zip(lacking, answers, strict=True):
                found[at] = answer
        return found

    def _answers_of_driver(self, asked: Sequence[Wanted]) -> list[Any]:
        if getattr(self.filesystem, "async_impl", False):
            keys, starts, stops = map(list, zip(*asked, strict=True))
            return self.filesystem.cat_ranges(
                keys, starts, stops, batch_size=AT_ONCE, on_error="return"
            )
        if len(asked) == 1:
            return [self._answer(asked[0])]
        with ThreadPoolExecutor(min(THREADS, len(asked))) as pool:
            return list(pool.map(self._answer, asked))

    def _answer(self, asked: Wanted) -> Any:
        key, start, stop = asked
        try:
            return self.filesystem.cat_file(key, start=start, end=stop)
        except Exception as error:  # noqa: BLE001 - drivers raise what they like
            return error

    def _body(self, asked: Wanted, answer: Any) -> Body:
        name, start, stop = asked
        if isinstance(answer, Exception):
            raise _failure(self._key(name), answer) from answer
        body: Body = answer if isinstance(answer, memoryview) else bytes(answer)
        self._count(0, len(body))
        if start is not None and stop is not None and len(body) > stop - start:
            return body[start:stop]  # a simple web server knows no ranges and sends the whole
        return body


def inside(name: str) -> str:
    """`name`, which must lie below the place.

    Raises:
        Refused: it would leave it.
    """
    if climbs(name) or name.startswith("/") or "\\" in name or "\0" in name or not name:
        message = f"{name[:200]!r} would leave the place it is relative to; it is not followed"
        raise Refused(message)
    return name


def _failure(key: str, error: Exception) -> OSError:
    """The driver's error as one that names the object, whatever class the driver has for it."""
    key = shown(key)
    if isinstance(error, FileNotFoundError) or status(error) == 404:
        what = meaning(error) or "there is no such object"
        return FileNotFoundError(errno.ENOENT, what, key)
    number = error.errno if isinstance(error, OSError) and error.errno else errno.EIO
    reason = meaning(error) or told(error)
    if any(type(one).__name__ in CHECKSUM_ERRORS for one in chain(error)):
        return Corrupt(errno.EIO, f"the bytes are damaged ({reason})", key)
    if number == errno.EINVAL:
        return OSError(number, f"the object cannot be read so ({reason})", key)
    return Unreached(number, f"no answer ({reason})", key)


def _local_object(status: os.stat_result) -> StoredObject:
    if stat.S_ISLNK(status.st_mode):
        return StoredObject(0, "link")
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        return StoredObject(0, "special")
    return StoredObject(status.st_size)


def scheme_of(target: str) -> str:
    """The URL scheme of `target`; `file` for a plain path.

    Raises:
        Refused: chained URLs, and schemes that are not on the standard's list.
    """
    allowed = standard().limits["schemes"]
    scheme = target.partition("://")[0].lower() if "://" in target else "file"
    if "::" in target or scheme not in allowed:
        message = (
            f"{target[:200]!r} is not a place that vcspec reads; it reads paths and URLs of "
            f"{', '.join(allowed)}, unchained"
        )
        raise Refused(message)
    return scheme


def local_path(target: str) -> Path | None:
    """`target` as a local path; None where it is remote.

    Raises:
        Refused: as `scheme_of`, and a file URL that names a host.
    """
    if scheme_of(target) != "file":
        return None
    if "://" not in target:
        return Path(target)
    host, _, path = target.partition("://")[2].partition("/")
    if host not in ("", "localhost"):
        message = f"{target[:200]!r} names the host {host!r}; a file URL has none: file:///folder"
        raise Refused(message)
    return Path("/" + unquote(path))


def open_objects(target: str) -> Objects:
    """The objects of the store at `target`, a local folder or a URL.

    Raises:
        Refused: the URL is chained or of a scheme that is not allowed.
        Unreadable: nothing is there, it is not a folder, or a package for the scheme is wanting.
    """
    path = local_path(target)
    if path is None:
        return remote_objects(target)
    if not path.exists():
        message = f"{target}: no such path; give the folder of a Zarr store"
        raise Unreadable(message)
    if not path.is_dir():
        message = f"{target}: a file, not the folder of a Zarr store; `vcspec convert` reads .h5ad"
        raise Unreadable(message)
    return LocalObjects(path)


def remote_objects(target: str, *, anonymous: bool = False) -> RemoteObjects:
    """The objects below a URL, whether or not there are any.

    Args:
        target: the URL.
        anonymous: read them without the user's credentials.

    Raises:
        Refused: the URL is chained, of a scheme that is not allowed, or holds credentials that no
            driver would take.
        Unreadable: a package for the scheme is wanting, or what the driver asks for.
    """
    scheme = scheme_of(target)
    if scheme in ("s3", "gs", "az") and has_user(target):
        message = (
            f"{shown(target)}: an address of {scheme}:// has no user and no password; give the "
            "driver its credentials in its own way, such as AWS_PROFILE"
        )
        raise Refused(message)
    if scheme in ("http", "https") and {"?", "#"} & set(target):
        message = (
            f"{shown(target)}: the address of a store, below which its objects lie, has no query "
            "and no fragment; leave what follows ? or # out"
        )
        raise Refused(message)
    if anonymous:
        target = without_user(target)
    quick = quick_s3(target, _configured(), anonymous=anonymous, at_once=AT_ONCE)
    if quick is not None:
        root = target.partition("://")[2]
        return RemoteObjects(lambda: _driver(target, anonymous=anonymous)[0], root, quick)
    filesystem, root = _driver(target, anonymous=anonymous)
    return RemoteObjects(lambda: filesystem, root)


def _configured() -> Mapping[str, Any]:
    """Scheme → arguments, as fsspec is configured; it takes long to load, and most often is not."""
    is_set = any(name.startswith("FSSPEC") for name in os.environ)
    if "fsspec" not in sys.modules and not is_set and not CONFIGURATION.expanduser().exists():
        return {}
    import fsspec

    found: Mapping[str, Any] = fsspec.config.conf
    return found


def _driver(target: str, *, anonymous: bool) -> tuple[Any, str]:
    """The file system of fsspec for a URL, and how it spells the rest of it."""
    import fsspec

    scheme = scheme_of(target)
    try:
        options = _options(scheme, fsspec.config.conf)
        if anonymous:
            options |= anonymous_options(target, fsspec.config.conf)
        found: tuple[Any, str] = fsspec.core.url_to_fs(target, **options)
    except ImportError as error:
        message = f"{target[:200]}: {error}; pip install {DRIVERS.get(scheme, scheme)}"
        raise Unreadable(message) from error
    except VcspecError:
        raise
    except Exception as error:  # drivers raise what they like
        message = f"{shown(target)} cannot be asked: {meaning(error) or told(error)}"
        raise Unreadable(message) from error
    return found


def _options(scheme: str, configured: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the driver: nothing is kept from an earlier look, for a store may change."""
    options: dict[str, Any] = {"use_listings_cache": False}
    if scheme == "s3":
        pool = {"max_pool_connections": AT_ONCE}  # botocore's own 10 would be the limit
        options["config_kwargs"] = pool | configured.get("s3", {}).get("config_kwargs", {})
        # More than 1 asks for the size of each object before the object itself.
        options["max_concurrency"] = 1
    return options
