"""What a split shows of its dataset: held by a reference, and looked for in predictions."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.actions.allowed import Allowed
from vcspec.model.comparison import Side
from vcspec.model.matrix import Array
from vcspec.model.spaces import AS_MEASURED
from vcspec.rules.split import SHOWN_ROLES
from vcspec.rules.subject import Subject
from vcspec.statistics.cell_identity import Hashes, name_hashes
from vcspec.statistics.fingerprints import (
    MOST,
    Shown,
    fewest_kept,
    fingerprints,
    projected,
    signs_of,
)
from vcspec.statistics.moments import mean_profile

CELLS, PROFILES = "uns/shown_cells", "uns/shown_profiles"
CONDITIONS = "uns/shown_conditions"


def shown_in(allowed: Allowed) -> dict[str, Any]:
    """Path of an element → its values: fingerprints of what the split shows.

    Test cells, those for the scorer alone and those that are left out have no part in it.
    """
    keys = [condition.key for condition in allowed.table.having(*SHOWN_ROLES)]
    profiles: list[Array] = []
    cells = _kept(_prints(allowed, keys, profiles))
    found: dict[str, Any] = {CELLS: cells} if len(cells) else {}
    return {**found, CONDITIONS: np.array(keys, dtype=object), PROFILES: np.array(profiles)}


def _prints(allowed: Allowed, keys: Sequence[str], profiles: list[Array]) -> Iterator[Hashes]:
    """Fingerprints of the cells of one condition after the other; `profiles` gets its profile."""
    names = name_hashes(allowed.split.features)
    signs = signs_of(names)
    counted = _is_counted(allowed.split)
    for key in keys:
        rows = allowed.cells.of(key)
        prints, is_known = fingerprints(rows, names, counted=counted)
        profiles.append(projected(mean_profile(rows), signs))
        yield prints[is_known]


def _kept(parts: Iterator[Hashes]) -> Hashes:
    """All together as they are kept, a bounded number at any time."""
    waiting: list[Hashes] = [np.empty(0, dtype=np.uint64)]
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) > 2 * MOST:
            waiting = [fewest_kept(np.concatenate(waiting))]
    return fewest_kept(np.concatenate(waiting))


def shown_by(reference: Subject) -> Shown | None:
    """What the reference holds of it; None where it holds nothing."""
    if reference.node(f"/{PROFILES}") is None:
        return None
    has_cells = reference.node(f"/{CELLS}") is not None
    cells = reference.array(f"/{CELLS}") if has_cells else np.empty(0, dtype=np.uint64)
    return Shown(
        name_hashes(reference.features),
        fewest_kept(cells.astype(np.uint64)),
        reference.array(f"/{PROFILES}"),
        _is_counted(reference),
    )


def share_shown(
    shown: Shown | None, prediction: Side, predicted: NDArray[np.bool_]
) -> float | None:
    """Share of predicted cells, or profiles, that are shown; None where none can be told."""
    if shown is None or not predicted.any():
        return None
    if prediction.expression is None:
        return float(shown.recognises(prediction.mean[predicted]).mean())
    told, found = prediction.shown or (0, 0)
    return found / told if told else None


def _is_counted(subject: Subject) -> bool:
    return subject.document["values"]["space"] not in AS_MEASURED
