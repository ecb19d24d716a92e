import hashlib
import math

import numpy as np
import pytest
from support import tiny

from vcspec.statistics.cell_identity import (
    BANDS,
    LEAST_FEATURES,
    Identities,
    identities,
    jaccard,
    name_hashes,
    shared,
)

NAMES = [f"G{number}" for number in range(200)]


def counts(cells: int, *, seed: int = 0, mean: float = 1.5) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, (cells, len(NAMES)))


def of(values: np.ndarray, names: list[str] = NAMES, space: str = "counts") -> Identities:
    kind = np.int32 if space == "counts" else np.float32
    return identities(tiny.rows_of_dense(values.astype(kind)), name_hashes(names), space)


def test_a_hash_is_the_sum_of_hashes_of_pairs() -> None:
    def mixed(state: int) -> int:
        mask = 2**64 - 1
        z = (state + 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    values = counts(3)
    for row, found in zip(values, of(values).hashes.tolist(), strict=True):
        total = 0
        for name, count in zip(NAMES, row.tolist(), strict=True):
            if count:
                own = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
                total += mixed(own ^ mixed(count))
        assert found == total % 2**64


def test_a_hash_knows_no_order_of_features_and_no_case() -> None:
    values = counts(5)
    order = np.random.default_rng(1).permutation(len(NAMES))
    turned = of(values[:, order], [NAMES[place].lower() for place in order])
    assert (turned.hashes == of(values).hashes).all()
    assert (turned.bands == of(values).bands).all()


def test_log1p_values_have_the_hash_of_their_counts() -> None:
    values = counts(50)
    scaled = np.log1p(values * 1e4 / values.sum(axis=1, keepdims=True))
    found = of(scaled, space="log1p")
    assert found.known.all()
    assert (found.hashes == of(values).hashes).all()


def test_values_as_measured_are_known_by_their_bits() -> None:
    values = np.random.default_rng(3).normal(0, 1, (4, len(NAMES))).astype(np.float32)
    values[1] = values[0]
    values[2] = values[0]
    values[2, 7] = -values[2, 7]
    values[3, 5] = np.inf
    found = of(values, space="zscore")
    assert found.known.tolist() == [True, True, True, False]
    assert found.hashes[0] == found.hashes[1] != found.hashes[2]
    one, other = (tiny.rows_of_dense(values[place : place + 1]) for place in (0, 2))
    assert jaccard(one, other, "zscore") == pytest.approx(199 / 201)


def test_one_molecule_more_is_another_cell() -> None:
    values = counts(1)
    other = values.copy()
    other[0, 3] += 1
    assert of(values).hashes[0] != of(other).hashes[0]


def test_cells_with_little_in_them_and_with_broken_numbers_are_not_known() -> None:
    values = np.zeros((2, len(NAMES)))
    values[0, : LEAST_FEATURES - 1] = 1
    values[1, :LEAST_FEATURES] = 1
    assert of(values).known.tolist() == [False, True]
    noise = np.random.default_rng(0).normal(1, 0.3, (1, len(NAMES))).clip(0.1)
    assert not of(noise, space="log1p").known[0]


@pytest.mark.parametrize("value", [1e30, np.inf, np.nan, 2.0**53])
def test_a_cell_with_a_count_that_no_whole_number_tells_is_not_known(value: float) -> None:
    values = np.ones((2, len(NAMES)), dtype=np.float32)
    values[0, 3] = value
    with np.errstate(all="raise"):
        found = identities(tiny.rows_of_dense(values), name_hashes(NAMES), "counts")
    assert found.known.tolist() == [False, True]


@pytest.mark.parametrize("similarity", [0.5, 0.95])
def test_near_duplicates_share_a_band_as_often_as_stated(similarity: float) -> None:
    draw = np.random.default_rng(2)
    names = [f"F{number}" for number in range(3_000)]
    one = draw.integers(1, 4, (400, 3_000)) * (draw.random((400, 3_000)) < 0.3)
    other = one.copy()
    found = []
    for row in range(400):
        places = np.flatnonzero(one[row])
        # Changing a share c of the pairs makes their similarity (1 - c) / (1 + c).
        changed = round(len(places) * (1 - similarity) / (1 + similarity))
        other[row, draw.choice(places, changed, replace=False)] += 3
        pair = (tiny.rows_of_dense(side[row : row + 1].astype(np.int32)) for side in (one, other))
        found.append(jaccard(*pair, "counts"))
    assert np.mean(found) == pytest.approx(similarity, abs=0.01)
    bands = [of(side, names).bands for side in (one, other)]
    share = ((bands[0] == bands[1]) & (bands[0] != 0)).any(axis=1).mean()
    stated = 1 - (1 - similarity**8) ** BANDS
    assert share == pytest.approx(stated, abs=4 * math.sqrt(stated * (1 - stated) / 400) + 0.01)


def test_a_band_with_an_empty_bin_matches_nothing() -> None:
    values = np.zeros((1, len(NAMES)))
    values[0, :3] = 1
    assert (of(values).bands == 0).all()


def test_equal_values_are_found_by_place() -> None:
    left, right = (np.array(side, dtype=np.uint64) for side in ([5, 9, 5, 1], [7, 5, 5]))
    places, partners = shared(left, right)
    assert (places.tolist(), partners.tolist()) == ([0, 2], [1, 1])
    nothing = np.empty(0, dtype=np.uint64)
    assert [len(found) for found in shared(left, nothing)] == [0, 0]
    assert [len(found) for found in shared(nothing, right)] == [0, 0]
    assert len(Identities.together([])) == 0
