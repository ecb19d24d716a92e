"""split: who may see what of a dataset."""

import os
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import vcspec.splitting  # noqa: F401 - importing the room claims its strategies
from vcspec.actions.beside import Beside, profiles_in
from vcspec.actions.cells import ConditionCells
from vcspec.actions.validate import checked, validate
from vcspec.cards import SplitCard, split_card
from vcspec.engine.settings import settings_in_force
from vcspec.model.condition import Condition
from vcspec.model.errors import Invalid, Mismatch, UsageError
from vcspec.model.labels import keys_of
from vcspec.model.matrix import Array
from vcspec.model.spaces import AS_MEASURED, SIGNED
from vcspec.rules.documents import require_conforming
from vcspec.rules.subject import Subject
from vcspec.splitting.selecting import selected
from vcspec.splitting.strategies import STRATEGIES, Assignment, Choice, Setting, assign
from vcspec.standard import CURRENT, standard
from vcspec.statistics.moments import mean_profile
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
        strategy: a strategy of the standard, by its name or another word for it (`also`).
        parameters: of the strategy, as text or lists of text; and `anchors`, selectors of what the
            scorer alone sees, which every strategy takes.
        seed: of its draws.
        target_sum: of the value space that predictions are scored in.
        cells_per_condition: cells that a prediction holds for each condition; 0 for the median over
            the training conditions.
        beside: a table that the strategy reads; none where it is empty.
    """

    id: str
    version: str
    title: str
    strategy: str
    parameters: Mapping[str, str | Sequence[str]]
    seed: int = 0
    target_sum: int = 10_000
    cells_per_condition: int = 0
    beside: Beside = field(default_factory=Beside)

    @property
    def stated(self) -> dict[str, str | list[str]]:
        """The parameters, and the table's name and digest, as the split states them."""
        given = {**self.parameters, **self.beside.parameters}
        return {name: v if isinstance(v, str) else list(v) for name, v in given.items()}


COMMON = ("fraction", "hold_out", "fold", "validation", "anchors")
"""Parameters that `Choice` knows; others are options."""


def split(
    dataset: Path_,
    target: Path_,
    plan: Plan,
    *,
    overwrite: bool = False,
    withholds: bool = False,
) -> str:
    """Write the split `plan` of the dataset at `target`.

    Args:
        dataset: what is split.
        target: of the split.
        plan: who gets which role.
        overwrite: whether a split that is there is replaced.
        withholds: whether the truth is kept back, so that no role may depend on it.

    Returns:
        The content digest.

    Raises:
        UsageError: the dataset is not sound, or the plan matches nothing, asks for the truth, or
            states what a split's document does not hold.
        UnknownName: there is no such strategy.
        Invalid: the roles break a rule, as where a table dates no control.
    """
    plan = replace(plan, strategy=STRATEGIES.named(plan.strategy))
    subject = checked(os.fspath(dataset), "dataset")
    conditions = [subject.condition_at(run.start) for run in subject.runs]
    setting = Setting(
        conditions,
        subject.document["control"],
        _choice(plan),
        plan.beside.columns,
        _profiles(dataset, plan, withholds=withholds),
    )
    assigned = assign(plan.strategy, setting)
    claim = str(standard().strategies[plan.strategy]["claim"])
    write_split(subject, Path(target), plan, assigned, claim=claim, overwrite=overwrite)
    return sealed_content(Path(target))


def write_split(  # noqa: PLR0913 - each says one thing of the split
    subject: Subject,
    target: Path,
    plan: Plan,
    assigned: Sequence[Assignment],
    *,
    claim: str,
    overwrite: bool = False,
    sound: bool = True,
) -> None:
    """Write roles as a split of the dataset `subject`, one for each of its conditions in order.

    Raises:
        UsageError: what the plan states does not fit a split's document.
        Invalid: the roles, or words of the plan's table, break a rule; nothing is written then,
            unless it need not be `sound`.
    """
    conditions = [subject.condition_at(run.start) for run in subject.runs]
    sizes = [run.stop - run.start for run in subject.runs]
    cells = plan.cells_per_condition or _typical(conditions, assigned, sizes, subject)
    document = {**_document(plan, subject, cells), "claim": claim}
    require_conforming(document, CURRENT)
    write_arrays(
        target,
        document,
        {},
        obs=_table(conditions, assigned, document["condition"]),
        var={"_index": subject.features, "is_target": _targets(conditions, subject)},
        overwrite=overwrite,
        check=(lambda draft: _require_sound(draft, target)) if sound else None,
    )


def _require_sound(draft: Path, target: Path) -> None:
    report = replace(validate(draft, level="axes"), target=os.fspath(target))
    if report.exit_code:
        told = "; ".join(f"{one.found} ({one.code})" for one in report.errors)
        message = f"the split would not be sound: {told}; nothing was written"
        raise Invalid(message, report)


def _choice(plan: Plan) -> Choice:
    entry = standard().strategies.get(plan.strategy, {})
    known = entry.get("parameters", {})
    if plan.beside.name and "table" not in entry:
        message = f"{plan.strategy} reads no table; leave {plan.beside.name} out"
        raise UsageError(message)
    unknown = sorted(set(plan.parameters) - {*known, "anchors"}) if known else []
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
    return Choice(
        seed=plan.seed,
        fraction=_share(plan, "fraction"),
        names=_names(plan, "hold_out"),
        fold=_fold(plan),
        validation=_share(plan, "validation"),
        options={
            name: value if isinstance(value, str) else ", ".join(value)
            for name, value in plan.parameters.items()
            if name not in COMMON
        },
        anchors=_names(plan, "anchors"),
    )


def _names(plan: Plan, name: str) -> tuple[str, ...]:
    given = plan.parameters.get(name, ())
    return (given,) if isinstance(given, str) else tuple(given)


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
        "datasets": [{**pin, "content": subject.claimed_content()}],
        "strategy": {
            "name": plan.strategy,
            "seed": plan.seed,
            "parameters": plan.stated,
        },
        "condition": list(dataset["condition"]),
        "control": dataset["control"],
        "values": _values(subject, plan.target_sum),
        "cells_per_condition": cells,
        "licence": dataset["licence"],
    }


def _profiles(dataset: Path_, plan: Plan, *, withholds: bool) -> Callable[[], Mapping[str, Array]]:
    """What contexts are compared by: the table's numbers, else mean profiles of their controls."""

    def profiles() -> Mapping[str, Array]:
        if plan.beside.name:
            if "context" not in plan.beside.columns:
                message = f"{plan.beside.name} has no column context; name the contexts in one"
                raise UsageError(message)
            return profiles_in(plan.beside)
        subject = checked(os.fspath(dataset), "dataset", level="data")
        if withholds and subject.document["values"]["space"] in SIGNED:
            message = (
                f"{plan.strategy} would compare contexts by their changes, which are to be "
                "withheld; give profiles of the contexts in a table (--table)"
            )
            raise UsageError(message)
        conditions = [subject.condition_at(run.start) for run in subject.runs]
        return context_profiles(
            subject, plan.target_sum, without=selected(conditions, _names(plan, "anchors"))
        )

    return profiles


def context_profiles(
    subject: Subject, target_sum: int, *, without: Container[Condition] = ()
) -> dict[str, Array]:
    """Context → mean profile of its control cells, over all studies, donors and batches.

    Where values are changes, of which a control has none, the mean over all its changes.

    Args:
        subject: a valid dataset.
        target_sum: of log1p, for a dataset of counts.
        without: conditions that are left out.
    """
    cells = ConditionCells(subject, _values(subject, target_sum))
    control, is_signed = subject.document["control"], cells.scale.space in SIGNED
    sums: dict[str, Array] = {}
    numbers: dict[str, int] = {}
    for run in settings_in_force().counted(subject.runs, "conditions read"):
        condition = subject.condition_at(run.start)
        if condition not in without and (condition.perturbation == control) != is_signed:
            size = run.stop - run.start
            total = mean_profile(cells.of(condition.key)) * size
            sums[condition.context] = sums.get(condition.context, 0) + total
            numbers[condition.context] = numbers.get(condition.context, 0) + size
    return {context: total / numbers[context] for context, total in sums.items()}


def _values(subject: Subject, target_sum: int) -> dict[str, Any]:
    """The value space that a split of the dataset is scored in."""
    declared = subject.document["values"]
    if declared["space"] in AS_MEASURED:
        return {"space": declared["space"]}
    return {
        "space": "log1p",
        "target_sum": declared.get("target_sum", target_sum),
        "total": declared["total"],
    }


def _table(
    conditions: Sequence[Condition], assigned: Sequence[Assignment], names: Sequence[str]
) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: np.array([condition.get(name) for condition in conditions], dtype=object)
        for name in names
    }
    groups = {found.group for found in assigned} - {"-"}
    said = ("role", "reason", "group") if groups else ("role", "reason")
    return {
        "_index": keys_of(columns, names),
        **columns,
        **{
            name: np.array([getattr(found, name) for found in assigned], dtype=object)
            for name in said
        },
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
        target_sum=stated["scoring"].get("target_sum", 10_000),
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
