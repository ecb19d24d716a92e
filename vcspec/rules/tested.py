"""The datasets that a split tests: the pinned one, or the studies in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vcspec.model.condition import Condition


@dataclass(frozen=True)
class TestedDataset:
    """A dataset that has test conditions.

    Attributes:
        name: id and version, with the study where it has several; the study, where no more is
            known.
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
    """Datasets with test conditions.

    Args:
        document: of the pinned dataset. Where its conditions name studies, each study is a dataset;
            it goes by the names of the one of `parts` that it is of.
        tested: conditions.
    """
    if "study" not in document["condition"]:
        return [_dataset(document, None, _named(document))]
    parts = {study: part for part in document.get("parts", ()) for study in part["studies"]}
    return [
        _of_study(study, parts.get(study), str(document.get("released", "")))
        for study in sorted({condition.get("study") for condition in tested})
    ]


def _of_study(study: str, part: Mapping[str, Any] | None, released: str) -> TestedDataset:
    own = frozenset([study])
    if part is None:
        return TestedDataset(study, frozenset(), own, released)
    more = f" {study}" if len(part["studies"]) > 1 else ""
    return _dataset(part, own, f"{_named(part)}{more}")


def _named(stated: Mapping[str, Any]) -> str:
    return f"{stated['id']}@{stated['version']}"


def _dataset(stated: Mapping[str, Any], studies: frozenset[str] | None, name: str) -> TestedDataset:
    names = {str(stated[member]) for member in ("id", "content") if member in stated}
    return TestedDataset(name, frozenset(names), studies, str(stated.get("released", "")))
