"""compare: several scorecards of one question, with what can and cannot be told apart."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.actions.validate import require_valid, validate
from vcspec.metrics.interval import RESAMPLES, SEED
from vcspec.metrics.standing import (
    Means,
    best_shares,
    better_share,
    effective_number,
    interval_of,
    kendall,
    mean_ranks,
    means_of,
    rank_ranges,
    ranks_of,
    tiers,
)
from vcspec.model.errors import Mismatch, UsageError
from vcspec.model.league import League
from vcspec.model.matrix import Array
from vcspec.model.scorecard import Scorecard, first_difference
from vcspec.standard import CURRENT, standard
from vcspec.storage.documents import parse_document

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


def compare(cards: Sequence[Target]) -> League:
    """Compare models by their scorecards, on the same conditions and draws.

    Predictions of cells and of profiles answer the same question; metrics that need cells compare
    nothing where one of the models gives none.

    Args:
        cards: paths of two or more scorecards.

    Raises:
        UsageError: fewer than two cards, one card twice, or one without values by condition.
        Invalid: a card breaks a rule.
        Mismatch: two cards answer different questions; the message names the first difference.
    """
    places = [Path(card) for card in cards]
    if len(places) < 2:
        message = f"{len(places)} scorecard is given; a comparison needs two or more"
        raise UsageError(message)
    data = [_read(place) for place in places]
    found = [_card(place, bytes_) for place, bytes_ in zip(places, data, strict=True)]
    _require_one_question(places, found)
    digests = [hashlib.sha256(bytes_).hexdigest() for bytes_ in data]
    if len(set(digests)) < len(digests):
        again = next(at for at, digest in enumerate(digests) if digest in digests[:at])
        message = (
            f"{places[again]} is the same scorecard as {places[digests.index(digests[again])]}"
        )
        raise UsageError(message)
    names = _names(places, found)
    return League(_document(found, names, digests))


def _read(place: Path) -> bytes:
    require_valid(validate(place))
    return place.read_bytes()


def _card(place: Path, data: bytes) -> Scorecard:
    document = parse_document(data, standard().limits)
    if "by_condition" not in document:
        message = (
            f"{place} holds no values by condition, which a comparison draws on; "
            "score again, disclosing all"
        )
        raise UsageError(message)
    return Scorecard.of(document)


def _question(card: Scorecard) -> dict[str, Any]:
    """What must be equal, in the order in which a difference is told."""
    document = card.document
    inputs = document["inputs"]
    return {
        **{name: document[name] for name in QUESTION},
        "inputs": {name: inputs[name] for name in ("dataset", "split", "reference")},
        "bootstrap": document["bootstrap"],
        "tool": {"vcspec": document["tool"]["vcspec"]},
        "metrics": {name: found["definition"] for name, found in document["metrics"].items()},
        "by_condition": {"conditions": card.conditions, "contexts": card.contexts},
    }


def _require_one_question(places: Sequence[Path], cards: Sequence[Scorecard]) -> None:
    first = _question(cards[0])
    for place, card in zip(places[1:], cards[1:], strict=True):
        other = _question(card)
        for name, value in first.items():
            if difference := first_difference({name: value}, {name: other[name]}):
                message = (
                    f"{places[0]} and {place} answer different questions: {difference} is "
                    f"{_at(first, difference)} in one and {_at(other, difference)} in the other; "
                    "score both against one reference, with one version of vcspec"
                )
                raise Mismatch(message)


def _at(document: Any, pointer: str) -> str:
    """What stands at a JSON pointer, as far as there is something; short."""
    for part in pointer.split("/")[1:]:
        if not isinstance(document, Mapping) or part not in document:
            return "absent"
        document = document[part]
    text = str(document)
    return text if len(text) <= 80 else f"{text[:77]}…"


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
    cards: Sequence[Scorecard], names: Sequence[str], digests: Sequence[str]
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
    counted, left_out = _counted(first.document["suite"], means)
    used = [metric for metric in first.metrics if means[metric] is not None]
    return {
        "kind": "comparison",
        "spec": CURRENT,
        "question": {
            **{name: first.document[name] for name in QUESTION},
            "inputs": {
                name: first.document["inputs"][name] for name in ("dataset", "split", "reference")
            },
        },
        "models": [
            {
                "name": name,
                "model": card.document["model"],
                "scorecard": digest,
                "predictions": card.document["inputs"]["predictions"],
                "level": card.document["level"],
                "coverage": card.document["coverage"],
            }
            for name, card, digest in zip(names, cards, digests, strict=True)
        ],
        "metrics": {
            metric: _metric(found, values[:, at], entries[metric]["direction"])
            for at, (metric, found) in enumerate(means.items())
        },
        "overall": _overall(counted, left_out, means),
        "agreement": _agreement(first, used, values),
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED},
        "tool": first.document["tool"]["vcspec"],
    }


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


def _counted(suite: str, means: Mapping[str, Means | None]) -> tuple[list[str], dict[str, str]]:
    """Headline metrics that an average counts, and why the others are left out."""
    entries = standard().metrics
    counted: list[str] = []
    left_out: dict[str, str] = {}
    for metric in standard().suites[suite]["headline"]:
        twins = [name for name in counted if name in entries[metric]["not_averaged_with"]]
        if means.get(metric) is None:
            left_out[metric] = "undefined"
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


def _agreement(first: Scorecard, used: Sequence[str], values: Array) -> dict[str, Any]:
    entries = standard().metrics
    signs = np.array([1.0 if entries[name]["direction"] == "higher" else -1.0 for name in used])
    rows = [first.metrics.index(name) for name in used]
    oriented = values[:, rows].transpose(1, 0, 2) * signs[:, np.newaxis, np.newaxis]
    tau = kendall(oriented, first.contexts)
    return {
        "metrics": list(used),
        "kendall": [[None if np.isnan(v) else float(v) for v in row] for row in tau],
        "effective_number": effective_number(oriented),
    }
