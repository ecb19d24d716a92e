"""A prefix of an object store that artefacts are published below."""

import errno
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
)

from vcspec.model.address import shown
from vcspec.model.errors import Unreadable
from vcspec.storage.objects import RemoteObjects, inside, remote_objects, scheme_of
from vcspec.storage.reasons import MEANINGS, meaning, status, told

ATTEMPTS = 4
PATIENCE = 20.0  # seconds, after which nothing is tried again; drivers try by themselves as well
WAIT = wait_exponential(multiplier=0.3, max=5)
PASSING = frozenset({0, 408, 409, 425, 429, 500, 502, 503, 504})
_MEMORY = threading.Lock()  # what stands in for a server where the store is this process


class RemotePlace:
    """A prefix of a file system that fsspec has a driver for."""

    def __init__(self, url: str, *, anonymous: bool = False) -> None:
        self.scheme = scheme_of(url)
        self.url = shown(url).rstrip("/")
        self.remote = remote_objects(url, anonymous=anonymous)
        self.root = self.remote.root

    @property
    def filesystem(self) -> Any:
        """The file system of fsspec, loaded when it is first asked for."""
        return self.remote.filesystem

    def objects(self, prefix: str) -> RemoteObjects:
        """The objects below the prefix."""
        return self.remote.below(inside(prefix))

    def read(self, name: str) -> bytes:
        """Bytes of the object.

        Raises:
            FileNotFoundError: there is none.
            Unreadable: the place gives no answer, or denies one.
        """
        try:
            return self.remote.read(inside(name))
        except OSError as error:
            raise self._unheard(name, error) from error

    def _unheard(self, name: str, error: OSError) -> Exception:
        """An error of reading as what the place means by it."""
        if isinstance(error, FileNotFoundError) and not meaning(error):
            return error
        reason = meaning(error) or error.strerror or told(error)
        return Unreadable(f"{self.url}: {name} cannot be read: {reason}")

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Objects below the prefix, as the place lists them now."""
        try:
            listing = self.objects(prefix).listing()
        except OSError as error:
            failure = self._unheard(prefix, error)
            if isinstance(failure, FileNotFoundError):
                return {}
            raise failure from error
        return {name: one.size for name, one in listing.items()}

    def put(self, name: str, body: Path | bytes) -> None:
        """Write the object; an answer that passes is asked for again.

        Raises:
            Unreadable: the place does not take it.
        """
        key = f"{self.root}/{inside(name)}"
        try:
            for attempt in _trying():
                with attempt:
                    if isinstance(body, bytes):
                        self.filesystem.pipe_file(key, body)
                    else:
                        self.filesystem.put_file(str(body), key)
        except Exception as error:  # drivers raise what they like
            raise self._denied(name, error) from error

    def stand(self, name: str, body: bytes) -> bytes:
        """Create the object in one request that the server refuses where there is one.

        An answer that is lost, or says that the object is there, is settled by reading it back.

        Raises:
            Unreadable: the place does not take it, or cannot say whether it has.
        """
        for attempt in range(ATTEMPTS):
            try:
                self._create(f"{self.root}/{inside(name)}", body)
            except Exception as error:  # noqa: BLE001 - drivers raise what they like
                stands = self._settled(name, error, last=attempt == ATTEMPTS - 1)
                if stands is not None:
                    return stands
            else:
                return body
        message = f"{self.url}/{name} was neither created nor refused; run the same again"
        raise Unreadable(message)

    def _create(self, key: str, body: bytes) -> None:
        if self.scheme != "memory":
            self.filesystem.pipe_file(key, body, mode="create")
            return
        with _MEMORY:
            if self.filesystem.exists(key):
                raise FileExistsError(errno.EEXIST, "there is such an object", key)
            self.filesystem.pipe_file(key, body)

    def _settled(self, name: str, error: Exception, *, last: bool) -> bytes | None:
        """What stands there after an error; None where nothing does and it may be tried again."""
        try:
            return self.read(name)
        except FileNotFoundError:
            if last or not _passes(error):
                raise self._denied(name, error) from error
            return None
        except Unreadable:
            if meaning(error):
                raise self._denied(name, error) from error
            if last:
                message = (
                    f"{self.url}/{name}: it cannot be told whether this was written "
                    f"({told(error)}); run the same command again"
                )
                raise Unreadable(message) from error
            return None

    def _denied(self, name: str, error: Exception) -> Exception:
        reason = meaning(error) or told(error)
        if isinstance(error, FileNotFoundError) and not meaning(error):
            reason = MEANINGS["NoSuchBucket"]  # an object needs nothing else to be there before it
        return Unreadable(f"{self.url}: {inside(name)} cannot be written: {reason}")

    def abort_parts(self, *, older: timedelta, dry_run: bool = False) -> list[str]:
        """Abort uploads in parts of stores that were begun so long ago and never ended.

        Their parts are kept, and paid for, although nothing lists them.

        Returns:
            Names of the objects that they would have become.

        Raises:
            Unreadable: the place does not tell, or does not obey.
        """
        if self.scheme != "s3":
            return []  # of other places nobody has to be asked: what is not ended is dropped
        bucket, _, key = f"{self.root}/blobs/".partition("/")
        found = []
        try:
            for one in self.filesystem.list_multipart_uploads(bucket):
                begun_long_ago = datetime.now(UTC) - one["Initiated"] >= older
                if one["Key"].startswith(key) and begun_long_ago:
                    if not dry_run:
                        self.filesystem.abort_mpu(bucket, one["Key"], one["UploadId"])
                    found.append(one["Key"].removeprefix(key.removesuffix("blobs/")))
        except Exception as error:  # drivers raise what they like
            reason = meaning(error) or told(error)
            message = f"{self.url}: unfinished uploads cannot be aborted: {reason}"
            raise Unreadable(message) from error
        return found

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects."""
        for name in names:
            try:
                self.filesystem.rm_file(f"{self.root}/{inside(name)}")
            except FileNotFoundError:
                continue
            except Exception as error:  # drivers raise what they like
                reason = meaning(error) or told(error)
                message = f"{self.url}: {name} cannot be removed: {reason}"
                raise Unreadable(message) from error


def _passes(error: BaseException) -> bool:
    """Whether the same request may well succeed in a moment."""
    if isinstance(error, FileNotFoundError | PermissionError | FileExistsError) or meaning(error):
        return False
    return isinstance(error, Exception) and status(error) in PASSING


def _trying() -> Retrying:
    return Retrying(
        retry=retry_if_exception(_passes),
        stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(PATIENCE),
        wait=WAIT,
        reraise=True,
    )
