"""reference: what the scorer needs to know of a split's truth, computed once."""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vcspec.baselines  # noqa: F401 - importing the room claims its baselines
from vcspec.actions.allowed import Allowed
from vcspec.actions.shown import shown_in
from vcspec.actions.stored_side import written
from vcspec.actions.suites import DEFAULT, Wanted, each_once, metrics_of, needs_space, taking_in
from vcspec.actions.validate import checked, dataset_of
from vcspec.metrics import compute
from vcspec.metrics.summary import error_over_cuts
from vcspec.model.comparison import Comparison, Scores, Side, Space
from vcspec.model.condition import targets_of
from vcspec.model.errors import UsageError
from vcspec.model.matrix import Array, stack
from vcspec.rules.survey import label_problem
from vcspec.splitting.groups import one_each
from vcspec.standard import CURRENT, definition_digest, standard
from vcspec.statistics.cellwise import Piece, parts_of
from vcspec.statistics.sides import Cells, Control
from vcspec.storage.artefacts import write_arrays
from vcspec.storage.sealing import sealed_content
from vcspec.storage.writing import require_free
from vcspec.version import __version__

Path_ = str | os.PathLike[str]
REPLICATE = "replicate"
INTERPOLATED = "interpolated-duplicate"
FEWEST_CELLS = 4
CUTS = 5  # times that cells are cut in two halves
DECIMALS = 10


def reference(
    split: Path_,
    dataset: Path_ | None,
    target: Path_,
    *,
    suites: Sequence[str] = DEFAULT,
    phenotypes: Path_ | None = None,
    overwrite: bool = False,
) -> str:
    """Write the reference of the split at `target`.

    Args:
        split: a sound split.
        dataset: the one that it pins; None where it lies beside the split, by its digest.
        target: where the reference is written.
        suites: of metrics that predictions are scored by; the first is the one that `score` takes
            unasked.
        phenotypes: a CSV file of perturbation and phenotype, with a header.
        overwrite: replace a store that is already there.

    Returns:
        The content digest.

    Raises:
        UnknownName: the standard has no such suite.
        UsageError: split or dataset are not there or not sound, or the table has no phenotype of
            what is tested.
        Mismatch: the dataset is not the one that the split pins.
    """
    suites = each_once(suites) or DEFAULT
    metrics = metrics_of(suites)
    require_free(Path(target), overwrite=overwrite)
    opened = checked(os.fspath(split), "split", level="full")
    allowed = Allowed(opened, dataset_of(opened, dataset, level="full"))
    if phenotypes is not None:
        allowed.phenotypes = phenotype_table(Path(phenotypes))
        _require_classes(allowed, Path(phenotypes))
    space = allowed.space if needs_space(metrics) else None
    wanted = Wanted(metrics, taking_in(metrics, allowed.split.document["values"]), space)
    truth = wanted.side(_measured_cells(allowed, wanted))
    found = _Found(truth, *_anchors(allowed, truth, wanted))
    _write(Path(target), allowed, suites, wanted, found, overwrite=overwrite)
    return sealed_content(Path(target))


@dataclass(frozen=True, eq=False)
class _Found:
    """What goes into a reference.

    Attributes:
        truth: of the test conditions.
        subjects: names of the anchors.
        anchors: (anchors, metrics, conditions) values, NaN where undefined.
        error: (metrics,) standard error of the replicate.
    """

    truth: Side
    subjects: list[str]
    anchors: Array
    error: Array


def _measured_cells(allowed: Allowed, wanted: Wanted) -> Iterator[tuple[Cells, Control]]:
    """Of each test condition what reads its cells, and its control."""
    read = allowed.cells.piece if wanted.taking else allowed.cells.of
    for condition in allowed.tested:
        yield partial(read, condition.key), allowed.controls[condition.context_key]


def compared(
    allowed: Allowed, truth: Side, prediction: Side, space: Space | None = None
) -> Comparison:
    """Truth beside prediction, over the test conditions of the split."""
    number = {context: place for place, context in enumerate(allowed.contexts)}
    context = np.array(
        [number[condition.context_key] for condition in allowed.tested], dtype=np.int64
    )
    centres = np.array([allowed.training.centre(name) for name in allowed.contexts])
    is_target = allowed.split.column("var", "is_target").values.astype(bool)
    targets = targets_of(allowed.tested, allowed.split.features)
    sides = truth, prediction
    classes = classes_of(allowed)
    return Comparison(*sides, context, centres[context], is_target, targets, space, classes)


def classes_of(allowed: Allowed) -> tuple[str, ...]:
    """Phenotype of each test condition, "" for none; nothing without a table."""
    known = allowed.phenotypes
    return tuple(known.get(one.perturbation, "") for one in allowed.tested) if known else ()


def _require_classes(allowed: Allowed, path: Path) -> None:
    if not any(classes_of(allowed)):
        tested = ", ".join(sorted({one.perturbation for one in allowed.tested})[:3])
        message = f"{path} gives no tested perturbation a phenotype; tested are such as {tested}"
        raise UsageError(message)


def phenotype_table(path: Path) -> dict[str, str]:
    """Perturbation → phenotype, from a CSV file of two columns with a header.

    Raises:
        UsageError: the file cannot be read, is no such table, or has a phenotype that is no label.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"{path} cannot be read as a table of phenotypes: {error}"
        raise UsageError(message) from error
    if len(rows) < 2 or any(len(row) != 2 for row in rows):
        message = (
            f"{path} is no table of phenotypes; two columns, perturbation and phenotype, and a "
            "header are expected"
        )
        raise UsageError(message)
    stated = [[one.strip() for one in row] for row in rows[1:]]
    for perturbation, phenotype in stated:
        if problem := label_problem(phenotype, is_condition=False):
            message = (
                f"{path} gives {perturbation!r} the phenotype {phenotype!r}, which has {problem}"
            )
            raise UsageError(message)
    return one_each("phenotype", *zip(*stated, strict=True), table=str(path))


def _anchors(allowed: Allowed, truth: Side, wanted: Wanted) -> tuple[list[str], Array, Array]:
    """Names of the anchors, and their values: (anchors, metrics, conditions), NaN if undefined.

    Returns:
        beside them the replicate's standard error, (metrics,).
    """
    metrics = wanted.metrics
    cuts = np.array([_replicate(allowed, wanted, cut) for cut in range(CUTS)])
    defined = np.maximum((~np.isnan(cuts)).sum(axis=0), 1)
    mean = np.where(np.isnan(cuts).all(axis=0), np.nan, np.nansum(cuts, axis=0) / defined)
    names = [REPLICATE]
    values: list[Array] = [np.asarray(np.round(mean, DECIMALS), dtype=np.float64)]
    names.append(INTERPOLATED)
    values.append(_interpolated(allowed, wanted))
    for name in standard().tasks["perturbation-response"]["baselines"]:
        profiles = allowed.baseline_profiles(name)
        if not profiles.native.any():
            continue
        tasks: list[tuple[Cells, Control]] = [
            (
                partial(allowed.baseline_cells, name, condition, profiles),
                allowed.controls[condition.context_key],
            )
            for condition in allowed.tested
        ]
        predicted = wanted.side(tasks, "conditions of baselines")
        names.append(name)
        values.append(
            _table(compute(metrics, compared(allowed, truth, predicted, wanted.space)), metrics)
        )
    contexts = [condition.context_key for condition in allowed.tested]
    entries = standard().metrics
    errors = [
        error_over_cuts(cuts[:, at], contexts, entries[name]["per"])
        for at, name in enumerate(metrics)
    ]
    return names, np.array(values), np.array(errors)


def _table(scores: dict[str, Scores], metrics: list[str]) -> Array:
    return np.array([scores[name].values for name in metrics])


def _replicate(allowed: Allowed, wanted: Wanted, cut: int) -> Array:
    """(metrics, conditions) of one half of each condition's cells as prediction of the other."""

    def scores() -> dict[str, Scores]:
        first, second = _halves(allowed, wanted, cut)
        return compute(wanted.metrics, compared(allowed, first, second, wanted.space))

    return _where_enough(allowed, wanted.metrics, scores)


def _interpolated(allowed: Allowed, wanted: Wanted) -> Array:
    """(metrics, conditions) of the second half's profile where significant, of the mean elsewhere.

    Source: Miller et al. 2025, doi:10.1101/2025.10.20.683304.
    """

    def scores() -> dict[str, Scores]:
        first, second = _halves(allowed, wanted, 0)
        assert second.expression is not None  # `side` always tests
        pair = compared(allowed, first, second, wanted.space)
        centre = np.where(np.isnan(pair.centre), second.control, pair.centre)
        doubt = second.expression.fdr
        mixed = Side((1 - doubt) * second.mean + doubt * centre, second.control, None)
        return compute(wanted.metrics, replace(pair, prediction=mixed))

    return _where_enough(allowed, wanted.metrics, scores)


def _halves(allowed: Allowed, wanted: Wanted, cut: int) -> tuple[Side, Side]:
    """Both halves of every condition, each against its own half of the controls."""
    controls = {context: _control_halves(allowed, context, cut) for context in allowed.contexts}

    def half(number: int) -> Side:
        tasks: list[tuple[Cells, Control]] = []
        for condition in allowed.tested:
            control = controls[condition.context_key][number]
            tasks.append((partial(_half, allowed, condition.key, number, cut), control))
        return wanted.side(tasks, "halves of conditions")

    return half(0), half(1)


def _where_enough(
    allowed: Allowed, metrics: list[str], scores: Callable[[], dict[str, Scores]]
) -> Array:
    """(metrics, conditions) scores, NaN where there are too few cells to cut in two.

    They are not computed where no condition, with its controls, has enough.
    """
    few = [
        min(allowed.cells.count(condition.key), len(allowed.controls[condition.context_key].rows))
        < FEWEST_CELLS
        for condition in allowed.tested
    ]
    if all(few):
        return np.full((len(metrics), len(few)), np.nan)
    found = scores()
    return _table(
        {name: one.undefined_where(few, "too-few-cells") for name, one in found.items()}, metrics
    )


def _half(allowed: Allowed, key: str, number: int, cut: int) -> Piece:
    return _taken(allowed.cells.piece(key), allowed.cells.halves(key, repeat=cut)[number])


def _control_halves(allowed: Allowed, context: str, cut: int) -> tuple[Control, Control]:
    control = allowed.controls[context]
    cells = control.piece or Piece.of(control.rows)
    halves = allowed.cells.halves(*allowed.control_keys[context], repeat=cut)
    pieces = [_taken(cells, rows) for rows in halves]
    first, second = (Control(piece.log1p, piece) for piece in pieces)
    return first, second


def _taken(cells: Piece, rows: NDArray[np.int64]) -> Piece:
    """The rows; where there are none the first cell, whose scores `too-few-cells` then hides."""
    return cells.take(rows if len(rows) else np.zeros(1, dtype=np.int64))


def _write(
    target: Path,
    allowed: Allowed,
    suites: Sequence[str],
    wanted: Wanted,
    found: _Found,
    *,
    overwrite: bool,
) -> None:
    truth = found.truth
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
        "uns/subjects": np.array(found.subjects, dtype=object),
        "uns/metrics": np.array(wanted.metrics, dtype=object),
        "uns/anchors": found.anchors,
        "uns/replicate_error": found.error,
        **_more(allowed, wanted, truth, controls),
        **shown_in(allowed),
    }
    write_arrays(
        target,
        _document(allowed, suites, wanted.metrics),
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
    classes = classes_of(allowed)
    given = {"phenotype": np.array(classes, dtype=object)} if classes else {}
    return {"_index": keys, **columns, "cells": cells, **given}


def _more(
    allowed: Allowed, wanted: Wanted, truth: Side, controls: Sequence[Control]
) -> dict[str, Any]:
    """What metrics ask for beyond means and tests."""
    known = [control.cellwise(wanted.taking, wanted.space) for control in controls]
    return written(parts_of(truth, len(allowed.tested)), known, wanted.space)


def _document(allowed: Allowed, suites: Sequence[str], metrics: list[str]) -> dict[str, Any]:
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
        "suite": suites[0],
        **({"suites": list(suites)} if len(suites) > 1 else {}),
        "definitions": {name: definition_digest(CURRENT, name) for name in metrics},
        "values": stated["values"],
        "condition": stated["condition"],
        "control": stated["control"],
        "tool": f"vcspec {__version__}",
        "licence": stated["licence"],
    }
