import pytest

from vcspec.render.licences import is_choice, licence_ids, licence_url


@pytest.mark.parametrize(
    ("expression", "identifiers", "choice"),
    [
        ("CC-BY-4.0", ("CC-BY-4.0",), True),
        ("mit OR apache-2.0", ("MIT", "Apache-2.0"), True),
        ("(MIT) AND (GPL-3.0-only)", ("MIT", "GPL-3.0-only"), False),
        ("MIT OR (MIT AND BSD-3-Clause)", ("MIT", "BSD-3-Clause"), False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0-only",), False),
        ("LicenseRef-own", ("LicenseRef-own",), True),
    ],
)
def test_an_expression_is_taken_apart(expression, identifiers, choice):
    assert licence_ids(expression) == identifiers
    assert is_choice(expression) is choice


def test_licences_off_the_list_have_no_page_on_it():
    assert licence_url("CC0-1.0") == "https://spdx.org/licenses/CC0-1.0.html"
    assert licence_url("LicenseRef-own") == ""
