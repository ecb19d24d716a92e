"""Connections that fsspec's drivers keep open until the process ends, which pytest would mind."""

import sys
from typing import Any

import fsspec
from zarr.core.sync import _get_loop

KEPT = {
    "s3fs": ("S3FileSystem", "_s3"),
    "adlfs": ("AzureBlobFileSystem", "service_client"),
    "fsspec.implementations.http": ("HTTPFileSystem", "_session"),
}


def close_sessions(driver: type[Any], attribute: str, naming: str = "") -> None:
    """Close what every file system of that driver holds under `attribute`, on the loop it is of.

    With `naming`, only of those of which an argument names this. What is closed is not given out
    again.
    """
    for token, filesystem in list(driver._cache.items()):
        if naming not in str(filesystem.storage_options):
            continue
        session = getattr(filesystem, attribute, None)
        loop = _get_loop() if filesystem.asynchronous else fsspec.asyn.get_loop()
        if session is not None:
            fsspec.asyn.sync(loop, session.close)
        driver._cache.pop(token, None)


def hang_up(url: str) -> None:
    """Close what the drivers in use hold open to the server at that address."""
    for module, (driver, attribute) in KEPT.items():
        if module in sys.modules and hasattr(sys.modules[module], driver):
            naming = "" if driver == "HTTPFileSystem" else url  # whose arguments name no server
            close_sessions(getattr(sys.modules[module], driver), attribute, naming)
