"""Whole artefacts, written in one go: each becomes visible under its name when it is sealed."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.model.matrix import AnyArray, Rows
from vcspec.storage.writing import new_store, write_array, write_rows, write_table


def write_cells(  # noqa: PLR0913 - one for each part of the store
    target: Path,
    document: Mapping[str, Any],
    blocks: Iterable[Rows],
    *,
    obs: Mapping[str, AnyArray],
    var: Mapping[str, AnyArray],
    data_type: Any = np.float32,
    overwrite: bool = False,
) -> None:
    """A dataset or predictions: a sparse X that is streamed from `blocks`.

    Args:
        target: final path.
        document: the root document.
        blocks: consecutive rows, conditions contiguous.
        obs: column → (cells,) values; `_index` names the rows.
        var: column → (features,) values; `_index` names the features.
        data_type: of X.
        overwrite: replace a store that is already there.
    """
    with new_store(target, document, overwrite=overwrite) as root:
        write_rows(root, "X", blocks, len(var["_index"]), data_type=data_type)
        tables(root, obs, var)


def write_arrays(  # noqa: PLR0913 - one for each part of the store
    target: Path,
    document: Mapping[str, Any],
    arrays: Mapping[str, AnyArray],
    *,
    obs: Mapping[str, AnyArray],
    var: Mapping[str, AnyArray],
    cells: Mapping[str, Rows] | None = None,
    overwrite: bool = False,
    check: Callable[[Path], object] | None = None,
) -> None:
    """A split, a reference or profiles: tables, dense arrays by path, and small sparse matrices.

    `check` looks at the whole draft before it takes its name; what it raises makes it vanish.
    """
    with new_store(target, document, overwrite=overwrite, check=check) as root:
        for path, values in arrays.items():
            write_array(root, path, values)
        for path, rows in (cells or {}).items():
            folder, _, name = path.rpartition("/")
            parent = root.require_group(folder) if folder else root
            write_rows(parent, name, [rows], rows.width, data_type=np.float32)
        tables(root, obs, var)


def tables(root: Any, obs: Mapping[str, AnyArray], var: Mapping[str, AnyArray]) -> None:
    """Write obs and var; `_index` names their rows."""
    for name, columns in (("obs", obs), ("var", var)):
        rest = {column: values for column, values in columns.items() if column != "_index"}
        write_table(root, name, columns["_index"], rest)
