"""Columns of the layout as pandera schemas, asked where a quick look does not settle it."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from vcspec.model.matrix import AnyArray
from vcspec.model.store import Column
from vcspec.rules.subject import Subject

Entry = Mapping[str, Any]
KINDS = {"integer": "iu", "number": "iuf", "boolean": "b"}


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


def failures(subject: Subject, entry: Entry) -> dict[str, list[Any]]:
    """Name of a failed check → the distinct values of the column that fail it."""
    terms = tuple(subject.standard.vocabularies.get(entry.get("vocabulary", ""), ()))
    table, name = entry["table"], entry["name"]
    if entry["type"] == "string" and not terms and subject.survey(table, name).sort == "string":
        return {}  # every value is text, and nothing more is asked for
    if all(is_sound(piece, entry, terms) for piece in subject.pieces(table, name)):
        return {}
    return failed_checks(_distinct(subject.pieces(table, name)), entry, terms)


def is_sound(piece: Column, entry: Entry, terms: tuple[str, ...] = ()) -> bool:
    """Whether type, sign and vocabulary show at once that every value passes the schema."""
    values = _present(piece)
    if entry["type"] == "string":
        return piece.sort == "string" and (not terms or set(values.tolist()) <= set(terms))
    if terms or values.dtype.kind not in KINDS[entry["type"]]:
        return False
    return not (entry.get("positive") and bool((values <= 0).any()))  # pandera passes over NaN


def _present(piece: Column) -> AnyArray:
    return piece.values if piece.missing is None else piece.values[~piece.missing]


def _distinct(pieces: Iterable[Column]) -> AnyArray:
    found: AnyArray | None = None
    for piece in pieces:
        own = np.unique(_present(piece))
        found = own if found is None else np.unique(np.concatenate([found, own]))
    return np.empty(0) if found is None else found


def failed_checks(values: AnyArray, entry: Entry, terms: tuple[str, ...]) -> dict[str, list[Any]]:
    """Name of a failed check → the values that fail it, as pandera finds them."""
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
