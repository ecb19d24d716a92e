"""How far metrics order models alike, as their scorecards tell."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vcspec.metrics.standing import (
    DECIMALS,
    effective_number,
    kendall,
    mean_agreement,
    means_within,
)
from vcspec.model.errors import UsageError
from vcspec.model.matrix import Array
from vcspec.model.scorecard import Scorecard
from vcspec.standard import standard

CONTEXT = "context"


def agreement(
    cards: Sequence[Scorecard], metrics: Sequence[str], values: Array, within: str
) -> dict[str, Any]:
    """Kendall's tau between metrics' orders of the models, and how many metrics they amount to.

    Args:
        cards: of the models, all of one question.
        metrics: that are defined for every model.
        values: (models, metrics of the cards, conditions); NaN where undefined.
        within: `context`, or a division of the conditions whose strata the cards tell.

    Raises:
        UsageError: the cards tell no such strata.
    """
    rows = [cards[0].metrics.index(name) for name in metrics]
    turned = _signs(metrics)
    oriented = values[:, rows].transpose(1, 0, 2) * turned[..., np.newaxis]
    if within == CONTEXT:
        means = means_within(oriented, cards[0].contexts)
    else:
        means = {
            part: turned * _stated(cards, metrics, within, part) for part in _parts(cards, within)
        }
    taus = {part: kendall(found) for part, found in means.items()}
    return {
        "metrics": list(metrics),
        "within": within,
        "kendall": _shown(mean_agreement(list(taus.values()))),
        "parts": {part: _shown(tau) for part, tau in taus.items()},
        "effective_number": effective_number(oriented),
    }


def _signs(metrics: Sequence[str]) -> Array:
    """(metrics, 1) 1 where higher is better, -1 where lower is."""
    entries = standard().metrics
    return np.array([[1.0 if entries[name]["direction"] == "higher" else -1.0] for name in metrics])


def _shown(tau: Array) -> list[list[float | None]]:
    rounded = np.round(tau, DECIMALS)
    return [[None if np.isnan(value) else float(value) for value in row] for row in rounded]


def _parts(cards: Sequence[Scorecard], within: str) -> list[str]:
    """Strata of a division, which every card tells."""
    told = [card.document["metrics"][card.metrics[0]]["strata"] for card in cards]
    if not all(within in strata for strata in told):
        known = [CONTEXT, *(name for name in told[0] if all(name in strata for strata in told))]
        message = f"the scorecards tell no strata by {within}; they tell {', '.join(known)}"
        raise UsageError(message)
    return list(told[0][within])


def _stated(cards: Sequence[Scorecard], metrics: Sequence[str], within: str, part: str) -> Array:
    """(metrics, models) means of a stratum; NaN where they are not of the same conditions."""
    found = [
        [card.document["metrics"][name]["strata"].get(within, {}).get(part, {}) for card in cards]
        for name in metrics
    ]
    same = [[len({model.get("defined") for model in row}) == 1] for row in found]
    means = [[model.get("value") for model in row] for row in found]
    return np.where(same, np.array(means, dtype=np.float64), np.nan)
