"""What a split lets be seen of its dataset, the baselines, and the halves of the replicate.

Written from the prose and tables of the standard; imports nothing of the package that it checks.
"""

import hashlib
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from naive_metrics import SPEC, Side, Vector, mean_profile, side_of_cells, squared

BASELINES = tomllib.loads((SPEC / "baselines.toml").read_text("utf-8"))
WORD = 2**64
GOLDEN_RATIO = 0x9E3779B97F4A7C15
FEWEST_CELLS = 4
Sides = Mapping[str, Side]


@dataclass(frozen=True)
class Benchmark:
    """Dataset and split, brought together.

    Attributes:
        cells: condition → (cells, features) float32 values.
        names: condition → names of its cells.
        context: condition → context.
        perturbation: condition → perturbation.
        role: condition → role.
        control: the control label.
        untargeted: features that no perturbation of the split targets.
        features: names.
        target_sum: of the values.
        draws: cells of a predicted condition.
    """

    cells: Mapping[str, np.ndarray]
    names: Mapping[str, Sequence[str]]
    context: Mapping[str, str]
    perturbation: Mapping[str, str]
    role: Mapping[str, str]
    control: str
    untargeted: Sequence[int]
    features: Sequence[str]
    target_sum: float
    draws: int

    def with_role(self, role: str) -> list[str]:
        """Perturbed conditions of a role, in the split's order."""
        return [
            key
            for key, found in self.role.items()
            if found == role and self.perturbation[key] != self.control
        ]

    def controls(self, context: str) -> list[str]:
        """Control conditions of a context that may be seen."""
        return [
            key
            for key, found in self.context.items()
            if found == context
            and self.perturbation[key] == self.control
            and self.role[key] in {"train", "inference-input"}
        ]

    def control_cells(self, key: str) -> np.ndarray:
        """Control cells of a condition's context."""
        return np.concatenate([self.cells[other] for other in self.controls(self.context[key])])


def truths(b: Benchmark) -> Sides:
    return {key: side_of_cells(b.cells[key], b.control_cells(key)) for key in b.with_role("test")}


# ---- mean profiles ------------------------------------------------------------------------------


def measured(b: Benchmark, key: str) -> Vector:
    return mean_profile(b.cells[key])


def control_profile(b: Benchmark, key: str) -> Vector:
    return mean_profile(b.control_cells(key))


def effect(b: Benchmark, key: str) -> Vector:
    """t - c of a training condition."""
    return measured(b, key) - control_profile(b, key)


def average(profiles: Sequence[Vector]) -> Vector:
    return np.array([math.fsum(column) / len(column) for column in zip(*profiles, strict=True)])


def trained_with(b: Benchmark, perturbation: str) -> list[str]:
    return [key for key in b.with_role("train") if b.perturbation[key] == perturbation]


def in_context(b: Benchmark, keys: Sequence[str], key: str) -> list[str]:
    return [other for other in keys if b.context[other] == b.context[key]]


def no_change(b: Benchmark, key: str) -> tuple[Vector, bool]:
    return control_profile(b, key), True


def context_mean(b: Benchmark, key: str) -> tuple[Vector, bool]:
    trained = b.with_role("train")
    here = in_context(b, trained, key)
    if here:
        return average([measured(b, other) for other in here]), True
    return control_profile(b, key) + average([effect(b, other) for other in trained]), False


def perturbation_mean(b: Benchmark, key: str) -> tuple[Vector, bool]:
    same = trained_with(b, b.perturbation[key])
    if not same:
        return context_mean(b, key)[0], False
    return control_profile(b, key) + average([effect(b, other) for other in same]), True


def additive(b: Benchmark, key: str) -> tuple[Vector, bool]:
    members, profile = b.perturbation[key].split("+"), control_profile(b, key)
    for member in members:
        alone = trained_with(b, member)
        if len(members) < 2 or not alone:
            return context_mean(b, key)[0], False
        kept = in_context(b, alone, key) or alone
        profile = profile + average([effect(b, other) for other in kept])
    return profile, True


def nearest_context(b: Benchmark, key: str) -> tuple[Vector, bool]:
    own = control_profile(b, key)
    same = trained_with(b, b.perturbation[key])
    away = {
        b.context[other]: squared(own, control_profile(b, other))
        for other in same
        if b.context[other] != b.context[key]
    }
    if not away:
        return context_mean(b, key)[0], False
    nearest = min(sorted(away), key=lambda context: away[context])
    return own + average([effect(b, o) for o in same if b.context[o] == nearest]), True


def features_of(b: Benchmark, key: str) -> list[int]:
    """Numbers of the features that the condition's perturbation targets."""
    names = b.perturbation[key].split("+")
    return [list(b.features).index(name) for name in names if name in b.features]


def target_scaling(b: Benchmark, key: str) -> tuple[Vector, bool]:
    ratios = []
    for other in b.with_role("train"):
        base, profile = control_profile(b, other), measured(b, other)
        ratios += [profile[f] / base[f] for f in features_of(b, other) if base[f] > 0]
    if not ratios or not features_of(b, key):
        return context_mean(b, key)[0], False
    profile = control_profile(b, key)
    for feature in features_of(b, key):
        profile[feature] *= math.fsum(ratios) / len(ratios)
    return profile, True


def whole(b: Benchmark, key: str) -> bool:
    return len(features_of(b, key)) == len(b.perturbation[key].split("+"))


def embedding(b: Benchmark) -> tuple[list[str], Vector, np.ndarray, np.ndarray] | None:
    """Conditions, their mean change, what is left of it, and up to ten axes of that."""
    keys = [key for key in b.with_role("train") if whole(b, key)]
    if len(keys) < 2:
        return None
    changes = np.array([effect(b, key) for key in keys])
    rest = (changes - average(list(changes))).T
    lengths, axes = np.linalg.eigh(rest @ rest.T)
    kept = [at for at in np.argsort(-lengths)[:10] if lengths[at] > 1e-14 * max(lengths)]
    return (keys, average(list(changes)), rest, axes[:, kept]) if kept else None


def place(b: Benchmark, axes: np.ndarray, key: str) -> Vector:
    return axes[features_of(b, key)].sum(axis=0)


def scores(b: Benchmark) -> np.ndarray:
    """Ten components of the training profiles and their controls, scaled by singular values."""
    trained = b.with_role("train")
    first = {b.context[key]: key for key in reversed(trained)}
    profiles = [measured(b, key) for key in trained]
    profiles += [control_profile(b, key) for key in first.values()]
    centred = np.array([profile - math.fsum(profile) / len(profile) for profile in profiles]).T
    lengths, axes = np.linalg.eigh(centred @ centred.T)
    kept = [at for at in np.argsort(-lengths)[:10] if lengths[at] > 1e-14 * max(lengths)]
    return axes[:, kept] * np.sqrt(lengths[kept])


def linear(b: Benchmark, key: str) -> tuple[Vector, bool]:
    keys = [other for other in b.with_role("train") if whole(b, other)]
    if len(keys) < 2 or not whole(b, key):
        return context_mean(b, key)[0], False
    middle = average([effect(b, other) for other in keys])
    rest = np.array([effect(b, other) - middle for other in keys]).T
    axes = scores(b)
    ridge = 0.1 * np.eye(axes.shape[1])
    places = np.array([place(b, axes, other) for other in keys])
    weights = np.linalg.inv(axes.T @ axes + ridge) @ axes.T @ rest @ places
    weights = weights @ np.linalg.inv(places.T @ places + ridge)
    return control_profile(b, key) + middle + axes @ weights @ place(b, axes, key), True


def nearest_conditions(b: Benchmark, key: str) -> tuple[Vector, bool]:
    found = embedding(b)
    if found is None or not whole(b, key):
        return context_mean(b, key)[0], False
    keys, _, _, axes = found
    own = place(b, axes, key)
    away = {other: round(squared(own, place(b, axes, other)), 12) for other in keys}
    nearest = sorted(keys, key=lambda other: away[other])[:5]
    return control_profile(b, key) + average([effect(b, other) for other in nearest]), True


PROFILES: Mapping[str, Callable[[Benchmark, str], tuple[Vector, bool]]] = {
    "no-change": no_change,
    "context-mean": context_mean,
    "perturbation-mean": perturbation_mean,
    "additive": additive,
    "nearest-context": nearest_context,
    "target-scaling": target_scaling,
    "linear": linear,
    "nearest-conditions": nearest_conditions,
}


def centre(b: Benchmark, key: str) -> Vector | None:
    """Mean of the training perturbations of the context; elsewhere control plus mean change."""
    return context_mean(b, key)[0] if b.with_role("train") else None


# ---- cells with a wanted mean -------------------------------------------------------------------


def split_mix(state: int) -> int:
    """Output of SplitMix64 for a state."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % WORD
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % WORD
    return state ^ (state >> 31)


def drawn_controls(b: Benchmark, key: str) -> np.ndarray:
    """Control cells of the context: each taken equally often, the rest drawn by hash."""
    control = b.control_cells(key)
    turns = b.draws // len(control)
    tickets = {
        row: hashlib.sha256(f"{key}:{turns}:{row}".encode()).digest() for row in range(len(control))
    }
    last = sorted(tickets, key=lambda row: tickets[row])[: b.draws % len(control)]
    return control[sorted([*list(range(len(control))) * turns, *last])]


def dispersed(b: Benchmark, key: str, profile: Vector) -> np.ndarray:
    """Drawn control cells, changed feature by feature until their mean is the profile."""
    values, control = drawn_controls(b, key).astype(np.float64), b.control_cells(key)
    silent_height = float(np.median(control[control > 0])) if (control > 0).any() else 1.0
    width, most = values.shape[1], math.log1p(b.target_sum)
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    for feature in range(width):
        column = [float(value) for value in values[:, feature]]
        expressed = [value for value in column if value > 0]
        wanted = max(float(profile[feature]), 0.0) * len(column)
        height = sum(expressed) / len(expressed) if expressed else silent_height
        silent = {
            row: split_mix((((row * width + feature) ^ seed) + GOLDEN_RATIO) % WORD)
            for row, value in enumerate(column)
            if value == 0
        }
        lacking = math.ceil(round(max(wanted - sum(column), 0.0) / height, 9))
        for row in sorted(silent, key=lambda row: silent[row])[:lacking]:
            column[row] = height
        factor = wanted / sum(column) if sum(column) > 0 else 0.0
        values[:, feature] = [min(value * factor, most) for value in column]
    return values.astype(np.float32)


def baseline_sides(b: Benchmark, name: str) -> Sides | None:
    """What a baseline predicts; nothing where it is native for no test condition."""
    found = {key: PROFILES[name](b, key) for key in b.with_role("test")}
    if not any(native for _, native in found.values()):
        return None
    cells = {
        key: drawn_controls(b, key) if name == "no-change" else dispersed(b, key, profile)
        for key, (profile, _) in found.items()
    }
    return {key: side_of_cells(cells[key], b.control_cells(key)) for key in cells}


# ---- halves -------------------------------------------------------------------------------------


def halves(b: Benchmark, keys: Sequence[str], cut: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells sorted by the SHA-256 of their names and cut in two; an odd one is in the second."""

    def ticket(name: str) -> str:
        digest = hashlib.sha256(name.encode())
        if not cut:
            return digest.hexdigest()
        start = int.from_bytes(digest.digest()[:8], "big")
        return f"{split_mix(((start ^ cut) + GOLDEN_RATIO) % WORD):020d}"

    cells = {
        ticket(name): values
        for key in keys
        for name, values in zip(b.names[key], b.cells[key], strict=True)
    }
    ordered = np.array([cells[digest] for digest in sorted(cells)])
    return ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]


def halved(b: Benchmark, cut: int) -> tuple[Sides, Sides]:
    """Truth and prediction of the replicate, each against its own half of the controls."""
    first, second = {}, {}
    for key in b.with_role("test"):
        own, controls = halves(b, [key], cut), halves(b, b.controls(b.context[key]), cut)
        first[key] = side_of_cells(own[0], controls[0])
        second[key] = side_of_cells(own[1], controls[1])
    return first, second


def too_few(b: Benchmark, key: str) -> bool:
    """Whether a condition or its control cannot be cut in two."""
    return min(len(b.cells[key]), len(b.control_cells(key))) < FEWEST_CELLS
