"""A local folder that artefacts are published below; objects come into it whole."""

import errno
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

from vcspec.model.errors import Refused
from vcspec.storage.objects import LocalObjects, Objects, inside

DRAFTS = "drafts"
# A folder is removed when it is empty, maybe by another and just before something comes into it.
RACED = Retrying(
    retry=retry_if_exception_type(FileNotFoundError),
    stop=stop_after_delay(10),
    wait=wait_random(0, 0.01),
    reraise=True,
)


class LocalPlace:
    """A folder; objects come into it whole."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def url(self) -> str:
        """The folder."""
        return str(self.root)

    def _path(self, name: str) -> Path:
        return self.root / inside(name)

    def read(self, name: str) -> bytes:
        """Bytes of the file."""
        return LocalObjects(self.root).read(inside(name))

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Files below the folder; those that are being written do not count."""
        folder = self._path(prefix)
        found: dict[str, int] = {}
        for top, _, names in os.walk(folder, onerror=_unless_gone):
            for name in names:
                path = Path(top, name)
                try:
                    size = path.lstat().st_size
                except FileNotFoundError:
                    continue  # somebody has just put it in its place
                found[path.relative_to(folder).as_posix()] = size
        return dict(sorted(found.items()))

    def objects(self, prefix: str) -> Objects:
        """The files below the folder."""
        return LocalObjects(self._path(prefix))

    def put(self, name: str, body: Path | bytes) -> None:
        """Write the file as a draft, and put it in its place."""
        path = self._path(name)
        draft = self._draft(body)
        try:
            for attempt in RACED:
                with attempt:
                    _folder(path.parent)
                    draft.replace(path)
        finally:
            _done_with(draft)

    def stand(self, name: str, body: bytes) -> bytes:
        """Link the whole file to its name, which fails where there is one.

        Raises:
            Refused: the file system has no hard links.
        """
        path = self._path(name)
        draft = self._draft(body)
        try:
            for attempt in RACED:
                with attempt:
                    _folder(path.parent)
                    os.link(draft, path)
        except FileExistsError:
            return self.read(name)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                message = (
                    f"{path.parent} is on a file system without hard links, which alone create a "
                    "whole file or none; publish to another"
                )
                raise Refused(message) from error
            raise
        finally:
            _done_with(draft)
        _flush(path.parent)
        return body

    def abort_parts(self, *, older: timedelta, dry_run: bool = False) -> list[str]:
        """Remove drafts that were left so long ago."""
        found = []
        for path in sorted(self._path(DRAFTS).glob("*")):
            try:
                if time.time() - path.lstat().st_mtime >= older.total_seconds():
                    found.append(path.relative_to(self.root).as_posix())
                    if not dry_run:
                        path.unlink()
            except FileNotFoundError:
                continue
        return found

    def _draft(self, body: Path | bytes) -> Path:
        """A whole file on the disk, under a name of its own that no reader looks at."""
        draft = self._path(f"{DRAFTS}/{uuid.uuid4().hex}")
        try:
            with RACED(_opened, draft) as file:
                if isinstance(body, bytes):
                    file.write(body)
                else:
                    with body.open("rb") as original:
                        shutil.copyfileobj(original, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            _done_with(draft)
            raise
        return draft

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and folders that are empty then."""
        for name in names:
            path = self._path(name)
            path.unlink(missing_ok=True)
            for folder in path.relative_to(self.root).parents[:-1]:
                try:
                    (self.root / folder).rmdir()
                except OSError:
                    break


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _opened(draft: Path) -> BinaryIO:
    """The new file, with the folder that it lies in."""
    _folder(draft.parent)
    return draft.open("xb")


def _done_with(draft: Path) -> None:
    draft.unlink(missing_ok=True)
    with suppress(OSError):  # there are others
        draft.parent.rmdir()


def _folder(path: Path) -> None:
    """Make the folder where it is not there.

    Raises:
        FileNotFoundError: it was there, and is no longer.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        # One look alone: between two, the folder may come and go.
        if not stat.S_ISDIR(path.stat().st_mode):
            raise
        raise FileNotFoundError(errno.ENOENT, "the folder was gone", str(path)) from error


def _flush(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
