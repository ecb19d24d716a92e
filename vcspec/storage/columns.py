"""Columns of tables, whole, in part or piece by piece: plain, categorical or nullable."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from vcspec.model.matrix import AnyArray
from vcspec.model.store import PIECE_ROWS, Column, Damaged, Node, Store
from vcspec.storage.compressed import spans

Reader = Callable[[str], Iterable[AnyArray]]  # path of an array → its consecutive parts


def column(store: Store, path: str) -> Column:
    """The whole column at `path`."""
    (found,) = _assembled(store, path, lambda at: [store.array(at)])
    return found


def part(store: Store, path: str, start: int, stop: int) -> Column:
    """Rows `start` to `stop` of the column at `path`."""
    (found,) = _assembled(store, path, lambda at: [store.span(at, start, stop)])
    return found


def pieces(store: Store, path: str) -> Iterator[Column]:
    """The column at `path` in pieces of `PIECE_ROWS` rows; at least one, which may be empty."""
    return _assembled(store, path, lambda at: _cut(store, at))


def plain_column(values: AnyArray) -> Column:
    """A column without missing values, sorted by what numpy says it holds."""
    if values.dtype.kind in "TU":
        return Column("string", values.astype(object))
    if values.dtype.kind in "OS":
        return Column("string", np.array([str(value) for value in values], dtype=object))
    kinds: Mapping[str, Any] = {"i": "integer", "u": "integer", "f": "number", "b": "boolean"}
    return Column(kinds.get(values.dtype.kind, "other"), values)


def _assembled(store: Store, path: str, read: Reader) -> Iterator[Column]:
    node = _node(store, path)
    if node.encoding == "categorical":
        categories = column(store, f"{path}/categories")
        yield from (_coded(codes, categories, path) for codes in read(f"{path}/codes"))
    elif node.sort == "group":
        yield from _nullable(store, path, read)
    else:
        yield from map(plain_column, read(path))


def _node(store: Store, path: str) -> Node:
    node = store.skeleton.nodes.get(path)
    if node is None:
        raise Damaged(path, "there is no such node")
    return node


def _cut(store: Store, path: str) -> Iterator[AnyArray]:
    """The array at `path` in pieces, each chunk decoded once."""
    node = _node(store, path)
    rest = store.span(path, 0, 0)
    for start, stop in node.reads():
        rest = np.concatenate([rest, store.span(path, start, stop)])
        ready = len(rest) if stop == node.shape[0] else len(rest) // PIECE_ROWS * PIECE_ROWS
        yield from (rest[first:last] for first, last in spans(ready, PIECE_ROWS))
        rest = rest[ready:]
    if not node.shape[0]:
        yield rest


def _coded(codes: AnyArray, categories: Column, path: str) -> Column:
    codes = codes.astype(np.int64)
    if len(codes) and (codes.max() >= len(categories) or codes.min() < -1):
        where, reason = f"{path}/codes", f"codes outside -1..{len(categories) - 1}"
        raise Damaged(where, reason)
    missing = codes < 0
    nothing = np.zeros(1, dtype=categories.values.dtype)
    padded = np.append(categories.values, [""] if categories.sort == "string" else nothing)
    values = padded[np.where(missing, len(categories), codes)]
    absent = missing if missing.any() else None
    return Column(categories.sort, values, absent, codes, categories.values)


def _nullable(store: Store, path: str, read: Reader) -> Iterator[Column]:
    """A column kept as values beside a mask."""
    shapes = {_node(store, f"{path}/{name}").shape for name in ("values", "mask")}
    if len(shapes) > 1:
        raise Damaged(path, "values and mask differ in length")
    for values, mask in zip(read(f"{path}/values"), read(f"{path}/mask"), strict=True):
        found, missing = plain_column(values), mask.astype(bool)
        shown = np.where(missing, "", found.values) if found.sort == "string" else found.values
        yield Column(found.sort, shown, missing if missing.any() else None)
