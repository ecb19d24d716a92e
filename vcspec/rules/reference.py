"""VCS608: whether a reference says the same of one thing wherever it says it."""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from vcspec.model.finding import SHOWN, Fault
from vcspec.model.matrix import AnyArray, Array
from vcspec.rules.book import rule
from vcspec.rules.subject import Subject
from vcspec.statistics.expression import benjamini_hochberg
from vcspec.statistics.moments import add_to, variance_of

CLOSE, NEAR = 1e-6, 1e-9  # of the value, and in all
LOOKED_AT = 12  # conditions, evenly spaced, whose tests are done again
TAILS = 2_000  # features of theirs, evenly spaced, of which p is taken from z
BLOCK = 262_144  # stored values that are added up while they are near the processor
MEANS, VARIANCES = "/varm/control", "/varm/control_variance"


@rule("VCS608")
def reference_contradicts_itself(subject: Subject) -> Iterator[Fault]:
    """Take the control's moments again, and p and adjusted p of some conditions."""
    yield from _control(subject)
    yield from _tests(subject)


def _control(subject: Subject) -> Iterator[Fault]:
    names = subject.array("/uns/contexts").tolist()
    number = subject.array("/uns/control_contexts").astype(np.int64)
    outside = (number < 0) | (number >= len(names))
    if outside.any() or (np.diff(number) < 0).any():
        path, expected = "/uns/control_contexts", f"0..{len(names) - 1}, never falling"
        yield Fault(path, "numbers of contexts that there are not, or that fall", expected)
        return
    cells = np.bincount(number, minlength=len(names))
    sums = _sums(subject, np.concatenate([[0], np.cumsum(cells)]), len(subject.features))
    with np.errstate(invalid="ignore"):  # a context without cells has no mean
        mean = sums[..., 0] / cells[:, np.newaxis]
    variance = np.array([variance_of(*one) for one in zip(sums, cells.tolist(), strict=True)])
    for path, own in ((MEANS, mean), (VARIANCES, variance)):
        if subject.node(path) is not None:
            bad = _differing(subject.array(path).T, own)
            shown = tuple(names[at] for at in np.flatnonzero(bad)[:SHOWN].tolist())
            yield from _fault(path, bad, "what the cells of uns/control_cells have", shown)


def _sums(subject: Subject, borders: AnyArray, width: int) -> Array:
    """(contexts, features, 2) sums of the control cells' values, and of their squares."""
    sums = np.zeros((len(borders) - 1, width, 2))
    for block in subject.store.blocks("/uns/control_cells", BLOCK):
        for context, (start, stop) in enumerate(pairwise(borders.tolist())):
            first, last = (min(max(at - block.first, 0), len(block)) for at in (start, stop))
            if first < last:
                add_to(sums[context], block.slice(first, last))
    return sums


def _tests(subject: Subject) -> Iterator[Fault]:
    z, p_value, fdr = (subject.layer(name) for name in ("z", "p_value", "fdr"))
    rows, some = _spread(len(z), LOOKED_AT), _spread(z.shape[1], TAILS)
    tails = [[math.erfc(abs(one) / math.sqrt(2)) for one in z[row, some].tolist()] for row in rows]
    adjusted = benjamini_hochberg(p_value[rows])
    again = (
        ("/layers/p_value", p_value[np.ix_(rows, some)], np.array(tails), "erfc(|z| / √2)"),
        ("/layers/fdr", fdr[rows], adjusted, "p by Benjamini and Hochberg"),
    )
    for path, stated, own, expected in again:
        bad = _differing(stated, own.reshape(stated.shape))
        yield from _fault(path, bad, expected, subject.row_names(rows[bad > 0]))


def _spread(number: int, most: int) -> AnyArray:
    """Some of so many places, evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, max(number - 1, 0), most).astype(np.int64))[:number]


def _differing(stated: Array, own: Array) -> AnyArray:
    """(rows,) how many values differ in each."""
    alike = np.isclose(stated, own, rtol=CLOSE, atol=NEAR, equal_nan=True)
    return np.asarray((~alike).sum(axis=1))


def _fault(path: str, bad: AnyArray, expected: str, shown: tuple[str, ...]) -> Iterator[Fault]:
    """A fault where any row has `bad` values."""
    if bad.any():
        count = int(bad.sum())
        yield Fault(path, f"{count} values differ from what follows", expected, shown, count)
