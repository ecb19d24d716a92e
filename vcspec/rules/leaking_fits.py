"""VCS705 and 723: what is fitted again, from the cells that were to be looked at, and from all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vcspec.model.finding import Fault
from vcspec.model.matrix import AnyArray, Array
from vcspec.model.spaces import AS_MEASURED
from vcspec.rules.evidence import CellEvidence, Evidence
from vcspec.rules.leaks import NotLooked, fault, fitted, is_on, leak
from vcspec.rules.subject import Subject
from vcspec.statistics.dispersion import cell_ranger, seurat
from vcspec.statistics.moments import Moments
from vcspec.statistics.refit import (
    Products,
    axes,
    likeness,
    pooled_moments,
    pooled_products,
    standardised,
    variable,
)

SAME = 0.999  # likeness from which on two spaces of axes are one
OTHER_FEATURES = 50  # of so many chosen features one may be another, by rounding
STANDARD = 1e-3  # median deviation from mean 0 and deviation 1, of features that were standardised
NEARER = 10.0  # times that all cells are nearer to it than those that models may see
MOST_FEATURES = 2_500  # of which products are summed up
SELECTIONS: Mapping[str, Callable[[Moments, int], set[int]]] = {
    "log1p-variance": variable,
    "cell-ranger-dispersion": cell_ranger,
    "seurat-dispersion": seurat,
}
"""Method → features that it chooses by moments of log1p values; the last by those of amounts."""
OF_AMOUNTS = "seurat-dispersion"
SEEN_AT_MOST = ("train", "validation", "inference-input")

Cells = Callable[[str, bool], bool]
"""Whether something is fitted on the cells of a role, and of controls or not."""
WHOLE: Sequence[Cells] = (lambda _, __: True, lambda role, _: role != "excluded")
HONEST: Sequence[Cells] = (
    lambda role, _: role == "train",
    lambda role, _: role in {"train", "validation"},
    lambda role, _: role in {"train", "inference-input"},
    lambda role, _: role in SEEN_AT_MOST,
    lambda _, is_control: is_control,
    lambda role, is_control: is_control and role == "train",
)


@leak("VCS705")
def fit_not_as_declared(evidence: Evidence) -> Iterator[Fault]:
    """Select features, or compute axes, again from the cells that they are said to be fitted on."""
    declared = fitted(evidence)
    if not declared:
        message = "nothing that could be computed again is declared as fitted"
        raise NotLooked(message)
    again = [entry for entry in declared if _can_be_repeated(evidence, entry)]
    faults = [fault for entry in again for fault in _again(evidence, entry)]
    if len(again) < len(declared) and not faults:
        message = (
            f"{len(declared) - len(again)} of {len(declared)} declared fits cannot be computed "
            "again: that takes cells of the dataset and a number, and either a column of var that "
            f"marks the chosen among all features and the method {', '.join(SELECTIONS)}, or the "
            "method log1p-pca and loadings in varm"
        )
        raise NotLooked(message)
    yield from faults


def _can_be_repeated(evidence: Evidence, entry: Mapping[str, Any]) -> bool:
    data = evidence.dataset
    assert data is not None
    if not {"column", "number"} <= entry.keys() or entry["on"] == "other-data":
        return False
    if entry["method"] == "log1p-pca":
        return entry["column"] in {name for name, _ in _loadings(data)}
    return entry["method"] in _selections(data) and data.has_column("var", entry["column"])


def _again(evidence: Evidence, entry: Mapping[str, Any]) -> Iterator[Fault]:
    data, column = evidence.dataset, entry["column"]
    assert data is not None
    on = [
        place
        for place, condition in enumerate(evidence.conditions)
        if is_on(entry["on"], condition, evidence.table.control)
    ]
    cells = _cells(evidence)
    if entry["method"] == "log1p-pca":
        stored = dict(_loadings(data))[column]
        used, kept = _used(stored)
        alike = _nearest(kept, [cells.products(on, used)])
        if alike < SAME:
            what = f"axes are those of the cells declared by {alike:.3g} alone"
            yield Fault(f"/varm/{column}", what, f"{SAME} or more, 1 where they are the same")
        return
    chosen = np.flatnonzero(data.column("var", column).values.astype(bool))
    method, number = entry["method"], entry["number"]
    sums = cells.amounts(on) if method == OF_AMOUNTS else cells.sums(on)
    found: set[int] = SELECTIONS[method](sums, number) if sums.cells else set()
    strange = set(chosen.tolist()) ^ found
    if method != "log1p-variance" and len(strange) <= 2 * (number // OTHER_FEATURES):
        return  # scanpy takes the exponential in single precision
    names = [str(data.features[place]) for place in sorted(strange)]
    what = "{n} features are chosen, or left out, otherwise than by the cells declared"
    yield from fault(f"/var/{column}", names, what, "the same")


def _selections(data: Subject) -> Sequence[str]:
    """Methods that can be computed again: dispersions take values that are logarithms."""
    measured = data.document["values"]["space"] in AS_MEASURED
    return ["log1p-variance"] if measured else list(SELECTIONS)


def _cells(evidence: Evidence) -> CellEvidence:
    assert evidence.cells is not None
    return evidence.cells


@leak("VCS723")
def fit_of_all_cells(evidence: Evidence) -> Iterator[Fault]:
    """Choose features, and compute axes, again from all cells and from those that may be used."""
    data = evidence.dataset
    assert data is not None
    known = {entry.get("column") for entry in data.document.get("fitted", ())}
    artefacts = {"dataset": data, "split": evidence.split, "predictions": evidence.predictions}
    alike = {
        what: subject
        for what, subject in artefacts.items()
        if subject is not None and np.array_equal(subject.features, data.features)
    }
    lists = [(w, n, v) for w, s in alike.items() for n, v in _lists(s) if n not in known]
    loadings = [(w, n, v) for w, s in alike.items() for n, v in _loadings(s) if n not in known]
    is_scaled = _is_standardised(data)
    if not lists and not loadings and not is_scaled:
        message = (
            "no list of features, no loadings and no z-scores are at hand that `fitted` does not "
            "declare"
        )
        raise NotLooked(message)
    sides = _Sides(evidence)
    if is_scaled:
        yield from sides.of_values()
    for what, name, chosen in lists:
        yield from sides.of_list(what, name, chosen)
    for what, name, values in loadings:
        yield from sides.of_loadings(what, name, values)


def _is_standardised(data: Subject) -> bool:
    """Whether the values may have been standardised, and nobody says on which cells."""
    declared = {entry["what"] for entry in data.document.get("fitted", ())}
    return data.document["values"]["space"] == "zscore" and "normalisation" not in declared


def _lists(subject: Subject) -> Iterator[tuple[str, set[int]]]:
    """Columns of var that mark some features, and the places of these."""
    for path in subject.store.skeleton.nodes:
        name = path.removeprefix("/var/")
        if name == path or "/" in name or name in {"_index", "is_target"}:
            continue
        found = subject.column("var", name)
        if found.sort == "boolean" and 0 < found.values.sum() < len(found):
            yield name, set(np.flatnonzero(found.values).tolist())


def _loadings(subject: Subject) -> Iterator[tuple[str, Array]]:
    """Arrays of varm with fewer axes than features."""
    for path, node in subject.store.skeleton.nodes.items():
        name = path.removeprefix("/varm/")
        is_array = node.sort == "array" and len(node.shape) == 2
        if name != path and is_array and "float" in node.data_type:
            found = np.asarray(subject.array(path), dtype=np.float64)
            used, kept = _used(found)
            if np.isfinite(found).all() and 0 < kept.shape[1] < len(used) <= MOST_FEATURES:
                yield name, found


def _used(loadings: Array) -> tuple[AnyArray, Array]:
    """Places of the features that have loadings, and these: axes on chosen features have zeros."""
    used = np.flatnonzero(loadings.any(axis=1))
    return used, loadings[used]


def _nearest(loadings: Array, sums: Sequence[Products]) -> float:
    """How much of the axes is found again in those of any of the cells, scaled or not."""
    number = loadings.shape[1]
    return max(
        likeness(loadings, axes(one, number, scaled=scaled))
        for one in sums
        for scaled in (False, True)
    )


@dataclass(frozen=True, eq=False)
class _Sides:
    """The cells of a split by role, and what would have been fitted on which of them."""

    evidence: Evidence

    @cached_property
    def groups(self) -> Mapping[tuple[str, bool], Sequence[int]]:
        """(role, whether controls) → conditions."""
        found: dict[tuple[str, bool], list[int]] = {}
        both = zip(self.evidence.role.tolist(), self.evidence.is_control.tolist(), strict=True)
        for place, key in enumerate(both):
            found.setdefault(key, []).append(place)
        return found

    @cached_property
    def sums(self) -> Mapping[tuple[str, bool], Moments]:
        """Moments of the log1p values of each group."""
        return {key: _cells(self.evidence).sums(places) for key, places in self.groups.items()}

    @cached_property
    def amounts(self) -> Mapping[tuple[str, bool], Moments]:
        """The same before the logarithm."""
        return {key: _cells(self.evidence).amounts(p) for key, p in self.groups.items()}

    def _sets(self, which: Sequence[Cells]) -> list[list[tuple[str, bool]]]:
        found = [[key for key in self.groups if is_in(*key)] for is_in in which]
        return [keys for keys in found if keys]

    def of_list(self, what: str, name: str, chosen: set[int]) -> Iterator[Fault]:
        """The list beside the lists that all cells, and those that may be used, give."""

        def differ(method: str, which: Sequence[Cells]) -> int:
            parts = self.amounts if method == OF_AMOUNTS else self.sums
            pooled = [pooled_moments([parts[key] for key in keys]) for keys in self._sets(which)]
            select = SELECTIONS[method]
            found = [len(chosen - select(sums, len(chosen))) for sums in pooled if sums.cells]
            return min(found, default=len(chosen))

        slack = len(chosen) // OTHER_FEATURES
        assert self.evidence.dataset is not None
        methods = _selections(self.evidence.dataset)
        fitting = [method for method in methods if differ(method, WHOLE) <= slack]
        honest = min(differ(method, HONEST) for method in methods) if fitting else 0
        if honest > 2 * slack:
            yield Fault(
                f"/var/{name}",
                f"the {len(chosen)} features that the {what} marks are those that vary most over "
                f"all cells ({fitting[0]}), tested ones included; over cells that models may see "
                f"{honest} of them would be others",
                "features chosen without the tested cells",
                count=honest,
            )

    def of_values(self) -> Iterator[Fault]:
        """Mean and deviation of each feature over all cells, and over those that may be used."""

        def off(which: Sequence[Cells]) -> float:
            pooled = [pooled_moments([self.sums[k] for k in keys]) for keys in self._sets(which)]
            return min((standardised(one) for one in pooled if one.cells > 1), default=np.inf)

        if (whole := off(WHOLE)) <= STANDARD and NEARER * whole < (honest := off(HONEST)):
            yield Fault(
                "/X",
                "over all cells, tested ones included, features have mean 0 and deviation 1 to "
                f"within {whole:.1g} (median); over cells that models may see to within "
                f"{honest:.1g}",
                "values standardised without the tested cells",
            )

    def of_loadings(self, what: str, name: str, loadings: Array) -> Iterator[Fault]:
        """The axes beside those of all cells, and of those that may be used."""
        used, kept = _used(loadings)
        parts = {key: _cells(self.evidence).products(p, used) for key, p in self.groups.items()}

        def alike(which: Sequence[Cells]) -> float:
            pooled = [pooled_products([parts[k] for k in keys]) for keys in self._sets(which)]
            known = [sums for sums in pooled if sums.cells]
            return _nearest(kept, known) if known else 0.0

        if (whole := alike(WHOLE)) >= SAME > (honest := alike(HONEST)):
            yield Fault(
                f"/varm/{name}",
                f"the {kept.shape[1]} axes of the {what} are those of all cells, tested ones "
                f"included, by {whole:.5g}; those of cells that models may see by {honest:.3g}",
                "axes fitted without the tested cells",
            )
