"""Splits that others have made: labels or cells on sides, mapped to one role for each condition."""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from vcspec.model.condition import MEMBER_SEPARATOR, Condition, canonical_perturbation
from vcspec.splitting.strategies import INPUT, TEST, TRAIN, VALIDATION, Assignment, excluded
from vcspec.standard import standard

SIDES: Mapping[str, Assignment] = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "ood", "holdout", "heldout", "held-out"), TEST),
}
"""Word for a side, in lower case → role."""
CONTROL_WORDS = frozenset(standard().vocabularies["control-word"])
SHOWN = 5


@dataclass(frozen=True)
class Imported:
    """Roles, and what did not fit.

    Attributes:
        assigned: a role for each condition.
        notes: what did not fit, a sentence each.
    """

    assigned: list[Assignment]
    notes: list[str]


def side_of(word: str) -> str | None:
    """Role of a side, however it is spelled; None for what is no side."""
    found = SIDES.get(word.strip().casefold())
    return found.role if found else None


def canonical(label: str, control: str) -> str:
    """A label as the dataset spells it: control words out, members sorted."""
    members = [
        control if member.strip().casefold() in CONTROL_WORDS else member.strip()
        for member in label.split(MEMBER_SEPARATOR)
    ]
    return canonical_perturbation(MEMBER_SEPARATOR.join(members), control)


def by_labels(
    conditions: Sequence[Condition],
    control: str,
    labels: Mapping[str, Sequence[str]],
    aside: Container[str] = (),
) -> Imported:
    """Roles from a dictionary of sides: role → labels of perturbations, for every context.

    Args:
        conditions: of the dataset.
        control: its control.
        labels: role → labels as the dictionary spells them.
        aside: canonical labels that are tested in another part of the split.
    """
    sides: dict[str, Counter[str]] = {}
    for role, names in labels.items():
        for name in names:
            sides.setdefault(canonical(name, control), Counter())[role] += 1
    known = {condition.perturbation for condition in conditions}
    strange = sorted(sides.keys() - known)
    notes = _told(strange, "labels that the dataset has not")
    found = {c: sides.get(c.perturbation, Counter()) for c in conditions}
    placed = _placed(control, found, notes, "not in the imported split")
    assigned = [
        excluded("tested in another subgroup")
        if one.role == "excluded" and condition.perturbation in aside
        else one
        for condition, one in zip(conditions, placed.assigned, strict=True)
    ]
    return Imported(assigned, placed.notes)


def by_cells(
    conditions: Sequence[Condition],
    control: str,
    counted: Mapping[str, Mapping[str, int]],
    sizes: Mapping[str, int],
    minority: float = 0.0,
) -> Imported:
    """Roles from sides of single cells.

    Args:
        conditions: of the dataset.
        control: its control.
        counted: key of a condition → role → number of its cells.
        sizes: key of a condition → number of its cells in the dataset.
        minority: share of a condition's cells that may be on other sides than most of them.
    """
    found = {condition: Counter(counted.get(condition.key, {})) for condition in conditions}
    lost = sum(sizes.values()) - sum(sum(counter.values()) for counter in found.values())
    notes = [f"{lost} cells of the dataset are on no side"] if lost else []
    return _placed(control, found, notes, "no cell on any side", minority=minority)


def _placed(
    control: str,
    found: Mapping[Condition, Counter[str]],
    notes: list[str],
    absent: str,
    *,
    minority: float = 0.0,
) -> Imported:
    assigned = {
        condition: _role(sides, absent, minority)
        for condition, sides in found.items()
        if condition.perturbation != control
    }
    divided = [c.key for c, one in assigned.items() if one.reason.startswith("on several sides")]
    notes = [*notes, *_told(divided, "conditions are on several sides, and excluded")]
    moved = [
        condition.key
        for condition, one in assigned.items()
        if one.role != "excluded" and len(found[condition]) > 1
    ]
    notes += _told(moved, "conditions are on several sides, and went where most of their cells are")
    missing = [condition.key for condition, one in assigned.items() if one.reason == absent]
    notes += _told(missing, f"conditions excluded: {absent}")
    roles = [
        _of_control(condition, control, assigned)
        if condition.perturbation == control
        else assigned[condition]
        for condition in found
    ]
    split = [c.key for c in found if c.perturbation == control and len(found[c]) > 1]
    notes += _told(split, "controls are on several sides; a control has one role here")
    return Imported(roles, notes)


def _role(sides: Counter[str], absent: str, minority: float) -> Assignment:
    if not sides:
        return excluded(absent)
    (role, most), *others = sides.most_common()
    rest = sum(number for _, number in others)
    if rest > minority * (most + rest):
        told = ", ".join(f"{name} {number}" for name, number in sorted(sides.items()))
        return excluded(f"on several sides: {told}")
    return SIDES[role]


def _of_control(
    condition: Condition, control: str, assigned: Mapping[Condition, Assignment]
) -> Assignment:
    """Trained on where something of its context is; input where something is tested only."""
    roles = {
        one.role
        for other, one in assigned.items()
        if other.context_key == condition.context_key and other.perturbation != control
    }
    if "train" in roles:
        return TRAIN
    if "test" in roles:
        return INPUT
    return VALIDATION if "validation" in roles else excluded("control of a context without a role")


def _told(names: Sequence[str], what: str) -> list[str]:
    if not names:
        return []
    more = " …" if len(names) > SHOWN else ""
    return [f"{len(names)} {what}: {', '.join(names[:SHOWN])}{more}"]
