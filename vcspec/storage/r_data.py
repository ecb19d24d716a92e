"""Files of R: workspaces (.rda, .RData) as plain Python, for recipes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vcspec.model.errors import Unreadable


def read_r_data(path: Path) -> Mapping[str, Any]:
    """The objects of an R workspace, by name.

    Lists with names become dictionaries, vectors become numpy arrays; reading runs nothing.

    Raises:
        Unreadable: the package `rdata` is not installed, or the file is no workspace.
    """
    try:
        import rdata
    except ImportError:
        message = f"{path} is a file of R; install what reads it: pip install 'vcspec[r-data]'"
        raise Unreadable(message) from None
    try:
        found: Mapping[str, Any] = rdata.read_rda(path)
    except Exception as error:
        message = f"{path} cannot be read as an R workspace ({type(error).__name__}: {error})"
        raise Unreadable(message) from error
    return found


def ranked_lists(path: Path) -> dict[str, list[str]]:
    """Name → whole ranking, of a workspace whose one object is a list of lists with `up_full`.

    Raises:
        Unreadable: the file holds something else.
    """
    objects = list(read_r_data(path).values())
    if len(objects) != 1 or not isinstance(objects[0], Mapping):
        message = f"{path} holds {len(objects)} objects; expected one list with names"
        raise Unreadable(message)
    found: dict[str, list[str]] = {}
    for name, entry in objects[0].items():
        if not isinstance(entry, Mapping) or "up_full" not in entry:
            message = f"{path} has no ranking `up_full` of {str(name)!r}"
            raise Unreadable(message)
        whole = entry["up_full"]
        found[str(name)] = [str(whole)] if isinstance(whole, str) else [str(one) for one in whole]
    return found
