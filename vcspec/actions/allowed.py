"""What a split lets whom see: the cells for training, the controls, the test conditions."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from vcspec.actions.cells import ConditionCells
from vcspec.baselines.cells import dispersed, shifted, typical, unchanged
from vcspec.baselines.profiles import Profiles, predicted
from vcspec.model.comparison import Space
from vcspec.model.condition import Condition
from vcspec.model.errors import Mismatch
from vcspec.model.matrix import Rows, stack
from vcspec.model.spaces import AS_MEASURED, SIGNED
from vcspec.model.training import Training
from vcspec.rules.split import Table
from vcspec.rules.subject import Subject
from vcspec.statistics.axes import FITTED, pinned_space
from vcspec.statistics.cellwise import drawn, stacked
from vcspec.statistics.moments import mean_profile
from vcspec.statistics.sides import Control


class Allowed:
    """A split on its dataset.

    Raises:
        Mismatch: the dataset is not the one that the split pins.
    """

    def __init__(self, split: Subject, dataset: Subject) -> None:
        pinned, found = split.document["datasets"][0], dataset.claimed_content()
        if found != pinned["content"]:
            message = (
                f"{dataset.store.target} is {found}; {split.store.target} is a split of "
                f"{pinned['id']}@{pinned['version']} {pinned['content']}"
            )
            raise Mismatch(message)
        if list(split.features) != list(dataset.features):
            message = (
                f"the features of {split.store.target} are not those of {dataset.store.target}, in "
                "its order; make the split again with `vcspec split`"
            )
            raise Mismatch(message)
        self.split = split
        self.dataset = dataset
        self.table = Table(split)
        self.cells = ConditionCells(dataset, split.document["values"])
        self.phenotypes: Mapping[str, str] = {}

    @property
    def tested(self) -> list[Condition]:
        """Test conditions, in the split's order."""
        return self.table.tested

    @cached_property
    def _places(self) -> dict[Condition, int]:
        return {condition: place for place, condition in enumerate(self.tested)}

    @cached_property
    def contexts(self) -> list[str]:
        """Contexts of the test conditions, in the order of their first."""
        return list(dict.fromkeys(condition.context_key for condition in self.tested))

    @cached_property
    def controls(self) -> dict[str, Control]:
        """Context → its control cells, of conditions with the role train or inference-input."""
        return {
            context: Control(piece.log1p, piece)
            for context, piece in (
                (context, stacked([self.cells.piece(key) for key in keys]))
                for context, keys in self.control_keys.items()
            )
        }

    @cached_property
    def space(self) -> Space:
        """Axes and features that what may be fitted on pins; from at most `FITTED` of its cells."""
        keys = [condition.key for condition in self.table.having("train", "inference-input")]
        sizes = np.array([self.cells.count(key) for key in keys])
        ends = np.cumsum(sizes)
        places = drawn(int(ends[-1]), FITTED)
        rows = [
            self.cells.of(key).take(inside - (end - size))
            for key, size, end in zip(keys, sizes, ends, strict=True)
            if len(inside := places[(places >= end - size) & (places < end)])
        ]
        return pinned_space(stack(rows))

    @cached_property
    def control_keys(self) -> dict[str, list[str]]:
        """Context → keys of its control conditions that may be seen."""
        keys: dict[str, list[str]] = {}
        for condition in self.table.having("train", "inference-input"):
            if condition.perturbation == self.table.control:
                keys.setdefault(condition.context_key, []).append(condition.key)
        return keys

    @cached_property
    def training(self) -> Training:
        """Mean profiles of what may be fitted on."""
        trained = [c for c in self.table.having("train") if c.perturbation != self.table.control]
        trained = [c for c in trained if c.context_key in self.controls]
        width = len(self.split.features)
        means = [mean_profile(self.cells.of(condition.key)) for condition in trained]
        controls = {context: control.mean for context, control in self.controls.items()}
        names = tuple(str(name) for name in self.split.features)
        profiles = np.array(means).reshape(len(means), width)
        is_signed = self.split.document["values"]["space"] in SIGNED
        least = -np.inf if is_signed else 0.0
        return Training(tuple(trained), profiles, controls, names, least)

    def baseline_profiles(self, name: str, targets: Sequence[Condition] | None = None) -> Profiles:
        """Mean profiles that a baseline predicts for the test conditions."""
        return predicted(name, self.training, self.tested if targets is None else targets)

    def baseline_cells(self, name: str, condition: Condition, profiles: Profiles) -> Rows:
        """Cells that a baseline predicts for one test condition."""
        control = self.controls[condition.context_key].rows
        number = int(self.split.document["cells_per_condition"])
        if name == "no-change":
            return unchanged(control, cells=number, key=condition.key)
        row, values = self._places[condition], self.split.document["values"]
        if values["space"] in AS_MEASURED:
            return shifted(control, profiles.means[row], cells=number, key=condition.key)
        most, height = float(np.log1p(values["target_sum"])), self._heights[condition.context_key]
        wanted, key = profiles.means[row], condition.key
        return dispersed(control, wanted, cells=number, most=most, key=key, height=height)

    @cached_property
    def _heights(self) -> dict[str, float]:
        return {context: typical(control.rows) for context, control in self.controls.items()}
