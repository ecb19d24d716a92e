"""What a strategy is: a setting in, one role for each condition out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from vcspec.catalog import Catalog
from vcspec.model.condition import Condition
from vcspec.model.errors import UsageError
from vcspec.model.matrix import Array
from vcspec.splitting.selecting import selected
from vcspec.standard import standard

Texts = Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """What to hold out.

    Attributes:
        seed: of the draw.
        fraction: share to hold out; 0 where names or a fold are given.
        names: what to hold out; empty where it is drawn.
        fold: number of the fold to hold out, from 1, and of how many.
        validation: share of the rest for validation.
        options: parameters that the strategy alone has, as text.
        anchors: selectors of conditions that the scorer alone sees (`splitting.selecting`).
    """

    seed: int = 0
    fraction: float = 0.0
    names: tuple[str, ...] = ()
    fold: tuple[int, int] | None = None
    validation: float = 0.0
    options: Texts = field(default_factory=lambda: MappingProxyType({}))
    anchors: tuple[str, ...] = ()

    def share(self, name: str, default: float) -> float:
        """An option that is a number above 0 and below 1.

        Raises:
            UsageError: it is none.
        """
        return self._number(name, default, 0, 1, "a share above 0 and below 1, such as 0.3")

    def count(self, name: str, default: int) -> int:
        """An option that is a whole number from 1.

        Raises:
            UsageError: it is none.
        """
        found = self._number(name, default, 0, float("inf"), "a whole number from 1")
        if found != int(found):
            message = f"{name} is {self.options[name]!r}; give a whole number from 1"
            raise UsageError(message)
        return int(found)

    def one_of(self, name: str, *allowed: str) -> str:
        """An option that is one of the words; the first where it is not given.

        Raises:
            UsageError: it is another.
        """
        given = self.options.get(name, allowed[0])
        if given not in allowed:
            message = f"{name} is {given!r}; give {' or '.join(allowed)}"
            raise UsageError(message)
        return given

    def _number(self, name: str, default: float, low: float, high: float, expected: str) -> float:
        given = self.options.get(name, str(default))
        try:
            found = float(given)
        except ValueError:
            found = float("nan")
        if not low < found < high:
            message = f"{name} is {given!r}; give {expected}"
            raise UsageError(message)
        return found


def _no_profiles() -> Mapping[str, Array]:
    message = "there are no profiles of contexts to compare; give the dataset, or a table of them"
    raise UsageError(message)


@dataclass(frozen=True)
class Setting:
    """What is split, and how.

    Attributes:
        conditions: of the dataset, in its order.
        control: label of the control.
        choice: what to hold out.
        table: columns of a table that was given beside the dataset, such as families of genes;
            empty where there is none.
        profiles: gives a profile of each context, to compare contexts by.
    """

    conditions: Sequence[Condition]
    control: str
    choice: Choice
    table: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({}))
    profiles: Callable[[], Mapping[str, Array]] = _no_profiles

    @property
    def perturbed(self) -> list[Condition]:
        """Conditions that are no controls."""
        return [found for found in self.conditions if found.perturbation != self.control]

    def column(self, *names: str) -> tuple[str, Sequence[str]]:
        """Name and values of the first of the columns that the table has.

        Raises:
            UsageError: it has none of them, or there is no table.
        """
        for name in names:
            if name in self.table:
                return name, self.table[name]
        has = f"the table has {', '.join(self.table)}" if self.table else "no table is given"
        message = f"a column {' or '.join(names)} is needed; {has}; give one with --table"
        raise UsageError(message)


@dataclass(frozen=True)
class Assignment:
    """Role of a condition, why where that is not plain, and what it is held out together with."""

    role: str
    reason: str = "-"
    group: str = "-"


Strategy = Callable[[Setting], list[Assignment]]
STRATEGIES: Catalog[Strategy] = Catalog("strategy", standard().strategies)
strategy = STRATEGIES.claim

TRAIN = Assignment("train")
TEST = Assignment("test")
VALIDATION = Assignment("validation")
INPUT = Assignment("inference-input")
ANCHOR = Assignment("anchor")


def excluded(reason: str) -> Assignment:
    """Nobody uses the condition, because of `reason`."""
    return Assignment("excluded", reason)


def assign(name: str, setting: Setting) -> list[Assignment]:
    """One role for each condition, by the strategy `name`; anchors are set aside before it looks.

    Raises:
        UnknownName: the standard has no such strategy.
        UsageError: the choice matches nothing, or leaves nothing to test or to train on.
    """
    anchors = selected(setting.conditions, setting.choice.anchors)
    others = [found for found in setting.conditions if found not in anchors]
    if anchors and not others:
        message = "all conditions are anchors; leave some to train on and to test"
        raise UsageError(message)
    roles = iter(STRATEGIES[name](replace(setting, conditions=others)))
    assigned = [ANCHOR if found in anchors else next(roles) for found in setting.conditions]
    for role in ("train", "test"):
        if role not in {found.role for found in assigned}:
            reasons = sorted({found.reason for found in assigned if found.role == "excluded"})
            message = (
                f"{name} gives no condition the role {role}; excluded because: "
                f"{'; '.join(reasons) or 'nothing'}. Hold out less, or something else"
            )
            raise UsageError(message)
    return assigned
