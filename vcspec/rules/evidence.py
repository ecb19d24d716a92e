"""What an audit looks at: a split, and what is at hand beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vcspec.model.condition import Condition
from vcspec.model.matrix import AnyArray, Array
from vcspec.model.training_manifest import TrainingManifest
from vcspec.rules.split import Table
from vcspec.rules.subject import Subject
from vcspec.statistics.cell_identity import Hashes, Identities
from vcspec.statistics.moments import Moments
from vcspec.statistics.refit import Products

Rows_ = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CellEvidence:
    """What was seen of the cells of the dataset.

    Attributes:
        identities: of all cells, in the order of the dataset.
        condition: (cells,) number of each one's condition in the split; -1 where it has none.
        detected: role → (features,) number of its cells that express a feature.
        effect: (conditions,) size of the change from the context's control; NaN for controls.
        depth: (conditions,) median total count; NaN where it is not known.
        similarity: Jaccard similarity of two cells, by their rows.
        name: what a reader calls a row.
        sums: moments of the log1p values of the cells of conditions, given as numbers; takes a pass
            over them.
        amounts: the same of the values before the logarithm.
        products: moments of the log1p values with products of pairs, of some features.
    """

    identities: Identities
    condition: Rows_
    detected: Mapping[str, NDArray[np.int64]]
    effect: Array
    depth: Array
    similarity: Callable[[int, int], float]
    name: Callable[[int], str]
    sums: Callable[[Sequence[int]], Moments]
    amounts: Callable[[Sequence[int]], Moments]
    products: Callable[[Sequence[int], AnyArray], Products]


@dataclass(frozen=True)
class Copy:
    """A tested cell that stands in a dataset of training.

    Attributes:
        row: of the tested cell.
        cell: its name.
        other: name of the cell of that dataset.
        similarity: Jaccard similarity of the two.
    """

    row: int
    cell: str
    other: str
    similarity: float = 1.0


@dataclass(frozen=True, eq=False)
class Overlap:
    """Tested cells that a dataset of training holds as well.

    Attributes:
        name: id and version of that dataset.
        names: ids and content digests of it, and of what it was merged of; but not those of the
            tested dataset, of which it may hold another part.
        accessions: that it cites.
        features: number that both have, over which cells are compared.
        rows: (tested cells,) of the tested dataset.
        is_known: (tested cells,) whether they can be compared: with enough features detected.
        is_sketched: (tested cells,) whether near copies of them can be found.
        exact: with the same counts.
        near: near copies.
        is_whole: whether all pairs were compared that may be near copies.
        is_counted: whether cells were compared by their counts. Values as measured change with
            every standardisation, so that those that differ rule nothing out.
    """

    name: str
    names: frozenset[str]
    accessions: frozenset[str]
    features: int
    rows: Rows_
    is_known: NDArray[np.bool_]
    is_sketched: NDArray[np.bool_]
    exact: Sequence[Copy]
    near: Sequence[Copy]
    is_whole: bool = True
    is_counted: bool = True

    @property
    def tested(self) -> int:
        """Number of all tested cells."""
        return len(self.rows)

    @property
    def cells(self) -> int:
        """Number of those that can be compared."""
        return int(self.is_known.sum())

    @property
    def sketched(self) -> int:
        """Number of those in which near copies can be found."""
        return int(self.is_sketched.sum())

    def among(self, rows: Rows_) -> "Overlap":
        """The same of some of the tested cells, given by their rows."""
        is_kept, kept = np.isin(self.rows, rows), set(rows.tolist())
        return replace(
            self,
            rows=self.rows[is_kept],
            is_known=self.is_known[is_kept],
            is_sketched=self.is_sketched[is_kept],
            exact=[copy for copy in self.exact if copy.row in kept],
            near=[copy for copy in self.near if copy.row in kept],
        )

    def __str__(self) -> str:
        """How many tested cells can be compared."""
        return (
            f"{self.cells} of {self.tested} tested cells can be compared with {self.name}, and "
            f"{self.sketched} nearly"
        )

    @property
    def stopped(self) -> bool:
        """Whether near copies were looked for in some pairs alone, and none was found."""
        return not (self.is_whole or self.near)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is at hand.

    Attributes:
        split: whose leaks are looked for.
        dataset: that it pins.
        cells: of the dataset.
        predictions: of the split.
        predicted: hashes of the predicted cells, and whether they are known; None for profiles.
        profiles: (predictions, features) log1p values of predicted profiles; None for cells.
        relatives: what a perturbation is related by → perturbation → group; of tables.
        manifests: of training.
        overlaps: with datasets of training.
        studies: of which alone conditions count as tested; None for all.
    """

    split: Subject
    dataset: Subject | None = None
    cells: CellEvidence | None = None
    predictions: Subject | None = None
    predicted: tuple[Hashes, NDArray[np.bool_]] | None = None
    profiles: AnyArray | None = None
    relatives: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    manifests: Sequence[TrainingManifest] = ()
    overlaps: Sequence[Overlap] = ()
    studies: frozenset[str] | None = None

    def testing(self, studies: frozenset[str] | None) -> "Evidence":
        """The same, where the conditions of some studies alone are tested; None for all."""
        narrowed = replace(self, studies=studies)
        if studies is None or not self.overlaps:
            return narrowed
        rows = narrowed.cells_with(narrowed.role == "test")
        return replace(narrowed, overlaps=[overlap.among(rows) for overlap in self.overlaps])

    @cached_property
    def table(self) -> Table:
        """Conditions and roles."""
        return Table(self.split, self.studies)

    @property
    def kept(self) -> str:
        """What a reader calls conditions that the scorer alone sees."""
        return "tested or anchor" if self.table.having("anchor") else "tested"

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions of the split."""
        return self.split.conditions

    @cached_property
    def role(self) -> NDArray[np.object_]:
        """(conditions,) their roles."""
        return np.array(self.table.roles, dtype=object)

    @cached_property
    def is_control(self) -> NDArray[np.bool_]:
        """(conditions,) whether they are controls."""
        return np.array([c.perturbation == self.table.control for c in self.conditions])

    def cells_with(self, which: NDArray[np.bool_]) -> Rows_:
        """Rows of the cells of some conditions, given by a mask over the split's."""
        assert self.cells is not None
        known = self.cells.condition >= 0
        return np.flatnonzero(known & which[np.maximum(self.cells.condition, 0)])

    @property
    def has(self) -> Mapping[str, bool]:
        """What `needs` of a leak may name → whether it is at hand."""
        return {
            "dataset": self.dataset is not None,
            "predictions": self.predictions is not None,
            "table": bool(self.relatives),
            "manifest": bool(self.manifests or self.overlaps),
            "corpus": bool(self.overlaps),
        }
