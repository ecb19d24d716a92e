"""VCS4xx: who may see what."""

from collections import Counter
from collections.abc import Callable, Container, Iterator
from functools import cached_property

from vcspec.model.condition import Condition, canonical_perturbation
from vcspec.model.finding import SHOWN, Fault
from vcspec.rules.book import rule
from vcspec.rules.subject import Subject

SEEN = frozenset({"train", "validation"})
SHOWN_ROLES = ("train", "validation", "inference-input")
"""Roles of conditions that models may see."""
KEPT_ROLES = ("test", "anchor")
"""Roles of conditions that the scorer alone sees."""


class Table:
    """The conditions of a split with their roles.

    Args:
        subject: the split.
        studies: whose conditions alone count as tested; None for all.
    """

    def __init__(self, subject: Subject, studies: Container[str] | None = None) -> None:
        self._subject = subject
        self.claim = subject.standard.claims.get(subject.document["claim"], {})
        self.control = subject.document["control"]
        self.roles = [str(role) for role in subject.column("obs", "role").values]
        self.conditions = subject.conditions
        if studies is not None:
            self.roles = [
                "excluded" if role == "test" and found.get("study") not in studies else role
                for role, found in zip(self.roles, self.conditions, strict=True)
            ]

    def claims_by(self, code: str) -> bool:
        """Whether the claim of the split asks for the rule."""
        return code in self.claim.get("asks", ())

    def having(self, *roles: str) -> list[Condition]:
        """Conditions with one of the roles."""
        pairs = zip(self.conditions, self.roles, strict=True)
        return [condition for condition, role in pairs if role in roles]

    @cached_property
    def tested(self) -> list[Condition]:
        """Test conditions, controls left out."""
        return [
            condition for condition in self.having("test") if condition.perturbation != self.control
        ]

    @cached_property
    def seen(self) -> list[Condition]:
        """Conditions that a model may have been fitted or chosen on."""
        return self.having(*SEEN)

    @cached_property
    def groups(self) -> dict[Condition, str]:
        """What each condition is held out together with, or its date; `-` where nothing is said."""
        if not self._subject.has_column("obs", "group"):
            return dict.fromkeys(self.conditions, "-")
        values = self._subject.column("obs", "group").values
        return dict(zip(self.conditions, map(str, values), strict=True))

    @cached_property
    def trained_on(self) -> set[str]:
        """Perturbations with the role train, as they are spelled."""
        return {condition.perturbation for condition in self.having("train")}


def conditions_fault(bad: list[Condition], found: str, expected: str) -> Iterator[Fault]:
    """One fault about the roles of the conditions, where there are any; `{n}` is their number."""
    if bad:
        keys = tuple(condition.key for condition in bad[:SHOWN])
        yield Fault("/obs/role", found.format(n=len(bad)), expected, keys, len(bad))


@rule("VCS401")
def condition_twice(subject: Subject) -> Iterator[Fault]:
    """Count conditions after making their perturbations canonical."""
    control = subject.document["control"]
    spelled = Counter(
        tuple(
            (name, canonical_perturbation(value, control) if name == "perturbation" else value)
            for name, value in condition.fields
        )
        for condition in subject.conditions
    )
    twice = [Condition(fields) for fields, number in spelled.items() if number > 1]
    if twice:
        keys = tuple(condition.key for condition in twice[:SHOWN])
        yield Fault(
            "/obs", f"{len(twice)} conditions stand more than once", "each once", keys, len(twice)
        )


@rule("VCS402")
def held_out_perturbation_in_train(subject: Subject) -> Iterator[Fault]:
    """Look for tested members among the members of seen conditions."""
    table = Table(subject)
    if table.claims_by("VCS402"):
        tested = {member for condition in table.tested for member in condition.members}
        bad = [condition for condition in table.seen if tested & set(condition.members)]
        yield from conditions_fault(
            bad, "{n} seen conditions contain a tested perturbation", "none"
        )


@rule("VCS403")
def held_out_combination_in_train(subject: Subject) -> Iterator[Fault]:
    """Look for tested combinations among the seen ones, in any context, and for tested singles."""
    table = Table(subject)
    if table.claims_by("VCS403"):
        tested = {condition.perturbation for condition in table.tested}
        bad = [condition for condition in table.seen if condition.perturbation in tested]
        yield from conditions_fault(bad, "{n} seen conditions are a tested combination", "none")
        alone = [condition for condition in table.tested if len(condition.members) < 2]
        yield from conditions_fault(alone, "{n} tested conditions are no combinations", "none")


def _held_out_in_train(code: str, field: str) -> Callable[[Subject], Iterator[Fault]]:
    """The rule that no tested value of the field is among the seen ones."""

    @rule(code)
    def held_out_in_train(subject: Subject) -> Iterator[Fault]:
        table = Table(subject)
        if table.claims_by(code):
            tested = {condition.get(field) for condition in table.tested}
            bad = [condition for condition in table.seen if condition.get(field) in tested]
            yield from conditions_fault(
                bad, f"{{n}} seen conditions are of a tested {field}", "none"
            )

    return held_out_in_train


held_out_context_in_train = _held_out_in_train("VCS404", "context")
held_out_study_in_train = _held_out_in_train("VCS405", "study")
held_out_donor_in_train = _held_out_in_train("VCS420", "donor")
held_out_batch_in_train = _held_out_in_train("VCS421", "batch")


def is_the_withheld(subject: Subject) -> bool:
    """Whether the dataset at hand claims to be the one that the split withholds, not the pinned."""
    claimed = subject.companions["dataset"].claimed_content()
    promised = subject.document.get("withheld", {}).get("dataset")
    return claimed == promised != subject.document["datasets"][0]["content"]


@rule("VCS406")
def dataset_pin_differs(subject: Subject) -> Iterator[Fault]:
    """Compare the digest of the dataset at hand with the pinned, or the withheld one's."""
    dataset = subject.companions["dataset"]
    if is_the_withheld(subject):
        # What proves a promise is computed, not claimed.
        found, pointer = dataset.content.digest, "/vcspec/withheld/dataset"
        stated = f"withheld: {dataset.claimed_content()}"
        differs = found != dataset.claimed_content()
    else:
        found, pointer = dataset.claimed_content(), "/vcspec/datasets/0/content"
        pinned = subject.document["datasets"][0]["content"]
        stated, differs = f"pinned: {pinned}", found != pinned
    if differs:
        yield Fault("/", f"the dataset at hand is {found}", stated, pointer=pointer)


def _dataset_keys(subject: Subject) -> set[str]:
    return set(subject.companions["dataset"].stretches.keys)


@rule("VCS407")
def condition_unknown(subject: Subject) -> Iterator[Fault]:
    """Compare the split's keys with the dataset's."""
    known, table = _dataset_keys(subject), Table(subject)
    there = table.having(*SHOWN_ROLES) if "withheld" in subject.document else table.conditions
    bad = [condition for condition in there if condition.key not in known]
    if bad:
        keys = tuple(condition.key for condition in bad[:SHOWN])
        yield Fault(
            "/obs",
            f"{len(bad)} conditions that the dataset has not",
            "conditions of the dataset",
            keys,
            len(bad),
        )


@rule("VCS427")
def withheld_condition_present(subject: Subject) -> Iterator[Fault]:
    """Look for conditions that models may not see among the dataset's."""
    if "withheld" in subject.document and not is_the_withheld(subject):
        known, table = _dataset_keys(subject), Table(subject)
        shown = set(table.having(*SHOWN_ROLES))
        bad = [c for c in table.conditions if c not in shown and c.key in known]
        yield from conditions_fault(bad, "the dataset holds {n} withheld conditions", "none")


@rule("VCS408")
def condition_unassigned(subject: Subject) -> Iterator[Fault]:
    """Compare the dataset's keys with the split's."""
    bad = sorted(_dataset_keys(subject) - {condition.key for condition in subject.conditions})
    if bad:
        yield Fault(
            "/obs",
            f"{len(bad)} conditions of the dataset without a role",
            "a role for each",
            tuple(bad[:SHOWN]),
            len(bad),
        )


@rule("VCS409")
def exclusion_without_reason(subject: Subject) -> Iterator[Fault]:
    """Look at the reasons of excluded conditions."""
    table = Table(subject)
    reasons = [str(reason) for reason in subject.column("obs", "reason").values]
    rows = zip(table.conditions, table.roles, reasons, strict=True)
    bad = [condition for condition, role, reason in rows if role == "excluded" and reason == "-"]
    yield from conditions_fault(
        bad, "{n} excluded conditions without a reason", "a reason for each"
    )


@rule("VCS410")
def no_test_condition(subject: Subject) -> Iterator[Fault]:
    """Count test conditions."""
    if not Table(subject).having("test"):
        yield Fault("/obs/role", "no condition has the role test", "at least one")


@rule("VCS411")
def test_context_without_control(subject: Subject) -> Iterator[Fault]:
    """Look for a known control of every tested context."""
    table = Table(subject)
    known = {
        condition.context_key
        for condition in table.having("train", "inference-input")
        if condition.perturbation == table.control
    }
    bad = sorted({condition.context_key for condition in table.tested} - known)
    if bad:
        yield Fault(
            "/obs/role",
            f"{len(bad)} tested contexts without a known control",
            "a control for each",
            tuple(bad[:SHOWN]),
            len(bad),
        )


@rule("VCS412")
def control_tested(subject: Subject) -> Iterator[Fault]:
    """Look for controls among the test conditions."""
    table = Table(subject)
    bad = [
        condition for condition in table.having("test") if condition.perturbation == table.control
    ]
    yield from conditions_fault(bad, "{n} control conditions have the role test", "none")


@rule("VCS413")
def member_never_seen(subject: Subject) -> Iterator[Fault]:
    """Look for each member of tested combinations among the trained singles."""
    table = Table(subject)
    if table.claims_by("VCS413"):
        bad = [c for c in table.tested if not set(c.members) <= table.trained_on]
        yield from conditions_fault(
            bad, "{n} tested combinations with a member never seen alone", "members seen alone"
        )


@rule("VCS414")
def perturbation_never_seen(subject: Subject) -> Iterator[Fault]:
    """Look for each tested perturbation among the trained ones."""
    table = Table(subject)
    if table.claims_by("VCS414"):
        bad = [c for c in table.tested if c.perturbation not in table.trained_on]
        yield from conditions_fault(
            bad,
            "{n} tested conditions whose perturbation is never seen",
            "perturbations seen in training",
        )


@rule("VCS415")
def key_differs(subject: Subject) -> Iterator[Fault]:
    """Compare row names with joined columns."""
    names = subject.column("obs", "_index").values
    bad = [
        (str(name), c.key)
        for name, c in zip(names, subject.conditions, strict=True)
        if str(name) != c.key
    ]
    if bad:
        examples = tuple(f"{name!r} for {key!r}" for name, key in bad[:SHOWN])
        yield Fault("/obs/_index", f"{bad[0][0]!r}", f"{bad[0][1]!r}", examples, len(bad))
