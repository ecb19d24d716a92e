"""Fingerprints against the standard's prose, written out in plain Python."""

import hashlib
import math
import struct
from fractions import Fraction

import numpy as np
import pytest

from vcspec.model.matrix import Rows, rows_of_dense
from vcspec.statistics import fingerprints as module
from vcspec.statistics.cell_identity import identities, name_hashes
from vcspec.statistics.fingerprints import FEWEST, LENGTHS, Shown, fingerprints, projected, signs_of
from vcspec.statistics.kernels import compiled

FEATURES = 40
NAMES = [f"G{number}" for number in range(FEATURES)]
HASHES = name_hashes(NAMES)
WORD = 2**64


@pytest.fixture(params=["compiled", "numpy"], autouse=True)
def way(request, monkeypatch):
    """Both ways to the same bits."""
    if request.param == "numpy":
        monkeypatch.setattr(module, "compiled", lambda: None)
    elif compiled() is None:
        pytest.skip("no compiler was at hand")


def mixed(state):
    z = (state + 0x9E3779B97F4A7C15) % WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % WORD
    return z ^ (z >> 31)


def named(name):
    return int.from_bytes(hashlib.sha256(name.upper().encode()).digest()[:8], "big")


def plain(states):
    """By the prose: feature → state."""
    return sum(mixed(named(NAMES[f]) ^ mixed(state)) for f, state in states.items()) % WORD


def bits(value):
    return struct.unpack("<I", struct.pack("<f", value))[0] + 2**32


def counts(cells=30, seed=0, mean=1.2):
    draw = np.random.default_rng(seed)
    found = draw.poisson(mean, (cells, FEATURES))
    found[:, 0] = 1
    return found


def log1p(values, target=10_000.0):
    return np.log1p(values * (target / values.sum(axis=1, keepdims=True))).astype(np.float32)


def of(values, *, counted=True):
    return fingerprints(rows_of_dense(values), HASHES, counted=counted)


def test_counted_cells_are_known_by_their_counts():
    values = counts()
    prints, is_known = of(log1p(values))
    for row, found in zip(values.tolist(), prints.tolist(), strict=True):
        assert found == plain({f: count for f, count in enumerate(row) if count})
    assert is_known.all()


def test_counts_without_a_single_molecule_are_in_units_of_the_smallest():
    prints, _ = of(log1p(3 * counts()))
    assert (prints == of(log1p(counts()))[0]).all()


def test_cells_of_other_amounts_are_known_by_the_bits_of_their_values():
    values = log1p(counts(), target=100.0) * np.float32(0.9)
    prints, _ = of(values)
    for row, found in zip(values.tolist(), prints.tolist(), strict=True):
        assert found == plain({f: bits(value) for f, value in enumerate(row) if value})


def test_values_without_counts_are_known_by_their_bits():
    values = np.random.default_rng(1).normal(size=(4, FEATURES)).astype(np.float32)
    prints, _ = of(values, counted=False)
    for row, found in zip(values.tolist(), prints.tolist(), strict=True):
        assert found == plain({f: bits(value) for f, value in enumerate(row)})
    whole = of(log1p(counts()), counted=False)[0]
    assert not np.isin(whole, of(log1p(counts()))[0]).any()


@pytest.mark.parametrize("target", [50, 1_000.0, 10_000.0, 1e6])
def test_the_fingerprint_knows_no_target_sum_and_no_single_precision(target):
    values = counts()
    in_single = values.astype(np.float32)
    in_single = in_single / in_single.sum(axis=1, keepdims=True) * np.float32(target)
    expected = of(log1p(values))[0]
    assert (of(np.log1p(in_single))[0] == expected).all()
    jittered = np.log1p(np.expm1(log1p(values, target).astype(float)) * (1 + 1e-5))
    assert (of(jittered.astype(np.float32))[0] == expected).all()


def test_large_counts_are_told_apart():
    near = np.tile(np.arange(1, FEATURES + 1), (2, 1)) * 5_000
    near[:, 0] = 1
    near[1, -1] += 300  # beyond a thousandth
    prints, _ = of(log1p(near, target=1e6))
    assert prints[0] != prints[1]


def test_the_fingerprint_is_the_identity_of_cells_in_training_manifests():
    rows = rows_of_dense(counts().astype(np.int32))
    assert (identities(rows, HASHES, "counts").hashes == of(log1p(counts()))[0]).all()


@pytest.mark.parametrize("counted", [True, False])
def test_poor_and_broken_cells_have_none(counted):
    values = np.zeros((4, FEATURES), dtype=np.float32)
    values[0, : FEWEST - 1] = 1.5
    values[1, :FEWEST] = 1.5
    values[2] = 1.5
    values[2, 7] = np.nan
    values[3] = 1.5
    values[3, 7] = np.inf
    assert of(values, counted=counted)[1].tolist() == [False, True, False, False]


def test_stored_zeros_and_the_order_of_entries_say_nothing():
    dense = log1p(counts(3))
    shuffled = np.random.default_rng(2).permutation(FEATURES)
    rows = Rows(
        np.arange(4, dtype=np.int64) * FEATURES,
        np.tile(shuffled, 3),
        dense[:, shuffled].ravel(),
        FEATURES,
    )
    assert (fingerprints(rows, HASHES, counted=True)[0] == of(dense)[0]).all()


def test_negative_values_are_no_counts():
    values = log1p(counts(1))
    values[0, 3] = np.log1p(-0.5)
    row = values[0].tolist()
    assert of(values)[0][0] == plain({f: bits(v) for f, v in enumerate(row) if v})


def shown(cells):
    return Shown(HASHES, module.fewest_kept(of(cells)[0]), np.zeros((1, LENGTHS)), counted=True)


def test_a_tally_counts_what_can_be_told_and_what_is_shown():
    known, other = log1p(counts(seed=1)), log1p(counts(seed=2))
    poor = np.zeros((1, FEATURES), dtype=np.float32)
    block = np.concatenate([known[:3], other[:2], poor, other[5:9]])
    found = shown(known).tally(rows_of_dense(block), np.array([0, 6, 10]))
    assert found.tolist() == [[5, 3], [4, 0]]
    assert shown(known[:0]).tally(rows_of_dense(block), np.array([0, 10])).tolist() == [[9, 0]]


def test_of_more_than_are_kept_a_share_tells_for_all(monkeypatch):
    monkeypatch.setattr(module, "MOST", 500)
    known, other = log1p(counts(2_000, seed=1)), log1p(counts(2_000, seed=2))
    held = shown(known)
    assert len(held.cells) == 500
    block = np.concatenate([known[:1_000], other[:1_000]])
    ((told, found),) = held.tally(rows_of_dense(block), np.array([0, 2_000])).tolist()
    assert 400 < told < 600
    assert found / told == pytest.approx(0.5, abs=0.07)
    everything = of(block)[0]
    assert told == (everything <= held.cells[-1]).sum()


def test_projections_are_sums_with_the_signs_of_the_names():
    profile = np.random.default_rng(3).uniform(0, 3, FEATURES)
    expected = []
    for place in range(LENGTHS):
        total = 0.0
        for name, value in zip(NAMES, profile.tolist(), strict=True):
            total += -value if named(name) >> place & 1 else value
        expected.append(total)
    assert projected(profile, signs_of(HASHES)).tolist() == expected


def test_profiles_are_recognised_but_for_rounding():
    draw = np.random.default_rng(4)
    profiles = draw.uniform(0, 3, (5, FEATURES))
    none = np.empty(0, dtype=np.uint64)
    held = Shown(
        HASHES, none, np.array([projected(p, signs_of(HASHES)) for p in profiles]), counted=True
    )
    rounded = [profiles[3].astype(np.float32).astype(float), np.round(profiles[1], 5)]
    direction = draw.normal(size=FEATURES)
    away = 1e-2 * math.dist(profiles[0], np.zeros(FEATURES)) * direction
    moved = profiles[0] + away / math.dist(direction, np.zeros(FEATURES))
    found = held.recognises(np.array([*rounded, moved, draw.uniform(0, 3, FEATURES)]))
    assert found.tolist() == [True, True, False, False]
    assert held.recognises(np.zeros((1, FEATURES))).tolist() == [False]
    nothing = Shown(HASHES, none, np.zeros((1, LENGTHS)), counted=True)
    assert nothing.recognises(np.zeros((1, FEATURES))).tolist() == [True]


def test_units_are_those_of_exact_arithmetic():
    """Counts over a total as fractions: what is a unit, and what is not."""
    row = [2, 4, 6, 10, 14, 18, 22, 26, 34, 38, 46, 3]
    least = min(row)
    shares = [Fraction(count, least) for count in row]
    assert any(share.denominator > 1 for share in shares)
    values = np.zeros((1, FEATURES))
    values[0, : len(row)] = row
    whole = values.copy()
    whole[0, len(row) - 1] = 4
    by_bits, by_units = of(log1p(values))[0][0], of(log1p(whole))[0][0]
    assert by_units == plain({f: v // 2 for f, v in enumerate([*row[:-1], 4])})
    assert by_bits == plain({f: bits(v) for f, v in enumerate(log1p(values)[0].tolist()) if v})
