"""Files of R: workspaces (.rda, .RData) as plain Python, for recipes."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.model.errors import Unreadable
from vcspec.model.matrix import AnyArray


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
        with warnings.catch_warnings():
            # Classes without a counterpart come as what they are made of, which is what is wanted.
            warnings.filterwarnings("ignore", "Missing constructor")
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


@dataclass(frozen=True, eq=False)
class Experiment:
    """A SingleCellExperiment, cells × features.

    Attributes:
        assays: name → (cells, features) values, as a sparse matrix in row order.
        cells: (cells,) names.
        features: (features,) names.
        cell_table: column → (cells,) values.
        feature_table: column → (features,) values.
    """

    assays: Mapping[str, Any]
    cells: AnyArray
    features: AnyArray
    cell_table: Mapping[str, AnyArray]
    feature_table: Mapping[str, AnyArray]


def single_cell_experiment(path: Path, name: str) -> Experiment:
    """The SingleCellExperiment `name` of an R workspace.

    Names and tables of features are taken from the row ranges, of either class that Bioconductor
    gives them, or from the experiment itself where it has none.

    Raises:
        Unreadable: there is no such object, or it has not the slots of the class.
    """
    objects = read_r_data(path)
    if name not in objects:
        message = f"{path} has no object {name!r}; it has {', '.join(sorted(objects)) or 'none'}"
        raise Unreadable(message)
    found = objects[name]
    stored = _slot(found, "assays", "data", "listData")
    cells = _slot(found, "colData", "rownames")
    places = (("rowRanges", "ranges"), ("rowRanges", "partitioning"), ())
    features = _first(_slot(found, *place, "NAMES") for place in places)
    if not isinstance(stored, Mapping) or cells is None or features is None:
        message = (
            f"{name!r} in {path} is no SingleCellExperiment with assays and with names of cells "
            "and features"
        )
        raise Unreadable(message)
    shape = (len(features), len(cells))
    return Experiment(
        {str(key): _transposed(value, shape, f"{path}: {key}") for key, value in stored.items()},
        np.asarray(cells, dtype=str),
        np.asarray(features, dtype=str),
        _columns(_slot(found, "colData", "listData")),
        _columns(
            _first(
                _slot(found, *place, "elementMetadata", "listData")
                for place in (("rowRanges",), ())
            )
        ),
    )


def _slot(found: Any, *names: str) -> Any:
    """What lies at the slots, one in the other; None where one is missing."""
    for name in names:
        found = getattr(found, name, None)
    return found


def _first(found: Iterator[Any]) -> Any:
    """The first of them that holds something."""
    return next((one for one in found if one is not None and len(one)), None)


def _columns(table: Any) -> dict[str, AnyArray]:
    return {str(name): np.asarray(values) for name, values in dict(table or {}).items()}


def _transposed(stored: Any, shape: tuple[int, int], where: str) -> Any:
    """(cells, features) in row order, of a matrix of features × cells, dense or of columns."""
    from scipy.sparse import csc_matrix, csr_matrix

    try:
        if isinstance(stored, np.ndarray) or hasattr(stored, "values"):
            matrix = csr_matrix(np.asarray(stored).T)
        elif all(hasattr(stored, slot) for slot in ("i", "p", "x", "Dim")):
            parts = (np.asarray(stored.x), np.asarray(stored.i), np.asarray(stored.p))
            rows, width = map(int, stored.Dim)
            columns = csc_matrix(parts, shape=(rows, width))
            columns.check_format(full_check=True)
            matrix = columns.T.tocsr()
        else:
            message = f"{where} is neither a plain matrix nor one of class dgCMatrix"
            raise Unreadable(message)
    except (ValueError, TypeError) as error:
        message = f"{where} contradicts itself ({error}); expected a matrix of numbers"
        raise Unreadable(message) from error
    if matrix.shape != shape[::-1]:
        message = f"{where} is {matrix.shape[::-1]}; expected {shape}, features and cells"
        raise Unreadable(message)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix
