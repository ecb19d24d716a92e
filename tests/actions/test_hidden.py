"""Withheld truth: what is public, what is private, and what an entrant is told."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import tiny
from support.publishing import release

import vcspec
from vcspec.actions.curate import write_dataset
from vcspec.actions.difficulty import difficulty
from vcspec.actions.disclose import disclose, disclosed
from vcspec.actions.hidden import Hidden, hidden, write_public
from vcspec.actions.predict import template
from vcspec.actions.reference import reference
from vcspec.actions.score import score
from vcspec.actions.validate import checked, validate
from vcspec.cli import main
from vcspec.model.curated import Curated
from vcspec.model.errors import Invalid, Mismatch, Unreadable, UsageError
from vcspec.model.matrix import rows_of_dense, stack
from vcspec.storage.writing import copy_with_document
from vcspec.storage.zarr_store import ZarrStore

TESTED = ("G05", "G06", "G07")
BOUND = {"split.zarr/zarr.json", "split.zarr/manifest.json", "split.zarr/manifest/node.sha256"}
"""What binds whoever withholds the truth to it, and the manifest over that."""


def plan() -> Any:
    return tiny.plan(parameters={"hold_out": list(TESTED)})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny dataset, and `hidden` made of it."""
    folder = tmp_path_factory.mktemp("hidden")
    write_dataset(folder / "data.zarr", tiny.dataset_document(), tiny.curated(), overwrite=False)
    hidden(folder / "data.zarr", folder / "hidden", plan())
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_public_part_is_sound_and_holds_no_cell_of_a_withheld_condition(made: Path) -> None:
    public = made / "hidden" / "public"
    for store in ("split.zarr", "dataset.zarr"):
        report = validate(public / store, level="full")
        assert (report.verdict, report.findings, report.skipped) == ("valid", (), ())
    labels = set(ZarrStore(str(public / "dataset.zarr")).column("/obs", "perturbation").values)
    assert not labels & {*TESTED, "G04+G05"}
    assert {"control", "G00", "G00+G01"} <= labels


def test_models_are_trained_and_predict_from_the_public_part_alone(
    made: Path, tmp_path: Path
) -> None:
    public, private = made / "hidden" / "public", made / "hidden" / "private"
    data = vcspec.open_training(public / "split.zarr", public / "dataset.zarr")
    assert len(data.conditions()) > 0
    target = tmp_path / "model.zarr"
    vcspec.baseline("context-mean", public / "split.zarr", public / "dataset.zarr", target)
    card = score(target, split=public / "split.zarr", reference=private / "reference.zarr")
    # The same baseline on the open split has the same values.
    vcspec.split(made / "data.zarr", tmp_path / "split.zarr", plan())
    vcspec.reference(tmp_path / "split.zarr", made / "data.zarr", tmp_path / "ref.zarr")
    vcspec.baseline(
        "context-mean", tmp_path / "split.zarr", made / "data.zarr", tmp_path / "o.zarr"
    )
    open_card = score(tmp_path / "o.zarr")
    for metric in card.metrics:
        assert card.value(metric) == pytest.approx(open_card.value(metric), abs=1e-6), metric


def other_truth(seed: int, factor: int) -> Curated:
    """The tiny dataset with other values, and `factor` times the cells, where it is withheld."""
    whole = tiny.curated()
    withheld = np.isin(whole.obs["perturbation"], [*TESTED, "G04+G05"])
    return otherwise(whole, tiny.curated(seed=seed), withheld, factor)


def otherwise(whole: Curated, other: Curated, withheld: NDArray[np.bool_], factor: int) -> Curated:
    """`whole` with the values of `other`, and `factor` times the cells, where it is withheld."""
    kept, gone = np.flatnonzero(~withheld), np.tile(np.flatnonzero(withheld), factor)
    rows = stack([whole.rows.take(kept), other.rows.take(gone)])
    order = np.concatenate([kept, gone])
    names = np.concatenate([whole.cells[kept], [f"other-{n}" for n in range(len(gone))]])
    obs = {name: column[order] for name, column in whole.obs.items()}
    return Curated(rows, names.astype(object), whole.features, obs)


@pytest.mark.parametrize("factor", [1, 3])
def test_the_public_part_is_the_same_to_the_byte_whatever_the_truth_is(
    factor: int, made: Path, tmp_path: Path
) -> None:
    """But for the two digests that bind whoever withholds it, and the manifest over them."""
    place = tmp_path / "data.zarr"
    document = tiny.dataset_document(
        summary="9 cells", caveats=["Look out."], **{"x-note": "many effects"}
    )
    write_dataset(place, document, other_truth(5, factor), overwrite=False)
    hidden(place, tmp_path / "hidden", plan())
    one, two = files(made / "hidden" / "public"), files(tmp_path / "hidden" / "public")
    assert one.keys() == two.keys()
    assert {name for name in one if one[name] != two[name]} == BOUND
    documents = [json.loads(part["split.zarr/zarr.json"]) for part in (one, two)]
    digests = [found["attributes"]["vcspec"].pop("withheld") for found in documents]
    assert documents[0] == documents[1]
    assert digests[0] != digests[1]


def small(seed: int = 0) -> Curated:
    """The tiny screen in three contexts, with three cells of each condition."""
    whole = tiny.curated(seed=seed, contexts=("liver", "lung", "skin"))
    key = [f"{c}|{p}" for c, p in zip(whole.obs["context"], whole.obs["perturbation"], strict=True)]
    number = np.array([key[:at].count(name) for at, name in enumerate(key)])
    rows = np.flatnonzero(number < 3)
    obs = {name: column[rows] for name, column in whole.obs.items()}
    return Curated(whole.rows.take(rows), whole.cells[rows], whole.features, obs)


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("small") / "data.zarr"
    write_dataset(place, tiny.dataset_document(), small(), overwrite=False)
    return place


def publicly(dataset: Path, folder: Path, chosen: Any) -> dict[str, bytes]:
    (folder / "public").mkdir(parents=True)
    vcspec.split(dataset, folder / "split.zarr", chosen)
    write_public(folder / "public", folder / "split.zarr", dataset, f"sha256:{0:064}")
    return files(folder / "public")


@pytest.mark.parametrize(
    ("strategy", "parameters"),
    [
        ("holdout-contexts", {"hold_out": "skin"}),
        ("holdout-context-branches", {"fraction": "0.3"}),
        ("few-shot-contexts", {"hold_out": "skin"}),
        ("transfer-covariates", {"fraction": "0.3"}),
        ("holdout-combinations", {"hold_out": "G00+G01"}),
        ("holdout-one-member", {"hold_out": "G00"}),
        ("holdout-singles-of-combinations", {"hold_out": "G00"}),
        ("holdout-contexts-and-perturbations", {"hold_out": "skin"}),
    ],
)
def test_no_strategy_lets_the_truth_show(
    strategy: str, parameters: dict[str, str], smaller: Path, tmp_path: Path
) -> None:
    chosen = tiny.plan(strategy=strategy, parameters=parameters, cells_per_condition=0)
    one = publicly(smaller, tmp_path / "one", chosen)
    table = ZarrStore(str(tmp_path / "one" / "split.zarr"))
    hidden_keys = {
        str(key)
        for key, role in zip(
            table.column("/obs", "_index").values, table.column("/obs", "role").values, strict=True
        )
        if role in {"test", "excluded"}
    }
    whole = small()
    key = [f"{c}|{p}" for c, p in zip(whole.obs["context"], whole.obs["perturbation"], strict=True)]
    withheld = np.isin(key, sorted(hidden_keys))
    assert withheld.any()
    other = tmp_path / "other.zarr"
    changed = otherwise(whole, small(5), withheld, 3)
    write_dataset(other, tiny.dataset_document(), changed, overwrite=False)
    two = publicly(other, tmp_path / "two", chosen)
    assert one.keys() == two.keys()
    assert {name for name in one if one[name] != two[name]} == BOUND


def test_what_asks_for_the_truth_says_that_the_public_part_has_it_not(
    made: Path, tmp_path: Path
) -> None:
    public = made / "hidden" / "public"
    parts = public / "split.zarr", public / "dataset.zarr"
    template(parts[0], tmp_path / "model.zarr")
    for asked in (
        lambda: reference(*parts, tmp_path / "ref.zarr"),
        lambda: difficulty(parts[0], dataset=parts[1]),
    ):
        with pytest.raises(
            Mismatch, match=r"has no cells of liver\|G05; give the dataset that has"
        ):
            asked()
    with pytest.raises(UsageError, match=r"such as liver\|G05; split tiny/unseen withholds them"):
        score(tmp_path / "model.zarr", split=parts[0], dataset=parts[1])


def test_no_name_of_a_withheld_cell_is_public(made: Path) -> None:
    names = {
        str(name) for name in ZarrStore(str(made / "data.zarr")).column("/obs", "_index").values
    }
    public = ZarrStore(str(made / "hidden" / "public" / "dataset.zarr"))
    assert not names & {str(name) for name in public.column("/obs", "_index").values}


def test_another_reference_than_the_withheld_one_is_found_out(made: Path, tmp_path: Path) -> None:
    place = tmp_path / "data.zarr"
    write_dataset(place, tiny.dataset_document(), other_truth(5, 1), overwrite=False)
    hidden(place, tmp_path / "hidden", plan())
    public = made / "hidden" / "public"
    # The other truth, made to name the published split.
    swapped = tmp_path / "swapped.zarr"
    right = checked(str(made / "hidden" / "private" / "reference.zarr"), "reference").document
    copy_with_document(tmp_path / "hidden" / "private" / "reference.zarr", swapped, right)
    report = validate(swapped, level="full", split=public / "split.zarr")
    assert report.codes == ("VCS607",)
    target = tmp_path / "model.zarr"
    vcspec.baseline("no-change", public / "split.zarr", public / "dataset.zarr", target)
    with pytest.raises(Mismatch, match="not the reference that tiny/unseen was published with"):
        score(target, split=public / "split.zarr", reference=swapped)
    shown = made / "hidden" / "private" / "reference.zarr"
    assert validate(shown, level="full", split=public / "split.zarr").verdict == "valid"


def test_the_dataset_that_was_promised_is_known_when_it_is_shown(made: Path) -> None:
    split = made / "hidden" / "public" / "split.zarr"
    report = validate(split, level="full", dataset=made / "data.zarr")
    assert (report.verdict, report.codes, report.skipped) == ("valid", (), ())
    assert report.facts["dataset"] == "the withheld dataset, as promised"
    public = validate(split, level="full", dataset=made / "hidden" / "public" / "dataset.zarr")
    assert (public.codes, "dataset" in public.facts) == ((), False)
    assert "dataset" not in validate(split, level="axes", dataset=made / "data.zarr").facts


def test_another_dataset_than_the_promised_one_is_found_out(made: Path, tmp_path: Path) -> None:
    split = made / "hidden" / "public" / "split.zarr"
    other = tmp_path / "other.zarr"
    write_dataset(other, tiny.dataset_document(), other_truth(5, 1), overwrite=False)
    report = validate(split, level="full", dataset=other)
    assert report.codes == ("VCS406",)
    assert "pinned" in report.findings[0].expected
    assert "dataset" not in report.facts
    # One that only claims the digest of the promised one.
    stated = json.loads((other / "manifest.json").read_bytes())
    claimed = checked(str(made / "data.zarr"), "dataset").claimed_content()
    (other / "manifest.json").write_text(json.dumps({**stated, "content": claimed}))
    report = validate(split, level="full", dataset=other)
    assert report.codes == ("VCS406",)
    assert report.findings[0].expected == f"withheld: {claimed}"


def test_nothing_is_written_where_something_is_wrong(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hidden exists"):
        hidden(made / "data.zarr", made / "hidden", plan())
    with pytest.raises(UsageError, match="G99"):
        hidden(made / "data.zarr", tmp_path / "h", tiny.plan(parameters={"hold_out": "G99"}))
    with pytest.raises(UsageError, match="no folder to stand in"):
        hidden(made / "data.zarr", tmp_path / "a" / "b", plan())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def model(made: Path) -> Path:
    public = made / "hidden" / "public"
    vcspec.baseline("additive", public / "split.zarr", public / "dataset.zarr", made / "model.zarr")
    return made / "model.zarr"


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, float) and not float(value).is_integer():
        yield value


def test_an_entrant_is_told_the_rounded_headline_alone(made: Path, model: Path) -> None:
    split = made / "hidden" / "public" / "split.zarr"
    reference = made / "hidden" / "private" / "reference.zarr"
    found = disclose(model, split=split, reference=reference).document
    card = score(model, split=split, reference=reference)
    assert found == disclosed(card).document
    value = card.value("discrimination-cosine")
    assert value is not None
    assert found["headline"] == {"discrimination-cosine": round(value, 3)}
    assert set(found) == {
        "kind", "spec", "claim", "coverage", "features", "level", "model", "simulated", "suite",
        "task", "inputs", "headline", "composites",
    }  # fmt: skip
    told = set(numbers({name: found[name] for name in found if name != "headline"}))
    assert told == set()
    assert found["inputs"].keys() == {"predictions", "split"}


def test_what_goes_wrong_with_the_truth_is_not_told(
    made: Path, model: Path, tmp_path: Path
) -> None:
    split = made / "hidden" / "public" / "split.zarr"
    for place in (tmp_path / "gone.zarr", made / "data.zarr"):
        with pytest.raises(Unreadable) as error:
            disclose(model, split=split, reference=place)
        assert error.value.__cause__ is None
        assert error.value.__suppress_context__
        assert str(error.value).startswith("the predictions could not be scored")
        assert place.name not in str(error.value)


def test_what_is_wrong_with_the_predictions_is_told(made: Path, tmp_path: Path) -> None:
    split = made / "hidden" / "public" / "split.zarr"
    opened = vcspec.open_split(split)
    with opened.writer(tmp_path / "bad.zarr") as writer:
        for condition in opened.conditions:
            shape = (opened.cells_per_condition, len(opened.features))
            writer[condition] = np.full(shape, -1, dtype=np.float32)
    reference = made / "hidden" / "private" / "reference.zarr"
    with pytest.raises(Invalid) as error:
        disclose(tmp_path / "bad.zarr", split=split, reference=reference)
    assert error.value.report.findings
    with pytest.raises(UsageError, match="of kind 'split'"):
        disclose(split, split=split, reference=reference)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["vcspec", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_commands_hide_and_disclose(
    made: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(
        monkeypatch, "split", made / "data.zarr", "--strategy", "holdout-perturbations",
        "--hold-out", "G05", "--hidden", "-o", tmp_path / "h",
    )  # fmt: skip
    assert code == 0
    said = capsys.readouterr().err
    assert "withheld" in said
    warned = [line for line in said.splitlines() if line.startswith("warning")]
    # A simulation has no source to take the truth from.
    assert all("no context has two tested conditions" in line for line in warned)
    assert {path.name for path in (tmp_path / "h").iterdir()} == {"public", "private"}
    split = made / "hidden" / "public" / "split.zarr"
    reference = made / "hidden" / "private" / "reference.zarr"
    known = ["--split", split, "--reference", reference, "--disclose", "headline"]
    assert run(monkeypatch, "score", model, *known) == 0
    out = capsys.readouterr().out
    assert "discrimination-cosine" in out
    assert "floor" not in out
    for view in ("--contexts", "--strata", "--calibration"):
        assert run(monkeypatch, "score", model, *known, view) == 2
    assert run(monkeypatch, "score", model, *known, "--format", "json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["kind"] == "disclosure"


def source_at(url: str) -> dict[str, Any]:
    """A source of a dataset."""
    return {"name": "all.h5ad", "url": url, "sha256": "0" * 64, "bytes": 1, "licence": "MIT"}


def test_an_open_source_is_warned_of(tmp_path: Path) -> None:
    source = source_at("https://example.org/all.h5ad")
    place = tmp_path / "data.zarr"
    document = tiny.dataset_document(sources=[source])
    write_dataset(place, document, tiny.curated(), overwrite=False)
    found = hidden(place, tmp_path / "hidden", plan())
    assert isinstance(found, Hidden)
    assert found.open_sources == ("https://example.org/all.h5ad",)
    assert found.leaks == ()
    assert (
        checked(str(tmp_path / "hidden" / "public" / "dataset.zarr"), "dataset").document["sources"]
        == []
    )


def test_what_is_disclosed_is_no_scorecard_and_it_is_said_what_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = tmp_path / "told.json"
    told.write_text('{"kind": "disclosure", "spec": "1.0"}', encoding="utf-8")
    assert run(monkeypatch, "verify", told) == 4
    assert "Give a scorecard, as `vcspec score -o CARD` writes one" in capsys.readouterr().err


def test_an_entrant_who_has_no_truth_is_told_that_it_is_withheld(
    made: Path, tmp_path: Path
) -> None:
    public = made / "hidden" / "public"
    opened = vcspec.open_split(public / "split.zarr")
    size = (opened.cells_per_condition, len(opened.features))
    with opened.writer(tmp_path / "mine.zarr") as out:
        for number, condition in enumerate(opened.conditions):
            out[condition] = np.random.default_rng(number).random(size)
    known = {"split": public / "split.zarr"}
    with pytest.raises(UsageError, match="withholds its truth: who runs the benchmark scores"):
        score(tmp_path / "mine.zarr", **known)
    with pytest.raises(UsageError, match=r"no cells of \d+ tested conditions.*withholds them"):
        score(tmp_path / "mine.zarr", dataset=public / "dataset.zarr", **known)


def test_the_public_part_of_measured_data_can_be_published(tmp_path: Path) -> None:
    source = source_at("s3://lab/all.h5ad")
    told = {"citations": [{"title": "Doe J et al., A screen, 2024"}], "sources": [source]}
    document = tiny.dataset_document(simulated=False, **told)
    write_dataset(tmp_path / "data.zarr", document, tiny.curated(), overwrite=False)
    hidden(tmp_path / "data.zarr", tmp_path / "hidden", plan())
    public = tmp_path / "hidden" / "public"
    for store in (public / "dataset.zarr", public / "split.zarr"):
        released = release(store, tmp_path / "place").release
        assert (released["sources"], released["citations"]) == ([], told["citations"])
    stated = checked(str(public / "dataset.zarr"), "dataset").document
    assert stated["part_of"] == {"id": "tiny", "version": "1.0.0"}


def test_a_feature_counted_in_withheld_cells_alone_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tiny.curated()
    counts = whole.rows.dense()
    counts[~np.isin(whole.obs["perturbation"], TESTED), 40] = 0
    counts[np.isin(whole.obs["perturbation"], TESTED), 40] = 3
    place = tmp_path / "data.zarr"
    changed = replace(whole, rows=rows_of_dense(counts))
    write_dataset(place, tiny.dataset_document(), changed, overwrite=False)
    code = run(
        monkeypatch, "split", place, "--strategy", "holdout-perturbations", "--no-difficulty",
        *(word for name in TESTED for word in ("--hold-out", name)),
        "--hidden", "-o", tmp_path / "h",
    )  # fmt: skip
    assert code == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(warned) == 1
    assert "the public part may tell of the truth: VCS706 answer-dependent-features, " in warned[0]
