"""Compounds on ten lines (Tahoe-100M): both ends of rankings of genes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vcspec.model.curated import Curated
from vcspec.statistics.rankings import Ranking, ends_of, rank_curated
from vcspec.storage.r_data import ranked_lists


def build(sources: Mapping[str, Path], card: Mapping[str, Any]) -> Curated:
    """Both ends of the rankings of compounds that every line has with enough genes."""
    places = zip(card["sources"], card["parameters"]["contexts"], strict=True)
    lists = {context: ranked_lists(sources[one["name"]]) for one, context in places}
    least = 2 * card["parameters"]["listed"]
    shared = set.intersection(
        *(
            {name for name, names in known.items() if len(names) >= least}
            for known in lists.values()
        )
    )
    ends = {
        context: {name: ends_of(known[name], least // 2) for name in shared}
        for context, known in lists.items()
    }
    return curated(ends, card)


def curated(ends: Mapping[str, Mapping[str, tuple[Any, Any]]], card: Mapping[str, Any]) -> Curated:
    """Places at the ends, falling to 0 inwards; context → perturbation → (up, down)."""
    rankings = [
        Ranking(context, perturbation.strip().replace("+", "plus"), *_once(*both))
        for context in sorted(ends)
        for perturbation, both in sorted(ends[context].items())
    ]
    return rank_curated(rankings, card["control"], whole=False)


def _once(up: Any, down: Any) -> tuple[list[str], list[str]]:
    """Both ends with each name once, at its outermost place; none that is at both ends."""
    first, last = list(dict.fromkeys(up)), list(dict.fromkeys(reversed(list(down))))[::-1]
    both = set(first) & set(last)
    return [n for n in first if n not in both], [n for n in last if n not in both]
