"""Tally: how often something was met in the rows of a matrix, and where first."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vcspec.model.matrix import AnyArray

KEPT = 5


@dataclass(frozen=True)
class Tally:
    """Rows in which something stands.

    Attributes:
        places: how often it stands, in all rows together.
        rows: number of rows with at least one.
        first: numbers of the first such rows.
    """

    places: int = 0
    rows: int = 0
    first: tuple[int, ...] = ()

    @classmethod
    def of(cls, counts: AnyArray, first: int = 0) -> "Tally":
        """From how often it stands in each row, (rows,); `first` is the number of the first row."""
        rows = np.flatnonzero(counts)
        places = int(counts[rows].sum(dtype=np.int64))
        return cls(places, len(rows), tuple((rows[:KEPT] + first).tolist()))

    def beside(self, other: "Tally") -> "Tally":
        """Of both, where no row has both."""
        first = sorted((*self.first, *other.first))[:KEPT]
        return Tally(self.places + other.places, self.rows + other.rows, tuple(first))

    @classmethod
    def together(cls, parts: Iterable["Tally"]) -> "Tally":
        """Of consecutive parts of a matrix, in their order."""
        places = rows = 0
        first: tuple[int, ...] = ()
        for part in parts:
            places, rows = places + part.places, rows + part.rows
            first = (*first, *part.first)[:KEPT]
        return cls(places, rows, first)
