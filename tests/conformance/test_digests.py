"""Digests: the vectors of the kit, a naive implementation and ours, all of one mind."""

import hashlib
import shutil
import subprocess
from typing import Any

import naive_digests
import numpy as np
import pytest
from kit import STORES

from vcspec.model import manifest
from vcspec.model.matrix import rows_of_dense
from vcspec.model.store import Column
from vcspec.standard import standard
from vcspec.statistics import content
from vcspec.statistics.columns import array_digest, column_digest
from vcspec.statistics.tree import element_digest, merkle_root
from vcspec.storage.zarr_store import ZarrStore

VECTORS = [
    pytest.param(sort, vector, id=f"{sort}: {vector['name']}")
    for sort, found in naive_digests.vectors().items()
    for vector in found
]
SHA256SUM = shutil.which("sha256sum")
MATRICES = {"dataset": ["X"], "predictions": ["X"], "split": [], "reference": []}
SEALED = sorted(path.name for path in STORES.glob("*.zarr"))


def matrix(vector: dict[str, Any]) -> str:
    dense = np.array(naive_digests.expanded(vector), dtype=vector["dtype"])
    leaves = [content.matrix_leaf(tile, "/X") for tile in content.tiles([rows_of_dense(dense)])]
    return element_digest("matrix", dense.shape, vector["dtype"], leaves)


def array(vector: dict[str, Any]) -> str:
    values = np.array(vector["values"], dtype=vector["dtype"]).reshape(vector["shape"])
    return array_digest(values)


def column(vector: dict[str, Any]) -> str:
    is_text = vector["dtype"] == "string"
    dtype = object if is_text else vector["dtype"]
    values = np.array(naive_digests.expanded(vector), dtype=dtype)
    missing = np.isin(np.arange(len(values)), vector.get("missing", []))
    sort: Any = "string" if is_text else "number"
    return column_digest(Column(sort, values, missing if missing.any() else None))


def artefact(vector: dict[str, Any]) -> str:
    return content.combined(vector["document"], vector["elements"]).digest


def tree(vector: dict[str, Any]) -> str:
    return merkle_root([bytes.fromhex(leaf) for leaf in vector["leaves"]]).hex()


def node_manifest(vector: dict[str, Any]) -> str:
    text = manifest.node_manifest(manifest.Entry(**entry) for entry in vector["objects"])
    return hashlib.sha256(text.encode()).hexdigest()


OURS = {
    "matrix": matrix,
    "array": array,
    "column": column,
    "artefact": artefact,
    "tree": tree,
    "node-manifest": node_manifest,
}


@pytest.mark.parametrize(("sort", "vector"), VECTORS)
def test_a_naive_implementation_computes_the_vectors(sort, vector):
    assert naive_digests.DIGESTS[sort](vector) == vector["digest"]


@pytest.mark.parametrize(("sort", "vector"), VECTORS)
def test_we_compute_the_vectors(sort, vector):
    assert OURS[sort](vector) == vector["digest"]


@pytest.mark.parametrize("name", SEALED)
def test_a_naive_implementation_finds_the_digests_of_the_sound_stores(name):
    store = ZarrStore(str(STORES / name))
    document, found = store.skeleton.document or {}, content.content_of(store)
    elements = {path: naive_element(store, path) for path in found.elements}
    inherent = {key: document[key] for key in inherent_members(document) if key in document}
    whole = naive_digests.artefact({"document": inherent, "elements": elements})
    assert (elements, whole) == (found.elements, found.digest)


def inherent_members(document: dict[str, Any]) -> list[str]:
    return list(standard(document["spec"]).layouts[document["kind"]]["inherent_document"])


def naive_element(store: ZarrStore, path: str) -> str:
    """Digest of an element from its values as plain lists."""
    table, _, name = path.partition("/")
    if table in {"obs", "var"}:
        found = store.column(f"/{table}", name)
        dtype = "string" if found.sort == "string" else found.values.dtype.name
        return naive_digests.column({"values": found.values.tolist(), "dtype": dtype})
    node = store.skeleton.nodes[f"/{path}"]
    if node.sort == "group" or path in MATRICES[store.skeleton.document["kind"]]:
        rows = [row for block in store.blocks(f"/{path}") for row in block.dense().tolist()]
        holder = node if node.sort == "array" else store.skeleton.nodes[f"/{path}/data"]
        return naive_digests.matrix({"rows": rows, "dtype": holder.data_type})
    values = store.array(f"/{path}")
    if values.dtype.kind in "OUT":
        return naive_digests.column({"values": values.tolist(), "dtype": "string"})
    vector = {"values": values.reshape(-1).tolist(), "shape": values.shape}
    return naive_digests.array({**vector, "dtype": values.dtype.name})


@pytest.mark.parametrize("name", SEALED)
def test_the_manifests_of_sound_stores_are_checked_by_sha256sum_too(name):
    if SHA256SUM is None:
        return  # coreutils are not everywhere; the rules check the same manifests
    place = STORES / name
    for leaf in sorted((place / "manifest").rglob("node.sha256")):
        command = [SHA256SUM, "--check", "--strict", "--quiet", str(leaf)]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
