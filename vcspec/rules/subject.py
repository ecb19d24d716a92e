"""Subject: the artefact under examination, with every fact that rules ask for, found once."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.engine.ahead import begun
from vcspec.engine.cells import StoredCells
from vcspec.engine.spill import BY_COLUMNS, require_room
from vcspec.engine.sweep import Group, Swept, look, sweep
from vcspec.engine.visit import Wants
from vcspec.model.condition import Condition, conditions_of
from vcspec.model.finding import SHOWN, Fault
from vcspec.model.matrix import AnyArray
from vcspec.model.store import PIECE_ROWS, Column, Damaged, Store
from vcspec.rules.artefact import Artefact
from vcspec.rules.survey import Survey, survey
from vcspec.statistics.content import (
    Content,
    content_of,
    digest_of_leaves,
    elements_of,
    has_column,
)
from vcspec.statistics.labels import Labels, Stretches, labels_of, stretches
from vcspec.statistics.scan import Bounds, Prints, Scan, prints_of
from vcspec.statistics.tree import TILE_ROWS

SUM_TOLERANCE = 0.01  # of the totals of measured cells
MOST_TOTAL = 3.0  # times the target sum that a predicted cell may reach

KEPT_BYTES = 16_777_216  # of a layer that is kept: several references may be open at a time
DEVIATION = "/layers/deviation"


@dataclass(frozen=True)
class Run:
    """Consecutive rows of one condition."""

    key: str
    start: int
    stop: int


@dataclass
class Subject(Artefact):
    """One artefact, and what its values say."""

    store: Store
    companions: Mapping[str, "Subject"] = field(default_factory=dict)
    _others: Future[dict[str, str]] | None = field(default=None, init=False, repr=False)

    def has_column(self, table: str, name: str) -> bool:
        """Whether the table has the column."""
        return has_column(self.store, f"/{table}", name)

    def column(self, table: str, name: str) -> Column:
        """A column of `obs` or `var`; what cannot be read is noted as damage.

        Raises:
            Damaged: it cannot be read.
        """
        if (table, name) not in self._columns:
            self._columns[table, name] = self.reading(self.store.column, f"/{table}", name)
        return self._columns[table, name]

    @cached_property
    def _columns(self) -> dict[tuple[str, str], Column]:
        return {}

    def array(self, path: str) -> AnyArray:
        """An array; what cannot be read is noted as damage."""
        return self.reading(self.store.array, path)

    def layer(self, name: str) -> AnyArray:
        """A dense layer, not to be changed, read once unless large; damage where it cannot be."""
        if name in self._layers:
            return self._layers[name]
        found = self.array(f"/layers/{name}")
        found.flags.writeable = False
        if found.nbytes <= KEPT_BYTES:
            self._layers[name] = found
        return found

    @cached_property
    def _layers(self) -> dict[str, AnyArray]:
        return {}

    def pieces(self, table: str, name: str) -> Iterator[Column]:
        """A column piece by piece; what cannot be read is noted as damage."""
        with self._noting():
            yield from self.store.pieces(f"/{table}", name)

    def reading(self, read: Any, *arguments: Any) -> Any:
        """Call `read`, and note what it finds damaged before passing it on."""
        with self._noting():
            return read(*arguments)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except Damaged as error:
            fault = Fault(error.path, error.reason, "bytes that decode")
            if fault not in self.damage:
                self.damage.append(fault)
            raise

    @property
    def condition_columns(self) -> tuple[str, ...]:
        """Names of the columns that name a condition, in order."""
        return tuple(self.document.get("condition", ()))

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """One condition for each row of obs."""
        return conditions_of(
            {name: list(self.column("obs", name).values) for name in self.condition_columns}
        )

    def labels(self, name: str) -> Labels:
        """A column of obs as text, in little memory."""
        if name not in self._labels:
            self._labels[name] = labels_of(self.pieces("obs", name))
        return self._labels[name]

    @cached_property
    def _labels(self) -> dict[str, Labels]:
        return {}

    def survey(self, table: str, name: str) -> Survey:
        """What one look at a column of `obs` or `var` shows."""
        if (table, name) not in self._surveys:
            self._surveys[table, name] = survey(
                self.pieces(table, name),
                is_condition=table == "obs" and name in self.condition_columns,
                is_index=name == "_index",
            )
        return self._surveys[table, name]

    @cached_property
    def _surveys(self) -> dict[tuple[str, str], Survey]:
        return {}

    @cached_property
    def stretches(self) -> Stretches:
        """Which consecutive rows are of one condition."""
        return stretches([self.labels(name) for name in self.condition_columns])

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Runs of equal keys, in row order."""
        found = self.stretches
        keys = map(found.keys.__getitem__, found.codes.tolist())
        spans = pairwise(found.borders.tolist())
        return tuple(Run(key, *span) for key, span in zip(keys, spans, strict=True))

    def condition_at(self, row: int) -> Condition:
        """The condition of one row of obs."""
        return Condition(
            tuple((name, self.labels(name).of(row)) for name in self.condition_columns)
        )

    @property
    def features(self) -> AnyArray:
        """(features,) names."""
        return self.column("var", "_index").values

    @property
    def scan(self) -> Scan:
        """Notes on X."""
        return self.scan_of("/X")

    def scan_of(self, path: str) -> Scan:
        """Notes on the rows of the matrix at `path`, taken once."""
        if path not in self._swept or self._swept[path].scan is None:
            self._swept[path] = self._sweep(path, Wants(notes=True, leaves=self.is_deep))
        found = self._swept[path].scan
        assert found is not None  # notes were wanted
        return found

    def _sweep(self, path: str, wants: Wants) -> Swept:
        """One pass over a matrix, without statistics."""
        if wants.leaves:
            self.digest_meanwhile()
        node, wants = self.node(path), replace(wants, bounds=bounds_of(self.document))
        if node is not None and node.encoding == "csc_matrix":
            size, why = self.store.scratch_bytes(path), BY_COLUMNS
            require_room(size, self.store.target, why, self.settings)
            blocks = self.store.blocks(path, self.settings.budget.entries())
            total = int(node.attributes["shape"][0])
            return self.reading(lambda: look(blocks, path, wants, self.settings, rows=total))
        cells = StoredCells(self.store, path)
        rows = len(self.reading(self.store.row_ends, path)) - 1
        groups = self._groups(rows) if path == "/X" else []
        wants = replace(wants, by_group=bool(groups))
        if not groups:
            starts = range(0, rows, TILE_ROWS)
            groups = [Group(start, min(start + TILE_ROWS, rows)) for start in starts]
        return self.reading(lambda: sweep(cells, groups, [], wants, self.settings, what="checked"))

    def _groups(self, rows: int) -> list[Group]:
        """The conditions of predictions, where each is one run of rows; nothing elsewhere."""
        if self.kind != "predictions":
            return []
        try:
            grouped = self.stretches.grouped()
        except (Damaged, IndexError, ValueError):
            return []  # rules on obs say what is wrong
        if grouped.order is not None or grouped.borders[-1] != rows:
            return []
        return [Group(*pair) for pair in pairwise(grouped.borders.tolist())]

    @property
    def prints(self) -> Prints:
        """(conditions, 5) fingerprints of the rows of each condition, as `prints_of`."""
        scan, swept = self.scan, self._swept["/X"]
        if swept.prints is not None:
            return swept.prints
        grouped = self.stretches.grouped()
        filled = grouped.ordered(scan.filled)
        return prints_of(grouped.ordered(scan.fingerprint), grouped.borders, filled)

    def keep(self, path: str, swept: Swept) -> None:
        """What a pass has found that somebody else has made over the matrix at `path`."""
        self._swept[path] = swept

    @cached_property
    def _swept(self) -> dict[str, Swept]:
        return {}

    @cached_property
    def content(self) -> Content:
        """Content digest, computed from the values.

        Raises:
            Damaged: a value cannot be decoded, or an entry of X stands twice.
        """
        return self.reading(lambda: content_of(self.store, self._known_digests()))

    def _known_digests(self) -> dict[str, str]:
        """Digests of the matrices, which are taken in the pass that notes what their rows hold."""
        known = {name: self._matrix_digest(f"/{name}") for name in self._matrices()}
        return known if self._others is None else known | self._others.result()

    def _matrices(self) -> list[str]:
        return [
            entry["path"]
            for entry in self.layout["element"]
            if "csr_matrix" in entry["encodings"] and self.node(f"/{entry['path']}") is not None
        ]

    def digest_meanwhile(self) -> None:
        """Have all but the matrices digested while these are passed over, by several workers."""
        if self._others is None and self.settings.budget.workers > 1:
            self._others = begun(partial(elements_of, self.store, besides=self._matrices()))

    def _matrix_digest(self, path: str) -> str:
        if path not in self._swept or self._swept[path].leaves is None:
            self._swept[path] = self._sweep(path, Wants(notes=True, leaves=True))
        found = self._swept[path]
        if found.undigested:
            raise Damaged(path, found.undigested)
        return digest_of_leaves(found.leaves or [], self.store, path)

    def claimed_content(self) -> str:
        """The content digest that the manifest lists, else the one computed."""
        try:
            claimed = self.manifest.get("content")
        except ValueError:
            claimed = None
        return str(claimed or self.content.digest)

    def row_names(self, rows: NDArray[np.int64]) -> tuple[str, ...]:
        """A few rows, numbers rising, as a reader finds them: number and name."""
        shown = rows[:SHOWN].tolist()
        try:
            names = list(self._names(shown))
        except Damaged:
            return tuple(f"row {row}" for row in shown)
        return tuple(f"row {row} ({name})" for row, name in zip(shown, names, strict=True))

    def _names(self, rows: list[int]) -> Iterator[Any]:
        """Names of rows; those near each other are read together."""
        while rows:
            near = [row for row in rows if row < rows[0] + PIECE_ROWS]
            start, stop = near[0], near[-1] + 1
            found = self.reading(self.store.column_part, "/obs", "_index", start, stop)
            yield from (found.values[row - start] for row in near)
            rows = rows[len(near) :]


def bounds_of(document: Mapping[str, Any]) -> Bounds | None:
    """What the declared values should keep within; None where they are not log1p."""
    values = document.get("values")
    if not isinstance(values, dict) or values.get("space") != "log1p":
        return None
    wanted = values.get("target_sum")
    if not isinstance(wanted, int | float):
        return Bounds()
    # A value is at most log1p of the target sum, but for the last digits.
    most = float(np.log1p(wanted)) * (1 + 1e-6)
    if document.get("kind") == "predictions":
        return Bounds(most, (0.0, MOST_TOTAL * wanted))
    return Bounds(most, (wanted * (1 - SUM_TOLERANCE), wanted * (1 + SUM_TOLERANCE)))
