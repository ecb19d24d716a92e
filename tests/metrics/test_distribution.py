"""Distances of drawn cells against loops, scipy and scikit-learn's published values."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from comparisons import of_means
from scipy import stats

from vcspec.metrics import compute
from vcspec.metrics.coverage import with_worst
from vcspec.metrics.structure import adjusted_mutual_information
from vcspec.model.comparison import Comparison, Pooled, Sample, Side, Space
from vcspec.standard import standard
from vcspec.statistics.transport import NotConverged, sinkhorn_divergence

NAMES = ("energy-distance", "e-distance-squared", "mmd-rbf", "sinkhorn-divergence")


def compared(truth, prediction, control):
    """Comparison of lists of (cells, 3) samples; axes and panel are the features themselves."""
    count = len(truth)
    sample = [
        Sample(tuple(s), tuple(s), (control,) * count, (control,) * count)
        for s in (truth, prediction)
    ]
    sides = [
        Side(
            np.array([cells.mean(axis=0) for cells in group]),
            np.tile(control.mean(axis=0), (count, 1)),
            None,
            variance=np.array([cells.var(axis=0, ddof=1) for cells in group]),
            sample=drawn,
        )
        for group, drawn in zip((truth, prediction), sample, strict=True)
    ]
    space = Space(np.eye(3), np.zeros(3), np.arange(3), np.ones(3))
    nothing = (np.zeros(0, dtype=np.int64),) * count
    return Comparison(
        *sides, np.zeros(count, dtype=np.int64), sides[0].control, np.zeros(3, bool), nothing, space
    )


def draws(seed=0, sizes=((12, 9), (7, 15), (20, 20))):
    rng = np.random.default_rng(seed)
    truth = [rng.normal(size=(n, 3)) + shift for shift, (n, _) in enumerate(sizes)]
    prediction = [rng.normal(size=(m, 3)) * 1.3 + 0.5 * s for s, (_, m) in enumerate(sizes)]
    return truth, prediction, rng.normal(size=(25, 3))


def mean_over_pairs(left, right, function):
    return np.mean([function(x, y) for x in left for y in right])


def mean_within(cells, function):
    return np.mean([function(x, y) for x, y in itertools.permutations(cells, 2)])


def two_sample(left, right, function):
    between = 2 * mean_over_pairs(left, right, function)
    return between - mean_within(left, function) - mean_within(right, function)


def test_energy_distances_are_those_of_loops():
    truth, prediction, control = draws()
    found = compute(NAMES, compared(truth, prediction, control))

    def euclid(x, y):
        return np.linalg.norm(x - y)

    for row, pair in enumerate(zip(truth, prediction, strict=True)):
        expected = two_sample(*pair, euclid)
        assert found["energy-distance"].values[row] == pytest.approx(expected, abs=1e-9)
        expected = two_sample(*pair, lambda x, y: euclid(x, y) ** 2)
        assert found["e-distance-squared"].values[row] == pytest.approx(expected, abs=1e-9)
        scale = np.median([euclid(x, y) ** 2 for x in pair[0] for y in control])
        widths = (0.25, 0.5, 1, 2, 4)
        expected = -np.mean(
            [
                two_sample(*pair, lambda x, y, s=2 * w * scale: np.exp(-(euclid(x, y) ** 2) / s))
                for w in widths
            ]
        )
        assert found["mmd-rbf"].values[row] == pytest.approx(expected, abs=1e-9)


def test_the_numbers_of_cells_do_not_move_unbiased_distances():
    """Predictions of 10 and of 200 cells from the truth's own distribution: 0 in the mean."""
    rng = np.random.default_rng(1)
    names = NAMES[:3]
    for cells in (10, 200):
        truth = [rng.normal(size=(40, 3)) for _ in range(150)]
        prediction = [rng.normal(size=(cells, 3)) for _ in range(150)]
        found = compute(names, compared(truth, prediction, rng.normal(size=(40, 3)) + 1))
        for name in names:
            values = found[name].values
            error = values.std(ddof=1) / np.sqrt(len(values))
            assert abs(values.mean()) < 4 * error, (name, cells)


def test_wasserstein_is_scipys():
    truth, prediction, control = draws(2)
    found = compute(["wasserstein-1-features"], compared(truth, prediction, control))
    for row, pair in enumerate(zip(truth, prediction, strict=True)):
        expected = np.mean(
            [stats.wasserstein_distance(pair[0][:, g], pair[1][:, g]) for g in range(3)]
        )
        value = found["wasserstein-1-features"].values[row]
        assert value == pytest.approx(expected, abs=1e-9)


def test_the_distance_of_means_and_deviations_is_that_of_normal_distributions():
    truth, prediction, control = draws(3)
    found = compute(["mean-variance-distance"], compared(truth, prediction, control))
    for row, (t, p) in enumerate(zip(truth, prediction, strict=True)):
        gaps = (t.mean(axis=0) - p.mean(axis=0)) ** 2
        gaps += (t.std(axis=0, ddof=1) - p.std(axis=0, ddof=1)) ** 2
        value = found["mean-variance-distance"].values[row]
        assert value == pytest.approx(np.sqrt(gaps.mean()), abs=1e-9)


def entropic_cost(left, right, regularisation):
    """The same programme by plain scaling in logarithms, thousands of rounds."""
    cost = ((left[:, None] - right[None]) ** 2).sum(axis=2)
    f, g = np.zeros(len(left)), np.zeros(len(right))
    for _ in range(5000):
        g = -regularisation * np.log(np.exp((f[:, None] - cost) / regularisation).mean(axis=0))
        f = -regularisation * np.log(np.exp((g - cost) / regularisation).mean(axis=1))
    return f.mean() + g.mean()


def test_the_sinkhorn_divergence_is_that_of_plain_scaling():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(11, 2)) + 1
    expected = entropic_cost(x, y, 0.5) - (entropic_cost(x, x, 0.5) + entropic_cost(y, y, 0.5)) / 2
    assert sinkhorn_divergence(x, y, 0.5, 2000) == pytest.approx(expected, abs=1e-6)
    assert sinkhorn_divergence(x, x, 0.5, 2000) == pytest.approx(0, abs=1e-9)


def test_a_divergence_that_does_not_settle_is_no_number():
    x = np.random.default_rng(5).normal(size=(20, 2))
    with pytest.raises(NotConverged):
        sinkhorn_divergence(x, x + 0.3, 0.001, 3)


def settling_unless(fails, monkeypatch):
    """Let divergences not settle where `fails` says so of the numbers of cells on both sides."""

    def divergence(left, right, *options):
        if fails(len(left), len(right)):
            raise NotConverged
        return sinkhorn_divergence(left, right, *options)

    monkeypatch.setattr("vcspec.metrics.distribution.sinkhorn_divergence", divergence)


def test_cells_that_are_too_far_off_for_a_divergence_score_the_worst(monkeypatch):
    settling_unless(lambda _, predicted: predicted == 15, monkeypatch)
    scores = compute(["sinkhorn-divergence"], compared(*draws()))["sinkhorn-divergence"]
    assert scores.reasons == ("", "not-converged", "")
    entry = standard().metrics["sinkhorn-divergence"]
    gated = with_worst(scores, entry, np.array([1.0, 70.0, 3.0]))
    assert gated.values.tolist() == [scores.values[0], 70.0, scores.values[2]]
    assert gated.reasons == ("", "", "")


def test_a_truth_that_does_not_settle_leaves_the_condition_undefined(monkeypatch):
    settling_unless(lambda true, _: true == 7, monkeypatch)
    scores = compute(["sinkhorn-divergence"], compared(*draws()))["sinkhorn-divergence"]
    assert scores.reasons == ("", "truth-not-converged", "")
    assert with_worst(scores, standard().metrics["sinkhorn-divergence"], np.ones(3)) is scores


def test_a_condition_of_one_drawn_cell_has_no_distance():
    truth, prediction, control = draws(6)
    prediction[1] = prediction[1][:1]
    pair = compared(truth, [*prediction[:1], prediction[2], *prediction[2:]], control)
    drawn = replace(pair.prediction.sample, projected=tuple(prediction))
    pair = replace(pair, prediction=replace(pair.prediction, sample=drawn))
    found = compute([*NAMES, "classifier-auroc"], pair)
    for name, scores in found.items():
        assert scores.reasons[1] == "too-few-cells", name
        assert scores.reasons[2] == "", name


def test_a_classifier_tells_apart_what_differs_and_nothing_else():
    rng = np.random.default_rng(7)
    truth = [rng.normal(size=(200, 3)) for _ in range(2)]
    prediction = [rng.normal(size=(200, 3)), rng.normal(size=(200, 3)) + 5]
    found = compute(["classifier-auroc"], compared(truth, prediction, truth[0]))
    same, apart = found["classifier-auroc"].values
    assert same < 0.6
    assert apart > 0.999


def test_a_classifier_sees_no_difference_in_the_last_bits_of_a_cell():
    rng = np.random.default_rng(8)
    truth = rng.normal(size=(40, 3))
    others = rng.normal(size=(10, 3)) + np.array([9, 0, 0])  # behind all along the first axis
    for prediction, alike in ((truth[::-1], True), (np.concatenate([truth, others]), False)):
        values = set()
        for _ in range(8):
            shaken = prediction * (1 + rng.uniform(-1e-15, 1e-15, (len(prediction), 1)))
            pair = compared([truth], [shaken], truth)
            values |= set(compute(["classifier-auroc"], pair)["classifier-auroc"].values)
        assert len(values) == 1
        assert (values == {0.5}) == alike


def test_distances_to_control_correlate_as_numpy_says():
    truth, prediction, control = draws(8)
    found = compute(["energy-to-control-pearson"], compared(truth, prediction, control))
    far = [
        [two_sample(cells, control, lambda x, y: np.linalg.norm(x - y)) for cells in side]
        for side in (truth, prediction)
    ]
    expected = np.corrcoef(far)[0, 1]
    assert found["energy-to-control-pearson"].values == pytest.approx([expected] * 3, abs=1e-9)


def test_mutual_information_is_scikit_learns():
    """Values of sklearn.metrics.adjusted_mutual_info_score 1.9.1 (arithmetic mean)."""
    one, other = np.array([0, 0, 1, 1, 2, 2, 2, 0]), np.array([1, 1, 0, 0, 2, 2, 0, 1])
    assert adjusted_mutual_information(one, other) == pytest.approx(0.6598363252848235, abs=1e-9)
    one, other = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 0, 1])
    assert adjusted_mutual_information(one, other) == pytest.approx(-1 / 9, abs=1e-9)
    one = np.array([0, 0, 1, 2, 2, 3, 3, 3, 4])
    other = np.array([0, 1, 1, 2, 2, 2, 3, 3, 3])
    assert adjusted_mutual_information(one, other) == pytest.approx(0.25375027487700674, abs=1e-9)
    assert adjusted_mutual_information(one, one) == pytest.approx(1)


def test_the_error_ratio_is_that_of_the_sums_written_out():
    rng = np.random.default_rng(9)
    conditions, features = 4, 10
    t, p, c = (rng.normal(size=(conditions, features)) for _ in range(3))
    c = np.tile(c[0], (conditions, 1))
    noise = [rng.uniform(0.1, 0.5, conditions) for _ in range(2)]
    base = np.full(conditions, 0.05)
    targets = tuple(np.array([row]) for row in range(conditions))
    sides = [
        Side(profile, c, None, pooled=Pooled(profile, own, c, base))
        for profile, own in zip((t, p), noise, strict=True)
    ]
    pair = Comparison(
        *sides, np.zeros(conditions, dtype=np.int64), c, np.zeros(features, bool), targets
    )
    (truth_noise, own_noise), kept = noise, features - 1
    least = np.minimum(own_noise, truth_noise)
    middle = [np.mean([p[q, g] for q in range(conditions) if q != g]) for g in range(features)]
    spread = sum(
        (p[q, g] - middle[g]) ** 2 / kept
        for q in range(conditions)
        for g in range(features)
        if g != q
    )
    credit = min(1.0, spread / (least / kept).sum())
    error = effect = 0.0
    for q in range(conditions):
        seen = [g for g in range(features) if g != q]
        gap = sum((p[q, g] - t[q, g]) ** 2 for g in seen)
        moved = sum((t[q, g] - c[q, g]) ** 2 for g in seen)
        error += (gap - credit * least[q] - truth_noise[q]) / kept
        effect += (moved - truth_noise[q] - base[q]) / kept
    found = compute(["vcc-2026-mse-ratio"], pair)["vcc-2026-mse-ratio"]
    assert found.values == pytest.approx([error / effect] * conditions, abs=1e-9)


def test_a_context_whose_own_targets_are_all_features_has_no_error_ratio():
    side = Side(np.ones((3, 1)), np.zeros((3, 1)), None)
    pooled = Pooled(np.ones((3, 1)), np.zeros(3), np.zeros((3, 1)), np.zeros(3))
    pair = of_means(np.ones((3, 1)), np.ones((3, 1)))
    both = replace(side, pooled=pooled)
    pair = replace(pair, truth=both, prediction=both, targets=(np.array([0]),) * 3)
    found = compute(["vcc-2026-mse-ratio"], pair)["vcc-2026-mse-ratio"]
    assert set(found.reasons) == {"no-true-effect"}


def test_phenotypes_are_told_by_the_distance_to_their_members():
    rng = np.random.default_rng(10)
    names = ("a", "a", "b", "b", "b", "", "c")
    truth = rng.normal(size=(7, 5)) + np.array([0, 0, 2, 2, 2, 0, 5])[:, None]
    prediction = truth + rng.normal(size=(7, 5))
    pair = of_means(truth, prediction)
    found = compute(["phenotype-auroc"], replace(pair, phenotype=names))["phenotype-auroc"]
    areas = []
    kept = [row for row in range(7) if names[row]]
    for name in ("a", "b"):
        scores = []
        for row in kept:
            members = [at for at in kept if names[at] == name]
            centre = np.mean([truth[at] for at in members], axis=0)
            scores.append((-np.linalg.norm(prediction[row] - centre), names[row] == name))
        won = [
            1.0 if x > y else 0.5 * (x == y)
            for x, mine in scores
            if mine
            for y, other in scores
            if not other
        ]
        areas.append(np.mean(won))
    np.testing.assert_allclose(found.values, np.mean(areas), atol=1e-9)
    assert set(compute(["phenotype-auroc"], pair)["phenotype-auroc"].reasons) == {"no-annotation"}
    same = replace(pair, phenotype=("a",) * 7)
    reasons = compute(["phenotype-auroc"], same)["phenotype-auroc"].reasons
    assert set(reasons) == {"single-phenotype"}
