"""What a reference holds of cells beyond means and tests: how it is written, and read again."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vcspec.model.comparison import Space
from vcspec.model.matrix import AnyArray
from vcspec.rules.subject import Subject
from vcspec.statistics.cellwise import Cellwise

Get = Callable[[str], AnyArray | None]
"""Gives the element at a path; None where there is none."""

BY_FEATURE = {"variance": "variance", "linear": "linear", "profile": "pooled"}
"""What is taken of a condition → the element that holds it."""


def written(
    conditions: Sequence[Cellwise], controls: Sequence[Cellwise], space: Space | None
) -> dict[str, Any]:
    """Path of an element → its values, of what was taken.

    Args:
        conditions: of each test condition.
        controls: of each context.
        space: what drawn cells were seen in.
    """
    arrays: dict[str, Any] = {}
    for name, element in BY_FEATURE.items():
        if getattr(conditions[0], name) is not None:
            arrays[f"layers/{element}"] = np.array([getattr(one, name) for one in conditions])
            arrays[f"varm/control_{element}"] = np.array([getattr(one, name) for one in controls]).T
    if conditions[0].profile is not None:
        arrays["uns/noise"] = np.array([one.noise for one in conditions])
        arrays["uns/control_noise"] = np.array([one.noise for one in controls])
    if space is not None:
        arrays["varm/loadings"] = space.loadings
        arrays["uns/offset"] = space.offset
        arrays["uns/components"] = space.variance
        arrays["uns/panel"] = space.panel
    if conditions[0].projected is not None:
        arrays |= _drawn(conditions, "drawn_conditions", "drawn")
        arrays |= _drawn(controls, "drawn_contexts", "drawn_control")
    return arrays


def _drawn(parts: Sequence[Cellwise], numbers: str, prefix: str) -> dict[str, Any]:
    sizes = [len(part.projected) for part in parts if part.projected is not None]
    return {
        f"uns/{numbers}": np.repeat(np.arange(len(parts), dtype=np.int64), sizes),
        f"uns/{prefix}_projected": np.concatenate(
            [part.projected for part in parts if part.projected is not None]
        ),
        f"uns/{prefix}_panel": np.concatenate(
            [part.panel for part in parts if part.panel is not None]
        ),
    }


def in_store(subject: Subject) -> Get:
    """What reads the elements of a reference."""
    return lambda path: subject.array(f"/{path}") if subject.node(f"/{path}") else None


def space_of(get: Get) -> Space | None:
    """The pinned spaces; None where none are held."""
    loadings, offset = get("varm/loadings"), get("uns/offset")
    panel, variance = get("uns/panel"), get("uns/components")
    if loadings is None or offset is None or panel is None or variance is None:
        return None
    return Space(loadings, offset, panel, variance)


def conditions_of(get: Get, number: int) -> list[Cellwise]:
    """What is held of the `number` test conditions."""
    return _read(get, number, "layers/{}", "uns/noise", ("drawn_conditions", "drawn"))


def controls_of(get: Get, number: int) -> list[Cellwise]:
    """What is held of the controls of the `number` contexts."""
    drawn = ("drawn_contexts", "drawn_control")
    return _read(get, number, "varm/control_{}", "uns/control_noise", drawn)


def _read(
    get: Get, number: int, pattern: str, noise: str, drawn: tuple[str, str]
) -> list[Cellwise]:
    found: dict[str, Sequence[Any]] = {}
    for name, element in BY_FEATURE.items():
        path = pattern.format(element)
        values = get(path)
        if values is not None:
            found[name] = list(values.T if path.startswith("varm") else values)
    noises, of = get(noise), get(f"uns/{drawn[0]}")
    if noises is not None:
        found["noise"] = noises.tolist()
    if of is not None:
        borders = np.searchsorted(of, np.arange(1, number))
        for name in ("projected", "panel"):
            values = get(f"uns/{drawn[1]}_{name}")
            if values is not None:
                found[name] = np.split(values, borders)
    return [
        Cellwise(**{name: values[at] for name, values in found.items()}) for at in range(number)
    ]
