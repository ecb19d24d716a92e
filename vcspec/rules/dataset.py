"""VCS3xx: measured cells. Rules on values serve predictions too, under codes of their own."""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vcspec.model.condition import canonical_perturbation
from vcspec.model.finding import SHOWN, Fault
from vcspec.model.spaces import SIGNED
from vcspec.model.tally import Tally
from vcspec.rules.book import rule
from vcspec.rules.matrices import row_fault
from vcspec.rules.subject import Subject
from vcspec.statistics.distinct import distinct

DATE_LIKE = re.compile(
    r"^\d{1,2}-(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)$|^\d{4}-\d\d-\d\d|^\d\d/\d\d/\d{2,4}$",
    re.IGNORECASE,
)
TWIN_ENTRIES = 20


def control_label(subject: Subject) -> str:
    """The label of unperturbed cells; a prediction takes it from its split."""
    split = subject.companions.get("split")
    return str(subject.document.get("control") or (split.document["control"] if split else ""))


@rule("VCS301")
def no_control(subject: Subject) -> Iterator[Fault]:
    """Look for the control label among the perturbations."""
    control = subject.document["control"]
    labels = sorted(subject.labels("perturbation").names)
    if control not in labels:
        from difflib import get_close_matches

        near = get_close_matches(control, labels, cutoff=0.4) or labels[:SHOWN]
        yield Fault(
            "/obs/perturbation",
            f"no cell is labelled {control!r}",
            f"control cells labelled {control!r}",
            tuple(near),
        )


@rule("VCS302")
def context_without_control(subject: Subject) -> Iterator[Fault]:
    """Compare the contexts with those of the control cells."""
    contexts = subject.labels("context")
    is_control = subject.labels("perturbation").are(subject.document["control"])
    known = {contexts.names[code] for code in distinct(contexts.codes[is_control]).tolist()}
    bare = sorted(set(contexts.names) - known)
    if bare:
        yield Fault(
            "/obs/context",
            f"{len(bare)} contexts without control cells",
            "control cells in each",
            tuple(bare[:SHOWN]),
            len(bare),
        )


def is_counts(subject: Subject) -> bool:
    """Whether counts are declared."""
    return bool(subject.document["values"]["space"] == "counts")


@rule("VCS303")
@rule("VCS514")
def count_not_whole(subject: Subject) -> Iterator[Fault]:
    """Count fractions where counts are declared, and rows beyond whole numbers."""
    if is_counts(subject):
        scan, expected = subject.scan, "whole numbers up to 2^53"
        fractions, beyond = "{places} fractions, in {rows} rows", "{rows} rows with larger values"
        yield from row_fault(subject, scan.fractional, fractions, expected)
        yield from row_fault(subject, scan.above, beyond, expected)


@rule("VCS304")
@rule("VCS513")
def value_negative(subject: Subject) -> Iterator[Fault]:
    """Count values below zero, where they cannot be."""
    if subject.document["values"]["space"] in SIGNED:
        return
    yield from row_fault(
        subject,
        subject.scan.negative,
        "{places} negative values, in {rows} rows",
        "values of 0 and above",
    )


@rule("VCS305")
@rule("VCS509")
def value_not_finite(subject: Subject) -> Iterator[Fault]:
    """Count NaN and infinity."""
    yield from row_fault(
        subject,
        subject.scan.not_finite,
        "{places} NaN or infinite values, in {rows} rows",
        "finite values",
    )


@rule("VCS306")
def values_contradict_space(subject: Subject) -> Iterator[Fault]:
    """Look for whole numbers, impossible values and wrong totals among log1p values."""
    values, scan = subject.document["values"], subject.scan
    if values["space"] != "log1p":
        return
    yield from not_log1p(subject)
    wanted = float(values["target_sum"])
    wrong = scan.heavy.beside(scan.light) if values["total"] == "features" else scan.heavy
    bound = "" if values["total"] == "features" else "at most "
    found = "{rows} rows whose expm1 adds up to something else"
    if not looks_like_counts(subject).all():
        yield from row_fault(subject, wrong, found, f"{bound}{wanted:g}, within 1 %")


def looks_like_counts(subject: Subject) -> NDArray[np.bool_]:
    """(rows,) whether a row holds whole numbers alone; rows without values count too."""
    return subject.scan.is_whole


def not_log1p(subject: Subject) -> Iterator[Fault]:
    """A fault where values declared log1p are all whole, or larger than the target sum allows."""
    scan, values = subject.scan, subject.document["values"]
    if scan.entries and looks_like_counts(subject).all():
        yield Fault(
            "/X",
            "every value is a whole number, as counts are",
            "log1p values",
            count=scan.entries,
        )
        return
    most = float(np.log1p(values["target_sum"]))
    yield from row_fault(
        subject,
        scan.above,
        "{rows} rows with a value above the largest possible",
        f"values up to log1p({values['target_sum']}) = {most:.3f}",
    )


@rule("VCS307")
def perturbation_not_canonical(subject: Subject) -> Iterator[Fault]:
    """Compare each distinct label with its canonical spelling."""
    labels = sorted(subject.labels("perturbation").names)
    control = control_label(subject)
    bad = [label for label in labels if canonical_perturbation(label, control) != label]
    if bad:
        wanted = canonical_perturbation(bad[0], control)
        examples = tuple(
            f"{label!r} → {canonical_perturbation(label, control)!r}" for label in bad[:SHOWN]
        )
        yield Fault("/obs/perturbation", f"{bad[0]!r}", f"{wanted!r}", examples, len(bad))


@rule("VCS308")
def cell_twice(subject: Subject) -> Iterator[Fault]:
    """Compare the fingerprints of rows with enough values for a coincidence to be excluded."""
    scan = subject.scan
    is_rich = scan.filled >= TWIN_ENTRIES
    prints = np.sort(scan.fingerprint[is_rich])
    shared = prints[1:][prints[1:] == prints[:-1]]
    twins = is_rich & np.isin(scan.fingerprint, shared) if len(shared) else shared
    yield from row_fault(
        subject,
        Tally.of(twins),
        "{rows} cells have the values of another cell",
        "cells measured once",
    )


@rule("VCS309")
def feature_name_mangled(subject: Subject) -> Iterator[Fault]:
    """Look for dates among the feature names."""
    bad = [str(name) for name in subject.features if DATE_LIKE.match(str(name))]
    if bad:
        yield Fault(
            "/var/_index",
            f"{len(bad)} names look like dates",
            "feature names",
            tuple(bad[:SHOWN]),
            len(bad),
        )


@rule("VCS310")
def library_size_missing(subject: Subject) -> Iterator[Fault]:
    """Look for the column where totals over the library are declared for counts."""
    needed = is_counts(subject) and subject.document["values"]["total"] == "library"
    if needed and not subject.has_column("obs", "library_size"):
        yield Fault("/obs/library_size", "nothing", "the total count of each cell")


@rule("VCS311")
def library_size_too_small(subject: Subject) -> Iterator[Fault]:
    """Compare the column with the row sums of counts, and look for what is no size."""
    if not is_counts(subject) or not subject.has_column("obs", "library_size"):
        return
    sizes = subject.column("obs", "library_size").values.astype(np.float64)
    is_size = np.isfinite(sizes)
    yield from row_fault(
        subject,
        Tally.of(~is_size),
        "{rows} rows whose library size is NaN or infinite",
        "finite values",
    )
    yield from row_fault(
        subject,
        Tally.of(is_size & (sizes < subject.scan.total * (1 - 1e-9))),
        "{rows} rows with a library size below the sum of their counts",
        "at least the row sum",
    )


@rule("VCS312")
def cell_empty(subject: Subject) -> Iterator[Fault]:
    """Count rows without a value; a control that is 0 by definition has none."""
    if subject.document["values"]["space"] in SIGNED:
        return
    yield from row_fault(
        subject,
        Tally.of(subject.scan.filled == 0),
        "{rows} cells without a single value",
        "measured cells",
    )


@rule("VCS313")
def unit_unknown(subject: Subject) -> Iterator[Fault]:
    """Look each distinct unit of a dose or time up."""
    for axis, units in subject.standard.units.items():
        name = f"{axis}_unit"
        given = subject.labels(name).names if subject.has_column("obs", name) else ()
        bad = sorted({str(unit) for unit in given} - set(units))
        if bad:
            yield Fault(
                f"/obs/{name}",
                f"{bad[0]!r}",
                f"one of {', '.join(units)}",
                tuple(bad[:SHOWN]),
                len(bad),
            )
