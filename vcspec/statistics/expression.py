"""Differential expression of conditions against their control."""

from collections.abc import Iterable

import numpy as np

from vcspec.model.comparison import Expression
from vcspec.model.matrix import Array, Rows
from vcspec.statistics.ranksum import SortedControl


def differential_expression(conditions: Iterable[Rows], control: SortedControl) -> Expression:
    """Rank-sum test of each condition's cells against one control, p adjusted within a condition.

    Args:
        conditions: the cells of each condition, log1p; read one at a time.
        control: the control of the context that all the conditions belong to.

    Returns:
        arrays (conditions, features), in the order of `conditions`.
    """
    tests = [control.compare(rows) for rows in conditions]
    shape = (len(tests), control.width)
    z = np.array([test.z for test in tests]).reshape(shape)
    p_value = np.array([test.p_value for test in tests]).reshape(shape)
    return Expression(z, p_value, benjamini_hochberg(p_value))


def benjamini_hochberg(p_value: Array) -> Array:
    """False discovery rate at which each test is called, adjusted along the last axis.

    Source: Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    tests = p_value.shape[-1]
    factors = tests / np.arange(1, tests + 1)
    adjusted = np.empty(p_value.shape)
    for where in np.ndindex(p_value.shape[:-1]):  # one row stays in the processor's cache
        order = np.argsort(p_value[where])  # equal values are adjusted alike, in any order
        raw = p_value[where][order] * factors
        smallest_above = np.minimum.accumulate(raw[::-1])[::-1]
        adjusted[where][order] = np.minimum(smallest_above, 1)
    return adjusted


def log_fold_change(mean: Array, control: Array, *, pseudocount: float) -> Array:
    """log2((expm1(mean) + pseudocount) / (expm1(control) + pseudocount)); log2 fold change.

    `mean` and `control` are means of log1p values, so this is the ratio of geometric means. With
    pseudocount 1, the one that Seurat adds, it is the change in log1p units over ln 2, and finite
    whatever the means are. With pseudocount 0 a feature that one side lacks is infinite, one that
    both lack is 0, and one whose mean is negative is NaN.
    """
    if pseudocount == 1:
        # The same number without the detour that overflows for a mean above 709.
        return (mean - control) / np.log(2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        above, below = np.expm1(mean) + pseudocount, np.expm1(control) + pseudocount
        change = np.log2(above / below)
    return np.where((above == 0) & (below == 0), 0.0, change)
