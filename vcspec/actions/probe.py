"""probe: the null panel on a split: which metric lets pass what knows nothing."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import rfc8785

from vcspec.actions.allowed import Allowed
from vcspec.actions.reference import compared
from vcspec.actions.score import Reference, reference_of
from vcspec.actions.suites import DEFAULT, Wanted, each_once, metrics_of, needs_space, taking_in
from vcspec.actions.validate import checked, dataset_of
from vcspec.baselines.arms import Scene, normal, submission
from vcspec.baselines.cells import dispersed, drawn_rows
from vcspec.engine.settings import settings_in_force
from vcspec.metrics import compute
from vcspec.metrics.contexts import of_contexts
from vcspec.metrics.coverage import with_worst
from vcspec.metrics.interval import mean_interval
from vcspec.metrics.summary import DUPLICATES, REPLICATE, floor_of, mean_of
from vcspec.model.comparison import Expression, Scores, Side
from vcspec.model.errors import UsageError
from vcspec.model.matrix import Array, Rows, rows_of_dense
from vcspec.model.spaces import AS_MEASURED
from vcspec.standard import CURRENT, standard
from vcspec.statistics.sides import Cells, Control

Target = str | os.PathLike[str]
GAIN = 0.01  # share of (replicate - floor) that a transform may gain
HONEST = 0.5  # share of the true change that the honest prediction knows
ERROR = 0.5  # deviation of its error, as a share of the change's root mean square
TRAINED = 400  # training cells that one block is drawn from
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Probe:
    """What the null panel found.

    Attributes:
        document: arms, values, nulls and offences; equal inputs give equal documents.
    """

    document: Mapping[str, Any]

    def to_json(self) -> str:
        """Canonical JSON (RFC 8785)."""
        return rfc8785.dumps(dict(self.document)).decode()

    @property
    def offences(self) -> list[dict[str, Any]]:
        """What passed that must not, headline metrics first."""
        return list(self.document["offences"])


def probe(
    split: Target,
    *,
    dataset: Target | None = None,
    reference: Target | None = None,
    suites: Sequence[str] = DEFAULT,
) -> Probe:
    """Score the null panel on a split.

    Args:
        split: a sound split.
        dataset: the one that it pins; looked for beside it by its digest.
        reference: of that split, for these suites; looked for beside it.
        suites: of metrics.

    Raises:
        UsageError: split, dataset or reference are not found, or are not sound, or the reference
            was made for other suites.
        UnknownName: the standard has no such suite.
    """
    suites = each_once(suites) or DEFAULT
    metrics = metrics_of(suites)
    stage = Stage.of(split, dataset, reference, metrics)
    _require_anchors(stage, split, suites)
    arms = standard().arms
    submissions = [(name, strength) for name in arms for strength in arms[name]["strengths"]]
    honest = stage.scored(list(stage.scene.honest))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in arms}
    offences: list[dict[str, Any]] = []
    for name, strength in settings_in_force().counted(submissions, "submissions"):
        scores = stage.scored(submission(name, stage.scene, strength))
        told = {
            metric: verdict(stage, arms[name], metric, scores[metric], honest[metric])
            for metric in metrics
        }
        found[name].append({"strength": strength, "metrics": told})
        offences += [
            {"arm": name, "strength": strength, "metric": metric, **one}
            for metric, one in told.items()
            if one["passes"]
        ]
    headline = standard().headline(suites)
    offences.sort(key=lambda one: one["metric"] not in headline)
    stated = stage.allowed.split.document
    return Probe(
        {
            "kind": "probe",
            "spec": CURRENT,
            "split": {"id": stated["id"], "version": stated["version"]},
            "suites": list(suites),
            "headline": headline,
            "conditions": len(stage.scene),
            "arms": found,
            "offences": offences,
            "judged": {metric: stage.span(metric) is not None for metric in metrics},
        }
    )


@dataclass(frozen=True, eq=False)
class Stage:
    """Where arms are scored.

    Attributes:
        allowed: the split on its dataset.
        wanted: the metrics, and what they ask of cells.
        truth: of the test conditions.
        reference: with the anchors.
        scene: what arms are made of.
    """

    allowed: Allowed
    wanted: Wanted
    truth: Side
    reference: Reference
    scene: Scene

    @classmethod
    def of(
        cls, split: Target, dataset: Target | None, reference: Target | None, metrics: list[str]
    ) -> "Stage":
        """The stage of a split, as `probe` takes its arguments."""
        place = os.fspath(split)
        opened = checked(place, "split", level="full")
        space = opened.document["values"]["space"]
        if space in AS_MEASURED:
            message = f"{place} is scored in {space!r}; the null panel is made of log1p values"
            raise UsageError(message)
        data = dataset_of(opened, dataset, level="full")
        found = (
            checked(os.fspath(reference), "reference", level="full")
            if reference is not None
            else reference_of(place, opened.claimed_content())
        )
        if found is None:
            message = f"no reference of {place} lies beside it; name it with --reference"
            raise UsageError(message)
        allowed, known = Allowed(opened, data), Reference(found)
        space = known.space or (allowed.space if needs_space(metrics) else None)
        wanted = Wanted(metrics, taking_in(metrics, opened.document["values"]), space)
        truth = wanted.side(
            (partial(allowed.cells.piece, one.key), allowed.controls[one.context_key])
            for one in allowed.tested
        )
        return cls(allowed, wanted, truth, known, _scene(allowed))

    def scored(self, cells: Sequence[Array | None]) -> dict[str, Scores]:
        """Scores of a submission; conditions without cells get the worst value."""
        tasks: list[tuple[Cells, Control]] = []
        for condition, own in zip(self.allowed.tested, cells, strict=True):
            control = self.allowed.controls[condition.context_key]
            rows = control.rows if own is None else rows_of_dense(own)  # no change, and gated
            tasks.append((partial(_given, rows), control))
        side = self.wanted.side(tasks)
        gone = np.array([own is None for own in cells])
        if gone.any():
            side = _without(side, gone)
        pair = compared(self.allowed, self.truth, side, self.wanted.space)
        entries = standard().metrics
        return {
            name: with_worst(one, entries[name], self.reference.anchors(name).get("no-change"))
            for name, one in compute(self.wanted.metrics, pair).items()
        }

    def units(self, values: Array, metric: str) -> Array:
        """What the metric's mean is taken over: values by condition as they are, or by context."""
        if standard().metrics[metric]["per"] == "condition":
            return values
        return of_contexts(values, self.reference.contexts)

    def null(self, entry: Mapping[str, Any], metric: str) -> Array | float | None:
        """What the arm must not beat: (conditions,) values of a baseline, or a number."""
        anchors = self.reference.anchors(metric)
        if entry["null"] != "metric":
            known = anchors.get(entry["null"])
            return known if known is not None else anchors.get("no-change")
        stated = standard().metrics[metric]["null"]
        if isinstance(stated, str):  # of a formula, no change scores what it says
            return anchors.get(stated, anchors.get("no-change"))
        return float(stated)

    def span(self, metric: str) -> float | None:
        """How much better the replicate is than the floor; None where it is not."""
        known = self.reference.anchors(metric)
        anchors = {name: self.units(values, metric) for name, values in known.items()}
        direction = standard().metrics[metric]["direction"]
        floor = floor_of(anchors, [n for n in anchors if n not in DUPLICATES], direction)
        replicate = mean_of(anchors[REPLICATE]) if anchors else None
        if floor is None or replicate is None:
            return None
        sign = 1.0 if direction == "higher" else -1.0
        found = sign * (replicate - floor[1])
        return found if found > 0 else None


def _require_anchors(stage: Stage, split: Target, suites: Sequence[str]) -> None:
    """Pass a stage whose reference has anchors, without which hardly an arm can be judged."""
    lacking = [metric for metric in stage.wanted.metrics if not stage.reference.anchors(metric)]
    if lacking:
        made_for = stage.reference.suites
        asked = " ".join(f"--suite {name}" for name in each_once([*made_for, *suites]))
        message = (
            f"the reference was made for {', '.join(made_for)} and has no anchors for "
            f"{len(lacking)} metrics, such as {lacking[0]}; make it for these suites: "
            f"vcspec reference {os.fspath(split)} {asked} -o REFERENCE"
        )
        raise UsageError(message)


def _given(rows: Rows) -> Rows:
    return rows


def _without(side: Side, gone: Any) -> Side:
    """The side without a prediction where it is `gone`."""
    assert side.expression is not None  # `side` always tests
    row, tests = gone[:, np.newaxis], side.expression
    return replace(
        side,
        mean=np.where(row, np.nan, side.mean),
        expression=Expression(
            np.where(row, 0, tests.z), np.where(row, 1, tests.p_value), np.where(row, 1, tests.fdr)
        ),
    )


def _scene(allowed: Allowed) -> Scene:
    tested = allowed.tested
    number = {name: at for at, name in enumerate(allowed.contexts)}
    cells = int(allowed.split.document["cells_per_condition"])
    most = float(np.log1p(allowed.split.document["values"]["target_sum"]))
    control, truth, honest, trained = [], [], [], []
    for row, condition in enumerate(tested):
        known = allowed.controls[condition.context_key]
        own = known.rows.take(drawn_rows(len(known.rows), cells, condition.key)).dense()
        measured = allowed.cells.of(condition.key).dense().astype(np.float64)
        change = measured.mean(axis=0) - known.mean
        error = normal(change.shape, 1000 + 2 * row) * np.sqrt(np.square(change).mean())
        mean = np.maximum(known.mean + HONEST * change + ERROR * error, 0)
        made = dispersed(known.rows, mean, cells=cells, most=most, key=condition.key)
        control.append(own.astype(np.float64))
        truth.append(measured)
        honest.append(made.dense().astype(np.float64))
        trained.append(_trained(allowed, condition.context_key))
    means = _means(truth, allowed)
    pair = compared(allowed, means, means)
    return Scene(
        keys=[condition.key for condition in tested],
        context=np.array([number[condition.context_key] for condition in tested], dtype=np.int64),
        control=control,
        truth=truth,
        honest=honest,
        trained=trained,
        centre=pair.centre,
        targets=pair.targets,
        most=most,
    )


def _means(cells: Sequence[Array], allowed: Allowed) -> Side:
    base = [allowed.controls[condition.context_key].mean for condition in allowed.tested]
    return Side(np.array([part.mean(axis=0) for part in cells]), np.array(base), None)


def _trained(allowed: Allowed, context: str) -> Array:
    """Training cells of a context, or of all where it has none; its control without any."""
    trained = allowed.training.conditions
    here = [one for one in trained if one.context_key == context] or list(trained)
    if not here:
        return allowed.controls[context].rows.dense().astype(np.float64)
    each = max(1, TRAINED // len(here))
    parts = [allowed.cells.of(one.key) for one in here]
    kept = [part.slice(0, min(each, len(part))).dense() for part in parts]
    return np.concatenate(kept).astype(np.float64)


def verdict(
    stage: Stage, entry: Mapping[str, Any], metric: str, scores: Scores, honest: Scores
) -> dict[str, Any]:
    """Value, what it is held against, and whether it passes though it must not.

    What it is held against is None where the arm cannot be judged: there is no null, or there are
    fewer than two conditions (contexts, of a metric with one value a context) to draw from.

    Args:
        stage: where the arm was scored.
        entry: of the arm in the standard.
        metric: its name.
        scores: of the arm.
        honest: of the honest prediction.
    """
    stated = standard().metrics[metric]
    sign = 1.0 if stated["direction"] == "higher" else -1.0
    values = stage.units(scores.values, metric)
    value = mean_of(values)
    if entry["kind"] == "truth":
        perfect, span = float(stated["perfect"]), stage.span(metric)
        off = None if value is None else sign * (perfect - value)
        fails = off is not None and off > GAIN * (span or 1.0) and "reproduces" not in stated
        return {"value": value, "against": perfect, "passes": bool(fails)}
    if entry["kind"] == "transform":
        base, span = mean_of(stage.units(honest.values, metric)), stage.span(metric)
        gains = (
            value is not None
            and base is not None
            and span is not None
            and sign * (value - base) > GAIN * span
        )
        return {"value": value, "against": base, "passes": bool(gains)}
    null = stage.null(entry, metric)
    if null is None or value is None:
        return {"value": value, "against": None, "passes": False}
    known = null if isinstance(null, float) else stage.units(null, metric)
    held = np.where(np.isnan(values), np.nan, known)
    gap = sign * (values - held)
    kept = ~np.isnan(gap)
    by_condition = stated["per"] == "condition"
    contexts = stage.reference.contexts if by_condition else ["all"] * len(gap)
    names = [name for name, one in zip(contexts, kept, strict=True) if one]
    around = mean_interval(gap[kept], names)
    if around is None:
        return {"value": value, "against": None, "passes": False}
    return {"value": value, "against": mean_of(held), "passes": bool(around[0] > ROUNDING)}
