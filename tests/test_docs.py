"""Generated tables."""

import pytest

from vcspec import docs
from vcspec.standard import standard


def test_every_page_is_fresh(capsys):
    assert docs.main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_a_table_is_made_anew_and_the_rest_is_kept():
    text = "before\n<!-- generated: limits -->\nold\n<!-- end -->\nafter\n"
    fresh = docs.filled(text, standard())
    assert fresh.startswith("before\n<!-- generated: limits -->\n| limit | value |")
    assert fresh.endswith("<!-- end -->\nafter\n")
    assert "old" not in fresh
    assert docs.filled(fresh, standard()) == fresh


def test_an_unknown_table_is_an_error():
    with pytest.raises(KeyError):
        docs.filled("<!-- generated: nothing -->\n<!-- end -->", standard())


@pytest.mark.parametrize("name", docs.TABLES)
def test_every_table_stands_on_some_page(name):
    texts = [page.read_text(encoding="utf-8") for page, _ in docs.pages()]
    assert any(f"<!-- generated: {name} -->" in text for text in texts)


def test_what_no_metric_could_judge_is_no_pass(monkeypatch):
    counts = {"mae": [0, 0, 0, 0], "mse": [3, 60, 0, 0], "rmse": [1, 60, 2, 40]}
    monkeypatch.setitem(standard().__dict__, "invariance", {"a/b": counts})
    rows = docs.invariance(standard()).splitlines()[2:5]
    assert rows == ["| rmse | 1 of 60 | 2 of 40 |", "| mse | 3 of 60 | — |", "| mae | — | — |"]


def test_a_page_tells_every_digit_of_a_parameter():
    table = docs.metric_pages(standard())
    assert "deviates = 1.959964" in table
    assert "epsilon = 1e-09" in table


def test_a_page_tells_what_random_predictions_score_beyond_the_null():
    table = docs.metric_pages(standard())
    page = table.split("### clustering-agreement-best\n")[1].split("\n### ")[0]
    assert f"| Random predictions | {standard().chance['clustering-agreement-best']} |" in page
    assert table.count("| Random predictions |") == len(standard().chance)
