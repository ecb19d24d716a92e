"""Condition: what was done to which cells, as a named, ordered tuple."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MEMBER_SEPARATOR = "+"
FIELD_SEPARATOR = "|"
SHARED_WITH_CONTROL = ("study", "context", "donor", "batch")
"""Fields of a condition that its own control has in common with it."""
REPLICATES = ("batch", "guide", "replicate")
"""Fields that tell repeats of one condition apart."""


def canonical_perturbation(label: str, control: str) -> str:
    """The one spelling of a perturbation: members sorted, control placeholders removed.

    A law: a canonical label is its own canonical spelling.

    >>> canonical_perturbation("B+A", "control"), canonical_perturbation("ctrl+A", "ctrl")
    ('A+B', 'A')
    """
    members = {member.strip() for member in label.split(MEMBER_SEPARATOR)} - {control, ""}
    return MEMBER_SEPARATOR.join(sorted(members)) if members else control


@dataclass(frozen=True, order=True)
class Condition:
    """A condition; `fields` are (name, value) in the order that the artefact's document gives."""

    fields: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, **values: str) -> "Condition":
        """A condition from keyword arguments, in their order."""
        return cls(tuple(values.items()))

    def get(self, name: str, default: str = "") -> str:
        """Value of the field `name`, or `default` where the condition has no such field."""
        return dict(self.fields).get(name, default)

    @property
    def context(self) -> str:
        """The cells' context: cell line, cell type, tissue."""
        return self.get("context")

    @property
    def context_key(self) -> str:
        """What a condition shares with its control: its context, with study, donor and batch."""
        given = dict(self.fields)
        return FIELD_SEPARATOR.join(
            given[name] for name in SHARED_WITH_CONTROL if name == "context" or given.get(name)
        )

    @property
    def perturbation(self) -> str:
        """The canonical perturbation, or the control label."""
        return self.get("perturbation")

    @property
    def members(self) -> tuple[str, ...]:
        """The single perturbations of a combination, sorted."""
        return tuple(self.perturbation.split(MEMBER_SEPARATOR))

    @property
    def key(self) -> str:
        """The values joined by `|`: unique in one artefact, and its row name in tables."""
        return FIELD_SEPARATOR.join(value for _, value in self.fields)

    def __str__(self) -> str:
        return self.key


def conditions_of(columns: Mapping[str, Sequence[str]]) -> tuple[Condition, ...]:
    """One condition for each row of a table given as columns, in row order."""
    names = tuple(columns)
    rows: Iterable[tuple[str, ...]] = zip(*columns.values(), strict=True)
    return tuple(Condition(tuple(zip(names, row, strict=True))) for row in rows)


def targets_of(
    conditions: Sequence[Condition], features: Sequence[str] | NDArray[np.object_]
) -> tuple[NDArray[np.int64], ...]:
    """For each condition the numbers of the features that its own perturbation targets by name."""
    place = {str(name): number for number, name in enumerate(features)}
    return tuple(
        np.array([place[member] for member in condition.members if member in place], dtype=np.int64)
        for condition in conditions
    )
