"""Splits that others have made: labels or cells on sides, mapped to one role for each condition."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vcspec.model.condition import (
    FIELD_SEPARATOR,
    MEMBER_SEPARATOR,
    Condition,
    canonical_perturbation,
)
from vcspec.model.sides import side_of
from vcspec.splitting.strategies import (
    ANCHOR,
    INPUT,
    TEST,
    TRAIN,
    VALIDATION,
    Assignment,
    excluded,
)
from vcspec.standard import standard

SIDES = (TRAIN, VALIDATION, TEST)
UNREASONED = "excluded in the imported split"
OTHERS = (INPUT, ANCHOR, excluded(UNREASONED))
"""Roles that others have no side for."""
BY_ROLE: Mapping[str, Assignment] = {one.role: one for one in (*SIDES, *OTHERS)}
CONTROL_WORDS = frozenset(standard().vocabularies["control-word"])
ROLES = frozenset(standard().vocabularies["role"])
ABSENT = "not in the imported split"
SHOWN = 5


def role_of(word: str) -> str | None:
    """Role of a side, or of the standard, in any case; None for what is neither."""
    folded = word.strip().casefold()
    return side_of(folded) or (folded if folded in ROLES else None)


@dataclass(frozen=True)
class Imported:
    """Roles, and what did not fit.

    Attributes:
        assigned: a role for each condition.
        notes: what did not fit, a sentence each.
    """

    assigned: list[Assignment]
    notes: list[str]


def canonical(label: str, control: str) -> str:
    """A label as the dataset spells it: control words out, members sorted."""
    members = [
        control if member.strip().casefold() in CONTROL_WORDS else member.strip()
        for member in label.split(MEMBER_SEPARATOR)
    ]
    return canonical_perturbation(MEMBER_SEPARATOR.join(members), control)


class Spelling:
    """Labels of others, as a dataset spells them.

    A label that the dataset has not is looked for whatever its case, and with `_` for `+`; one
    that fits several is left as it is.

    Args:
        known: labels of the dataset.
        control: its control.

    Attributes:
        changed: label → the dataset's, where it was found in such a way.
    """

    def __init__(self, known: Iterable[str], control: str) -> None:
        self.known = frozenset(known)
        self.control = control
        self.changed: dict[str, str] = {}
        self._folded: dict[str, list[str]] = {}
        for label in self.known:
            self._folded.setdefault(self._fold(label), []).append(label)

    def __call__(self, label: str) -> str:
        """The dataset's spelling, or the canonical one of a label that it has not."""
        own = canonical(label, self.control)
        if own in self.known:
            return own
        for other in (label, label.replace("_", MEMBER_SEPARATOR)):
            found = self._folded.get(self._fold(other), [])
            if len(found) == 1:
                self.changed[label] = found[0]
                return found[0]
        return own

    def notes(self) -> list[str]:
        """What was found in such a way, a sentence."""
        told = [f"{label} as {found}" for label, found in sorted(self.changed.items())]
        return _told(told, "labels are read as the dataset spells them")

    def _fold(self, label: str) -> str:
        return canonical(canonical(label, self.control).casefold(), self.control.casefold())


def by_labels(
    conditions: Sequence[Condition],
    control: str,
    labels: Mapping[str, Sequence[str]],
    aside: Iterable[str] = (),
) -> Imported:
    """Roles from a dictionary of sides: role → labels of perturbations, for every context.

    Args:
        conditions: of the dataset.
        control: its control.
        labels: role → labels as the dictionary spells them.
        aside: labels that are tested in another part of the split.
    """
    known = {condition.perturbation for condition in conditions}
    spelled = Spelling(known, control)
    elsewhere = {spelled(name) for name in aside}
    sides: dict[str, Counter[Assignment]] = {}
    for role, names in labels.items():
        for name in names:
            sides.setdefault(spelled(name), Counter())[BY_ROLE[role]] += 1
    strange = sorted(sides.keys() - known)
    notes = [*_told(strange, "labels that the dataset has not"), *spelled.notes()]
    found = {c: sides.get(c.perturbation, Counter()) for c in conditions}
    placed = _placed(control, found, notes, ABSENT)
    assigned = [
        excluded("tested in another subgroup")
        if one.role == "excluded" and condition.perturbation in elsewhere
        else one
        for condition, one in zip(conditions, placed.assigned, strict=True)
    ]
    return Imported(assigned, placed.notes)


def by_conditions(
    conditions: Sequence[Condition], control: str, rows: Sequence[Mapping[str, str]]
) -> Imported:
    """Roles from a table of conditions.

    What the table has columns for tells its conditions apart: one without a context holds in all
    of them. Roles of the standard are taken as they are, with reason and group where these are
    given; controls have theirs where the table has all columns of the dataset's conditions.

    Args:
        conditions: of the dataset, one at least.
        control: its control.
        rows: column → value, with the word for a side as `role`; of one and the same columns.
    """
    columns = [name for name, _ in conditions[0].fields]
    shared = [name for name in columns if rows and name in rows[0]]
    spelled = Spelling({condition.perturbation for condition in conditions}, control)
    sides: dict[tuple[str, ...], Counter[Assignment]] = {}
    strange: set[str] = set()
    for row in rows:
        given = {**row, "perturbation": spelled(row["perturbation"])}
        one = _stated(row)
        if one is None:
            strange.add(row["role"])
        else:
            sides.setdefault(tuple(given[name] for name in shared), Counter())[one] += 1
    keys = {condition: tuple(condition.get(name) for name in shared) for condition in conditions}
    lacking = sorted(FIELD_SEPARATOR.join(key) for key in sides.keys() - set(keys.values()))
    notes = [
        *(f"not a side, and left out: {word!r}" for word in sorted(strange)),
        *_told(lacking, "conditions of the file that the dataset has not"),
        *spelled.notes(),
    ]
    found = {condition: sides.get(key, Counter()) for condition, key in keys.items()}
    placed = _placed(control, found, notes, ABSENT)
    if shared != columns:
        return placed
    assigned = [
        next(iter(found[condition])) if len(found[condition]) == 1 else one
        for condition, one in zip(conditions, placed.assigned, strict=True)
    ]
    return Imported(assigned, placed.notes)


def _stated(row: Mapping[str, str]) -> Assignment | None:
    role = role_of(row["role"])
    if role is None:
        return None
    reason = row.get("reason", "") or "-"
    if role == "excluded" and reason == "-":
        reason = UNREASONED
    return Assignment(role, reason, row.get("group", "") or "-")


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
    found = {
        condition: Counter({BY_ROLE[r]: n for r, n in counted.get(condition.key, {}).items()})
        for condition in conditions
    }
    lost = sum(sizes.values()) - sum(sum(counter.values()) for counter in found.values())
    notes = [f"{lost} cells of the dataset are on no side"] if lost else []
    return _placed(control, found, notes, "no cell on any side", minority=minority)


def _placed(
    control: str,
    found: Mapping[Condition, Counter[Assignment]],
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
        _of_control(condition, control, assigned, found[condition])
        if condition.perturbation == control
        else assigned[condition]
        for condition in found
    ]
    split = [c.key for c in found if c.perturbation == control and len(found[c]) > 1]
    notes += _told(split, "controls are on several sides; a control has one role here")
    return Imported(roles, notes)


def _role(sides: Counter[Assignment], absent: str, minority: float) -> Assignment:
    if not sides:
        return excluded(absent)
    (one, most), *others = sides.most_common()
    rest = sum(number for _, number in others)
    if rest > minority * (most + rest):
        told = ", ".join(f"{side.role} {n}" for side, n in sorted(sides.items(), key=_by_role))
        return excluded(f"on several sides: {told}")
    return one


def _by_role(counted: tuple[Assignment, int]) -> str:
    return counted[0].role


def _of_control(
    condition: Condition,
    control: str,
    assigned: Mapping[Condition, Assignment],
    sides: Counter[Assignment],
) -> Assignment:
    """Trained on where something of its context is; input where something is tested only.

    What others have no side for is taken as it is.
    """
    if len(sides) == 1 and next(iter(sides)) in OTHERS:
        return next(iter(sides))
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
