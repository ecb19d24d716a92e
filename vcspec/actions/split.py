"""split: who may see what of a dataset."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import vcspec.splitting  # noqa: F401 - importing the room claims its strategies
from vcspec.actions.validate import checked
from vcspec.cards import SplitCard, split_card
from vcspec.model.condition import Condition
from vcspec.model.errors import Mismatch, UsageError
from vcspec.model.labels import keys_of
from vcspec.rules.subject import Subject
from vcspec.splitting.strategies import Assignment, Choice, assign
from vcspec.standard import CURRENT, standard
from vcspec.storage.artefacts import write_arrays
from vcspec.storage.sealing import sealed_content

Path_ = str | os.PathLike[str]


@dataclass(frozen=True)
class Plan:
    """A split that is to be made.

    Attributes:
        id: `dataset/name`.
        version: semantic version.
        title: one line.
        strategy: a strategy of the standard.
        parameters: of the strategy, as text or lists of text.
        seed: of its draws.
        target_sum: of the value space that predictions are scored in.
        cells_per_condition: cells that a prediction holds for each condition; 0 for the median over
            the training conditions.
    """

    id: str
    version: str
    title: str
    strategy: str
    parameters: Mapping[str, str | Sequence[str]]
    seed: int = 0
    target_sum: int = 10_000
    cells_per_condition: int = 0


def split(dataset: Path_, target: Path_, plan: Plan, *, overwrite: bool = False) -> str:
    """Write the split `plan` of the dataset at `target`.

    Returns:
        The content digest.

    Raises:
        UsageError: the dataset is not sound, or the plan matches nothing.
        UnknownName: there is no such strategy.
    """
    subject = checked(os.fspath(dataset), "dataset")
    runs = {run.key: run.stop - run.start for run in subject.runs}
    conditions = [subject.condition_at(run.start) for run in subject.runs]
    assigned = assign(plan.strategy, conditions, subject.document["control"], _choice(plan))
    sizes = [runs[condition.key] for condition in conditions]
    cells = plan.cells_per_condition or _typical(conditions, assigned, sizes, subject)
    document = _document(plan, subject, cells)
    write_arrays(
        Path(target),
        document,
        {},
        obs=_table(conditions, assigned, document["condition"]),
        var={"_index": subject.features, "is_target": _targets(conditions, subject)},
        overwrite=overwrite,
    )
    return sealed_content(Path(target))


def _choice(plan: Plan) -> Choice:
    known = standard().strategies.get(plan.strategy, {}).get("parameters", {})
    unknown = sorted(set(plan.parameters) - set(known)) if known else []
    if unknown:
        message = f"{plan.strategy} has no parameter {unknown[0]!r}; it has {', '.join(known)}"
        raise UsageError(message)
    given = [name for name in ("fraction", "hold_out", "fold") if name in plan.parameters]
    if len(given) > 1:
        message = (
            f"both {given[0]} and {given[1]} are given; "
            "either draw a share, or name what to hold out, or take a fold"
        )
        raise UsageError(message)
    names = plan.parameters.get("hold_out", ())
    return Choice(
        seed=plan.seed,
        fraction=_share(plan, "fraction"),
        names=(names,) if isinstance(names, str) else tuple(names),
        fold=_fold(plan),
        validation=_share(plan, "validation"),
    )


def _share(plan: Plan, name: str) -> float:
    given = plan.parameters.get(name, "0")
    try:
        return float(str(given))
    except ValueError:
        message = f"{name} is {given!r}; give a number such as 0.2"
        raise UsageError(message) from None


def _fold(plan: Plan) -> tuple[int, int] | None:
    given = plan.parameters.get("fold")
    if given is None:
        return None
    stated = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", str(given))
    if not stated:
        message = f"fold is {given!r}; give its number and how many there are, such as 2/5"
        raise UsageError(message)
    return int(stated[1]), int(stated[2])


def _typical(
    conditions: Sequence[Condition],
    assigned: Sequence[Assignment],
    sizes: Sequence[int],
    subject: Subject,
) -> int:
    """Median number of cells over perturbed training conditions; the tested ones play no part."""
    control = subject.document["control"]
    trained = [
        size
        for condition, role, size in zip(conditions, assigned, sizes, strict=True)
        if role.role == "train" and condition.perturbation != control
    ]
    return max(2, int(np.median(trained or [2])))


def _document(plan: Plan, subject: Subject, cells: int) -> dict[str, Any]:
    dataset = subject.document
    pin = {name: dataset[name] for name in ("id", "version")}
    return {
        "kind": "split",
        "spec": CURRENT,
        "id": plan.id,
        "version": plan.version,
        "title": plan.title,
        "simulated": dataset["simulated"],
        "task": "perturbation-response",
        "claim": standard().strategies[plan.strategy]["claim"],
        "datasets": [{**pin, "content": subject.claimed_content()}],
        "strategy": {
            "name": plan.strategy,
            "seed": plan.seed,
            "parameters": {
                name: value if isinstance(value, str) else list(value)
                for name, value in plan.parameters.items()
            },
        },
        "condition": list(dataset["condition"]),
        "control": dataset["control"],
        "values": {
            "space": "log1p",
            "target_sum": dataset["values"].get("target_sum", plan.target_sum),
            "total": dataset["values"]["total"],
        },
        "cells_per_condition": cells,
        "licence": dataset["licence"],
    }


def _table(
    conditions: Sequence[Condition], assigned: Sequence[Assignment], names: Sequence[str]
) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: np.array([condition.get(name) for condition in conditions], dtype=object)
        for name in names
    }
    return {
        "_index": keys_of(columns, names),
        **columns,
        "role": np.array([found.role for found in assigned], dtype=object),
        "reason": np.array([found.reason for found in assigned], dtype=object),
    }


def _targets(conditions: Sequence[Condition], subject: Subject) -> Any:
    """(features,) whether the feature is a member of any perturbation."""
    members = sorted({member for condition in conditions for member in condition.members})
    return np.isin(subject.features.astype(str), members)


def card_plan(card: SplitCard) -> Plan:
    """The plan that a split card of the library states."""
    stated = card.document
    return Plan(
        id=card.id,
        version=card.version,
        title=stated["title"],
        strategy=stated["strategy"],
        parameters=stated["parameters"],
        seed=stated["seed"],
        target_sum=stated["scoring"]["target_sum"],
        cells_per_condition=stated["cells_per_condition"],
    )


def library_split(name: str, dataset: Path_, target: Path_, *, overwrite: bool = False) -> str:
    """Write the split `name` of the library.

    Raises:
        UnknownName: the library has no such split.
        Mismatch: the result does not have the digest that its card publishes.
    """
    card = split_card(name)
    content = split(dataset, target, card_plan(card), overwrite=overwrite)
    expected = card.document["content"]
    if expected and content != expected:
        message = (
            f"{name} came out as {content}, its card publishes {expected}; "
            "is the dataset another one?"
        )
        raise Mismatch(message)
    return content
