"""Measured truth: what a reference would hold of the conditions, taken from the dataset itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.actions.allowed import Allowed
from vcspec.actions.stored_side import conditions_of, controls_of, space_of, written
from vcspec.actions.suites import metrics_of, needs_space, taking_in
from vcspec.actions.traffic import Traffic, traffic_of
from vcspec.actions.validate import require_valid
from vcspec.engine.controls import StoredControl, all_sorted
from vcspec.engine.executors import Advance
from vcspec.engine.settings import Settings
from vcspec.engine.sweep import Group, sweep
from vcspec.engine.visit import Wants
from vcspec.model.comparison import Comparison, Expression, Side, Space
from vcspec.model.condition import Condition, targets_of
from vcspec.model.errors import Mismatch, Refused, Unreadable, UsageError
from vcspec.model.matrix import Array
from vcspec.model.store import Damaged
from vcspec.model.training import Training
from vcspec.rules.book import examine
from vcspec.rules.subject import Subject, bounds_of
from vcspec.statistics.cellwise import Cellwise, Taking, with_cellwise
from vcspec.statistics.ranksum import SortedControl
from vcspec.storage.kept_arrays import kept, look_up
from vcspec.storage.opening import open_store
from vcspec.version import __version__


@dataclass(frozen=True, eq=False)
class KeptControl:
    """A control of which the cells are not needed any more.

    Attributes:
        mean: (features,) mean profile.
        sorted: the cells, sorted.
        taken: what metrics ask for beyond that.
    """

    mean: Array
    sorted: SortedControl
    taken: Cellwise

    def __len__(self) -> int:
        """How many cells there were."""
        return self.sorted.cells

    def sort(self, advance: Advance, threads: int) -> SortedControl:  # noqa: ARG002 - sorted
        """The cells, which are sorted already."""
        advance(len(self))
        return self.sorted

    def cellwise(self, taking: Taking, space: Space | None) -> Cellwise:  # noqa: ARG002 - kept
        """What was taken of the cells beyond their mean."""
        return self.taken


@dataclass(frozen=True, eq=False)
class Measured:
    """Statistics of the test conditions of a split, from its dataset.

    Attributes:
        keys: of the test conditions.
        contexts: (conditions,) context of each.
        number: (conditions,) number of each one's control.
        controls: one for each context.
        values: the value space.
        mean: (conditions, features) mean profiles.
        expression: of the conditions.
        centre: (contexts, features) mean training profiles.
        is_target: (features,) whether a feature is the target of a perturbation.
        targets: for each condition the numbers of the features that it targets.
        taken: of each condition, what metrics ask for beyond means and tests.
        space: pinned feature spaces; None where no metric asks for one.
        suites: of metrics.
        traffic: what reading the dataset has cost.
    """

    keys: list[str]
    contexts: list[str]
    number: NDArray[np.int64]
    controls: Sequence[KeptControl]
    values: Mapping[str, Any]
    mean: Array
    expression: Expression
    centre: Array
    is_target: NDArray[np.bool_]
    targets: tuple[NDArray[np.int64], ...]
    taken: list[Cellwise]
    space: Space | None
    suites: Sequence[str]
    traffic: Traffic = field(default_factory=Traffic)

    def comparison(self, prediction: Side) -> Comparison:
        """Truth beside prediction."""
        base = np.array([control.mean for control in self.controls])[self.number]
        truth = Side(self.mean, base, self.expression)
        known = [control.taken for control in self.controls]
        return Comparison(
            with_cellwise(truth, self.taken, known, self.number),
            prediction,
            self.number,
            self.centre[self.number],
            self.is_target,
            self.targets,
            self.space,
        )

    @property
    def shown(self) -> None:
        """That takes a reference: training cells are not read for every score."""

    def anchors(self, metric: str) -> Mapping[str, Array]:  # noqa: ARG002 - none for any
        """There are none."""
        return {}

    def error(self, metric: str) -> None:
        """There is no replicate."""

    def pin(self) -> None:
        """There is no reference."""


def measured(
    split: Subject, dataset: str, settings: Settings, suites: Sequence[str], *, cached: bool
) -> Measured:
    """What `split` tests, as measured in the dataset at `dataset`.

    Args:
        split: a sound split.
        dataset: path or URL of its dataset.
        settings: how the pass over its cells is run.
        suites: of metrics that it is asked for.
        cached: keep the result in the cache, and take it from there if it is there.

    Raises:
        Invalid: the dataset breaks a rule.
        UsageError: it is no dataset.
        Mismatch: it is not the one that the split pins.
    """
    pinned = split.document["datasets"][0]["content"]
    name = f"{split.claimed_content()} {pinned} {__version__} {' '.join(suites)}"
    held = look_up("truth", name) if cached else None
    asked = _Asked(split, suites)
    if held is not None:
        return asked.measured(held)
    opened = _opened(dataset, settings)
    _require_measured(split, asked.tested, opened)
    arrays = _taken(asked, opened)
    if cached:
        try:
            kept("truth", name, arrays)
        except OSError as error:
            settings.say(
                f"what was measured cannot be kept ({error}); "
                "set VCSPEC_CACHE to a folder that can be written"
            )
    # The dataset itself goes: what was noted on its rows would stay through the pass that follows.
    return replace(asked.measured(arrays), traffic=traffic_of([opened]))


def _require_measured(split: Subject, tested: Sequence[Condition], dataset: Subject) -> None:
    """Pass a dataset with cells of every tested condition.

    Raises:
        UsageError: it lacks some, as the public part of a withheld dataset does.
    """
    there = {run.key for run in dataset.runs}
    lost = [condition.key for condition in tested if condition.key not in there]
    if lost:
        why = (
            f"; split {split.document['id']} withholds them, and who runs the benchmark scores"
            if "withheld" in split.document
            else ""
        )
        message = (
            f"{dataset.store.target} has no cells of {len(lost)} tested conditions, such as "
            f"{lost[0]}{why}"
        )
        raise UsageError(message)


class _Asked:
    """Which conditions are wanted, and how their statistics become a Measured."""

    def __init__(self, split: Subject, suites: Sequence[str]) -> None:
        from vcspec.rules.split import Table

        self.split = split
        self.suites = suites
        metrics = metrics_of(suites)
        self.taking = taking_in(metrics, split.document["values"])
        self.needs_space = needs_space(metrics)
        self.table = Table(split)
        self.tested = self.table.tested

    @cached_property
    def contexts(self) -> list[str]:
        return list(dict.fromkeys(condition.context_key for condition in self.tested))

    def measured(self, arrays: Mapping[str, Any]) -> Measured:
        contexts = [condition.context_key for condition in self.tested]
        controls = []
        taken = controls_of(arrays.get, len(self.contexts))
        for at in range(len(self.contexts)):
            start, values, ties = (arrays[f"{name}-{at}"] for name in ("start", "values", "ties"))
            known = SortedControl(start, values, ties, int(arrays["cells"][at]))
            controls.append(KeptControl(arrays["control"][at], known, taken[at]))
        return Measured(
            keys=[condition.key for condition in self.tested],
            contexts=contexts,
            number=np.array([self.contexts.index(name) for name in contexts], dtype=np.int64),
            controls=controls,
            values=self.split.document["values"],
            mean=arrays["mean"],
            expression=Expression(arrays["z"], arrays["p_value"], arrays["fdr"]),
            centre=arrays["centre"],
            is_target=self.split.column("var", "is_target").values.astype(bool),
            targets=targets_of(self.tested, self.split.features),
            taken=conditions_of(arrays.get, len(self.tested)),
            space=space_of(arrays.get),
            suites=self.suites,
        )


def _taken(asked: _Asked, dataset: Subject) -> dict[str, Any]:
    """Statistics of the tested conditions, by one pass over the dataset that checks it as well."""
    place = dataset.store.target
    try:
        allowed = Allowed(asked.split, dataset)
        for condition in asked.table.having("train"):
            allowed.cells.run(condition.key)  # nothing is read where a condition is not there
        controls = dataset.reading(_controls, allowed)
        space = allowed.space if asked.needs_space else None
        chosen = [controls[name] for name in asked.contexts]
        means, expression, taken = _swept(asked, allowed, chosen, space)
    except Damaged:
        require_valid(examine(dataset, "data", place))  # says it with all else that is wrong
        raise
    require_valid(examine(dataset, "data", place))
    pinned = asked.split.document["datasets"][0]["content"]
    if dataset.content.digest != pinned:
        message = f"{place} holds {dataset.content.digest}; the split pins {pinned}"
        raise Mismatch(message)
    base = {name: control.mean for name, control in controls.items()}
    trained = tuple(
        condition
        for condition in asked.table.having("train")
        if condition.perturbation != asked.table.control and condition.context_key in base
    )
    width = len(asked.split.features)
    profiles = np.array([means[condition.key] for condition in trained]).reshape(-1, width)
    training = Training(trained, profiles, base)
    arrays: dict[str, Any] = {
        "mean": np.array([means[condition.key] for condition in asked.tested]),
        "z": expression.z,
        "p_value": expression.p_value,
        "fdr": expression.fdr,
        "control": np.array([base[name] for name in asked.contexts]),
        "centre": np.array([training.centre(name) for name in asked.contexts]),
        "cells": np.array([controls[name].sorted.cells for name in asked.contexts]),
        **written(taken, [control.cellwise(asked.taking, space) for control in chosen], space),
    }
    for at, name in enumerate(asked.contexts):
        known = controls[name].sorted
        arrays |= {
            f"start-{at}": known.start,
            f"values-{at}": known.values,
            f"ties-{at}": known.ties,
        }
    return arrays


def _opened(place: str, settings: Settings) -> Subject:
    """The dataset, as far as it can be known without its cells."""
    try:
        dataset = Subject(open_store(place), settings=settings)
        report = examine(dataset, "axes", place)
    except (Unreadable, Refused) as error:
        message = f"{place} cannot be read as a dataset: {error}"
        raise UsageError(message) from error
    if report.kind != "dataset":
        message = f"{place} is of kind {report.kind!r}; the dataset of the split is needed"
        raise UsageError(message)
    require_valid(report)
    return dataset


def _controls(allowed: Allowed) -> dict[str, StoredControl]:
    """Context → its control cells, where they lie in the dataset."""
    cells, source = allowed.cells, allowed.cells.source
    entries = allowed.dataset.settings.budget.entries()
    return {
        context: StoredControl(
            source,
            tuple((run.start, run.stop) for run in map(cells.run, keys)),
            cells.scale,
            cells.totals,
            entries=entries,
        )
        for context, keys in allowed.control_keys.items()
    }


def _swept(
    asked: _Asked, allowed: Allowed, controls: Sequence[StoredControl], space: Space | None
) -> tuple[dict[str, Array], Expression, list[Cellwise]]:
    """Mean profile of every condition by its key, and what is taken of the tested ones."""
    dataset, cells = allowed.dataset, allowed.cells
    number = {
        condition.key: asked.contexts.index(condition.context_key) for condition in asked.tested
    }
    runs = dataset.runs
    groups = [Group(run.start, run.stop, number.get(run.key, -1)) for run in runs]
    wants = Wants(
        notes=True,
        bounds=bounds_of(dataset.document),
        leaves=True,
        scale=cells.scale,
        taking=asked.taking,
    )
    dataset.digest_meanwhile()
    swept = dataset.reading(
        lambda: sweep(
            cells.source,
            groups,
            all_sorted(controls, dataset.settings),
            wants,
            dataset.settings,
            totals=cells.totals,
            space=space,
            what="measured cells",
        )
    )
    dataset.keep("/X", swept)
    if swept.means is None or swept.expression is None:
        require_valid(examine(dataset, "data", dataset.store.target))
        message = f"{dataset.store.target} has no sound rows to take statistics from"
        raise UsageError(message)
    means = {run.key: mean for run, mean in zip(runs, swept.means, strict=True)}
    found = [run.key for run in runs if run.key in number]
    place = {key: at for at, key in enumerate(found)}
    order = np.array([place[condition.key] for condition in asked.tested], dtype=np.int64)
    by_key = dict(zip((run.key for run in runs), swept.cellwise, strict=False))
    taken = [by_key.get(condition.key, Cellwise()) for condition in asked.tested]
    return means, swept.expression.take(order), taken
