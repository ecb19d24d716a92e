"""Single files, in place only when they are whole."""

import uuid
from pathlib import Path


def write_text(target: Path, text: str) -> None:
    """A text file, in place only when it is whole."""
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        draft.write_bytes(text.encode("utf-8"))
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
