"""What a conformance case cannot make: links and pipes, and sizes that no store has."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from vcspec.actions.validate import validate
from vcspec.model.store import Node
from vcspec.rules.container import decoded_chunk_bytes, grid_problem, name_problem
from vcspec.standard import standard

STORES = Path(__file__).parents[2] / "spec" / "1.0" / "conformance" / "stores"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    place = tmp_path / "dataset.zarr"
    shutil.copytree(STORES / "dataset.zarr", place)
    return place


def codes(place: Path) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in validate(place).findings]


def test_a_pipe_is_refused_and_never_opened(store):
    (store / "README.txt").unlink()
    os.mkfifo(store / "README.txt")
    assert codes(store) == [("VCS006", "/README.txt")]


def test_a_link_to_a_folder_is_refused_and_not_followed(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_text("x")
    (store / "more").symlink_to(tmp_path / "elsewhere")
    assert codes(store) == [("VCS006", "/more")]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("X/c/0", ""),
        ("obs/größe/c/0", ""),
        ("../X", "a segment that is empty, `.` or `..`"),
        ("X//c", "a segment that is empty, `.` or `..`"),
        ("X/./c", "a segment that is empty, `.` or `..`"),
        ("X\\c", "a backslash or control character"),
        ("X\n", "a backslash or control character"),
        ("X\u202e", "a backslash or control character"),
        ("e\u0301", "not in Unicode NFC"),
        ("x" * 1025, "longer than 1024 bytes"),
        ("ü" * 600, "longer than 1024 bytes"),
    ],
)
def test_names_that_mean_different_files_on_different_systems(name, problem):
    assert name_problem(name, 1024) == problem


@pytest.mark.parametrize(
    ("data_type", "size"),
    [
        ("float32", 4), ("int64", 8), ("bool", 1), ("string", 8),
        ("fixed_length_utf32", 8), ("bfloat16", 8), ("int4", 8), ("|S10", 8), ("float128", 8),
    ],
)  # fmt: skip
def test_the_size_of_any_data_type_is_known(data_type, size):
    node = Node("/X", "array", 3, {}, shape=(9, 9), chunks=(2, 5), data_type=data_type)
    assert decoded_chunk_bytes(node) == 10 * size


@pytest.mark.parametrize(
    ("shape", "chunks", "inner", "sound"),
    [
        ((9, 9), (2, 5), (), True),
        ((), (), (), True),
        ((9,), (4,), (2,), True),
        ((9,), (4,), (3,), False),
        ((9,), (4,), (0,), False),
        ((9,), (4,), (2, 2), False),
        ((9, 9), (4,), (), False),
    ],
)
def test_chunks_and_shards_fit_each_other(shape, chunks, inner, sound):
    node = Node("/X", "array", 3, {}, shape=shape, chunks=chunks, inner_chunks=inner)
    assert (grid_problem(node) == "") == sound


@pytest.mark.parametrize("name", sorted(set(standard().limits["data_types"]) - {"string"}))
def test_an_element_has_as_many_bytes_as_numpy_gives_it(name):
    node = Node("/a", "array", 3, {}, shape=(1,), chunks=(1,), data_type=name)
    assert decoded_chunk_bytes(node) == np.dtype(name).itemsize
