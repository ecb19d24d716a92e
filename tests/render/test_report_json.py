import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from vcspec.render.report_json import document, dumps, lines

SCHEMAS = Path(__file__).parents[2] / "spec" / "1.0" / "schemas"


@pytest.fixture(scope="module")
def schema():
    return json.loads((SCHEMAS / "report.schema.json").read_text("utf-8"))


def test_the_schema_is_a_schema(schema):
    Draft202012Validator.check_schema(schema)


def test_documents_satisfy_their_schema(schema, report, sound, unread, hostile):
    encoded = dumps(document([report, sound, unread, hostile]))
    Draft202012Validator(schema).validate(json.loads(encoded))


def test_lines_satisfy_their_schema(schema, report, unread, hostile):
    line_schema = {**schema, "$ref": "#/$defs/line"}
    for keyword in ("type", "properties", "required", "additionalProperties"):
        del line_schema[keyword]
    for line in lines([report, unread, hostile]):
        Draft202012Validator(line_schema).validate(json.loads(dumps(line)))


@pytest.mark.parametrize("where", [(), ("reports", 0), ("reports", 0, "findings", 0)])
def test_a_field_that_the_schema_does_not_know_is_refused(schema, report, where):
    broken = json.loads(dumps(document([report])))
    place = broken
    for step in where:
        place = place[step]
    place["surprise"] = 1
    assert not Draft202012Validator(schema).is_valid(broken)


def test_every_field_of_a_finding_arrives_unchanged(hostile):
    finding = json.loads(dumps(document([hostile])))["reports"][0]["findings"][0]
    assert finding["found"] == hostile.findings[0].found
    assert finding["path"] == hostile.findings[0].path
    assert finding["examples"] == list(hostile.findings[0].examples)


def test_the_exit_code_follows_the_verdict(report, sound, unread):
    codes = [one["exit_code"] for one in document([report, sound, unread])["reports"]]
    assert codes == [1, 0, 3]


def test_lines_are_the_findings_and_then_the_report_without_them(report, sound):
    types = [line["type"] for line in lines([report, sound])]
    assert types == ["finding", "finding", "report", "report"]


def test_lines_and_document_say_the_same(report):
    *findings, summary = lines([report])
    for line in findings:
        assert line.pop("type") == "finding"
        assert line.pop("target") == report.target
    assert summary.pop("type") == "report"
    assert {**summary, "findings": findings} == document([report])["reports"][0]
