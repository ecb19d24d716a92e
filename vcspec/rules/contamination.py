"""VCS716 and 72x: whether a model has seen the test before it was fitted on the split."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from vcspec.model.finding import Fault
from vcspec.rules.evidence import Evidence
from vcspec.rules.leaking_cells import sides
from vcspec.rules.leaks import NotLooked, fault, leak
from vcspec.statistics.cell_identity import LEAST_FEATURES, shared

SURE = 1e-6  # expected chance matches below which one match confirms


def accessions_of(document: Mapping[str, Any]) -> set[str]:
    """Id and accessions of a dataset, in lower case; with and without the archive's prefix."""
    found = {str(document["id"])}
    for citation in document.get("citations", ()):
        if "accession" in citation:
            found |= {citation["accession"], citation["accession"].rpartition(":")[2]}
    return {name.casefold() for name in found}


def _declared(evidence: Evidence) -> Mapping[str, Any]:
    assert evidence.predictions is not None
    return dict(evidence.predictions.document.get("training") or {})


def _named(names: Any, known: set[str]) -> list[str]:
    """Those of the names that are, or end in, a known one."""
    return [name for name in names if {name.casefold(), name.casefold().rpartition(":")[2]} & known]


@leak("VCS716")
def prior_holds_test(evidence: Evidence) -> Iterator[Fault]:
    """Compare declared priors with the dataset's id and accessions."""
    assert evidence.dataset is not None
    bad = _named(_declared(evidence).get("priors", ()), accessions_of(evidence.dataset.document))
    yield from fault("/", bad, "{n} priors are made of the tested dataset")


@leak("VCS720")
def pretraining_confirmed(evidence: Evidence) -> Iterator[Fault]:
    """Look for tested cells in the manifests."""
    assert evidence.cells is not None
    tested, _ = sides(evidence)
    hashes = np.unique(evidence.cells.identities.hashes[tested])
    for manifest in evidence.manifests:
        places, _ = shared(hashes, manifest.hashes)
        chance = manifest.by_chance(len(hashes))
        if len(places) and (chance < SURE or len(places) > 10 * chance):
            about = min(len(hashes), len(places) * manifest.one_in)
            yield Fault(
                "/X",
                f"{len(places)} of {len(hashes)} tested cells are listed in {manifest.name}, which "
                f"lists one cell in {manifest.one_in}: about {about} were trained on "
                f"({chance:.1g} matches are expected by chance)",
                "none",
                count=len(places),
            )
    for overlap in evidence.overlaps:
        yield from fault(
            "/X",
            [f"{one} is {other}" for one, other in overlap.exact],
            f"{{n}} of {overlap.cells} tested cells are cells of {overlap.name}, by the counts of "
            f"the {overlap.features} features that both have",
        )
    if not evidence.manifests:
        _require_compared(evidence)


@leak("VCS724")
def pretraining_near(evidence: Evidence) -> Iterator[Fault]:
    """Look for near copies of tested cells in the datasets of training."""
    for overlap in evidence.overlaps:
        yield from fault(
            "/X",
            [f"{one} and {other} ({similarity:.2f})" for one, other, similarity in overlap.near],
            f"{{n}} of {overlap.cells} tested cells are near copies of cells of {overlap.name}, by "
            f"the counts of the {overlap.features} features that both have",
        )
    _require_compared(evidence)


def _require_compared(evidence: Evidence) -> None:
    if not any(overlap.cells for overlap in evidence.overlaps):
        told = ", ".join(f"{one.features} with {one.name}" for one in evidence.overlaps)
        message = f"tested cells have fewer than {LEAST_FEATURES} features in common ({told})"
        raise NotLooked(message)


@leak("VCS721")
def pretraining_likely(evidence: Evidence) -> Iterator[Fault]:
    """Compare declared and listed accessions with the dataset's."""
    assert evidence.dataset is not None
    stated = _declared(evidence).get("pretraining")
    names = [*(stated or {}).get("accessions", ()), *(stated or {}).get("corpora", ())]
    names += [name for one in evidence.manifests for name in sorted(one.accessions)]
    if stated is None and not evidence.manifests:
        message = "pretraining is not declared"
        raise NotLooked(message)
    bad = _named(names, accessions_of(evidence.dataset.document))
    yield from fault("/", bad, "{n} accessions of the tested dataset were used in pretraining")


@leak("VCS722")
def pretraining_not_declared(evidence: Evidence) -> Iterator[Fault]:
    """Look for the declaration."""
    if "pretraining" not in _declared(evidence):
        yield Fault("/", "no declaration of pretraining", "one", pointer="/vcspec/training")


def verdict_on(evidence: Evidence, codes: set[str]) -> str:
    """Contamination of the tested dataset: confirmed, likely, unlikely, or not declared.

    Args:
        evidence: with the predictions.
        codes: of what the audit found.
    """
    if "VCS720" in codes:
        return "confirmed"
    if "VCS721" in codes:
        return "likely"
    stated = _declared(evidence).get("pretraining") if evidence.predictions else None
    is_shown = bool(evidence.manifests or evidence.overlaps)
    if stated is None and not is_shown:
        return "not declared"
    released = evidence.dataset.document.get("released") if evidence.dataset else None
    until = (stated or {}).get("until")
    if is_shown or (released and until and until < released):
        return "unlikely"
    # Corpora without accessions may hold the dataset under another name.
    is_open = bool(stated and stated["corpora"] and not stated["accessions"])
    return "not declared" if is_open else "unlikely"
