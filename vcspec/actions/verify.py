"""verify: the same numbers again, from the files that a scorecard names by digest."""

import hashlib
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vcspec.actions.score import score
from vcspec.actions.validate import require_valid, validate
from vcspec.engine.settings import Settings
from vcspec.model.errors import Refused, Unreadable, UsageError
from vcspec.model.scorecard import Scorecard, first_difference
from vcspec.rules.subject import Subject
from vcspec.storage.opening import open_store

Target = str | os.PathLike[str]
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Verification:
    """What recomputing a scorecard has shown.

    Attributes:
        scorecard: computed anew.
        identical: whether it is the same, byte for byte.
        agrees: whether every number is the same to 1e-6 relative, and all else is equal but the
            versions of the tools.
        difference: JSON pointer of the first disagreement; empty where it agrees.
    """

    scorecard: Scorecard
    identical: bool
    agrees: bool
    difference: str


def verify(
    card: Target,
    *,
    predictions: Target | None = None,
    split: Target | None = None,
    reference: Target | None = None,
    dataset: Target | None = None,
    settings: Settings | None = None,
) -> Verification:
    """Recompute a scorecard and compare.

    Args:
        card: path of the scorecard.
        predictions: the store it was computed from; looked for beside the card by its digest.
        split: as in `score`.
        reference: as in `score`.
        dataset: of a scorecard that was made without a reference; looked for beside it.
        settings: as in `score`.

    Raises:
        Invalid: the scorecard itself breaks a rule.
        UsageError: the predictions are not found.
    """
    path = Path(card)
    require_valid(validate(path))
    stated = json.loads(path.read_bytes())
    inputs = stated["inputs"]
    if "folds" in inputs:
        return _verified(stated, _pooled_again(path, inputs))
    place = predictions or _find(path, "predictions", inputs["predictions"])
    if inputs["reference"] is None and dataset is None:
        dataset = _find(path, "dataset", inputs["dataset"]["content"])
    anew = score(
        place,
        split=split,
        reference=reference,
        dataset=dataset,
        suites=stated.get("suites", [stated["suite"]]),
        settings=settings,
    )
    return _verified(stated, anew)


def _verified(stated: dict[str, Any], anew: Scorecard) -> Verification:
    found = json.loads(anew.to_json())
    difference = _disagreement(stated, found)
    identical = first_difference(stated, found) == ""
    return Verification(anew, identical, not difference, difference)


def _pooled_again(card: Path, inputs: dict[str, Any]) -> Scorecard:
    """The folds' scorecards, beside the pooled one or in folders beside it, pooled again."""
    from vcspec.actions.pool import pool

    folder = card.resolve().parent
    places = {
        hashlib.sha256(place.read_bytes()).hexdigest(): place
        for place in sorted({*folder.glob("*.json"), *folder.glob("*/*.json")})
        if place.is_file()
    }
    for fold in inputs["folds"]:
        if fold["scorecard"] not in places:
            message = (
                f"no scorecard {fold['scorecard']} of fold {fold['fold']} stands beside {card}, or "
                "in a folder beside it"
            )
            raise UsageError(message)
    found = [places[fold["scorecard"]] for fold in inputs["folds"]]
    return pool(found, partial=bool(inputs["missing"]))


def _find(card: Path, kind: str, content: str) -> Path:
    for place in sorted(card.resolve().parent.glob("*.zarr")):
        try:
            subject = Subject(open_store(str(place)))
            if subject.kind == kind and subject.manifest.get("content") == content:
                return place
        except (Unreadable, Refused, ValueError):
            continue
    message = f"no {kind} {content} beside {card}; name it with --{kind}"
    raise UsageError(message)


def _disagreement(stated: dict[str, Any], found: dict[str, Any]) -> str:
    """First disagreement, tool versions and what contains them left out."""
    left_out = {"tool", "signature", "table"}
    pairs = [{k: v for k, v in card.items() if k not in left_out} for card in (stated, found)]
    return first_difference(_rounded(pairs[0], pairs[1]), pairs[1])


def _rounded(one: Any, other: Any) -> Any:
    """`one`, with every number that is close to its counterpart replaced by it."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _rounded(value, other.get(name)) for name, value in one.items()}
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    if numbers and math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-12):
        return other
    return one
