"""Every leak, planted in a small screen and found; and the same screen without it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy.stats import spearmanr
from support import tiny

import vcspec
from vcspec.actions.audit import audit, read_training_manifest
from vcspec.actions.curate import write_dataset
from vcspec.actions.split import split
from vcspec.actions.training_manifest import training_manifest
from vcspec.cli import main
from vcspec.model.curated import Curated
from vcspec.model.errors import Mismatch, Unreadable, UsageError
from vcspec.model.finding import Report
from vcspec.render import render_report
from vcspec.standard import standard
from vcspec.storage.artefacts import write_arrays
from vcspec.storage.sealing import seal
from vcspec.storage.writing import copy_with_document, write_array

NAMES = [f"G{number:02d}" for number in range(80)]
SINGLES = [f"G{number:02d}" for number in range(12)]
CELLS = 12
Change = Callable[[np.ndarray, dict[str, np.ndarray]], None]


class Screen:
    """A dataset and its split in a folder; `change` may plant something in counts and labels."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fields = ["context", "perturbation"]
        self.document: dict[str, Any] = {"fitted": []}
        self.plan: dict[str, Any] = {"parameters": {"fraction": "0.4"}, "seed": 3}
        self.cells = dict.fromkeys(SINGLES, CELLS)
        self.var: dict[str, np.ndarray] = {}

    def write(self, change: Change | None = None) -> "Screen":
        draw = np.random.default_rng(7)
        rows, labels = [], []
        for context in ("x", "y"):
            base = draw.lognormal(0.8, 0.6, 80)
            for label in ("control", *SINGLES):
                fold = 1.0 if label == "control" else np.exp(draw.normal(0, 0.6, 80))
                number = 3 * CELLS if label == "control" else self.cells[label]
                counts = draw.poisson(base * fold, (number, 80))
                counts[:, 79] += 1
                rows.append(counts)
                labels += [(context, label)] * number
        counts = np.concatenate(rows).astype(np.int32)
        columns = dict(zip(self.fields[:2], np.array(labels, dtype=object).T, strict=True))
        if change:
            change(counts, columns)
        curated = Curated(
            tiny.rows_of_dense(counts),
            np.array([f"c{number}" for number in range(len(counts))], dtype=object),
            np.array(NAMES, dtype=object),
            columns,
            self.var,
        )
        document = tiny.dataset_document(condition=self.fields, **self.document)
        write_dataset(self.folder / "data.zarr", document, curated, overwrite=True)
        plan = tiny.plan(**self.plan)
        split(self.folder / "data.zarr", self.folder / "split.zarr", plan, overwrite=True)
        return self

    @property
    def place(self) -> Path:
        return self.folder / "split.zarr"

    @property
    def tested(self) -> list[str]:
        opened = vcspec.open_split(self.place)
        return sorted({condition.perturbation for condition in opened.conditions})

    def audit(self, **more: Any) -> Report:
        return audit(self.place, **more)


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    return Screen(tmp_path)


def rows_of(columns: dict[str, np.ndarray], context: str, label: str) -> np.ndarray:
    return np.flatnonzero((columns["context"] == context) & (columns["perturbation"] == label))


def test_a_clean_screen_has_no_leak(screen: Screen) -> None:
    report = screen.write().audit()
    assert (report.verdict, report.findings) == ("valid", ())
    assert {"VCS701", "VCS706", "VCS707", "VCS708", "VCS713", "VCS714"} <= set(report.checked)
    because = {one.code: one.because for one in report.skipped}
    assert because["VCS711"] == "no table at hand"
    assert because["VCS720"] == "no manifest at hand"
    assert because["VCS705"] == "nothing that could be computed again is declared as fitted"
    assert set(report.checked) | because.keys() == standard().leaks.keys()


def case_701(screen: Screen) -> Report:
    def respelled(_: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        columns["perturbation"][rows_of(columns, "x", "G03")[:6]] = "g03"

    screen.plan = {"parameters": {"hold_out": ["G03"]}}
    return screen.write(respelled).audit()


def case_702(screen: Screen) -> Report:
    def combined(_: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        columns["perturbation"][rows_of(columns, "x", "G05")[:6]] = "G05+g03"

    screen.plan = {"parameters": {"hold_out": ["G03"]}}
    return screen.write(combined).audit()


def relabelled(screen: Screen, labels: dict[str, str], *, held_out: str) -> Report:
    """Half of the cells of a perturbation in context x are called otherwise."""

    def change(_: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        for old, new in labels.items():
            columns["perturbation"][rows_of(columns, "x", old)[:6]] = new

    screen.plan = {"parameters": {"hold_out": [held_out]}}
    return screen.write(change).audit()


@pytest.mark.parametrize(
    "label", ["G05_G03", "g03,G05", "G05 & G03", "G05/G03", "G05-g03", "G05;G03"]
)
def test_combinations_are_known_by_any_sign(label: str, screen: Screen) -> None:
    report = relabelled(screen, {"G05": label}, held_out="G03")
    assert report.codes == ("VCS702",)
    assert report.findings[0].examples == (f"x|{label}",)


@pytest.mark.parametrize(
    ("labels", "held_out", "codes"),
    [
        ({"G05": "HLA-A", "G03": "A"}, "A", ()),  # there is no perturbation HLA
        ({"G05": "G03-2"}, "G03", ()),
        ({"G05": "HLA-A", "G07": "HLA-A_G03"}, "HLA-A", ("VCS702",)),
        ({"G05": "HLA", "G07": "HLA-A", "G03": "A"}, "HLA-A", ()),
        ({"G05": "HLA", "G07": "HLA-A", "G03": "A", "G01": "HLA-A_G05"}, "HLA-A", ("VCS702",)),
        ({"G05": "G05+G03", "G07": "G03_G05"}, "G03_G05", ("VCS701", "VCS702")),
        ({"G05": "ctrl_G03"}, "G03", ("VCS701",)),
    ],
)
def test_a_label_is_a_combination_where_all_its_parts_are_perturbations(
    labels: dict[str, str], held_out: str, codes: tuple[str, ...], screen: Screen
) -> None:
    assert relabelled(screen, labels, held_out=held_out).codes == codes


def case_703(screen: Screen) -> Report:
    def dosed(_: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        size = len(columns["context"])
        columns["dose"] = np.array(["10", "24"] * (size // 2), dtype=object)
        columns["time"] = np.array(["24", "10"] * (size // 2), dtype=object)

    screen.fields = ["context", "perturbation", "dose", "time"]
    screen.plan = {"strategy": "extrapolate-doses", "parameters": {}}
    return screen.write(dosed).audit()


def case_704(screen: Screen) -> Report:
    screen.document = {
        "fitted": [
            {"what": "normalisation", "method": "size factors", "on": "controls"},
            {"what": "features", "method": "log1p-variance", "number": 80, "on": "all"},
        ]
    }
    return screen.write().audit()


def chosen(
    screen: Screen, *, on: Any, honest: bool, beside: tuple[dict[str, Any], ...] = ()
) -> Report:
    """Twenty features by their variance over the cells of context x; or otherwise."""
    entry = {"what": "features", "method": "log1p-variance", "number": 20, "column": "chosen"}
    screen.document = {"fitted": [{**entry, "on": on}, *beside]}
    screen.plan = {"strategy": "holdout-contexts", "parameters": {"hold_out": ["y"]}}
    kept: list[np.ndarray] = []

    def noted(counts: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        own = counts[columns["context"] == "x"] if honest else counts
        kept.append(np.log1p(own * 1e3 / own.sum(axis=1, keepdims=True)).var(axis=0))

    screen.write(noted)
    mark = np.zeros(80, dtype=bool)
    mark[np.argsort(-kept[0], kind="stable")[:20]] = True
    screen.var = {"chosen": mark}
    return screen.write().audit()


def case_705(screen: Screen) -> Report:
    return chosen(screen, on={"context": ["x"]}, honest=False)


def test_features_that_come_out_again_are_as_declared(screen: Screen) -> None:
    report = chosen(screen, on={"context": ["x"]}, honest=True)
    assert "VCS705" in report.checked
    assert report.codes == ()


ELSEWHERE = {"what": "projection", "method": "PCA", "number": 50, "on": "other-data"}


@pytest.mark.parametrize("honest", [True, False])
def test_a_fit_that_cannot_be_repeated_hides_no_other(screen: Screen, *, honest: bool) -> None:
    report = chosen(screen, on={"context": ["x"]}, honest=honest, beside=(ELSEWHERE,))
    because = {one.code: one.because for one in report.skipped}
    assert report.codes == (() if honest else ("VCS705",))
    assert ("VCS705" in report.checked) is not honest
    if honest:
        assert because["VCS705"].startswith("1 of 2 declared fits cannot be computed again")


def noted(screen: Screen) -> tuple[np.ndarray, np.ndarray]:
    """Writes the screen with y held out; log1p values of its cells, and whether they are of x."""
    screen.plan = {"strategy": "holdout-contexts", "parameters": {"hold_out": ["y"]}}
    screen.write()
    data = anndata_of(screen)
    counts = np.asarray(data.X.todense(), dtype=float)
    scaled = np.log1p(counts * tiny.TARGET_SUM / counts.sum(axis=1, keepdims=True))
    return scaled, (data.obs["context"] == "x").to_numpy()


def varied(values: np.ndarray, number: int = 20) -> np.ndarray:
    return np.isin(np.arange(80), np.argsort(-values.var(axis=0), kind="stable")[:number])


def loadings(values: np.ndarray, *, scaled: bool = False, number: int = 4) -> np.ndarray:
    """Axes by a singular value decomposition of the cells themselves, of any sign and length."""
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0) if scaled else np.ones(80)
    axes = np.linalg.svd(centred / spread, full_matrices=False)[2][:number]
    return (axes * np.arange(1, number + 1)[:, None]).T


def carrying(
    screen: Screen, arrays: dict[str, np.ndarray], columns: dict[str, np.ndarray], **more: Any
) -> Report:
    """The split, written again with what somebody put beside its tables."""
    found = anndata.read_zarr(screen.place)
    tables = [
        {"_index": frame.index.to_numpy(), **{name: frame[name].to_numpy() for name in frame}}
        for frame in (found.obs, found.var)
    ]
    document = vcspec.open_split(screen.place).document
    obs, var = ({n: np.asarray(v) for n, v in table.items()} for table in tables)
    write_arrays(screen.place, document, arrays, obs=obs, var={**var, **columns}, overwrite=True)
    return screen.audit(**more)


def case_723(screen: Screen) -> Report:
    values, _ = noted(screen)
    return carrying(screen, {}, {"highly_variable": varied(values)})


def dispersed(values: np.ndarray, method: str, number: int = 20) -> np.ndarray:
    """The features of largest dispersion within bins of the mean, over the cells themselves."""
    values = np.expm1(values) if method == "seurat-dispersion" else values
    mean = values.mean(axis=0)
    found = values.var(axis=0, ddof=1) / mean
    if method == "seurat-dispersion":
        found, mean = np.log(found), np.log1p(mean)
        bins = pd.cut(pd.Series(mean), bins=20)
        scaled = found - pd.Series(found).groupby(bins, observed=True).transform("mean")
        scaled /= pd.Series(found).groupby(bins, observed=True).transform("std")
        scaled = scaled.fillna(1.0)  # alone in its bin
    else:
        edges = [-np.inf, *np.percentile(mean, np.arange(10, 105, 5)), np.inf]
        bins = pd.cut(pd.Series(mean), bins=edges)
        scaled = found - pd.Series(found).groupby(bins, observed=True).transform("median")
        scaled /= abs(scaled).groupby(bins, observed=True).transform("median")
    return np.isin(np.arange(80), np.argsort(-scaled.to_numpy(), kind="stable")[:number])


DISPERSIONS = ["seurat-dispersion", "cell-ranger-dispersion"]


@pytest.mark.parametrize("method", DISPERSIONS)
def test_features_of_largest_dispersion_over_all_cells_are_a_leak(
    screen: Screen, method: str
) -> None:
    values, seen = noted(screen)
    wrong = carrying(screen, {}, {"highly_variable": dispersed(values, method)})
    assert wrong.codes == ("VCS723",)
    assert f"({method})" in wrong.findings[0].found
    right = carrying(screen, {}, {"highly_variable": dispersed(values[seen], method)})
    assert right.codes == ()
    assert "VCS723" in right.checked


@pytest.mark.parametrize("method", DISPERSIONS)
@pytest.mark.parametrize("honest", [True, False])
def test_declared_dispersions_come_out_again_or_not(
    screen: Screen, method: str, *, honest: bool
) -> None:
    entry = {"what": "features", "method": method, "number": 20, "column": "chosen"}
    values, seen = noted(screen)
    screen.document = {"fitted": [{**entry, "on": {"context": ["x"]}}]}
    screen.var = {"chosen": dispersed(values[seen] if honest else values, method)}
    report = screen.write().audit()
    assert report.codes == (() if honest else ("VCS705",))
    assert "VCS705" in report.checked


def test_features_chosen_by_cells_that_models_may_see_are_no_leak(screen: Screen) -> None:
    values, seen = noted(screen)
    report = carrying(screen, {}, {"highly_variable": varied(values[seen])})
    assert "VCS723" in report.checked
    assert report.codes == ()


@pytest.mark.parametrize("scaled", [False, True])
def test_axes_of_all_cells_are_a_leak_and_those_of_training_cells_none(
    screen: Screen, *, scaled: bool
) -> None:
    values, seen = noted(screen)
    wrong = carrying(screen, {"varm/PCs": loadings(values, scaled=scaled)}, {})
    assert wrong.codes == ("VCS723",)
    assert wrong.findings[0].path == "/varm/PCs"
    right = carrying(screen, {"varm/PCs": loadings(values[seen], scaled=scaled)}, {})
    assert "VCS723" in right.checked
    assert right.codes == ()


def test_marks_in_the_dataset_are_looked_at_as_well(screen: Screen) -> None:
    values, seen = noted(screen)
    for mark, codes in ((varied(values), ("VCS723",)), (varied(values[seen]), ())):
        screen.var = {"highly_variable": mark}
        assert screen.write().audit().codes == codes


def standardised(screen: Screen, over: str, *, ddof: int = 0, **stated: Any) -> Report:
    """Values standardised over all cells, over those of context x, or over the controls."""
    values, seen = noted(screen)
    data = anndata_of(screen)
    is_control = (data.obs["perturbation"] == "control").to_numpy()
    on = {"all": np.ones(len(values), dtype=bool), "x": seen, "controls": is_control}[over]
    fitted = values[on]
    scaled = (values - fitted.mean(axis=0)) / fitted.std(axis=0, ddof=ddof)
    put_values(
        screen, screen.folder / "data.zarr", scaled.astype(np.float32), NAMES,
        values={"space": "zscore"}, **stated,
    )  # fmt: skip
    plan = tiny.plan(**screen.plan)
    split(screen.folder / "data.zarr", screen.place, plan, overwrite=True)
    return screen.audit()


@pytest.mark.parametrize("ddof", [0, 1])
def test_values_standardised_over_all_cells_are_a_leak(screen: Screen, ddof: int) -> None:
    report = standardised(screen, "all", ddof=ddof)
    assert report.codes == ("VCS723",)
    assert report.findings[0].path == "/X"


@pytest.mark.parametrize("over", ["x", "controls"])
def test_values_standardised_over_cells_that_models_may_see_are_none(
    screen: Screen, over: str
) -> None:
    report = standardised(screen, over)
    assert report.codes == ()
    assert "VCS723" in report.checked


def test_a_declared_normalisation_is_held_against_the_roles(screen: Screen) -> None:
    entry = {"what": "normalisation", "method": "z-scores", "on": "all"}
    report = standardised(screen, "all", fitted=[entry])
    assert report.codes == ("VCS704",)
    assert "VCS723" not in report.checked


@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")
@pytest.mark.parametrize("honest", [True, False])
def test_declared_axes_come_out_again_or_not(screen: Screen, *, honest: bool) -> None:
    entry = {"what": "projection", "method": "log1p-pca", "number": 4, "column": "PCs"}
    screen.document = {"fitted": [{**entry, "on": {"context": ["x"]}}]}
    values, seen = noted(screen)
    found = loadings(values[seen] if honest else values)
    put_beside(screen.folder / "data.zarr", "varm/PCs", found)
    report = screen.audit()
    assert report.codes == (() if honest else ("VCS705",))
    assert "VCS705" in report.checked


def put_beside(store: Path, path: str, values: np.ndarray) -> None:
    """An array in a store that is there, which is sealed again."""
    write_array(zarr.open_group(store, mode="r+", use_consolidated=False), path, values)
    shutil.rmtree(store / "manifest")
    (store / "manifest.json").unlink()
    zarr.consolidate_metadata(store, zarr_format=3)
    seal(store)


def case_706(screen: Screen) -> Report:
    def told(counts: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        counts[:, 40] = 0
        counts[rows_of(columns, "x", "G03"), 40] = 2

    screen.plan = {"parameters": {"hold_out": ["G03"]}}
    return screen.write(told).audit()


def case_707(screen: Screen) -> Report:
    def copied(counts: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        counts[rows_of(columns, "x", "G03")[0]] = counts[rows_of(columns, "y", "G05")[2]]

    screen.plan = {"parameters": {"hold_out": ["G03"]}}
    return screen.write(copied).audit()


def case_708(screen: Screen) -> Report:
    def nearly(counts: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        for at in range(CELLS):
            cell = counts[rows_of(columns, "y", "G05")[at]].copy()
            cell[at] += 1
            counts[rows_of(columns, "x", "G03")[at]] = cell

    screen.plan = {"parameters": {"hold_out": ["G03"]}}
    return screen.write(nearly).audit()


def test_a_number_is_the_least_where_not_all_pairs_are_compared(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vcspec.rules.leaking_cells.LOOKED_AT", 3)
    (finding,) = case_708(screen).findings
    assert (finding.code, finding.count) == ("VCS708", 3)
    assert finding.found == "at least 3 tested cells are near copies of a seen cell"
    report = screen.write().audit(pretraining=[corpus(screen, changed=1)])
    assert report.codes == ("VCS724",)
    assert report.findings[0].found.startswith("at least 3 of ")


def test_near_copies_are_not_looked_for_where_pairs_are_left_and_none_is_near(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vcspec.rules.leaking_cells.LOOKED_AT", 0)
    report = case_708(screen)
    assert report.codes == ()
    report_of_corpus = screen.write().audit(pretraining=[corpus(screen, changed=1)])
    for code, found in (("VCS708", report), ("VCS724", report_of_corpus)):
        because = {one.code: one.because for one in found.skipped}[code]
        assert because.endswith("pairs that were compared is near, and there are more of them")


def sparse(screen: Screen, *, kept: int, detected: int) -> Report:
    """The screen with two cells of a tested condition alike, and few detected features.

    Args:
        kept: number of cells of each condition that keep what was counted.
        detected: number of features of the other cells.
    """

    def thinned(counts: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        for context in ("x", "y"):
            for label in ("control", *SINGLES):
                counts[rows_of(columns, context, label)[kept:], detected:] = 0
        counts[:, 0] += 1

    return screen.write(thinned).audit()


def test_the_report_says_among_how_many_cells_copies_were_looked_for(screen: Screen) -> None:
    report = sparse(screen, kept=6, detected=15)
    role = dict(zip(*role_of(screen), strict=True))
    numbers = {side: sum(one == side for one in role.values()) for side in ("test", "train")}
    tested = numbers["test"] * CELLS
    assert str(report.facts["copies"]).startswith(f"{tested // 2} of {tested} tested and ")
    assert "20 detected features" in str(report.facts["copies"])
    assert {"VCS707", "VCS708"} <= set(report.checked)
    near = int(str(report.facts["near_copies"]).split()[0])
    assert tested // 10 <= near < tested // 2


def role_of(screen: Screen) -> tuple[Any, Any]:
    table = anndata.read_zarr(screen.place).obs
    return table.index, table["role"]


def test_copies_are_not_looked_for_among_a_tenth_of_the_cells(screen: Screen) -> None:
    report = sparse(screen, kept=1, detected=15)
    because = {one.code: one.because for one in report.skipped}
    assert {"VCS707", "VCS708"} <= because.keys()
    assert because["VCS707"] == report.facts["copies"]
    assert because["VCS708"] == report.facts["near_copies"]
    again = screen.audit(
        predictions=model(screen, NONE_BEFORE), pretraining=[corpus(screen, changed=30)]
    )
    assert {"VCS720", "VCS724"} <= {one.code for one in again.skipped}
    assert "tested cells can be compared with tiny@1.0.0, and" in str(again.facts["pretraining"])
    assert again.facts["contamination"] == "not declared"


def test_copies_among_few_cells_are_found_nevertheless(screen: Screen) -> None:
    sparse(screen, kept=1, detected=15)
    report = screen.audit(pretraining=[corpus(screen, changed=0)])
    assert report.codes == ("VCS720",)


def case_709(screen: Screen) -> Report:
    def twice(counts: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        control = rows_of(columns, "x", "control")
        counts[control[1]] = counts[control[0]]

    return screen.write(twice).audit()


def plates(screen: Screen, name: str = "plate") -> Report:
    """Context y is held out, and the cells of G02 in both are of one unit, in the column named."""

    def change(_: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        columns[name] = np.where(columns["perturbation"] == "G02", "p1", columns["context"])

    screen.document = {"fitted": [], "columns": {name: "Plate of the well."}}
    screen.plan = {"strategy": "holdout-contexts", "parameters": {"hold_out": ["y"]}}
    return screen.write(change).audit()


def case_710(screen: Screen) -> Report:
    return plates(screen)


UNITS = [
    "Plate",
    "plate_id",
    "gem_group",
    "sgRNA",
    "replicate",
    "donor_ID",
    "donorID",
    "patient_id",
]
UNITS += [
    "library_id",
    "batch_id",
    "SubjectId",
    "Metadata_Plate",
    "guide_identity",
    "gRNA",
    "BATCH",
]


@pytest.mark.parametrize("name", UNITS)
def test_units_are_known_by_any_name_of_their_column(name: str, screen: Screen) -> None:
    report = plates(screen, name)
    assert report.codes == ("VCS710",)
    assert report.findings[0].path == f"/obs/{name}"


def test_units_are_not_compared_where_no_column_names_any(screen: Screen) -> None:
    report = plates(screen, "template")
    because = {one.code: one.because for one in report.skipped}
    assert because["VCS710"].startswith("no column of obs says which donor, plate, library or")


def case_711(screen: Screen) -> Report:
    (screen.folder / "families.csv").write_text(
        "perturbation,family\nG03,kin\nG05,kin\nG07,other\n"
    )
    screen.plan = {"parameters": {"hold_out": ["G03"]}}
    return screen.write().audit(table=screen.folder / "families.csv")


def telling(screen: Screen, *, depth: bool) -> Report:
    """Stronger effects with more cells, or with more molecules in each."""
    screen.plan = {"parameters": {"hold_out": SINGLES[:8]}}
    if not depth:
        screen.cells = {name: 8 + 6 * place for place, name in enumerate(SINGLES)}

    def stronger(counts: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        draw = np.random.default_rng(1)
        for context in ("x", "y"):
            base = counts[rows_of(columns, context, "control")].mean(axis=0)
            for place, name in enumerate(SINGLES):
                at = rows_of(columns, context, name)
                fold = np.exp(draw.normal(0, 0.15 * (place + 1), 80))
                amount = 1.0 + place if depth else 1.0
                mean = base * fold * amount * base.sum() / (base * fold).sum()
                counts[at] = draw.poisson(mean, (len(at), 80))
                counts[at, 79] += 1

    return screen.write(stronger).audit()


def case_712(screen: Screen) -> Report:
    return telling(screen, depth=False)


def case_713(screen: Screen) -> Report:
    return telling(screen, depth=True)


def case_714(screen: Screen) -> Report:
    screen.write()
    screen.plan = {"parameters": {"hold_out": SINGLES[:6]}}
    screen.write()
    document = dict(vcspec.open_split(screen.place).document)
    document["strategy"] = {"name": "by-hand", "seed": 0, "parameters": {}}
    copy_with_document(screen.place, screen.folder / "by-hand.zarr", document)
    return audit(screen.folder / "by-hand.zarr")


def marking(screen: Screen, names: list[str]) -> Report:
    """G03 and G05 are held out, and some features are marked as targets."""
    screen.plan = {"parameters": {"hold_out": ["G03", "G05"]}}
    screen.write()
    found = anndata.read_zarr(screen.place)
    obs = {"_index": found.obs_names.to_numpy(object)}
    obs |= {name: found.obs[name].astype(object).to_numpy() for name in found.obs}
    var = {"_index": found.var_names.to_numpy(object)}
    var["is_target"] = np.isin(found.var_names, names)
    document = vcspec.open_split(screen.place).document
    write_arrays(screen.place, document, {}, obs=obs, var=var, overwrite=True)
    return screen.audit()


def case_715(screen: Screen) -> Report:
    return marking(screen, ["G03", "G05"])


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (["G03", "G05", "G07"], ("VCS715",)),  # a decoy
        (["G03", "G05", "G40"], ("VCS715",)),  # nobody's target
        (["G03"], ("VCS715",)),
        (SINGLES, ()),
        ([*SINGLES, "G40", "G41"], ()),
        (["G03", "G07", "G08"], ()),
        ([], ()),
    ],
)
def test_marks_tell_where_they_hold_the_tested_targets_and_not_all_others(
    names: list[str], codes: tuple[str, ...], screen: Screen
) -> None:
    assert marking(screen, names).codes == codes


def model(screen: Screen, training: dict[str, Any] | None, cells: Any = None) -> Path:
    opened = vcspec.open_split(screen.place)
    data = anndata_of(screen)
    target = screen.folder / "model.zarr"
    with opened.writer(target, training=training, overwrite=True) as writer:
        for condition in opened.conditions:
            label = cells or "control"
            names = (data.obs["context"] == condition.context) & (
                data.obs["perturbation"] == (condition.perturbation if label == "truth" else label)
            )
            counts = np.asarray(data[names.to_numpy()].X.todense())[: opened.cells_per_condition]
            scaled = counts * tiny.TARGET_SUM / counts.sum(axis=1, keepdims=True)
            writer[condition] = np.log1p(scaled).astype(np.float32)
    return target


def anndata_of(screen: Screen) -> Any:
    return anndata.read_zarr(screen.folder / "data.zarr")


NOTHING: dict[str, Any] = {"datasets": [], "corpora": [], "priors": []}
NONE_BEFORE = {**NOTHING, "pretraining": {"accessions": [], "corpora": []}}


def case_716(screen: Screen) -> Report:
    screen.document["citations"] = [{"title": "A screen", "accession": "GEO:GSE1"}]
    place = model(screen.write(), {**NONE_BEFORE, "priors": ["String", "gse1"]})
    return screen.audit(predictions=place)


def case_717(screen: Screen) -> Report:
    return screen.write().audit(predictions=model(screen, NONE_BEFORE, "truth"))


def case_718(screen: Screen) -> Report:
    screen.plan = {"parameters": {"hold_out": ["G03"]}}
    return screen.write().audit(predictions=model(screen, NONE_BEFORE, "G05"))


def predicting(screen: Screen, make: Callable[[np.ndarray], np.ndarray], *, of: str = "") -> Path:
    """What `make` says of the log1p values of each condition, or of those of `of`: all its cells,
    or one profile."""
    opened, data = vcspec.open_split(screen.place), anndata_of(screen)
    values = np.asarray(data.X.todense(), dtype=float)
    values = np.log1p(values * tiny.TARGET_SUM / values.sum(axis=1, keepdims=True))
    found = {}
    for condition in opened.conditions:
        label = of or condition.perturbation
        is_own = (data.obs["context"] == condition.context) & (data.obs["perturbation"] == label)
        found[condition] = make(values[is_own.to_numpy()]).astype(np.float32)
    level = "cells" if next(iter(found.values())).ndim == 2 else "profiles"
    target = screen.folder / "model.zarr"
    with opened.writer(target, training=NONE_BEFORE, level=level, overwrite=True) as writer:
        for condition, matrix in found.items():
            writer[condition] = matrix[: opened.cells_per_condition] if level == "cells" else matrix
    return target


def noisy(values: np.ndarray) -> np.ndarray:
    return values * (1 + 1e-3 * np.random.default_rng(4).standard_normal(values.shape))


def test_predictions_that_are_no_counts_are_not_compared(screen: Screen) -> None:
    screen.plan = {"parameters": {"hold_out": ["G03"]}}
    report = screen.write().audit(predictions=predicting(screen, noisy))
    because = {one.code: one.because for one in report.skipped}
    assert {"VCS717", "VCS718"} <= because.keys()
    assert because["VCS717"].startswith("0 of 20 predicted and 24 of 24 measured cells can be")


@pytest.mark.parametrize(
    ("make", "of", "codes"),
    [
        (lambda cells: cells.mean(axis=0), "", ("VCS717",)),
        (lambda cells: noisy(cells.mean(axis=0)), "", ("VCS717",)),
        (lambda cells: cells.mean(axis=0), "G05", ("VCS718",)),
        (lambda cells: cells.mean(axis=0), "control", ()),
        (lambda cells: cells[::2].mean(axis=0), "", ()),  # as good as another measurement
    ],
)
def test_profiles_are_held_against_measured_means(
    make: Callable[[np.ndarray], np.ndarray], of: str, codes: tuple[str, ...], screen: Screen
) -> None:
    screen.plan = {"parameters": {"hold_out": ["G03"]}}
    report = screen.write().audit(predictions=predicting(screen, make, of=of))
    assert report.codes == codes
    assert {"VCS717", "VCS718"} <= set(report.checked)
    assert all(finding.count == 2 for finding in report.findings)


def listed(screen: Screen, **more: Any) -> Path:
    found = training_manifest([screen.folder / "data.zarr"], **{"id": "corpus", **more})
    place = screen.folder / "corpus.json"
    place.write_text(json.dumps(dict(found.document)))
    return place


def case_720(screen: Screen) -> Report:
    screen.write()
    return screen.audit(pretraining=[listed(screen)])


def corpus(screen: Screen, *, changed: int, lower: bool = False) -> Path:
    """The tested cells over 60 features in another order, in some of which counts are changed."""
    data = anndata_of(screen)
    table = anndata.read_zarr(screen.place).obs
    tested = set(table.index[table["role"] == "test"])
    keys = (data.obs["context"].astype(str) + "|" + data.obs["perturbation"].astype(str)).to_list()
    is_tested = np.array([key in tested for key in keys])
    is_control = (data.obs["perturbation"] == "control").to_numpy()
    chosen = np.random.default_rng(1).permutation(80)[:60]
    counts = np.asarray(data.X.todense())[is_tested | is_control][:, chosen]
    counts[:, :changed] += 1
    names = [NAMES[place].lower() if lower else NAMES[place] for place in chosen]
    obs = data.obs[is_tested | is_control]
    made = Curated(
        tiny.rows_of_dense(counts.astype(np.int32)),
        np.array([f"other{number}" for number in range(len(counts))], dtype=object),
        np.array(names, dtype=object),
        {name: obs[name].to_numpy(dtype=object) for name in ("context", "perturbation")},
    )
    place = screen.folder / "corpus.zarr"
    write_dataset(place, tiny.dataset_document(fitted=[]), made, overwrite=True)
    return place


def case_724(screen: Screen) -> Report:
    return screen.write().audit(pretraining=[corpus(screen, changed=1)])


@pytest.mark.parametrize("lower", [False, True])
def test_tested_cells_are_found_in_a_dataset_over_the_features_of_both(
    screen: Screen, *, lower: bool
) -> None:
    screen.write()
    report = screen.audit(pretraining=[corpus(screen, changed=0, lower=lower)])
    assert report.codes == ("VCS720",)
    opened = vcspec.open_split(screen.place)
    assert report.findings[0].count == CELLS * len(opened.conditions)
    assert "60 features that both have" in report.findings[0].found


def test_other_cells_of_the_same_features_are_no_copies(screen: Screen) -> None:
    screen.write()
    report = screen.audit(pretraining=[corpus(screen, changed=30)])
    assert report.codes == ()
    assert {"VCS720", "VCS724"} <= set(report.checked)


@pytest.mark.parametrize(("changed", "said"), [(0, "confirmed"), (1, "likely"), (30, "unlikely")])
def test_a_dataset_of_training_settles_the_verdict(screen: Screen, changed: int, said: str) -> None:
    screen.write()
    report = screen.audit(
        predictions=model(screen, NONE_BEFORE), pretraining=[corpus(screen, changed=changed)]
    )
    assert report.facts["contamination"] == said


def test_datasets_of_training_need_the_dataset_at_hand(screen: Screen) -> None:
    place = corpus(screen.write(), changed=0)
    shutil.move(screen.folder / "data.zarr", screen.folder / "away")
    with pytest.raises(UsageError, match="name it with --dataset"):
        screen.audit(pretraining=[place])


def case_721(screen: Screen) -> Report:
    screen.document["citations"] = [{"title": "A screen", "accession": "GEO:GSE1"}]
    declared = {"accessions": ["SRA:1", "geo:gse1"], "corpora": []}
    place = model(screen.write(), {**NOTHING, "pretraining": declared})
    return screen.audit(predictions=place)


def case_722(screen: Screen) -> Report:
    return screen.write().audit(predictions=model(screen, NOTHING))


CASES = {name[5:]: case for name, case in list(globals().items()) if name.startswith("case_")}


def test_every_leak_has_a_case() -> None:
    assert {f"VCS{number}" for number in CASES} == standard().leaks.keys()


@pytest.mark.parametrize("number", CASES)
def test_a_planted_leak_is_found_and_no_other(number: str, screen: Screen) -> None:
    code = f"VCS{number}"
    report = CASES[number](screen)
    assert report.codes == (code,)
    (finding,) = report.findings
    level = standard().leaks[code]["level"]
    assert (finding.level, finding.hint) == (level, standard().leaks[code]["mend"])
    assert (report.verdict, report.exit_code) == (
        ("invalid", 1) if level == "MUST" else ("valid", 0)
    )


def verdict(screen: Screen, training: dict[str, Any] | None, **more: Any) -> Any:
    report = screen.audit(predictions=model(screen, training), **more)
    return report.facts["contamination"]


def test_contamination_has_a_verdict(screen: Screen) -> None:
    screen.document |= {
        "citations": [{"title": "A screen", "accession": "GEO:GSE1"}],
        "released": "2024-05-01",
    }
    screen.write()

    def before(**stated: Any) -> dict[str, Any]:
        return {**NOTHING, "pretraining": {"accessions": [], "corpora": [], **stated}}

    assert verdict(screen, None) == "not declared"
    assert verdict(screen, NOTHING) == "not declared"
    assert verdict(screen, before(corpora=["CELLxGENE"])) == "not declared"
    assert verdict(screen, before(corpora=["CELLxGENE"], until="2024-04-30")) == "unlikely"
    assert verdict(screen, before(corpora=["CELLxGENE"], until="2024-05-01")) == "not declared"
    assert verdict(screen, before(accessions=["GEO:GSE2"])) == "unlikely"
    assert verdict(screen, before()) == "unlikely"
    assert verdict(screen, before(accessions=["GSE1"])) == "likely"
    assert verdict(screen, before(), pretraining=[listed(screen)]) == "confirmed"
    training = listed(screen, split=screen.place)
    assert verdict(screen, before(), pretraining=[training]) == "likely"  # the accession is listed


TESTED = ["tiny", "Tiny@1.0.0", "tiny@0.9.0", "data/tiny.zarr", "GSE1.1", "geo/GSE1", " GSE1 "]
TESTED += ["https://www.ncbi.nlm.nih.gov/geo/query/acc.cgi?acc=GSE1&targ=self", "GSE1_RAW.tar"]
OTHERS = [
    "GSE10",
    "GEO:GSE10.1",
    "SGSE1",
    "https://www.ncbi.nlm.nih.gov/geo/query/acc.cgi?acc=GSE11",
]
OTHERS += ["tiny-molecules", "a tiny set", "x-tiny@1.0.0", "tiny2", "10.1000/gse.1"]


@pytest.mark.parametrize("cited", ["GEO:GSE1", "GSE1.2", "https://ncbi.gov/acc.cgi?acc=GSE1"])
def test_the_tested_dataset_is_known_by_every_name_that_it_goes_by(
    cited: str, screen: Screen
) -> None:
    screen.document["citations"] = [{"title": "A screen", "accession": cited}]
    screen.write()
    pinned = vcspec.open_split(screen.place).document["datasets"][0]["content"]
    for names, codes, said in (
        ([*TESTED, pinned], ("VCS716", "VCS721"), "likely"),
        (OTHERS, (), "unlikely"),
    ):
        declared = {"accessions": ["GEO:GSE2"], "corpora": names}
        training = {"datasets": [], "corpora": [], "priors": names, "pretraining": declared}
        report = screen.audit(predictions=model(screen, training))
        assert report.codes == codes
        assert all(finding.count == len(names) for finding in report.findings)
        assert report.facts["contamination"] == said


def test_an_accession_of_digits_alone_is_known_behind_its_archive(screen: Screen) -> None:
    screen.document["citations"] = [{"title": "A screen", "accession": "zenodo:704"}]
    screen.write()
    for names, expected in (
        (["https://zenodo.org/records/704"], "likely"),
        (["704 cells"], "unlikely"),
    ):
        declared = {**NOTHING, "pretraining": {"accessions": names, "corpora": []}}
        assert verdict(screen, declared) == expected


@pytest.fixture
def foreign(tmp_path: Path) -> Screen:
    """Another screen over the same features, with other cells."""

    def others(counts: np.ndarray, _: dict[str, np.ndarray]) -> None:
        counts[:] = np.random.default_rng(9).permuted(counts, axis=1) + 1

    (tmp_path / "foreign").mkdir()
    return Screen(tmp_path / "foreign").write(others)


def said(screen: Screen, training: dict[str, Any] | None, manifest: Path) -> tuple[Any, Any]:
    report = screen.audit(predictions=model(screen, training), pretraining=[manifest])
    return report.facts["contamination"], report.facts["because"]


def naming(*corpora: str) -> dict[str, Any]:
    return {**NOTHING, "pretraining": {"accessions": [], "corpora": list(corpora)}}


def test_a_manifest_shows_nothing_of_what_is_not_declared(screen: Screen, foreign: Screen) -> None:
    screen.write()
    place = listed(foreign)
    undeclared = ("not declared", "the predictions do not declare pretraining")
    assert said(screen, None, place) == undeclared
    assert said(screen, NOTHING, place) == undeclared
    assert said(screen, naming("CELLxGENE", "corpus"), place) == (
        "not declared",
        "neither accessions nor a manifest say what is in CELLxGENE",
    )
    assert said(screen, naming("corpus"), place)[0] == "unlikely"
    assert said(screen, naming("corpus@1.0.0"), place)[0] == "unlikely"


def put_values(
    screen: Screen, place: Path, cells: np.ndarray, names: list[str], **stated: Any
) -> None:
    """A dataset with the cells of the screen, and other values."""
    data = anndata_of(screen)
    made = Curated(
        tiny.rows_of_dense(cells),
        data.obs_names.to_numpy(object),
        np.array(names, dtype=object),
        {name: data.obs[name].to_numpy(dtype=object) for name in ("context", "perturbation")},
    )
    write_dataset(place, tiny.dataset_document(**{"fitted": [], **stated}), made, overwrite=True)


def test_a_manifest_shows_nothing_where_tested_cells_have_no_counts(
    screen: Screen, foreign: Screen
) -> None:
    screen.write()
    values = np.random.default_rng(2).uniform(0.1, 3, anndata_of(screen).shape).astype(np.float32)
    put_values(screen, screen.folder / "data.zarr", values, NAMES, values={"space": "zscore"})
    plan = tiny.plan(**screen.plan)
    split(screen.folder / "data.zarr", screen.place, plan, overwrite=True)
    report = screen.audit(predictions=model(screen, NONE_BEFORE), pretraining=[listed(foreign)])
    assert "VCS720" not in report.checked
    assert report.facts["contamination"] == "not declared"
    assert str(report.facts["because"]) == (
        "tested cells were not looked for: corpus@1.0.0: cells are hashed by their counts, and the "
        "tested dataset holds zscore"
    )


def measured(screen: Screen, change: Change, space: str = "zscore") -> Screen:
    """The screen with other values, without counts behind them, in which something is planted."""
    screen.plan = {"parameters": {"hold_out": ["G03"]}}
    screen.write()
    data = anndata_of(screen)
    values = np.random.default_rng(2).normal(0, 1, data.shape).astype(np.float32)
    values = values if space == "zscore" else np.exp(values)
    change(values, {name: data.obs[name].to_numpy() for name in ("context", "perturbation")})
    put_values(screen, screen.folder / "data.zarr", values, NAMES, values={"space": space})
    plan = tiny.plan(**screen.plan)
    split(screen.folder / "data.zarr", screen.place, plan, overwrite=True)
    return screen


@pytest.mark.parametrize("space", ["zscore", "intensity"])
@pytest.mark.parametrize(("changed", "codes"), [(0, ("VCS707",)), (1, ("VCS708",)), (40, ())])
def test_copies_are_found_by_values_where_there_are_no_counts(
    screen: Screen, space: str, changed: int, codes: tuple[str, ...]
) -> None:
    def copied(values: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        for at in range(CELLS):
            cell = values[rows_of(columns, "y", "G05")[at]].copy()
            cell[at : at + changed] += 0.01
            values[rows_of(columns, "x", "G03")[at]] = cell

    report = measured(screen, copied, space).audit()
    assert report.codes == codes
    assert {"VCS707", "VCS708", "VCS709"} <= set(report.checked)


def test_of_values_as_measured_those_that_match_confirm_and_others_clear_nothing(
    screen: Screen,
) -> None:
    measured(screen, lambda _values, _columns: None, "intensity")
    held = screen.folder / "data.zarr"
    report = screen.audit(predictions=model(screen, NONE_BEFORE), pretraining=[held])
    assert report.facts["contamination"] == "confirmed"
    other = screen.folder / "other.zarr"
    values = np.random.default_rng(5).uniform(0.1, 3, anndata_of(screen).shape)
    put_values(screen, other, values.astype(np.float32), NAMES, values={"space": "intensity"})
    report = screen.audit(predictions=model(screen, NONE_BEFORE), pretraining=[other])
    assert report.facts["contamination"] == "not declared"
    assert "value by value alone" in str(report.facts["because"])


def without_features(place: Path) -> Path:
    document = json.loads(place.read_text())
    del document["datasets"][0]["features"]
    place.write_text(json.dumps(document))
    return place


def test_a_manifest_over_other_features_shows_nothing(screen: Screen) -> None:
    screen.write()
    counts = np.asarray(anndata_of(screen).X.todense())
    more = np.pad(counts, ((0, 0), (0, 1)), constant_values=1).astype(np.int32)
    wider = Screen(screen.folder / "wider")
    wider.folder.mkdir()
    put_values(screen, wider.folder / "data.zarr", more, [*NAMES, "G80"])
    place = listed(wider)
    report = screen.audit(predictions=model(screen, NONE_BEFORE), pretraining=[place])
    because = {one.code: one.because for one in report.skipped}["VCS720"]
    assert "corpus@1.0.0: cells are hashed over features that are not stated, or" in because
    assert report.facts["contamination"] == "not declared"
    assert because in str(report.facts["because"])


def test_a_manifest_that_states_no_features_confirms_and_clears_nothing(
    screen: Screen, foreign: Screen
) -> None:
    screen.write()
    assert said(screen, NONE_BEFORE, listed(foreign))[0] == "unlikely"
    assert said(screen, NONE_BEFORE, without_features(listed(foreign)))[0] == "not declared"
    assert said(screen, NONE_BEFORE, without_features(listed(screen)))[0] == "confirmed"


def test_accessions_of_trained_studies_do_not_contaminate_the_tested_one(screen: Screen) -> None:
    def studied(_: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        columns["study"] = np.where(columns["context"] == "x", "one", "two").astype(object)

    screen.fields = ["context", "perturbation", "study"]
    screen.plan = {"strategy": "holdout-studies", "parameters": {"hold_out": ["two"]}}
    names = {"one": ["one"], "two": ["two"], "both": ["one", "two"]}
    screen.document["citations"] = [
        {"title": "A screen", "accession": f"GEO:{name}", "studies": of}
        for name, of in names.items()
    ]
    screen.document["citations"].append({"title": "All of it", "accession": "GEO:whole"})
    screen.write(studied)
    for name, expected in {
        "one": "unlikely", "two": "likely", "both": "likely", "whole": "likely",
    }.items():  # fmt: skip
        declared = {**NOTHING, "pretraining": {"accessions": [f"GEO:{name}"], "corpora": []}}
        assert verdict(screen, declared) == expected
    found = training_manifest([screen.folder / "data.zarr"], id="m", split=screen.place)
    assert found.accessions == {"GEO:one", "GEO:both", "GEO:whole"}
    whole = training_manifest([screen.folder / "data.zarr"], id="m")
    assert whole.accessions == {"GEO:one", "GEO:two", "GEO:both", "GEO:whole"}


def test_a_citation_that_names_studies_counts_where_conditions_have_none(screen: Screen) -> None:
    cited = {"title": "A screen", "accession": "GEO:GSE1", "studies": ["one"]}
    screen.document["citations"] = [cited]
    screen.write()
    declared = {**NOTHING, "pretraining": {"accessions": ["GSE1"], "corpora": []}}
    assert verdict(screen, declared) == "likely"


def test_a_manifest_lists_training_cells_alone_where_a_split_says_so(screen: Screen) -> None:
    screen.write()
    whole = training_manifest([screen.folder / "data.zarr"], id="whole")
    part = training_manifest([screen.folder / "data.zarr"], id="part", split=screen.place)
    (entry,) = part.document["datasets"]
    opened = vcspec.open_split(screen.place)
    counted = anndata_of(screen).obs
    keys = counted["context"].astype(str) + "|" + counted["perturbation"].astype(str)
    trained = {condition.key for condition in opened.having("train")}
    assert entry["cells"] == int(keys.isin(trained).sum())
    assert set(part.hashes.tolist()) < set(whole.hashes.tolist())
    assert screen.audit(pretraining=[listed(screen, split=screen.place)]).codes == ()


def test_a_sample_of_the_cells_is_enough(screen: Screen) -> None:
    screen.write()
    found = training_manifest([screen.folder / "data.zarr"], id="corpus", most=100)
    whole = training_manifest([screen.folder / "data.zarr"], id="corpus")
    assert found.one_in == -(-whole.hashed // 100)
    assert found.hashed == whole.hashed
    assert set(found.hashes.tolist()) < set(whole.hashes.tolist())
    share = len(found.hashes) / whole.hashed
    assert share == pytest.approx(1 / found.one_in, rel=0.4)
    assert found.chance_to_find(1) == pytest.approx(1 / found.one_in)
    assert found.chance_to_find(50) > 0.9
    report = screen.audit(pretraining=[listed(screen, most=100)])
    assert report.codes == ("VCS720",)
    assert f"one cell in {found.one_in}" in report.findings[0].found


def test_a_training_manifest_that_cannot_be_is_neither_made_nor_read(screen: Screen) -> None:
    screen.write()
    with pytest.raises(UsageError, match="0 hashes are to be listed; list 1 or more"):
        listed(screen, most=0)
    with pytest.raises(UsageError, match=r"'m@1' names no artefact"):
        listed(screen, id="m", version="1")
    with pytest.raises(UsageError, match="no training-manifest can be written with /title"):
        listed(screen, title="x" * 4001)
    place = listed(screen)
    stated = json.loads(place.read_text())
    stated["cells"]["hashes"] = "AAAA"
    place.write_text(json.dumps(stated))
    with pytest.raises(Unreadable, match="lists hashes that are not eight bytes each"):
        read_training_manifest(place)
    place.write_text('{"kind":' + "[" * 100_000)
    with pytest.raises(Unreadable, match="is no training manifest"):
        read_training_manifest(place)


def test_what_does_not_belong_together_is_refused(screen: Screen, tmp_path: Path) -> None:
    screen.write()
    place = model(screen, None)
    screen.plan["seed"] = 4
    screen.write()
    with pytest.raises(Mismatch, match="the split at hand"):
        screen.audit(predictions=place)
    (tmp_path / "other").mkdir()
    other = Screen(tmp_path / "other")
    other.cells["G00"] = 20
    other.write()
    with pytest.raises(Mismatch, match="the split pins"):
        screen.audit(dataset=other.folder / "data.zarr")
    (tmp_path / "x.json").write_text('{"kind": "training-manifest"}')
    with pytest.raises(Unreadable, match="breaks its schema"):
        read_training_manifest(tmp_path / "x.json")
    with pytest.raises(Unreadable, match=r"none\.json cannot be read"):
        read_training_manifest(tmp_path / "none.json")
    with pytest.raises(UsageError, match="one dataset; 2 are given"):
        training_manifest([other.place, other.place], id="m", split=other.place)
    (tmp_path / "t.csv").write_text("perturbation,colour\nG00,red\n")
    with pytest.raises(UsageError, match="none of the columns group, family"):
        screen.audit(table=tmp_path / "t.csv")


def test_correlations_and_matches_are_told_where_nothing_is_wrong(
    screen: Screen, foreign: Screen
) -> None:
    draw = np.random.default_rng(11)
    screen.cells = {name: int(draw.integers(8, 20)) for name in SINGLES}
    screen.write()
    report = screen.audit(pretraining=[listed(foreign)])
    assert not {"VCS712", "VCS713", "VCS720"} & set(report.codes)
    data, table = anndata_of(screen), anndata.read_zarr(screen.place).obs
    counts = np.asarray(data.X.todense(), dtype=float)
    totals = counts.sum(axis=1)
    values = np.log1p(counts * tiny.TARGET_SUM / totals[:, None])
    cells, depth, effect = [], [], []
    for _, row in table[table["role"] == "test"].iterrows():
        here = (data.obs["context"] == row["context"]).to_numpy()
        own = here & (data.obs["perturbation"] == row["perturbation"]).to_numpy()
        base = here & (data.obs["perturbation"] == "control").to_numpy()
        change = values[own].mean(axis=0) - values[base].mean(axis=0)
        noise = sum(values[one].var(axis=0, ddof=1) / one.sum() for one in (own, base))
        cells.append(own.sum())
        depth.append(np.median(totals[own]))
        effect.append(np.sqrt(max(0.0, (change**2 - noise).mean())))
    for name, measure in (("cells_and_effect", cells), ("depth_and_effect", depth)):
        found = spearmanr(measure, effect)
        expected = (
            f"Spearman {found.statistic:.2f}, p = {found.pvalue:.1g}, {len(cells)} conditions"
        )
        assert report.facts[name] == expected
    tested, foreigners = sum(cells), anndata_of(foreign).n_obs
    chance = tested * foreigners / 2**64
    assert report.facts["manifests"] == (
        f"0 of {tested} tested cells are listed in corpus@1.0.0 ({chance:.1g} matches are expected "
        "by chance)"
    )


@pytest.mark.parametrize("text", ["0cc175b9c0f1b6a831c399e269772661\n", '{"cells": []}', "[1]"])
def test_lists_of_barcodes_are_refused_with_the_reason(text: str, tmp_path: Path) -> None:
    (tmp_path / "training_cells.md5.txt").write_text(text)
    with pytest.raises(Unreadable, match="737,280 or 6,794,880 strings"):
        read_training_manifest(tmp_path / "training_cells.md5.txt")


@pytest.mark.parametrize("format_", ["text", "json", "jsonl", "sarif", "junit", "github"])
def test_reports_of_leaks_have_every_format(format_: str, screen: Screen) -> None:
    text = render_report(case_707(screen), format_)
    assert "VCS707" in text
    assert "cell-on-both-sides" in text


def test_the_commands_audit_and_list(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen.write()

    def run(*arguments: object) -> int:
        monkeypatch.setattr("sys.argv", ["vcspec", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    listed_at = screen.folder / "m.json"
    data = screen.folder / "data.zarr"
    assert run("manifest", data, "--id", "corpus", "-o", listed_at) == 0
    assert "100 shared cells would be found" in capsys.readouterr().err
    assert run("audit", screen.place) == 0
    assert "not checked" in capsys.readouterr().out
    assert run("audit", screen.place, "--pretraining", listed_at) == 1
    assert "VCS720" in capsys.readouterr().out
