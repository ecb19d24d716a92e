"""Curated: what a dataset recipe returns, before it is sorted and written."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vcspec.model.matrix import AnyArray, Rows


@dataclass(frozen=True, eq=False)
class Curated:
    """Measured cells in any order.

    Attributes:
        rows: cells × features, in the value space that the card declares.
        cells: (cells,) unique names.
        features: (features,) unique names.
        obs: column → (cells,) values; holds at least the card's condition columns, spelled as in
            the source (`vcspec` makes perturbations canonical when it writes).
        var: column → (features,) values; may be empty.
    """

    rows: Rows
    cells: AnyArray
    features: AnyArray
    obs: Mapping[str, AnyArray]
    var: Mapping[str, AnyArray] = field(default_factory=dict)
