"""VCS4xx: what a split's claim asks of its roles, where that takes more than one look."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import chain

from vcspec.model.condition import REPLICATES, Condition
from vcspec.model.finding import Fault
from vcspec.model.levels import level_of
from vcspec.rules.book import rule
from vcspec.rules.split import Table, conditions_fault
from vcspec.rules.subject import Subject

Place = tuple[str, str]
Holds = Callable[[float, float, float], bool]


class Seen:
    """What a model has seen of members, pairs and levels."""

    def __init__(self, table: Table) -> None:
        self.table = table

    @cached_property
    def members(self) -> set[str]:
        """Members of seen conditions, alone or in combinations."""
        return set(chain.from_iterable(condition.members for condition in self.table.seen))

    @cached_property
    def pairs(self) -> set[Place]:
        """(context, perturbation) of seen conditions."""
        return {(c.context_key, c.perturbation) for c in self.table.seen}

    @cached_property
    def contexts(self) -> set[str]:
        """Contexts of perturbed training conditions."""
        control = self.table.control
        return {c.context_key for c in self.table.having("train") if c.perturbation != control}


@rule("VCS416")
def members_seen_differ(subject: Subject) -> Iterator[Fault]:
    """Count the members of tested combinations that are new, and look for the others alone."""
    table = Table(subject)
    if not table.claims_by("VCS416"):
        return
    seen = Seen(table).members

    def is_fine(condition: Condition) -> bool:
        new = [member for member in condition.members if member not in seen]
        others = set(condition.members) - set(new)
        return len(condition.members) > 1 and len(new) == 1 and others <= table.trained_on

    bad = [condition for condition in table.tested if not is_fine(condition)]
    yield from conditions_fault(
        bad,
        "{n} tested combinations without exactly one new member and the others trained on alone",
        "one new member in each",
    )


@rule("VCS417")
def single_seen_alone(subject: Subject) -> Iterator[Fault]:
    """Look for tested singles alone among the seen ones, and in trained combinations."""
    table = Table(subject)
    if not table.claims_by("VCS417"):
        return
    alone = {condition.perturbation for condition in table.seen}
    combined = {
        member
        for condition in table.having("train")
        if len(condition.members) > 1
        for member in condition.members
    }
    bad = [
        condition
        for condition in table.tested
        if condition.perturbation in alone or condition.perturbation not in combined
    ]
    yield from conditions_fault(
        bad,
        "{n} tested conditions that are seen alone, or in no trained combination",
        "perturbations seen in combinations only",
    )


@rule("VCS418")
def pair_seen(subject: Subject) -> Iterator[Fault]:
    """Look for tested pairs of context and perturbation among the seen ones."""
    table = Table(subject)
    if table.claims_by("VCS418"):
        tested = {(c.context_key, c.perturbation) for c in table.tested}
        bad = [c for c in table.seen if (c.context_key, c.perturbation) in tested]
        yield from conditions_fault(bad, "{n} seen conditions are of a tested pair", "none")


@rule("VCS419")
def context_never_seen(subject: Subject) -> Iterator[Fault]:
    """Look for perturbed training conditions of each tested context."""
    table = Table(subject)
    if table.claims_by("VCS419"):
        contexts = Seen(table).contexts
        bad = [c for c in table.tested if c.context_key not in contexts]
        yield from conditions_fault(
            bad,
            "{n} tested conditions of a context without a perturbed training condition",
            "contexts seen perturbed",
        )


@rule("VCS422")
def level_not_outside(subject: Subject) -> Iterator[Fault]:
    """Compare tested levels with the range of the seen ones, for each perturbation."""
    yield from _levels(subject, "VCS422", lambda low, level, high: not low <= level <= high)


@rule("VCS423")
def level_not_between(subject: Subject) -> Iterator[Fault]:
    """Compare tested levels with the seen ones on both sides, for each perturbation."""
    yield from _levels(subject, "VCS423", lambda low, level, high: low < level < high)


def _levels(subject: Subject, code: str, holds: Holds) -> Iterator[Fault]:
    table = Table(subject)
    if not table.claims_by(code):
        return
    axis = str(table.claim["axis"])
    units = subject.standard.units[axis]
    perturbed = [c for c in (*table.seen, *table.tested) if c.perturbation != table.control]
    try:
        levels = {condition: level_of(condition, axis, units) for condition in perturbed}
    except ValueError as error:
        yield Fault(f"/obs/{axis}", str(error), "a number in every condition")
        return
    seen: dict[Place, set[float]] = defaultdict(set)
    for condition in table.seen:
        if condition in levels:
            dimension, level = levels[condition]
            seen[condition.perturbation, dimension].add(level)

    def is_fine(condition: Condition) -> bool:
        dimension, level = levels[condition]
        known = seen.get((condition.perturbation, dimension), set())
        return bool(known) and level not in known and holds(min(known), level, max(known))

    bad = [condition for condition in table.tested if not is_fine(condition)]
    where = "outside the range of" if code == "VCS422" else "between"
    yield from conditions_fault(
        bad,
        f"{{n}} tested conditions whose {axis} is not {where} those seen of the perturbation",
        f"each {axis} {where} the seen ones",
    )


@rule("VCS424")
def group_on_both_sides(subject: Subject) -> Iterator[Fault]:
    """Look for tested groups among the seen ones."""
    table = Table(subject)
    if table.claims_by("VCS424"):
        groups = table.groups
        tested = {groups[condition] for condition in table.tested} - {"-"}
        bad = [condition for condition in table.seen if groups[condition] in tested]
        yield from conditions_fault(bad, "{n} seen conditions are of a tested group", "none")
        alone = [condition for condition in table.tested if groups[condition] == "-"]
        yield from conditions_fault(alone, "{n} tested conditions without a group", "a group each")


@rule("VCS425")
def test_not_after_training(subject: Subject) -> Iterator[Fault]:
    """Compare the dates of tested conditions with those of seen ones."""
    table = Table(subject)
    if table.claims_by("VCS425"):
        dates = table.groups
        last = max((dates[condition] for condition in table.seen), default="")
        bad = [condition for condition in table.tested if not dates[condition] > last]
        yield from conditions_fault(
            bad, f"{{n}} tested conditions not after {last}, the last date seen", "later dates"
        )


@rule("VCS426")
def replicate_not_seen(subject: Subject) -> Iterator[Fault]:
    """Look for other replicates of each tested condition among the trained ones."""
    table = Table(subject)
    if table.claims_by("VCS426"):
        trained = {_without_replicate(condition) for condition in table.having("train")}
        bad = [c for c in table.tested if _without_replicate(c) not in trained]
        yield from conditions_fault(
            bad, "{n} tested conditions of which no other replicate is trained on", "one of each"
        )


def _without_replicate(condition: Condition) -> tuple[tuple[str, str], ...]:
    return tuple(field for field in condition.fields if field[0] not in REPLICATES)
