"""The per-condition table of a scorecard, as a Zarr store that xarray opens."""

import shutil
import uuid
import warnings
from pathlib import Path
from typing import Any

from vcspec.model.errors import UsageError


def write_score_table(target: Path, table: Any, *, overwrite: bool = False) -> None:
    """Write an xarray Dataset at `target`; it appears when it is whole.

    Raises:
        UsageError: something is there already.
    """
    if target.exists() and not overwrite:
        message = f"{target} exists; choose another name, or say --overwrite"
        raise UsageError(message)
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with warnings.catch_warnings():
            # zarr warns that fixed-width text and consolidated metadata are not in its v3 text yet.
            warnings.simplefilter("ignore")
            table.to_zarr(draft, zarr_format=3)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
