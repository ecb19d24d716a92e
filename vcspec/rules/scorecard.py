"""VCS61x: scorecards, which are JSON documents and not stores."""

from collections.abc import Iterator, Mapping
from typing import Any

import rfc8785

from vcspec.model.finding import Fault
from vcspec.model.scorecard import Scorecard, table_digest
from vcspec.rules.book import rule
from vcspec.rules.container import SCORECARD
from vcspec.rules.documents import schema_faults
from vcspec.rules.subject import Subject
from vcspec.standard import definition_digest

TOLERANCE = 1e-9
LARGEST = 1e100  # no metric of float32 values comes near it, and its square is still a number


@rule("VCS610")
def scorecard_off_schema(subject: Subject) -> Iterator[Fault]:
    """Check the document against its schema."""
    yield from schema_faults(subject.document, subject.standard.version, "scorecard", base="")


@rule("VCS611")
def scorecard_not_canonical(subject: Subject) -> Iterator[Fault]:
    """Write the document again and compare the bytes."""
    found, wanted = subject.store.read(SCORECARD), rfc8785.dumps(dict(subject.document))
    if found != wanted:
        yield Fault("/", f"{len(found)} bytes of another form", f"{len(wanted)} bytes of RFC 8785")


@rule("VCS612")
def score_out_of_range(subject: Subject) -> Iterator[Fault]:
    """Compare values, floors, replicates and values by condition with the metric's range."""
    table = subject.document.get("by_condition", {"metrics": (), "values": ()})
    rows = dict(zip(table["metrics"], table["values"], strict=False))
    for name, result in subject.document["metrics"].items():
        entry = subject.standard.metrics.get(name)
        if entry is None:
            continue
        low, high = max(entry["range"][0], -LARGEST), min(entry["range"][1], LARGEST)
        told = (result["value"], result["replicate"], (result["floor"] or {}).get("value"))
        for pointer, values in ((f"/metrics/{name}", told), ("/by_condition", rows.get(name, ()))):
            for value in values:
                if value is not None and not low - TOLERANCE <= value <= high + TOLERANCE:
                    yield Fault("/", f"{name} = {value}", f"{low} … {high}", pointer=pointer)


@rule("VCS613")
def definition_unknown(subject: Subject) -> Iterator[Fault]:
    """Compare definition digests with the standard's."""
    known = subject.standard.metrics
    for name, result in subject.document["metrics"].items():
        wanted = definition_digest(subject.standard.version, name) if name in known else "none"
        if result["definition"] != wanted:
            yield Fault(
                "/",
                f"{name}: {result['definition']}",
                wanted,
                pointer=f"/metrics/{name}/definition",
            )


@rule("VCS614")
def conditions_unaccounted(subject: Subject) -> Iterator[Fault]:
    """Add up the conditions of every metric."""
    wanted = subject.document["conditions"]
    for name, result in subject.document["metrics"].items():
        found = result["defined"] + sum(result["undefined"].values())
        if found != wanted:
            yield Fault(
                "/",
                f"{name}: {found} conditions",
                f"{wanted} conditions",
                pointer=f"/metrics/{name}",
            )


@rule("VCS615")
def table_differs(subject: Subject) -> Iterator[Fault]:
    """Take the digest of the values by condition and compare it with the one stated."""
    document = subject.document
    table = document.get("by_condition")
    if table is None:
        return
    problem = _misshapen(table) or _unaccounted(table, document)
    if problem:
        yield Fault("/", problem, "a value for each metric and condition", pointer="/by_condition")
        return
    card = Scorecard.of(document)
    digest = table_digest(card.metrics, card.conditions, card.values, card.reasons)
    if digest != document["table"]:
        yield Fault("/", digest, document["table"], pointer="/by_condition")


def _unaccounted(table: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """How the table and the rest of the document differ; empty where they do not."""
    names, keys = table["metrics"], table["conditions"]
    if sorted(names) != sorted(document["metrics"]):
        return f"{len(names)} metrics that are not the {len(document['metrics'])} of the scorecard"
    if len(set(keys)) != len(keys) or len(keys) != document["conditions"]:
        return f"{len(set(keys))} conditions in {len(keys)} columns for {document['conditions']}"
    for name, values, reasons in zip(names, table["values"], table["reasons"], strict=True):
        told = [bool(reason) for reason in reasons or [""] * len(values)]
        if told != [value is None for value in values]:
            return f"{name}: values beside reasons why there are none, or neither"
    return ""


def _misshapen(table: Mapping[str, Any]) -> str:
    """How the rows of the table do not fit together; empty where they do."""
    size, metrics = len(table["conditions"]), len(table["metrics"])
    if len(table["contexts"]) != size:
        return f"{len(table['contexts'])} contexts of {size} conditions"
    for name in ("values", "reasons"):
        if len(table[name]) != metrics:
            return f"{len(table[name])} rows of {name} for {metrics} metrics"
        for row in table[name]:
            if len(row) != size and (row or name == "values"):
                return f"a row of {len(row)} {name} for {size} conditions"
    return ""
