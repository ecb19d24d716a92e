"""The suite: which code computes which metric, and what is the same for all of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace

import numpy as np

from vcspec.catalog import Catalog
from vcspec.engine.executors import Executor, Inline
from vcspec.metrics.changes import Mask, is_finite
from vcspec.model.comparison import Comparison, Expression, Scores, Side, together
from vcspec.standard import standard
from vcspec.statistics.cellwise import Taking

Metric = Callable[..., Scores]

METRICS: Catalog[Metric] = Catalog("metric", standard().metrics)
ACROSS = frozenset(standard().tasks["perturbation-response"]["among_conditions"])
"""Metrics that are given all conditions at once; others may be given a few at a time."""
AT_ONCE = 131_072  # values of profiles that are worked on together: their arrays stay in the cache

DECIMALS = 10
NEEDS_CELLS = "needs-cells"
NOT_FINITE = "non-finite-prediction"
NOT_CONVERGED = "not-converged"  # for what is predicted; the truth alone would
UNDEFINED_PREDICTION = "undefined-prediction"
"""Reason inside this room only: `compute` turns it into the metric's null, so that no model
escapes a condition by predicting nothing."""


def metric(name: str) -> Callable[[Metric], Metric]:
    """Decorator: `function(comparison, **parameters)` is the metric `name` of the standard."""
    return METRICS.claim(name)


def compute(
    names: Iterable[str], comparison: Comparison, executor: Executor | None = None
) -> dict[str, Scores]:
    """Scores of the named metrics, in the order of `names`.

    A condition whose predicted mean is not a finite float32 in every feature is undefined, reason
    `non-finite-prediction`, and disturbs no other condition: the caller gates on it.

    Args:
        names: of the metrics.
        comparison: truth beside prediction.
        executor: of threads of this process, which share the work; the caller does it all if None.

    Raises:
        UnknownName: the standard has no such metric.
    """
    broken = ~is_finite(comparison.prediction.mean)
    sound = replace(comparison, prediction=_neutral(comparison.prediction, broken))
    asked = list(names)
    for name in asked:
        METRICS[name]  # says which one the standard does not have
    by = executor or Inline()
    across = {name: by.submit(_scores, name, sound) for name in asked if name in ACROSS}
    apart = [name for name in asked if name not in ACROSS]
    # What metrics share of a part is taken once.
    parts = [by.submit(_all_scores, apart, part) for part in _few_at_a_time(sound)]
    columns = zip(*(part.result() for part in parts), strict=True)
    found = {name: together(column) for name, column in zip(apart, columns, strict=True)}
    found |= {name: scores.result() for name, scores in across.items()}
    return {name: _rounded(found[name].undefined_where(broken, NOT_FINITE)) for name in asked}


def taking(names: Iterable[str]) -> Taking:
    """What the named metrics ask of cells beyond means and tests."""
    needs = {need for name in names for need in standard().metrics[name]["needs"]}
    return Taking(**{field.name: field.name in needs for field in fields(Taking)})


def _rounded(scores: Scores) -> Scores:
    """The scores without the digits that depend on a processor's order of summation."""
    return replace(scores, values=np.round(scores.values, DECIMALS))


def _all_scores(names: Sequence[str], comparison: Comparison) -> list[Scores]:
    return [_scores(name, comparison) for name in names]


def _scores(name: str, comparison: Comparison) -> Scores:
    function, entry = METRICS[name], standard().metrics[name]
    if lack := _lack(entry["needs"], comparison):
        nowhere = np.full(len(comparison), np.nan)
        return Scores.of(nowhere, np.ones(len(comparison), dtype=bool), lack)
    scores = function(comparison, **entry["parameters"])
    void = np.array([reason == UNDEFINED_PREDICTION for reason in scores.reasons], dtype=bool)
    if not void.any():
        return scores
    reasons = ("" if gone else old for gone, old in zip(void, scores.reasons, strict=True))
    return Scores(np.where(void, entry["null"], scores.values), tuple(reasons))


def _few_at_a_time(comparison: Comparison) -> Iterator[Comparison]:
    """The conditions, as many at a time as bound the arrays that a metric makes."""
    step = max(1, AT_ONCE // max(comparison.truth.mean.shape[1], 1))
    if step >= len(comparison):
        yield comparison
        return
    for start in range(0, len(comparison), step):
        yield comparison.rows(start, start + step)


def _lack(needs: Iterable[str], comparison: Comparison) -> str:
    """Why the comparison does not hold what a metric needs; empty where it does."""
    truth, prediction = comparison.truth, comparison.prediction
    held = {
        "means": (truth.mean, prediction.mean),
        "truth-expression": (truth.expression,),
        "prediction-expression": (prediction.expression,),
        "space": (comparison.space,),
        "phenotype": (comparison.phenotype or None,),
        "deviation": (prediction.deviation,),
    }
    for need in needs:
        if need in held:
            if any(part is None for part in held[need]):
                return _LACKS.get(need, NEEDS_CELLS)
        elif getattr(truth, need) is None:
            return "not-in-reference"
        elif getattr(prediction, need) is None:
            return NEEDS_CELLS
    return ""


_LACKS = {
    "space": "no-pinned-space",
    "deviation": "no-stated-deviation",
    "phenotype": "no-annotation",
}
LACKING = frozenset({*_LACKS.values(), NEEDS_CELLS, "not-in-reference"})
"""Reasons that hold for every condition, whatever they are: something is not there."""


def _neutral(side: Side, broken: Mask) -> Side:
    """The side with "no change" in the conditions that are broken."""
    if not broken.any():
        return side
    row = broken[:, np.newaxis]
    found = side.expression
    if found is not None:
        found = Expression(
            z=np.where(row, 0, found.z),
            p_value=np.where(row, 1, found.p_value),
            fdr=np.where(row, 1, found.fdr),
        )
    return replace(side, mean=np.where(row, side.control, side.mean), expression=found)
