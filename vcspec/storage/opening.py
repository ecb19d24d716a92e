"""A path or URL as a Store."""

from vcspec.model.errors import Unreadable
from vcspec.model.store import Store
from vcspec.storage.json_store import JsonStore
from vcspec.storage.objects import local_path
from vcspec.storage.zarr_store import ZarrStore


def open_store(target: str) -> Store:
    """The Zarr store, or the scorecard, at `target`.

    Raises:
        Unreadable: nothing is there, or it is neither.
        Refused: a URL of a scheme that is not allowed.
    """
    path = local_path(target)
    try:
        if path is not None and path.suffix == ".json" and path.is_file():
            return JsonStore(path)
        return ZarrStore(target)
    except OSError as error:
        message = f"{target}: {error.strerror or error}; check the path and its permissions"
        raise Unreadable(message) from error
