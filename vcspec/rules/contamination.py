"""VCS716 and 72x: whether a model has seen the test before it was fitted on the split."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vcspec.model.condition import Condition
from vcspec.model.finding import Fault, Report
from vcspec.model.spaces import AS_MEASURED
from vcspec.model.training_manifest import TrainingManifest, features_digest
from vcspec.rules.evidence import Evidence
from vcspec.rules.leaking_cells import STOPPED, at_least, comparable, sides, too_few
from vcspec.rules.leaks import NotLooked, fault, leak
from vcspec.rules.tested import TestedDataset, tested_datasets
from vcspec.statistics.cell_identity import LEAST_FEATURES, shared

SURE = 1e-6  # expected chance matches below which one match confirms
FOUND = (
    ("VCS720", "confirmed", "tested cells were trained on"),
    ("VCS721", "likely", "the tested dataset was used, by its name or accession"),
    ("VCS724", "likely", "near copies of tested cells were trained on"),
)
"""(code, verdict that it asks for, reason), the strongest first."""
VERDICTS = ("confirmed", "likely", "not declared", "unlikely")
"""The worst first."""


def accessions_of(document: Mapping[str, Any], conditions: Iterable[Condition]) -> list[str]:
    """Accessions that a dataset cites for some of its conditions.

    Args:
        document: of the dataset.
        conditions: of it; a citation that names studies is left out where none of them is among
            theirs.
    """
    studies = {condition.get("study") for condition in conditions}
    has_studies = "study" in document["condition"]
    return [
        citation["accession"]
        for citation in document["citations"]
        if "accession" in citation
        and (not has_studies or studies & set(citation.get("studies", studies)))
    ]


@dataclass(frozen=True)
class _Tested:
    """Names that the tested dataset is known by.

    Attributes:
        names: id and content digest, and accessions that are no code, in lower case; whole, or set
            off by signs of an address, or by a version.
        codes: accessions of letters and digits, such as gse1, in lower case; set off by any sign.
    """

    names: frozenset[str]
    codes: frozenset[str]

    @classmethod
    def of(cls, evidence: Evidence) -> "_Tested":
        """Those of the dataset, and of the citations of what is tested."""
        assert evidence.dataset is not None
        document = evidence.dataset.document
        cited = accessions_of(document, evidence.table.having("test"))
        stems = {_stem(accession) for accession in cited} - {""}
        codes = {stem for stem in stems if re.search(r"[a-z]", stem) and re.search(r"[0-9]", stem)}
        own = {str(document["id"]), evidence.dataset.claimed_content()}
        own |= {name for one in tested_of(evidence) for name in one.names}
        pinned = {str(one["content"]) for one in evidence.split.document["datasets"]}
        return cls(frozenset(own | pinned | (stems - codes)), frozenset(codes))

    def among(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are one of these, whatever stands beside it, in any version."""
        whole = "|".join(map(re.escape, sorted(self.names)))
        codes = "|".join(map(re.escape, sorted(self.codes))) or "(?!)"
        known = re.compile(
            rf"(?:^|[:/=])(?:{whole})(?:$|[@:/?&#]|\.zarr|\.h5ad)"
            rf"|(?<![a-z0-9])(?:{codes})(?![a-z0-9])"
        )
        return [name for name in names if known.search(name.strip().casefold())]


def tested_of(evidence: Evidence) -> list[TestedDataset]:
    """Datasets with test conditions: the pinned one, or the studies in it."""
    assert evidence.dataset is not None
    return tested_datasets(evidence.dataset.document, evidence.table.having("test"))


def _stem(accession: str) -> str:
    """An accession in lower case, without archive, address and version: gse1 of GEO:GSE1.1."""
    text = accession.strip().casefold()
    text = re.split(r"[:=]|//", text.rstrip("/"))[-1]
    return re.sub(r"^([a-z]+[0-9]+)\.[0-9]+$", r"\1", text.rpartition("/")[2] or text)


def _declared(evidence: Evidence) -> Mapping[str, Any]:
    assert evidence.predictions is not None
    return dict(evidence.predictions.document.get("training") or {})


@leak("VCS716")
def prior_holds_test(evidence: Evidence) -> Iterator[Fault]:
    """Compare declared priors with the dataset's id and accessions."""
    bad = _Tested.of(evidence).among(_declared(evidence).get("priors", ()))
    yield from fault("/", bad, "{n} priors are made of the tested dataset")


@leak("VCS720")
def pretraining_confirmed(evidence: Evidence) -> Iterator[Fault]:
    """Look for tested cells in the manifests, those of each tested dataset by themselves."""
    found = False
    parts = tested_of(evidence)
    for part in parts:
        of = f" of {part.name}" if len(parts) > 1 else ""
        for fault_ in _listed(evidence.testing(part.studies), of):
            found = True
            yield fault_
    for overlap in evidence.overlaps:
        yield from fault(
            "/X",
            [f"{copy.cell} is {copy.other}" for copy in overlap.exact],
            f"{{n}} of {overlap.cells} tested cells are cells of {overlap.name}, by the values of "
            f"the {overlap.features} features that both have",
        )
        found = found or bool(overlap.exact)
    untold = [*_not_over(evidence), *_too_few(evidence)]
    if not found and len(untold) == len(evidence.manifests) + len(evidence.overlaps):
        raise NotLooked("; ".join(untold))


@dataclass(frozen=True)
class Listing:
    """Tested cells that a manifest lists.

    Attributes:
        manifest: which.
        cells: number of tested cells with a hash, each hash once.
        listed: number of those that are listed.
        chance: number that is expected by chance.
    """

    manifest: TrainingManifest
    cells: int
    listed: int
    chance: float

    def __str__(self) -> str:
        return (
            f"{self.listed} of {self.cells} tested cells are listed in {self.manifest.name} "
            f"({self.chance:.1g} matches are expected by chance)"
        )

    @property
    def is_beyond_chance(self) -> bool:
        """Whether chance does not explain what is listed."""
        return self.listed > 0 and (self.chance < SURE or self.listed > 10 * self.chance)


def listings(evidence: Evidence) -> list[Listing]:
    """What each manifest lists of the tested cells.

    Raises:
        NotLooked: no cell is known by its counts.
    """
    assert evidence.cells is not None
    tested, _ = sides(evidence, ("test",))
    hashes = np.unique(evidence.cells.identities.hashes[tested])
    return [
        Listing(
            manifest,
            len(hashes),
            len(shared(hashes, manifest.hashes)[0]),
            manifest.by_chance(len(hashes)),
        )
        for manifest in evidence.manifests
    ]


def _listed(evidence: Evidence, of: str) -> Iterator[Fault]:
    """Tested cells that manifests list, beyond what chance explains."""
    for one in listings(evidence):
        if one.is_beyond_chance:
            about = min(one.cells, one.listed * one.manifest.one_in)
            yield Fault(
                "/X",
                f"{one.listed} of {one.cells} tested cells{of} are listed in {one.manifest.name}, "
                f"which lists one cell in {one.manifest.one_in}: about {about} were trained on "
                f"({one.chance:.1g} matches are expected by chance)",
                "none",
                count=one.listed,
            )


@leak("VCS724")
def pretraining_near(evidence: Evidence) -> Iterator[Fault]:
    """Look for near copies of tested cells in the datasets of training."""
    for overlap in evidence.overlaps:
        yield from fault(
            "/X",
            [f"{one.cell} and {one.other} ({one.similarity:.2f})" for one in overlap.near],
            f"{at_least(overlap.is_whole)}{{n}} of {overlap.cells} tested cells are near copies of "
            f"cells of {overlap.name}, by the counts of the {overlap.features} features that both "
            "have",
        )
    untold = _too_few(evidence, nearly=True)
    is_found = any(one.near for one in evidence.overlaps)
    if not is_found and len(untold) == len(evidence.overlaps):
        raise NotLooked("; ".join(untold))


@leak("VCS721")
def pretraining_likely(evidence: Evidence) -> Iterator[Fault]:
    """Compare declared and listed names, and those of datasets at hand, with the dataset's."""
    stated = _declared(evidence).get("pretraining")
    names = [*(stated or {}).get("accessions", ()), *(stated or {}).get("corpora", ())]
    names += [name for one in evidence.manifests for name in _named_by(one, evidence)]
    names += [name for one in evidence.overlaps for name in sorted(one.names | one.accessions)]
    if stated is None and not evidence.manifests and not evidence.overlaps:
        message = "pretraining is not declared"
        raise NotLooked(message)
    bad = _Tested.of(evidence).among(names)
    yield from fault("/", bad, "{n} names of the tested dataset are of what was pretrained on")


def _named_by(manifest: TrainingManifest, evidence: Evidence) -> list[str]:
    """Accessions that a manifest lists, and the datasets that it lists beside the pinned one.

    Of the pinned one it may list what is trained on alone: of that its cells tell.
    """
    assert evidence.dataset is not None
    others = [one for one in manifest.included if one["id"] != evidence.dataset.document["id"]]
    named = [str(one[name]) for one in others for name in ("id", "content")]
    return [*sorted(manifest.accessions), *named]


@leak("VCS722")
def pretraining_not_declared(evidence: Evidence) -> Iterator[Fault]:
    """Look for the declaration."""
    if "pretraining" not in _declared(evidence):
        yield Fault("/", "no declaration of pretraining", "one", pointer="/vcspec/training")


def verdict_on(evidence: Evidence, report: Report, released: str) -> tuple[str, str]:
    """Contamination of one tested dataset, and why.

    Args:
        evidence: with predictions and dataset, of that tested dataset alone.
        report: of the audit of it.
        released: day on which the tested dataset became public; empty where it is not known.

    Returns:
        confirmed, likely, unlikely, or not declared; and the reason, for a reader.
    """
    for code, verdict, reason in FOUND:
        if code in report.codes:
            return verdict, f"{reason} ({code})"
    stated = _declared(evidence).get("pretraining")
    if stated is None:
        return "not declared", "the predictions do not declare pretraining"
    until = stated.get("until")
    if released and until and until < released:
        return "unlikely", f"all data were released by {until}, the dataset on {released}"
    untold = [*_hidden(evidence, stated), *_not_compared(evidence, report)]
    if untold:
        return "not declared", "; ".join(untold)
    return "unlikely", "no accession that is declared or listed, and no cell, is the dataset's"


def _hidden(evidence: Evidence, stated: Mapping[str, Any]) -> list[str]:
    """Declared corpora that may hold the dataset under another name: without accessions."""
    shown = {name for one in evidence.manifests for name in (one.name, one.document["id"])}
    shown |= {name for one in evidence.overlaps for name in (one.name, one.name.partition("@")[0])}
    hidden = [name for name in stated["corpora"] if name not in shown]
    told = f"neither accessions nor a manifest say what is in {', '.join(hidden)}"
    return [told] if hidden and not stated["accessions"] else []


def _not_compared(evidence: Evidence, report: Report) -> list[str]:
    """Why what was trained on could not be held against the tested cells."""
    skipped = [one.because for one in report.skipped if one.code == "VCS720"]
    if skipped and evidence.has["manifest"]:
        return [f"tested cells were not looked for: {skipped[0]}"]
    return [*_not_over(evidence), *_too_few(evidence)]


def _not_over(evidence: Evidence) -> list[str]:
    """Why manifests rule out no match: other features, or too few tested cells with a hash."""
    assert evidence.dataset is not None
    space = evidence.dataset.document["values"]["space"]
    if space in AS_MEASURED:
        why = f"cells are hashed by their counts, and the tested dataset holds {space}"
        return [f"{one.name}: {why}" for one in evidence.manifests]
    own = features_digest(evidence.dataset.features)
    number = comparable(evidence, kept=("test",))
    is_few = too_few(*number.tested)
    other = "cells are hashed over features that are not stated, or not the dataset's"
    return [
        f"{one.name}: {number if is_few else other}"
        for one in evidence.manifests
        if is_few or not one.hashes_all_over(own)
    ]


def _too_few(evidence: Evidence, *, nearly: bool = False) -> list[str]:
    """Why datasets of training rule out no match: too few tested cells can be compared."""
    untold = []
    for one in evidence.overlaps:
        part = one.sketched if nearly else one.cells
        if not one.is_counted:
            untold.append(f"{one.name}: cells without counts are compared value by value alone")
        elif too_few(part, one.tested):
            untold.append(
                f"{one.name}: {part} of {one.tested} tested cells can be compared by the "
                f"{one.features} features that both have, of which {LEAST_FEATURES} or more have "
                "to be detected"
            )
        elif nearly and one.stopped:
            untold.append(f"{one.name}: {STOPPED}")
    return untold
