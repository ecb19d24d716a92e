from dataclasses import replace

import pytest

from vcspec.model.address import shown as named
from vcspec.render.report_text import LIMIT, LISTED, shown, text

ESC = "\x1b"


def test_the_verdict_stands_in_the_last_line(report, sound):
    last = text([report]).split("\n")[-1]
    assert last == "invalid: 1 error, 1 warning, 3 rules checked, 11 not checked"
    assert text([sound]).split("\n")[-1].startswith("valid: 0 errors, 0 warnings")


def test_a_finding_shows_place_found_expected_examples_and_remedy(report):
    lines = [line.split() for line in text([report]).split("\n")]
    start = lines.index(["error", "VCS504", "features-missing", "/var/_index", "3", "places"])
    labels = [line[0] for line in lines[start + 1 : start + 5]]
    assert labels == ["found", "expected", "examples", "hint"]
    assert lines[start + 3][-1] == "…"
    assert lines[start + 4][-3:] == ["(vcspec", "explain", "VCS504)"]


def test_errors_come_before_warnings(report):
    out = text([report])
    assert out.index("error VCS504") < out.index("warning VCS301")


def test_a_json_pointer_stands_behind_the_path(report):
    assert "licence-unknown  /#/vcspec/licence" in text([report])


def test_skipped_rules_share_a_line_for_each_reason(report):
    out = text([report])
    assert "11 rules not checked" in out
    assert out.count("needs VCS504") == 1
    assert "VCS516, … 4 more: needs VCS504" in out
    assert "VCS520" not in out


def test_nothing_is_coloured_or_wrapped_unless_asked(report, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    long = replace(report.findings[1], found="word " * 39)
    out = text([replace(report, findings=(long,))])
    assert ESC not in out
    assert ("word " * 39).rstrip() in out


def test_colour_comes_when_asked(report, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert ESC in text([report], colour=True)


@pytest.mark.parametrize("width", [40, 60, 100])
def test_wrapped_text_keeps_to_its_width_and_indents_what_follows(report, hostile, width):
    lines = text([report, hostile], width=width).split("\n")
    assert max(map(len, lines)) <= width
    assert not any(line.lstrip().startswith("::") for line in lines)


def test_wrapping_cannot_bring_a_workflow_command_to_the_start_of_a_line(report):
    found = replace(report.findings[1], found="a" * 30 + " ::stop-commands::x")
    out = text([replace(report, findings=(found,))], width=50)
    assert not any(line.lstrip().startswith("::") for line in out.split("\n"))
    assert r":\x3astop-commands" in out


def test_markup_and_emoji_codes_stay_as_they_are(report):
    found = replace(report.findings[1], found="[bold red]x[/] :smile: [link=a]b")
    assert "[bold red]x[/] :smile: [link=a]b" in text([replace(report, findings=(found,))])


def test_many_findings_are_cut_and_the_rest_is_counted(report):
    many = tuple(replace(report.findings[1], path=f"/{n}") for n in range(LISTED + 7))
    out = text([replace(report, findings=many)])
    assert out.count("error VCS504") == LISTED
    assert "7 more findings" in out
    assert f"{LISTED + 7} errors" in out


def test_several_reports_end_in_one_line_about_all(report, sound, unread):
    last = text([report, sound, unread, sound]).split("\n")[-1]
    assert last == "4 artefacts: 1 invalid, 2 valid, 1 unknown"


def test_a_store_that_declares_nothing_still_has_a_header(report):
    header = text([replace(report, kind="", spec="")]).split("\n")[0]
    assert header == "predictions.zarr  of no declared kind  level data"


@pytest.mark.parametrize("char", ["\x1b", "\n", "\r", "\x7f", "\x9b", "\u202e", "\u2028", "\ud800"])
def test_what_cannot_be_seen_is_spelt_out(char):
    assert shown(f"a{char}b") == f"a{char.encode('unicode_escape').decode()}b"


def test_a_long_string_is_cut_with_a_mark():
    assert shown("x" * LIMIT) == "x" * LIMIT
    assert shown("x" * (LIMIT + 1)) == "x" * (LIMIT - 1) + "…"
    assert len(shown("\x1b" * 10**6)) == LIMIT


def test_letters_of_any_script_are_shown_as_they_are():
    assert shown("TNF-α 细胞 é") == "TNF-α 细胞 é"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("s3://key:secret@bucket/x@1.zarr", "s3://bucket/x@1.zarr"),
        ("https://host/x.zarr?sig=secret", "https://host/x.zarr"),
        ("what?/me@home.zarr", "what?/me@home.zarr"),
    ],
)
def test_a_url_loses_its_secrets_and_a_path_loses_nothing(target, expected):
    assert named(target) == expected
