"""VCS70x and 71x: how the answer reaches a model by the tables of a split and its dataset."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vcspec.catalog import Catalog
from vcspec.model.condition import MEMBER_SEPARATOR, Condition
from vcspec.model.finding import SHOWN, Fault
from vcspec.rules.evidence import Evidence
from vcspec.rules.split import KEPT_ROLES, SEEN, SHOWN_ROLES, Table
from vcspec.rules.subject import Subject
from vcspec.standard import standard

Look = Callable[[Evidence], Iterator[Fault]]
LEAKS: Catalog[Look] = Catalog("leak", standard().leaks)
leak = LEAKS.claim
CONTROLS = frozenset(standard().vocabularies["control-word"]) | {""}
"""Words, in lower case, that stand for the control in labels of combinations."""
SIGNS = re.compile(r"[_,;:&/\-\s]+")
"""What labels of combinations join their members with, beside the standard's separator."""
PLACES = frozenset({"VCS404", "VCS405", "VCS420", "VCS421"})
"""Rules of claims that hold a place out."""
UNITS = frozenset(name.replace("_", "") for name in standard().vocabularies["unit-column"])
"""Columns of obs that say which unit a cell comes from, as `_unit_named`."""
NAMING = frozenset({"id", "ids", "name", "number", "barcode", "label", "identity", "metadata"})
"""Words, in names of columns, that say no more than that units are named."""
BY_ORDER = 0.005  # p from which on tested entities are bunched


class NotLooked(Exception):
    """A leak cannot be looked for, and why."""


def fault(path: str, bad: Sequence[str], found: str, expected: str = "none") -> Iterator[Fault]:
    """One fault with examples, where there are any; `{n}` is their number."""
    if bad:
        yield Fault(path, found.format(n=len(bad)), expected, tuple(bad[:SHOWN]), len(bad))


def _plain(label: str) -> str:
    return "".join(label.casefold().split()).replace("_", "-")


def _words(label: str) -> tuple[str, ...]:
    return tuple(word for word in SIGNS.split(label.casefold()) if word)


@dataclass(frozen=True)
class _Spellings:
    """What labels of a split say, however they are spelled.

    Attributes:
        control: label of the control.
        known: words of a label → the label, in plain spelling: of perturbations, and of controls.
    """

    control: str
    known: Mapping[tuple[str, ...], str]

    @classmethod
    def of(cls, table: Table) -> "_Spellings":
        """Those of all conditions."""
        labels = {member for condition in table.conditions for member in condition.members}
        labels |= {*CONTROLS, table.control}
        return cls(table.control, {_words(label): _plain(label) for label in sorted(labels)})

    def members(self, condition: Condition) -> frozenset[str]:
        """Members, whatever sign joins them; none for a control."""
        parts = (self._joined(label) for label in condition.perturbation.split(MEMBER_SEPARATOR))
        return frozenset().union(*parts) - CONTROLS - {_plain(self.control)}

    def _joined(self, label: str) -> frozenset[str]:
        """Other perturbations that the label joins; itself, where it is not made of them alone."""
        words, whole = _words(label), frozenset({_plain(label)})
        found = {0: frozenset[str]()}
        for stop in range(1, len(words) + 1):
            for start in sorted(found):
                part = words[start:stop]
                if part in self.known and part != words:
                    found[stop] = found[start] | {self.known[part]}
                    break
        pieces = found.get(len(words), whole) if words else whole
        return pieces if pieces - CONTROLS - {_plain(self.control)} else whole

    def spelled(self, condition: Condition) -> tuple[Any, ...]:
        """What a condition is."""
        rest = ((name, _plain(value)) for name, value in condition.fields if name != "perturbation")
        return (tuple(rest), self.members(condition))


@leak("VCS701")
def same_condition_otherwise_spelled(evidence: Evidence) -> Iterator[Fault]:
    """Canonicalise the conditions harder than the format does, and compare the sides."""
    spelled = _Spellings.of(evidence.table).spelled
    seen = {spelled(c): c.key for c in evidence.table.having(*SHOWN_ROLES)}
    bad = [
        f"{condition.key} is {seen[what]}"
        for condition in evidence.table.having(*KEPT_ROLES)
        if (what := spelled(condition)) in seen
    ]
    found = f"{{n}} {evidence.kept} conditions are seen ones in another spelling"
    yield from fault("/obs", bad, found)


@leak("VCS702")
def member_otherwise_spelled(evidence: Evidence) -> Iterator[Fault]:
    """Compare members in any spelling, where the claim allows none to be seen."""
    table = evidence.table
    if table.claims_by("VCS402"):
        members = _Spellings.of(table).members
        whole = {_plain(member) for condition in table.tested for member in condition.members}
        tested = whole.union(*map(members, table.tested))
        combined = [(c.key, members(c)) for c in table.seen]
        bad = [key for key, found in combined if len(found) > 1 and found & tested]
        yield from fault("/obs", bad, "{n} seen combinations contain a tested perturbation")


@leak("VCS703")
def covariates_collide(evidence: Evidence) -> Iterator[Fault]:
    """Compare conditions as sets of values, whatever column they stand in."""
    sides: dict[frozenset[str], list[Condition]] = defaultdict(list)
    for condition in evidence.table.having(*SEEN):
        sides[frozenset(value for _, value in condition.fields)].append(condition)
    bad = [
        f"{condition.key} and {twin.key}"
        for condition in evidence.table.tested
        for twin in sides.get(frozenset(value for _, value in condition.fields), [])
        if twin != condition
    ]
    yield from fault("/obs", bad, "{n} pairs of conditions that differ in columns alone")


@leak("VCS704")
def fitted_on_test(evidence: Evidence) -> Iterator[Fault]:
    """Hold what the dataset declares against the roles."""
    kept = evidence.table.having(*KEPT_ROLES)
    declared = fitted(evidence)
    for place, entry in enumerate(declared):
        bad = [c.key for c in kept if is_on(entry["on"], c, evidence.table.control)]
        found = f"{entry['what']} ({entry['method']}) fitted on {{n}} {evidence.kept} conditions"
        for one in fault("/", bad, found):
            yield replace(one, pointer=f"/vcspec/fitted/{place}")


def fitted(evidence: Evidence) -> Sequence[Mapping[str, Any]]:
    """What the dataset declares as fitted.

    Raises:
        NotLooked: it declares nothing, not even that nothing was.
    """
    assert evidence.dataset is not None
    declared = evidence.dataset.document.get("fitted")
    if declared is None:
        message = "the dataset does not declare what was fitted (`fitted`, empty for nothing)"
        raise NotLooked(message)
    return list(declared)


def is_on(stated: Any, condition: Condition, control: str) -> bool:
    """Whether a condition is among what something is declared to be fitted on."""
    if isinstance(stated, str):
        return stated == "all" or (stated == "controls" and condition.perturbation == control)
    return all(condition.get(name) in values for name, values in stated.items())


@leak("VCS710")
def unit_on_both_sides(evidence: Evidence) -> Iterator[Fault]:
    """Compare units of perturbed cells, in columns that do not name conditions."""
    if not any(evidence.table.claims_by(code) for code in PLACES):
        message = "the claim holds no place out"
        raise NotLooked(message)
    assert evidence.dataset is not None
    own = set(evidence.dataset.condition_columns)
    columns = [name for name in _columns_of_obs(evidence.dataset) if _unit_named(name) in UNITS]
    columns = [name for name in columns if name not in own]
    named = sorted(own & {"donor", "guide", "batch"})
    if not columns and not named:
        message = "no column of obs says which donor, plate, library or guide a cell comes from"
        raise NotLooked(message)
    perturbed = ~evidence.is_control
    is_seen = [role in SEEN for role in evidence.role]
    for name in named:
        values = [c.get(name) for c in evidence.conditions]
        yield from _both(name, values, is_seen, list(evidence.role == "test"), perturbed)
    for name in columns:
        assert evidence.cells is not None
        sides = (np.isin(evidence.role, tuple(SEEN)), evidence.role == "test")
        rows = [evidence.cells_with(perturbed & side) for side in sides]
        units = evidence.dataset.column("obs", name).values
        seen, tested = ({str(value) for value in units[at]} for at in rows)
        yield from fault(
            f"/obs/{name}", sorted(seen & tested), f"{{n}} values of {name} on both sides"
        )


def _columns_of_obs(subject: Subject) -> list[str]:
    paths = (path.split("/") for path in subject.store.skeleton.nodes)
    return sorted(parts[2] for parts in paths if len(parts) == 3 and parts[1] == "obs")


def _unit_named(column: str) -> str:
    """What the name of a column is about: donor, of Donor_ID, donorID and Metadata_Donor."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", column)
    return "".join(word.casefold() for word in words if word.casefold() not in NAMING)


def _both(
    name: str, values: Sequence[str], seen: Sequence[bool], tested: Sequence[bool], perturbed: Any
) -> Iterator[Fault]:
    sides = [
        {value for value, on, real in zip(values, side, perturbed, strict=True) if on and real}
        for side in (seen, tested)
    ]
    yield from fault("/obs", sorted(sides[0] & sides[1]), f"{{n}} values of {name} on both sides")


@leak("VCS711")
def relative_on_both_sides(evidence: Evidence) -> Iterator[Fault]:
    """Look for groups of the tables with tested and trained members."""
    table = evidence.table
    if not table.claims_by("VCS402"):
        message = "the claim allows tested perturbations to be seen"
        raise NotLooked(message)
    tested = {member for condition in table.tested for member in condition.members}
    trained = {member for condition in table.seen for member in condition.members} - {table.control}
    for what, groups in evidence.relatives.items():
        near: dict[str, list[str]] = defaultdict(list)
        for name in sorted(trained & groups.keys()):
            near[groups[name]].append(name)
        bad = [
            f"{name} and {near[groups[name]][0]} ({groups[name]})"
            for name in sorted(tested & groups.keys())
            if near.get(groups[name])
        ]
        yield from fault(
            "/obs/perturbation", bad, f"{{n}} tested perturbations share a {what} with trained ones"
        )


@leak("VCS714")
def order_tells_role(evidence: Evidence) -> Iterator[Fault]:
    """Rank tested names among all, by the alphabet; named hold-outs are left alone."""
    if "hold_out" in evidence.split.document["strategy"]["parameters"]:
        message = "what is held out was named, not drawn"
        raise NotLooked(message)
    from scipy.stats import mannwhitneyu

    table = evidence.table
    for field in ("perturbation", "context"):
        tested = {c.get(field) for c in table.tested}
        others = {c.get(field) for c in table.seen} - tested - {table.control}
        names = sorted(tested | others)
        places = {name: place for place, name in enumerate(names)}
        sides = [[places[name] for name in side] for side in (tested, others)]
        if min(map(len, sides)) < 4:
            continue
        p_value = float(mannwhitneyu(sides[0], sides[1]).pvalue)
        if p_value < BY_ORDER:
            yield Fault(
                f"/obs/{field}",
                f"tested names are bunched in the alphabet (rank sum, p = {p_value:.1g})",
                "names in no order",
                tuple(sorted(tested)[:SHOWN]),
                len(tested),
            )


@leak("VCS715")
def targets_tell_test(evidence: Evidence) -> Iterator[Fault]:
    """Hold the features marked as targets against tested and other perturbations."""
    table, features = evidence.table, evidence.split.features.astype(str)
    marked = set(features[evidence.split.column("var", "is_target").values.astype(bool)])
    tested = {member for condition in table.tested for member in condition.members} & set(features)
    every = _targets(table.conditions, features)
    unmarked, others = every - marked, marked - tested
    is_told = bool(tested) and bool(unmarked) and tested <= marked
    if is_told or (marked and not others and tested != every):
        beside = f" and {len(others)} others" if others else " alone"
        yield from fault(
            "/var/is_target",
            sorted(marked & tested),
            f"of the targets of perturbations, {{n}} tested ones{beside} are marked, and "
            f"{len(unmarked)} are not",
            "the targets of all perturbations",
        )


def _targets(conditions: Iterable[Condition], features: Any) -> set[str]:
    return {member for condition in conditions for member in condition.members} & set(features)
