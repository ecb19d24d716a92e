"""Names and versions of releases."""

import pytest

from vcspec.model.errors import UsageError
from vcspec.model.release import ID, VERSION, Named, is_document, named, needed, path_of, step
from vcspec.standard import standard


def release(content: str, **elements: str) -> dict[str, object]:
    return {"content": content, "elements": elements}


def test_a_name_has_an_id_and_may_have_a_version():
    assert named("kang-ifnb@1.0.0") == Named("kang-ifnb", "1.0.0")
    assert named("kang-ifnb/unseen-context") == Named("kang-ifnb/unseen-context", "")


@pytest.mark.parametrize("text", ["", "Kang", "kang@", "kang@1", "../kang@1.0.0", "a@1.0.0@2.0.0"])
def test_other_text_names_nothing(text):
    with pytest.raises(UsageError, match="ID@VERSION"):
        named(text)


def test_each_kind_has_releases_of_its_own():
    assert path_of("releases", "split", "a/b", "1.0.0") != path_of(
        "releases", "reference", "a/b", "1.0.0"
    )


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [("1.0.0", "1.0.1", "patch"), ("1.9.9", "1.10.0", "minor"), ("1.9.9", "2.0.0", "major")],
)
def test_a_version_says_what_was_raised(old, new, change):
    assert step(old, new) == change


OLD = release("c1", X="a", obs="b")
CHANGES = {
    "the same content, encoded anew": (release("c1", X="a", obs="b"), "patch"),
    "an element more": (release("c2", X="a", obs="b", layers="c"), "minor"),
    "another value": (release("c2", X="z", obs="b"), "major"),
    "an element more, and another value": (release("c2", X="z", obs="b", layers="c"), "major"),
    "an element less": (release("c2", X="a"), "major"),
    "another document": (release("c2", X="a", obs="b"), "major"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_digests_say_what_must_be_raised(name):
    new, change = CHANGES[name]
    assert needed(OLD, new) == change


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
