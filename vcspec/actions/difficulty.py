"""difficulty: how hard a split is, and whether that goes along with what it holds out."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import rfc8785
from numpy.typing import NDArray

from vcspec.actions.allowed import Allowed
from vcspec.actions.score import Reference, reference_of
from vcspec.actions.validate import checked, dataset_of
from vcspec.engine.settings import settings_in_force
from vcspec.metrics.calibration import ERRORS
from vcspec.metrics.summary import REPLICATE, mean_of, summary
from vcspec.model.comparison import Scores
from vcspec.model.condition import Condition
from vcspec.model.errors import Mismatch
from vcspec.model.matrix import Array
from vcspec.model.spaces import SIGNED
from vcspec.rules.structure import axis_length
from vcspec.rules.subject import Subject
from vcspec.standard import CURRENT, standard
from vcspec.statistics.cellwise import Piece
from vcspec.statistics.difficulty import (
    FEWEST,
    contrast,
    correlation,
    correlations,
    effect_size,
    greatest,
    nearest,
)
from vcspec.statistics.moments import Moments, moments
from vcspec.storage.opening import open_store

Target = str | os.PathLike[str]
MEASURES: Mapping[str, str] = {
    "cells": "cells of a condition",
    "depth": "median total count of its cells",
    "effect": "root mean square change of log1p, noise taken off",
    "reliability": "correlation of the change between two halves of the cells",
}
"""What tested and trained conditions are compared by."""
CONFOUNDED_P = 0.01
CONFOUNDED_AUC = 0.2  # away from one half


@dataclass(frozen=True)
class Difficulty:
    """How hard a split is.

    Attributes:
        document: conditions, contrasts, distances, baselines and warnings; equal inputs give equal
            documents.
    """

    document: Mapping[str, Any]

    def to_json(self, *, summary: bool = False) -> str:
        """Canonical JSON (RFC 8785), of the summary alone where that is asked for."""
        return rfc8785.dumps(self.summary if summary else dict(self.document)).decode()

    @property
    def summary(self) -> dict[str, Any]:
        """The document without single conditions: what is published with a split."""
        return {name: value for name, value in self.document.items() if name != "conditions"}

    @property
    def warnings(self) -> list[str]:
        """What a reader of scores on the split has to know."""
        return list(self.document["warnings"])


def difficulty(
    split: Target, *, dataset: Target | None = None, reference: Target | None = None
) -> Difficulty:
    """Measure how hard a split is. It looks at the truth, so it is for who may.

    Args:
        split: a sound split.
        dataset: the one that it pins; looked for beside it by its digest.
        reference: of that split, for the baselines' values; looked for beside it. Without one
            nothing is said of baselines.

    Raises:
        UsageError: split or dataset are not found, or are not sound.
        Mismatch: dataset or reference belong to another split.
    """
    place = os.fspath(split)
    opened = checked(place, "split", level="full")
    measured = _Measured(Allowed(opened, dataset_of(opened, dataset)))
    found = _reference(opened, reference)
    baselines = _baselines(found) if found else {}
    contrasts, transfer = measured.contrasts, measured.transfer
    stated = opened.document
    distances = {**measured.contexts, "nearest_effect": _median(measured.nearest_effects)}
    return Difficulty(
        {
            "kind": "difficulty",
            "spec": CURRENT,
            "split": {
                **{name: stated[name] for name in ("id", "version")},
                "content": opened.claimed_content(),
            },
            "reference": found.pin()["content"] if found else None,
            "claim": stated["claim"],
            "simulated": stated["simulated"],
            "counts": {role: len(changes) for role, changes in measured.changes.items()},
            "conditions": [_plain(row) for row in measured.rows],
            "contrasts": contrasts,
            "distances": distances,
            "transfer": transfer,
            "baselines": baselines,
            "warnings": [*_confounded(contrasts), *_silent(transfer), *_unable(baselines)],
        }
    )


def cells_read(dataset: Target) -> int:
    """Number of cells of the dataset, all of which a measurement reads."""
    return axis_length(Subject(open_store(os.fspath(dataset))), "/obs") or 0


def _reference(split: Subject, given: Target | None) -> Reference | None:
    pinned = split.claimed_content()
    if given is None:
        found = reference_of(split.store.target, pinned)
        return Reference(found) if found else None
    opened = checked(os.fspath(given), "reference", level="full")
    if opened.document["split"]["content"] != pinned:
        message = f"{opened.store.target} is the reference of another split than {pinned}"
        raise Mismatch(message)
    return Reference(opened)


@dataclass(frozen=True, eq=False)
class _Control:
    """Controls of a context: all of them, and in two halves."""

    whole: Moments
    halves: tuple[Moments, Moments]


class _Measured:
    """Tested and trained conditions of a split, measured."""

    def __init__(self, allowed: Allowed) -> None:
        self.allowed = allowed
        control = allowed.table.control
        known = allowed.controls.keys()
        self.rows: list[dict[str, Any]] = []
        self.changes: dict[str, list[tuple[Condition, Array]]] = {"test": [], "train": []}
        for role in self.changes:
            having = allowed.table.having(role)
            for condition in settings_in_force().counted(having, f"{role} conditions"):
                if condition.perturbation != control and condition.context_key in known:
                    self._measure(condition, role)

    @cached_property
    def _controls(self) -> dict[str, _Control]:
        found = {}
        for context, control in self.allowed.controls.items():
            piece = control.piece or Piece.of(control.rows)
            halves = self.allowed.cells.halves(*self.allowed.control_keys[context])
            found[context] = _Control(moments(piece.log1p), _halved(piece, halves))
        return found

    def _measure(self, condition: Condition, role: str) -> None:
        piece = self.allowed.cells.piece(condition.key)
        control = self._controls[condition.context_key]
        whole = moments(piece.log1p)
        change = whole.mean - control.whole.mean
        self.changes[role].append((condition, change))
        self.rows.append(
            {
                "condition": condition.key,
                "role": role,
                "cells": len(piece.log1p),
                "depth": _depth(piece, self.allowed),
                "effect": effect_size(whole, control.whole),
                "reliability": self._reliability(condition, piece, control),
            }
        )

    def _reliability(self, condition: Condition, piece: Piece, control: _Control) -> float:
        if min(len(piece.log1p), control.whole.cells) < FEWEST:
            return float("nan")
        first, second = _halved(piece, self.allowed.cells.halves(condition.key))
        one, other = control.halves
        return correlation(first.mean - one.mean, second.mean - other.mean)

    @property
    def contrasts(self) -> dict[str, dict[str, Any]]:
        """Measure → tested beside trained conditions."""
        found = {}
        for measure in MEASURES:
            sides = [
                np.array([row[measure] for row in self.rows if row["role"] == role], dtype=float)
                for role in ("test", "train")
            ]
            found[measure] = _plain(asdict(contrast(sides[0], sides[1])))
        return found

    @cached_property
    def _alike(self) -> Array:
        """(tested, trained) correlations of the changes."""
        return correlations(*([change for _, change in self.changes[r]] for r in ("test", "train")))

    @property
    def nearest_effects(self) -> list[float]:
        """(tested conditions,) greatest correlation with a trained condition's change.

        With those of the same context, where there are any.
        """
        places = np.array([one.context_key for one, _ in self.changes["train"]], dtype=object)
        found = []
        for (condition, _), alike in zip(self.changes["test"], self._alike, strict=True):
            same = alike[places == condition.context_key]
            found.append(greatest(same if len(same) else alike))
        return found

    @property
    def transfer(self) -> dict[str, Any] | None:
        """Whether changes are more like those of the same perturbation elsewhere than like others.

        None where no tested perturbation is trained on elsewhere beside others.
        """
        gains: dict[str, list[float]] = {}
        same: list[float] = []
        trained = [one for one, _ in self.changes["train"]]
        places = np.array([one.context_key for one in trained], dtype=object)
        names = np.array([one.perturbation for one in trained], dtype=object)
        for (condition, _), alike in zip(self.changes["test"], self._alike, strict=True):
            elsewhere = (places != condition.context_key) & ~np.isnan(alike)
            is_same = names == condition.perturbation
            own, others = alike[elsewhere & is_same], alike[elsewhere & ~is_same]
            if len(own) and len(others):
                same.append(float(own.mean()))
                gain = float(own.mean() - others.mean())
                gains.setdefault(condition.perturbation, []).append(gain)
        means = np.array([np.mean(values) for values in gains.values()])
        if len(means) < FEWEST:
            return None
        error = float(means.std(ddof=1) / np.sqrt(len(means)))
        found = {"same": float(np.mean(same)), "gain": float(means.mean()), "error": error}
        return {**_plain(found), "perturbations": len(means)}

    def _mean_change(self, context: str) -> Array:
        """(features,) mean change of a context, whose controls are 0 by definition."""
        every = (*self.changes["test"], *self.changes["train"])
        return np.mean([change for one, change in every if one.context_key == context], axis=0)

    @property
    def contexts(self) -> dict[str, Any]:
        """Distance of each tested context's controls from the nearest trained context's.

        Where values are changes, of which controls have none, of the mean changes.
        """
        trained = sorted({one.context_key for one, _ in self.changes["train"]})
        tested = sorted({one.context_key for one, _ in self.changes["test"]} - set(trained))
        if not trained or not tested:
            return {"contexts": {}, "between_trained": None}

        def profiles(names: Sequence[str]) -> Array:
            if self.allowed.split.document["values"]["space"] in SIGNED:
                return np.array([self._mean_change(name) for name in names])
            return np.array([self._controls[name].whole.mean for name in names])

        places, far = nearest(profiles(tested), profiles(trained))
        between = [
            float(nearest(profiles([name]), profiles([n for n in trained if n != name]))[1][0])
            for name in trained
            if len(trained) > 1
        ]
        return {
            "contexts": {
                name: {"nearest": trained[place], "distance": _rounded(distance)}
                for name, place, distance in zip(tested, places.tolist(), far.tolist(), strict=True)
            },
            "between_trained": _median(between),
        }


def _halved(
    piece: Piece, halves: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> tuple[Moments, Moments]:
    first, second = (moments(piece.log1p.take(rows)) for rows in halves)
    return first, second


def _depth(piece: Piece, allowed: Allowed) -> float:
    """Median total of the cells; unknown where the dataset holds no counts."""
    if allowed.dataset.document["values"]["space"] != "counts":
        return float("nan")
    known = piece.scale[piece.scale > 0]
    totals = float(allowed.split.document["values"]["target_sum"]) / known
    return float(np.median(totals)) if len(totals) else float("nan")


def _baselines(reference: Reference) -> dict[str, Any]:
    """Headline metric → values of baselines and replicate, and what it can tell here."""
    entries = standard().metrics
    found: dict[str, Any] = {}
    for metric in standard().headline(reference.suites):
        anchors = reference.anchors(metric)
        if not anchors:
            continue
        # The replicate as a submission: what is said of anchors does not depend on it.
        replicate = Scores.defined(anchors[REPLICATE])
        replicate = replicate.undefined_where(np.isnan(anchors[REPLICATE]), "too-few-cells")
        told = summary(replicate, anchors, reference.contexts, entries[metric])
        found[metric] = {
            "values": {name: mean_of(values) for name, values in anchors.items()},
            "floor": told["floor"],
            "replicate": told["replicate"],
            "replicate_error": reference.error(metric),
            "calibration": told["calibration"],
        }
    return found


def _confounded(contrasts: Mapping[str, Any]) -> Iterator[str]:
    for measure, found in contrasts.items():
        auc, p_value = found["auc"], found["p_value"]
        if auc is None or abs(auc - 0.5) < CONFOUNDED_AUC or p_value > CONFOUNDED_P:
            continue
        way = "higher" if auc > 0.5 else "lower"
        what = "the number of cells" if measure == "cells" else measure
        yield (
            f"{what} is {way} in tested conditions (median {found['test']:.3g} against "
            f"{found['train']:.3g}, AUC {auc:.2f}, p = {p_value:.1g}): what is held out differs in "
            "difficulty too, and scores mix the two"
        )


def _silent(transfer: Mapping[str, Any] | None) -> Iterator[str]:
    if transfer and transfer["gain"] <= ERRORS * transfer["error"]:
        yield (
            "the split cannot rank models that transfer effects: a change is no more like that of "
            "the same perturbation elsewhere than like others' (correlation greater by "
            f"{transfer['gain']:.2g} ± {transfer['error']:.2g})"
        )


def _unable(baselines: Mapping[str, Any]) -> Iterator[str]:
    told = {metric: found["calibration"] or {} for metric, found in baselines.items()}
    blind = [metric for metric, one in told.items() if not one.get("informative")]
    lacking = {
        what: bool(baselines) and all(found[what] is None for found in baselines.values())
        for what in ("floor", REPLICATE)
    }
    if all(lacking.values()):
        yield (
            f"nothing tells whether the split can rank models: on none of {', '.join(blind)} has "
            "any baseline, or a replicate, a value"
        )
    elif lacking[REPLICATE]:
        yield (
            "nothing tells whether the split can rank models: tested conditions have too few cells "
            "for a replicate, so that noise is not known"
        )
    elif baselines and len(blind) == len(baselines):
        yield (
            f"the split cannot rank models: on none of {', '.join(blind)} do replicate cells of "
            "the tested conditions beat the best baseline beyond noise"
        )


def _median(values: Sequence[float]) -> float | None:
    kept = [value for value in values if not np.isnan(value)]
    return _rounded(float(np.median(kept))) if kept else None


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with None for what is undefined, and numbers that no order of summation changes."""
    return {
        name: _rounded(value) if isinstance(value, float) else value for name, value in row.items()
    }


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.9g}")
