"""The sound stores of the conformance kit: `python tests/conformance/build_stores.py` writes them.

Every number is simulated, from `numpy.random.RandomState`, whose stream NumPy never changes.
Two cells of the dataset and one of each prediction are near misses on purpose: one edit turns
them into a fault.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import scipy.sparse
import zarr
from build_screen import CONDITION as SCREEN_CONDITION
from build_screen import build_screen

from vcspec.actions.hidden import hidden
from vcspec.actions.reference import reference
from vcspec.actions.score import score
from vcspec.actions.split import Plan
from vcspec.model.labels import keys_of
from vcspec.model.matrix import AnyArray, Rows, rows_of_dense
from vcspec.storage.artefacts import tables, write_arrays, write_cells
from vcspec.storage.sealing import seal, sealed_content
from vcspec.storage.writing import new_store, write_rows

STORES = Path(__file__).parents[2] / "spec" / "1.0" / "conformance" / "stores"
CONDITION = ["study", "context", "perturbation"]
CONTROL = "control"
FEATURES = np.array([f"SIM{number:02d}" for number in range(1, 25)], dtype=object)
SINGLES = ("SIM01", "SIM02", "SIM03", "SIM04")
PAIR = "SIM01+SIM02"
ALL = (CONTROL, "SIM01", PAIR, *SINGLES[1:])
CONTEXTS = (
    ("study-1", "line-a", ALL),
    ("study-1", "line-b", ALL),
    ("study-2", "line-c", (*ALL[:2], "SIM02")),
)
CELLS = 6
PREDICTED_CELLS = 4
TARGET_SUM = 10_000
ONE_ENTRY = 41  # row of the dataset with a single molecule, hence a single stored value
VALUES = {"space": "log1p", "target_sum": TARGET_SUM, "total": "library"}
UNSEEN_PERTURBATION = {
    "line-a": ("train", "train", "validation", "train", "test", "test"),
    "line-b": ("train", "train", "anchor", "excluded", "test", "anchor"),
    "line-c": ("inference-input", "train", "excluded"),
}
UNSEEN_COMBINATION = {
    "line-a": ("train", "train", "test", "train", "train", "train"),
    "line-b": ("train", "train", "anchor", "train", "train", "train"),
    "line-c": ("train", "train", "train"),
}
UNSEEN_CONTEXT = {
    "line-a": ("train", "train", "validation", "train", "train", "train"),
    "line-b": ("train", "train", "validation", "train", "train", "train"),
    "line-c": ("inference-input", "test", "test"),
}
Table = Mapping[str, AnyArray]


def conditions() -> list[tuple[str, str, str]]:
    """Every condition, in canonical order."""
    return [(study, context, name) for study, context, names in CONTEXTS for name in names]


def expected_counts(context: str, perturbation: str) -> AnyArray:
    """(features,) mean count of a cell: an effect is a factor on the target and on four others."""
    draw = np.random.RandomState(len(context) + ord(context[-1]))
    mean = draw.uniform(4, 12, len(FEATURES))
    for member in perturbation.split("+"):
        if member in SINGLES:
            number = SINGLES.index(member)
            mean[number] *= 0.2
            mean[4 * number + 4 : 4 * number + 8] *= 2.5
    return mean


def labelled(chosen: Sequence[tuple[str, str, str]], cells: int) -> dict[str, AnyArray]:
    """The condition columns of `cells` rows for each condition."""
    rows = np.array([condition for condition in chosen for _ in range(cells)], dtype=object)
    return {name: rows[:, number] for number, name in enumerate(CONDITION)}


def simulated_counts(chosen: Sequence[tuple[str, str, str]], cells: int, seed: int) -> AnyArray:
    """(cells, features) Poisson counts, float32."""
    draw = np.random.RandomState(seed)
    means = [expected_counts(context, name) for _, context, name in chosen for _ in range(cells)]
    return draw.poisson(np.array(means)).astype(np.float32)


def measured() -> tuple[AnyArray, Table]:
    """Counts and obs of the dataset."""
    counts = simulated_counts(conditions(), CELLS, seed=7)
    counts[1] = counts[0]  # but for one molecule, the cell of row 0: a near miss of a copied cell
    counts[1, 0] += 1
    counts[ONE_ENTRY] = 0  # a near miss of an empty cell
    counts[ONE_ENTRY, 5] = 1
    names = np.array([f"cell-{number:02d}" for number in range(len(counts))], dtype=object)
    beyond = np.random.RandomState(8).poisson(40, len(counts))
    library_size = counts.sum(axis=1, dtype=np.float64) + beyond
    return counts, {"_index": names, **labelled(conditions(), CELLS), "library_size": library_size}


def dataset_document(**changed: Any) -> dict[str, Any]:
    """The root document of a dataset."""
    return {
        "kind": "dataset",
        "spec": "1.0",
        "id": "conformance",
        "version": "1.0.0",
        "title": "Simulated counts",
        "summary": "Drawn by a program, for testing validators; nothing was measured.",
        "simulated": True,
        "modality": "transcriptomics",
        "organism": "none",
        "assay": ["none"],
        "features": {"type": "gene", "namespace": "simulated"},
        "values": {"space": "counts", "total": "library"},
        "condition": CONDITION,
        "control": CONTROL,
        "licence": "CC0-1.0",
        "access": "open",
        "citations": [],
        "sources": [],
        "curation": ["Drawn from Poisson distributions."],
        **changed,
    }


def write_dataset(target: Path) -> None:
    """Compressed by rows, as vcspec writes; with an object that is not Zarr's own."""
    counts, obs = measured()
    rows, var = rows_of_dense(counts), {"_index": FEATURES}
    write_cells(target, dataset_document(), [rows], obs=obs, var=var)
    (target / "README.txt").write_text("Simulated. The manifest lists this file like any other.\n")
    seal(target)


def write_log1p_dataset(target: Path) -> None:
    """The same cells as log1p, with totals over the features."""
    counts, obs = measured()
    values = log1p(counts, counts.sum(axis=1))
    document = dataset_document(id="conformance-log1p", values={**VALUES, "total": "features"})
    kept = {name: column for name, column in obs.items() if name != "library_size"}
    write_cells(target, document, [rows_of_dense(values)], obs=kept, var={"_index": FEATURES})


def log1p(counts: AnyArray, totals: AnyArray) -> AnyArray:
    """(cells, features) ln(1 + count × target sum / total), float32."""
    share = counts.astype(np.float64) * TARGET_SUM / np.asarray(totals)[:, np.newaxis]
    return np.log1p(share).astype(np.float32)


def write_csc_dataset(target: Path) -> None:
    """Compressed by columns."""
    counts, obs = measured()
    with new_store(target, dataset_document()) as root:
        write_rows(root, "X", [rows_of_dense(counts.T)], len(counts), data_type=np.float32)
        shape = [len(counts), len(FEATURES)]
        root["X"].attrs.update({"encoding-type": "csc_matrix", "shape": shape})
        tables(root, obs, {"_index": FEATURES})


def write_dense_dataset(target: Path) -> None:
    """Dense, in shards of six chunks."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    counts, obs = measured()
    with new_store(target, dataset_document()) as root:
        x = root.create_array(
            "X",
            shape=counts.shape,
            dtype=np.float32,
            chunks=(8, 8),
            shards={"shape": (16, 24), "index_location": "start"},
            fill_value=np.nan,
            compressors=[ZstdCodec(level=1), Crc32cCodec()],
        )
        x[...] = counts
        x.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        tables(root, obs, {"_index": FEATURES})


def write_v2_dataset(target: Path) -> None:
    """Zarr format 2, as AnnData writes it."""
    counts, obs = measured()
    columns = {name: column for name, column in obs.items() if name != "_index"}
    frame = pd.DataFrame(columns, index=pd.Index(obs["_index"]))
    for name in CONDITION:
        frame[name] = frame[name].astype("category")
    cells = anndata.AnnData(
        scipy.sparse.csr_matrix(counts), obs=frame, var=pd.DataFrame(index=pd.Index(FEATURES))
    )
    with zarr.config.set({"array.write_empty_chunks": True}):
        group = zarr.open_group(str(target), mode="w", zarr_format=2)
        anndata.io.write_elem(group, "/", cells)
        group.attrs["vcspec"] = dataset_document()
        zarr.consolidate_metadata(group.store, zarr_format=2)
    seal(target)


def write_split(
    target: Path, claim: str, roles: Mapping[str, Sequence[str]], dataset: Path
) -> None:
    """Who may see what, with the roles given in the order of the conditions."""
    columns = labelled(conditions(), 1)
    role = np.array([role for context in roles.values() for role in context], dtype=object)
    stated = {"excluded": "left out, so that the kit has such a condition"}
    reason = np.array([stated.get(name, "-") for name in role], dtype=object)
    document = {
        "kind": "split",
        "spec": "1.0",
        "id": f"conformance/{claim}",
        "version": "1.0.0",
        "title": f"Simulated, {claim}",
        "simulated": True,
        "task": "perturbation-response",
        "claim": claim,
        "datasets": [pin("conformance", dataset)],
        "strategy": {"name": "by-hand", "seed": 0, "parameters": {}},
        "condition": CONDITION,
        "control": CONTROL,
        "values": VALUES,
        "cells_per_condition": PREDICTED_CELLS,
        "licence": "CC0-1.0",
    }
    obs = {"_index": keys_of(columns, CONDITION), **columns, "role": role, "reason": reason}
    var = {"_index": FEATURES, "is_target": np.isin(FEATURES.astype(str), SINGLES)}
    write_arrays(target, document, {}, obs=obs, var=var)


DOSES = {
    "x|SIM01|1|uM|p1|b1": "train",
    "x|SIM01|5000|nM|p1|b1": "train",
    "x|SIM01|9|uM|p1|b1": "test",
    "x|control|0|uM|p1|b1": "train",
}
DOSE_CONDITION = ["context", "perturbation", "dose", "dose_unit", "donor", "batch"]


def dosed(times: int) -> Table:
    """Columns of the conditions with doses, each so many times."""
    values = np.array([key.split("|") for key in DOSES], dtype=object).T
    return dict(zip(DOSE_CONDITION, np.repeat(values, times, axis=1), strict=True))


def write_dose_dataset(target: Path) -> None:
    """Counts of conditions with doses in two units, donors and batches."""
    columns, cells = dosed(CELLS), len(DOSES) * CELLS
    counts = np.random.RandomState(11).poisson(3, (cells, len(FEATURES))).astype(np.int32)
    names = np.array([f"cell-{number:02d}" for number in range(cells)], dtype=object)
    document = dataset_document(
        id="conformance-dose",
        condition=DOSE_CONDITION,
        values={"space": "counts", "total": "features"},
    )
    obs = {"_index": names, **columns}
    write_cells(target, document, [rows_of_dense(counts)], obs=obs, var={"_index": FEATURES})


def write_dose_split(target: Path, other: Path, dataset: Path) -> None:
    """A split that extrapolates doses; what it has in common with `other` is taken from there."""
    document = dict(zarr.open_group(other, mode="r").attrs["vcspec"])  # type: ignore[call-overload]
    document |= {"id": "conformance/dose-extrapolation", "claim": "dose-extrapolation"}
    document |= {"condition": DOSE_CONDITION, "datasets": [pin("conformance-dose", dataset)]}
    document["values"] = {**document["values"], "total": "features"}
    columns = dosed(1)
    obs = {
        "_index": keys_of(columns, DOSE_CONDITION),
        **columns,
        "role": np.array(list(DOSES.values()), dtype=object),
        "reason": np.full(len(DOSES), "-", dtype=object),
        "group": np.full(len(DOSES), "-", dtype=object),
    }
    var = {"_index": FEATURES, "is_target": np.isin(FEATURES.astype(str), SINGLES)}
    write_arrays(target, document, {}, obs=obs, var=var)


def write_withheld(folder: Path, dataset: Path) -> None:
    """A split whose truth is withheld, the cells that models may see, and the reference."""
    plan = Plan(
        id="conformance/withheld",
        version="1.0.0",
        title="Simulated, withheld",
        strategy="holdout-perturbations",
        parameters={"hold_out": ["SIM03", "SIM04"]},
        target_sum=TARGET_SUM,
        cells_per_condition=PREDICTED_CELLS,
    )
    hidden(dataset, folder / "hidden", plan)
    public, private = folder / "hidden" / "public", folder / "hidden" / "private"
    (public / "dataset.zarr").rename(folder / "dataset-public.zarr")
    (public / "split.zarr").rename(folder / "split-withheld.zarr")
    (private / "reference.zarr").rename(folder / "reference-withheld.zarr")
    shutil.rmtree(folder / "hidden")


def pin(name: str, store: Path) -> dict[str, str]:
    """Id, version and content of a sealed store."""
    return {"id": name, "version": "1.0.0", "content": sealed_content(store)}


def tested() -> list[tuple[str, str, str]]:
    """Test conditions of the split by perturbation."""
    roles = [role for context in UNSEEN_PERTURBATION.values() for role in context]
    return [found for found, role in zip(conditions(), roles, strict=True) if role == "test"]


def predictions_document(split: Path, level: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The root document of predictions."""
    return {
        "kind": "predictions",
        "spec": "1.0",
        "split": pin("conformance/unseen-perturbation", split),
        "model": {"name": "simulation", "version": "1.0.0"},
        "level": level,
        "values": dict(values),
        "condition": CONDITION,
        "training": {"datasets": [], "corpora": [], "priors": []},
        "simulated": True,
        "licence": "CC0-1.0",
    }


def predicted() -> tuple[AnyArray, AnyArray, Table]:
    """Counts, library sizes and obs of predicted cells."""
    counts = simulated_counts(tested(), PREDICTED_CELLS, seed=9)
    counts[-1] = 0  # a near miss of a row of whole numbers, once it is log1p
    counts[-1, 5] = 1
    library_size = counts.sum(axis=1, dtype=np.float64) + 40
    names = np.array([f"predicted-{number:02d}" for number in range(len(counts))], dtype=object)
    return counts, library_size, {"_index": names, **labelled(tested(), PREDICTED_CELLS)}


def write_predicted_cells(target: Path, split: Path) -> None:
    """Cells, log1p."""
    counts, library_size, obs = predicted()
    rows: Rows = rows_of_dense(log1p(counts, library_size))
    document = predictions_document(split, "cells", VALUES)
    write_cells(target, document, [rows], obs=obs, var={"_index": FEATURES})


def write_predicted_counts(target: Path, split: Path) -> None:
    """Cells, counts."""
    counts, library_size, obs = predicted()
    document = predictions_document(split, "cells", {"space": "counts", "total": "library"})
    obs = {**obs, "library_size": library_size}
    write_cells(target, document, [rows_of_dense(counts)], obs=obs, var={"_index": FEATURES})


def write_predicted_profiles(target: Path, split: Path, *, stated: bool = False) -> None:
    """One dense row a condition, with the deviation of each value where it is stated."""
    counts, library_size, _ = predicted()
    cells = log1p(counts, library_size).reshape(len(tested()), PREDICTED_CELLS, -1)
    columns = labelled(tested(), 1)
    obs = {"_index": keys_of(columns, CONDITION), **columns}
    document = predictions_document(split, "profiles", VALUES)
    arrays = {"X": cells.mean(axis=1)}
    if stated:
        arrays["layers/deviation"] = cells.std(axis=1)
    write_arrays(target, document, arrays, obs=obs, var={"_index": FEATURES})


def build(folder: Path) -> None:
    """Write every store of the kit into `folder`."""
    dataset, split = folder / "dataset.zarr", folder / "split.zarr"
    write_dataset(dataset)
    write_csc_dataset(folder / "dataset-csc.zarr")
    write_dense_dataset(folder / "dataset-dense.zarr")
    write_v2_dataset(folder / "dataset-v2.zarr")
    write_log1p_dataset(folder / "dataset-log1p.zarr")
    write_split(split, "unseen-perturbation", UNSEEN_PERTURBATION, dataset)
    write_split(
        folder / "split-combination.zarr", "unseen-combination", UNSEEN_COMBINATION, dataset
    )
    write_split(folder / "split-context.zarr", "unseen-context", UNSEEN_CONTEXT, dataset)
    write_dose_dataset(folder / "dataset-dose.zarr")
    write_dose_split(folder / "split-dose.zarr", split, folder / "dataset-dose.zarr")
    write_withheld(folder, dataset)
    write_predicted_cells(folder / "predictions-cells.zarr", split)
    write_predicted_counts(folder / "predictions-counts.zarr", split)
    write_predicted_profiles(folder / "predictions-profiles.zarr", split)
    write_predicted_profiles(folder / "predictions-deviation.zarr", split, stated=True)
    reference(split, dataset, folder / "reference.zarr")
    card = score(
        folder / "predictions-cells.zarr", split=split, reference=folder / "reference.zarr"
    )
    (folder / "scorecard.json").write_text(card.to_json())
    document = dataset_document(
        id="conformance-screen",
        condition=SCREEN_CONDITION,
        values={"space": "counts", "total": "features"},
    )
    build_screen(folder, document)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=STORES.parent) as draft:
        build(Path(draft))
        shutil.rmtree(STORES, ignore_errors=True)
        shutil.copytree(draft, STORES)
