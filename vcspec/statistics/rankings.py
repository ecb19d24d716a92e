"""Rankings of features, from most up to most down, as numbers that can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vcspec.model.curated import Curated
from vcspec.model.matrix import AnyArray, Array, Rows


@dataclass(frozen=True, eq=False)
class Ranking:
    """One ranking.

    Attributes:
        context: where it was measured.
        perturbation: what was done.
        up: names of features, most up first.
        down: names of features, most down last; they follow `up`, with others between that are not
            listed. Empty where the list ends with the up side.
    """

    context: str
    perturbation: str
    up: Sequence[str] | AnyArray
    down: Sequence[str] | AnyArray = ()


def ends_of(names: Sequence[str] | AnyArray, most: int) -> tuple[AnyArray, AnyArray]:
    """The first and the last `most` of a whole ranking."""
    whole = np.asarray(names, dtype=str)
    return whole[:most], whole[len(whole) - most :]


def scores_of_whole(length: int) -> Array:
    """(length,) scores of a whole ranking: from 1 to -1 in equal steps; one feature has 1."""
    return np.linspace(1.0, -1.0, length) if length > 1 else np.ones(length)


def scores_of_end(length: int) -> Array:
    """(length,) scores of one end of a ranking, falling from 1 in steps of 1 / length."""
    return 1.0 - np.arange(length) / length


def rank_scores(rankings: Sequence[Ranking], *, whole: bool) -> tuple[Rows, AnyArray]:
    """Scores in the space `rank-score`, 0 for what a ranking does not list.

    Args:
        rankings: in the order of the rows.
        whole: whether `up` is a ranking from end to end; else it is the up end, and `down` the
            other, if it is there.

    Returns:
        (rankings, features) float32, and the sorted names of all features listed anywhere.

    Raises:
        ValueError: a ranking names a feature twice.
    """
    names = np.unique(
        np.concatenate([np.asarray(part, dtype=str) for r in rankings for part in (r.up, r.down)])
    )
    indices, values, lengths = [], [], []
    for ranking in rankings:
        up, down = (np.asarray(part, dtype=str) for part in (ranking.up, ranking.down))
        place = np.searchsorted(names, np.concatenate([up, down]))
        if len(np.unique(place)) != len(place):
            message = f"the ranking of {ranking.perturbation} in {ranking.context} has a name twice"
            raise ValueError(message)
        scores = (
            scores_of_whole(len(up))
            if whole
            else np.concatenate([scores_of_end(len(up)), -scores_of_end(len(down))[::-1]])
        )
        kept = scores != 0
        order = np.argsort(place[kept], kind="stable")
        indices.append(place[kept][order])
        values.append(scores[kept][order].astype(np.float32))
        lengths.append(int(kept.sum()))
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = Rows(
        indptr, np.concatenate(indices).astype(np.int64), np.concatenate(values), len(names)
    )
    return rows, names


def rank_curated(rankings: Sequence[Ranking], control: str, *, whole: bool) -> Curated:
    """A dataset of rankings: a row for each, and four controls of zeros for every context.

    Args:
        rankings: one for each context and perturbation.
        control: label of the controls.
        whole: as `rank_scores`.

    Raises:
        ValueError: as `rank_scores`, or a name holds a separator of conditions.
    """
    rows, names = rank_scores(rankings, whole=whole)
    where, what = ([getattr(r, name) for r in rankings] for name in ("context", "perturbation"))
    below, contexts, perturbations = with_controls(rows, where, what, control)
    keys = [f"{c}|{p}" for c, p in zip(contexts[: len(where)], perturbations, strict=False)]
    cells = keys + [f"{c}|{control}|{n}" for n, c in enumerate(contexts[len(where) :].tolist())]
    obs = {"context": contexts, "perturbation": perturbations}
    return Curated(below, np.array(cells, dtype=str), names, obs)


def with_controls(
    rows: Rows, contexts: Sequence[str], perturbations: Sequence[str], control: str, number: int = 4
) -> tuple[Rows, AnyArray, AnyArray]:
    """The rows, and below them for every context so many controls: rows of zeros, by definition."""
    places = sorted(set(contexts))
    more = np.full(number * len(places), rows.indptr[-1], dtype=np.int64)
    below = Rows(np.concatenate([rows.indptr, more]), rows.indices, rows.data, rows.width)
    where = np.array([*contexts, *np.repeat(places, number)], dtype=str)
    what = np.array([*perturbations, *[control] * len(more)], dtype=str)
    return below, where, what
