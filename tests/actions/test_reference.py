import hashlib
import shutil
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from scipy import stats
from support import tiny

from vcspec.actions.allowed import Allowed
from vcspec.actions.curate import write_dataset
from vcspec.actions.predict import baseline
from vcspec.actions.reference import reference
from vcspec.actions.score import score
from vcspec.actions.split import split
from vcspec.actions.validate import checked, validate
from vcspec.model.curated import Curated
from vcspec.model.errors import Mismatch, UnknownName, UsageError
from vcspec.standard import standard
from vcspec.storage.sealing import sealed_content
from vcspec.storage.zarr_store import ZarrStore


@pytest.fixture(scope="module")
def read(screen: tiny.Screen) -> anndata.AnnData:
    """The reference as AnnData."""
    return anndata.read_zarr(screen.reference)


def values(screen: tiny.Screen, context: str, perturbation: str) -> np.ndarray:
    counts = tiny.cells_of(ZarrStore(str(screen.dataset)), context, perturbation)
    return tiny.log1p(counts).astype(np.float64)


def test_a_reference_is_valid_and_the_same_every_time(screen: tiny.Screen, tmp_path: Path) -> None:
    again = reference(screen.split, screen.dataset, tmp_path / "again.zarr")
    assert again == sealed_content(screen.reference)
    report = validate(screen.reference, level="full", split=screen.split)
    assert (report.verdict, report.codes) == ("valid", ())


def test_truth_is_the_mean_and_the_test_of_each_condition(
    screen: tiny.Screen, read: anndata.AnnData
) -> None:
    for row, (context, label) in enumerate(read.obs[["context", "perturbation"]].to_numpy()):
        cells, control = values(screen, context, label), values(screen, context, "control")
        np.testing.assert_allclose(read.X[row], cells.mean(axis=0), rtol=1e-13)
        test = stats.mannwhitneyu(cells, control, axis=0, method="asymptotic")
        np.testing.assert_allclose(read.layers["p_value"][row], test.pvalue, rtol=1e-9)
        fdr = stats.false_discovery_control(test.pvalue)
        np.testing.assert_allclose(read.layers["fdr"][row], fdr, rtol=1e-9)
        assert read.obs["cells"].iloc[row] == len(cells)


def test_controls_and_centres_stand_by_context(screen: tiny.Screen, read: anndata.AnnData) -> None:
    assert list(read.uns["contexts"]) == list(tiny.CONTEXTS)
    trained = ["G00", "G01", "G02", "G03", "G04", "G00+G01", "G02+G03"]
    for number, context in enumerate(tiny.CONTEXTS):
        control = values(screen, context, "control")
        np.testing.assert_allclose(read.varm["control"][:, number], control.mean(0), rtol=1e-13)
        centre = np.mean([values(screen, context, label).mean(0) for label in trained], axis=0)
        np.testing.assert_allclose(read.varm["centre"][:, number], centre, rtol=1e-13)
        here = read.uns["control_contexts"] == number
        stored = read.uns["control_cells"].toarray()[here]
        np.testing.assert_array_equal(np.sort(stored, axis=0), np.sort(control, axis=0))


def test_anchors_are_the_replicate_and_the_baselines_that_say_something(
    read: anndata.AnnData,
) -> None:
    expected = ["replicate", "interpolated-duplicate", "no-change", "context-mean"]
    expected += ["target-scaling", "linear", "nearest-conditions"]
    assert list(read.uns["subjects"]) == expected
    suite = standard().suites["core-1.0"]["metrics"]
    assert list(read.uns["metrics"]) == suite
    assert read.uns["anchors"].shape == (7, len(suite), read.n_obs)
    assert read.uns["replicate_error"].shape == (len(suite),)


@pytest.mark.parametrize("name", ["no-change", "context-mean", "linear"])
def test_the_anchor_of_a_baseline_is_what_its_predictions_score(
    name: str, screen: tiny.Screen, read: anndata.AnnData, tmp_path: Path
) -> None:
    baseline(name, screen.split, screen.dataset, tmp_path / "model.zarr")
    card = score(tmp_path / "model.zarr", split=screen.split, reference=screen.reference)
    anchor = read.uns["anchors"][list(read.uns["subjects"]).index(name)]
    np.testing.assert_array_equal(card.values, anchor)


def ticket(name: str, cut: int) -> bytes:
    """What a cell is sorted by: its hash, mixed with the number of the cut from the second on."""
    digest = hashlib.sha256(name.encode()).digest()
    if not cut:
        return digest
    word, step = 2**64, 0x9E3779B97F4A7C15
    z = ((int.from_bytes(digest[:8], "big") ^ cut) + step) % word
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % word
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % word
    return (z ^ (z >> 31)).to_bytes(8, "big")


def halves(
    screen: tiny.Screen, context: str, label: str, cut_number: int
) -> tuple[np.ndarray, np.ndarray]:
    data = anndata.read_zarr(screen.dataset)
    own = data[(data.obs["context"] == context) & (data.obs["perturbation"] == label)]
    names = sorted(own.obs_names, key=lambda name: ticket(name, cut_number))
    cut = len(names) // 2
    first, second = (own[part].X.toarray() for part in (names[:cut], names[cut:]))
    return tiny.log1p(first).astype(np.float64), tiny.log1p(second).astype(np.float64)


def test_the_replicate_is_one_half_against_the_other_each_with_a_control_half_of_its_own(
    screen: tiny.Screen, read: anndata.AnnData
) -> None:
    metrics = list(read.uns["metrics"])
    wanted = np.zeros((5, 3, read.n_obs))
    for row, (context, label) in enumerate(read.obs[["context", "perturbation"]].to_numpy()):
        for cut in range(5):
            first, second = halves(screen, context, label, cut)
            control_first, control_second = halves(screen, context, "control", cut)
            truth = first.mean(0) - control_first.mean(0)
            prediction = second.mean(0) - control_second.mean(0)
            spread = ((truth - truth.mean()) ** 2).sum()
            wanted[cut, :, row] = (
                np.corrcoef(prediction, truth)[0, 1],
                1 - ((prediction - truth) ** 2).sum() / spread,
                ((first.mean(0) - second.mean(0)) ** 2).mean(),
            )
    places = [metrics.index(name) for name in ("pearson-delta", "r2-delta", "mse")]
    np.testing.assert_allclose(read.uns["anchors"][0][places], wanted.mean(axis=0), atol=1e-8)
    error = wanted.mean(axis=2).std(axis=0, ddof=1) / np.sqrt(5)
    np.testing.assert_allclose(read.uns["replicate_error"][places], error, atol=1e-8)


def shrunk(tmp_path: Path, keep: dict[str, int]) -> anndata.AnnData:
    """The reference of a dataset with fewer cells in some conditions."""
    curated = tiny.curated()
    seen: dict[tuple[str, str], int] = {}
    rows = []
    for row, key in enumerate(zip(*curated.obs.values(), strict=True)):
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= keep.get("|".join(key), 1_000):
            rows.append(row)
    chosen = np.array(rows)
    obs = {name: column[chosen] for name, column in curated.obs.items()}
    small = Curated(curated.rows.take(chosen), curated.cells[chosen], curated.features, obs)
    write_dataset(tmp_path / "data.zarr", tiny.dataset_document(), small, overwrite=False)
    split(tmp_path / "data.zarr", tmp_path / "split.zarr", tiny.plan())
    reference(tmp_path / "split.zarr", tmp_path / "data.zarr", tmp_path / "ref.zarr")
    assert validate(tmp_path / "ref.zarr", split=tmp_path / "split.zarr").verdict == "valid"
    return anndata.read_zarr(tmp_path / "ref.zarr")


def test_a_condition_of_too_few_cells_has_no_replicate(tmp_path: Path) -> None:
    found = shrunk(tmp_path, {"liver|G05": 3, "liver|G06": 1, "skin|G05": 4})
    undefined = np.isnan(found.uns["anchors"][0]).all(axis=0)
    assert list(found.obs_names[undefined]) == ["liver|G05", "liver|G06"]


def test_a_control_of_too_few_cells_has_no_replicate_either(tmp_path: Path) -> None:
    found = shrunk(tmp_path, {"skin|control": 1})
    undefined = np.isnan(found.uns["anchors"][0]).all(axis=0)
    assert list(found.obs_names[undefined]) == ["skin|G05", "skin|G06", "skin|G07"]


def test_another_dataset_is_a_mismatch(screen: tiny.Screen, tmp_path: Path) -> None:
    other = tmp_path / "other.zarr"
    write_dataset(other, tiny.dataset_document(), tiny.curated(seed=1), overwrite=False)
    with pytest.raises(Mismatch, match=r"is a split of tiny@1\.0\.0"):
        reference(screen.split, other, tmp_path / "ref.zarr")
    assert not (tmp_path / "ref.zarr").exists()


def test_only_a_sound_split_has_a_reference(screen: tiny.Screen, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="kind 'dataset'"):
        reference(screen.dataset, screen.dataset, tmp_path / "ref.zarr")


def test_a_suite_that_does_not_exist_is_an_error(screen: tiny.Screen, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"core-1\.0"):
        reference(screen.split, screen.dataset, tmp_path / "ref.zarr", suites=["core-2.0"])


def allowed(screen: tiny.Screen) -> Allowed:
    return Allowed(checked(str(screen.split), "split"), checked(str(screen.dataset), "dataset"))


def test_a_baseline_never_reads_a_tested_condition(
    screen: tiny.Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = allowed(screen)
    read: list[str] = []
    original = type(found.cells).of

    def of(self: Any, key: str) -> Any:
        read.append(key)
        return original(self, key)

    monkeypatch.setattr(type(found.cells), "of", of)
    profiles = found.baseline_profiles("context-mean")
    for condition in found.tested:
        found.baseline_cells("context-mean", condition, profiles)
    tested = {condition.key for condition in found.tested}
    assert len(read) > len(tested)
    assert not tested & set(read)
    assert not [key for key in read if "G05" in key]


def test_what_may_be_seen_does_not_depend_on_what_is_tested(
    screen: tiny.Screen, tmp_path: Path
) -> None:
    """The same training and controls with the tested cells replaced give the same baseline."""
    curated = tiny.curated()
    tested = np.isin(curated.obs["perturbation"], ["G05", "G06", "G07", "G04+G05"])
    dense = curated.rows.dense()
    dense[tested] = dense[tested][:, ::-1]
    other = Curated(tiny.rows_of_dense(dense), curated.cells, curated.features, curated.obs)
    folder = tmp_path / "other"
    folder.mkdir()
    write_dataset(folder / "data.zarr", tiny.dataset_document(), other, overwrite=False)
    split(folder / "data.zarr", folder / "split.zarr", tiny.plan())
    baseline("context-mean", folder / "split.zarr", folder / "data.zarr", folder / "model.zarr")
    baseline("context-mean", screen.split, screen.dataset, tmp_path / "model.zarr")
    one, two = (anndata.read_zarr(place / "model.zarr").X for place in (folder, tmp_path))
    assert (one != two).nnz == 0
    shutil.rmtree(folder)
