import hashlib
import json
from typing import Any

import numpy as np
import pytest

from vcspec.model.scorecard import Scorecard, first_difference, table_digest


def card(**changes: Any) -> Scorecard:
    metrics = {
        "mse": {"value": 0.25, "floor": {"baseline": "no-change", "value": 0.5}, "replicate": 0.1},
        "<b>": {"value": None, "floor": None, "replicate": None},
    }
    document = {
        "signature": "vcspec/1.0 <task>",
        "model": {"name": "<script>", "version": "1"},
        "metrics": metrics,
        **changes,
    }
    values = np.array([[0.25, 0.25], [np.nan, np.nan]])
    reasons = (("", ""), ("no-weights", "no-weights"))
    return Scorecard(document, ("mse", "<b>"), ("x|A", "y|A"), ("x", "y"), values, reasons)


def test_json_is_canonical() -> None:
    text = card().to_json()
    assert json.loads(text) == card().document
    assert text == json.dumps(
        card().document, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def test_a_value_is_that_of_the_document() -> None:
    assert card().value("mse") == 0.25
    assert card().value("<b>") is None
    assert card().signature == "vcspec/1.0 <task>"


def test_names_in_a_notebook_are_no_markup() -> None:
    found = card()._repr_html_()
    assert "<script>" not in found
    assert "<b>" not in found
    assert "0.25" in found
    assert "—" in found


def test_the_table_keeps_metrics_conditions_contexts_and_reasons() -> None:
    found = card().to_xarray()
    assert found["value"].sel(metric="mse", condition="x|A") == 0.25
    assert found["undefined"].sel(metric="<b>", condition="y|A") == "no-weights"
    assert list(found["context"].values) == ["x", "y"]


def test_the_digest_of_a_table_is_that_of_its_canonical_json() -> None:
    found = table_digest(["m"], ["x", "y"], np.array([[0.5, np.nan]]), [["", "why"]])
    whole = '{"conditions":["x","y"],"metrics":["m"],"reasons":[["","why"]],"values":[[0.5,null]]}'
    assert found == hashlib.sha256(whole.encode()).hexdigest()


@pytest.mark.parametrize(
    ("one", "other", "pointer"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ""),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "/a/b"),
        ({"a": 1}, {}, "/a"),
        ({}, {"a": 1}, "/a"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "/a"),
        ({"a": 1}, {"a": "1"}, "/a"),
        ({"a": None}, {"a": 0}, "/a"),
        (1, 2, "/"),
    ],
)
def test_the_first_difference_is_named(one: Any, other: Any, pointer: str) -> None:
    assert first_difference(one, other) == pointer
