"""Folds: scorecards of one family of splits, and the conditions of all of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.actions.results import effect_sizes, significant_counts, split_strata
from vcspec.actions.score import Reference
from vcspec.metrics.suite import LACKING, NOT_FINITE
from vcspec.model.comparison import Scores
from vcspec.model.errors import UsageError
from vcspec.model.matrix import Array
from vcspec.model.scorecard import Scorecard
from vcspec.rules.split import Table
from vcspec.rules.subject import Subject
from vcspec.standard import standard

OTHER_FOLDS = "other-folds"
FOLD = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")


@dataclass(frozen=True, eq=False)
class Fold:
    """A fold's scorecard, and what it was made with.

    Attributes:
        place: of the scorecard.
        card: itself.
        digest: SHA-256 of its bytes.
        split: that it answers.
        reference: that it was scored with; None where the truth was the dataset's own.
    """

    place: Path
    card: Scorecard
    digest: str
    split: Subject
    reference: Reference | None

    @cached_property
    def strategy(self) -> Mapping[str, Any]:
        """Name, seed and parameters of the split."""
        found: Mapping[str, Any] = self.split.document["strategy"]
        return found

    @cached_property
    def place_in_family(self) -> tuple[int, int]:
        """Number of the fold, and how many there are.

        Raises:
            UsageError: the split is no fold.
        """
        stated = FOLD.fullmatch(str(self.strategy["parameters"].get("fold", "")))
        if stated is None:
            message = (
                f"{self.place} is of {self.split.document['id']}, which is no fold: its strategy "
                "states no fold such as 2/5 (`vcspec split --fold`)"
            )
            raise UsageError(message)
        return int(stated[1]), int(stated[2])

    @property
    def name(self) -> str:
        """Such as 2/5."""
        return "{}/{}".format(*self.place_in_family)

    @property
    def family(self) -> dict[str, Any]:
        """What all folds share of the strategy, and how many folds there are."""
        parameters = {k: v for k, v in self.strategy["parameters"].items() if k != "fold"}
        return {
            **{name: self.strategy[name] for name in ("name", "seed")},
            "parameters": parameters,
            "folds": self.place_in_family[1],
        }

    def stated(self) -> dict[str, Any]:
        """What the pooled scorecard says of it."""
        inputs = self.card.document["inputs"]
        return {
            "fold": self.name,
            "conditions": len(self.card.conditions),
            "scorecard": self.digest,
            **{name: inputs[name] for name in ("split", "reference", "predictions")},
        }


@dataclass(frozen=True, eq=False)
class Union:
    """The conditions of all folds, in the order of the dataset."""

    folds: Sequence[Fold]

    @cached_property
    def _order(self) -> list[int]:
        """(conditions,) where each one stands when the folds' conditions follow each other."""
        keys = [key for fold in self.folds for key in fold.card.conditions]
        place = {key: at for at, key in enumerate(keys)}
        table = Table(self.folds[0].split)  # every split of a dataset has all of its conditions
        return [place[c.key] for c in table.conditions if c.key in place]

    def taken(self, parts: Sequence[Iterable[Any]]) -> list[Any]:
        """Parts of the folds, each (conditions of the fold,), in the order of the union."""
        chained = [value for part in parts for value in part]
        return [chained[at] for at in self._order]

    def numbers(self, parts: Sequence[Array]) -> Array:
        """The same of numbers."""
        return np.asarray(np.concatenate(parts)[self._order])

    @cached_property
    def keys(self) -> list[str]:
        """(conditions,) keys."""
        return self.taken([fold.card.conditions for fold in self.folds])

    @cached_property
    def contexts(self) -> list[str]:
        """(conditions,) context of each."""
        return self.taken([fold.card.contexts for fold in self.folds])

    @cached_property
    def missing(self) -> list[str]:
        """Keys of conditions that are not predicted in full."""
        lost = {key for fold in self.folds for key in fold.card.document["missing"]}
        return [key for key in self.keys if key in lost]

    @cached_property
    def shared(self) -> NDArray[np.bool_]:
        """(conditions,) whether the context is tested in several folds."""
        owners: dict[str, set[str]] = {}
        for fold in self.folds:
            for context in fold.card.contexts:
                owners.setdefault(context, set()).add(fold.name)
        return np.array([len(owners[name]) > 1 for name in self.contexts], dtype=bool)

    def is_alone(self, metric: str) -> bool:
        """Whether the metric's value of a condition depends on no other condition."""
        task = standard().tasks[self.folds[0].card.document["task"]]
        return metric not in task["among_conditions"]

    def scores(self, metric: str) -> Scores:
        """Values as the folds have them; without those that no fold can know, or none predicts."""
        rows = [fold.card.metrics.index(metric) for fold in self.folds]
        pairs = list(zip(self.folds, rows, strict=True))
        values = self.numbers([fold.card.values[row] for fold, row in pairs])
        reasons = self.taken([fold.card.reasons[row] for fold, row in pairs])
        lost = np.array([key in self.missing for key in self.keys]) & ~np.isnan(values)
        reasons = [NOT_FINITE if gone else r for gone, r in zip(lost, reasons, strict=True)]
        if not self.is_alone(metric):
            unknown = self.shared & np.array([reason not in LACKING for reason in reasons])
            lost |= unknown
            reasons = [OTHER_FOLDS if u else r for u, r in zip(unknown, reasons, strict=True)]
        return Scores(np.where(lost, np.nan, values), tuple(reasons))

    def anchors(self, metric: str) -> dict[str, Array]:
        """Anchors that every fold has."""
        found = [fold.reference.anchors(metric) for fold in self.folds if fold.reference]
        names = [name for name in found[0] if all(name in one for one in found)] if found else []
        hidden = self.shared & (not self.is_alone(metric))
        return {
            name: np.where(hidden, np.nan, self.numbers([one[name] for one in found]))
            for name in names
        }

    def strata(self) -> dict[str, list[str]]:
        """Division → (conditions,) part."""
        strata = {}
        references = [fold.reference.subject for fold in self.folds if fold.reference]
        if references:
            counts = [significant_counts(one.layer("fdr")) for one in references]
            strata["effect"] = effect_sizes(np.array(self.taken(counts), dtype=np.int64))
        known = [split_strata(fold.split, fold.card.conditions) for fold in self.folds]
        return strata | {name: self.taken([one[name] for one in known]) for name in known[0]}
