import warnings

import anndata
import numpy as np
import pytest
from support import tiny

from vcspec.storage.zarr_store import ZarrStore

ARTEFACTS = ["dataset", "split", "reference", "predictions"]


@pytest.mark.parametrize("kind", ARTEFACTS)
def test_anndata_opens_every_kind_of_artefact_without_a_warning(
    kind: str, screen: tiny.Screen
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = anndata.read_zarr(getattr(screen, kind))
    store = ZarrStore(str(getattr(screen, kind)))
    assert list(found.obs_names) == list(store.column("/obs", "_index").values)
    assert list(found.var_names) == list(store.column("/var", "_index").values)
    assert list(found.obs["perturbation"]) == list(store.column("/obs", "perturbation").values)


def test_x_is_what_was_curated(screen: tiny.Screen) -> None:
    curated = tiny.curated()
    found = anndata.read_zarr(screen.dataset)
    row = {name: number for number, name in enumerate(curated.cells)}
    order = [row[name] for name in found.obs_names]
    np.testing.assert_array_equal(found.X.toarray(), curated.rows.dense()[order])
    for name in ("context", "perturbation"):
        assert list(found.obs[name]) == list(curated.obs[name][order])
    assert list(found.var_names) == list(curated.features)
    assert found.X.dtype == curated.rows.data.dtype


def test_the_usual_steps_work_on_a_dataset(screen: tiny.Screen) -> None:
    found = anndata.read_zarr(screen.dataset)
    total = np.asarray(found.X.sum(axis=1))
    here = found[found.obs["context"] == "skin", ["G00", "G05"]].copy()
    here.X = np.log1p(here.X.toarray() / total[found.obs["context"] == "skin"])
    here.obs["depth"] = total[found.obs["context"] == "skin", 0]
    joined = anndata.concat([here, here[:3]], index_unique="-")
    assert joined.shape == (len(here) + 3, 2)
    product = found.X @ np.ones(found.n_vars)
    np.testing.assert_array_equal(product, total[:, 0])
    assert (found.X.T @ found.X).shape == (80, 80)
    assert found.X.tocsc()[:, 5].sum() == found.X.toarray()[:, 5].sum()
