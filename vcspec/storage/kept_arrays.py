"""Arrays kept in the cache under a digest of what they were made from."""

import hashlib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from vcspec.storage.caching import cache_folder


def _place(what: str, made_from: str) -> Path:
    return cache_folder() / what / f"{hashlib.sha256(made_from.encode()).hexdigest()}.npz"


def look_up(what: str, made_from: str) -> dict[str, Any] | None:
    """The arrays that were kept; None where there are none, or none that can be read."""
    try:
        with _place(what, made_from).open("rb") as file, np.load(file, allow_pickle=False) as held:
            return dict(held)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def kept(what: str, made_from: str, arrays: Mapping[str, Any]) -> None:
    """Keep arrays, in place only when they are whole."""
    place = _place(what, made_from)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.npz")
    try:
        np.savez(draft, **arrays)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
