"""Experiments of R whose parts do not fit together; what `rdata` reads is put in their place."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vcspec.model.errors import Unreadable
from vcspec.storage import r_data
from vcspec.storage.r_data import Experiment, single_cell_experiment

COUNTS = np.array([[0, 2, 0], [1, 0, 3]])  # features × cells


def columns(**changes: Any) -> SimpleNamespace:
    """The same as a dgCMatrix."""
    slots = {"i": [1, 0, 1], "p": [0, 1, 2, 3], "x": [1.0, 2.0, 3.0], "Dim": [2, 3], **changes}
    return SimpleNamespace(**{name: np.array(value) for name, value in slots.items()})


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads an experiment that has this matrix."""

    def call(counts: Any) -> Experiment:
        experiment = SimpleNamespace(
            assays=SimpleNamespace(data=SimpleNamespace(listData={"counts": counts})),
            colData=SimpleNamespace(rownames=["c1", "c2", "c3"], listData={}),
            NAMES=["g1", "g2"],
        )
        monkeypatch.setattr(r_data, "read_r_data", lambda _: {"sce": experiment})
        return single_cell_experiment(Path("x.rda"), "sce")

    return call


@pytest.mark.parametrize("counts", [COUNTS, columns()], ids=["dense", "columns"])
def test_a_matrix_of_features_by_cells_is_turned(read: Any, counts: Any) -> None:
    assert (read(counts).assays["counts"].toarray() == COUNTS.T).all()


@pytest.mark.parametrize(
    "counts",
    [
        columns(i=[1, 0, 2]),
        columns(i=[1, 0, -1]),
        columns(i=[1, 0]),
        columns(p=[0, 1, 2]),
        columns(p=[0, 2, 1, 3]),
        columns(x=[1.0, 2.0]),
        columns(Dim=[2]),
        columns(Dim=[2, -3]),
        np.array([["a", "b", "c"], ["d", "e", "f"]]),
    ],
)
def test_a_matrix_that_contradicts_itself_cannot_be_read(read: Any, counts: Any) -> None:
    with pytest.raises(Unreadable, match=r"x\.rda: counts contradicts itself .*matrix of numbers"):
        read(counts)


@pytest.mark.parametrize("counts", [COUNTS.T, columns(Dim=[3, 3]), 5])
def test_a_matrix_of_another_shape_cannot_be_read(read: Any, counts: Any) -> None:
    with pytest.raises(Unreadable, match=r"expected|neither a plain matrix"):
        read(counts)
