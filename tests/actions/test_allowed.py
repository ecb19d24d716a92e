from pathlib import Path

import numpy as np
import pytest
from support import tiny

from vcspec.actions.allowed import Allowed
from vcspec.actions.curate import write_dataset
from vcspec.actions.split import split
from vcspec.actions.validate import checked
from vcspec.baselines.profiles import Profiles
from vcspec.model.errors import Mismatch
from vcspec.storage.zarr_store import ZarrStore


def allowed(screen: tiny.Screen, place: Path | None = None) -> Allowed:
    opened = checked(str(place or screen.split), "split")
    return Allowed(opened, checked(str(screen.dataset), "dataset"))


def mean(screen: tiny.Screen, context: str, label: str) -> np.ndarray:
    store = ZarrStore(str(screen.dataset))
    return tiny.log1p(tiny.cells_of(store, context, label)).astype(float).mean(axis=0)


def test_training_is_the_perturbed_conditions_with_the_role_train(screen: tiny.Screen) -> None:
    found = allowed(screen).training
    labels = ["G00", "G00+G01", "G01", "G02", "G02+G03", "G03", "G04"]
    wanted = [(context, label) for context in tiny.CONTEXTS for label in labels]
    assert [(c.context, c.perturbation) for c in found.conditions] == wanted
    for row, key in enumerate(wanted):
        np.testing.assert_allclose(found.means[row], mean(screen, *key), rtol=1e-13)
    for context in tiny.CONTEXTS:
        np.testing.assert_allclose(
            found.controls[context], mean(screen, context, "control"), rtol=1e-13
        )


def test_controls_of_a_held_out_context_are_seen_and_its_perturbations_are_not(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    chosen = tiny.plan(strategy="holdout-contexts", parameters={"hold_out": ["skin"]})
    split(screen.dataset, tmp_path / "split.zarr", chosen)
    found = allowed(screen, tmp_path / "split.zarr")
    assert found.contexts == ["skin"]
    assert set(found.controls) == {"liver", "skin"}
    assert found.control_keys["skin"] == ["skin|control"]
    assert {c.context for c in found.training.conditions} == {"liver"}
    assert {c.context for c in found.tested} == {"skin"}


def test_controls_for_validation_are_not_handed_out(tmp_path: Path) -> None:
    place = tmp_path / "data.zarr"
    made = tiny.curated(contexts=("gut", "liver", "skin"))
    write_dataset(place, tiny.dataset_document(), made, overwrite=False)
    parameters = {"hold_out": ["skin"], "validation": "0.5"}
    chosen = tiny.plan(strategy="holdout-contexts", parameters=parameters)
    split(place, tmp_path / "split.zarr", chosen)
    opened = checked(str(tmp_path / "split.zarr"), "split")
    found = Allowed(opened, checked(str(place), "dataset"))
    (validation,) = {c.context for c in found.table.having("validation")}
    assert validation in {"gut", "liver"}
    assert set(found.controls) == {"gut", "liver", "skin"} - {validation}


def test_the_control_of_a_condition_is_that_of_its_own_study(tmp_path: Path) -> None:
    made = tiny.curated(contexts=("one", "two"))
    obs = {
        "study": made.obs["context"],
        "context": np.full(len(made.cells), "skin", dtype=object),
        "perturbation": made.obs["perturbation"],
    }
    both = tiny.Curated(made.rows, made.cells, made.features, obs)
    document = tiny.dataset_document(condition=["study", "context", "perturbation"])
    write_dataset(tmp_path / "data.zarr", document, both, overwrite=False)
    chosen = tiny.plan(strategy="holdout-studies", parameters={"hold_out": ["two"]})
    split(tmp_path / "data.zarr", tmp_path / "split.zarr", chosen)
    opened = checked(str(tmp_path / "split.zarr"), "split")
    found = Allowed(opened, checked(str(tmp_path / "data.zarr"), "dataset"))
    assert found.contexts == ["two|skin"]
    counts = made.rows.dense()
    for study in ("one", "two"):
        here = (obs["study"] == study) & (obs["perturbation"] == "control")
        wanted = tiny.log1p(counts[here]).astype(float).mean(axis=0)
        np.testing.assert_allclose(found.controls[f"{study}|skin"].mean, wanted, rtol=1e-13)


def test_another_dataset_is_a_mismatch(screen: tiny.Screen, tmp_path: Path) -> None:
    write_dataset(
        tmp_path / "o.zarr", tiny.dataset_document(), tiny.curated(seed=5), overwrite=False
    )
    opened = checked(str(screen.split), "split")
    with pytest.raises(Mismatch, match="is a split of tiny"):
        Allowed(opened, checked(str(tmp_path / "o.zarr"), "dataset"))


def test_no_change_gives_control_cells_as_they_are(screen: tiny.Screen) -> None:
    found = allowed(screen)
    profiles = found.baseline_profiles("no-change")
    condition = found.tested[4]
    cells = found.baseline_cells("no-change", condition, profiles).dense()
    store = ZarrStore(str(screen.dataset))
    control = tiny.log1p(tiny.cells_of(store, condition.context, "control"))
    assert {row.tobytes() for row in cells} <= {row.tobytes() for row in control}
    assert len({row.tobytes() for row in cells}) == tiny.CELLS


def test_no_cell_of_a_baseline_passes_the_target_sum(screen: tiny.Screen) -> None:
    found = allowed(screen)
    profiles = found.baseline_profiles("context-mean")
    most = np.float32(np.log1p(tiny.TARGET_SUM))
    high = Profiles(np.full_like(profiles.means, 50.0), profiles.native)
    cells = found.baseline_cells("context-mean", found.tested[0], high)
    assert cells.data.max() == most
    for condition in found.tested:
        cells = found.baseline_cells("context-mean", condition, profiles)
        assert cells.data.max() <= most
        row = found.tested.index(condition)
        wanted = profiles.means[row]
        np.testing.assert_allclose(cells.dense().astype(float).mean(axis=0), wanted, rtol=3e-7)
