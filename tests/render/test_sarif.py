from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest

from vcspec.render.sarif import RESULTS, log


def run_of(reports, rules):
    document = log(reports, rules)
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    return run


def uri_of(report, rules, target, path):
    finding = replace(report.findings[1], path=path)
    (result,) = run_of([replace(report, target=target, findings=(finding,))], rules)["results"]
    return result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]


def test_each_code_is_described_once_with_the_words_of_the_standard(report, sound, rules):
    run = run_of([report, sound, report], rules)
    described = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert list(described) == ["VCS301", "VCS504"]
    assert described["VCS504"]["shortDescription"]["text"] == rules["VCS504"]["what"]
    assert described["VCS504"]["helpUri"] == "https://vcspec.org/spec/1.0/rules#VCS504"
    assert described["VCS301"]["shortDescription"]["text"] == "licence-unknown"


def test_results_point_to_their_rule_and_have_its_level(report, rules):
    run = run_of([report], rules)
    for result in run["results"]:
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert result["ruleId"] == rule["id"]
        assert result["level"] == rule["defaultConfiguration"]["level"]
    assert [result["level"] for result in run["results"]] == ["error", "warning"]


def test_a_result_has_a_file_and_a_zarr_path_with_pointer(report, rules):
    warning = run_of([report], rules)["results"][1]["locations"][0]
    assert warning["physicalLocation"]["artifactLocation"]["uri"] == "predictions.zarr/zarr.json"
    assert warning["logicalLocations"] == [{"fullyQualifiedName": "/#/vcspec/licence"}]


@pytest.mark.parametrize(
    ("target", "path", "expected"),
    [
        ("out/p.zarr", "/var/_index", "out/p.zarr/var/_index/zarr.json"),
        ("./p.zarr/", "/X", "p.zarr/X/zarr.json"),
        (".", "/X", "X/zarr.json"),
        ("p.zarr", "/X/c/0/12", "p.zarr/X/zarr.json"),
        ("p.zarr", "/X/0.12", "p.zarr/X/zarr.json"),
        ("p.zarr", "/labels/0", "p.zarr/labels/0/zarr.json"),
        ("p.zarr", "/X/.zarray", "p.zarr/X/.zarray"),
        ("p.zarr", "/manifest.json", "p.zarr/manifest.json"),
        ("p.zarr", "/../../etc/passwd", "p.zarr/zarr.json"),
        ("a b#c?.zarr", "/obs/é:%", "a%20b%23c%3F.zarr/obs/%C3%A9%3A%25/zarr.json"),
        ("/data/p.zarr", "/", "file:///data/p.zarr/zarr.json"),
        ("C:\\data\\p.zarr", "/", "file:///C:/data/p.zarr/zarr.json"),
        ("s3://key:secret@bucket/p.zarr", "/X", "s3://bucket/p.zarr/X/zarr.json"),
    ],
)
def test_the_file_is_the_nearest_metadata_as_a_uri(report, rules, target, path, expected):
    assert uri_of(report, rules, target, path) == expected


def test_a_hostile_path_stays_inside_the_store(hostile, rules):
    for result in run_of([hostile], rules)["results"]:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
        assert ".." not in unquote(parts.path).split("/")
        assert "](" not in result["message"]["text"]


def test_fingerprints_tell_faults_apart_and_survive_a_move(report, rules):
    def prints(*reports):
        results = run_of(reports, rules)["results"]
        return [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]

    moved = replace(report, target="/elsewhere/predictions.zarr/")
    other = replace(report, target="other.zarr")
    assert prints(report) == prints(moved)
    assert len(set(prints(report, other))) == 4


def test_results_are_capped_with_errors_first_and_the_rest_is_noted(report, rules):
    warning, error = report.findings
    warnings = tuple(replace(warning, path=f"/{n}") for n in range(RESULTS + 2))
    run = run_of([replace(report, findings=(*warnings, error))], rules)
    assert len(run["results"]) == RESULTS
    assert run["results"][0]["ruleId"] == "VCS504"
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("3 more findings")


def test_a_check_that_did_not_finish_is_not_a_clean_run(sound, unread, rules):
    assert run_of([sound], rules)["invocations"][0]["executionSuccessful"]
    invocation = run_of([sound, unread], rules)["invocations"][0]
    assert not invocation["executionSuccessful"]
    assert "unknown" in invocation["toolExecutionNotifications"][0]["message"]["text"]
