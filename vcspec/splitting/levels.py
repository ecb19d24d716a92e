"""Strategies on numeric axes: doses and times beyond, or between, those that are trained on."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from vcspec.model.condition import Condition
from vcspec.model.errors import UsageError
from vcspec.model.levels import level_of
from vcspec.splitting.draw import drawn
from vcspec.splitting.holding import held_out, require_field
from vcspec.splitting.strategies import (
    TEST,
    TRAIN,
    VALIDATION,
    Assignment,
    Choice,
    Setting,
    strategy,
)
from vcspec.standard import standard

Pair = tuple[str, float]


@strategy("extrapolate-doses")
def extrapolate_doses(setting: Setting) -> list[Assignment]:
    """Test the outermost doses of each perturbation."""
    return _beyond(setting, "dose")


@strategy("extrapolate-times")
def extrapolate_times(setting: Setting) -> list[Assignment]:
    """Test the outermost times of each perturbation."""
    return _beyond(setting, "time")


@strategy("interpolate-doses")
def interpolate_doses(setting: Setting) -> list[Assignment]:
    """Test drawn inner doses of each perturbation."""
    return _between(setting, "dose")


@strategy("interpolate-times")
def interpolate_times(setting: Setting) -> list[Assignment]:
    """Test drawn inner times of each perturbation."""
    return _between(setting, "time")


def _levels(setting: Setting, axis: str) -> tuple[dict[Condition, Pair], dict[str, list[float]]]:
    """Level of each perturbed condition, and the sorted levels of each perturbation.

    Raises:
        UsageError: the dataset has no such axis, a level is no number, or the levels of one
            perturbation are of several dimensions.
    """
    require_field(setting, axis)
    units = standard().units[axis]
    try:
        found = {c: level_of(c, axis, units) for c in setting.perturbed}
    except ValueError as error:
        raise UsageError(str(error)) from None
    dimensions: dict[str, set[str]] = defaultdict(set)
    levels: dict[str, set[float]] = defaultdict(set)
    for condition, (dimension, level) in found.items():
        dimensions[condition.perturbation].add(dimension)
        levels[condition.perturbation].add(level)
    mixed = sorted(name for name, known in dimensions.items() if len(known) > 1)
    if mixed:
        message = (
            f"the {axis}s of {mixed[0]} are in {' and in '.join(sorted(dimensions[mixed[0]]))}, "
            "which cannot be compared; give all of a perturbation in one dimension"
        )
        raise UsageError(message)
    pairs = {condition: (condition.perturbation, level) for condition, (_, level) in found.items()}
    return pairs, {name: sorted(known) for name, known in sorted(levels.items())}


def _beyond(setting: Setting, axis: str) -> list[Assignment]:
    pairs, levels = _levels(setting, axis)
    choice = setting.choice
    end = choice.one_of("end", "highest", "lowest", "both")
    number = choice.count("levels", 1)
    needed = number * (2 if end == "both" else 1) + 1
    eligible = [name for name, known in levels.items() if len(known) >= needed]
    what = f"perturbations with {needed} {axis}s or more"
    if choice.fraction or choice.names or choice.fold:
        names, validated = held_out(what, eligible, choice)
    else:
        names, validated = _every(what, eligible, choice)
    test, validation = (
        {(name, level) for name in held for level in _outer(levels[name], number, end)}
        for held in (names, validated)
    )
    return _roles(setting, pairs, test, validation)


def _every(what: str, eligible: list[str], choice: Choice) -> tuple[set[str], set[str]]:
    """All that is eligible; a share of it for validation."""
    held_out(what, eligible, replace(choice, fraction=0.5))  # for its complaints
    validated = drawn(choice.seed + 1, eligible, choice.validation) if choice.validation else set()
    return set(eligible) - validated, validated


def _outer(levels: list[float], number: int, end: str) -> list[float]:
    lowest = levels[:number] if end in {"lowest", "both"} else []
    return lowest + (levels[-number:] if end in {"highest", "both"} else [])


def _between(setting: Setting, axis: str) -> list[Assignment]:
    pairs, levels = _levels(setting, axis)
    texts = {pair: condition.get(axis) for condition, pair in sorted(pairs.items())}
    inner = {
        f"{name}|{texts[name, level]}": (name, level)
        for name, known in levels.items()
        for level in known[1:-1]
    }
    named = [
        key
        for wanted in setting.choice.names
        for key in ([wanted] if wanted in inner else _with_level(inner, wanted) or [wanted])
    ]
    choice = replace(setting.choice, names=tuple(dict.fromkeys(named)))
    held = held_out(f"inner {axis}s of a perturbation", sorted(inner), choice)
    test, validation = ({inner[key] for key in keys} for keys in held)
    return _roles(setting, pairs, test, validation)


def _with_level(inner: Mapping[str, Pair], level: str) -> list[str]:
    """Keys of all perturbations that have the level between others."""
    return [key for key in inner if key.rpartition("|")[2] == level]


def _roles(
    setting: Setting, pairs: Mapping[Condition, Pair], test: set[Pair], validation: set[Pair]
) -> list[Assignment]:
    def role(condition: Condition) -> Assignment:
        pair = pairs.get(condition)
        if pair in test:
            return TEST
        return VALIDATION if pair in validation else TRAIN

    return [role(condition) for condition in setting.conditions]
