"""Single files, in place only when they are whole."""

import os
import uuid
from pathlib import Path


def write_text(target: Path, text: str) -> None:
    """A text file, in place only when it is whole."""
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
