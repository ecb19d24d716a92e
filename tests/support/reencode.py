"""The same artefact in another layout: chunks, codecs, encodings, Zarr version, byte order."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numcodecs import GZip, Zstd
from scipy import sparse
from zarr.codecs import BytesCodec, Crc32cCodec, GzipCodec, ZstdCodec
from zarr.dtype import VariableLengthUTF8

from vcspec.model.matrix import stack
from vcspec.model.store import Column
from vcspec.storage.zarr_store import ZarrStore


@dataclass(frozen=True)
class Layout:
    """How a store is laid out."""

    matrix: Literal["csr", "csc", "dense"] = "csr"
    zarr_format: Literal[2, 3] = 3
    chunk: int = 2_000
    sharded: bool = False
    big_endian: bool = False
    labels: Literal["plain", "categorical", "nullable"] = "plain"
    zstd: bool = True
    order: Literal["conditions", "rows"] | None = None  # of rows, which the caller draws


def reencode(source: Path, target: Path, layout: Layout, order: Any = None) -> Path:
    """Write the artefact at `source` again, unsealed, in the layout; rows in the order, if any."""
    store = ZarrStore(str(source))
    root = zarr.create_group(zarr.storage.LocalStore(target), zarr_format=layout.zarr_format)
    document = dict(store.skeleton.document or {})
    root.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0", "vcspec": document})
    if "/X" in store.skeleton.nodes:
        _matrix(root, store, layout, order)
    for name in ("obs", "var"):
        _table(root, store, name, layout, order if name == "obs" else None)
    _others(root, store, layout)
    return target


def _others(root: Any, store: ZarrStore, layout: Layout) -> None:
    """What lies beside the matrix and the tables."""
    for path, node in store.skeleton.nodes.items():
        if path == "/" or path.startswith(("/X", "/obs/", "/var/")) or path in {"/obs", "/var"}:
            continue
        name = path.strip("/")
        if node.sort == "group":
            root.require_group(name).attrs.update(node.attributes)
        elif node.data_type == "string":
            _strings(root, name, store.array(path), layout)
        else:
            _put(root, name, store.array(path), layout).attrs.update(node.attributes)


def _matrix(root: Any, store: ZarrStore, layout: Layout, order: Any) -> None:
    rows = stack(list(store.blocks("/X")))
    rows = rows if order is None else rows.take(order)
    if layout.matrix == "dense":
        dense = _put(root, "X", rows.dense(), layout)
        dense.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        return
    shape = (len(rows), rows.width)
    found = sparse.csr_matrix((rows.data, rows.indices, rows.indptr), shape=shape)
    found = found.tocsc() if layout.matrix == "csc" else found
    group = root.create_group("X")
    for name in ("data", "indices", "indptr"):
        _put(group, name, getattr(found, name), layout)
    encoding = {"encoding-type": f"{layout.matrix}_matrix", "encoding-version": "0.1.0"}
    group.attrs.update({**encoding, "shape": list(shape)})


def _table(root: Any, store: ZarrStore, name: str, layout: Layout, order: Any) -> None:
    columns = store.skeleton.nodes[f"/{name}"].attributes["column-order"]
    table = root.create_group(name)
    taken = slice(None) if order is None else order
    _strings(table, "_index", store.column(f"/{name}", "_index").values[taken], layout)
    for column in columns:
        found = store.column(f"/{name}", column)
        _column(table, column, Column(found.sort, found.values[taken]), layout)
    encoding = {"encoding-type": "dataframe", "encoding-version": "0.2.0"}
    table.attrs.update({**encoding, "_index": "_index", "column-order": list(columns)})


def _column(table: Any, name: str, column: Column, layout: Layout) -> None:
    if column.sort != "string":
        encoding = {"encoding-type": "array", "encoding-version": "0.2.0"}
        _put(table, name, column.values, layout).attrs.update(encoding)
    elif layout.labels == "plain":
        _strings(table, name, column.values, layout)
    elif layout.labels == "nullable":
        group = table.create_group(name)
        _strings(group, "values", column.values, layout)
        _put(group, "mask", np.zeros(len(column), dtype=bool), layout)
        encoding = {"encoding-type": "nullable-string-array", "encoding-version": "0.1.0"}
        group.attrs.update(encoding)
    else:
        group = table.create_group(name)
        categories, codes = np.unique(column.values.astype(str), return_inverse=True)
        _strings(group, "categories", categories[::-1].astype(object), layout)
        _put(group, "codes", (len(categories) - 1 - codes).astype(np.int16), layout)
        encoding = {"encoding-type": "categorical", "encoding-version": "0.2.0"}
        group.attrs.update({**encoding, "ordered": False})


def _strings(group: Any, name: str, values: Any, layout: Layout) -> None:
    array = group.create_array(
        name,
        shape=values.shape,
        dtype=VariableLengthUTF8(),
        chunks=(max(1, min(layout.chunk, len(values))),),
        fill_value="",
        **_compressors(layout),
    )
    array[...] = values.astype(object)
    array.attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})


def _put(group: Any, name: str, values: Any, layout: Layout) -> Any:
    chunks = tuple(max(1, min(layout.chunk, n)) for n in values.shape)
    options: dict[str, Any] = {"dtype": values.dtype, "chunks": chunks, **_compressors(layout)}
    if layout.zarr_format == 2:
        options["dtype"] = values.dtype.newbyteorder(">" if layout.big_endian else "<")
    else:
        options["serializer"] = BytesCodec(endian="big" if layout.big_endian else "little")
    if layout.sharded and layout.zarr_format == 3:
        options["shards"] = {"shape": tuple(3 * n for n in chunks), "index_location": "start"}
    fill = np.nan if values.dtype.kind == "f" else 0
    with zarr.config.set({"array.write_empty_chunks": True}):
        array = group.create_array(name, shape=values.shape, fill_value=fill, **options)
        array[...] = values
    return array


def _compressors(layout: Layout) -> dict[str, Any]:
    if layout.zarr_format == 2:
        return {"compressors": Zstd(level=1) if layout.zstd else GZip(level=1)}
    first = ZstdCodec(level=1) if layout.zstd else GzipCodec(level=1)
    return {"compressors": [first, Crc32cCodec()]}
