"""The datasets that a split tests: the pinned one, or those that it was merged of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vcspec.model.condition import Condition


@dataclass(frozen=True)
class TestedDataset:
    """A dataset that has test conditions.

    Attributes:
        name: id and version; the study, where no more is known.
        names: id and content digest, which others may call it by.
        studies: whose conditions are its own; None where all of the pinned dataset's are.
        released: day on which its measurements became public; empty where it is not known.
    """

    name: str
    names: frozenset[str]
    studies: frozenset[str] | None
    released: str


def tested_datasets(
    document: Mapping[str, Any], tested: Iterable[Condition]
) -> list[TestedDataset]:
    """Datasets with test conditions, in the order of the parts, studies without a part by name.

    Args:
        document: of the pinned dataset. Where its conditions name studies, each of its `parts` is
            a dataset, and so is each study that no part tells of.
        tested: conditions.
    """
    if "study" not in document["condition"]:
        return [_dataset(document, None)]
    studies = {condition.get("study") for condition in tested}
    parts = [_dataset(part, frozenset(part["studies"])) for part in document.get("parts", ())]
    known = {study for part in parts for study in part.studies or ()}
    released = str(document.get("released", ""))
    parts += [
        TestedDataset(study, frozenset(), frozenset([study]), released)
        for study in sorted(studies - known)
    ]
    return [part for part in parts if studies & (part.studies or frozenset())]


def _dataset(stated: Mapping[str, Any], studies: frozenset[str] | None) -> TestedDataset:
    names = {str(stated[name]) for name in ("id", "content") if name in stated}
    released = str(stated.get("released", ""))
    return TestedDataset(f"{stated['id']}@{stated['version']}", frozenset(names), studies, released)
