"""What a split shows, given back as a prediction: told in every value space that it comes in."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny

import vcspec
from vcspec.actions.score import score
from vcspec.statistics.cell_identity import name_hashes
from vcspec.statistics.fingerprints import fingerprints
from vcspec.storage.zarr_store import ZarrStore

COUNTS = {"space": "counts", "total": "features"}
SHOWN = ("train", "validation", "inference-input")


def measured(screen: tiny.Screen, source: str) -> dict[str, Any]:
    """For each test condition the counts of another perturbation of its context."""
    store, found = ZarrStore(str(screen.dataset)), {}
    for condition in vcspec.open_split(screen.split).conditions:
        cells = tiny.cells_of(store, condition.context, source)
        found[condition.key] = np.resize(cells, (tiny.CELLS, tiny.FEATURES))
    return found


def in_single_precision(counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """log1p as pipelines take it that keep everything in float32."""
    cells = counts.astype(np.float32)
    return np.log1p(cells / cells.sum(axis=1, keepdims=True) * np.float32(tiny.TARGET_SUM))


def in_double_precision(counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    cells = counts.astype(np.float64)
    return np.log1p(cells / cells.sum(axis=1, keepdims=True) * tiny.TARGET_SUM)


FORMS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "log1p": (tiny.log1p, {}),
    "log1p in single precision": (in_single_precision, {}),
    "log1p in double precision": (in_double_precision, {}),
    "counts": (lambda counts: counts, {"values": COUNTS}),
    "counts in double precision": (lambda counts: counts.astype(np.float64), {"values": COUNTS}),
}


def share(
    screen: tiny.Screen, place: Path, cells: Mapping[str, Any], **options: Any
) -> float | None:
    """The statistic of the flag; None where it is not raised."""
    tiny.predict(screen, place, cells, **options)
    card = score(place, split=screen.split, reference=screen.reference)
    flags = {flag["name"]: flag["statistic"] for flag in card.document["flags"]}
    return flags.get("copies-training")


@pytest.mark.parametrize("source", ["control", "G00", "G02+G03"])
@pytest.mark.parametrize("form", FORMS)
def test_cells_that_are_shown_are_found_in_any_form(
    form: str, source: str, screen: tiny.Screen, tmp_path: Path
) -> None:
    made, options = FORMS[form]
    cells = {key: made(counts) for key, counts in measured(screen, source).items()}
    assert share(screen, tmp_path / "pasted.zarr", cells, **options) == 1


def test_the_statistic_is_the_share_of_cells(screen: tiny.Screen, tmp_path: Path) -> None:
    pasted, draw = measured(screen, "G01"), np.random.default_rng(5)
    cells = {}
    for key, counts in pasted.items():
        cells[key] = draw.poisson(counts.mean(axis=0), counts.shape)
        cells[key][:3] = counts[:3]
    found = share(screen, tmp_path / "some.zarr", cells, values=COUNTS)
    assert found == pytest.approx(0.3)


def test_cells_that_are_not_shown_carry_no_flag(screen: tiny.Screen, tmp_path: Path) -> None:
    draw = np.random.default_rng(6)
    drawn = {
        key: draw.poisson(counts.mean(axis=0), counts.shape)
        for key, counts in measured(screen, "G01").items()
    }
    moved = {
        key: tiny.log1p(counts) * np.float32(0.9) for key, counts in measured(screen, "G01").items()
    }
    store = ZarrStore(str(screen.dataset))
    truth = {key: tiny.log1p(tiny.cells_of(store, *key.split("|"))) for key in moved}
    assert share(screen, tmp_path / "drawn.zarr", drawn, values=COUNTS) is None
    assert share(screen, tmp_path / "moved.zarr", moved) is None
    assert share(screen, tmp_path / "truth.zarr", truth) is None


def test_a_reference_holds_what_is_shown_and_nothing_else(screen: tiny.Screen) -> None:
    store, split = ZarrStore(str(screen.reference)), vcspec.open_split(screen.split)
    data, names = ZarrStore(str(screen.dataset)), name_hashes(split.features)
    roles = dict(zip(*_roles(screen), strict=True))
    prints = {}
    for key in roles:
        rows = tiny.rows_of_dense(tiny.log1p(tiny.cells_of(data, *key.split("|"))))
        prints[key] = set(fingerprints(rows, names, counted=True)[0].tolist())
    shown = [key for key, role in roles.items() if role in SHOWN]
    hidden = set().union(*(prints[key] for key in roles if key not in shown))
    held = store.array("/uns/shown_cells")
    assert set(held.tolist()) == set().union(*(prints[key] for key in shown))
    assert (np.diff(held.astype(object)) > 0).all()
    assert hidden
    assert not hidden & set(held.tolist())
    assert store.array("/uns/shown_conditions").tolist() == shown
    assert store.array("/uns/shown_profiles").shape == (len(shown), 32)


def _roles(screen: tiny.Screen) -> tuple[list[str], list[str]]:
    store = ZarrStore(str(screen.split))
    columns = [store.column("/obs", name).values for name in ("context", "perturbation")]
    keys = ["|".join(map(str, pair)) for pair in zip(*columns, strict=True)]
    return keys, [str(role) for role in store.column("/obs", "role").values]


def test_profiles_that_are_shown_are_found(screen: tiny.Screen, tmp_path: Path) -> None:
    store = ZarrStore(str(screen.dataset))
    keys = list(measured(screen, "G00"))
    other, draw = {"liver": "skin", "skin": "liver"}, np.random.default_rng(7)
    profiles = {}
    for place, key in enumerate(keys):
        context = key.split("|")[0]
        source = other[context] if place % 2 else context
        mean = tiny.log1p(tiny.cells_of(store, source, "G03")).mean(axis=0, keepdims=True)
        honest = place == 0
        profiles[key] = mean * (1 + honest * draw.normal(0, 0.05, mean.shape))
    found = share(screen, tmp_path / "profiles.zarr", profiles, level="profiles")
    assert found == pytest.approx(1 - 1 / len(keys), abs=1e-6)
    noisy = {key: mean * draw.uniform(0.97, 1.03, mean.shape) for key, mean in profiles.items()}
    assert share(screen, tmp_path / "noisy.zarr", noisy, level="profiles") is None


def test_without_a_reference_it_is_not_looked_for(screen: tiny.Screen, tmp_path: Path) -> None:
    cells = {key: tiny.log1p(counts) for key, counts in measured(screen, "G00").items()}
    place = tiny.predict(screen, tmp_path / "pasted.zarr", cells)
    card = score(place, split=screen.split, dataset=screen.dataset)
    assert "copies-training" not in {flag["name"] for flag in card.document["flags"]}
