"""VCS1xx at level `axes`: obs and var, column by column, against the layout."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vcspec.model.finding import SHOWN, Fault
from vcspec.rules.book import rule
from vcspec.rules.schemas import Entry, failures
from vcspec.rules.structure import axis_length, column_node
from vcspec.rules.subject import Subject
from vcspec.rules.survey import Survey, label_problem, names_twice


def declared_columns(subject: Subject) -> Iterator[Entry]:
    """Every column of the layout that the store has."""
    for entry in subject.layout["column"]:
        if subject.has_column(entry["table"], entry["name"]):
            yield entry


def _path(entry: Entry) -> str:
    return f"/{entry['table']}/{entry['name']}"


def _seen(subject: Subject, entry: Entry) -> Survey:
    return subject.survey(entry["table"], entry["name"])


@rule("VCS114")
def name_twice(subject: Subject) -> Iterator[Fault]:
    """Count the names of rows and of features."""
    for table in ("obs", "var"):
        shared = subject.survey(table, "_index").hashes
        twice = names_twice(subject.pieces(table, "_index"), shared) if len(shared) else []
        if twice:
            yield Fault(
                f"/{table}/_index",
                f"{len(twice)} names stand more than once",
                "unique names",
                tuple(twice[:SHOWN]),
                len(twice),
            )


@rule("VCS115")
def label_missing(subject: Subject) -> Iterator[Fault]:
    """Look for missing values and for text that stands for none."""
    for entry in declared_columns(subject):
        named = entry["name"] in subject.condition_columns
        if not (entry["required"] or named):
            continue
        seen = _seen(subject, entry)
        if seen.absent:
            yield Fault(
                _path(entry),
                f"{seen.absent} rows without a value",
                "a value in every row",
                tuple(f"row {row}" for row in seen.absent_rows),
                seen.absent,
            )


@rule("VCS116")
def label_malformed(subject: Subject) -> Iterator[Fault]:
    """Look at each distinct label of the text columns."""
    for entry in declared_columns(subject):
        seen = _seen(subject, entry)
        if seen.examples:
            is_condition = entry["table"] == "obs" and entry["name"] in subject.condition_columns
            bad = seen.examples[0]
            yield Fault(
                _path(entry),
                f"{bad!r} has {label_problem(bad, is_condition=is_condition)}",
                "clean labels",
                tuple(map(repr, seen.examples)),
                len(seen.malformed),
            )


@rule("VCS117")
def column_of_wrong_type(subject: Subject) -> Iterator[Fault]:
    """Check types and signs with the column's pandera schema."""
    for entry in declared_columns(subject):
        failed = failures(subject, entry)
        bad = failed.get("type", []) or failed.get("positive", [])
        if bad:
            expected = f"{entry['type']}, positive" if entry.get("positive") else entry["type"]
            found = f"{_seen(subject, entry).sort}, such as {str(bad[0])[:80]}"
            yield Fault(
                _path(entry), found, expected, tuple(str(b)[:80] for b in bad[:SHOWN]), len(bad)
            )


@rule("VCS118")
def term_unknown(subject: Subject) -> Iterator[Fault]:
    """Check vocabularies with the column's pandera schema."""
    for entry in declared_columns(subject):
        bad = failures(subject, entry).get("vocabulary", []) if "vocabulary" in entry else []
        if bad:
            terms = ", ".join(subject.standard.vocabularies[entry["vocabulary"]])
            yield Fault(
                _path(entry), f"{str(bad[0])!r}", terms, tuple(map(str, bad[:SHOWN])), len(bad)
            )


@rule("VCS119")
@rule("VCS517")
def condition_scattered(subject: Subject) -> Iterator[Fault]:
    """Count runs of equal keys."""
    found, pieces = subject.stretches, subject.stretches.numbers()
    scattered = sorted(found.keys[at] for at in np.flatnonzero(pieces > 1).tolist())
    if scattered:
        text = f"{len(scattered)} conditions in {int(pieces[pieces > 1].sum())} pieces"
        yield Fault("/obs", text, "each in one piece", tuple(scattered[:SHOWN]), len(scattered))


@rule("VCS122")
def category_code_out_of_range(subject: Subject) -> Iterator[Fault]:
    """Compare codes with the number of categories."""
    for entry in subject.layout["column"]:
        node = column_node(subject, entry["table"], entry["name"])
        if node is None or node.encoding != "categorical":
            continue
        most = (axis_length(subject, f"{node.path}/categories") or 0) - 1
        count, bad = 0, []
        for start, codes in _codes(subject, f"{node.path}/codes"):
            places = np.flatnonzero((codes < -1) | (codes > most))
            count += len(places)
            bad += [(start + at, int(codes[at])) for at in places[:SHOWN].tolist()]
        if count:
            examples = tuple(f"row {row}" for row, _ in bad[:SHOWN])
            yield Fault(
                f"{node.path}/codes", f"the code {bad[0][1]}", f"-1..{most}", examples, count
            )


def _codes(subject: Subject, path: str) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Codes piece by piece: (row of the first, codes)."""
    node = subject.node(path)
    for start, stop in node.reads() if node is not None else ():
        yield start, subject.reading(subject.store.span, path, start, stop).astype(np.int64)
