"""Single files, in place only when they are whole."""

import stat
import uuid
from pathlib import Path

from vcspec.model.errors import UsageError


def write_text(target: Path, text: str) -> None:
    """A text file, in place only when it is whole; a device or a pipe is written to as it stands.

    A link stays, and leads to the new text.

    Raises:
        UsageError: the path is a folder's, or lies in no folder.
    """
    require_file(target)
    if _is_special(target):
        target.write_bytes(text.encode("utf-8"))
        return
    place = target.resolve() if target.is_symlink() else target
    draft = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        draft.write_bytes(text.encode("utf-8"))
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def require_file(target: Path) -> None:
    """Pass a path at which a file can be written.

    Raises:
        UsageError: it is a folder's, or lies in no folder.
    """
    if target.is_dir():
        message = f"{str(target)!r} is a folder; name the file that is to be written"
        raise UsageError(message)
    if not target.parent.is_dir():
        message = f"{target.parent}: no such folder; create it first"
        raise UsageError(message)


def _is_special(target: Path) -> bool:
    """Whether something stands there that is no file: nothing may take its place."""
    try:
        return not stat.S_ISREG(target.stat().st_mode)
    except OSError:
        return False
