"""Anchors: conditions that the scorer alone sees, from the command to the scorecard."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from support import tiny

import vcspec
from vcspec.actions.audit import audit
from vcspec.actions.curate import write_dataset
from vcspec.actions.hidden import hidden
from vcspec.actions.import_split import import_split
from vcspec.actions.reference import reference
from vcspec.actions.score import score
from vcspec.actions.training_data import open_training
from vcspec.actions.validate import validate
from vcspec.cli import main
from vcspec.model.curated import Curated
from vcspec.model.errors import Invalid, UsageError
from vcspec.standard import standard

ANCHORS = ["G01", "skin|G02"]
KEYS = {"liver|G01", "skin|G01", "skin|G02"}
PLAN: dict[str, Any] = {"parameters": {"hold_out": ["G05", "G06", "G07"], "anchors": ANCHORS}}


def roles(split: Path) -> dict[str, str]:
    table = anndata.read_zarr(split).obs
    return dict(zip(table.index, table["role"].astype(str), strict=True))


@pytest.fixture(scope="module")
def anchored(tmp_path_factory: pytest.TempPathFactory) -> tiny.Screen:
    return tiny.screen(tmp_path_factory.mktemp("anchored"), chosen=tiny.plan(**PLAN))


def test_anchors_are_given_and_recorded_and_nothing_else_changes(
    anchored: tiny.Screen, screen: tiny.Screen
) -> None:
    found, other = roles(anchored.split), roles(screen.split)
    assert {key for key, role in found.items() if role == "anchor"} == KEYS
    assert {key: role for key, role in found.items() if key not in KEYS} == {
        key: role for key, role in other.items() if key not in KEYS
    }
    stated = vcspec.open_split(anchored.split).document["strategy"]["parameters"]
    assert stated["anchors"] == ANCHORS


def test_anchors_are_neither_trained_on_nor_predicted(anchored: tiny.Screen) -> None:
    shown = open_training(anchored.split, anchored.dataset)
    visible = shown.conditions("train", "validation", "inference-input")
    assert not KEYS & {condition.key for condition in visible}
    with pytest.raises(UsageError, match="not for models to see"):
        shown.cells(vcspec.open_split(anchored.split).having("anchor")[0])
    writer = vcspec.open_split(anchored.split).writer(anchored.folder / "no.zarr")
    cells = np.random.default_rng(0).random((tiny.CELLS, tiny.FEATURES))
    with pytest.raises(UsageError, match="G02"), writer as out:
        out["skin|G02"] = cells
    more = dict(tiny.predicted(anchored)) | {"skin|G02": cells}
    place = tiny.predict_some(anchored, anchored.folder / "more.zarr", more)
    report = validate(place, split=anchored.split)
    assert (report.verdict, report.codes) == ("invalid", ("VCS502",))


def test_scores_are_those_of_a_split_that_excludes_what_are_anchors(
    anchored: tiny.Screen, tmp_path: Path
) -> None:
    lines = [
        f"{','.join(key.split('|'))},{'excluded' if role == 'anchor' else role}"
        for key, role in roles(anchored.split).items()
    ]
    (tmp_path / "roles.csv").write_text("\n".join(["context,perturbation,role", *lines]))
    import_split(
        anchored.dataset,
        tmp_path / "split.zarr",
        tmp_path / "roles.csv",
        tiny.plan(strategy="imported", parameters={}),
        claim="unseen-perturbation",
    )
    reference(tmp_path / "split.zarr", anchored.dataset, tmp_path / "ref.zarr")
    other = tiny.Screen(
        tmp_path, anchored.dataset, tmp_path / "split.zarr", tmp_path / "ref.zarr", tmp_path / "p"
    )
    tiny.predict(other, other.predictions, dict(tiny.predicted(other)))
    left, right = (
        score(one.predictions, split=one.split, reference=one.reference)
        for one in (anchored, other)
    )
    np.testing.assert_array_equal(left.values, right.values)
    assert left.document["metrics"] == right.document["metrics"]


def test_what_is_held_out_is_drawn_among_the_others(anchored: tiny.Screen, tmp_path: Path) -> None:
    singles = [name for name in tiny.SINGLES if name != "G01"]
    drawn: list[str] = []
    for fold in range(1, 8):
        plan = tiny.plan(parameters={"fold": f"{fold}/7", "anchors": ["G01"]})
        vcspec.split(anchored.dataset, tmp_path / "s.zarr", plan, overwrite=True)
        found = roles(tmp_path / "s.zarr")
        drawn += {key.split("|")[1] for key, role in found.items() if role == "test"}
        assert [found[f"{c}|G01"] for c in tiny.CONTEXTS] == ["anchor", "anchor"]
    assert sorted(drawn) == singles


@pytest.mark.parametrize(
    ("anchors", "error", "match"),
    [
        (["G1"], UsageError, "'G1' is no condition, perturbation or FIELD=VALUE .*near: .*G01"),
        (["context=livr"], UsageError, "near: context=liver"),
        (["G05"], UsageError, "'G05' is none of the perturbations"),
        (["context=liver", "context=skin"], UsageError, "all conditions are anchors"),
        (["control"], Invalid, "VCS411"),
    ],
)
def test_anchors_that_cannot_be_are_refused(
    screen: tiny.Screen, tmp_path: Path, anchors: list[str], error: type[Exception], match: str
) -> None:
    plan = tiny.plan(parameters={"hold_out": ["G05"], "anchors": anchors})
    with pytest.raises(error, match=match):
        vcspec.split(screen.dataset, tmp_path / "s.zarr", plan)
    assert not (tmp_path / "s.zarr").exists()


def test_what_anchors_alone_show_counts_as_not_seen(screen: tiny.Screen, tmp_path: Path) -> None:
    parameters = {"hold_out": ["skin"], "anchors": ["liver|G03"]}
    plan = tiny.plan(strategy="holdout-contexts", parameters=parameters)
    vcspec.split(screen.dataset, tmp_path / "s.zarr", plan)
    found = roles(tmp_path / "s.zarr")
    assert (found["liver|G03"], found["skin|G03"]) == ("anchor", "excluded")
    assert found["skin|G04"] == "test"


def test_anchors_stay_with_a_withheld_truth(screen: tiny.Screen, tmp_path: Path) -> None:
    hidden(screen.dataset, tmp_path / "out", tiny.plan(**PLAN))
    public = anndata.read_zarr(tmp_path / "out" / "public" / "dataset.zarr").obs
    keys = public["context"].astype(str) + "|" + public["perturbation"].astype(str)
    assert not KEYS & set(keys)
    assert {
        k for k, r in roles(tmp_path / "out/public/split.zarr").items() if r == "anchor"
    } == KEYS


def test_what_anchors_hold_does_not_decide_who_has_which_role(tmp_path: Path) -> None:
    """Branches of contexts, where every context has control cells of two guides."""
    draw = np.random.default_rng(0)
    contexts = ("a", "b", "c", "d")
    base = {name: draw.lognormal(1, 0.5, 20) for name in ("near", "far")}
    own = {name: base["near" if name in "ab" else "far"] for name in contexts}
    rows, labels = [], []
    for context in contexts:
        for label in ("control", "G00", "G01"):
            for guide in ("1", "2"):
                rows.append(draw.poisson(own[context] * 20, (4, 20)) + 1)
                labels += [(context, label, guide)] * 4
    fields = ("context", "perturbation", "guide")
    obs = dict(zip(fields, np.array(labels, dtype=object).T, strict=True))
    # The control cells of guide 2 say that a and c, and b and d, are near each other.
    misled = [name.astype(np.int32) for name in rows]
    for place, context in enumerate(contexts):
        misled[place * 6 + 1] = misled[place * 6 + 1] + np.int32(9000) * (
            np.arange(20) // 10 == (context in "ac")
        ).astype(np.int32)
    found = []
    for name, counts in (("plain", rows), ("misled", misled)):
        whole = Curated(
            tiny.rows_of_dense(np.concatenate(counts).astype(np.int32)),
            np.array([f"c{number}" for number in range(len(labels))], dtype=object),
            np.array([f"G{number:02d}" for number in range(20)], dtype=object),
            obs,
        )
        place, made = tmp_path / f"{name}.zarr", tmp_path / f"{name}-split.zarr"
        write_dataset(place, tiny.dataset_document(condition=list(fields)), whole, overwrite=False)
        plan = {"hold_out": ["a"], "branches": "2"}
        anchors = {"anchors": [f"{context}|control|2" for context in contexts]}
        for target, parameters in ((made, plan | anchors), (tmp_path / f"{name}-all.zarr", plan)):
            strategy = "holdout-context-branches"
            vcspec.split(place, target, tiny.plan(strategy=strategy, parameters=parameters))
        found.append(roles(made))
    assert found[0] == found[1]
    assert {key[0] for key, role in found[0].items() if role == "test"} == {"a", "b"}
    assert roles(tmp_path / "plain-all.zarr") != roles(tmp_path / "misled-all.zarr")


def planted(
    folder: Path,
    *,
    changed: int,
    spelled: str = "G01",
    fitted: tuple[dict[str, Any], ...] = (),
    silent: bool = False,
) -> Path:
    """A split where a seen cell of G03 is an anchor's, but for the counts of some features."""
    made = tiny.curated()
    counts = made.rows.dense().astype(np.int32) + 1
    obs = {name: values.copy() for name, values in made.obs.items()}
    here = {
        label: np.flatnonzero((obs["context"] == "liver") & (obs["perturbation"] == label))
        for label in ("G01", "G03")
    }
    counts[here["G03"]] = counts[here["G01"]]
    counts[here["G03"], :changed] += 1
    if silent:  # but in the anchors
        counts[~np.isin(obs["perturbation"], ["G01"]), 70] = 0
    obs["perturbation"][here["G01"][:5]] = spelled
    names = np.array([f"c{number}" for number in range(len(counts))], dtype=object)
    document = tiny.dataset_document(fitted=list(fitted))
    whole = Curated(tiny.rows_of_dense(counts), names, made.features, obs)
    write_dataset(folder / "data.zarr", document, whole, overwrite=False)
    vcspec.split(folder / "data.zarr", folder / "split.zarr", tiny.plan(**PLAN))
    return folder / "split.zarr"


PROJECTED = {"what": "projection", "method": "mine", "on": {"perturbation": ["G01"]}}


@pytest.mark.parametrize(
    ("planting", "code", "said"),
    [
        ({"changed": 40, "spelled": "g01"}, "VCS701", "tested or anchor conditions are seen ones"),
        ({"changed": 40, "fitted": (PROJECTED,)}, "VCS704", "on 2 tested or anchor conditions"),
        ({"changed": 40, "silent": True}, "VCS706", "features expressed in tested or anchor cells"),
        ({"changed": 0}, "VCS707", "10 tested or anchor cells have the values of a seen"),
        ({"changed": 1}, "VCS708", "10 tested or anchor cells are near copies"),
    ],
)
def test_an_audit_looks_for_anchors_among_what_is_seen(
    planting: dict[str, Any], code: str, said: str, tmp_path: Path
) -> None:
    report = audit(planted(tmp_path, **planting))
    assert report.codes == (code,)
    assert said in report.findings[0].found
    assert "tested or anchor and" in str(report.facts["copies"])


def test_the_command_takes_anchors(
    screen: tiny.Screen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: object) -> int:
        monkeypatch.setattr("sys.argv", ["vcspec", "split", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    beside = ["-o", tmp_path / "s.zarr", "--anchor", "G01", "--anchor", "skin|G02"]
    plan = ["--strategy", "holdout-perturbations", "--hold-out", "G05"]
    assert run(screen.dataset, *plan, *beside) == 0
    assert "anchor 3" in capsys.readouterr().err
    assert {key for key, role in roles(tmp_path / "s.zarr").items() if role == "anchor"} == KEYS
    assert run(screen.dataset, "--from", tmp_path / "x.csv", *beside) == 2
    assert "leave --anchor out" in capsys.readouterr().err


def test_every_role_of_the_standard_can_be_given(screen: tiny.Screen, tmp_path: Path) -> None:
    parameters = {"hold_out": ["skin"], "anchors": ["liver|G03"]}
    plan = tiny.plan(strategy="holdout-contexts", parameters=parameters)
    vcspec.split(screen.dataset, tmp_path / "a.zarr", plan)
    given = set(roles(tmp_path / "a.zarr").values())
    plan = tiny.plan(parameters={"fraction": "0.3", "validation": "0.3"})
    vcspec.split(screen.dataset, tmp_path / "b.zarr", plan)
    given |= set(roles(tmp_path / "b.zarr").values())
    assert given == set(standard().vocabularies["role"])
