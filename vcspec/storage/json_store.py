"""JsonStore: the Store port on a scorecard, which is one JSON document."""

# ruff: noqa: ARG002 - the port hands over what a document has no use for

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import AnyArray, Rows
from vcspec.model.store import Column, Damaged, Node, Skeleton, StoredObject
from vcspec.standard import CURRENT, standard
from vcspec.storage.documents import NotStrict, parse_document

NAME = "scorecard.json"


class JsonStore:
    """A document without arrays; it looks like a store of one object."""

    def __init__(self, path: Path) -> None:
        self.target = str(path)
        with path.open("rb") as file:  # one byte too many is enough to refuse it
            self._data = file.read(standard().limits["document_bytes"] + 1)

    @cached_property
    def skeleton(self) -> Skeleton:
        """The document as the root's attribute."""
        objects = {NAME: StoredObject(len(self._data))}
        try:
            document: dict[str, Any] = parse_document(self._data, standard().limits)
        except NotStrict as error:
            broken = {NAME: str(error)}
            root = Node("/", "group", 3, {"vcspec": {"kind": "scorecard", "spec": CURRENT}})
            return Skeleton(objects, {"/": root}, broken)
        return Skeleton(objects, {"/": Node("/", "group", 3, {"vcspec": document})})

    def read(self, name: str) -> bytes:
        """The document's bytes."""
        return self._data

    def digests(self, names: Sequence[str]) -> list[str]:
        """SHA-256 of the document."""
        return [hashlib.sha256(self._data).hexdigest() for _ in names]

    def shard_heads(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[list[bytes]]:
        """There are none."""
        return []

    def foresee(self, names: Iterable[str], then: Sequence[str], *, hashed: bool) -> None:
        """It has been read."""

    @property
    def requests(self) -> int:
        """The file was opened once."""
        return 1

    @property
    def bytes_read(self) -> int:
        """Length of the document."""
        return len(self._data)

    def untold(self) -> tuple[int, int]:
        """Nothing: no other process reads it."""
        return 0, 0

    def reckon(self, requests: int, bytes_read: int) -> None:
        """No other process reads it."""

    def array(self, path: str) -> AnyArray:
        """There is none."""
        raise Damaged(path, "a scorecard has no arrays")

    def span(self, path: str, start: int, stop: int) -> AnyArray:
        """There is none."""
        raise Damaged(path, "a scorecard has no arrays")

    def column(self, table: str, name: str) -> Column:
        """There is none."""
        raise Damaged(table, "a scorecard has no tables")

    def column_part(self, table: str, name: str, start: int, stop: int) -> Column:
        """There is none."""
        raise Damaged(table, "a scorecard has no tables")

    def pieces(self, table: str, name: str) -> Iterator[Column]:
        """There is none."""
        raise Damaged(table, "a scorecard has no tables")

    def rows(self, path: str, start: int, stop: int, *, borrow: bool = False) -> Rows:
        """There is none."""
        raise Damaged(path, "a scorecard has no matrix")

    def row_ends(self, path: str) -> NDArray[np.int64]:
        """There is none."""
        raise Damaged(path, "a scorecard has no matrix")

    def row_lengths(self, path: str) -> NDArray[np.int64]:
        """There is none."""
        raise Damaged(path, "a scorecard has no matrix")

    def scratch_bytes(self, path: str) -> int:
        """There is none."""
        raise Damaged(path, "a scorecard has no matrix")

    def value_type(self, path: str) -> str:
        """There is none."""
        raise Damaged(path, "a scorecard has no matrix")

    def width(self, path: str) -> int:
        """There is none."""
        raise Damaged(path, "a scorecard has no matrix")

    def blocks(self, path: str, entries: int | None = None) -> Iterator[Rows]:
        """There is none."""
        raise Damaged(path, "a scorecard has no matrix")
