"""Whether the predicted cells are spread as the true ones are.

Distances are taken between drawn cells in spaces that the reference pins.
"""

from collections.abc import Callable

import numpy as np

from vcspec.metrics.changes import Mask, settled
from vcspec.metrics.contexts import Outcome, Rows, by_context
from vcspec.metrics.ranking import roc_area
from vcspec.metrics.suite import NOT_CONVERGED, UNDEFINED_PREDICTION, metric
from vcspec.model.comparison import Comparison, Sample, Scores
from vcspec.model.matrix import Array
from vcspec.statistics.distances import energy_distances, pairwise
from vcspec.statistics.transport import NotConverged, sinkhorn_divergence

Distance = Callable[[Array, Array, Array], float]
"""Of true cells, predicted cells and the truth's control cells, each (cells, dimensions)."""


@metric("energy-distance")
def energy_distance(comparison: Comparison) -> Scores:
    """Energy distance of the cells along the pinned axes."""
    return _by_condition(
        comparison, lambda truth, prediction, _: energy_distances([truth, prediction])[0, 1]
    )


@metric("e-distance-squared")
def e_distance_squared(comparison: Comparison) -> Scores:
    """Twice the squared distance of the centroids, less what their noise adds to it."""

    def distance(truth: Array, prediction: Array, _: Array) -> float:
        gap = np.square(truth.mean(axis=0) - prediction.mean(axis=0)).sum()
        noise = sum(side.var(axis=0, ddof=1).sum() / len(side) for side in (truth, prediction))
        return float(2 * (gap - noise))

    return _by_condition(comparison, distance)


@metric("mmd-rbf")
def mmd_rbf(comparison: Comparison, *, widths: list[float]) -> Scores:
    """Squared maximum mean discrepancy, over Gaussian kernels as wide as the truth is."""

    def distance(truth: Array, prediction: Array, control: Array) -> float:
        scale = _scale(truth, control)
        within_truth, within_prediction, between = (
            pairwise(*pair, squared=True) / scale
            for pair in ((truth, truth), (prediction, prediction), (truth, prediction))
        )
        found = 0.0
        for width in widths:
            kernels = [np.exp(-part / (2 * width)) for part in (within_truth, within_prediction)]
            own = sum(_off_diagonal_mean(kernel) for kernel in kernels)
            found += own - 2 * float(np.exp(-between / (2 * width)).mean())
        return found / len(widths)

    return _by_condition(comparison, distance)


@metric("sinkhorn-divergence")
def sinkhorn(comparison: Comparison, *, regularisation: float, rounds: int) -> Scores:
    """Debiased entropic transport cost, squared Euclidean, as a share of the truth's scale."""

    def distance(truth: Array, prediction: Array, control: Array) -> float:
        scale = np.sqrt(_scale(truth, control))
        sides = truth / scale, prediction / scale
        try:
            found = sinkhorn_divergence(*sides, regularisation, rounds)
            return max(found, 0.0)  # what is below is rounding
        except NotConverged:
            pass
        try:  # whose fault is it?
            sinkhorn_divergence(sides[0], sides[0], regularisation, rounds)
        except NotConverged:
            return float("nan")
        return float("inf")

    scores = _by_condition(comparison, distance)
    far = np.isposinf(scores.values)
    scores = scores.undefined_where(np.isnan(scores.values), "truth-not-converged")
    return scores.undefined_where(far, NOT_CONVERGED)


@metric("classifier-auroc")
def classifier_auroc(comparison: Comparison, *, folds: int, shrinkage: float) -> Scores:
    """How well a linear classifier that was trained on other cells tells the sides apart."""

    def distance(truth: Array, prediction: Array, _: Array) -> float:
        truth, prediction = settled(truth), settled(prediction)
        cells = np.concatenate([truth, prediction])
        label = np.repeat([False, True], [len(truth), len(prediction)])
        fold = np.concatenate([_folds(side, folds) for side in (truth, prediction)])
        evidence = np.empty(len(cells))
        for held in range(folds):
            trained = fold != held
            evidence[~trained] = _discriminant(
                cells[trained], label[trained], cells[~trained], shrinkage
            )
        largest = np.abs(evidence).max()  # a cell that stands on both sides ties with itself
        shares: Array = np.round(evidence / (float(largest) or 1.0), 9)
        area = float(roc_area(label[np.newaxis], shares[np.newaxis])[0])
        return max(area, 0.5)

    return _by_condition(comparison, distance, fewest=2 * folds)


@metric("wasserstein-1-features")
def wasserstein_1(comparison: Comparison) -> Scores:
    """Mean over the pinned features of the distance that cells' values have to be moved."""
    truth, prediction = _samples(comparison)
    values = [
        _transport_by_feature(*pair) for pair in zip(truth.panel, prediction.panel, strict=True)
    ]
    return Scores.of(np.array(values), _too_few(comparison, 1), "too-few-cells")


@metric("mean-variance-distance")
def mean_variance_distance(comparison: Comparison) -> Scores:
    """Root mean square over features of the gap of the means, and of the standard deviations."""
    truth, prediction = comparison.truth, comparison.prediction
    assert truth.variance is not None  # needs `variance`
    assert prediction.variance is not None
    gap = np.square(truth.mean - prediction.mean)
    gap += np.square(np.sqrt(truth.variance) - np.sqrt(prediction.variance))
    return Scores.defined(np.sqrt(gap.mean(axis=1)))


@metric("energy-to-control-pearson")
def energy_to_control(comparison: Comparison, *, fewest: int) -> Scores:
    """Whether the prediction knows which conditions lie far from control; one value a context."""
    truth, prediction = _samples(comparison)
    far = [
        np.array(
            [
                energy_distances([cells, control])[0, 1]
                for cells, control in zip(side.projected, side.control_projected, strict=True)
            ]
        )
        for side in (truth, prediction)
    ]

    def value(rows: Rows) -> Outcome:
        left, right = (np.round(side[rows], 12) for side in far)
        if len(rows) < fewest or np.isnan(left).any():
            return "too-few-conditions"
        left, right = left - left.mean(), right - right.mean()
        if not left.any():
            return "constant-across-conditions"
        if not right.any() or np.isnan(right).any():
            return UNDEFINED_PREDICTION
        return float((left * right).sum() / np.sqrt((left**2).sum() * (right**2).sum()))

    return by_context(comparison, value)


def _samples(comparison: Comparison) -> tuple[Sample, Sample]:
    truth, prediction = comparison.truth.sample, comparison.prediction.sample
    assert truth is not None  # needs `sample`
    assert prediction is not None
    return truth, prediction


def _too_few(comparison: Comparison, fewest: int) -> Mask:
    """(conditions,) whether a side has fewer drawn cells than `fewest`."""
    pairs = zip(*(side.projected for side in _samples(comparison)), strict=True)
    return np.array([min(map(len, pair)) < fewest for pair in pairs], dtype=bool)


def _by_condition(comparison: Comparison, distance: Distance, fewest: int = 2) -> Scores:
    """A distance of drawn cells for each condition that has enough of them on both sides."""
    truth, prediction = _samples(comparison)
    few = _too_few(comparison, fewest)
    values = [
        float("nan") if gone else distance(*cells)
        for gone, *cells in zip(
            few, truth.projected, prediction.projected, truth.control_projected, strict=True
        )
    ]
    return Scores(
        np.array(values, dtype=np.float64), tuple("too-few-cells" if gone else "" for gone in few)
    )


def _scale(truth: Array, control: Array) -> float:
    """Median squared distance between the truth's cells and its control's; 1 where that is 0."""
    found = float(np.median(pairwise(truth, control, squared=True)))
    return found if found > 0 else 1.0


def _off_diagonal_mean(kernel: Array) -> float:
    number = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (number * (number - 1)))


def _folds(cells: Array, folds: int) -> Rows:
    """(cells,) fold of each, by its place along the first axis, so that the order tells nothing."""
    return np.argsort(np.argsort(cells[:, 0], kind="stable"), kind="stable") % folds


def _discriminant(cells: Array, label: Mask, asked: Array, shrinkage: float) -> Array:
    """Linear discriminant of the cells' two groups, of other cells."""
    first, second = cells[~label], cells[label]
    middle = (first.mean(axis=0) + second.mean(axis=0)) / 2
    away = np.concatenate([first - first.mean(axis=0), second - second.mean(axis=0)])
    spread = away.T @ away / max(len(away) - 2, 1)
    level = np.trace(spread) / max(len(spread), 1)
    spread = (1 - shrinkage) * spread + (shrinkage * level + np.finfo(float).eps) * np.eye(
        len(spread)
    )
    axis = np.linalg.solve(spread, settled(second.mean(axis=0) - first.mean(axis=0)))
    return np.asarray((asked - middle) @ axis)


def _transport_by_feature(truth: Array, prediction: Array) -> float:
    """Mean over features of the area between both sides' cumulative distributions."""
    if not (len(truth) and len(prediction) and truth.shape[1]):
        return float("nan")
    values = np.concatenate([truth, prediction])
    weight = np.repeat([1 / len(truth), -1 / len(prediction)], [len(truth), len(prediction)])
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    gap = np.abs(np.cumsum(weight[order], axis=0)[:-1])
    return float((gap * np.diff(ordered, axis=0)).sum(axis=0).mean())
