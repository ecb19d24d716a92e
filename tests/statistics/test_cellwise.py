"""What is taken of cells beyond means and tests, against loops over cells."""

import math
from itertools import pairwise

import numpy as np
import pytest

from vcspec.model.comparison import Space
from vcspec.model.matrix import rows_of_dense
from vcspec.statistics.axes import pinned_space
from vcspec.statistics.cellwise import NOTHING_MORE, Cellwise, Piece, Taking, cellwise, drawn
from vcspec.statistics.mixing import splitmix64
from vcspec.statistics.normalise import log1p_rows

TARGET = 1_000.0
ALL = Taking(variance=True, linear=True, pooled=True, sample=True)


def counts(seed=0, cells=23, features=11):
    rng = np.random.default_rng(seed)
    found = rng.poisson(rng.gamma(0.7, 2, features), (cells, features)).astype(np.int32)
    found[3] = 0  # an empty cell
    found[:, 4] = 0  # a silent feature
    found[:, 5] = 0
    found[7, 5] = 9  # a feature of one cell alone
    return found


def piece(matrix):
    rows = rows_of_dense(matrix)
    log = log1p_rows(rows, space="counts", target_sum=TARGET)
    return Piece.of_counts(log, rows, TARGET, None)


def space(features):
    rng = np.random.default_rng(1)
    axes = np.linalg.qr(rng.normal(size=(features, 3)))[0]
    return Space(axes, rng.normal(size=features), np.array([1, 5, 8]), np.ones(3))


def taken(matrix, pieces=1):
    whole, edges = piece(matrix), np.linspace(0, len(matrix), pieces + 1).astype(int)
    parts = [whole.slice(a, b) for a, b in pairwise(edges)]
    return cellwise(lambda: parts, len(matrix), matrix.shape[1], ALL, space(matrix.shape[1]))


def normalised(matrix):
    total = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix * TARGET, total, out=np.zeros(matrix.shape), where=total > 0)
    return share, np.log1p(share).astype(np.float32).astype(np.float64)


def naive_noise(matrix):
    cells, features = matrix.shape
    values = np.zeros((cells, features))
    for cell in range(cells):
        left = [
            sum(int(v) for k, v in enumerate(matrix[:, g]) if k != cell) for g in range(features)
        ]
        for g in range(features):
            values[cell, g] = math.log1p(50_000 * left[g] / sum(left))
    away = sum(
        (values[:, g] - values[:, g].mean()) @ (values[:, g] - values[:, g].mean())
        for g in range(features)
    )
    return (cells - 1) / cells * away


def test_where_nothing_is_wanted_no_cell_is_read():
    def pieces():
        raise AssertionError

    assert vars(cellwise(pieces, 5, 3, NOTHING_MORE, space(3))) == vars(Cellwise())


def test_spread_and_means_are_numpys():
    matrix = counts()
    share, log = normalised(matrix)
    found = taken(matrix)
    np.testing.assert_allclose(found.variance, log.var(axis=0, ddof=1), atol=1e-10)
    np.testing.assert_allclose(found.linear, share.mean(axis=0), rtol=1e-12)
    whole = matrix.sum(axis=0)
    wanted = np.log1p(50_000 * whole / whole.sum())
    np.testing.assert_allclose(found.profile, wanted, rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_noise_is_that_of_leaving_out_each_cell(seed):
    matrix = counts(seed)
    assert taken(matrix).noise == pytest.approx(naive_noise(matrix), rel=1e-10)


def test_two_cells_and_one():
    matrix = counts(5, cells=9)[:2] + 1
    assert taken(matrix).noise == pytest.approx(naive_noise(matrix), rel=1e-10)
    alone = taken(matrix[:1])
    assert alone.noise == 0
    np.testing.assert_array_equal(alone.variance, 0)


@pytest.mark.parametrize("pieces", [2, 5, 23])
def test_pieces_have_the_bits_of_the_whole(pieces):
    whole, parts = taken(counts()), taken(counts(), pieces)
    assert parts.noise == whole.noise
    for name in ("variance", "linear", "profile", "projected", "panel"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name), err_msg=name)


def test_drawn_cells_are_projected_as_numpy_projects_them():
    matrix = counts()
    _, log = normalised(matrix)
    pinned = space(matrix.shape[1])
    found = taken(matrix)
    wanted = (log - pinned.offset) @ pinned.loadings
    np.testing.assert_allclose(found.projected, wanted, atol=1e-6)
    np.testing.assert_array_equal(found.panel, log[:, pinned.panel])


def test_at_most_so_many_cells_are_drawn_by_their_place():
    assert drawn(7).tolist() == list(range(7))
    found = drawn(1_000, 50)
    with np.errstate(over="ignore"):
        tickets = splitmix64(np.arange(1_000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    assert found.tolist() == sorted(np.argsort(tickets)[:50].tolist())


def test_pinned_axes_are_those_of_a_decomposition():
    rng = np.random.default_rng(2)
    cells = np.where(rng.random((40, 15)) < 0.5, rng.gamma(2, 1, (40, 15)), 0).astype(np.float32)
    found = pinned_space(rows_of_dense(cells))
    away = cells.astype(np.float64) - cells.astype(np.float64).mean(axis=0)
    _, lengths, axes = np.linalg.svd(away, full_matrices=False)
    assert found.loadings.shape == (15, 15)
    for number in range(15):
        cosine = abs(found.loadings[:, number] @ axes[number])
        assert cosine == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(found.variance, lengths**2 / 40, rtol=1e-8)
    np.testing.assert_allclose(found.loadings.T @ found.loadings, np.eye(15), atol=1e-8)
    assert found.panel.tolist() == list(range(15))


def test_cells_without_variance_have_no_axes():
    found = pinned_space(rows_of_dense(np.ones((5, 4), dtype=np.float32)))
    assert found.loadings.shape == (4, 0)
