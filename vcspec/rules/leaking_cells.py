"""VCS70x and 71x: how the answer reaches a model by the cells of a dataset."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcspec.model.finding import SHOWN, Fault
from vcspec.rules.evidence import CellEvidence, Evidence
from vcspec.rules.leaks import NotLooked, fault, leak
from vcspec.rules.split import KEPT_ROLES, SHOWN_ROLES
from vcspec.statistics.cell_identity import LEAST_FEATURES, Identities, shared

NEAR = 0.9  # Jaccard similarity of near copies
LOOKED_AT = 20_000  # pairs with a common band that are compared in full
LEAST_SHARE = 0.1  # of the cells of a side that a search is made among
ENOUGH = f"whole counts, or values as measured, and {LEAST_FEATURES} detected features"
STOPPED = f"none of the {LOOKED_AT} pairs that were compared is near, and there are more of them"
FEWEST = 5  # conditions over which a correlation is tested
BY_CHANCE = 0.01  # features that are expressed in tested cells alone, expected by chance
TOLD = 0.01  # p below which counts tell the effect
COPIED = 0.05  # of the sampling error of a mean, within which no prediction lies
ROUNDED = 1e-6  # of the length of a profile, that storing it may move it
ALONG = 6.0  # deviations that a difference may have on a ray of normal coordinates


def _roles(evidence: Evidence, *roles: str) -> NDArray[np.bool_]:
    return np.isin(evidence.role, roles)


def _cells(evidence: Evidence) -> CellEvidence:
    assert evidence.cells is not None
    return evidence.cells


@leak("VCS706")
def answer_dependent_features(evidence: Evidence) -> Iterator[Fault]:
    """Look for features that cells alone express that are kept from models."""
    assert evidence.dataset is not None
    cells = _cells(evidence)
    sides = [_roles(evidence, *SHOWN_ROLES), _roles(evidence, *KEPT_ROLES)]
    may_see = sum(cells.detected[role] for role in SHOWN_ROLES)
    tested = np.sum([cells.detected[role] for role in KEPT_ROLES], axis=0)
    number = [len(evidence.cells_with(side)) for side in sides]
    # All of a feature's cells are kept ones by chance with this probability.
    chance = (number[1] / max(1, sum(number))) ** tested
    is_told = (may_see == 0) & (tested > 0) & (chance * len(tested) < BY_CHANCE)
    names = [str(evidence.dataset.features[place]) for place in np.flatnonzero(is_told)]
    yield from fault(
        "/var",
        names,
        f"features expressed in {evidence.kept} cells alone, more than by chance: {{n}}",
    )


@dataclass(frozen=True)
class Comparable:
    """How many cells of a split can be held against others.

    Attributes:
        tested: number of cells that the scorer alone sees that can, and of all.
        seen: the same of cells that models may see.
        how: what those have that can.
        kept: what a reader calls the first.
    """

    tested: tuple[int, int]
    seen: tuple[int, int]
    how: str
    kept: str = "tested"

    def __str__(self) -> str:
        sides = ((self.kept, self.tested), ("seen", self.seen))
        told = " and ".join(f"{part} of {whole} {word}" for word, (part, whole) in sides)
        return f"{told} cells can be compared: those {self.how}"

    def require(self) -> None:
        """Pass where enough cells of both sides can be compared.

        Raises:
            NotLooked: fewer than `LEAST_SHARE` can.
        """
        if too_few(*self.tested) or too_few(*self.seen):
            raise NotLooked(str(self))


def too_few(part: int, whole: int) -> bool:
    """Whether a search among so many of the cells says nothing where it finds nothing."""
    return part == 0 or part < LEAST_SHARE * whole


def comparable(
    evidence: Evidence, *, nearly: bool = False, kept: Sequence[str] = KEPT_ROLES
) -> Comparable:
    """Cells of both sides that can be compared, in all counts or nearly; `kept` from models."""
    known = _cells(evidence).identities
    is_known = known.is_sketched if nearly else known.known
    rows = (evidence.cells_with(_roles(evidence, *roles)) for roles in (kept, SHOWN_ROLES))
    tested, seen = ((int(is_known[one].sum()), len(one)) for one in rows)
    how = "that fill a band of the sketch" if nearly else f"with {ENOUGH}"
    name = evidence.kept if "anchor" in kept else "tested"
    return Comparable(tested, seen, how, name)


@leak("VCS707")
def cell_on_both_sides(evidence: Evidence) -> Iterator[Fault]:
    """Compare hashes of cells that are kept from models with those of cells that they may see."""
    cells = _cells(evidence)
    tested, seen = sides(evidence)
    hashes = cells.identities.hashes
    places, partners = shared(hashes[tested], hashes[seen])
    bad = [
        f"{cells.name(int(tested[one]))} is {cells.name(int(seen[other]))}"
        for one, other in zip(places[:SHOWN], partners[:SHOWN], strict=True)
    ]
    if len(places):
        yield Fault(
            "/X",
            f"{len(places)} {evidence.kept} cells have the values of a seen cell",
            "none",
            tuple(bad),
            len(places),
        )
    else:
        comparable(evidence).require()


def sides(
    evidence: Evidence, kept: Sequence[str] = KEPT_ROLES
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of known cells that are `kept` from models, and of known cells that these may see.

    Raises:
        NotLooked: no cell is known by its counts.
    """
    known = _cells(evidence).identities.known
    if not known.any():
        message = f"no cell has {ENOUGH}"
        raise NotLooked(message)
    rows = (evidence.cells_with(_roles(evidence, *roles)) for roles in (kept, SHOWN_ROLES))
    tested, seen = (one[known[one]] for one in rows)
    return tested, seen


@dataclass(frozen=True)
class Near:
    """Near copies.

    Attributes:
        found: number of a cell → its near copy, and their Jaccard similarity.
        is_whole: whether all pairs with a common band were compared.
    """

    found: Mapping[int, tuple[int, float]]
    is_whole: bool


def at_least(is_whole: bool) -> str:  # noqa: FBT001 - the only thing that it is asked
    """What to say before a number of near copies."""
    return "" if is_whole else "at least "


def near_copies(
    left: Identities, right: Identities, similarity: Callable[[int, int], float]
) -> Near:
    """Cells of one side that are nearly, and not wholly, a cell of the other.

    Args:
        left: one side.
        right: the other.
        similarity: Jaccard similarity of a cell of `left` and one of `right`, by their numbers.
    """
    found: dict[int, tuple[int, float]] = {}
    looked = 0
    for band in range(left.bands.shape[1]):
        some, others = (
            np.flatnonzero(side.known & (side.bands[:, band] != 0)) for side in (left, right)
        )
        places, partners = shared(left.bands[some, band], right.bands[others, band])
        for one, other in zip(some[places].tolist(), others[partners].tolist(), strict=True):
            if one in found or left.hashes[one] == right.hashes[other]:
                continue
            if looked == LOOKED_AT:
                return Near(found, is_whole=False)
            looked += 1
            alike = similarity(one, other)
            if alike >= NEAR:
                found[one] = (other, alike)
    return Near(found, is_whole=True)


@leak("VCS708")
def near_copy_on_both_sides(evidence: Evidence) -> Iterator[Fault]:
    """Compare cells that share a band of their sketches, pair by pair."""
    cells = _cells(evidence)
    tested, seen = sides(evidence)
    left, right = (cells.identities.of(rows) for rows in (tested, seen))
    near = near_copies(
        left, right, lambda one, other: cells.similarity(int(tested[one]), int(seen[other]))
    )
    bad = [
        f"{cells.name(int(tested[one]))} and {cells.name(int(seen[other]))} ({similarity:.2f})"
        for one, (other, similarity) in list(near.found.items())[:SHOWN]
    ]
    number = len(near.found)
    if number:
        what = f"{evidence.kept} cells are near copies of a seen cell"
        found = f"{at_least(near.is_whole)}{number} {what}"
        yield Fault("/X", found, "none", tuple(bad), number)
    else:
        comparable(evidence, nearly=True).require()
        if not near.is_whole:
            raise NotLooked(STOPPED)


@leak("VCS709")
def control_twice(evidence: Evidence) -> Iterator[Fault]:
    """Look for equal hashes among the controls."""
    cells = _cells(evidence)
    rows = evidence.cells_with(evidence.is_control)
    rows = rows[cells.identities.known[rows]]
    _, first, number = np.unique(
        cells.identities.hashes[rows], return_index=True, return_counts=True
    )
    again = rows[first[number > 1]]
    more = int((number - 1).sum())
    if more:
        names = tuple(cells.name(int(row)) for row in again[:SHOWN])
        yield Fault("/X", f"{more} control cells are copies of others", "none", names, more)


@leak("VCS712")
def cells_tell_effect(evidence: Evidence) -> Iterator[Fault]:
    """Correlate numbers of cells with effect sizes, over tested conditions."""
    yield from _telling(along_cells(evidence), "the number of cells", "/obs")


@leak("VCS713")
def depth_tells_effect(evidence: Evidence) -> Iterator[Fault]:
    """Correlate median total counts with effect sizes, over tested conditions."""
    yield from _telling(along_depth(evidence), "the median total count", "/X")


@dataclass(frozen=True)
class Along:
    """How a measure of tested conditions goes along with the size of their effect.

    Attributes:
        rho: Spearman correlation.
        p_value: of it, two-sided.
        conditions: number of them.
    """

    rho: float
    p_value: float
    conditions: int

    def __str__(self) -> str:
        return f"Spearman {self.rho:.2f}, p = {self.p_value:.1g}, {self.conditions} conditions"


def along_cells(evidence: Evidence) -> Along | None:
    """Of numbers of cells; None for fewer than `FEWEST` conditions, or where no two differ."""
    condition = _cells(evidence).condition
    sizes = np.bincount(condition[condition >= 0], minlength=len(evidence.conditions))
    return _along(evidence, sizes.astype(float))


def along_depth(evidence: Evidence) -> Along | None:
    """Of median total counts; None as for numbers of cells, and where depth is not known."""
    return _along(evidence, _cells(evidence).depth)


def _along(evidence: Evidence, measure: NDArray[np.float64]) -> Along | None:
    effect = _cells(evidence).effect
    kept = _roles(evidence, "test") & ~evidence.is_control & ~np.isnan(effect) & ~np.isnan(measure)
    left, right = measure[kept], effect[kept]
    if len(left) < FEWEST or len(set(left)) < 2 or len(set(right)) < 2:
        return None
    from scipy.stats import spearmanr

    found = spearmanr(left, right)
    return Along(float(found.statistic), float(found.pvalue), len(left))


def _telling(along: Along | None, what: str, path: str) -> Iterator[Fault]:
    if along is None:
        message = f"fewer than {FEWEST} tested conditions, or no two that differ"
        raise NotLooked(message)
    if along.p_value < TOLD:
        text = f"{what} goes along with the effect ({along})"
        yield Fault(path, text, f"p above {TOLD}", count=along.conditions)


@leak("VCS717")
def predicted_cells_are_tested_cells(evidence: Evidence) -> Iterator[Fault]:
    """Compare hashes of predicted cells with those of tested ones; or profiles with their means."""
    which = _roles(evidence, "test") & ~evidence.is_control
    if evidence.profiles is not None:
        yield from _copied_profiles(evidence, which, "{n} predicted profiles are tested means")
        return
    yield from _copied_cells(evidence, _roles(evidence, "test"), "predicted cells are tested cells")


@leak("VCS718")
def predicted_cells_are_training_cells(evidence: Evidence) -> Iterator[Fault]:
    """Compare the same with perturbed cells that models may see, and with their means."""
    which = _roles(evidence, *SHOWN_ROLES) & ~evidence.is_control
    if evidence.profiles is not None:
        found = "{n} predicted profiles are means of perturbed conditions of training"
        yield from _copied_profiles(evidence, which, found)
        return
    yield from _copied_cells(evidence, which, "predicted cells are perturbed cells of training")


def _copied_cells(evidence: Evidence, which: NDArray[np.bool_], found: str) -> Iterator[Fault]:
    assert evidence.predictions is not None
    assert evidence.predicted is not None
    hashes, known = evidence.predicted
    cells, rows = _cells(evidence), np.flatnonzero(known)
    every = evidence.cells_with(which)
    measured = every[cells.identities.known[every]]
    places, _ = shared(hashes[rows], cells.identities.hashes[measured])
    if len(places):
        names = evidence.predictions.row_names(rows[places])
        text = f"{len(places)} of {len(hashes)} {found}"
        yield Fault("/X", text, "none", names, len(places))
    elif too_few(len(rows), len(hashes)) or (len(every) and too_few(len(measured), len(every))):
        message = (
            f"{len(rows)} of {len(hashes)} predicted and {len(measured)} of {len(every)} measured "
            f"cells can be compared: those with {ENOUGH}"
        )
        raise NotLooked(message)


def _copied_profiles(evidence: Evidence, which: NDArray[np.bool_], found: str) -> Iterator[Fault]:
    """Profiles that lie far within the sampling error of a measured mean: they are made of it."""
    assert evidence.predictions is not None
    assert evidence.profiles is not None
    assert evidence.dataset is not None
    profiles, features = evidence.profiles, evidence.predictions.features
    if len(features) < LEAST_FEATURES or not np.array_equal(features, evidence.dataset.features):
        message = f"profiles are compared over {LEAST_FEATURES} or more features of the dataset's"
        raise NotLooked(message)
    ray = np.random.default_rng(0).standard_normal(profiles.shape[1])
    on_ray = profiles @ ray
    is_copy = np.zeros(len(profiles), dtype=bool)
    for place in np.flatnonzero(which).tolist():
        sums = _cells(evidence).sums([place])
        if not sums.cells or not sums.total.any():
            continue
        border = max(COPIED * sums.error, ROUNDED * float(np.linalg.norm(sums.mean)))
        rows = np.flatnonzero(~is_copy & (np.abs(on_ray - sums.mean @ ray) <= ALONG * border))
        is_copy[rows] = np.linalg.norm(profiles[rows] - sums.mean, axis=1) <= border
    copies = np.flatnonzero(is_copy)
    names = evidence.predictions.row_names(copies)
    if len(copies):
        yield Fault("/X", found.format(n=len(copies)), "none", names, len(copies))
