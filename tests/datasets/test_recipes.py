from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pytest
from local_copies import CURATED, MIRROR, absent, copied
from scipy import sparse

from vcspec import cards
from vcspec.actions.curate import curate, dataset_document, write_dataset
from vcspec.actions.validate import validate
from vcspec.model.condition import canonical_perturbation
from vcspec.model.curated import Curated
from vcspec.model.errors import Unreadable
from vcspec.storage.fetch import fetch
from vcspec.storage.sealing import sealed_content

REAL = [name for name in cards.dataset_ids() if cards.dataset_card(name).sources]
COUNTED = [
    name for name in REAL if cards.dataset_card(name).document["values"]["space"] == "counts"
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Curated]:
    """Builds a dataset of the library once; skips where its sources are not at hand."""
    cache = tmp_path_factory.mktemp("cache")
    done: dict[str, Curated] = {}

    def build(name: str) -> Curated:
        card = cards.dataset_card(name)
        missing = absent(card)
        if missing and name not in done:
            done[name] = copied(name, missing)
        if name not in done:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("VCSPEC_SOURCE_MIRROR", str(MIRROR))
                sources = {source.name: fetch(source, cache=cache) for source in card.sources}
            done[name] = cards.recipe(card)(sources, card.document)
        return done[name]

    return build


def independent(path: str) -> anndata.AnnData:
    """The same measurements, curated by somebody else's script."""
    file = CURATED / path
    if not file.is_file():
        pytest.skip(f"real data missing: {file}")
    return anndata.read_h5ad(file)


def matrix(curated: Curated) -> sparse.csr_matrix:
    rows = curated.rows
    shape = (len(rows), rows.width)
    return sparse.csr_matrix((rows.data, rows.indices, rows.indptr), shape=shape)


@pytest.mark.parametrize("name", cards.dataset_ids())
def test_what_a_recipe_returns_is_what_its_card_declares(
    name: str, built: Callable[[str], Curated]
) -> None:
    document, curated = cards.dataset_card(name).document, built(name)
    cells, features = len(curated.rows), curated.rows.width
    assert len(set(curated.cells)) == len(curated.cells) == cells
    assert len(set(curated.features)) == len(curated.features) == features
    assert set(curated.obs) == {*document["condition"], *document.get("other_columns", {})}
    assert all(len(column) == cells for column in curated.obs.values())
    assert all(column.dtype != object for column in curated.obs.values())
    assert curated.rows.indptr[0] == 0
    if document["values"]["space"] == "counts":
        assert np.issubdtype(curated.rows.data.dtype, np.integer)
        assert curated.rows.data.min() > 0
    assert np.isfinite(curated.rows.data).all()
    assert matrix(curated).has_canonical_format  # columns ascend in each row


@pytest.mark.parametrize("name", cards.dataset_ids())
def test_a_dataset_of_the_library_has_the_digest_that_its_card_publishes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, place = cards.dataset_card(name), tmp_path / "data.zarr"
    missing = absent(card)
    if missing:
        write_dataset(place, dataset_document(card), copied(name, missing), overwrite=False)
    else:
        monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("VCSPEC_SOURCE_MIRROR", str(MIRROR))
        assert curate(name, place) == card.document["content"]
    assert card.document["content"], "the card publishes no digest"
    assert card.document["content"] == sealed_content(place)
    report = validate(place, level="full")
    assert report.verdict == "valid"
    assert not report.errors


@pytest.mark.parametrize("name", cards.dataset_ids())
def test_every_context_has_a_control(name: str, built: Callable[[str], Curated]) -> None:
    document, obs = cards.dataset_card(name).document, built(name).obs
    is_control = obs["perturbation"] == document["control"]
    where = [name for name in document["condition"] if name in ("study", "context")]
    places = np.array([obs[name] for name in where]).T
    assert {*map(tuple, places)} == {*map(tuple, places[is_control])}


@pytest.mark.parametrize("name", COUNTED)
def test_the_library_is_at_least_what_the_features_hold(
    name: str, built: Callable[[str], Curated]
) -> None:
    curated = built(name)
    held = np.asarray(matrix(curated).sum(axis=1)).ravel()
    assert (held <= curated.obs["library_size"]).all()


def test_norman_mcfaline_has_the_counts_that_others_recovered(
    built: Callable[[str], Curated],
) -> None:
    mine, theirs = (
        built("norman-mcfaline"),
        independent("norman_mcfaline_crispr/norman_mcfaline.h5ad"),
    )
    assert list(mine.cells) == list(theirs.obs_names)
    assert list(mine.features) == list(theirs.var_names)
    assert (matrix(mine) != theirs.layers["counts"]).nnz == 0
    for column, name in [("context", "cell_type"), ("perturbation", "perturbation")]:
        assert list(mine.obs[column]) == list(theirs.obs[name])
    assert list(mine.obs["perturbation_type"]) == list(theirs.obs["perturbation_type"])
    assert (mine.obs["library_size"] == theirs.obs["ncounts"]).all()


def test_norman_mcfaline_marks_cells_whose_doubled_counts_still_fit(
    built: Callable[[str], Curated],
) -> None:
    mine, theirs = (
        built("norman-mcfaline"),
        independent("norman_mcfaline_crispr/norman_mcfaline.h5ad"),
    )
    marked, loosely = mine.obs["counts_ambiguous"], theirs.obs["counts_ambiguous"].to_numpy(bool)
    assert marked.sum() == 5
    assert (marked <= loosely).all()


def test_norman_mcfaline_gives_the_values_of_its_source_back(
    built: Callable[[str], Curated],
) -> None:
    mine, theirs = (
        built("norman-mcfaline"),
        independent("norman_mcfaline_crispr/norman_mcfaline.h5ad"),
    )
    scaled = sparse.diags_array(1e4 / mine.obs["source_total"]) @ matrix(mine)
    np.testing.assert_allclose(np.log1p(scaled.toarray()), theirs.X.toarray(), rtol=1e-6)
    assert (mine.obs["source_total"] <= mine.obs["library_size"]).all()


def test_norman_mcfaline_has_nine_targets_in_all_lines_and_fifteen_pairs(
    built: Callable[[str], Curated],
) -> None:
    obs = built("norman-mcfaline").obs
    seen = {*zip(obs["study"], obs["context"], obs["perturbation"], strict=True)}
    assert len(seen) == 64
    assert {study for study, context, _ in seen if context == "K562"} == {"Norman2019"}
    assert {context for study, context, _ in seen if study == "McFalineFigueroa2023"} == {
        "A172",
        "T98G",
        "U87MG",
    }
    lines = [{p for _, c, p in seen if c == line} for line in ("K562", "A172", "T98G", "U87MG")]
    assert len(set.intersection(*lines) - {"control"}) == 9
    pairs = {canonical_perturbation(p, "control") for _, _, p in seen if "+" in p}
    assert len(pairs) == 15


def test_datlinger_jurkat_has_the_counts_and_labels_that_others_read(
    built: Callable[[str], Curated],
) -> None:
    mine = built("datlinger-jurkat")
    theirs = independent("datlinger21_jurkat_tcr/datlinger21_jurkat.h5ad")
    assert list(mine.cells) == list(theirs.obs_names)
    assert list(mine.features) == list(theirs.var_names)
    assert (matrix(mine) != theirs.X).nnz == 0
    for column in ("context", "perturbation", "guide"):
        assert list(mine.obs[column]) == list(theirs.obs[column])
    assert list(mine.obs["batch"]) == list(theirs.obs["sample"])
    assert (mine.obs["library_size"] == theirs.obs["ncounts"]).all()


def test_kang_ifnb_has_the_counts_and_labels_that_others_recovered(
    built: Callable[[str], Curated],
) -> None:
    mine, theirs = built("kang-ifnb"), independent("kang_ifnb_pbmc/kang_valid.h5ad")
    assert list(mine.cells) == list(theirs.obs_names)
    assert list(mine.features) == list(theirs.var_names)
    assert (matrix(mine) != theirs.layers["counts"]).nnz == 0
    assert list(mine.obs["context"]) == list(theirs.obs["cell_type"])
    assert list(mine.obs["perturbation"]) == list(theirs.obs["perturbation"])
    assert (mine.obs["library_size"] == theirs.obs["n_counts"]).all()


def test_kang_ifnb_gives_the_values_of_its_source_back(built: Callable[[str], Curated]) -> None:
    mine, theirs = built("kang-ifnb"), independent("kang_ifnb_pbmc/kang_valid.h5ad")
    scaled = sparse.diags_array(1832.5 / mine.obs["library_size"]) @ matrix(mine)
    np.testing.assert_allclose(np.log1p(scaled.toarray()), theirs.X.toarray(), rtol=1e-5)


def test_glioblastoma_keeps_the_counts_and_labels_of_its_source(
    built: Callable[[str], Curated],
) -> None:
    mine = built("glioblastoma-panobinostat")
    theirs = independent("glioblastoma_panobinostat/glioblastoma_panobinostat.h5ad")
    assert list(mine.cells) == list(theirs.obs_names)
    assert [str(name).partition(".")[0] for name in theirs.var_names] == list(mine.features)
    assert (matrix(mine) != theirs.layers["counts"]).nnz == 0
    for column, name in [("donor", "patient"), ("perturbation", "perturbation")]:
        assert list(mine.obs[column]) == list(theirs.obs[name])
    assert set(mine.obs["context"]) == {"glioblastoma-slice"}


def test_glioblastoma_gives_the_values_of_its_source_back(
    built: Callable[[str], Curated],
) -> None:
    """As transformGamPoi transforms, with an overdispersion of 0.05 and totals by their mean."""
    mine = built("glioblastoma-panobinostat")
    theirs = independent("glioblastoma_panobinostat/glioblastoma_panobinostat.h5ad")
    factors = mine.obs["library_size"] / 2149.137959766
    scaled = sparse.diags_array(4 * 0.05 / factors) @ matrix(mine)
    np.testing.assert_allclose(np.log1p(scaled.toarray()) / 0.05**0.5, theirs.X.toarray(), 1e-5)


def test_glioblastoma_refuses_totals_that_are_not_whole(
    built: Callable[[str], Curated],
) -> None:
    counts = matrix(built("glioblastoma-panobinostat"))
    card = cards.dataset_card("glioblastoma-panobinostat")
    totals = cards.recipe(card).__globals__["_totals"]
    with pytest.raises(Unreadable, match=r"totals are up to .* off whole"):
        totals(counts, np.log1p(counts), card.document["parameters"])
    with pytest.raises(Unreadable, match="not positive in the same places"):
        totals(counts, np.log1p(counts[:, ::-1]), card.document["parameters"])


@pytest.mark.parametrize("name", ["norman-mcfaline", "kang-ifnb"])
def test_a_recipe_that_recovers_counts_refuses_values_that_hold_none(
    name: str, built: Callable[[str], Curated]
) -> None:
    built(name)
    module = cards.recipe(cards.dataset_card(name)).__globals__
    noise = sparse.csr_matrix(np.log1p(np.random.RandomState(0).uniform(1, 9, (4, 30))))
    given = (10_000,) if name == "norman-mcfaline" else (np.array([900] * 4), 1832.5)
    with pytest.raises(Unreadable, match="whole"):
        module["_counts"](noise, *given)


def simulated(**parameters: float) -> Curated:
    """A simulated screen with some parameters of its card changed."""
    card = cards.dataset_card("simulated-screen")
    changed = card.document["parameters"] | parameters
    return cards.recipe(card)({}, {**card.document, "parameters": changed})


SMALL = {"genes": 300, "contexts": 2, "singles": 6, "doubles": 4, "null_share": 0}


def change(curated: Curated, context: str, perturbation: str) -> np.ndarray:
    """Log2 ratio of mean shares between the perturbation's cells and the context's control."""
    dense = curated.rows.dense().astype(float)
    share = dense / dense.sum(axis=1, keepdims=True)
    here = curated.obs["context"] == context
    moved = share[here & (curated.obs["perturbation"] == perturbation)].mean(axis=0)
    control = share[here & (curated.obs["perturbation"] == "control")].mean(axis=0)
    return np.log2((moved + 1e-6) / (control + 1e-6))


def perturbations(curated: Curated) -> list[str]:
    return [p for p in dict.fromkeys(curated.obs["perturbation"]) if p != "control"]


def test_the_same_seed_gives_the_same_screen_and_another_seed_another() -> None:
    first, again, other = simulated(**SMALL), simulated(**SMALL), simulated(**SMALL, seed=2)
    assert (first.rows.data == again.rows.data).all()
    assert (first.cells == again.cells).all()
    assert (
        len(first.rows.data) != len(other.rows.data) or (first.rows.data != other.rows.data).any()
    )


def test_a_simulated_screen_has_the_size_that_its_card_says() -> None:
    parameters = cards.dataset_card("simulated-screen").document["parameters"]
    curated = simulated()
    obs = curated.obs
    names = perturbations(curated)
    assert curated.rows.width == parameters["genes"]
    assert len(set(obs["context"])) == parameters["contexts"]
    assert sum("+" in name for name in names) == parameters["doubles"]
    assert sum("+" not in name for name in names) == parameters["singles"]
    controls = (obs["perturbation"] == "control").sum()
    assert controls == parameters["contexts"] * parameters["control_cells"]
    totals = curated.rows.dense().sum(axis=1)
    assert np.median(totals) == pytest.approx(parameters["library_size"], rel=0.05)


def test_simulated_names_say_that_they_are_simulated() -> None:
    curated = simulated(**SMALL)
    assert all(name.startswith("simulated-line-") for name in curated.obs["context"])
    assert all(name.startswith("simulated-cell-") for name in curated.cells)
    assert all(name.startswith("SIM") for name in curated.features)


def test_pairs_are_spelled_canonically_and_made_of_singles() -> None:
    names = perturbations(simulated())
    singles = {name for name in names if "+" not in name}
    for name in names:
        assert canonical_perturbation(name, "control") == name
        assert set(name.split("+")) <= singles


def test_targets_are_knocked_down_in_every_context() -> None:
    curated = simulated(**SMALL, escape_share=0, cells=300)
    for context in sorted(set(curated.obs["context"])):
        for name in perturbations(curated):
            target = np.isin(curated.features, name.split("+"))
            assert (change(curated, context, name)[target] < -0.5).all()


def test_simulated_counts_vary_more_than_poisson_and_scarce_genes_most() -> None:
    curated = simulated(**SMALL, library_spread=0.0, control_cells=2000)
    control = curated.obs["perturbation"] == "control"
    here = control & (curated.obs["context"] == "simulated-line-1")
    counts = curated.rows.dense()[here].astype(float)
    mean = counts.mean(axis=0)
    dispersion = (counts.var(axis=0) - mean) / mean**2
    seen = mean > 1
    assert (dispersion[seen] > 0).mean() > 0.95
    assert np.corrcoef(np.log(mean[seen]), dispersion[seen])[0, 1] < -0.3


def test_null_perturbations_move_nothing_but_their_target() -> None:
    curated = simulated(**SMALL | {"null_share": 1, "interaction_share": 0}, cells=400)
    for name in perturbations(curated):
        other = ~np.isin(curated.features, name.split("+"))
        abundant = curated.rows.dense().mean(axis=0) > 5
        assert np.abs(change(curated, "simulated-line-1", name)[other & abundant]).max() < 0.4


def test_pairs_without_interaction_are_the_sum_of_their_singles() -> None:
    size = {"cells": 600, "control_cells": 600, "escape_share": 0, "effect": 1.0}
    apart = []
    for share in (0, 1):
        curated = simulated(**SMALL, **size, interaction_share=share, interaction=1.0)
        abundant = curated.rows.dense().mean(axis=0) > 3
        errors = []
        for name in (name for name in perturbations(curated) if "+" in name):
            first, second, both = (
                change(curated, "simulated-line-1", part)[abundant]
                for part in (*name.split("+"), name)
            )
            errors.append(np.abs(both - first - second).mean())
        apart.append(np.mean(errors))
    assert apart[0] < 0.15
    assert apart[1] > 2 * apart[0]


def test_contexts_share_effects_but_not_all_of_them() -> None:
    size = {"cells": 400, "control_cells": 600, "effect": 1.0}
    shared, apart = (
        [
            np.corrcoef(
                change(curated, "simulated-line-1", name), change(curated, "simulated-line-2", name)
            )[0, 1]
            for name in perturbations(curated)
        ]
        for curated in (
            simulated(**SMALL, **size, context_part=0.0),
            simulated(**SMALL, **size, context_part=2.0),
        )
    )
    assert np.mean(apart) < np.mean(shared) - 0.1
    assert np.mean(shared) > 0.6


def test_cells_that_escape_weaken_the_effect() -> None:
    size = {"cells": 400, "control_cells": 600}
    name = perturbations(simulated(**SMALL))[0]
    reached, escaped = (
        np.abs(
            change(simulated(**SMALL, **size, escape_share=share), "simulated-line-1", name)
        ).mean()
        for share in (0.0, 1.0)
    )
    assert escaped < reached / 1.5
