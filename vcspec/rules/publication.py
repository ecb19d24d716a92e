"""VCS60x: metadata for publication, and references."""

from collections.abc import Iterator

import numpy as np

from vcspec.model.finding import SHOWN, Fault
from vcspec.rules.book import rule
from vcspec.rules.subject import Subject
from vcspec.standard import definition_digest
from vcspec.statistics.content import commitment


@rule("VCS601")
def licence_unknown(subject: Subject) -> Iterator[Fault]:
    """Parse the expression with the SPDX list of `packaging`."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    sources = subject.document.get("sources", ())
    stated = {"/vcspec/licence": subject.document.get("licence")} | {
        f"/vcspec/sources/{number}/licence": source["licence"]
        for number, source in enumerate(sources)
    }
    for pointer, licence in stated.items():
        if licence is None:
            continue
        try:
            canonicalize_license_expression(licence)
        except InvalidLicenseExpression as error:
            yield Fault("/", f"{licence!r}: {error}", "an SPDX expression", pointer=pointer)


@rule("VCS602")
def citation_missing(subject: Subject) -> Iterator[Fault]:
    """Look for citations of measured data."""
    if not subject.document["simulated"] and not subject.document["citations"]:
        yield Fault("/", "no citation", "the paper to cite", pointer="/vcspec/citations")


@rule("VCS603")
def source_missing(subject: Subject) -> Iterator[Fault]:
    """Look for sources of measured data; those of a withheld dataset's public part are withheld."""
    told = subject.document["sources"] or subject.document.get("part_of")
    if not subject.document["simulated"] and not told:
        yield Fault("/", "no source", "the files that it was made of", pointer="/vcspec/sources")


@rule("VCS604")
def reference_pin_differs(subject: Subject) -> Iterator[Fault]:
    """Compare the pinned digest with that of the split at hand."""
    pinned = subject.document["split"]["content"]
    found = subject.companions["split"].claimed_content()
    if found != pinned:
        yield Fault(
            "/",
            f"the split at hand is {found}",
            f"pinned: {pinned}",
            pointer="/vcspec/split/content",
        )


@rule("VCS605")
def probability_out_of_range(subject: Subject) -> Iterator[Fault]:
    """Look at p and adjusted p."""
    p_value, fdr = subject.layer("p_value"), subject.layer("fdr")
    wrong = {
        "/layers/p_value": ~((p_value >= 0) & (p_value <= 1)),
        "/layers/fdr": ~((fdr >= p_value) & (fdr <= 1)),
    }
    for path, bad in wrong.items():
        rows = np.flatnonzero(bad.any(axis=1))
        if len(rows):
            found = f"{int(bad.sum())} values that are no (adjusted) probabilities"
            yield Fault(
                path,
                found,
                "0 ≤ p ≤ adjusted p ≤ 1",
                subject.row_names(rows[:SHOWN]),
                int(bad.sum()),
            )


@rule("VCS606")
def definitions_differ(subject: Subject) -> Iterator[Fault]:
    """Compare the digests of metric definitions with the standard's."""
    known = subject.standard.metrics
    for metric, digest in subject.document["definitions"].items():
        wanted = definition_digest(subject.standard.version, metric) if metric in known else "none"
        if digest != wanted:
            yield Fault(
                "/",
                f"{metric}: {digest}",
                f"{metric}: {wanted}",
                pointer=f"/vcspec/definitions/{metric}",
            )


@rule("VCS607")
def reference_not_the_withheld(subject: Subject) -> Iterator[Fault]:
    """Take the digest of the elements, and compare it with what the split states."""
    withheld = subject.companions["split"].document.get("withheld")
    if withheld is None:
        return
    found = commitment(subject.content.elements)
    if found != withheld["reference"]:
        yield Fault(
            "/",
            f"the elements have the digest {found}",
            f"the split states: {withheld['reference']}",
        )
