"""Compounds on blood cells (OP3): whole rankings of genes, as places from 1 to -1."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vcspec.model.curated import Curated
from vcspec.statistics.rankings import Ranking, rank_curated
from vcspec.storage.r_data import ranked_lists


def build(sources: Mapping[str, Path], card: Mapping[str, Any]) -> Curated:
    """The rankings of the source, one workspace for each cell type."""
    places = zip(card["sources"], card["parameters"]["contexts"], strict=True)
    lists = {context: ranked_lists(sources[one["name"]]) for one, context in places}
    return curated(lists, card)


def curated(lists: Mapping[str, Mapping[str, list[str]]], card: Mapping[str, Any]) -> Curated:
    """Places in the rankings, from 1 to -1; context → perturbation → ranking."""
    rankings = [
        Ranking(context, perturbation.strip().replace("+", "plus"), names)
        for context in sorted(lists)
        for perturbation, names in sorted(lists[context].items())
    ]
    return rank_curated(rankings, card["control"], whole=True)
