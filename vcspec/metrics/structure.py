"""Whether predicted conditions stand to each other as the true ones do; one value a context."""

import numpy as np
from numpy.typing import NDArray

from vcspec.metrics.changes import Mask, change
from vcspec.metrics.contexts import Outcome, Rows, by_context
from vcspec.metrics.ranking import roc_area
from vcspec.metrics.suite import metric
from vcspec.model.comparison import Comparison, Scores
from vcspec.model.matrix import Array

Labels = NDArray[np.int64]


@metric("clustering-agreement")
def clustering_agreement(comparison: Comparison, *, fewest: int) -> Scores:
    """Agreement of the clusters of true and predicted profiles, cut at one number of clusters."""
    return _agreement(comparison, fewest, factors=(1.0,))


@metric("clustering-agreement-best")
def clustering_agreement_best(
    comparison: Comparison, *, fewest: int, factors: list[float]
) -> Scores:
    """The largest agreement over several cuts of the prediction, which is optimistic."""
    return _agreement(comparison, fewest, tuple(factors))


@metric("phenotype-auroc")
def phenotype_auroc(comparison: Comparison) -> Scores:
    """Whether predicted changes lie near the true ones of their phenotype."""
    truth, prediction = change(comparison.truth), change(comparison.prediction)
    names = np.array(comparison.phenotype, dtype=object)

    def value(rows: Rows) -> Outcome:
        kept = rows[names[rows] != ""]
        areas = [
            _area_of(truth[kept], prediction[kept], names[kept] == name)
            for name in sorted(set(names[kept]))
        ]
        known = [area for area in areas if area is not None]
        return float(np.mean(known)) if known else "single-phenotype"

    return by_context(comparison, value)


def _area_of(truth: Array, prediction: Array, member: Mask) -> float | None:
    """ROC area of one phenotype's members; None where it has fewer than two, or all."""
    number = int(member.sum())
    if number < 2 or number == len(member):
        return None
    away = np.sqrt(np.square(prediction - truth[member].mean(axis=0)).sum(axis=1))
    return float(roc_area(member[np.newaxis], -np.round(away, 12)[np.newaxis])[0])


def _agreement(comparison: Comparison, fewest: int, factors: tuple[float, ...]) -> Scores:
    assert comparison.space is not None  # needs `space`
    axes = comparison.space.loadings
    truth, prediction = (
        np.round(side.delta @ axes, 12) for side in (comparison.truth, comparison.prediction)
    )

    def value(rows: Rows) -> Outcome:
        if len(rows) < fewest:
            return "too-few-conditions"
        if (truth[rows] == truth[rows][0]).all():
            return "constant-across-conditions"
        number = usual_number(len(rows))
        true = clusters(truth[rows], number)
        cuts = {min(max(2, round(number * factor)), len(rows)) for factor in factors}
        return max(
            adjusted_mutual_information(true, clusters(prediction[rows], cut)) for cut in cuts
        )

    return by_context(comparison, value)


def usual_number(conditions: int) -> int:
    """Number of clusters that conditions are cut into: the root of half of them, at least 2."""
    return max(2, round(float(np.sqrt(conditions / 2))))


def clusters(profiles: Array, number: int) -> Labels:
    """(conditions,) numbers of clusters by Ward's linkage, cut where there are `number`.

    Profiles that are all equal are one cluster.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if (profiles == profiles[0]).all():
        return np.zeros(len(profiles), dtype=np.int64)
    return np.asarray(fcluster(linkage(profiles, "ward"), number, "maxclust"), dtype=np.int64)


def adjusted_mutual_information(one: Labels, other: Labels) -> float:
    """Mutual information of two clusterings, 1 where they are equal and 0 as expected by chance.

    Normalised by the mean of the entropies, chance being the permutation model. 1 where both are
    one cluster.

    Source: Vinh, Epps & Bailey 2010, JMLR 11:2837.
    """
    table = _contingency(one, other)
    rows, columns, number = table.sum(axis=1), table.sum(axis=0), int(table.sum())
    if len(rows) == len(columns) == 1:
        return 1.0
    kept = table > 0
    expected_share = np.outer(rows, columns) / number
    information = (table[kept] / number * np.log(table[kept] / expected_share[kept])).sum()
    entropies = [-(part / number * np.log(part / number)).sum() for part in (rows, columns)]
    expected = _expected_information(rows, columns, number)
    span = sum(entropies) / 2 - expected
    return float((information - expected) / span) if abs(span) > np.finfo(float).eps else 0.0


def _contingency(one: Labels, other: Labels) -> Labels:
    first, second = (np.unique(labels, return_inverse=True)[1] for labels in (one, other))
    table = np.zeros((first.max() + 1, second.max() + 1), dtype=np.int64)
    np.add.at(table, (first, second), 1)
    return table


def _expected_information(rows: Labels, columns: Labels, number: int) -> float:
    """Mean mutual information over all clusterings with these sizes (hypergeometric)."""
    from scipy.special import gammaln

    total = 0.0
    for a in rows:
        for b in columns:
            shared = np.arange(max(1, a + b - number), min(a, b) + 1)
            if not len(shared):
                continue
            log_chance = (
                gammaln(a + 1)
                + gammaln(b + 1)
                + gammaln(number - a + 1)
                + gammaln(number - b + 1)
                - gammaln(number + 1)
                - gammaln(shared + 1)
                - gammaln(a - shared + 1)
                - gammaln(b - shared + 1)
                - gammaln(number - a - b + shared + 1)
            )
            gain = shared / number * np.log(number * shared / (a * b))
            total += float((gain * np.exp(log_chance)).sum())
    return total
