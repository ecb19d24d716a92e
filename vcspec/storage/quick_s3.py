"""Objects of S3 servers read by obstore, where what is configured means the same to it.

The driver of fsspec knows every configuration and names every error, but takes a second to load,
and its bytes pass through Python's lock. obstore is compiled; it is asked first, once, and whatever
it cannot do is asked of the driver again, which then says what is wrong.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcspec.model.store import Body

if TYPE_CHECKING:
    from obstore.store import S3Config

PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]*)(?:/[^/?#]+)*/*")
KNOWN = frozenset({"endpoint_url", "key", "secret", "token", "anon"})  # arguments of the driver
ENDPOINT = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
ENVIRONMENT = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# Variables that change how the driver reaches a server, and mean nothing or else to obstore.
OTHERS = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
    *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
)
BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")  # the same, where there is a certificate

LARGE = 65_536  # bytes that are given without a copy

Asked = tuple[str, int | None, int | None]


class QuickS3:
    """The objects of a bucket, by obstore; nothing is tried twice.

    After an error that is not about one object alone, nothing more is asked. Requests have threads
    that a process which ends waits for: those of obstore, which answer coroutines, still want the
    interpreter for a moment when the answer is there, and abort a process that is ending.

    Args:
        store: of obstore, of the bucket.
        at_once: requests under way at a time.
    """

    def __init__(self, store: Any, at_once: int) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="vcspec-s3")
        self._works = True

    def answers(self, asked: Sequence[Asked]) -> list[Body | None]:
        """For each (`bucket/key`, start, stop) its bytes; None where the driver has to be asked."""
        found = self._awaited([partial(self._bytes, *one) for one in asked])
        return [None if one is None else _body(one) for one in found]

    def size(self, key: str) -> int | None:
        """Bytes of an object; None where the driver has to be asked."""
        found = self._awaited([partial(self._head, key)])[0]
        return None if found is None else int(found["size"])

    def listing(self, root: str) -> Mapping[str, int] | None:
        """`bucket/key` → bytes of all objects below the root; None where the driver must be asked.

        An object of no bytes may be what some programs leave for a folder, whose name obstore
        shortens: the driver knows.
        """
        found = self._awaited([partial(self._list, root)])[0]
        return None if not found or 0 in found.values() else found

    def _awaited(self, work: Sequence[Callable[[], Any]]) -> list[Any]:
        """What each comes to; None where it fails."""
        return list(self._threads.map(self._tried, work))

    def _tried(self, work: Callable[[], Any]) -> Any:
        from obstore.exceptions import BaseError, InvalidPathError, NotFoundError

        try:
            return work() if self._works else None
        except (FileNotFoundError, InvalidPathError, NotFoundError):
            return None
        except (BaseError, OSError, ValueError):
            self._works = False
            return None

    def _bytes(self, key: str, start: int | None, stop: int | None) -> Any:
        import obstore

        name = _name(key)
        if start is None:
            return obstore.get(self._store, name).bytes()
        if stop is not None:
            return obstore.get_range(self._store, name, start=start, end=stop)
        return obstore.get(self._store, name, options={"range": {"offset": start}}).bytes()

    def _head(self, key: str) -> Any:
        import obstore

        return obstore.head(self._store, _name(key))

    def _list(self, root: str) -> dict[str, int]:
        import obstore

        bucket = root.partition("/")[0]
        pages = obstore.list(self._store, _name(root) or None)
        return {f"{bucket}/{one['path']}": one["size"] for page in pages for one in page}


def _body(found: Any) -> Body:
    return memoryview(found) if len(found) > LARGE else bytes(found)


def _name(key: str) -> str:
    return key.partition("/")[2]


def quick_s3(
    target: str, configured: Mapping[str, Any], *, anonymous: bool, at_once: int
) -> QuickS3 | None:
    """What reads the bucket of a URL; None where the driver has to.

    Args:
        target: URL of a store or a place.
        configured: scheme → arguments, as fsspec is configured.
        anonymous: whether nothing is signed.
        at_once: requests under way at a time.
    """
    place = PLACE.fullmatch(target)
    if place is None or _has_profiles(Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config")):
        return None
    settings = _settings(configured.get("s3", {}), os.environ, anonymous=anonymous)
    if settings is None:
        return None
    try:
        from obstore.store import S3Store
    except ImportError:
        return None
    store = S3Store(
        place[1],
        config=settings,
        client_options={
            "allow_http": True,
            "connect_timeout": timedelta(seconds=5),
            "read_timeout": timedelta(seconds=20),
            "timeout": timedelta(hours=1),
        },
        retry_config={"max_retries": 0},
    )
    return QuickS3(store, at_once)


def _settings(
    configured: Mapping[str, Any], environ: Mapping[str, str], *, anonymous: bool
) -> "S3Config | None":
    """Arguments of obstore for what the driver goes by; None where only the driver knows it all."""
    endpoint = configured.get("endpoint_url") or _first(environ, ENDPOINT)
    region = environ.get("AWS_DEFAULT_REGION")
    others = OTHERS if str(endpoint).startswith("http://") else OTHERS + BUNDLES
    if not (endpoint or region) or not KNOWN.issuperset(configured) or _first(environ, others):
        return None
    anonymous = anonymous or bool(configured.get("anon"))
    found: S3Config = {
        "region": region or "us-east-1",
        "virtual_hosted_style_request": False,
        "skip_signature": anonymous,
    }
    if endpoint:
        found["endpoint"] = str(endpoint)
    if anonymous:
        return found
    own = {"key", "secret", "token"}.intersection(configured)
    names = ("key", "secret", "token") if own else ENVIRONMENT
    key, secret, token = ((configured if own else environ).get(name) for name in names)
    if not key or not secret:
        return None
    found |= {"access_key_id": key, "secret_access_key": secret}
    if token:
        found["session_token"] = token
    return found


def _has_profiles(path: Path) -> bool:
    """Whether the driver reads more in a file of the user's."""
    try:
        return bool(path.expanduser().read_bytes().strip())
    except OSError:
        return False


def _first(environ: Mapping[str, str], names: Sequence[str]) -> str:
    """The first of the variables that is set."""
    return next((environ[name] for name in names if environ.get(name)), "")
