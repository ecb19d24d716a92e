"""What several descriptions of an artefact say in the same words."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from vcspec.model.described import Described
from vcspec.standard import Standard, standard

URL_SAFE = "%/:=&?~#+!$,;@()*"  # what of an address stands as it is


def known(found: Described) -> Standard:
    """The standard that the artefact follows."""
    return standard(str(found.document["spec"]))


def title(found: Described) -> str:
    """Title of the artefact."""
    stated = found.document.get("title")
    return str(stated or f"Reference of the split {found.document['split']['id']}")


def summary(found: Described) -> str:
    """What it is, in a few sentences."""
    document = found.document
    if found.kind == "dataset":
        return str(document.get("summary") or document["title"])
    pin = document["datasets"][0]
    of = f"the dataset {pin['id']}@{pin['version']}"
    if found.kind == "split":
        return f"A split of {of}. {known(found).claims[document['claim']]['says']}"
    split = document["split"]
    return (
        f"What a scorer needs to know of the test conditions of the split {split['id']}@"
        f"{split['version']} of {of}: their statistics, and the values of baselines and of the "
        "replicate."
    )


def citations(found: Described) -> tuple[Mapping[str, Any], ...]:
    """Papers to cite; those of the dataset that a split or reference pins, where it is at hand."""
    return tuple((found.dataset or {}).get("citations", ()))


def keywords(found: Described) -> list[str]:
    """Terms by which the artefact is found."""
    dataset = found.dataset or {}
    terms = [dataset.get("modality"), dataset.get("organism"), *dataset.get("assay", ())]
    if found.kind == "split":
        terms += [found.document["task"], found.document["claim"]]
    return [str(term) for term in dict.fromkeys(terms) if term and term != "none"]


def released(found: Described) -> str:
    """Day on which the measurements became public, ISO 8601; empty where nobody says."""
    stated = str(found.document.get("released", ""))
    try:
        return date.fromisoformat(stated).isoformat()
    except ValueError:
        return ""


def doi_url(doi: str) -> str:
    """Address of a DOI."""
    return f"https://doi.org/{quote(doi, safe='/:;()')}"


def person(name: str) -> tuple[str, str] | None:
    """Family and given name of `Family, Given`; None for a group, or another form."""
    family, comma, given = (part.strip() for part in name.partition(","))
    return (family, given) if comma and family and given and "," not in given else None
