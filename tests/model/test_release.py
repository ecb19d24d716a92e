"""What a release is named by."""

import pytest

from vcspec.model.errors import UsageError
from vcspec.model.release import ID, VERSION, is_document, named
from vcspec.standard import standard


@pytest.mark.parametrize(("name", "pattern"), [("id", ID), ("version", VERSION)])
def test_names_and_versions_are_as_the_schemas_have_them(name, pattern):
    schema = standard().schemas["common"]["$defs"][name]
    assert schema["pattern"] == f"^{pattern.pattern}$"


@pytest.mark.parametrize("text", ["tiny@01.0.0", "tiny@1234567890.0.0", "a/1.0.0.json@1.0.0"])
def test_what_no_release_has_names_none(text):
    with pytest.raises(UsageError, match="names no artefact"):
        named(text)


def test_only_documents_of_releases_are_taken_for_some():
    names = (
        "datasets/a/b/1.0.0.json",
        "datasets/1.0.0.json",
        "datasets/a/1.0.json",
        "x/a/1.0.0.json",
    )
    assert [is_document(name) for name in names] == [True, False, False, False]
