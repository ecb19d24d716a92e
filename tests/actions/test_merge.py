from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from support import tiny
from support.reencode import Layout, reencode

import vcspec
from vcspec.actions.audit import audit
from vcspec.actions.cells import ConditionCells
from vcspec.actions.curate import write_dataset
from vcspec.actions.merge import merge
from vcspec.actions.validate import validate
from vcspec.cli import main
from vcspec.model.curated import Curated
from vcspec.model.errors import UsageError
from vcspec.model.matrix import Rows


def written(folder: Path, name: str, *, drop: int = 0, seed: int = 0, **changes: Any) -> Path:
    """The tiny dataset under another id, without its first `drop` features."""
    whole = tiny.curated(seed=seed)
    dense = whole.rows.dense()[:, drop:]
    order = np.arange(dense.shape[1])[::-1] if drop else np.arange(dense.shape[1])
    obs = dict(whole.obs)
    values = changes.get("values", {})
    if values.get("total") == "library":
        obs["library_size"] = whole.rows.dense().sum(axis=1).astype(np.int64) + 7
        changes["columns"] = {"library_size": "Total."}
    curated = Curated(
        tiny.rows_of_dense(np.ascontiguousarray(dense[:, order])),
        whole.cells,
        whole.features[drop:][order],
        obs,
    )
    place = folder / f"{name}.zarr"
    write_dataset(place, tiny.dataset_document(id=name, **changes), curated, overwrite=False)
    return place


def test_datasets_become_one_in_their_common_features(tmp_path: Path) -> None:
    one, two = written(tmp_path, "one"), written(tmp_path, "two", drop=30, seed=1)
    found = merge([one, two], tmp_path / "m.zarr", id="both")
    report = validate(tmp_path / "m.zarr", level="full")
    assert (report.verdict, report.findings) == ("valid", ())
    merged = anndata.read_zarr(tmp_path / "m.zarr")
    sources = [anndata.read_zarr(place) for place in (one, two)]
    assert list(merged.var_names) == list(sources[0].var_names[30:])
    assert found.features == 50
    for name, source in zip(("one", "two"), sources, strict=True):
        own = merged[(merged.obs["study"] == name).to_numpy()]
        assert [cell.removeprefix(f"{name}:") for cell in own.obs_names] == list(source.obs_names)
        expected = source[:, merged.var_names].X.todense()
        np.testing.assert_array_equal(own.X.todense(), expected)
        totals = np.asarray(source.X.sum(axis=1)).ravel()
        np.testing.assert_array_equal(own.obs["library_size"], totals)
        for column in ("context", "perturbation"):
            assert list(own.obs[column]) == list(source.obs[column])
        share = expected.sum() / source.X.sum()
        part = next(part for part in found.parts if part.study == name)
        assert part.kept_counts == pytest.approx(share)
        assert (part.cells, part.features) == source.shape
    document = vcspec.actions.validate.checked(str(tmp_path / "m.zarr"), "dataset").document
    assert document["condition"] == ["study", "context", "perturbation"]
    assert document["values"] == {"space": "counts", "total": "library"}
    assert document["fitted"] == []


@pytest.mark.parametrize("features", [0, 20])
def test_a_few_rows_at_a_time_are_held_and_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: int
) -> None:
    one, two = written(tmp_path, "one"), written(tmp_path, "two", drop=30, seed=1)
    options: dict[str, Any] = {"id": "both", "features": features, "select_on": ["one"]}
    whole = merge([one, two], tmp_path / "whole.zarr", **options)
    longest: list[int] = []
    read = ConditionCells.rows

    def noted(cells: ConditionCells, start: int, stop: int) -> Rows:
        longest.append(stop - start)
        return read(cells, start, stop)

    monkeypatch.setattr(ConditionCells, "rows", noted)
    monkeypatch.setattr("vcspec.actions.merge.BLOCK_ROWS", 5)
    columns = [reencode(place, place.with_suffix(".csc"), Layout("csc")) for place in (one, two)]
    for sources in ([one, two], columns):
        found = merge(sources, tmp_path / "parts.zarr", overwrite=True, **options)
        assert (found.content, found.features) == (whole.content, whole.features)
        for part, wanted in zip(found.parts, whole.parts, strict=True):
            assert part.kept_counts == pytest.approx(wanted.kept_counts)
    assert max(longest) == 5


def test_who_made_the_parts_is_kept_where_any_of_them_states_it(tmp_path: Path) -> None:
    paper = {"title": "Kang HM et al., Multiplexed droplets, 2018"}
    one = written(tmp_path, "one", creators=["Doe, Jane", "The lab"])
    two = written(tmp_path, "two", seed=1, citations=[paper])
    three = written(tmp_path, "three", seed=2, creators=["The lab"])
    for parts, expected in (
        ([one, two, three], ["Doe, Jane", "The lab", "Kang HM et al."]),
        ([two, written(tmp_path, "four", seed=3)], None),
    ):
        merge(parts, tmp_path / "m.zarr", id="both", overwrite=True)
        document = vcspec.actions.validate.checked(str(tmp_path / "m.zarr"), "dataset").document
        assert document.get("creators") == expected


def test_citations_say_which_studies_they_are_about(tmp_path: Path) -> None:
    paper, other = (
        {"title": title, "accession": name} for title, name in (("Aa", "A:1"), ("Bb", "B:2"))
    )
    one = written(tmp_path, "one", citations=[paper])
    two = written(tmp_path, "two", seed=1, citations=[other, paper])
    three = written(tmp_path, "three", seed=2, citations=[])
    merge([one, two], tmp_path / "m.zarr", id="both")
    merge([tmp_path / "m.zarr", three], tmp_path / "n.zarr", id="all")
    for name in ("m.zarr", "n.zarr"):
        document = vcspec.actions.validate.checked(str(tmp_path / name), "dataset").document
        assert document["citations"] == [
            {**paper, "studies": ["one", "two"]},
            {**other, "studies": ["two"]},
        ]


def test_features_are_chosen_on_the_studies_named_alone(tmp_path: Path) -> None:
    one, two = written(tmp_path, "one"), written(tmp_path, "two", seed=1)
    found = merge([one, two], tmp_path / "m.zarr", id="both", features=20, select_on=["one"])
    data = anndata.read_zarr(one)
    counts = np.asarray(data.X.todense(), dtype=float)
    values = np.log1p(counts * 1e4 / counts.sum(axis=1, keepdims=True))
    best = np.sort(np.argsort(-values.var(axis=0), kind="stable")[:20])
    merged = anndata.read_zarr(tmp_path / "m.zarr")
    assert list(merged.var_names) == list(data.var_names[best])
    assert found.features == 20
    # A split by studies is clean where the tested one took no part, and void where it did.
    for tested, codes in (("two", ()), ("one", ("VCS704",))):
        plan = tiny.plan(strategy="holdout-studies", parameters={"hold_out": [tested]})
        vcspec.split(tmp_path / "m.zarr", tmp_path / "s.zarr", plan, overwrite=True)
        report = audit(tmp_path / "s.zarr", dataset=tmp_path / "m.zarr")
        assert tuple(c for c in report.codes if c in {"VCS704", "VCS705"}) == codes


def test_totals_over_the_library_are_kept(tmp_path: Path) -> None:
    values = {"space": "counts", "total": "library"}
    one, two = written(tmp_path, "one", values=values), written(tmp_path, "two", seed=1)
    merge([one, two], tmp_path / "m.zarr", id="both")
    merged = anndata.read_zarr(tmp_path / "m.zarr")
    own = merged[(merged.obs["study"] == "one").to_numpy()]
    source = anndata.read_zarr(one)
    np.testing.assert_array_equal(own.obs["library_size"], source.obs["library_size"])


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    one = written(tmp_path, "one")
    other = tmp_path / "other"
    other.mkdir()
    cases = {
        "control of b is": written(other, "b", control="G00"),
        "holds 'counts' and c 'zscore'": written(other, "c", values={"space": "zscore"}),
    }
    for match, place in cases.items():
        with pytest.raises(UsageError, match=match):
            merge([one, place], tmp_path / "m.zarr", id="both")
    with pytest.raises(UsageError, match="nothing to merge"):
        merge([one], tmp_path / "m.zarr", id="both")
    with pytest.raises(UsageError, match="'one' is in several"):
        merge([one, one], tmp_path / "m.zarr", id="both")
    assert not (tmp_path / "m.zarr").exists()


def test_datasets_without_a_common_feature_are_refused(tmp_path: Path) -> None:
    curated = tiny.curated()
    names = np.array([f"Z{number}" for number in range(curated.rows.width)], dtype=object)
    far = Curated(curated.rows, curated.cells, names, curated.obs)
    write_dataset(tmp_path / "far.zarr", tiny.dataset_document(id="far"), far, overwrite=False)
    one = written(tmp_path, "one")
    with pytest.raises(UsageError, match="no feature in common; they have such as G00, Z0"):
        merge([one, tmp_path / "far.zarr"], tmp_path / "m.zarr", id="both")


@pytest.mark.parametrize(
    ("studies", "features", "match"),
    [
        ([], 3, "chosen on no study; the studies are one, two"),
        (["three"], 3, "'three' is no study"),
        (["one"], 200, "200 features are asked for; 80 are common"),
        (["one"], -3, "-3 features are asked for; give a number from 1, or 0 for all"),
    ],
)
def test_a_choice_of_features_that_cannot_be_is_refused(
    studies: list[str], features: int, match: str, tmp_path: Path
) -> None:
    places = [written(tmp_path, "one"), written(tmp_path, "two", seed=1)]
    with pytest.raises(UsageError, match=match):
        merge(places, tmp_path / "m.zarr", id="both", features=features, select_on=studies)
    assert not (tmp_path / "m.zarr").exists()


@pytest.mark.parametrize("stated", [{"id": "Both"}, {"version": "1"}, {"title": "x" * 4001}])
def test_what_no_document_holds_is_refused_before_anything_is_written(
    stated: dict[str, str], tmp_path: Path
) -> None:
    places = [written(tmp_path, "one"), written(tmp_path, "two", seed=1)]
    (name,) = stated
    with pytest.raises(UsageError, match=f"no dataset can be written with /{name}: "):
        merge(places, tmp_path / "m.zarr", **{"id": "both", **stated})
    assert not (tmp_path / "m.zarr").exists()


def test_the_command_reports_on_each_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = written(tmp_path, "one"), written(tmp_path, "two", drop=30, seed=1)
    arguments = ["vcspec", "merge", one, two, "--id", "both", "-o", tmp_path / "m.zarr"]
    monkeypatch.setattr("sys.argv", list(map(str, arguments)))
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = capsys.readouterr().err
    assert "two: " in said
    assert "50 of 50 features, which hold 100% of its counts" in said
    assert "50 of 80 features" in said


def test_the_command_that_split_names_for_several_datasets_merges_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    places = [written(tmp_path, "one"), written(tmp_path, "two", seed=1)]

    def run(*arguments: object) -> int:
        monkeypatch.setattr("sys.argv", ["vcspec", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    assert run("split", *places, "--strategy", "holdout-studies", "-o", "s.zarr") == 2
    named = capsys.readouterr().err.partition("vcspec merge ")[2].split()
    assert run("merge", *["both" if word == "NAME" else word for word in named]) == 0
    assert validate(tmp_path / "merged.zarr").verdict == "valid"


def full(folder: Path, name: str, count: int, sizes: list[float] | None = None) -> Path:
    """A dataset of cells that hold the same count of each of 2,000 features, but 1 of the first."""
    dense = np.full((4, 2_000), count, dtype=np.int64)
    dense[:, 0] = 1
    labels = {"context": ["here"] * 4, "perturbation": ["control"] * 2 + ["A"] * 2}
    obs = {key: np.array(values, dtype=object) for key, values in labels.items()}
    values = {"space": "counts", "total": "features" if sizes is None else "library"}
    columns = {} if sizes is None else {"library_size": "Total."}
    if sizes is not None:
        obs["library_size"] = np.array(sizes)
    cells = np.array([f"cell-{at}" for at in range(4)], dtype=object)
    features = np.array([f"G{at:04d}" for at in range(2_000)], dtype=object)
    document = tiny.dataset_document(id=name, values=values, columns=columns)
    place = folder / f"{name}.zarr"
    curated = Curated(tiny.rows_of_dense(dense), cells, features, obs)
    write_dataset(place, document, curated, overwrite=False)
    return place


@pytest.mark.parametrize("count", [2**53 - 1, 2**44])
def test_counts_that_add_up_to_more_than_is_exact_are_refused_by_cell(
    tmp_path: Path, count: int
) -> None:
    one, two = full(tmp_path, "one", 5), full(tmp_path, "two", count)
    with pytest.raises(UsageError, match=r"cell-0 of two add up to .*4 cells in all.*2\^53"):
        merge([one, two], tmp_path / "m.zarr", id="both")
    assert not (tmp_path / "m.zarr").exists()


@pytest.mark.parametrize("size", [1e16, 1e30])
def test_library_sizes_that_are_not_exact_are_refused(tmp_path: Path, size: float) -> None:
    one, two = full(tmp_path, "one", 5), full(tmp_path, "two", 5, [1e4, 1e4, 1e4, size])
    with pytest.raises(UsageError, match=r"cell-3 of two add up to"):
        merge([one, two], tmp_path / "m.zarr", id="both")
    assert not (tmp_path / "m.zarr").exists()


def test_library_sizes_that_are_not_whole_stay_as_they_are(tmp_path: Path) -> None:
    sizes = [20_000.5, 20_000.25, 3e4, 4e4]
    one, two = full(tmp_path, "one", 5), full(tmp_path, "two", 5, sizes)
    merge([one, two], tmp_path / "m.zarr", id="both")
    merged = anndata.read_zarr(tmp_path / "m.zarr")
    assert sorted(merged.obs["library_size"]) == [9_996.0] * 4 + sorted(sizes)


def test_a_score_on_several_datasets_tells_the_values_of_each(tmp_path: Path) -> None:
    parts = [written(tmp_path, "one"), written(tmp_path, "two", seed=1)]
    merge(parts, tmp_path / "m.zarr", id="both")
    plan = tiny.plan(parameters={"hold_out": ["G05", "G06"]})
    vcspec.split(tmp_path / "m.zarr", tmp_path / "s.zarr", plan)
    opened, draw = vcspec.open_split(tmp_path / "s.zarr"), np.random.default_rng(4)
    with opened.writer(tmp_path / "model.zarr", model="drawn", level="profiles") as out:
        for condition in opened.conditions:
            out[condition] = draw.random(80).astype(np.float32)
    card = vcspec.score(tmp_path / "model.zarr", dataset=tmp_path / "m.zarr")
    strata = card.document["metrics"]["mse"]["strata"]["study"]
    assert set(strata) == {"one", "two"}
    values = card.values[card.metrics.index("mse")]
    for study, stratum in strata.items():
        own = [study in condition for condition in card.conditions]
        assert stratum["defined"] == sum(own) == len(own) / 2
        assert stratum["value"] == pytest.approx(values[own].mean())
