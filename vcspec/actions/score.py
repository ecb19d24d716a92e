"""score: a prediction against its split's reference, or against measured cells, as a scorecard."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vcspec.actions.cells import ConditionCells
from vcspec.actions.predicted import Control, predicted_side
from vcspec.actions.results import (
    assembled,
    composites,
    effect_sizes,
    filled,
    significant_counts,
    split_strata,
    summaries,
)
from vcspec.actions.shown import share_shown, shown_by
from vcspec.actions.stored_side import conditions_of, controls_of, in_store, space_of
from vcspec.actions.suites import DEFAULT, Wanted, each_once, metrics_of, taking_in
from vcspec.actions.traffic import Traffic, tell_traffic, traffic_of
from vcspec.actions.validate import by_digest, checked, examined, opening, pinned, require_valid
from vcspec.engine.budget import give_back
from vcspec.engine.cells import Scale, StoredCells
from vcspec.engine.controls import StoredControl
from vcspec.engine.settings import Settings, settings_in_force
from vcspec.metrics import compute
from vcspec.metrics.changes import is_finite
from vcspec.metrics.descriptors import systematic_variation
from vcspec.metrics.flags import Observed, raised
from vcspec.metrics.summary import DECIMALS
from vcspec.model.comparison import Comparison, Expression, Scores, Side, Space
from vcspec.model.condition import targets_of
from vcspec.model.errors import Mismatch, Unreadable, UsageError
from vcspec.model.finding import Report
from vcspec.model.matrix import Array
from vcspec.model.scorecard import Scorecard
from vcspec.model.store import Damaged
from vcspec.rules.book import examine
from vcspec.rules.subject import Subject
from vcspec.standard import CURRENT, standard
from vcspec.statistics.cellwise import Cellwise, with_cellwise
from vcspec.statistics.content import commitment
from vcspec.statistics.fingerprints import Shown

Target = str | os.PathLike[str]
MISSES = {"VCS501", "VCS509"}  # what partial predictions may break: missing, not finite


class Truth(Protocol):
    """What predictions are compared with: a reference, or measured cells themselves."""

    @property
    def keys(self) -> list[str]:
        """Of the test conditions."""

    @property
    def contexts(self) -> list[str]:
        """(conditions,) context of each."""

    @property
    def number(self) -> NDArray[np.int64]:
        """(conditions,) number of each one's control."""

    @property
    def controls(self) -> Sequence[Control]:
        """One for each context."""

    @property
    def traffic(self) -> Traffic:
        """What reading it has cost so far, beside the split."""

    @property
    def suites(self) -> Sequence[str]:
        """Names of the suites of metrics that it was made for."""

    @property
    def space(self) -> Space | None:
        """Pinned feature spaces; None where there are none."""

    @property
    def shown(self) -> Shown | None:
        """What the split shows, as far as it is known by fingerprints."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The value space that is scored in."""

    def comparison(self, prediction: Side) -> Comparison:
        """Truth beside prediction."""

    def anchors(self, metric: str) -> Mapping[str, Array]:
        """Anchor → (conditions,) values of the metric; nothing where there are no anchors."""

    def error(self, metric: str) -> float | None:
        """Standard error of the replicate; None where there is none."""

    def pin(self) -> Mapping[str, str] | None:
        """Id, version and content digest of the reference; None where there is none."""


class Reference:
    """A reference as the scorer uses it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.keys = [str(key) for key in subject.column("obs", "_index").values]
        self.contexts = [condition.context_key for condition in subject.conditions]
        names = [str(name) for name in subject.array("/uns/contexts")]
        self.number = np.array([names.index(context) for context in self.contexts], dtype=np.int64)
        stated = subject.document
        self.suites = [str(name) for name in stated.get("suites", [stated["suite"]])]
        self.values: Mapping[str, Any] = subject.document["values"]
        self.space = space_of(in_store(subject))
        self.controls = self._controls(len(names))

    @property
    def traffic(self) -> Traffic:
        """What reading it has cost so far."""
        return traffic_of([self.subject])

    @cached_property
    def shown(self) -> Shown | None:
        """What the split shows, as far as it is known by fingerprints."""
        return shown_by(self.subject)

    def _controls(self, contexts: int) -> list[StoredControl]:
        of_cell = self.subject.array("/uns/control_contexts")
        borders = np.searchsorted(of_cell, np.arange(contexts + 1)).tolist()
        cells, scale = StoredCells(self.subject.store, "/uns/control_cells"), Scale("log1p", 0)
        means = self.subject.array("/varm/control").T
        found = controls_of(in_store(self.subject), contexts)
        entries = self.subject.settings.budget.entries()
        return [
            StoredControl(cells, (pair,), scale, known=mean, taken=taken, entries=entries)
            for pair, mean, taken in zip(pairwise(borders), means, found, strict=True)
        ]

    def truth(self) -> Side:
        """What was measured."""
        read, layer = self.subject.array, self.subject.layer
        expression = Expression(layer("z"), layer("p_value"), layer("fdr"))
        side = Side(read("/X"), read("/varm/control").T[self.number], expression)
        known = [control.taken or Cellwise() for control in self.controls]
        taken = conditions_of(in_store(self.subject), len(self.keys))
        return with_cellwise(side, taken, known, self.number)

    def comparison(self, prediction: Side) -> Comparison:
        """Truth beside prediction."""
        centre = self.subject.array("/varm/centre").T[self.number]
        is_target = self.subject.column("var", "is_target").values.astype(bool)
        targets = targets_of(self.subject.conditions, self.subject.features)
        sides = self.truth(), prediction
        has_classes = self.subject.has_column("obs", "phenotype")
        classes = self.subject.column("obs", "phenotype").values if has_classes else ()
        found = tuple(str(name) for name in classes)
        return Comparison(*sides, self.number, centre, is_target, targets, self.space, found)

    def anchors(self, metric: str) -> Mapping[str, Array]:
        """Anchor → (conditions,) values of the metric; nothing where the reference has none."""
        subjects, metrics, values = self._anchors
        if metric not in metrics:
            return {}
        return dict(zip(subjects, values[:, metrics.index(metric)], strict=True))

    @cached_property
    def _anchors(self) -> tuple[list[str], list[str], Array]:
        subjects = [str(name) for name in self.subject.array("/uns/subjects")]
        metrics = [str(name) for name in self.subject.array("/uns/metrics")]
        return subjects, metrics, self.subject.array("/uns/anchors")

    def error(self, metric: str) -> float | None:
        """Standard error of the replicate; None where there is none."""
        _, metrics, _ = self._anchors
        if metric not in metrics:
            return None
        found = float(self.subject.array("/uns/replicate_error")[metrics.index(metric)])
        return None if np.isnan(found) else found

    def pin(self) -> Mapping[str, str]:
        """Id, version and content digest."""
        stated = self.subject.document
        names = {name: str(stated[name]) for name in ("id", "version")}
        return {**names, "content": self.subject.claimed_content()}


def score(  # noqa: PLR0913 - one for each file, and how it is read
    predictions: Target,
    *,
    split: Target | None = None,
    reference: Target | None = None,
    dataset: Target | None = None,
    suites: Sequence[str] = (),
    cached: bool = False,
    partial: bool = False,
    settings: Settings | None = None,
) -> Scorecard:
    """Score predictions.

    Args:
        predictions: path or URL of the store.
        split: the split that it pins; looked for beside the predictions by its digest.
        reference: the reference of that split; looked for beside the predictions, then the split.
        dataset: measured cells to compare with in place of a reference; there are no anchors then.
        suites: of metrics, computed in one pass; none takes the first that the reference was made
            for, or `core-1.0`.
        cached: keep what was taken from the dataset, and use what was kept before.
        partial: score predictions that lack conditions, or hold values that are not finite: such
            conditions get the worst value of each metric.
        settings: how passes over the cells are run; nothing of it changes a number.

    Raises:
        Invalid: the predictions break a rule; the error carries the report.
        UsageError: split or reference are not found, or are not sound.
        Mismatch: the reference belongs to another split.
        UnknownName: the standard has no such suite.
    """
    suites = each_once(suites)
    metrics_of(suites)
    chosen = settings or settings_in_force()
    with chosen.in_force():
        truth = None if reference is None else opening(reference, "reference", level="full")
        subject = opened_predictions(os.fspath(predictions), split, partial=partial)
        found = _truth(subject, truth, dataset, suites, cached=cached)
        asked = tuple(suites) or tuple(found.suites[:1])
        metrics = tuple(metrics_of(asked))
        wanted = Wanted(list(metrics), taking_in(metrics, found.values), found.space)
        side = _side(subject, found, wanted, partial=partial)
    own = traffic_of([subject, *subject.companions.values()])
    tell_traffic(chosen, own, found.traffic)
    give_back()  # what tables were read with, before metrics take theirs
    pair = found.comparison(side)
    with chosen.here.executor() as executor:
        scores = compute(metrics, pair, executor)
    return _card(subject, found, asked, pair, scores)


def opened_predictions(name: str, split: Target | None, *, partial: bool) -> Subject:
    """Predictions that are sound as far as their axes tell.

    Raises:
        Invalid: they break a rule; the error carries the report.
        UsageError: they are of another kind.
        Unreadable: they cannot be opened.
    """
    report, subject = examined(name, {"split": split}, level="axes")
    is_safe = subject is not None and report.verdict != "refused"
    if split is None and subject is not None and is_safe and not subject.companions:
        split = _published("split", pinned(subject, "split"), subject)
        if split is not None:
            report, subject = examined(name, {"split": split}, level="axes")
    _require_predictions(report)
    if not _passes(report, partial=partial):
        # All that is wrong is said; where nothing is any more, these are read, not what failed.
        report, subject = examined(name, {"split": split})
        _require_predictions(report)
        if not _passes(report, partial=partial):
            require_valid(report)
    if subject is None:
        message = f"{name} could not be opened"
        raise Unreadable(message)
    return subject


def _require_predictions(report: Report) -> None:
    if report.kind and report.kind != "predictions":
        message = f"{report.target} is of kind {report.kind!r}; predictions are scored"
        raise UsageError(message)


def _passes(report: Report, *, partial: bool) -> bool:
    """Whether predictions can be scored; with `partial` also those that miss something."""
    if report.verdict == "valid":
        return True
    codes = {finding.code for finding in report.errors}
    return partial and bool(codes) and codes <= MISSES


def _require_sizes(subject: Subject) -> None:
    """Hold the numbers of rows against the split's, where missing conditions kept a rule from it.

    Raises:
        UsageError: a condition has another number of rows.
    """
    is_cells = subject.document["level"] == "cells"
    wanted = subject.companions["split"].document["cells_per_condition"] if is_cells else 1
    sizes = subject.stretches.sizes()
    wrong = [f"{key} {size}" for key, size in sizes.items() if size != wanted]
    if wrong:
        message = (
            f"{subject.store.target} holds other than {wanted} rows for {len(wrong)} conditions: "
            f"{', '.join(wrong[:3])}"
        )
        raise UsageError(message)


def _side(subject: Subject, found: Truth, wanted: Wanted, *, partial: bool) -> Side:
    """Statistics of the predictions, whose values are checked on the way."""
    name = subject.store.target
    if partial:
        _require_sizes(subject)
    cells = ConditionCells(subject, found.values)
    try:
        side = predicted_side(subject, cells, found, wanted, partial=partial)
    except Damaged:
        side = None  # noted with the subject, and reported with all else that is wrong
    report = examine(subject, "data", name)
    if not _passes(report, partial=partial):
        require_valid(report)
    if side is None:
        message = f"{name} holds rows that no statistics can be taken of"
        raise Unreadable(message)
    return side


def _truth(
    subject: Subject,
    reference: Callable[[], Subject] | None,
    dataset: Target | None,
    suites: Sequence[str],
    *,
    cached: bool,
) -> Truth:
    if dataset is not None and reference is None:
        from vcspec.actions.measured import measured  # brings all that a split allows

        split = subject.companions["split"]
        place = os.fspath(dataset)
        return measured(split, place, subject.settings, suites or DEFAULT, cached=cached)
    return _reference(subject, reference)


def _published(kind: str, content: str, subject: Subject, **how: str) -> str | None:
    """As `published`, which takes long to load and is seldom asked."""
    from vcspec.actions.fetch import published

    return published(kind, content, settings=subject.settings, **how)


def _reference(subject: Subject, given: Callable[[], Subject] | None) -> Reference:
    split = subject.companions["split"]
    answered = split.claimed_content()
    if given is not None:
        found: Subject | None = given()
    else:
        from vcspec.storage.store_cache import is_kept  # takes long to load

        found = reference_of(subject.store.target, answered)
        if found is None and not is_kept(split.store.target):
            found = reference_of(split.store.target, answered)
        if found is None:
            place = _published("reference", answered, subject, pin="split")
            found = None if place is None else checked(place, "reference", level="full")
    withheld = split.document.get("withheld", {}).get("reference")
    if found is None and withheld is not None:
        message = (
            f"split {split.document['id']} withholds its truth: who runs the benchmark scores "
            "predictions; once the reference is shown, name it with --reference"
        )
        raise UsageError(message)
    if found is None:
        message = (
            f"no reference of split {split.document['id']} lies beside {subject.store.target}; "
            "make one with `vcspec reference SPLIT --dataset DATASET -o OUT`, or name it with "
            "--reference; --dataset compares with the measured cells, without anchors"
        )
        raise UsageError(message)
    if found.document["split"]["content"] != answered:
        message = (
            f"{found.store.target} is the reference of {found.document['split']['id']} "
            f"{found.document['split']['content']}; the predictions answer {answered}"
        )
        raise Mismatch(message)
    if withheld is not None and commitment(found.content.elements) != withheld:
        message = (
            f"{found.store.target} is not the reference that {split.document['id']} was published "
            f"with: its elements do not have the digest {withheld}"
        )
        raise Mismatch(message)
    return Reference(found)


def reference_of(target: str, split: str) -> Subject | None:
    """The reference beside `target` that pins the split with that content digest."""
    return by_digest(target, "reference", split, pin="split")


def _card(
    subject: Subject,
    found: Truth,
    suites: tuple[str, ...],
    pair: Comparison,
    scores: Mapping[str, Scores],
) -> Scorecard:
    metrics = tuple(scores)
    anchors = {name: found.anchors(name) for name in metrics}
    gone = ~is_finite(pair.prediction.mean)
    scores = filled(scores, anchors)
    results = summaries(
        scores,
        anchors,
        found.contexts,
        errors={name: found.error(name) for name in metrics},
        strata=_strata(subject, found, pair),
        without="no-reference" if found.pin() is None else "not-in-reference",
    )
    headline = tuple(standard().suites[suites[0]]["headline"])
    told = share_shown(found.shown, pair.prediction, ~gone)
    seen = Observed(pair, ~gone, _copied(subject), results, headline, told)
    return assembled(
        {
            **_identity(subject, found, suites),
            "missing": [key for key, lost in zip(found.keys, gone, strict=True) if lost],
            "features": len(subject.features),
            "metrics": results,
            "systematic_variation": _systematic(pair, found.contexts),
            "composites": composites(suites, scores, anchors, found.contexts),
            "flags": raised(seen),
        },
        found.keys,
        found.contexts,
        scores,
    )


def _strata(subject: Subject, found: Truth, pair: Comparison) -> dict[str, list[str]]:
    """Division → (conditions,) part: by the truth's effect, and by what the split lets be known."""
    strata = {}
    if pair.truth.expression is not None:
        strata["effect"] = effect_sizes(significant_counts(pair.truth.expression.fdr))
    return strata | split_strata(subject.companions["split"], found.keys)


def _systematic(pair: Comparison, contexts: Sequence[str]) -> dict[str, float | None]:
    found = systematic_variation(pair)
    return {
        name: None if np.isnan(value) else round(float(value), DECIMALS)
        for name, value in zip(contexts, found, strict=True)
    }


def _copied(subject: Subject) -> float | None:
    """Share of cells that repeat another of their condition; None without cells that can tell."""
    if subject.document["level"] != "cells":
        return None
    rich, again = (int(column.sum()) for column in subject.prints[:, 3:].T)
    return again / rich if rich else None


def _identity(subject: Subject, found: Truth, suites: tuple[str, ...]) -> dict[str, Any]:
    split = subject.companions["split"]
    stated = split.document
    pin = {"id": stated["id"], "version": stated["version"]}
    model = subject.document["model"]
    return {
        "kind": "scorecard",
        "spec": CURRENT,
        "task": stated["task"],
        "suite": suites[0],
        **({"suites": list(suites)} if len(suites) > 1 else {}),
        "claim": stated["claim"],
        "simulated": stated["simulated"],
        "model": {"name": model["name"], "version": model["version"]},
        "level": subject.document["level"],
        "training": subject.document.get("training", "not declared"),
        "inputs": {
            "dataset": stated["datasets"][0],
            "split": {**pin, "content": split.claimed_content()},
            "reference": found.pin(),
            "predictions": subject.content.digest,
        },
        "values": stated["values"],
    }
