"""Connections that fsspec's drivers keep open until the process ends, which pytest would mind."""

from typing import Any

import fsspec
from zarr.core.sync import _get_loop


def close_sessions(driver: type[Any], attribute: str) -> None:
    """Close what every file system of that driver holds under `attribute`, on the loop it is of."""
    for filesystem in driver._cache.values():
        session = getattr(filesystem, attribute, None)
        loop = _get_loop() if filesystem.asynchronous else fsspec.asyn.get_loop()
        if session is not None:
            fsspec.asyn.sync(loop, session.close)
