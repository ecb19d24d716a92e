"""score: a prediction against its split's reference, as a scorecard."""

import os
import platform
from collections.abc import Mapping
from functools import cached_property, partial
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np

from vcspec.actions.cells import ConditionCells
from vcspec.actions.validate import by_digest, checked, examined, require_valid
from vcspec.metrics import compute
from vcspec.metrics.interval import RESAMPLES, SEED
from vcspec.metrics.summary import summary
from vcspec.model.comparison import Comparison, Expression, Scores, Side
from vcspec.model.errors import Mismatch, Unreadable, UsageError
from vcspec.model.matrix import Array
from vcspec.model.scorecard import Scorecard, table_digest
from vcspec.rules.subject import Subject
from vcspec.standard import CURRENT, definition_digest, standard
from vcspec.statistics.sides import Control, profile_side, side
from vcspec.version import __version__

Target = str | os.PathLike[str]
LIBRARIES = ("numpy", "scipy", "zarr")


class Reference:
    """A reference as the scorer uses it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.keys = [str(key) for key in subject.column("obs", "_index").values]
        self.contexts = [condition.context_key for condition in subject.conditions]
        names = [str(name) for name in subject.array("/uns/contexts")]
        self.number = np.array([names.index(context) for context in self.contexts], dtype=np.int64)
        self.controls = self._controls(len(names))

    def _controls(self, contexts: int) -> list[Control]:
        of_cell = self.subject.array("/uns/control_contexts")
        borders = np.searchsorted(of_cell, np.arange(contexts + 1))
        return [
            Control(self.subject.store.rows("/uns/control_cells", int(start), int(stop)))
            for start, stop in pairwise(borders)
        ]

    def truth(self) -> Side:
        """What was measured."""
        read = self.subject.array
        expression = Expression(read("/layers/z"), read("/layers/p_value"), read("/layers/fdr"))
        return Side(read("/X"), read("/varm/control").T[self.number], expression)

    def comparison(self, prediction: Side) -> Comparison:
        """Truth beside prediction."""
        centre = self.subject.array("/varm/centre").T[self.number]
        is_target = self.subject.column("var", "is_target").values.astype(bool)
        return Comparison(self.truth(), prediction, self.number, centre, is_target)

    def anchors(self, metric: str) -> Mapping[str, Any]:
        """Anchor → (conditions,) values of the metric."""
        subjects, metrics, values = self._anchors
        return dict(zip(subjects, values[:, metrics.index(metric)], strict=True))

    @cached_property
    def _anchors(self) -> tuple[list[str], list[str], Array]:
        subjects = [str(name) for name in self.subject.array("/uns/subjects")]
        metrics = [str(name) for name in self.subject.array("/uns/metrics")]
        return subjects, metrics, self.subject.array("/uns/anchors")


def score(
    predictions: Target, *, split: Target | None = None, reference: Target | None = None
) -> Scorecard:
    """Score predictions.

    Args:
        predictions: path or URL of the store.
        split: the split that it pins; looked for beside the predictions by its digest.
        reference: the reference of that split; looked for beside the predictions, then the split.

    Raises:
        Invalid: the predictions break a rule; the error carries the report.
        UsageError: split or reference are not found, or are not sound.
        Mismatch: the reference belongs to another split.
    """
    name = os.fspath(predictions)
    report, subject = examined(name, {"split": split})
    if report.kind and report.kind != "predictions":
        message = f"{name} is of kind {report.kind!r}; predictions are scored"
        raise UsageError(message)
    require_valid(report)
    if subject is None:
        message = f"{name} could not be opened"
        raise Unreadable(message)
    found = _reference(subject, reference)
    side_ = _prediction(subject, found)
    suite = found.subject.document["suite"]
    metrics = tuple(standard().suites[suite]["metrics"])
    scores = compute(metrics, found.comparison(side_))
    return _card(subject, found, metrics, scores)


def _reference(subject: Subject, given: Target | None) -> Reference:
    split = subject.companions["split"]
    pinned = split.claimed_content()
    if given is not None:
        found: Subject | None = checked(os.fspath(given), "reference", level="full")
    else:
        found = reference_of(subject.store.target, pinned) or reference_of(
            split.store.target, pinned
        )
    if found is None:
        message = (
            f"no reference of split {split.document['id']} lies beside {subject.store.target}; "
            "make one with `vcspec reference SPLIT --dataset DATASET -o OUT`, or name it with "
            "--reference"
        )
        raise UsageError(message)
    if found.document["split"]["content"] != pinned:
        message = (
            f"{found.store.target} is the reference of {found.document['split']['id']} "
            f"{found.document['split']['content']}; the predictions answer {pinned}"
        )
        raise Mismatch(message)
    return Reference(found)


def reference_of(target: str, split: str) -> Subject | None:
    """The reference beside `target` that pins the split with that content digest."""
    return by_digest(target, "reference", split, pin="split")


def _prediction(subject: Subject, found: Reference) -> Side:
    cells = ConditionCells(subject, found.subject.document["values"])
    controls = [found.controls[number] for number in found.number.tolist()]
    if subject.document["level"] == "profiles":
        means = np.array([cells.of(key).dense()[0] for key in found.keys])
        # Rounded alike, a pasted control differs from the control by nothing.
        rounded = [control.mean.astype(means.dtype).astype(np.float64) for control in controls]
        return profile_side(means.astype(np.float64), rounded)
    return side(
        (partial(cells.of, key), control) for key, control in zip(found.keys, controls, strict=True)
    )


def _card(
    subject: Subject, found: Reference, metrics: tuple[str, ...], scores: Mapping[str, Scores]
) -> Scorecard:
    values = np.array([scores[name].values for name in metrics])
    reasons = tuple(scores[name].reasons for name in metrics)
    results = {
        name: {
            "definition": definition_digest(CURRENT, name),
            **summary(
                scores[name],
                found.anchors(name),
                found.contexts,
                standard().metrics[name]["direction"],
            ),
        }
        for name in metrics
    }
    document = {
        **_identity(subject, found),
        "conditions": len(found.keys),
        "coverage": 1.0,
        "features": len(subject.features),
        "metrics": results,
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED},
        "table": table_digest(metrics, found.keys, values, reasons),
        "tool": _tool(),
    }
    document["signature"] = _signature(document)
    return Scorecard(document, metrics, tuple(found.keys), tuple(found.contexts), values, reasons)


def _identity(subject: Subject, found: Reference) -> dict[str, Any]:
    split, reference = subject.companions["split"], found.subject
    stated = split.document
    pin = {"id": stated["id"], "version": stated["version"]}
    model = subject.document["model"]
    return {
        "kind": "scorecard",
        "spec": CURRENT,
        "task": stated["task"],
        "suite": reference.document["suite"],
        "claim": stated["claim"],
        "simulated": stated["simulated"],
        "model": {"name": model["name"], "version": model["version"]},
        "level": subject.document["level"],
        "training": subject.document.get("training", "not declared"),
        "inputs": {
            "dataset": stated["datasets"][0],
            "split": {**pin, "content": split.claimed_content()},
            "reference": {**pin, "content": reference.claimed_content()},
            "predictions": subject.content.digest,
        },
        "values": stated["values"],
    }


def _tool() -> dict[str, str]:
    libraries = {name: version(name) for name in LIBRARIES}
    return {"vcspec": __version__, "python": platform.python_version(), **libraries}


def _signature(document: Mapping[str, Any]) -> str:
    inputs, values = document["inputs"], document["values"]
    short = {
        name: _short(pin if isinstance(pin, str) else pin["content"])
        for name, pin in inputs.items()
    }
    parts = {
        "task": document["task"],
        "suite": document["suite"],
        "split": f"{inputs['split']['id']}@{inputs['split']['version']}#{short['split']}",
        "reference": f"#{short['reference']}",
        "pred": f"#{short['predictions']}",
        "space": f"log1p({values['target_sum']},{values['total']})",
        "level": document["level"],
        "controls": "truth",
        "n": document["conditions"],
        "boot": f"{RESAMPLES}/seed{SEED}",
        "tool": document["tool"]["vcspec"],
    }
    simulated = " simulated" if document["simulated"] else ""
    return f"vcspec/{document['spec']}{simulated} " + " ".join(f"{k}:{v}" for k, v in parts.items())


def _short(content: str) -> str:
    return content.rpartition(":")[2][:8]
