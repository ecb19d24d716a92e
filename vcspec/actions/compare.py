"""compare: several scorecards of one question, with what can and cannot be told apart."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.actions.agreement import CONTEXT, agreement
from vcspec.actions.scorecards import (
    read_scorecard,
    require_all_different,
    require_equal,
)
from vcspec.metrics.interval import RESAMPLES, SEED
from vcspec.metrics.standing import (
    Means,
    best_shares,
    better_share,
    interval_of,
    mean_ranks,
    means_of,
    rank_ranges,
    ranks_of,
    tiers,
)
from vcspec.model.errors import UsageError
from vcspec.model.league import League
from vcspec.model.matrix import Array
from vcspec.model.scorecard import Scorecard, suites_of
from vcspec.standard import CURRENT, standard

Target = str | os.PathLike[str]
QUESTION = (
    "spec",
    "task",
    "suite",
    "claim",
    "simulated",
    "values",
    "conditions",
    "features",
)
"""Members of a scorecard that say which question it answers, beside its inputs and definitions."""


def compare(cards: Sequence[Target], *, within: str = CONTEXT) -> League:
    """Compare models by their scorecards, on the same conditions and draws.

    Predictions of cells and of profiles answer the same question; metrics that need cells compare
    nothing where one of the models gives none.

    Args:
        cards: paths of two or more scorecards.
        within: what the agreement of metrics is taken within: `context`, or a division of the
            conditions that the cards tell strata of, such as `effect` or `training-contexts`.

    Raises:
        UsageError: fewer than two cards, one card twice, one without values by condition, or one
            that tells no such strata.
        Invalid: a card breaks a rule.
        Mismatch: two cards answer different questions; the message names the first difference.
    """
    places = [Path(card) for card in cards]
    if len(places) < 2:
        message = f"{len(places)} scorecard is given; a comparison needs two or more"
        raise UsageError(message)
    found, digests = zip(*map(read_scorecard, places), strict=True)
    require_equal(
        places,
        [_question(card) for card in found],
        "answer different questions",
        "score both by the same suites against one reference, with one version of vcspec",
    )
    require_all_different(places, digests)
    names = _names(places, found)
    return League(_document(found, names, digests, within))


def _question(card: Scorecard) -> dict[str, Any]:
    """What must be equal, in the order in which a difference is told."""
    document = card.document
    inputs = document["inputs"]
    return {
        **{name: document[name] for name in QUESTION},
        "suites": suites_of(document),
        "inputs": _asked_of(inputs),
        "bootstrap": document["bootstrap"],
        "tool": {"vcspec": document["tool"]["vcspec"]},
        "metrics": {name: found["definition"] for name, found in document["metrics"].items()},
        "by_condition": {"conditions": card.conditions, "contexts": card.contexts},
    }


def _asked_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs without what a model gave; of pooled scorecards for every fold."""
    if "folds" not in inputs:
        return {name: inputs[name] for name in ("dataset", "split", "reference")}
    folds = [
        {name: one[name] for name in ("fold", "split", "reference")} for one in inputs["folds"]
    ]
    return {**{name: inputs[name] for name in ("dataset", "strategy")}, "folds": folds}


def _answered_by(inputs: Mapping[str, Any]) -> str | list[str]:
    """Content digest of the predictions; of every fold's, where they were pooled."""
    if "folds" not in inputs:
        return str(inputs["predictions"])
    return [str(one["predictions"]) for one in inputs["folds"]]


def _names(places: Sequence[Path], cards: Sequence[Scorecard]) -> list[str]:
    """A name for each model, unique: its own, with version or file where that is needed."""
    models = [card.document["model"] for card in cards]
    choices = (
        [str(model["name"]) for model in models],
        [f"{model['name']} {model['version']}" for model in models],
        [
            f"{model['name']} {model['version']} ({place})"
            for model, place in zip(models, places, strict=True)
        ],
    )
    return next(names for names in choices if len(set(names)) == len(names))


def _document(
    cards: Sequence[Scorecard], names: Sequence[str], digests: Sequence[str], within: str
) -> dict[str, Any]:
    first = cards[0]
    entries = standard().metrics
    values = np.array([card.values for card in cards])  # (models, metrics, conditions)
    means = {
        metric: means_of(
            values[:, at],
            first.contexts,
            entries[metric]["direction"],
            entries[metric]["per"],
        )
        for at, metric in enumerate(first.metrics)
    }
    counted, left_out = _counted(first, means)
    used = [metric for metric in first.metrics if means[metric] is not None]
    return {
        "kind": "comparison",
        "spec": CURRENT,
        "question": {
            **{name: first.document[name] for name in QUESTION},
            "suites": suites_of(first.document),
            "inputs": _asked_of(first.document["inputs"]),
        },
        "models": [
            {
                "name": name,
                "model": card.document["model"],
                "scorecard": digest,
                "predictions": _answered_by(card.document["inputs"]),
                "level": card.document["level"],
                "coverage": card.document["coverage"],
            }
            for name, card, digest in zip(names, cards, digests, strict=True)
        ],
        "metrics": {
            metric: {
                **_metric(found, values[:, at], entries[metric]["direction"]),
                "informative": _informative(first.document["metrics"][metric]),
            }
            for at, (metric, found) in enumerate(means.items())
        },
        "overall": _overall(counted, left_out, means),
        "agreement": agreement(cards, used, values, within),
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED},
        "tool": first.document["tool"]["vcspec"],
    }


def _informative(stated: Mapping[str, Any]) -> bool | None:
    """By the reference, which all of the scorecards share."""
    calibration = stated["calibration"]
    return None if calibration is None else bool(calibration["informative"])


def _metric(found: Means | None, values: Array, direction: str) -> dict[str, Any]:
    """Standing of the models by one metric; values as the metric gives them, not turned round."""
    kept = ~np.isnan(values).any(axis=0)
    head = {"direction": direction, "conditions": int(kept.sum())}
    if found is None:
        return {**head, "models": None, "pairs": None}
    sign = 1.0 if direction == "higher" else -1.0
    return {**head, **_standing(found, sign)}


def _standing(found: Means, sign: float) -> dict[str, Any]:
    ranges, best, tier = rank_ranges(found), best_shares(found), tiers(found)
    ranks = ranks_of(found.value)
    models = [
        {
            "value": sign * float(value),
            "interval": _interval(None if found.drawn is None else sign * found.drawn[:, at]),
            "rank": float(ranks[at]),
            "ranks": _range(ranges, at),
            "best": None if best is None else best[at],
            "tier": None if tier is None else tier[at],
        }
        for at, value in enumerate(found.value)
    ]
    pairs = [
        {
            "models": [one, other],
            "difference": round(sign * float(found.value[one] - found.value[other]), 10),
            "interval": _interval(
                None
                if found.drawn is None
                else sign * (found.drawn[:, one] - found.drawn[:, other])
            ),
            "first_is_better": better_share(found, one, other),
        }
        for one in range(len(models))
        for other in range(one + 1, len(models))
    ]
    return {"models": models, "pairs": pairs}


def _interval(drawn: Array | None) -> dict[str, float] | None:
    if drawn is None:
        return None
    low, high = interval_of(drawn)
    return {"low": low, "high": high}


def _range(ranges: Sequence[tuple[int, int]] | None, at: int) -> dict[str, int] | None:
    return None if ranges is None else {"low": ranges[at][0], "high": ranges[at][1]}


def _counted(
    card: Scorecard, means: Mapping[str, Means | None]
) -> tuple[list[str], dict[str, str]]:
    """Headline metrics that an average counts, and why the others are left out.

    Where none is known to tell anything on these data, all count: the comparison says so itself.
    """
    entries = standard().metrics
    headline = standard().headline(suites_of(card.document))
    blind = {name for name in headline if _informative(card.document["metrics"][name]) is False}
    counted: list[str] = []
    left_out: dict[str, str] = {}
    for metric in headline:
        twins = [name for name in counted if name in entries[metric]["not_averaged_with"]]
        if means.get(metric) is None:
            left_out[metric] = "undefined"
        elif metric in blind and len(blind) < len(headline):
            left_out[metric] = "not informative here"
        elif twins:
            left_out[metric] = f"a function of {twins[0]}"
        else:
            counted.append(metric)
    return counted, left_out


def _overall(
    counted: Sequence[str], left_out: Mapping[str, str], means: Mapping[str, Means | None]
) -> dict[str, Any]:
    """Mean rank over the counted headline metrics; 1 would be best in all of them."""
    parts = [found for metric in counted if (found := means[metric]) is not None]
    head = {"counted": list(counted), "left_out": dict(left_out)}
    if not parts:
        return {**head, "models": None, "pairs": None}
    return {**head, **_standing(mean_ranks(parts), -1.0)}
