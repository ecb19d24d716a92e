"""What a claim asks of the roles, on tables that break it."""

from types import SimpleNamespace
from typing import Any

import numpy as np

import vcspec.rules.whole  # noqa: F401 - importing it claims every rule
from vcspec.model.condition import Condition
from vcspec.rules.book import RULES
from vcspec.standard import standard


def faults(
    code: str, claim: str, *rows: tuple[str, ...], fields: str = "context perturbation"
) -> list[str]:
    """What the rule finds of conditions written `a|b role [group]`."""
    names = fields.split()
    keys, roles = [row[0] for row in rows], [row[1] for row in rows]
    groups = [row[2] for row in rows if len(row) > 2]
    columns = {"role": roles, "group": groups}

    def column(_: str, name: str) -> Any:
        return SimpleNamespace(values=np.array(columns[name], dtype=object))

    subject: Any = SimpleNamespace(
        document={"claim": claim, "control": "c"},
        standard=standard(),
        conditions=[Condition(tuple(zip(names, key.split("|"), strict=True))) for key in keys],
        column=column,
        has_column=lambda _, name: bool(columns.get(name)),
    )
    return [example for fault in RULES[code](subject) for example in fault.examples]


BASE = (("x|c", "train"), ("x|A", "train"), ("x|B", "train"))


def test_one_member_is_new() -> None:
    claim = "unseen-combination-one-seen"
    assert faults("VCS416", claim, *BASE, ("x|A+N", "test")) == []
    assert faults("VCS416", claim, *BASE, ("x|A+B", "test")) == ["x|A+B"]
    assert faults("VCS416", claim, *BASE, ("x|M+N", "test")) == ["x|M+N"]
    assert faults("VCS416", claim, *BASE, ("x|N", "test")) == ["x|N"]
    # Seen in a combination is not alone, and not new either.
    combined = ("x|A+D", "train")
    assert faults("VCS416", claim, *BASE, combined, ("x|D+N", "test")) == ["x|D+N"]
    assert faults("VCS416", "unseen-combination", *BASE, ("x|M+N", "test")) == []


def test_a_single_is_seen_in_combinations_only() -> None:
    claim = "single-from-combinations"
    combined = ("x|A+N", "train")
    assert faults("VCS417", claim, *BASE, combined, ("x|N", "test")) == []
    assert faults("VCS417", claim, *BASE, ("x|N", "test")) == ["x|N"]
    seen = ("y|N", "validation")
    assert faults("VCS417", claim, *BASE, combined, seen, ("x|N", "test")) == ["x|N"]


def test_a_pair_is_new_and_its_context_seen() -> None:
    for claim in ("few-shot-context", "covariate-transfer"):
        held = (*BASE, ("y|c", "train"), ("y|A", "train"), ("y|B", "test"))
        assert faults("VCS418", claim, *held) == faults("VCS419", claim, *held) == []
        dosed = [
            (f"{key}|{dose}", role)
            for dose, (key, *_), role in ((1, ("x|B",), "test"), (2, ("x|B",), "train"))
        ]
        assert faults("VCS418", claim, *dosed, fields="context perturbation dose") == ["x|B|2"]
        control_only = (*BASE, ("y|c", "train"), ("y|B", "test"))
        assert faults("VCS419", claim, *control_only) == ["y|B"]


def test_donors_and_batches_are_new() -> None:
    for code, claim, field in (
        ("VCS420", "unseen-donor", "donor"),
        ("VCS421", "unseen-batch", "batch"),
    ):
        fields = f"context perturbation {field}"
        sound = (("x|A|1", "train"), ("x|c|2", "inference-input"), ("x|A|2", "test"))
        assert faults(code, claim, *sound, fields=fields) == []
        leaky = (("x|A|1", "train"), ("x|c|2", "train"), ("x|A|2", "test"))
        assert faults(code, claim, *leaky, fields=fields) == ["x|c|2"]


DOSES = "context perturbation dose dose_unit"


def test_extrapolation_is_outside_what_is_seen() -> None:
    seen = (("x|A|1|uM", "train"), ("x|A|5|uM", "validation"), ("x|c|0|-", "train"))
    rows = (*seen, ("x|A|6000|nM", "test"), ("x|A|0.5|uM", "test"))
    assert faults("VCS422", "dose-extrapolation", *rows, fields=DOSES) == []
    rows = (*seen, ("y|A|5000|nM", "test"), ("x|A|2|uM", "test"), ("x|B|9|uM", "test"))
    bad = ["y|A|5000|nM", "x|A|2|uM", "x|B|9|uM"]
    assert faults("VCS422", "dose-extrapolation", *rows, fields=DOSES) == bad


def test_interpolation_is_between_what_is_seen() -> None:
    seen = (("x|A|1|uM", "train"), ("x|A|5|uM", "train"))
    assert faults("VCS423", "dose-interpolation", *seen, ("x|A|2|uM", "test"), fields=DOSES) == []
    rows = (*seen, ("x|A|9|uM", "test"), ("y|A|5|uM", "test"))
    bad = ["x|A|9|uM", "y|A|5|uM"]
    assert faults("VCS423", "dose-interpolation", *rows, fields=DOSES) == bad


def test_a_group_is_on_one_side() -> None:
    rows = (("x|c", "train", "-"), ("x|A", "train", "g"), ("x|B", "test", "h"))
    assert faults("VCS424", "unseen-group", *rows) == []
    assert faults("VCS424", "unseen-group", *rows, ("x|D", "test", "g")) == ["x|A"]
    assert faults("VCS424", "unseen-group", *rows, ("x|D", "test", "-")) == ["x|D"]


def test_a_split_without_groups_cannot_claim_one() -> None:
    assert faults("VCS424", "unseen-group", *BASE, ("x|D", "test")) == ["x|D"]


def test_what_is_tested_is_later() -> None:
    rows = (("x|c", "train", "2020-01-01"), ("x|A", "train", "2021-01-01"))
    late, same = ("x|B", "test", "2021-01-02"), ("x|D", "test", "2021-01-01")
    assert faults("VCS425", "after-cut-off", *rows, late) == []
    assert faults("VCS425", "after-cut-off", *rows, late, same) == ["x|D"]


def test_another_replicate_is_trained_on() -> None:
    fields = "context perturbation replicate"
    rows = (("x|A|1", "train"), ("x|A|2", "test"))
    assert faults("VCS426", "same-condition", *rows, fields=fields) == []
    bad = faults("VCS426", "same-condition", *rows, ("y|A|2", "test"), fields=fields)
    assert bad == ["y|A|2"]
