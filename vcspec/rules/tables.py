"""VCS1xx at level `axes`: obs and var, column by column, against the layout as pandera schemas."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.model.condition import FIELD_SEPARATOR
from vcspec.model.finding import SHOWN, Fault
from vcspec.model.matrix import AnyArray
from vcspec.model.store import Column
from vcspec.rules.book import rule
from vcspec.rules.structure import axis_length, column_node
from vcspec.rules.subject import Subject

NO_LABEL = re.compile(r"^\s*$|^(nan|none|null|na|<na>)$", re.IGNORECASE)
Entry = Mapping[str, Any]


def declared_columns(subject: Subject) -> Iterator[tuple[Entry, Column]]:
    """Every column of the layout that the store has."""
    for entry in subject.layout["column"]:
        if subject.has_column(entry["table"], entry["name"]):
            yield entry, subject.column(entry["table"], entry["name"])


def _path(entry: Entry) -> str:
    return f"/{entry['table']}/{entry['name']}"


def column_schema(entry: Entry, vocabulary: tuple[str, ...] = ()) -> Any:
    """The pandera column that a layout entry means: type, sign and vocabulary."""
    import pandera.pandas as pa

    kinds = {
        "string": (str,),
        "integer": (int, np.integer),
        "boolean": (bool, np.bool_),
        "number": (int, float, np.integer, np.floating),
    }
    allowed = kinds[entry["type"]]

    def right_type(value: Any) -> bool:
        is_boolean = isinstance(value, (bool, np.bool_))
        return isinstance(value, allowed) and is_boolean == (entry["type"] == "boolean")

    checks = [pa.Check(right_type, element_wise=True, name="type")]
    if entry.get("positive"):
        checks.append(
            pa.Check(
                lambda value: right_type(value) and value > 0, element_wise=True, name="positive"
            )
        )
    if vocabulary:
        checks.append(pa.Check.isin(list(vocabulary), error="vocabulary"))
    return pa.Column(None, checks=checks, nullable=True)


def _failures(subject: Subject, entry: Entry, column: Column) -> dict[str, list[Any]]:
    """Name of a failed check → the distinct values that fail it, as pandera finds them."""
    terms = tuple(subject.standard.vocabularies.get(entry.get("vocabulary", ""), ()))
    if column.sort == "string" and entry["type"] == "string" and not terms:
        return {}  # every value is text, and nothing more is asked for
    present = column.values if column.missing is None else column.values[~column.missing]
    return failed_checks(np.unique(present), entry, terms)


def failed_checks(values: AnyArray, entry: Entry, terms: tuple[str, ...]) -> dict[str, list[Any]]:
    """Name of a failed check → the values that fail it."""
    import pandas as pd
    import pandera.pandas as pa

    frame = pd.DataFrame({entry["name"]: pd.Series(list(values), dtype=object)})
    try:
        pa.DataFrameSchema({entry["name"]: column_schema(entry, terms)}).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        found: dict[str, list[Any]] = {}
        for case in error.failure_cases.itertuples():
            found.setdefault(str(case.check), []).append(case.failure_case)
        return found
    return {}


@rule("VCS114")
def name_twice(subject: Subject) -> Iterator[Fault]:
    """Count the names of rows and of features."""
    for table in ("obs", "var"):
        names, counts = np.unique(
            subject.column(table, "_index").values.astype(str), return_counts=True
        )
        twice = names[counts > 1]
        if len(twice):
            shown = tuple(str(name) for name in twice[:SHOWN])
            yield Fault(
                f"/{table}/_index",
                f"{len(twice)} names stand more than once",
                "unique names",
                shown,
                len(twice),
            )


@rule("VCS115")
def label_missing(subject: Subject) -> Iterator[Fault]:
    """Look for missing values and for text that stands for none."""
    for entry, column in declared_columns(subject):
        named = entry["name"] in subject.condition_columns
        if not (entry["required"] or named):
            continue
        missing = absent(column)
        if missing.any():
            rows = np.flatnonzero(missing)
            examples = tuple(f"row {row}" for row in rows[:SHOWN].tolist())
            yield Fault(
                _path(entry),
                f"{len(rows)} rows without a value",
                "a value in every row",
                examples,
                len(rows),
            )


def absent(column: Column) -> NDArray[np.bool_]:
    """(rows,) whether the value is missing, or text that stands for nothing."""
    missing = column.missing if column.missing is not None else np.zeros(len(column), dtype=bool)
    if column.sort == "string":
        names, place = np.unique(column.values.astype(str), return_inverse=True)
        empty = np.array([bool(NO_LABEL.match(name)) for name in names], dtype=bool)
        return np.asarray(missing | empty[place])
    if column.values.dtype.kind == "f":
        return np.asarray(missing | np.isnan(column.values))
    return missing


@rule("VCS116")
def label_malformed(subject: Subject) -> Iterator[Fault]:
    """Look at each distinct label of the text columns."""
    for entry, column in declared_columns(subject):
        if column.sort != "string":
            continue
        is_condition = entry["table"] == "obs" and entry["name"] in subject.condition_columns
        names = np.unique(column.values.astype(str))
        bad = [name for name in names if label_problem(name, is_condition=is_condition)]
        if bad:
            found = f"{bad[0]!r} has {label_problem(bad[0], is_condition=is_condition)}"
            yield Fault(
                _path(entry), found, "clean labels", tuple(map(repr, bad[:SHOWN])), len(bad)
            )


def label_problem(label: str, *, is_condition: bool) -> str:
    """What is wrong with a label; empty where nothing is."""
    if label != label.strip():
        return "white space at its ends"
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co"} for letter in label):
        return "a control or invisible character"
    if unicodedata.normalize("NFC", label) != label:
        return "another Unicode form than NFC"
    return f"the separator {FIELD_SEPARATOR}" if is_condition and FIELD_SEPARATOR in label else ""


@rule("VCS117")
def column_of_wrong_type(subject: Subject) -> Iterator[Fault]:
    """Check types and signs with the column's pandera schema."""
    for entry, column in declared_columns(subject):
        failures = _failures(subject, entry, column)
        bad = failures.get("type", []) or failures.get("positive", [])
        if bad:
            expected = f"{entry['type']}, positive" if entry.get("positive") else entry["type"]
            found = f"{column.sort}, such as {str(bad[0])[:80]}"
            yield Fault(
                _path(entry), found, expected, tuple(str(b)[:80] for b in bad[:SHOWN]), len(bad)
            )


@rule("VCS118")
def term_unknown(subject: Subject) -> Iterator[Fault]:
    """Check vocabularies with the column's pandera schema."""
    for entry, column in declared_columns(subject):
        bad = (
            _failures(subject, entry, column).get("vocabulary", []) if "vocabulary" in entry else []
        )
        if bad:
            terms = ", ".join(subject.standard.vocabularies[entry["vocabulary"]])
            yield Fault(
                _path(entry), f"{str(bad[0])!r}", terms, tuple(map(str, bad[:SHOWN])), len(bad)
            )


@rule("VCS119")
def condition_scattered(subject: Subject) -> Iterator[Fault]:
    """Count runs of equal keys."""
    keys: AnyArray = np.array([run.key for run in subject.runs], dtype=object)
    names, counts = np.unique(keys.astype(str), return_counts=True)
    scattered = names[counts > 1]
    if len(scattered):
        found = f"{len(scattered)} conditions in {int(counts[counts > 1].sum())} pieces"
        yield Fault(
            "/obs", found, "each in one piece", tuple(map(str, scattered[:SHOWN])), len(scattered)
        )


@rule("VCS122")
def category_code_out_of_range(subject: Subject) -> Iterator[Fault]:
    """Compare codes with the number of categories."""
    for entry in subject.layout["column"]:
        node = column_node(subject, entry["table"], entry["name"])
        if node is None or node.encoding != "categorical":
            continue
        codes = subject.array(f"{node.path}/codes").astype(np.int64)
        most = (axis_length(subject, f"{node.path}/categories") or 0) - 1
        bad = np.flatnonzero((codes < -1) | (codes > most))
        if len(bad):
            found = f"the code {int(codes[bad[0]])}"
            examples = tuple(f"row {row}" for row in bad[:SHOWN].tolist())
            yield Fault(f"{node.path}/codes", found, f"-1..{most}", examples, len(bad))
