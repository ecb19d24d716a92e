from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from support import tiny

from vcspec.actions.beside import read_table
from vcspec.actions.predict import open_split
from vcspec.actions.split import card_plan, split
from vcspec.actions.validate import checked, validate
from vcspec.cards import split_card, split_ids
from vcspec.model.errors import Invalid, UnknownName, UsageError
from vcspec.storage.sealing import sealed_content


def made(screen: tiny.Screen, tmp_path: Path, **changes: Any) -> anndata.AnnData:
    split(screen.dataset, tmp_path / "split.zarr", tiny.plan(**changes))
    return anndata.read_zarr(tmp_path / "split.zarr")


def test_a_split_gives_every_condition_of_the_dataset_one_role(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    found = made(screen, tmp_path)
    data = anndata.read_zarr(screen.dataset)
    keys = data.obs["context"].astype(str) + "|" + data.obs["perturbation"].astype(str)
    assert list(found.obs_names) == list(dict.fromkeys(keys))
    tested = found.obs_names[found.obs["role"] == "test"]
    assert list(tested) == [f"{c}|G0{n}" for c in tiny.CONTEXTS for n in (5, 6, 7)]
    excluded = found.obs_names[found.obs["role"] == "excluded"]
    assert list(excluded) == [f"{c}|G04+G05" for c in tiny.CONTEXTS]
    assert set(found.obs["reason"][excluded]) == {"combination of a held-out perturbation"}
    assert list(found.var_names) == list(data.var_names)
    targets = found.var_names[found.var["is_target"].to_numpy(bool)]
    assert list(targets) == list(tiny.SINGLES)


def test_a_split_pins_the_dataset_and_says_how_it_was_made(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    document = made(screen, tmp_path, parameters={"fraction": "0.3"}, seed=4).uns
    assert document == {}
    found = open_split(tmp_path / "split.zarr").document
    pin = {"id": "tiny", "version": "1.0.0", "content": sealed_content(screen.dataset)}
    assert found["datasets"] == [pin]
    assert found["strategy"] == {
        "name": "holdout-perturbations",
        "seed": 4,
        "parameters": {"fraction": "0.3"},
    }
    assert found["values"] == {"space": "log1p", "target_sum": 1_000, "total": "features"}
    assert (found["claim"], found["simulated"]) == ("unseen-perturbation", True)


def test_a_strategy_is_taken_by_another_word_for_it_and_stated_by_its_name(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    for word, name in (
        ("unseen_single", "holdout-perturbations"),
        ("Combo_Seen2", "holdout-combinations"),
    ):
        target = tmp_path / f"{word}.zarr"
        split(screen.dataset, target, tiny.plan(strategy=word, parameters={"fraction": "0.5"}))
        assert open_split(target).document["strategy"]["name"] == name


def test_a_split_is_valid_and_the_same_every_time(screen: tiny.Screen, tmp_path: Path) -> None:
    one = split(screen.dataset, tmp_path / "one.zarr", tiny.plan())
    two = split(screen.dataset, tmp_path / "two.zarr", tiny.plan())
    assert one == two == sealed_content(screen.split)
    report = validate(tmp_path / "one.zarr", level="full", dataset=screen.dataset)
    assert (report.verdict, report.codes) == ("valid", ())


def test_the_usual_number_of_cells_is_that_of_the_training_conditions(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    made(screen, tmp_path, cells_per_condition=0)
    assert open_split(tmp_path / "split.zarr").cells_per_condition == tiny.CELLS


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"parameters": {"hold_out": ["G99"]}}, "G99"),
        ({"parameters": {"hold_outs": ["G01"]}}, "no parameter 'hold_outs'"),
        ({"parameters": {"fraction": "a third"}}, "fraction is 'a third'"),
        ({"parameters": {"fraction": ["0.2"]}}, "fraction is"),
        ({"parameters": {"fraction": "nan"}}, "fraction is nan"),
        ({"parameters": {"fraction": "0.2", "validation": "x"}}, "validation is 'x'"),
        ({"parameters": {}}, "fraction is 0"),
    ],
)
def test_a_plan_that_matches_nothing_writes_nothing(
    changes: dict[str, Any], match: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=match):
        split(screen.dataset, tmp_path / "split.zarr", tiny.plan(**changes))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("stated", "text", "told"),
    [
        (
            {"strategy": "cut-off", "parameters": {"after": "2023-01-02"}},
            "perturbation,date\nG00,2023-01-01\nG01,2023-01-03\n",
            "2 tested contexts without a known control .VCS411.; nothing was written",
        ),
        (
            {"strategy": "holdout-groups", "parameters": {"hold_out": ["G00"]}},
            "perturbation,group\nG00,one\u202e\nG01,two\n",
            "has a control or invisible character .VCS116.; nothing was written",
        ),
    ],
)
def test_a_split_that_breaks_a_rule_is_not_written(
    stated: dict[str, Any], text: str, told: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    (tmp_path / "table.csv").write_text(text)
    plan = tiny.plan(**stated, beside=read_table(tmp_path / "table.csv"))
    with pytest.raises(Invalid, match=told) as error:
        split(screen.dataset, tmp_path / "split.zarr", plan)
    assert error.value.report is not None
    assert error.value.report.target == str(tmp_path / "split.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"id": "My split"}, "/id"),
        ({"version": "1"}, "/version"),
        ({"title": ""}, "/title"),
        ({"seed": -1}, "/strategy/seed"),
        ({"seed": 2**53}, "/strategy/seed"),
        ({"cells_per_condition": 1}, "/cells_per_condition"),
        ({"target_sum": 0}, "/values"),
    ],
)
def test_a_plan_that_no_document_holds_writes_nothing(
    changes: dict[str, Any], place: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"no split can be written with {place}: .*; expected: "):
        split(screen.dataset, tmp_path / "split.zarr", tiny.plan(**changes))
    assert not list(tmp_path.iterdir())


def test_a_strategy_that_does_not_exist_is_an_error(screen: tiny.Screen, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="holdout-contexts"):
        split(screen.dataset, tmp_path / "split.zarr", tiny.plan(strategy="holdout-context"))


def test_one_name_may_be_given_as_text(screen: tiny.Screen, tmp_path: Path) -> None:
    found = made(screen, tmp_path, parameters={"hold_out": "G05"})
    tested = found.obs["perturbation"][(found.obs["role"] == "test").to_numpy()]
    assert set(tested) == {"G05"}


def test_a_fold_is_held_out_and_written_down(screen: tiny.Screen, tmp_path: Path) -> None:
    tested = []
    for fold in ("1/2", "2/2"):
        target = tmp_path / f"{fold[0]}.zarr"
        split(screen.dataset, target, tiny.plan(parameters={"fold": fold}))
        opened = checked(str(target), "split")
        assert opened.document["strategy"]["parameters"] == {"fold": fold}
        roles = opened.column("obs", "role").values
        conditions = zip(opened.conditions, roles, strict=True)
        tested.append({found.perturbation for found, role in conditions if role == "test"})
    assert tested[0]
    assert tested[1]
    assert not tested[0] & tested[1]
    single = {c.perturbation for c in opened.conditions if len(c.members) == 1}
    assert tested[0] | tested[1] == single - {opened.document["control"]}


@pytest.mark.parametrize("fold", ["2", "0/2", "2/5/7", "two of five", "-1/2"])
def test_a_fold_that_cannot_be_read_is_an_error(
    fold: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="such as 2/5"):
        split(screen.dataset, tmp_path / "split.zarr", tiny.plan(parameters={"fold": fold}))


@pytest.mark.parametrize("other", [{"fraction": "0.5"}, {"hold_out": "A"}])
def test_a_fold_is_taken_alone(other: dict[str, str], screen: tiny.Screen, tmp_path: Path) -> None:
    (name,) = other
    plan = tiny.plan(parameters={**other, "fold": "1/2"})
    with pytest.raises(UsageError, match=f"both {name} and fold are given"):
        split(screen.dataset, tmp_path / "split.zarr", plan)


def test_only_a_sound_dataset_is_split(screen: tiny.Screen, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is of kind 'split'"):
        split(screen.split, tmp_path / "split.zarr", tiny.plan())


def test_a_card_of_the_library_is_a_plan() -> None:
    for name in split_ids():
        card = split_card(name)
        plan = card_plan(card)
        assert (plan.id, plan.version, plan.seed) == (name, card.version, card.document["seed"])
        assert plan.target_sum == card.document["scoring"].get("target_sum", 10_000)
        assert np.asarray(list(plan.parameters)).size
