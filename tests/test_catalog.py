import pytest

from vcspec.catalog import Catalog
from vcspec.model.errors import UnknownName


def catalog() -> Catalog[object]:
    return Catalog("fruit", ["apple", "pear"])


def test_what_is_claimed_is_found_under_its_name() -> None:
    found = catalog()

    @found.claim("apple")
    def code() -> int:
        return 1

    assert found["apple"] is code
    assert code() == 1
    assert found.unclaimed() == {"pear"}


def test_a_name_that_the_standard_does_not_define_cannot_be_claimed() -> None:
    with pytest.raises(UnknownName, match="no fruit 'aple'; near: apple; "):
        catalog().claim("aple")


def test_a_name_that_the_standard_does_not_define_cannot_be_asked_for() -> None:
    with pytest.raises(UnknownName, match="no fruit 'zzz'; `vcspec explain fruit` lists all"):
        catalog()["zzz"]


def test_another_word_for_a_thing_is_answered_with_its_name() -> None:
    found: Catalog[object] = Catalog("fruit", {"apple": {"also": ["pomme"]}, "pear": {}})
    with pytest.raises(UnknownName, match="calls the fruit apple, not 'Pomme'"):
        found["Pomme"]


def test_another_word_for_a_thing_has_the_name_of_the_standard() -> None:
    found: Catalog[object] = Catalog("fruit", {"apple": {"also": ["pomme"]}, "pear": {}})
    assert [found.named(name) for name in ("apple", "Pomme", "pear")] == ["apple", "apple", "pear"]
    with pytest.raises(UnknownName, match="no fruit 'poire'"):
        found.named("poire")


def test_a_name_is_claimed_once() -> None:
    found = catalog()
    found.claim("apple")(1)
    with pytest.raises(LookupError, match="already"):
        found.claim("apple")(2)
    assert found["apple"] == 1
