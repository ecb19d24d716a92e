"""A path or URL as a Store."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from vcspec.model.errors import Unreadable
from vcspec.model.store import Store, Stored
from vcspec.storage.objects import local_path

Opened = TypeVar("Opened", bound=Stored)


def open_store(target: str, *, brief: bool = False) -> Store:
    """The Zarr store, or the scorecard, at `target`.

    Args:
        target: path or URL.
        brief: whether nothing but metadata will be asked for, so that no remote or very large store
            is listed that has a copy of them at its root.

    Raises:
        Unreadable: nothing is there, or it is neither.
        Refused: a URL of a scheme that is not allowed.
    """
    from vcspec.storage.zarr_store import ZarrStore

    return _document(target) or _opened(target, partial(ZarrStore, brief=brief))


def open_stored(target: str) -> Stored:
    """The same, of which names, metadata and bytes alone will be asked.

    Raises:
        Unreadable: nothing is there, or it is neither.
        Refused: a URL of a scheme that is not allowed.
    """
    from vcspec.storage.object_store import ObjectStore

    return _document(target) or _opened(target, ObjectStore)


def _document(target: str) -> Store | None:
    path = local_path(target)
    if path is None or path.suffix != ".json" or not path.is_file():
        return None
    from vcspec.storage.json_store import JsonStore

    return _opened(target, lambda _: JsonStore(path))


def _opened(target: str, kind: Callable[[str], Opened]) -> Opened:
    try:
        return kind(target)
    except OSError as error:
        message = f"{target}: {error.strerror or error}; check the path and its permissions"
        raise Unreadable(message) from error
