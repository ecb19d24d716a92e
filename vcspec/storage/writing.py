"""Writing of stores in the format's own profile; nothing half-written stays under a final name."""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vcspec.model.errors import UsageError
from vcspec.model.matrix import AnyArray, Rows
from vcspec.model.store import PIECE_ROWS
from vcspec.storage.compressed import spans
from vcspec.storage.sealing import seal

CHUNK = 262_144
SHARD = 4_194_304
ROOT = "zarr.json"
ANNDATA = {"encoding-type": "anndata", "encoding-version": "0.1.0"}
DICT = {"encoding-type": "dict", "encoding-version": "0.1.0"}
WIDE = 2**31  # entries from which on 32 bits do not number them


@contextmanager
def new_store(
    target: Path,
    document: Mapping[str, Any],
    *,
    overwrite: bool = False,
    check: Callable[[Path], object] | None = None,
) -> Iterator[Any]:
    """A fresh Zarr v3 group; sealed, it becomes `target` if the block ends well, else it vanishes.

    Args:
        target: final path; its parent must exist.
        document: the root attribute `vcspec`.
        overwrite: replace a store that is already there (and nothing but a store).
        check: looks at the sealed draft before it takes its name; what it raises makes it vanish.

    Raises:
        UsageError: something is at `target` already.
    """
    import zarr

    from vcspec.storage.draft import DraftStore

    require_free(target, overwrite=overwrite)
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with zarr.config.set({"array.write_empty_chunks": True}):
            root = zarr.create_group(
                DraftStore(draft),
                zarr_format=3,
                attributes={**ANNDATA, "vcspec": dict(document)},
            )
            yield root
            _complete(root)
            _consolidate(draft)
        seal(draft)
        if check is not None:
            check(draft)
        _move(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def restate(target: Path, document: Mapping[str, Any]) -> None:
    """Give a store of one's own another document, and seal it again; not for one that others read.

    Args:
        target: a store from `new_store`.
        document: the root attribute `vcspec` from now on.
    """
    root = json.loads((target / ROOT).read_bytes())
    root["attributes"]["vcspec"] = dict(document)
    (target / ROOT).write_text(json.dumps(root, indent=2), encoding="utf-8")
    seal(target)


def draft_of(root: Any) -> Path:
    """The folder in which a store from `new_store` is being written."""
    return Path(root.store.root)


def require_free(target: Path, *, overwrite: bool) -> None:
    """Pass a path at which a store can be written.

    Raises:
        UsageError: its folder does not exist, or something is there that is not to be replaced.
    """
    if not target.parent.is_dir():
        message = f"{target.parent}: no such folder; create it first"
        raise UsageError(message)
    require_replaceable(target, overwrite=overwrite)


def require_replaceable(target: Path, *, overwrite: bool) -> None:
    """Pass a path at which there is nothing, or a store that may be replaced.

    Raises:
        UsageError: the path ends in no name, or something is there that is not to be replaced.
    """
    if target.name in ("", ".."):
        message = f"{str(target)!r} ends in no name; name the store that is to be written"
        raise UsageError(message)
    if not os.path.lexists(target):
        return
    if not overwrite:
        message = f"{target} exists; choose another name, or say --overwrite"
        raise UsageError(message)
    is_store = (target / "zarr.json").is_file() or (target / ".zgroup").is_file()
    if target.is_symlink() or not is_store:
        what = "is a link" if target.is_symlink() else "is not a Zarr store"
        message = f"{target} exists and {what}; it is not overwritten"
        raise UsageError(message)


def placed(draft: Path, target: Path, *, overwrite: bool) -> None:
    """Put a whole store in place of nothing, or of the store that is there.

    Raises:
        UsageError: something is there that is not to be replaced.
    """
    require_replaceable(target, overwrite=overwrite)
    _move(draft, target)


def _move(draft: Path, target: Path) -> None:
    """Put the draft in place; an old store steps aside first, so that no moment shows a mixture."""
    aside = target.with_name(f"{draft.name}.old")
    if target.exists():
        target.rename(aside)
    try:
        draft.rename(target)
    except BaseException:
        if aside.exists():
            aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _complete(root: Any) -> None:
    """Give the root the groups that every AnnData store has."""
    for name in ("layers", "obsm", "obsp", "varm", "varp", "uns"):
        if not (draft_of(root) / name).exists():
            root.create_group(name, attributes=DICT)


def _consolidate(draft: Path) -> None:
    import warnings

    import zarr

    from vcspec.storage.draft import DraftStore

    with warnings.catch_warnings():
        # Consolidated metadata are not yet part of the Zarr v3 text; AnnData writes them as well.
        warnings.simplefilter("ignore", category=UserWarning)
        zarr.consolidate_metadata(DraftStore(draft), zarr_format=3)


def _codecs(data_type: np.dtype[Any], *, values: bool) -> dict[str, Any]:
    from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

    # Log-normalised values repeat bytes, which zstd finds and shuffling hides; column numbers
    # profit from shuffling.
    numbers = BloscCodec(cname="lz4", shuffle="shuffle", typesize=max(1, data_type.itemsize))
    first = ZstdCodec(level=1) if values else numbers
    return {"compressors": [first, Crc32cCodec()]}


def _fill(data_type: np.dtype[Any]) -> Any:
    return np.nan if data_type.kind == "f" else 0


class Appender:
    """A one-dimensional array that grows: written shard by shard, and at last what is left."""

    def __init__(self, group: Any, name: str, data_type: np.dtype[Any], *, values: bool) -> None:
        self._group, self._name, self._type, self._values = group, name, data_type, values
        self._array: Any = None
        self._waiting: list[AnyArray] = []
        self._length = 0

    def append(self, values: AnyArray) -> None:
        """Add `values` at the end.

        Raises:
            UsageError: whole numbers are wanted, and a value is not whole or too large.
        """
        fitted = values.astype(self._type, copy=False)
        if self._type.kind in "iu" and not np.array_equal(fitted, values):
            message = f"{self._name} has values that do not fit {self._type}; expected whole counts"
            raise UsageError(message)
        self._waiting.append(fitted)
        if sum(len(part) for part in self._waiting) >= SHARD:
            self._write(whole_shards_only=True)

    def close(self) -> None:
        """Write what is left."""
        self._write(whole_shards_only=False)

    def _write(self, *, whole_shards_only: bool) -> None:
        waiting = np.concatenate([*self._waiting, np.empty(0, dtype=self._type)])
        cut = len(waiting) // SHARD * SHARD if whole_shards_only else len(waiting)
        if self._array is None:
            self._array = self._create(sharded=len(waiting) > CHUNK, length=len(waiting), cut=cut)
        elif cut:
            self._array.resize((self._length + cut,))
        if cut:
            self._array[self._length : self._length + cut] = waiting[:cut]
        self._length += cut
        self._waiting = [waiting[cut:]]

    def _create(self, *, sharded: bool, length: int, cut: int) -> Any:
        shards: Any = {"shape": (SHARD,), "index_location": "start"} if sharded else None
        return self._group.create_array(
            self._name,
            shape=(cut,),
            dtype=self._type,
            chunks=(CHUNK if sharded else max(1, length),),
            shards=shards,
            fill_value=_fill(self._type),
            **_codecs(self._type, values=self._values),
        )


def write_rows(
    group: Any, name: str, blocks: Iterable[Rows], width: int, *, data_type: Any
) -> tuple[int, int]:
    """Blocks of consecutive rows as a CSR matrix called `name`, streamed.

    Within a row, entries are sorted by column and stored zeros are dropped.

    Returns:
        (rows, features) of what was written.
    """
    encoding = {"encoding-type": "csr_matrix", "encoding-version": "0.1.0"}
    matrix = group.create_group(name, attributes=encoding)
    data = Appender(matrix, "data", np.dtype(data_type), values=True)
    indices = Appender(matrix, "indices", np.dtype(np.int32), values=False)
    indptr = Appender(matrix, "indptr", np.dtype(np.int64), values=False)
    indptr.append(np.zeros(1, dtype=np.int64))
    rows = stored = 0
    for block in blocks:
        tidy = tidied(block)
        data.append(tidy.data)
        indices.append(tidy.indices)
        indptr.append(tidy.indptr[1:] + stored)
        rows, stored = rows + len(tidy), stored + int(tidy.indptr[-1])
    for part in (data, indices, indptr):
        part.close()
    _agree(matrix, stored)
    matrix.attrs["shape"] = [rows, width]
    return rows, width


def _agree(matrix: Any, stored: int) -> None:
    """Give column numbers and offsets one type: SciPy changes no matrix in place that has two."""
    wanted = np.dtype(np.int32 if stored < WIDE else np.int64)
    folder = draft_of(matrix) / matrix.path
    for name in ("indices", "indptr"):
        old = matrix[name]
        if old.dtype == wanted:
            continue
        new = Appender(matrix, f"{name}-{wanted}", wanted, values=False)
        for start, stop in spans(old.shape[0], SHARD):
            new.append(old[start:stop])
        new.close()
        shutil.rmtree(folder / name)
        (folder / f"{name}-{wanted}").rename(folder / name)


def tidied(block: Rows) -> Rows:
    """The same rows with columns in order and stored zeros dropped."""
    row = block.row_of_entry
    keep = block.data != 0
    order = np.lexsort((block.indices, row))
    order = order[keep[order]]
    lengths = np.bincount(row[keep], minlength=len(block))
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Rows(indptr, block.indices[order], block.data[order], block.width, first=block.first)


def write_array(group: Any, path: str, values: AnyArray) -> None:
    """A dense numeric array, or a one-dimensional array of strings, at `path` below `group`."""
    folder, _, name = path.rpartition("/")
    parent = group.require_group(folder) if folder else group
    if folder and "encoding-type" not in parent.attrs:
        parent.attrs.update(DICT)
    if values.dtype.kind in "OUT":
        _write_strings(parent, name, values)
        return
    chunks = tuple(max(1, n) for n in values.shape)
    while np.prod(chunks) > CHUNK:
        axis = next(axis for axis, length in enumerate(chunks) if length > 1)
        chunks = (*chunks[:axis], chunks[axis] // 2, *chunks[axis + 1 :])
    array = parent.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=chunks,
        fill_value=_fill(values.dtype),
        attributes={"encoding-type": "array", "encoding-version": "0.2.0"},
        **_codecs(values.dtype, values=True),
    )
    array[...] = values


def _write_strings(parent: Any, name: str, values: AnyArray) -> None:
    import zarr.dtype

    sharded = len(values) > PIECE_ROWS
    array = parent.create_array(
        name,
        shape=values.shape,
        dtype=zarr.dtype.VariableLengthUTF8(),  # type: ignore[no-untyped-call, unused-ignore]
        chunks=(PIECE_ROWS if sharded else max(1, len(values)),),
        shards={"shape": (CHUNK,), "index_location": "start"} if sharded else None,
        fill_value="",
        attributes={"encoding-type": "string-array", "encoding-version": "0.2.0"},
        **_codecs(values.dtype, values=True),
    )
    array[...] = values.astype(object)


def write_table(group: Any, name: str, index: AnyArray, columns: Mapping[str, AnyArray]) -> None:
    """A table with row names: strings that repeat become categorical, as AnnData writes them."""
    attributes = {
        "encoding-type": "dataframe",
        "encoding-version": "0.2.0",
        "_index": "_index",
        "column-order": list(columns),
    }
    table = group.create_group(name, attributes=attributes)
    _write_strings(table, "_index", index)
    for column, values in columns.items():
        if values.dtype.kind in "OUT":
            _write_labels(table, column, values)
        else:
            write_array(table, column, values)


def _write_labels(table: Any, name: str, values: AnyArray) -> None:
    categories, codes = np.unique(values.astype(str), return_inverse=True)
    if len(categories) > max(1, len(values) // 2):
        _write_strings(table, name, values)
        return
    attributes = {"encoding-type": "categorical", "encoding-version": "0.2.0", "ordered": False}
    group = table.create_group(name, attributes=attributes)
    _write_strings(group, "categories", categories.astype(object))
    smallest = np.min_scalar_type(-max(len(categories), 1))
    write_array(group, "codes", codes.astype(smallest))


def copy_with_document(source: Path, target: Path, document: Mapping[str, Any]) -> None:
    """The store at `source` again at `target`, with another root document; sealed anew.

    Raises:
        UsageError: something is at `target` already.
    """
    require_free(target, overwrite=False)
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        shutil.copytree(source, draft)
        restate(draft, document)
        _move(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
