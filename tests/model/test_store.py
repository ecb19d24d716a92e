import numpy as np
import pytest

from vcspec.model.store import Column, Damaged, Node, Skeleton, places


def test_a_grid_counts_stored_objects_along_each_axis() -> None:
    node = Node("/a/b", "array", 3, {}, shape=(10, 4, 0), chunks=(3, 4, 2))
    assert (node.grid, node.elements) == ((4, 1, 0), 0)
    assert list(node.object_names()) == []


@pytest.mark.parametrize("grid", [(), (3,), (2, 0), (2, 3, 1), (0,)])
def test_places_of_a_grid_are_numpys(grid: tuple[int, ...]) -> None:
    assert list(places(grid)) == list(np.ndindex(*grid))


@pytest.mark.parametrize(
    ("path", "key", "index", "name"),
    [
        ("/a/b", ("c", "/"), (1, 2), "a/b/c/1/2"),
        ("/a", ("c", "."), (1, 2), "a/c.1.2"),
        ("/a", ("", "."), (1, 2), "a/1.2"),
        ("/a", ("", "/"), (1, 2), "a/1/2"),
        ("/a", ("c", "/"), (), "a/c"),
        ("/a", ("", "."), (), "a/0"),
        ("/", ("c", "/"), (3,), "c/3"),
    ],
)
def test_an_object_is_named_by_its_place(
    path: str, key: tuple[str, str], index: tuple[int, ...], name: str
) -> None:
    assert Node(path, "array", 3, {}, key=key).object_name(index) == name


def test_elements_are_counted_without_overflow() -> None:
    assert Node("/a", "array", 3, {}, shape=(2**40, 2**40), chunks=(1, 1)).elements == 2**80


@pytest.mark.parametrize("found", [None, 5, [1], "split"])
def test_a_document_that_is_no_object_is_none(found: object) -> None:
    root = Node("/", "group", 3, {"vcspec": found})
    assert Skeleton({}, {"/": root}).document is None
    assert Skeleton({}, {}).document is None


def test_damage_says_where_and_why() -> None:
    error = Damaged("/X", "cut short")
    assert (error.path, error.reason, str(error)) == ("/X", "cut short", "/X: cut short")
    assert error.exit_code == 3


def test_a_column_is_as_long_as_its_values() -> None:
    assert len(Column("integer", np.arange(4))) == 4
