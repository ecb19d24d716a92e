"""Reading: by which columns, layer and labels a source is read; always said, never guessed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vcspec.model.condition import MEMBER_SEPARATOR
from vcspec.model.errors import UnknownName, UsageError
from vcspec.model.naming import near
from vcspec.model.spaces import AS_MEASURED
from vcspec.standard import standard

FEATURES = "features"
DEALT = "replicate"
"""The column that cells are dealt to."""


@dataclass(frozen=True)
class Reading:
    """How a source is read.

    Attributes:
        columns: name in the standard → obs column of the source that is asked for by name.
        usual: name in the standard → obs column of the convention, used where it is needed.
        constants: name in the standard → the value that every row has.
        features: var column that names the features; empty for the index.
        layer: layer that holds the values, `raw/X` for the raw ones; empty for X.
        control: label of unperturbed cells in the source; empty where only the document says it.
        separator: what stands between the members of a combination; empty where there are none.
        deal: number of replicates that cells are dealt to by their names; 0 where they are not.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    usual: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    features: str = ""
    layer: str = ""
    control: str = ""
    separator: str = MEMBER_SEPARATOR
    deal: int = 0

    @property
    def named(self) -> frozenset[str]:
        """Names in the standard that the caller gave a column or a value."""
        dealt = {DEALT} if self.deal else set()
        return frozenset({*self.columns, *self.constants, *dealt})

    def dealing(self, number: int) -> "Reading":
        """The same, with cells dealt to so many replicates.

        Raises:
            UsageError: there are not two at least, or replicates are named already.
        """
        if number < 2 or DEALT in self.named:
            message = (
                f"cells are dealt to {number} replicates, and named are "
                f"{', '.join(sorted(self.named)) or 'no columns'}; deal them to two or more, and "
                f"name no {DEALT} beside"
            )
            raise UsageError(message)
        return replace(self, deal=number)

    def column_of(self, name: str) -> str:
        """The obs column that holds `name`; empty where none is known."""
        return self.columns.get(name) or self.usual.get(name, "")


def reading_of(
    convention: str = "",
    pairs: Iterable[str] = (),
    constants: Iterable[str] = (),
    *,
    layer: str = "",
    control: str = "",
    separator: str | None = None,
) -> Reading:
    """How a source is read, from a convention's name and what is said beside it, which wins.

    Args:
        convention: a table of the standard's conventions; empty for none.
        pairs: `NAME=COLUMN`, a name of the standard and an obs column; `features=COLUMN` is of var.
        constants: `NAME=VALUE`, the same value for every row.
        layer: layer that holds the values, `raw/X` for the raw ones; empty for X.
        control: label of unperturbed cells in the source.
        separator: what stands between the members of a combination.

    Raises:
        UnknownName: the standard has no such convention.
        UsageError: a pair is malformed, or a name is given twice.
    """
    usual = _convention(convention) if convention else {}
    named, fixed = _pairs(pairs, "--map", "COLUMN"), _pairs(constants, "--set", "VALUE")
    both = sorted(named.keys() & fixed.keys())
    if both or FEATURES in fixed:
        message = (
            f"{both[0] if both else FEATURES} is given by --set; name a column or a value, not both"
        )
        raise UsageError(message)
    features = named.pop(FEATURES, usual.get(FEATURES, ""))
    return Reading(
        columns=named,
        usual=usual.get("columns", {}),
        constants=fixed,
        features=features,
        layer=layer,
        control=control or usual.get("control", ""),
        separator=usual.get("member_separator", MEMBER_SEPARATOR)
        if separator is None
        else separator,
    )


def _convention(name: str) -> Mapping[str, Any]:
    known = standard().conventions
    if name not in known:
        message = f"the standard has no convention {name!r}; it has {near(name, known)}"
        raise UnknownName(message)
    found: Mapping[str, Any] = known[name]
    return found


def _pairs(texts: Iterable[str], option: str, right: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            message = f"{option} {text!r} is not NAME={right}"
            raise UsageError(message)
        if name in found:
            message = f"{option} gives {name} twice: {found[name]!r} and {value!r}"
            raise UsageError(message)
        found[name] = value
    return found


def parse_values(text: str) -> dict[str, Any]:
    """The value space in a few letters: `counts`, `counts:library`, `log1p:10000[:library]`.

    The last part says what a cell's total is taken over, `features` where it is left out.

    >>> parse_values("log1p:10000")
    {'space': 'log1p', 'target_sum': 10000, 'total': 'features'}

    Raises:
        UsageError: it is none of these.
    """
    space, *rest = text.split(":")
    if space in AS_MEASURED and not rest:
        return {"space": space}
    found: dict[str, Any] = {"space": space}
    if space == "log1p" and rest:
        number = rest.pop(0)
        found["target_sum"] = int(number) if number.isascii() and number.isdigit() else 0
    found["total"] = rest.pop(0) if rest else "features"
    known = standard().vocabularies
    sound = space in known["space"] and found["total"] in known["total"] and not rest
    if not sound or (space == "log1p" and not found.get("target_sum")):
        message = (
            f"the value space {text!r} is not known; write counts, counts:library, "
            "log1p:TARGET_SUM or log1p:TARGET_SUM:library, such as log1p:10000; or, for values "
            f"without counts behind them, {', '.join(sorted(AS_MEASURED))}"
        )
        raise UsageError(message)
    return found


def spelled_values(values: Mapping[str, Any]) -> str:
    """A value space as `parse_values` reads it.

    >>> spelled_values({"space": "log1p", "target_sum": 10000, "total": "library"})
    'log1p:10000:library'
    """
    total = values.get("total", "features")
    parts = (values["space"], values.get("target_sum"), "library" if total == "library" else None)
    return ":".join(str(part) for part in parts if part is not None)
