"""Knock-downs in two lines (Replogle 2022): the most increased genes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vcspec.model.curated import Curated
from vcspec.statistics.rankings import Ranking, rank_curated
from vcspec.storage.r_data import ranked_lists


def build(sources: Mapping[str, Path], card: Mapping[str, Any]) -> Curated:
    """The up ends of the rankings of knock-downs that both lines have."""
    places = zip(card["sources"], card["parameters"]["contexts"], strict=True)
    lists = {context: ranked_lists(sources[one["name"]]) for one, context in places}
    listed = card["parameters"]["listed"]
    shared = set.intersection(
        *(
            {name for name, names in known.items() if len(names) >= listed}
            for known in lists.values()
        )
    )
    tops = {
        context: {name: known[name][:listed] for name in shared} for context, known in lists.items()
    }
    return curated(tops, card)


def curated(tops: Mapping[str, Mapping[str, list[str]]], card: Mapping[str, Any]) -> Curated:
    """Places at the up end, falling to 0 inwards; context → perturbation → names."""
    rankings = [
        Ranking(context, perturbation, names)
        for context in sorted(tops)
        for perturbation, names in sorted(tops[context].items())
    ]
    return rank_curated(rankings, card["control"], whole=False)
