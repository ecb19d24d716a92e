"""reference: what the scorer needs to know of a split's truth, computed once."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vcspec.baselines  # noqa: F401 - importing the room claims its baselines
from vcspec.actions.allowed import Allowed
from vcspec.actions.validate import checked
from vcspec.metrics import compute
from vcspec.model.comparison import Comparison, Scores, Side
from vcspec.model.errors import UnknownName
from vcspec.model.matrix import Array, Rows, stack
from vcspec.standard import CURRENT, definition_digest, standard
from vcspec.statistics.sides import Cells, Control, side
from vcspec.storage.artefacts import write_arrays
from vcspec.storage.sealing import sealed_content
from vcspec.storage.writing import require_free
from vcspec.version import __version__

Path_ = str | os.PathLike[str]
REPLICATE = "replicate"
FEWEST_CELLS = 4


def reference(
    split: Path_, dataset: Path_, target: Path_, *, suite: str = "core-1.0", overwrite: bool = False
) -> str:
    """Write the reference of the split at `target`.

    Returns:
        The content digest.

    Raises:
        UnknownName: the standard has no such suite.
        UsageError: split or dataset are not sound.
        Mismatch: the dataset is not the one that the split pins.
    """
    metrics = list(_suite(suite)["metrics"])
    require_free(Path(target), overwrite=overwrite)
    allowed = Allowed(
        checked(os.fspath(split), "split", level="full"),
        checked(os.fspath(dataset), "dataset", level="full"),
    )
    truth = _truth(allowed)
    subjects, anchors = _anchors(allowed, truth, metrics)
    _write(Path(target), allowed, suite, truth, (subjects, metrics, anchors), overwrite=overwrite)
    return sealed_content(Path(target))


def _suite(name: str) -> Mapping[str, Any]:
    known = standard().suites
    if name not in known:
        message = f"the standard defines no suite {name!r}; it has {', '.join(known)}"
        raise UnknownName(message)
    found: Mapping[str, Any] = known[name]
    return found


def _truth(allowed: Allowed) -> Side:
    return side(
        (partial(allowed.cells.of, condition.key), allowed.controls[condition.context_key])
        for condition in allowed.tested
    )


def compared(allowed: Allowed, truth: Side, prediction: Side) -> Comparison:
    """Truth beside prediction, over the test conditions of the split."""
    number = {context: place for place, context in enumerate(allowed.contexts)}
    context = np.array(
        [number[condition.context_key] for condition in allowed.tested], dtype=np.int64
    )
    centres = np.array([allowed.training.centre(name) for name in allowed.contexts])
    is_target = allowed.split.column("var", "is_target").values.astype(bool)
    return Comparison(truth, prediction, context, centres[context], is_target)


def _anchors(allowed: Allowed, truth: Side, metrics: list[str]) -> tuple[list[str], Array]:
    """Names of the anchors, and their values: (anchors, metrics, conditions), NaN if undefined."""
    names, values = [REPLICATE], [_table(_replicate(allowed, metrics), metrics)]
    for name in standard().tasks["perturbation-response"]["baselines"]:
        profiles = allowed.baseline_profiles(name)
        if not profiles.native.any():
            continue
        predicted = side(
            (
                partial(allowed.baseline_cells, name, condition, profiles),
                allowed.controls[condition.context_key],
            )
            for condition in allowed.tested
        )
        names.append(name)
        values.append(_table(compute(metrics, compared(allowed, truth, predicted)), metrics))
    return names, np.array(values)


def _table(scores: dict[str, Scores], metrics: list[str]) -> Array:
    return np.array([scores[name].values for name in metrics])


def _replicate(allowed: Allowed, metrics: list[str]) -> dict[str, Scores]:
    """Scores of one half of each condition's cells as a prediction of the other half."""
    controls = {context: _control_halves(allowed, context) for context in allowed.contexts}

    def half(number: int) -> Side:
        tasks: list[tuple[Cells, Control]] = []
        for condition in allowed.tested:
            control = controls[condition.context_key][number]
            tasks.append((partial(_half, allowed, condition.key, number), control))
        return side(tasks)

    scores = compute(metrics, compared(allowed, half(0), half(1)))
    few = [
        min(allowed.cells.count(condition.key), len(allowed.controls[condition.context_key].rows))
        < FEWEST_CELLS
        for condition in allowed.tested
    ]
    return {name: found.undefined_where(few, "too-few-cells") for name, found in scores.items()}


def _half(allowed: Allowed, key: str, number: int) -> Rows:
    return _taken(allowed.cells.of(key), allowed.cells.halves(key)[number])


def _control_halves(allowed: Allowed, context: str) -> tuple[Control, Control]:
    cells = allowed.controls[context].rows
    first, second = allowed.cells.halves(*allowed.control_keys[context])
    return Control(_taken(cells, first)), Control(_taken(cells, second))


def _taken(cells: Rows, rows: NDArray[np.int64]) -> Rows:
    """The rows; where there are none the first cell, whose scores `too-few-cells` then hides."""
    return cells.take(rows if len(rows) else np.zeros(1, dtype=np.int64))


def _write(
    target: Path,
    allowed: Allowed,
    suite: str,
    truth: Side,
    anchored: tuple[list[str], list[str], Array],
    *,
    overwrite: bool,
) -> None:
    subjects, metrics, anchors = anchored
    controls = [allowed.controls[context] for context in allowed.contexts]
    number = np.repeat(np.arange(len(controls)), [len(control.rows) for control in controls])
    assert truth.expression is not None  # `side` always tests
    arrays: dict[str, Any] = {
        "X": truth.mean,
        "layers/z": truth.expression.z,
        "layers/p_value": truth.expression.p_value,
        "layers/fdr": truth.expression.fdr,
        "varm/control": np.array([control.mean for control in controls]).T,
        "varm/centre": np.array([allowed.training.centre(c) for c in allowed.contexts]).T,
        "uns/contexts": np.array(allowed.contexts, dtype=object),
        "uns/control_contexts": number.astype(np.int64),
        "uns/subjects": np.array(subjects, dtype=object),
        "uns/metrics": np.array(metrics, dtype=object),
        "uns/anchors": anchors,
    }
    write_arrays(
        target,
        _document(allowed, suite, metrics),
        arrays,
        obs=_conditions(allowed),
        var={
            "_index": allowed.split.features,
            "is_target": allowed.split.column("var", "is_target").values.astype(bool),
        },
        cells={"uns/control_cells": stack([control.rows for control in controls])},
        overwrite=overwrite,
    )


def _conditions(allowed: Allowed) -> dict[str, Any]:
    tested = allowed.tested
    columns: dict[str, Any] = {
        name: np.array([condition.get(name) for condition in tested], dtype=object)
        for name in allowed.split.condition_columns
    }
    keys = np.array([condition.key for condition in tested], dtype=object)
    cells = np.array([allowed.cells.count(condition.key) for condition in tested], dtype=np.int64)
    return {"_index": keys, **columns, "cells": cells}


def _document(allowed: Allowed, suite: str, metrics: list[str]) -> dict[str, Any]:
    stated = allowed.split.document
    pin = {"id": stated["id"], "version": stated["version"]}
    return {
        "kind": "reference",
        "spec": CURRENT,
        "id": stated["id"],
        "version": stated["version"],
        "simulated": stated["simulated"],
        "split": {**pin, "content": allowed.split.claimed_content()},
        "datasets": stated["datasets"],
        "suite": suite,
        "definitions": {name: definition_digest(CURRENT, name) for name in metrics},
        "values": stated["values"],
        "condition": stated["condition"],
        "control": stated["control"],
        "tool": f"vcspec {__version__}",
        "licence": stated["licence"],
    }
