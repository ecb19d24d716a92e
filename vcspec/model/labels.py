"""Labels made canonical, and rows put in canonical order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcspec.model.condition import FIELD_SEPARATOR, canonical_perturbation
from vcspec.model.matrix import AnyArray


@dataclass(frozen=True, eq=False)
class Ordered:
    """A table of rows in canonical order.

    Attributes:
        order: (rows,) number that each row had before.
        columns: column → (rows,) values in the new order.
        changes: what was changed, a sentence each.
    """

    order: NDArray[np.int64]
    columns: Mapping[str, AnyArray]
    changes: tuple[str, ...]


def ordered(columns: Mapping[str, AnyArray], condition: Sequence[str], control: str) -> Ordered:
    """Rows sorted by condition, labels canonical.

    Where the columns before the perturbation agree, the control comes first. Rows of one condition
    keep their order.

    Args:
        columns: column → (rows,) values; holds all of `condition`.
        condition: columns that name a condition, in order.
        control: the control label.
    """
    changes = []
    found = dict(columns)
    labels, place = np.unique(found["perturbation"].astype(str), return_inverse=True)
    spelled = np.array([canonical_perturbation(label, control) for label in labels], dtype=object)
    renamed = [
        f"{str(old)!r} → {new!r}" for old, new in zip(labels, spelled, strict=True) if old != new
    ]
    if renamed:
        changes.append(f"{len(renamed)} perturbations respelled: {', '.join(renamed[:5])}")
    found["perturbation"] = spelled[place]
    order = _sorted(found, condition, control)
    if (order != np.arange(len(order))).any():
        changes.append("rows sorted by condition, controls first")
    return Ordered(order, {name: values[order] for name, values in found.items()}, tuple(changes))


def _sorted(
    columns: Mapping[str, AnyArray], condition: Sequence[str], control: str
) -> NDArray[np.int64]:
    keys = []
    for name in condition:
        values = columns[name].astype(str)
        if name == "perturbation":
            keys.append(np.where(values == control, 0, 1))
        _, rank = np.unique(values, return_inverse=True)
        keys.append(rank)
    return np.lexsort(keys[::-1])


def keys_of(columns: Mapping[str, AnyArray], condition: Sequence[str]) -> AnyArray:
    """(rows,) key of each row's condition."""
    first, *rest = (columns[name].astype(str).astype(object) for name in condition)
    for column in rest:
        first = first + FIELD_SEPARATOR + column
    return first
