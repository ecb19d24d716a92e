"""Conversion: a plan written into a store, which is examined before it takes its name."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.actions.planning import INDEX, Plan
from vcspec.actions.validate import Target, require_valid, validate
from vcspec.model.errors import Unreadable
from vcspec.model.finding import Report
from vcspec.model.labels import keys_of
from vcspec.model.matrix import Rows
from vcspec.storage.anndata_source import AnnDataSource
from vcspec.storage.artefacts import tables
from vcspec.storage.sealing import sealed_content
from vcspec.storage.writing import draft_of, new_store, write_rows
from vcspec.storage.zarr_tree import ZarrTree

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Conversion:
    """What a conversion did.

    Attributes:
        target: the store that it wrote.
        content: content digest of the store.
        rows: number of cells, or of profiles.
        features: number of features.
        conditions: number of conditions.
        changes: what differs from the source, a sentence each.
        report: of the validation that the store passed.
    """

    target: Path
    content: str
    rows: int
    features: int
    conditions: int
    changes: tuple[str, ...]
    report: Report


@dataclass(eq=False)
class Writing:
    """A plan on its way into a store.

    Attributes:
        source: where the values come from.
        plan: what is written.
        document: the root document.
        target: final path.
        split: the split that predictions answer.
        zeros: stored zeros that were dropped so far.
        reports: of its examinations.
    """

    source: AnnDataSource
    plan: Plan
    document: Mapping[str, Any]
    target: Path
    split: Target | None = None
    zeros: int = field(default=0, init=False)
    reports: list[Report] = field(default_factory=list, init=False)

    def run(self, changes: list[str], *, overwrite: bool, progress: Progress | None) -> Conversion:
        """Write the store; it is examined twice, before its values are written and after."""
        plan = self.plan
        check = partial(self._examine, level="data")
        with new_store(self.target, self.document, overwrite=overwrite, check=check) as root:
            tables(root, plan.columns, {INDEX: plan.features})
            self._rehearse(root)
            with closing(self._blocks(progress)) as blocks:
                write_rows(root, "X", blocks, len(plan.features), data_type=plan.data_type)
        conditions = np.unique(keys_of(plan.columns, self.document["condition"]).astype(str))
        return Conversion(
            self.target,
            sealed_content(self.target),
            len(plan.order),
            len(plan.features),
            len(conditions),
            (*changes, *self._noticed()),
            self.reports[-1],
        )

    def _examine(self, draft: Path, level: str) -> None:
        found = validate(draft, level=level, split=self.split)
        self.reports.append(replace(found, target=str(self.target)))
        require_valid(self.reports[-1])

    def _rehearse(self, root: Any) -> None:
        """Examine document and tables beside an empty X: faults show before hours of writing."""
        nothing = np.empty(0, dtype=np.int64)
        offsets = np.zeros(len(self.plan.order) + 1, dtype=np.int64)
        empty = Rows(offsets, nothing, nothing, len(self.plan.features))
        write_rows(root, "X", [empty], empty.width, data_type=self.plan.data_type)
        self._examine(draft_of(root), "axes")
        del root["X"]

    def _blocks(self, progress: Progress | None) -> Generator[Rows, None, None]:
        """The rows of the store, in order."""
        plan = self.plan
        for block in self.source.rearranged(plan.matrix, plan.order):
            self._require_writable(block)
            self.zeros += int(np.count_nonzero(block.data == 0))
            yield block if plan.place is None else replace(block, indices=plan.place[block.indices])
            if progress is not None:
                progress(block.first + len(block), len(plan.order))

    def _require_writable(self, block: Rows) -> None:
        """Raise Unreadable where an entry stands twice, or is too large for the data type."""
        where = f"{self.source.target}: {self.plan.matrix.path}"
        twice = _first_twice(block)
        if twice is not None:
            row, column = self.plan.columns[INDEX][block.first + twice[0]], twice[1]
            message = (
                f"{where} stores column {column} of row {row} twice; call sum_duplicates() first"
            )
            raise Unreadable(message)
        most = np.iinfo(np.int64).max
        if block.data.dtype == np.uint64 and len(block.data) and int(block.data.max()) > most:
            message = (
                f"{where} holds {int(block.data.max())}; whole numbers up to {most} are written"
            )
            raise Unreadable(message)

    def _noticed(self) -> Iterator[str]:
        """What came to light while the values were read."""
        if self.zeros:
            yield f"{self.zeros} stored zeros dropped"
        absent = sorted(self.source.tree.absent) if isinstance(self.source.tree, ZarrTree) else []
        if absent:
            yield f"absent chunks were read as their fill value, in {', '.join(absent)}"


def _first_twice(block: Rows) -> tuple[int, int] | None:
    """Row within the block and column of the first entry that is stored again."""
    row, column = block.row_of_entry, block.indices
    if ((np.diff(column) <= 0) & (np.diff(row) == 0)).any():
        order = np.lexsort((column, row))
        again = np.flatnonzero((np.diff(row[order]) == 0) & (np.diff(column[order]) == 0))
        if len(again):
            return int(row[order][again[0]]), int(column[order][again[0]])
    return None
