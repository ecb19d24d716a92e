"""Datasets without counts: against independent readings, and against workspaces of R."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from test_recipes import built, copied, independent  # noqa: F401 - the fixture

from vcspec import cards
from vcspec.model.curated import Curated
from vcspec.model.errors import Unreadable
from vcspec.storage import r_data
from vcspec.storage.r_data import ranked_lists, read_r_data

rdata = pytest.importorskip("rdata")


def test_the_plate_of_l1000_has_the_values_that_others_read(
    built: Callable[[str], Curated],  # noqa: F811 - the fixture
) -> None:
    mine = built("l1000-a375-doses")
    theirs = independent("l1000_cmap/l1000_LJP005_A375_plate.h5ad")
    assert list(mine.cells) == list(theirs.obs_names)
    assert list(mine.features) == list(theirs.var_names)
    np.testing.assert_array_equal(mine.rows.dense(), theirs.X)
    assert list(mine.obs["perturbation"]) == list(theirs.obs["perturbation"])
    np.testing.assert_allclose(mine.obs["dose"].astype(float), theirs.obs["dose_um"], atol=1e-6)
    is_control = mine.obs["perturbation"] == "DMSO"
    assert is_control.sum() == 26
    assert set(mine.obs["dose_unit"][is_control]) == {"-"}
    assert set(mine.obs["dose_unit"][~is_control]) == {"uM"}


def by_context(curated: Curated) -> dict[tuple[str, str], Any]:
    rows = curated.rows.dense()
    labels = zip(curated.obs["context"], curated.obs["perturbation"], strict=True)
    return {(str(c), str(p)): row for (c, p), row in zip(labels, rows, strict=True)}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("B cells", "NK cells", 0.15),
        ("B cells", "T cells", 0.27),
        ("T cells", "Myeloid cells", 0.22),
    ],
)
def test_op3_has_the_agreement_between_cell_types_that_others_measured(
    one: str, other: str, expected: float
) -> None:
    """As the notes beside the copy state it: mean Spearman of the same drug."""
    found = by_context(copied("op3-pbmc"))
    drugs = sorted({drug for _, drug in found} - {"control"})
    assert len(drugs) == 135
    means = np.mean([spearmanr(found[one, d], found[other, d]).statistic for d in drugs])
    assert means == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize(
    ("name", "contexts", "expected"),
    [
        ("tahoe-ten-lines", ("A498", "LOVO"), 28.0),
        ("sciplex3-drugs", ("A549", "MCF7"), 28.3),
        ("replogle-top-lists", ("K562", "RPE1"), 22.8),
    ],
)
def test_first_hundred_genes_overlap_as_others_measured(
    name: str, contexts: tuple[str, str], expected: float
) -> None:
    found = by_context(copied(name))
    drugs = sorted({drug for _, drug in found} - {"control"})
    tops = {key: set(np.argsort(-row, kind="stable")[:100].tolist()) for key, row in found.items()}
    shared = [len(tops[contexts[0], d] & tops[contexts[1], d]) for d in drugs]
    assert np.mean(shared) == pytest.approx(expected, abs=0.1)


def test_signatures_of_l1000_are_as_they_were_read_by_others() -> None:
    mine = copied("l1000-three-drugs")
    theirs = independent("l1000_cmap/l1000_3drugs_65lines_modz.h5ad")
    np.testing.assert_array_equal(mine.rows.dense()[:272], theirs.X)
    assert not mine.rows.dense()[272:].any()
    assert set(mine.obs["perturbation"][272:]) == {"control"}
    assert len(set(mine.obs["context"])) == 65


LISTS = {
    "drug A": {"up": np.array(["g1"]), "up_full": np.array(["g1", "g2", "g3", "g4"])},
    "(+)-drug": {"up": np.array(["g4"]), "up_full": np.array(["g4", "g3", "g2", "g1"])},
}


def test_a_workspace_of_rankings_is_read_and_becomes_a_dataset(tmp_path: Path) -> None:
    """Simulated lists in the structure that the collection's own scripts write."""
    card = cards.dataset_card("op3-pbmc")
    sources = {}
    for number, entry in enumerate(card.document["sources"]):
        sources[entry["name"]] = tmp_path / entry["name"]
        rdata.write_rda(sources[entry["name"]], {f"neurips2023.{number}": LISTS})
    found = cards.recipe(card)(sources, card.document)
    assert list(found.features) == ["g1", "g2", "g3", "g4"]
    rows = by_context(found)
    np.testing.assert_allclose(rows["B cells", "drug A"], [1, 1 / 3, -1 / 3, -1], rtol=1e-6)
    np.testing.assert_allclose(rows["T cells", "(plus)-drug"], [-1, -1 / 3, 1 / 3, 1], rtol=1e-6)
    assert sum(1 for label in found.obs["perturbation"] if label == "control") == 16


def test_ends_and_tops_of_workspaces_are_cut_and_shared(tmp_path: Path) -> None:
    names = np.array([f"g{number}" for number in range(2000)])
    lists = {"A": {"up_full": names}, "short": {"up_full": names[:500]}}
    for name, features, least in (
        ("tahoe-ten-lines", 800, -1.0),
        ("replogle-top-lists", 1000, 0.001),
    ):
        card = cards.dataset_card(name)
        sources = {}
        for entry in card.document["sources"]:
            sources[entry["name"]] = tmp_path / entry["name"]
            rdata.write_rda(sources[entry["name"]], {"object": lists})
        found = cards.recipe(card)(sources, card.document)
        assert len(found.features) == features
        assert set(found.obs["perturbation"]) == {"A", "control"}
        first = card.document["parameters"]["contexts"][0]
        row = by_context(found)[first, "A"]
        assert (row.max(), row.min()) == (1, pytest.approx(least))


def test_other_files_are_no_rankings(tmp_path: Path) -> None:
    rdata.write_rda(tmp_path / "two.rda", {"a": LISTS, "b": LISTS})
    with pytest.raises(Unreadable, match="holds 2 objects"):
        ranked_lists(tmp_path / "two.rda")
    rdata.write_rda(tmp_path / "other.rda", {"a": {"drug": {"up": np.array(["g"])}}})
    with pytest.raises(Unreadable, match="no ranking `up_full` of 'drug'"):
        ranked_lists(tmp_path / "other.rda")
    (tmp_path / "text.rda").write_text("not R")
    with pytest.raises(Unreadable, match="cannot be read as an R workspace"):
        read_r_data(tmp_path / "text.rda")


def test_an_object_of_cmapr_becomes_a_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the slots that cmapR documents: mat (genes × signatures), cid, rdesc, cdesc."""
    card = cards.dataset_card("l1000-three-drugs")
    recipe: Any = cards.recipe(card)
    gct = SimpleNamespace(
        mat=np.array([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]]),
        cid=["s1", "s2"],
        rdesc={"pr_gene_symbol": ["g1", "g2", "g3"]},
        cdesc={"cell_id": ["A375", "MCF7"], "pert_iname": ["vemurafenib", "venlafaxine"]},
    )
    monkeypatch.setitem(recipe.__globals__, "read_r_data", lambda _: {"ds": gct})
    found = recipe({"ds.RData": Path("ds.RData")}, card.document)
    assert found.rows.dense()[:2].tolist() == [[1, 0.5, 3], [-2, 0, 1]]
    assert list(found.obs["context"][:2]) == ["A375", "MCF7"]


COUNTS = np.array([[3, 0], [1, 2], [0, 4]])  # features × cells


def slots(**named: Any) -> SimpleNamespace:
    """An object of R, as it is read where its class has no counterpart."""
    return SimpleNamespace(**named)


def column_matrix(dense: np.ndarray) -> SimpleNamespace:
    """A matrix of the class dgCMatrix, with a zero that it need not hold."""
    columns = [np.union1d(np.flatnonzero(column), [1]) for column in dense.T]
    return slots(
        i=np.concatenate(columns),
        p=np.cumsum([0, *map(len, columns)]),
        x=np.concatenate([c[at] for c, at in zip(dense.T, columns, strict=True)]).astype(float),
        Dim=np.array(dense.shape),
    )


def experiment(assay: Any, **rows: Any) -> SimpleNamespace:
    """With the slots that SummarizedExperiment and SingleCellExperiment document."""
    return slots(
        assays=slots(data=slots(listData={"counts": assay})),
        colData=slots(
            rownames=np.array(["c1", "c2"]), listData={"condition": np.array(["a", "b"])}
        ),
        **rows,
    )


NAMES = np.array(["g1", "g2", "g3"])
TABLE = slots(listData={"symbol": np.array(["A", "B", "C"])})


@pytest.mark.parametrize(
    "found",
    [
        experiment(
            column_matrix(COUNTS),
            rowRanges=slots(ranges=slots(NAMES=NAMES), elementMetadata=TABLE),
            NAMES=None,
            elementMetadata=slots(listData={}),
        ),
        experiment(
            COUNTS.astype(float),
            rowRanges=slots(partitioning=slots(NAMES=NAMES), elementMetadata=TABLE),
            elementMetadata=slots(listData={}),
        ),
        experiment(COUNTS, NAMES=NAMES, elementMetadata=TABLE),
    ],
    ids=["ranges", "lists of ranges", "no ranges"],
)
def test_a_single_cell_experiment_is_read_in_each_of_its_layouts(
    found: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(r_data, "read_r_data", lambda _: {"sce": found})
    read = r_data.single_cell_experiment(Path("x.rda"), "sce")
    assert read.assays["counts"].toarray().tolist() == COUNTS.T.tolist()
    assert read.assays["counts"].nnz == 4
    assert (list(read.cells), list(read.features)) == (["c1", "c2"], list(NAMES))
    assert list(read.cell_table["condition"]) == ["a", "b"]
    assert list(read.feature_table["symbol"]) == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"other": 1}, "no object 'sce'; it has other"),
        ({"sce": slots(colData=slots(rownames=NAMES))}, "no SingleCellExperiment"),
        ({"sce": experiment(slots(j=1), NAMES=NAMES)}, "neither a plain matrix nor"),
        ({"sce": experiment(COUNTS.T, NAMES=NAMES)}, r"is \(2, 3\); expected \(3, 2\)"),
    ],
)
def test_what_is_no_single_cell_experiment_says_so(
    found: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(r_data, "read_r_data", lambda _: found)
    with pytest.raises(Unreadable, match=says):
        r_data.single_cell_experiment(Path("x.rda"), "sce")


def test_an_experiment_of_lemur_becomes_a_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated counts under totals of 500 and 1,000, transformed as the source is."""
    card = cards.dataset_card("glioblastoma-panobinostat")
    recipe: Any = cards.recipe(card)
    factors = np.array([500, 1000]) / card.document["parameters"]["mean_total"]
    found = experiment(
        column_matrix(COUNTS), NAMES=np.array(["E1.2", "E2", "E3.1"]), elementMetadata=TABLE
    )
    found.elementMetadata.listData["chromosome"] = np.array(["1", "2", "X"])
    found.assays.data.listData["logcounts"] = np.log1p(0.2 * COUNTS / factors) / 0.05**0.5
    found.colData.listData = {
        "patient_id": np.array(["P1", "P2"]),
        "sample_id": np.array(["P1-1", "P2-1"]),
        "condition": np.array(["ctrl", "panobinostat"]),
    }
    monkeypatch.setattr(r_data, "read_r_data", lambda _: {"glioblastoma_example_data": found})
    made = recipe({"glioblastoma_example_data.rda": Path("x.rda")}, card.document)
    assert made.rows.dense().tolist() == COUNTS.T.tolist()
    assert list(made.obs["library_size"]) == [500, 1000]
    assert list(made.obs["perturbation"]) == ["control", "panobinostat"]
    assert list(made.cells) == ["c1_P1-1", "c2_P2-1"]
    assert list(made.features) == ["E1", "E2", "E3"]


def test_without_the_reader_of_r_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "rdata", None)
    with pytest.raises(Unreadable, match=r"pip install 'vcspec\[r-data\]'"):
        read_r_data(tmp_path / "x.rda")
