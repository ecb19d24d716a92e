"""pool: scorecards of the folds of one split family as one, which tests everything once."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vcspec.actions.folds import Fold, Union
from vcspec.actions.results import assembled, composites, filled, summaries
from vcspec.actions.score import Reference
from vcspec.actions.scorecards import read_scorecard, require_all_different, require_equal
from vcspec.actions.validate import by_digest, checked
from vcspec.model.errors import Mismatch, UsageError
from vcspec.model.scorecard import Scorecard
from vcspec.rules.subject import Subject

Target = str | os.PathLike[str]
QUESTION = (
    "spec",
    "task",
    "suite",
    "suites",
    "claim",
    "simulated",
    "values",
    "features",
    "model",
    "level",
    "bootstrap",
)
"""Members of a scorecard that all folds share, beside dataset, strategy and definitions."""
COPIED = ("kind", *QUESTION[:-1])
SEVERAL = "several-folds"


def pool(
    cards: Sequence[Target],
    *,
    splits: Sequence[Target] = (),
    references: Sequence[Target] = (),
    partial: bool = False,
) -> Scorecard:
    """One scorecard of all folds of a model.

    Values by condition are those of the folds, and everything else follows from them and from the
    references as it does when a prediction is scored. A metric that looks at other test conditions
    of the context too has no value where these stand in other folds.

    Args:
        cards: paths of scorecards, one for each fold.
        splits: that they answer; looked for beside each scorecard by digest.
        references: that they were scored with; likewise.
        partial: pool what is there where folds are missing.

    Raises:
        UsageError: fewer than two cards, a fold twice, one that is missing, or files that are not
            found.
        Invalid: a card breaks a rule.
        Mismatch: the cards are not folds of one family; the message names the first difference.
    """
    places = [Path(card) for card in cards]
    if len(places) < 2:
        message = f"{len(places)} scorecard is given; pooling needs those of two folds or more"
        raise UsageError(message)
    read = [read_scorecard(place) for place in places]
    require_all_different(places, [digest for _, digest in read])
    given = {"split": splits, "reference": references}
    folds = [_fold(place, *one, given) for place, one in zip(places, read, strict=True)]
    require_equal(
        places,
        [_question(fold) for fold in folds],
        "are not folds of one family",
        "pool the folds of one model, dataset, strategy and suite",
    )
    folds.sort(key=lambda fold: fold.place_in_family)
    _require_apart(folds)
    return _pooled(folds, _missing(folds, partial=partial))


def _fold(place: Path, card: Scorecard, digest: str, given: Mapping[str, Sequence[Target]]) -> Fold:
    inputs = card.document["inputs"]
    if "folds" in inputs:
        message = f"{place} is pooled already; give the scorecards of single folds"
        raise UsageError(message)
    split = _companion(place, "split", inputs["split"]["content"], given)
    pin = inputs["reference"]
    reference = _companion(place, "reference", pin["content"], given) if pin else None
    return Fold(place, card, digest, split, Reference(reference) if reference else None)


def _companion(
    place: Path, kind: str, content: str, given: Mapping[str, Sequence[Target]]
) -> Subject:
    """The artefact of that digest, among those given or beside the scorecard.

    Raises:
        UsageError: it is nowhere.
    """
    for target in given[kind]:
        found = checked(os.fspath(target), kind, level="full")
        if found.claimed_content() == content:
            return found
    beside = by_digest(str(place), kind, content)
    if beside is None:
        message = f"the {kind} {content} lies not beside {place}; name it with --{kind}"
        raise UsageError(message)
    return beside


def _question(fold: Fold) -> dict[str, Any]:
    """What must be equal, in the order in which a difference is told."""
    document = fold.card.document
    return {
        **{name: document.get(name) for name in QUESTION},
        "inputs": {
            "dataset": document["inputs"]["dataset"],
            "reference": "given" if fold.reference else None,
        },
        "strategy": fold.family,
        "tool": {"vcspec": document["tool"]["vcspec"]},
        "metrics": {name: found["definition"] for name, found in document["metrics"].items()},
        "by_condition": {"metrics": list(fold.card.metrics)},
    }


def _require_apart(folds: Sequence[Fold]) -> None:
    """Pass folds of which no two test one condition."""
    owner: dict[str, Fold] = {}
    for fold in folds:
        for key in fold.card.conditions:
            other = owner.setdefault(key, fold)
            if other is fold:
                continue
            if other.name == fold.name:
                message = f"{other.place} and {fold.place} are both of fold {fold.name}; give one"
                raise UsageError(message)
            message = (
                f"{other.place} and {fold.place} both test {key}; pooled folds test each condition "
                "once"
            )
            raise Mismatch(message)


def _missing(folds: Sequence[Fold], *, partial: bool) -> list[str]:
    """Folds of which there is no scorecard."""
    number = folds[0].place_in_family[1]
    known = {fold.place_in_family[0] for fold in folds}
    missing = [f"{k}/{number}" for k in range(1, number + 1) if k not in known]
    if missing and not partial:
        message = (
            f"no scorecard is of fold {', '.join(missing)}; give all {number}, or pool what is "
            "there with --partial"
        )
        raise UsageError(message)
    return missing


def _pooled(folds: Sequence[Fold], missing: Sequence[str]) -> Scorecard:
    union, first = Union(folds), folds[0].card
    scores = {metric: union.scores(metric) for metric in first.metrics}
    anchors = {metric: union.anchors(metric) for metric in first.metrics}
    scores = filled(scores, anchors)
    results = summaries(
        scores,
        anchors,
        union.contexts,
        errors=dict.fromkeys(first.metrics),
        strata=union.strata(),
        without="not-in-reference" if folds[0].reference else "no-reference",
    )
    for metric, found in results.items():
        found["strata"]["fold"] = {fold.name: _of_fold(fold, metric) for fold in folds}
        if found["replicate"] is not None:
            found["reasons"]["replicate_error"] = SEVERAL
    stated = first.document
    suites = stated.get("suites", [stated["suite"]])
    document = {
        **{name: stated[name] for name in COPIED if name in stated},
        "training": _training(folds),
        "inputs": {
            "dataset": stated["inputs"]["dataset"],
            "strategy": folds[0].family,
            "folds": [fold.stated() for fold in folds],
            "missing": list(missing),
        },
        "missing": union.missing,
        "metrics": results,
        "systematic_variation": _systematic(union),
        "composites": composites(suites, scores, anchors, union.contexts),
        "flags": [
            {**flag, "fold": fold.name} for fold in folds for flag in fold.card.document["flags"]
        ],
    }
    return assembled(document, union.keys, union.contexts, scores)


def _of_fold(fold: Fold, metric: str) -> dict[str, Any]:
    """What the fold's own scorecard says."""
    found = fold.card.document["metrics"][metric]
    floor = {"floor": found["floor"]["value"]} if found["floor"] else {}
    told = ("value", "defined", "undefined", "interval", *(["replicate"] if fold.reference else []))
    return {**{name: found[name] for name in told}, **floor}


def _training(folds: Sequence[Fold]) -> Any:
    """What the predictions declare; fold by fold where that is not the same."""
    declared = {fold.name: fold.card.document["training"] for fold in folds}
    parts = list(declared.values())
    if all(part == parts[0] for part in parts):
        return parts[0]
    names = {name for part in parts if isinstance(part, Mapping) for name in part["datasets"]}
    return {"datasets": sorted(names), "by_fold": declared}


def _systematic(union: Union) -> dict[str, float | None]:
    """Context → systematic variation, where all of its conditions are of one fold."""
    whole = {
        name: value
        for fold in union.folds
        for name, value in fold.card.document["systematic_variation"].items()
    }
    shared = dict(zip(union.contexts, union.shared.tolist(), strict=True))
    return {name: None if gone else whole[name] for name, gone in shared.items()}
