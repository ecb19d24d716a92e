from dataclasses import replace

import pytest

from vcspec.render.github import annotations

DECODE = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}


def read(line):
    """A workflow command as the runner reads it: command, properties, message."""
    _, head, message = line.split("::", 2)
    command, _, properties = head.partition(" ")
    pairs = dict(pair.split("=", 1) for pair in properties.split(","))
    return command, {k: decoded(v) for k, v in pairs.items()}, decoded(message)


def decoded(text):
    for token, char in DECODE.items():
        text = text.replace(token, char)
    return text


def test_each_finding_is_an_annotation_of_its_level_and_errors_come_first(report):
    commands = [read(line) for line in annotations([report])]
    assert [command for command, _, _ in commands] == ["error", "warning", "notice"]
    assert commands[0][1] == {"title": "VCS504 features-missing"}
    assert "predictions.zarr /var/_index: 997 features" in commands[0][2]


def test_the_last_annotation_of_a_report_is_its_verdict(report, sound, unread):
    last = [read(list(annotations([one]))[-1]) for one in (report, sound, unread)]
    assert [command for command, _, _ in last] == ["notice", "notice", "error"]
    assert ["invalid" in last[0][2], ": valid" in last[1][2], "unknown" in last[2][2]] == [True] * 3


@pytest.mark.parametrize("text", ["100 % of a, b: c", "%0A::error::", "a::b,c=d"])
def test_special_characters_come_back_as_they_were(report, text):
    finding = replace(report.findings[1], found=text, name=text)
    command, properties, message = read(next(annotations([replace(report, findings=(finding,))])))
    assert command == "error"
    assert properties == {"title": f"VCS504 {text}"}
    assert text in message


def test_an_annotation_is_one_line(hostile):
    assert not any("\n" in line or "\r" in line for line in annotations([hostile]))
