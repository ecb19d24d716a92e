from xml.etree import ElementTree as ET

from vcspec.render.junit import junit


def suites_of(reports, rules):
    return ET.fromstring(junit(reports, rules)).findall("testsuite")


def outcomes(suite):
    return {
        case.get("name").split(" ")[0]: [child.tag for child in case]
        for case in suite.iter("testcase")
    }


def test_each_report_is_a_suite_with_a_case_for_each_rule(report, sound, rules):
    broken, clean = suites_of([report, sound], rules)
    assert broken.get("name") == "predictions.zarr"
    assert set(outcomes(broken)) == {*report.checked, *(rule.code for rule in report.skipped)}
    assert set(outcomes(clean)) == set(sound.checked)
    assert not any(outcomes(clean).values())


def test_cases_pass_fail_or_are_skipped(report, rules):
    (suite,) = suites_of([report], rules)
    by_code = outcomes(suite)
    assert by_code["VCS102"] == []
    assert by_code["VCS504"] == ["failure"]
    assert by_code["VCS511"] == ["skipped"]


def test_a_warning_passes_and_is_told(report, rules):
    (suite,) = suites_of([report], rules)
    assert outcomes(suite)["VCS301"] == ["system-out"]


def test_the_counts_are_those_of_the_cases(report, sound, unread, rules):
    root = ET.fromstring(junit([report, sound, unread], rules))
    for element in (root, *root):
        assert int(element.get("tests")) == len(list(element.iter("testcase")))
        assert int(element.get("failures")) == len(list(element.iter("failure")))
        assert int(element.get("errors")) == len(list(element.iter("error")))
        assert int(element.get("skipped")) == len(list(element.iter("skipped")))
    assert (root.get("failures"), root.get("errors")) == ("1", "1")


def test_what_could_not_be_checked_is_an_error_and_not_green(unread, rules):
    (suite,) = suites_of([unread], rules)
    assert outcomes(suite)["verdict"] == ["error"]


def test_cases_bear_the_names_of_the_rules(report, rules):
    (suite,) = suites_of([report], rules)
    names = {case.get("name") for case in suite}
    assert {"VCS102 index-missing", "VCS511 values-negative", "VCS601"} <= names


def test_hostile_strings_leave_the_xml_well_formed(hostile, rules):
    (suite,) = suites_of([hostile], rules)
    assert len(list(suite.iter("failure"))) == 1
