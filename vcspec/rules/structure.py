"""VCS1xx at level `metadata`: layouts, read from JSON alone."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from vcspec.model.finding import Fault
from vcspec.model.store import Node
from vcspec.rules.book import rule
from vcspec.rules.subject import Subject
from vcspec.statistics.fingerprints import LENGTHS


def _elements(subject: Subject) -> Iterator[tuple[Mapping[str, Any], Node | None]]:
    for element in subject.layout["element"]:
        yield element, subject.node(f"/{element['path']}")


@rule("VCS102")
def element_missing(subject: Subject) -> Iterator[Fault]:
    """Look for the required elements."""
    for element, node in _elements(subject):
        if element["required"] and node is None:
            yield Fault(f"/{element['path']}", "nothing", element["holds"])


COMPRESSED = ("csr_matrix", "csc_matrix")
PARTS = ("data", "indices", "indptr")
VECTORS = ("array", "string-array", "")
NULLABLE = ("nullable-integer", "nullable-boolean", "nullable-string-array")


@rule("VCS103")
def element_misencoded(subject: Subject) -> Iterator[Fault]:
    """Check encoding types, and that the parts of an encoding are there."""
    for element, node in _elements(subject):
        if node is None:
            continue
        allowed = element["encodings"]
        if node.encoding not in allowed:
            yield Fault(node.path, f"encoding-type {node.encoding!r}", " or ".join(allowed))
        elif problem := _encoding_problem(subject, node):
            yield Fault(node.path, problem, f"a {node.encoding}")
    for column in subject.layout["column"]:
        found = column_node(subject, column["table"], column["name"])
        if found is not None and (problem := _column_problem(subject, found)):
            yield Fault(found.path, problem, "a column as AnnData encodes it")


def column_node(subject: Subject, table: str, name: str) -> Node | None:
    """The node of a column; the row names may be kept under any name."""
    holder = subject.node(f"/{table}")
    if holder is not None and name == "_index":
        name = str(holder.attributes.get("_index", name))
    return subject.node(f"/{table}/{name}")


def _encoding_problem(subject: Subject, node: Node) -> str:
    if node.encoding == "dataframe":
        return _table_problem(subject, node)
    if node.encoding not in COMPRESSED:
        return "" if node.sort == "array" else "a group, not an array"
    absent = [part for part in PARTS if not _is_vector(subject.node(f"{node.path}/{part}"))]
    if absent:
        return f"without the one-dimensional array {absent[0]}"
    shape = node.attributes.get("shape")
    sound = isinstance(shape, list) and len(shape) == 2
    sound = sound and all(type(n) is int and n >= 0 for n in shape or ())
    return "" if sound else f"the attribute shape is {str(shape)[:80]}"


def _is_vector(node: Node | None) -> bool:
    return node is not None and node.sort == "array" and len(node.shape) == 1


def _table_problem(subject: Subject, node: Node) -> str:
    index = node.attributes.get("_index")
    order = node.attributes.get("column-order")
    if not isinstance(index, str) or subject.node(f"{node.path}/{index}") is None:
        return f"the attribute _index is {str(index)[:80]!r}, and there is no such column"
    if not isinstance(order, list):
        return "without the attribute column-order"
    absent = [name for name in order if subject.node(f"{node.path}/{name}") is None]
    if absent:
        return f"column-order names {absent[0]!r}, and there is no such column"
    unnamed = [name for name in _declared(subject, node) if name not in order]
    return f"column-order does not name the column {unnamed[0]!r}" if unnamed else ""


def _declared(subject: Subject, table: Node) -> Iterator[str]:
    """Names of the layout's columns that the table has, but for its row names."""
    for column in subject.layout["column"]:
        path = f"/{column['table']}/{column['name']}"
        is_here = path.startswith(f"{table.path}/") and subject.node(path) is not None
        if is_here and column["name"] not in {"_index", table.attributes.get("_index")}:
            yield column["name"]


def _column_problem(subject: Subject, node: Node) -> str:
    if node.sort == "array" and node.encoding not in VECTORS:
        return f"an array with the encoding-type {node.encoding!r}"
    if node.sort == "array":
        return "" if len(node.shape) == 1 else f"an array of {len(node.shape)} dimensions"
    if node.encoding == "categorical":
        codes, categories = (
            subject.node(f"{node.path}/{part}") for part in ("codes", "categories")
        )
        if not _is_vector(codes) or categories is None or categories.encoding == "categorical":
            return "without one-dimensional codes, or without categories"
        return _column_problem(subject, categories)
    if node.encoding not in NULLABLE:
        return f"a group with the encoding-type {node.encoding!r}"
    parts = [subject.node(f"{node.path}/{part}") for part in ("values", "mask")]
    return "" if all(map(_is_vector, parts)) else "without one-dimensional values and mask"


def axis_length(subject: Subject, path: str) -> int | None:
    """Number of rows of the table, column or list at `path`; None where there is none."""
    node = subject.node(path)
    if node is None:
        return None
    if node.sort == "array":
        return node.shape[0] if node.shape else None
    parts = {"dataframe": str(node.attributes.get("_index", "")), "categorical": "codes"}
    return axis_length(subject, f"{path}/{parts.get(node.encoding, 'values')}")


def shape_of(node: Node) -> tuple[int, ...]:
    """Shape of an array or of a compressed matrix."""
    return node.shape if node.sort == "array" else tuple(node.attributes["shape"])


AXES = {
    "cells": "/obs",
    "conditions": "/obs",
    "features": "/var",
    "contexts": "/uns/contexts",
    "subjects": "/uns/subjects",
    "metrics": "/uns/metrics",
    "controls": "/uns/control_contexts",
    "components": "/uns/components",
    "panel": "/uns/panel",
    "drawn": "/uns/drawn_conditions",
    "drawn controls": "/uns/drawn_contexts",
    "shown conditions": "/uns/shown_conditions",
    "shown cells": "/uns/shown_cells",
}
FIXED = {"projections": LENGTHS}


@rule("VCS104")
def axis_lengths_disagree(subject: Subject) -> Iterator[Fault]:
    """Compare each element's shape with the tables and lists that its axes belong to."""
    for element, node in _elements(subject):
        if node is None or node.encoding == "dataframe":
            continue
        owners = [AXES[axis] for axis in element["axes"] if axis not in FIXED]
        lacking = [owner for owner in owners if subject.node(owner) is None]
        if lacking:
            yield Fault(node.path, f"no {lacking[0]}, which its axis belongs to", lacking[0])
            continue
        expected = tuple(
            FIXED[axis] if axis in FIXED else axis_length(subject, AXES[axis])
            for axis in element["axes"]
        )
        found = shape_of(node)
        if found != expected:
            axes = " × ".join(element["axes"])
            yield Fault(node.path, f"the shape {found}", f"{expected} ({axes})")
    yield from _compressed_lengths(subject)
    yield from _column_lengths(subject)


def _compressed_lengths(subject: Subject) -> Iterator[Fault]:
    for _, node in _elements(subject):
        if node is None or node.encoding not in COMPRESSED:
            continue
        lengths = {part: _length(subject, f"{node.path}/{part}") for part in PARTS}
        major = shape_of(node)[0 if node.encoding == "csr_matrix" else 1]
        if lengths["indptr"] != major + 1 or lengths["data"] != lengths["indices"]:
            yield Fault(
                node.path, f"lengths {lengths}", f"indptr of {major + 1}, data and indices alike"
            )


def _length(subject: Subject, path: str) -> int:
    node = subject.node(path)
    return node.shape[0] if node is not None and node.shape else -1


def _column_lengths(subject: Subject) -> Iterator[Fault]:
    for table in ("obs", "var"):
        node = subject.node(f"/{table}")
        rows = axis_length(subject, f"/{table}")
        for name in node.attributes["column-order"] if node else ():
            lengths = _column_parts(subject, f"/{table}/{name}")
            if lengths != {rows}:
                found = " and ".join(sorted(map(str, lengths)))
                yield Fault(f"/{table}/{name}", f"{found} rows", f"{rows} rows")


def _column_parts(subject: Subject, path: str) -> set[int | None]:
    """Lengths of a column, and of the mask beside it."""
    lengths = {axis_length(subject, path)}
    if subject.node(f"{path}/mask") is not None:
        lengths.add(axis_length(subject, f"{path}/mask"))
    return lengths


@rule("VCS105")
def data_type_unexpected(subject: Subject) -> Iterator[Fault]:
    """Compare data types with the layout's; offsets, numbers and codes are whole."""
    yield from _whole_numbers(subject)
    for element, node in _elements(subject):
        allowed = element.get("data_types")
        if node is None or not allowed:
            continue
        holder = node if node.sort == "array" else subject.node(f"{node.path}/data")
        if holder is not None and holder.data_type not in allowed:
            yield Fault(holder.path, holder.data_type, " or ".join(allowed))


def _whole_numbers(subject: Subject) -> Iterator[Fault]:
    """Faults of arrays that number rows, columns or categories and hold something else."""
    compressed = {
        node.path for _, node in _elements(subject) if node and node.encoding in COMPRESSED
    }
    columns = {f"/{column['table']}/{column['name']}" for column in subject.layout["column"]}
    paths = [f"{path}/{part}" for path in compressed for part in ("indices", "indptr")]
    for path in sorted([*paths, *(f"{column}/codes" for column in columns)]):
        node = subject.node(path)
        if node is not None and not node.data_type.startswith(("int", "uint")):
            yield Fault(path, node.data_type, "whole numbers")


def _v3_arrays(subject: Subject) -> Iterator[Node]:
    """Arrays of the current format; older ones have rule VCS121 of their own."""
    return (node for node in subject.arrays() if node.zarr_format == 3)


@rule("VCS106")
def fill_value_hides_loss(subject: Subject) -> Iterator[Fault]:
    """Look at the fill value of float arrays."""
    for node in _v3_arrays(subject):
        if node.data_type.startswith("float") and not _is_nan(node.fill_value):
            yield Fault(node.path, f"fill_value {node.fill_value!r}", "NaN")


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


@rule("VCS107")
def checksum_missing(subject: Subject) -> Iterator[Fault]:
    """Look for a checksum among the codecs of the (inner) chunks."""
    for node in _v3_arrays(subject):
        names = [name for name, _ in node.codecs]
        checked = any(
            name == "zstd" and settings.get("checksum") is True for name, settings in node.codecs
        )
        if "crc32c" not in names and not checked:
            yield Fault(node.path, f"codecs {', '.join(names)}", "crc32c, or zstd with checksum")


@rule("VCS108")
def shard_index_at_end(subject: Subject) -> Iterator[Fault]:
    """Look at where sharding puts its index."""
    for node in _v3_arrays(subject):
        for name, settings in node.codecs:
            if name == "sharding_indexed" and settings.get("index_location", "end") != "start":
                yield Fault(node.path, "index_location end", "index_location start")


@rule("VCS109")
def column_missing(subject: Subject) -> Iterator[Fault]:
    """Look for the columns of the layout and of the document's `condition`."""
    for column in subject.layout["column"]:
        table, name = column["table"], column["name"]
        named = table == "obs" and name in subject.condition_columns
        if (column["required"] or named) and not subject.has_column(table, name):
            yield Fault(f"/{table}/{name}", "nothing", column["holds"])


@rule("VCS120")
def axis_empty(subject: Subject) -> Iterator[Fault]:
    """Count rows and features."""
    for table in ("obs", "var"):
        if axis_length(subject, f"/{table}") == 0:
            yield Fault(f"/{table}", "no rows", "at least one")


@rule("VCS121")
def zarr_format_2(subject: Subject) -> Iterator[Fault]:
    """Look at the root's format."""
    root = subject.node("/")
    if root is not None and root.zarr_format == 2:
        yield Fault("/", "Zarr format 2", "Zarr format 3")
