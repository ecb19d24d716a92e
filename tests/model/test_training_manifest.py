"""Hashes that a manifest by another hand may list."""

import base64
from typing import Any

import numpy as np
import pytest

from vcspec.model.training_manifest import TrainingManifest, encoded


def listing(hashes: str, **cells: Any) -> TrainingManifest:
    return TrainingManifest({"cells": {"hashes": hashes, "hashed": 9, "one_in": 1, **cells}})


def of(*hashes: int) -> str:
    return encoded(np.array(hashes, dtype=np.uint64))


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (listing(""), ""),
        (listing(of(1, 2, 2**64 - 1)), ""),
        (listing(of(2**63 - 1), one_in=2), ""),
        (listing(of(2**63), one_in=2), "more than one in 2"),
        (listing(of(2, 1)), "hashes that do not rise"),
        (listing(of(1, 1)), "hashes that do not rise"),
        (listing(of(1, 2), hashed=1), "2 hashes of 1 cells"),
        (listing(base64.b64encode(b"nine byte").decode()), "hashes that are not eight bytes"),
        (listing("AAA"), "hashes that are not eight bytes each in base64"),
    ],
)
def test_what_is_wrong_with_hashes_is_told(found: TrainingManifest, problem: str) -> None:
    assert found.problem.startswith(problem)
    assert bool(found.problem) is bool(problem)
