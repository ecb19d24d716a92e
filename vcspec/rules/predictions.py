"""VCS5xx: what a model says, against the split that it answers."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from vcspec.model.finding import SHOWN, Fault
from vcspec.model.spaces import AS_MEASURED
from vcspec.model.tally import Tally
from vcspec.rules.book import rule
from vcspec.rules.dataset import looks_like_counts, not_log1p
from vcspec.rules.matrices import row_fault
from vcspec.rules.split import Table
from vcspec.rules.subject import DEVIATION, MOST_TOTAL, Subject

ENSEMBL = re.compile(r"^ENS[A-Z]*G\d{11}(\.\d+)?$")


def _split(subject: Subject) -> Subject:
    return subject.companions["split"]


def _tested(subject: Subject) -> list[str]:
    return [condition.key for condition in Table(_split(subject)).having("test")]


def _predicted(subject: Subject) -> list[str]:
    return list(subject.stretches.keys)


def _without(names: list[str], known: list[str]) -> list[str]:
    """Those of `names` that are not among `known`, in order."""
    there = set(known)
    return [name for name in names if name not in there]


def _names(names: list[str], known: list[str]) -> tuple[str, ...]:
    """The first names, each with the nearest spellings among `known`."""
    shown = []
    for name in names[:SHOWN]:
        near = get_close_matches(name, known, n=3, cutoff=0.6)
        shown.append(f"{name} (near: {', '.join(near)})" if near else name)
    return tuple(shown)


@rule("VCS501")
def condition_missing(subject: Subject) -> Iterator[Fault]:
    """Compare the split's test conditions with the predicted ones."""
    predicted, tested = _predicted(subject), _tested(subject)
    missing = _without(tested, predicted)
    if missing:
        extra = _without(predicted, tested)
        yield Fault(
            "/obs",
            f"{len(missing)} test conditions are not predicted",
            f"{len(tested)} conditions",
            _names(missing, extra),
            len(missing),
        )


@rule("VCS502")
def condition_unexpected(subject: Subject) -> Iterator[Fault]:
    """Compare the predicted conditions with the split's test conditions."""
    tested = _tested(subject)
    extra = _without(_predicted(subject), tested)
    if extra:
        yield Fault(
            "/obs",
            f"{len(extra)} conditions that are not tested",
            "test conditions alone",
            _names(extra, tested),
            len(extra),
        )


@rule("VCS503")
def split_pin_differs(subject: Subject) -> Iterator[Fault]:
    """Compare the pinned digest with that of the split at hand."""
    pinned = subject.document["split"]
    found = _split(subject).claimed_content()
    if found != pinned["content"]:
        name = f"{pinned['id']}@{pinned['version']}"
        yield Fault(
            "/",
            f"the split at hand is {found}",
            f"pinned: {name} {pinned['content']}",
            pointer="/vcspec/split/content",
        )


def _spelling_hint(names: list[str], panel: list[str]) -> str:
    """A remedy where the two sides use different namespaces or cases."""
    if names and panel and bool(ENSEMBL.match(names[0])) != bool(ENSEMBL.match(panel[0])):
        ours, theirs = (
            ("Ensembl ids", "symbols") if ENSEMBL.match(names[0]) else ("symbols", "Ensembl ids")
        )
        return f"The prediction names features by {ours}, the split by {theirs}: map the names."
    if {name.casefold() for name in names} == {name.casefold() for name in panel}:
        return "The names differ by case alone: spell them as the split does."
    return ""


@rule("VCS504")
def feature_missing(subject: Subject) -> Iterator[Fault]:
    """Compare the split's panel with the predicted features."""
    names, panel = list(map(str, subject.features)), list(map(str, _split(subject).features))
    missing = _without(panel, names)
    if missing:
        extra = _without(names, panel)
        found = f"{len(missing)} of {len(panel)} features are not predicted"
        yield Fault(
            "/var/_index",
            found,
            f"the {len(panel)} features of the split",
            _names(missing, extra),
            len(missing),
            hint=_spelling_hint(names, panel),
        )


@rule("VCS505")
def feature_unexpected(subject: Subject) -> Iterator[Fault]:
    """Compare the predicted features with the split's panel."""
    names, panel = list(map(str, subject.features)), list(map(str, _split(subject).features))
    extra = _without(names, panel)
    if extra:
        yield Fault(
            "/var/_index",
            f"{len(extra)} features that the split has not",
            f"the {len(panel)} features of the split",
            _names(extra, panel),
            len(extra),
            hint=_spelling_hint(names, panel),
        )


@rule("VCS506")
def feature_order_differs(subject: Subject) -> Iterator[Fault]:
    """Compare position by position."""
    names, panel = subject.features.astype(str), _split(subject).features.astype(str)
    bad = np.flatnonzero(names != panel)
    if len(bad):
        examples = tuple(
            f"position {at}: {names[at]}, expected {panel[at]}" for at in bad[:SHOWN].tolist()
        )
        yield Fault(
            "/var/_index",
            f"{len(bad)} features stand elsewhere",
            "the order of the split",
            examples,
            len(bad),
        )


@rule("VCS507")
def control_predicted(subject: Subject) -> Iterator[Fault]:
    """Look for the control label among the rows."""
    control = _split(subject).document["control"]
    rows = np.flatnonzero(subject.labels("perturbation").are(control))
    if len(rows):
        yield Fault(
            "/obs/perturbation",
            f"{len(rows)} rows are labelled {control!r}",
            "perturbed conditions alone",
            subject.row_names(rows[:SHOWN]),
            len(rows),
        )


@rule("VCS508")
def wrong_number_of_rows(subject: Subject) -> Iterator[Fault]:
    """Count the rows of each condition."""
    profiles = subject.document["level"] == "profiles"
    wanted = 1 if profiles else int(_split(subject).document["cells_per_condition"])
    sizes = subject.stretches.sizes()
    bad = sorted(key for key, size in sizes.items() if size != wanted)
    if bad:
        examples = tuple(f"{key}: {sizes[key]}" for key in bad[:SHOWN])
        noun = "row" if profiles else "cells"
        yield Fault(
            "/obs",
            f"{len(bad)} conditions with another number",
            f"{wanted} {noun} each",
            examples,
            len(bad),
        )


@rule("VCS510")
def value_space_differs(subject: Subject) -> Iterator[Fault]:
    """Compare the declared scale with the split's."""
    declared, wanted = subject.document["values"], _split(subject).document["values"]
    if wanted["space"] in AS_MEASURED or declared["space"] in AS_MEASURED:
        names = ["space"]
    else:
        names = ["total"] if declared["space"] == "counts" else ["target_sum", "total"]
    for name in names:
        if declared.get(name) != wanted.get(name):
            yield Fault(
                "/",
                f"{name} = {declared.get(name)!r}",
                f"{name} = {wanted.get(name)!r}",
                pointer=f"/vcspec/values/{name}",
            )


@rule("VCS511")
def values_contradict_space(subject: Subject) -> Iterator[Fault]:
    """Look for whole numbers, impossible values and totals far too large among log1p values."""
    values = subject.document["values"]
    if values["space"] != "log1p" or _partly_whole(subject).any():
        return
    faults = list(not_log1p(subject))
    yield from faults
    rows, heavy = len(subject.scan.filled), subject.scan.heavy.rows
    if not faults and 2 * heavy > rows:
        wanted = float(values["target_sum"])
        found = f"{heavy} of {rows} rows add up to more than {MOST_TOTAL * wanted:g} after expm1"
        yield Fault("/X", found, f"about {wanted:g}", count=heavy)


def _partly_whole(subject: Subject) -> NDArray[np.bool_]:
    """(rows,) whether the row is whole numbers above zero while other rows are not."""
    whole = looks_like_counts(subject) & (subject.scan.filled > 0)
    others = ~looks_like_counts(subject)
    return np.asarray(whole & others.any())


@rule("VCS512")
def scales_mixed(subject: Subject) -> Iterator[Fault]:
    """Look for rows of whole numbers among rows that are not."""
    if subject.document["values"]["space"] == "log1p":
        whole = Tally.of(_partly_whole(subject))
        yield from row_fault(
            subject, whole, "{rows} rows hold whole numbers alone, others do not", "one scale"
        )


@rule("VCS515")
def conditions_identical(subject: Subject) -> Iterator[Fault]:
    """Compare conditions by the sum of their rows' fingerprints."""
    sums = subject.prints[:, 0]
    if len(sums) > 1 and (sums == sums[0]).all():
        yield Fault(
            "/X",
            f"all {len(sums)} conditions hold the same values",
            "values that depend on the condition",
            count=len(sums),
        )


@rule("VCS518")
def deviation_unusable(subject: Subject) -> Iterator[Fault]:
    """Look at every stated deviation."""
    if subject.node(DEVIATION) is None:
        return
    level = subject.document["level"]
    if level != "profiles":
        yield Fault(DEVIATION, f"deviations with the level {level!r}", "the level 'profiles'")
        return
    values = subject.array(DEVIATION)
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        first = values[wrong].flat[0]
        yield Fault(
            DEVIATION,
            f"{int(wrong.sum())} deviations that are negative or not finite, first {first}",
            "numbers from 0",
            count=int(wrong.sum()),
        )


@rule("VCS516")
def cells_without_spread(subject: Subject) -> Iterator[Fault]:
    """Look for conditions whose cells all have one fingerprint."""
    if subject.document["level"] != "cells":
        return
    is_flat = subject.prints[:, 1] == subject.prints[:, 2]
    is_flat &= np.diff(subject.stretches.grouped().borders) > 1
    flat = [subject.stretches.keys[at] for at in np.flatnonzero(is_flat).tolist()]
    if flat:
        yield Fault(
            "/X",
            f"{len(flat)} conditions whose cells are copies of one",
            "cells that differ",
            tuple(flat[:SHOWN]),
            len(flat),
        )
