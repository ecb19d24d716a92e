import json
from datetime import date
from math import inf

import pytest

from vcspec.model.errors import UsageError
from vcspec.render.entries import render_entry, render_rules

METRIC = {
    "title": "Mean squared error",
    "formula": "mean over features of (mean predicted − mean true)² [bold]",
    "range": [0.0, inf],
    "headline": True,
    "aliases": [],
    "since": date(2026, 1, 2),
    "anchors": {"floor": "mean", "replicate": {"halves": 2}},
    "examples": [{"truth": [1, 2], "value": 0.5}, {"truth": [3], "value": 1}],
}


def test_a_rule_shows_all_its_fields_in_their_order(rules):
    out = render_entry("rule", "VCS504", rules["VCS504"], "text")
    lines = out.split("\n")
    assert lines[0] == "rule VCS504"
    assert [line.split()[0] for line in lines[1:]] == list(rules["VCS504"])


def test_values_are_aligned_and_wrapped_text_is_indented():
    entry = {"name": "x", "because": "many words " * 30}
    lines = render_entry("rule", "VCS504", entry, "text", width=60).split("\n")[1:]
    assert len(lines) > 5
    assert max(map(len, lines)) <= 60
    assert {len(line) - len(line[9:].lstrip()) for line in lines} == {11}


def test_lists_are_joined_and_tables_nested():
    lines = render_entry("metric", "mse", METRIC, "text").split("\n")
    fields = [line.split(maxsplit=1) for line in lines]
    assert ["range", "0.0, inf"] in fields
    assert ["headline", "yes"] in fields
    assert ["aliases", "none"] in fields
    assert ["since", "2026-01-02"] in fields
    assert lines.index("  anchors") < lines.index("    replicate")
    assert [line for line in lines if line.startswith("      halves")]
    assert ["examples", "2"] in fields


def test_markup_in_an_entry_stays_as_it_is():
    assert "(mean predicted − mean true)² [bold]" in render_entry("metric", "m", METRIC, "text")


def test_an_entry_as_json_is_complete_and_strict():
    def refuse(constant):
        raise AssertionError(constant)

    out = json.loads(render_entry("metric", "mse", METRIC, "json"), parse_constant=refuse)
    assert (out["kind"], out["name"]) == ("metric", "mse")
    assert out["entry"]["range"] == [0.0, "inf"]
    assert out["entry"]["since"] == "2026-01-02"
    assert out["entry"]["headline"] is True
    assert out["entry"]["anchors"] == METRIC["anchors"]


def test_rules_are_a_line_each_under_a_header(rules):
    header, *lines = render_rules(rules, "text").split("\n")
    assert header.split() == ["code", "level", "kinds", "name", "what"]
    assert [line.split()[0] for line in lines] == sorted(rules)
    assert "Predictions hold every feature of the split." in lines[1]
    assert "\x1b" not in "".join(lines)


def test_rules_fit_a_terminal_when_its_width_is_given(rules):
    assert max(map(len, render_rules(rules, "text", width=60).split("\n"))) <= 60
    assert "\x1b" in render_rules(rules, "text", colour=True)


def test_rules_as_json_are_the_rules(rules):
    assert json.loads(render_rules(rules, "json")) == rules


def test_other_formats_are_usage_errors(rules):
    with pytest.raises(UsageError, match="choose text or json"):
        render_rules(rules, "sarif")
    with pytest.raises(UsageError, match="choose text or json"):
        render_entry("rule", "VCS504", rules["VCS504"], "html")
