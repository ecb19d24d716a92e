"""The columns that an artefact needs, from somebody's obs, in the standard's spelling."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from vcspec.actions.reading import DEALT, Reading
from vcspec.model.condition import MEMBER_SEPARATOR, canonical_perturbation
from vcspec.model.errors import Invalid, UsageError
from vcspec.model.finding import SHOWN
from vcspec.model.matrix import AnyArray
from vcspec.model.store import Column
from vcspec.rules.survey import absent
from vcspec.standard import standard
from vcspec.storage.anndata_source import AnnDataSource

NUMBERS = frozenset({"library_size"})


@dataclass
class Labels:
    """Columns of a source, one at a time; `changes` collects what was changed, a sentence each."""

    source: AnnDataSource
    reading: Reading
    rows: AnyArray
    changes: list[str]

    def column(self, name: str, control: str) -> AnyArray:
        """(rows,) the column that the standard calls `name`: text, or numbers for a library size.

        Raises:
            UsageError: nobody said where it is, or the source has no such column.
            Invalid: a row has no value, or a label cannot be written in the standard's way.
        """
        if name == DEALT and self.reading.deal:
            self.changes.append(
                f"{DEALT}: cells are dealt to {self.reading.deal} by a hash of their names; "
                "nothing that was measured tells them apart"
            )
            return dealt_cells(self.rows, self.reading.deal)
        if name in self.reading.constants:
            return np.full(len(self.rows), self.reading.constants[name], dtype=object)
        place = self._place(name)
        found = self.source.column("obs", place)
        self._require_values(name, place, found)
        if name in NUMBERS:
            return self._numbers(name, place, found)
        texts, of_row = self._texts(name, found)
        return self._spelled(name, texts, control)[of_row]

    def _place(self, name: str) -> str:
        place, known = self.reading.column_of(name), self.source.columns("obs")
        if place in known:
            return place
        what = f"no column {place!r} for {name}" if place else f"no column that is named for {name}"
        near = get_close_matches(place, known, cutoff=0.5) if place else _likely(name, known)
        hint = f"; near: {', '.join(near)}" if near else ""
        message = (
            f"{self.source.target}: obs has {what}; it has {', '.join(known) or 'none'}{hint}. "
            f"Say --map {name}=COLUMN, or --set {name}=VALUE where it is the same in every row"
        )
        raise UsageError(message)

    def _require_values(self, name: str, place: str, found: Column) -> None:
        bare = np.flatnonzero(absent(found))
        if len(found) != len(self.rows) or len(bare):
            shown = ", ".join(f"row {row} ({self.rows[row]})" for row in bare[:SHOWN].tolist())
            problem = f"{len(bare)} rows have no {name}: {shown}"
            if len(found) != len(self.rows):
                problem = f"{len(found)} rows where the table has {len(self.rows)}"
            message = (
                f"{self.source.target}: obs/{place}: {problem}; fill the labels or drop the rows"
            )
            raise Invalid(message)

    def _numbers(self, name: str, place: str, found: Column) -> AnyArray:
        if found.sort not in {"integer", "number"}:
            message = f"{self.source.target}: obs/{place} holds {found.sort}; {name} needs numbers"
            raise UsageError(message)
        return found.values

    def _texts(self, name: str, found: Column) -> tuple[list[str], NDArray[np.int64]]:
        """Each distinct label as clean text, and which of them each row has."""
        values = found.values.astype(str) if found.sort == "string" else found.values
        distinct, of_row = np.unique(values, return_inverse=True)
        if found.sort != "string":
            self.changes.append(f"{name} is text now; the source has it as {found.sort}")
        raw = [_text(value) for value in distinct.tolist()]
        texts = [unicodedata.normalize("NFC", text.strip()) for text in raw]
        trimmed = [old for old, new in zip(raw, texts, strict=True) if old != new]
        if trimmed:
            listed = ", ".join(map(repr, trimmed[:SHOWN]))
            self.changes.append(f"{name}: {len(trimmed)} labels cleaned of white space: {listed}")
        return texts, of_row

    def _spelled(self, name: str, texts: Sequence[str], control: str) -> AnyArray:
        if name != "perturbation":
            return np.array(texts, dtype=object)
        self._require_free_of_plus(texts)
        spelled = [respelled(text, self.reading, control) for text in texts]
        renamed = [f"{a!r} → {b!r}" for a, b in zip(texts, spelled, strict=True) if a != b]
        if renamed:
            listed = ", ".join(renamed[:SHOWN])
            self.changes.append(f"{len(renamed)} perturbations respelled: {listed}")
        return np.array(spelled, dtype=object)

    def _require_free_of_plus(self, texts: Sequence[str]) -> None:
        bad = [text for text in texts if MEMBER_SEPARATOR in text]
        if bad and self.reading.separator != MEMBER_SEPARATOR:
            message = (
                f"{len(bad)} perturbations hold {MEMBER_SEPARATOR!r}, which joins the members of a "
                f"combination: {', '.join(map(repr, bad[:SHOWN]))}. Rename them, or say "
                f"--separator {MEMBER_SEPARATOR!r} if they are combinations"
            )
            raise Invalid(message)


def _likely(name: str, known: Sequence[str]) -> list[str]:
    """Columns that look like the standard's `name`, or that a convention has in its place."""
    found: dict[str, list[str]] = {}
    for convention, entry in standard().conventions.items():
        column = entry["columns"].get(name)
        if column in known:
            found.setdefault(column, []).append(convention)
    usual = [f"{column} (of {', '.join(tools)})" for column, tools in found.items()]
    return usual or get_close_matches(name, known, cutoff=0.7)


def dealt_cells(names: AnyArray, number: int) -> AnyArray:
    """(cells,) `1` to `number`: 1 + the first eight bytes of SHA-256 of the name, modulo it."""
    digests = (hashlib.sha256(str(name).encode()).digest() for name in names)
    dealt = [str(1 + int.from_bytes(digest[:8], "big") % number) for digest in digests]
    return np.array(dealt, dtype=object)


def respelled(label: str, reading: Reading, control: str) -> str:
    """A perturbation of the source in the standard's spelling; its control becomes `control`.

    >>> respelled("B_A", Reading(separator="_"), "control")
    'A+B'
    """
    own = reading.control or control
    if label == own:
        return control
    joined = label.replace(reading.separator, MEMBER_SEPARATOR) if reading.separator else label
    canonical = canonical_perturbation(joined, own)
    return control if canonical == own else canonical


def _text(value: object) -> str:
    """Text as it is; numbers in their shortest decimal spelling."""
    if isinstance(value, float):
        return np.format_float_positional(value, trim="-")
    return str(value)
