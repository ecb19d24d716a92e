"""VCS1xx and VCS2xx at level `data`: structure of matrices, seen before scipy sees them."""

import struct
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vcspec.model.finding import SHOWN, Fault
from vcspec.model.store import Node
from vcspec.model.tally import Tally
from vcspec.rules.book import rule
from vcspec.rules.subject import Subject

ABSENT = 2**64 - 1
PIECE = 4_194_304


def row_fault(
    subject: Subject, tally: Tally, found: str, expected: str, *, path: str = "/X"
) -> Iterator[Fault]:
    """A fault of a matrix where `tally` is not empty.

    Args:
        subject: the artefact.
        tally: how often something stands in its rows.
        found: may hold {places} and {rows}.
        expected: what should be there.
        path: of the matrix.
    """
    if tally.rows:
        text = found.format(places=tally.places, rows=tally.rows)
        names = tuple(f"row {row}" for row in tally.first)
        shown = subject.row_names(np.array(tally.first)) if path == "/X" else names
        yield Fault(path, text, expected, shown, tally.places)


def compressed(subject: Subject) -> Iterator[tuple[str, Node]]:
    """Every compressed matrix of the layout that the store has."""
    for element in subject.layout["element"]:
        node = subject.node(f"/{element['path']}")
        if node is not None and node.encoding in {"csr_matrix", "csc_matrix"}:
            yield node.path, node


@rule("VCS110")
def row_offsets_broken(subject: Subject) -> Iterator[Fault]:
    """Look at indptr alone."""
    for path, _ in compressed(subject):
        indptr = subject.array(f"{path}/indptr").astype(np.int64)
        data = subject.node(f"{path}/data")
        end = data.shape[0] if data is not None else -1
        falls = np.flatnonzero(np.diff(indptr) < 0)
        if len(indptr) and (int(indptr[0]) != 0 or len(falls) or int(indptr[-1]) != end):
            found = f"from {int(indptr[0])} to {int(indptr[-1])}, falling at {len(falls)} places"
            examples = tuple(f"offset {place + 1}" for place in falls[:SHOWN].tolist())
            yield Fault(
                f"{path}/indptr",
                found,
                f"from 0 to {end}, never falling",
                examples,
                max(1, len(falls)),
            )


@rule("VCS111")
def column_number_out_of_range(subject: Subject) -> Iterator[Fault]:
    """Look at the stored numbers; those of CSC are row numbers."""
    for path, node in compressed(subject):
        if node.encoding == "csr_matrix" and not subject.scan_of(path).out_of_range.rows:
            continue
        minor = node.attributes["shape"][1 if node.encoding == "csr_matrix" else 0]
        count, examples = 0, []
        for start, numbers in _pieces(subject, f"{path}/indices"):
            bad = np.flatnonzero((numbers < 0) | (numbers >= minor))
            count += len(bad)
            examples += [f"entry {start + at}: {int(numbers[at])}" for at in bad[:SHOWN].tolist()]
        if count:
            found = f"{count} numbers outside 0..{minor - 1}"
            yield Fault(f"{path}/indices", found, f"0..{minor - 1}", tuple(examples[:SHOWN]), count)


def _pieces(subject: Subject, path: str) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """A long array of whole numbers, piece by piece: (place of the first, numbers)."""
    node = subject.node(path)
    length = node.shape[0] if node is not None else 0
    for start in range(0, length, PIECE):
        stop = min(start + PIECE, length)
        numbers = subject.reading(subject.store.span, path, start, stop)
        yield start, numbers.astype(np.int64)


@rule("VCS112")
def entry_twice(subject: Subject) -> Iterator[Fault]:
    """Count columns that a row stores again."""
    for path, _ in compressed(subject):
        found = "{places} entries stored again, in {rows} rows"
        yield from row_fault(subject, subject.scan_of(path).twice, found, "each once", path=path)


@rule("VCS113")
def entries_out_of_order(subject: Subject) -> Iterator[Fault]:
    """Count steps down within a row; matrices compressed by columns have none by construction."""
    for path, node in compressed(subject):
        if node.encoding == "csr_matrix":
            falls = subject.scan_of(path).unsorted
            yield from row_fault(
                subject, falls, "{rows} rows out of order", "rising numbers", path=path
            )


@rule("VCS210")
def shard_index_broken(subject: Subject) -> Iterator[Fault]:
    """Read the index at the start of each shard."""
    shards = {
        node.path: (node, dict(_shards(subject, node)))
        for node in subject.arrays()
        if node.inner_chunks
    }
    wanted = [(path, list(known)) for path, (_, known) in shards.items()]
    heads = subject.store.shard_heads(wanted)
    for (node, known), own in zip(shards.values(), heads, strict=True):
        for (name, place), head in zip(known.items(), own, strict=True):
            size = subject.skeleton.objects[name].size
            problem = _index_problem(head, size, node, place)
            if problem:
                yield Fault(
                    node.path, f"{name}: {problem}", "every inner chunk once, inside the shard"
                )


def _shards(subject: Subject, node: Node) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name, place in zip(node.object_names(), np.ndindex(*node.grid), strict=True):
        if name in subject.skeleton.objects:
            yield name, place


def _index_problem(head: bytes, whole: int, node: Node, place: tuple[int, ...]) -> str:
    """What is wrong with an index: `head` begins with it, in a shard of `whole` bytes."""
    per_shard = [
        outer // inner for outer, inner in zip(node.chunks, node.inner_chunks, strict=True)
    ]
    size = 16 * int(np.prod(per_shard))
    if len(head) < size:
        return f"{len(head)} bytes, shorter than its index"
    numbers = struct.unpack(f"{_byte_order(node)}{size // 8}Q", head[:size])
    spans = [(0, size)]  # of the index itself
    for number, inner in enumerate(np.ndindex(*per_shard)):
        offset, length = numbers[2 * number], numbers[2 * number + 1]
        if (offset, length) != (ABSENT, ABSENT):
            spans.append((offset, offset + length))
        elif _within(node, place, inner):
            return f"the inner chunk {inner} is absent"
    return _span_problem(sorted(spans), whole)


def _byte_order(node: Node) -> str:
    """How the shard index writes its numbers, for `struct`."""
    big = any(name == "bytes" and found.get("endian") == "big" for name, found in node.index_codecs)
    return ">" if big else "<"


def _within(node: Node, place: tuple[int, ...], inner: tuple[int, ...]) -> bool:
    """Whether the inner chunk of the shard at `place` holds an element of the array."""
    return all(
        at * outer + number * chunk < extent
        for at, outer, number, chunk, extent in zip(
            place, node.chunks, inner, node.inner_chunks, node.shape, strict=True
        )
    )


def _span_problem(spans: list[tuple[int, int]], size: int) -> str:
    if spans and spans[-1][1] > size:
        return "an inner chunk reaches beyond the shard"
    overlap = any(after[0] < before[1] for before, after in pairwise(spans))
    return "inner chunks overlap" if overlap else ""
