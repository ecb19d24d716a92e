"""Arms of the null panel: submissions that know nothing, and transforms of an honest one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vcspec.catalog import Catalog
from vcspec.model.matrix import Array
from vcspec.standard import standard
from vcspec.statistics.mixing import STEP, splitmix64


@dataclass(frozen=True, eq=False)
class Scene:
    """What arms are made of; every matrix (cells, features) of log1p values.

    Attributes:
        keys: of the test conditions.
        context: (conditions,) number of the context of each.
        control: for each condition control cells, as many as are to be predicted.
        truth: for each condition its true cells.
        honest: for each condition the cells of a prediction that knows something, with errors.
        trained: for each condition cells of training perturbations of its context, or of any.
        centre: (conditions, features) mean of the training perturbations.
        targets: for each condition the numbers of the features that it targets.
        most: largest value that a cell may have.
    """

    keys: Sequence[str]
    context: NDArray[np.int64]
    control: Sequence[Array]
    truth: Sequence[Array]
    honest: Sequence[Array]
    trained: Sequence[Array]
    centre: Array
    targets: Sequence[NDArray[np.int64]]
    most: float

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def strength_of_features(self) -> Array:
        """(features,) mean over the controls."""
        return np.asarray(np.mean([cells.mean(axis=0) for cells in self.control], axis=0))

    @cached_property
    def all_targets(self) -> NDArray[np.int64]:
        """Features that any of the conditions targets."""
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *self.targets]))


Arm = Callable[[Scene, float], list[Array | None]]
"""Gives the cells of each condition; None where it predicts nothing."""

ARMS: Catalog[Arm] = Catalog("arm", standard().arms)
arm = ARMS.claim


def submission(name: str, scene: Scene, strength: float) -> list[Array | None]:
    """Cells of each condition, within what values may be; None where nothing is predicted.

    Raises:
        UnknownName: the standard has no such arm.
    """
    return [
        None if cells is None else np.clip(cells, 0, scene.most).astype(np.float32)
        for cells in ARMS[name](scene, strength)
    ]


def uniform(shape: tuple[int, ...], seed: int) -> Array:
    """Numbers in (0, 1) that no generator makes: SplitMix64 of their place."""
    place = np.arange(int(np.prod(shape)), dtype=np.uint64).reshape(shape)
    with np.errstate(over="ignore"):
        bits = splitmix64((place + np.uint64(seed << 40)) * STEP)
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def normal(shape: tuple[int, ...], seed: int) -> Array:
    """Standard normal numbers of the same kind, by Box and Muller."""
    first, second = uniform(shape, seed), uniform(shape, seed + 1)
    return np.asarray(np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second))


def moved(cells: Array, change: Array) -> Array:
    """Cells whose means are changed by so much: silent ones are left, unless all are."""
    mean = cells.mean(axis=0)
    wanted = np.maximum(mean + change, 0)
    factor = np.divide(wanted, mean, out=np.ones_like(mean), where=mean > 0)
    return np.where(mean > 0, cells * factor, wanted)


@arm("control-cells")
def control_cells(scene: Scene, strength: float) -> list[Array | None]:
    """Control cells, resampled."""
    return [
        cells[(uniform((len(cells),), 7 * int(strength) + 1) * len(cells)).astype(int)]
        if strength
        else cells
        for cells in scene.control
    ]


@arm("few-cells")
def few_cells(scene: Scene, strength: float) -> list[Array | None]:
    """Copies of the first cells."""
    return [
        cells[np.arange(len(cells)) % min(int(strength), len(cells))] for cells in scene.control
    ]


@arm("noise")
def noise(scene: Scene, strength: float) -> list[Array | None]:
    """Noise on control cells, another for each condition."""
    return [
        cells + strength * normal(cells.shape, 100 + 2 * row)
        for row, cells in enumerate(scene.control)
    ]


@arm("half-zero")
def half_zero(scene: Scene, strength: float) -> list[Array | None]:
    """Zeros for the first conditions by name."""
    first = sorted(range(len(scene)), key=lambda row: scene.keys[row])
    silent = set(first[: round(strength * len(scene))])
    return [cells * (row not in silent) for row, cells in enumerate(scene.control)]


@arm("other-targets")
def other_targets(scene: Scene, strength: float) -> list[Array | None]:
    """The features that the other conditions target, raised."""
    found: list[Array | None] = []
    for cells, own in zip(scene.control, scene.targets, strict=True):
        raised = cells.copy()
        raised[:, np.setdiff1d(scene.all_targets, own)] += strength
        found.append(raised)
    return found


@arm("low-features")
def low_features(scene: Scene, strength: float) -> list[Array | None]:
    """The weaker half of the features, multiplied before the logarithm."""
    weak = scene.strength_of_features <= np.median(scene.strength_of_features)
    factor = np.where(weak, strength, 1.0)
    return [np.log1p(np.expm1(cells) * factor) for cells in scene.control]


@arm("library-mass")
def library_mass(scene: Scene, strength: float) -> list[Array | None]:
    """Everything multiplied before the logarithm."""
    return [np.log1p(np.expm1(cells) * strength) for cells in scene.control]


@arm("target-only")
def target_only(scene: Scene, strength: float) -> list[Array | None]:
    """The own target, scaled."""
    found: list[Array | None] = []
    for cells, own in zip(scene.control, scene.targets, strict=True):
        scaled = cells.copy()
        scaled[:, own] *= strength
        found.append(scaled)
    return found


@arm("constant")
def constant(scene: Scene, strength: float) -> list[Array | None]:
    """The mean change of the training perturbations."""
    pairs = zip(scene.control, _centre(scene), strict=True)
    return [moved(cells, strength * (mean - cells.mean(axis=0))) for cells, mean in pairs]


@arm("flat-constant")
def flat_constant(scene: Scene, strength: float) -> list[Array | None]:
    """The same without spread between cells."""
    pairs = zip(scene.control, _centre(scene), strict=True)
    return [
        (1 - strength) * moved(cells, mean - cells.mean(axis=0)) + strength * mean
        for cells, mean in pairs
    ]


@arm("same-cells")
def same_cells(scene: Scene, strength: float) -> list[Array | None]:
    """One block of training cells."""
    found: list[Array | None] = []
    for cells, known in zip(scene.control, scene.trained, strict=True):
        places = uniform((len(cells),), 31 * int(strength) + 2) * len(known)
        found.append(known[places.astype(int)])
    return found


@arm("shuffled-labels")
def shuffled_labels(scene: Scene, strength: float) -> list[Array | None]:
    """True cells of other conditions of the context."""
    found: list[Array | None] = [None] * len(scene)
    for context in np.unique(scene.context):
        rows = np.flatnonzero(scene.context == context)
        step = 1 + (int(strength) - 1) % max(len(rows) - 1, 1)
        for place, row in enumerate(rows.tolist()):
            source = int(rows[(place + step) % len(rows)])
            # A context of one condition has no other: its control then.
            found[row] = scene.control[row] if len(rows) == 1 else scene.truth[source]
    return found


@arm("scale")
def scale(scene: Scene, strength: float) -> list[Array | None]:
    """The honest change, larger or smaller."""
    pairs = zip(scene.honest, scene.control, strict=True)
    return [
        moved(cells, (strength - 1) * (cells.mean(axis=0) - control.mean(axis=0)))
        for cells, control in pairs
    ]


@arm("shift")
def shift(scene: Scene, strength: float) -> list[Array | None]:
    """What is expressed, raised."""
    return [cells + strength * (cells > 0) for cells in scene.honest]


@arm("spread")
def spread(scene: Scene, strength: float) -> list[Array | None]:
    """Cells nearer to their mean, or farther from it."""
    return [cells.mean(axis=0) + strength * (cells - cells.mean(axis=0)) for cells in scene.honest]


@arm("clip")
def clip(scene: Scene, strength: float) -> list[Array | None]:
    """Values cut from above."""
    top = strength * max(float(cells.max(initial=0)) for cells in scene.honest)
    return [np.minimum(cells, top) for cells in scene.honest]


@arm("square-root")
def square_root(scene: Scene, strength: float) -> list[Array | None]:
    """Square roots of the values."""
    return [(1 - strength) * cells + strength * np.sqrt(cells) for cells in scene.honest]


@arm("log-again")
def log_again(scene: Scene, strength: float) -> list[Array | None]:
    """Logarithms of the values."""
    return [(1 - strength) * cells + strength * np.log1p(cells) for cells in scene.honest]


@arm("feature-ranks")
def feature_ranks(scene: Scene, strength: float) -> list[Array | None]:
    """Ranks of each feature's values over all cells."""
    sizes = [len(cells) for cells in scene.honest]
    whole = np.concatenate(list(scene.honest))
    order = np.sort(whole, axis=0)
    ranks = np.column_stack(
        [np.searchsorted(order[:, f], whole[:, f], side="left") for f in range(whole.shape[1])]
    )
    scaled = ranks / max(len(whole) - 1, 1) * whole.max(axis=0)
    parts = np.split(scaled, np.cumsum(sizes)[:-1])
    pairs = zip(scene.honest, parts, strict=True)
    return [(1 - strength) * cells + strength * part for cells, part in pairs]


@arm("hard-missing")
def hard_missing(scene: Scene, strength: float) -> list[Array | None]:
    """Nothing where the honest prediction is farthest off."""
    pairs = zip(scene.honest, scene.truth, strict=True)
    error = [np.square(p.mean(axis=0) - t.mean(axis=0)).mean() for p, t in pairs]
    hard = set(np.argsort(-np.array(error), kind="stable")[: round(strength * len(scene))].tolist())
    return [None if row in hard else cells for row, cells in enumerate(scene.honest)]


@arm("truth")
def truth(scene: Scene, strength: float) -> list[Array | None]:  # noqa: ARG001 - there is one
    """The true cells."""
    return list(scene.truth)


def _centre(scene: Scene) -> Array:
    """(conditions, features) the centre; the control where there is none."""
    control = np.array([cells.mean(axis=0) for cells in scene.control])
    return np.where(np.isnan(scene.centre), control, scene.centre)
