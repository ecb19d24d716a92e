"""The strategies of the standard: conditions in, one role for each out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from vcspec.catalog import Catalog
from vcspec.model.condition import Condition
from vcspec.model.errors import UsageError
from vcspec.splitting.draw import drawn, fold_of
from vcspec.standard import standard


@dataclass(frozen=True)
class Choice:
    """What to hold out.

    Attributes:
        seed: of the draw.
        fraction: share to hold out; 0 where names or a fold are given.
        names: what to hold out; empty where it is drawn.
        fold: number of the fold to hold out, from 1, and of how many.
        validation: share of the rest for validation.
    """

    seed: int = 0
    fraction: float = 0.0
    names: tuple[str, ...] = ()
    fold: tuple[int, int] | None = None
    validation: float = 0.0


@dataclass(frozen=True)
class Assignment:
    """Role of a condition, and why where that is not plain."""

    role: str
    reason: str = "-"


Strategy = Callable[[Sequence[Condition], str, Choice], list[Assignment]]
STRATEGIES: Catalog[Strategy] = Catalog("strategy", standard().strategies)
strategy = STRATEGIES.claim

TRAIN = Assignment("train")
TEST = Assignment("test")
VALIDATION = Assignment("validation")
INPUT = Assignment("inference-input")


def assign(
    name: str, conditions: Sequence[Condition], control: str, choice: Choice
) -> list[Assignment]:
    """One role for each condition, by the strategy `name`.

    Raises:
        UnknownName: the standard has no such strategy.
        UsageError: the choice matches nothing, or leaves nothing to test or to train on.
    """
    assigned = STRATEGIES[name](conditions, control, choice)
    for role in ("train", "test"):
        if role not in {found.role for found in assigned}:
            reasons = sorted({found.reason for found in assigned if found.role == "excluded"})
            message = (
                f"{name} gives no condition the role {role}; excluded because: "
                f"{'; '.join(reasons) or 'nothing'}. Hold out less, or something else"
            )
            raise UsageError(message)
    return assigned


def held_out(what: str, names: Sequence[str], choice: Choice) -> tuple[set[str], set[str]]:
    """Names held out for the test, and for validation.

    Raises:
        UsageError: a name is not among `names`, or the shares or the fold are out of range.
    """
    if not choice.names and not choice.fold and not 0 < choice.fraction < 1:
        message = f"fraction is {choice.fraction}; give one above 0 and below 1, or name {what}"
        raise UsageError(message)
    if not 0 <= choice.validation < 1:
        message = f"validation is {choice.validation}; give a share from 0 and below 1"
        raise UsageError(message)
    if not names:
        message = f"the dataset has no {what} that could be held out"
        raise UsageError(message)
    for name in choice.names:
        if name not in names:
            near = get_close_matches(name, names, cutoff=0.5) or sorted(names)[:8]
            message = (
                f"{name!r} is none of the {what} that can be held out; near: {', '.join(near)}"
            )
            raise UsageError(message)
    if choice.fold:
        test = _fold(what, names, choice.seed, *choice.fold)
    else:
        test = set(choice.names) or drawn(choice.seed, names, choice.fraction)
    rest = [name for name in names if name not in test]
    validation = (
        drawn(choice.seed + 1, rest, choice.validation) if choice.validation and rest else set()
    )
    return test, validation


def _fold(what: str, names: Sequence[str], seed: int, number: int, folds: int) -> set[str]:
    if not (1 <= number <= folds and 2 <= folds <= len(names)):
        message = (
            f"fold is {number}/{folds}; there are {len(names)} {what}: give a fold from 1/N to N/N "
            f"with N from 2 to {len(names)}"
        )
        raise UsageError(message)
    return fold_of(seed, names, number, folds)


def _singles(conditions: Sequence[Condition], control: str) -> set[str]:
    return {
        condition.perturbation
        for condition in conditions
        if condition.perturbation != control and len(condition.members) == 1
    }


@strategy("holdout-perturbations")
def holdout_perturbations(
    conditions: Sequence[Condition], control: str, choice: Choice
) -> list[Assignment]:
    """Test drawn singles in every context; exclude combinations that contain one."""
    singles = sorted(_singles(conditions, control))
    test, validation = held_out("perturbations", singles, choice)

    def role(condition: Condition) -> Assignment:
        members = set(condition.members)
        if len(members) > 1 and members & (test | validation):
            return Assignment("excluded", "combination of a held-out perturbation")
        if members & test:
            return TEST
        return VALIDATION if members & validation else TRAIN

    return [role(condition) for condition in conditions]


@strategy("holdout-combinations")
def holdout_combinations(
    conditions: Sequence[Condition], control: str, choice: Choice
) -> list[Assignment]:
    """Test drawn combinations whose members are all measured alone."""
    singles = _singles(conditions, control)
    eligible = sorted(
        {c.perturbation for c in conditions if len(c.members) > 1 and set(c.members) <= singles}
    )
    test, validation = held_out("combinations of perturbations measured alone", eligible, choice)

    def role(condition: Condition) -> Assignment:
        if condition.perturbation in test:
            return TEST
        return VALIDATION if condition.perturbation in validation else TRAIN

    return [role(condition) for condition in conditions]


@strategy("holdout-contexts")
def holdout_contexts(
    conditions: Sequence[Condition], control: str, choice: Choice
) -> list[Assignment]:
    """Test drawn contexts on perturbations that are trained on elsewhere."""
    return _transfer("context", "contexts", conditions, control, choice)


@strategy("holdout-studies")
def holdout_studies(
    conditions: Sequence[Condition], control: str, choice: Choice
) -> list[Assignment]:
    """Test drawn studies on perturbations that are trained on elsewhere."""
    return _transfer("study", "studies", conditions, control, choice)


def _transfer(
    field: str, what: str, conditions: Sequence[Condition], control: str, choice: Choice
) -> list[Assignment]:
    names = sorted({condition.get(field) for condition in conditions} - {""})
    test, validation = held_out(what, names, choice)
    away = test | validation
    seen = {c.perturbation for c in conditions if c.get(field) not in away}

    def role(condition: Condition) -> Assignment:
        place = condition.get(field)
        if place not in away:
            return TRAIN
        if condition.perturbation == control:
            return INPUT if place in test else VALIDATION
        if condition.perturbation not in seen:
            return Assignment("excluded", f"perturbation not seen in another {field}")
        return TEST if place in test else VALIDATION

    return [role(condition) for condition in conditions]
