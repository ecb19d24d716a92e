"""Content of sources that are not at hand, from copies that others made of it."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anndata
import numpy as np
import numpy.typing as npt
import pytest

from vcspec.actions.curate import curate, dataset_document, write_dataset
from vcspec.cards import DatasetCard, dataset_card, recipe
from vcspec.model.curated import Curated
from vcspec.storage.r_data import Experiment

BESIDE = Path(__file__).parents[3] / "shared" / "sources"
MIRROR = Path(os.environ.get("VCSPEC_SOURCE_MIRROR") or BESIDE)
CURATED = MIRROR.parent / "data"
Lists = dict[str, dict[str, Any]]


def _listed(path: Path) -> tuple[Any, Lists]:
    """The arrays of a file of lists, and context → perturbation → names."""
    with np.load(path, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}  # each access decodes an array
    genes, offsets = found["genes"], found["offsets"]
    contexts, perturbations = found["contexts"], found["perturbations"]
    lists: Lists = {str(name): {} for name in contexts}
    rows = zip(found["context_index"], found["perturbation_index"], strict=True)
    for number, (context, perturbation) in enumerate(rows):
        own = genes[found["gene_index"][offsets[number] : offsets[number + 1]]]
        lists[str(contexts[context])][str(perturbations[perturbation])] = own
    return found, lists


def op3(folder: Path) -> Lists:
    data = anndata.read_h5ad(folder / "op3_pbmc_ranks" / "op3_pbmc_ranks.h5ad")
    ranks: npt.NDArray[Any] = np.asarray(data.X)
    genes = data.var_names.to_numpy(str)
    lists: Lists = {}
    for row, (_, label) in zip(ranks, data.obs.iterrows(), strict=True):
        place = lists.setdefault(str(label["cell_type"]), {})
        place[str(label["perturbation"])] = genes[np.argsort(row, kind="stable")]
    return lists


def sciplex(folder: Path) -> Lists:
    return _listed(folder / "sciplex3_ranks" / "sciplex3_ranks.npz")[1]


def replogle(folder: Path) -> Lists:
    return _listed(folder / "replogle_k562_rpe1_top1000" / "replogle_k562_rpe1_top1000.npz")[1]


def tahoe(folder: Path) -> Lists:
    found, lists = _listed(folder / "tahoe10_extremes" / "tahoe10_extremes.npz")
    most = int(found["k_each_end"])
    return {
        context: {name: (own[:most], own[most:]) for name, own in known.items()}
        for context, known in lists.items()
    }


def l1000(folder: Path) -> tuple[Any, ...]:
    data = anndata.read_h5ad(folder / "l1000_cmap" / "l1000_3drugs_65lines_modz.h5ad")
    labels = (data.obs[name].to_numpy(str) for name in ("cell_line", "perturbation"))
    return np.asarray(data.X), list(data.obs_names), data.var_names.to_numpy(str), *labels


def glioblastoma(folder: Path) -> Experiment:
    data = anndata.read_h5ad(
        folder / "glioblastoma_panobinostat" / "glioblastoma_panobinostat.h5ad"
    )
    cells = {
        "patient_id": data.obs["patient"].to_numpy(str),
        "sample_id": data.obs["sample"].to_numpy(str),
        "condition": data.obs["perturbation"].to_numpy(str),
    }
    return Experiment(
        {"counts": data.layers["counts"], "logcounts": data.X},
        np.array([name.partition("_")[0] for name in data.obs_names]),
        data.var_names.to_numpy(str),
        cells,
        {name: data.var[name].to_numpy(str) for name in ("symbol", "chromosome")},
    )


COPIES: Mapping[str, tuple[str, Callable[[Path], Any]]] = {
    "glioblastoma-panobinostat": ("glioblastoma_panobinostat", glioblastoma),
    "l1000-three-drugs": ("l1000_cmap", l1000),
    "op3-pbmc": ("op3_pbmc_ranks", op3),
    "sciplex3-drugs": ("sciplex3_ranks", sciplex),
    "replogle-top-lists": ("replogle_k562_rpe1_top1000", replogle),
    "tahoe-ten-lines": ("tahoe10_extremes", tahoe),
}
"""Dataset → folder of the copy, and what reads it as the recipe's function `curated` takes it."""


def absent(card: DatasetCard) -> list[str]:
    """Sources that are not at hand."""
    return [s.name for s in card.sources if not (MIRROR / urlsplit(s.url).path[1:]).is_file()]


def built(name: str, target: Path) -> None:
    """Write the dataset, from its sources or else from a copy of them; skips where neither is."""
    missing = absent(dataset_card(name))
    if missing:
        document = dataset_document(dataset_card(name))
        write_dataset(target, document, copied(name, missing), overwrite=False)
    else:
        curate(name, target)


def copied(name: str, missing: Sequence[str] = ()) -> Curated:
    """The dataset, from a copy of its sources; skips where there is none."""
    if name not in COPIES or not (CURATED / COPIES[name][0]).is_dir():
        pytest.skip(f"real data missing: {', '.join(missing)}, nor a copy of {name}")
    return curated_copy(name, CURATED)


@cache
def curated_copy(name: str, folder: Path) -> Curated:
    """What the recipe makes of the copy; read once in a process, as it takes long."""
    card = dataset_card(name)
    module = sys.modules[recipe(card).__module__]
    content = COPIES[name][1](folder)
    parts = content if isinstance(content, tuple) else (content,)
    found: Curated = module.curated(*parts, card.document)
    return found
