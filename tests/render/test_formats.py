import subprocess
import sys

import pytest

import vcspec.render
from vcspec.model.errors import UsageError
from vcspec.render import FORMATS, render_report, render_reports


@pytest.fixture(autouse=True)
def bundled(monkeypatch, rules):
    """The rules of these tests stand in for those of the standard."""
    standard = type("Standard", (), {"rules": rules, "leaks": {}})
    monkeypatch.setattr(vcspec.render, "standard", lambda: standard)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_renders_findings_nothing_and_many(format, report, sound, unread):
    assert "VCS504" in render_report(report, format)
    assert render_report(sound, format) == render_reports([sound], format)
    assert not render_reports([report, sound, unread], format).endswith("\n")
    render_reports([], format)


def test_an_unknown_format_is_a_usage_error_that_names_the_known_ones(report):
    with pytest.raises(UsageError, match="'yaml'; choose one of text, json"):
        render_report(report, "yaml")


@pytest.mark.parametrize("format", FORMATS)
def test_strings_of_artefacts_reach_neither_terminal_nor_build_server(format, hostile):
    out = render_report(hostile, format)
    out.encode("utf-8")
    assert all(c.isprintable() or c == "\n" for c in out)
    assert "##" not in out
    commands = [line for line in out.split("\n") if line.lstrip().startswith("::")]
    assert len(commands) == (3 if format == "github" else 0)


def test_importing_the_room_does_not_import_rich():
    code = "import sys, vcspec.render, vcspec.render.entries; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
