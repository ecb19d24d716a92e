"""The edits of the conformance kit, as its README defines them: one function for each `op`."""

import base64
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rfc8785
import zarr
from scipy import sparse

Edit = Callable[..., None]


def set_json(store: Path, object: str, pointer: str, value: Any) -> None:
    """Set a member of a JSON document."""
    document, holder, last = _found(store / object, pointer)
    if isinstance(holder, list):
        holder[int(last)] = value
    else:
        holder[last] = value
    _write_json(store / object, document)


def remove_json(store: Path, object: str, pointer: str) -> None:
    """Remove a member of a JSON document."""
    document, holder, last = _found(store / object, pointer)
    del holder[int(last) if isinstance(holder, list) else last]
    _write_json(store / object, document)


def _found(path: Path, pointer: str) -> tuple[Any, Any, str]:
    """The document, the value that holds the place at `pointer`, and the last step to it."""
    document = json.loads(path.read_bytes())
    *steps, last = [s.replace("~1", "/").replace("~0", "~") for s in pointer.split("/")[1:]]
    holder = document
    for step in steps:
        holder = holder[int(step) if isinstance(holder, list) else step]
    return document, holder, last


def _write_json(path: Path, document: Any) -> None:
    path.write_bytes(rfc8785.dumps(document))


def set_values(store: Path, path: str, at: list[Any], to: list[Any]) -> None:
    """Replace elements of an array."""
    array = _open(store, path)
    values = array[...]
    for place, value in zip(at, to, strict=True):
        values[tuple(place) if isinstance(place, list) else place] = value
    array[...] = values


def take(store: Path, path: str, axis: int, at: list[int]) -> None:
    """Keep the given positions along an axis, in the given order, of what is at `path`."""
    document = json.loads((store / path.strip("/") / "zarr.json").read_bytes())
    encoding = document["attributes"].get("encoding-type", "")
    if encoding == "dataframe":
        columns = ["_index", *document["attributes"]["column-order"]]
        for column in columns:
            take(store, f"{path}/{column}", 0, at)
    elif encoding == "categorical":
        take(store, f"{path}/codes", 0, at)
    elif encoding in {"csr_matrix", "csc_matrix"}:
        _take_of_compressed(store, path, axis, at)
    else:
        array = _open(store, path)
        _replace(array, np.take(array[...], at, axis=axis))


def _take_of_compressed(store: Path, path: str, axis: int, at: list[int]) -> None:
    group = zarr.open_group(str(store), path=path.strip("/"), mode="r+")
    parts = [group[name] for name in ("data", "indices", "indptr")]
    is_csr = group.attrs["encoding-type"] == "csr_matrix"
    kind = sparse.csr_matrix if is_csr else sparse.csc_matrix
    matrix = kind(tuple(part[...] for part in parts), shape=tuple(group.attrs["shape"]))
    taken = kind(matrix[at] if axis == 0 else matrix[:, at])
    for part, values in zip(parts, (taken.data, taken.indices, taken.indptr), strict=True):
        _replace(part, values.astype(part.dtype))
    group.attrs["shape"] = [int(n) for n in taken.shape]


def _open(store: Path, path: str) -> Any:
    return zarr.open_array(str(store), path=path.strip("/"), mode="r+")


def _replace(array: Any, values: Any) -> None:
    array.resize(values.shape)
    array[...] = values


def delete_object(store: Path, object: str) -> None:
    """Delete an object, or everything below a name that ends with a slash."""
    if object.endswith("/"):
        shutil.rmtree(store / object)
    else:
        (store / object).unlink()


def truncate_object(store: Path, object: str, bytes: int) -> None:
    """Cut an object to its first bytes."""
    os.truncate(store / object, bytes)


def append_to_object(store: Path, object: str, text: str) -> None:
    """Add text to the end of an object."""
    with (store / object).open("a", encoding="utf-8") as file:
        file.write(text)


def flip_bit(store: Path, object: str, byte: int, bit: int) -> None:
    """Flip one bit of an object; a negative byte counts from the end."""
    data = bytearray((store / object).read_bytes())
    data[byte] ^= 1 << bit
    (store / object).write_bytes(data)


def write_object(
    store: Path, object: str = "", text: str | None = None, bytes: str | None = None
) -> None:
    """Write an object, given as text or in base64; without a name, the target is a file itself."""
    target = store / object if object else store
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(base64.b64decode(bytes) if bytes is not None else (text or "").encode())


def link_object(store: Path, object: str, to: str) -> None:
    """Replace an object by a symbolic link."""
    (store / object).unlink(missing_ok=True)
    (store / object).symlink_to(to)


def rename_object(store: Path, object: str, to: str) -> None:
    """Give an object another name."""
    (store / object).rename(store / to)


def make_folder(store: Path) -> None:
    """Make the target an empty folder."""
    store.mkdir()


OPERATIONS: Mapping[str, Edit] = {
    "set-json": set_json,
    "remove-json": remove_json,
    "set-values": set_values,
    "take": take,
    "delete-object": delete_object,
    "truncate-object": truncate_object,
    "append-to-object": append_to_object,
    "flip-bit": flip_bit,
    "write-object": write_object,
    "link-object": link_object,
    "rename-object": rename_object,
    "make-folder": make_folder,
}


def apply(store: Path, edit: Mapping[str, Any]) -> None:
    """Make one edit of the store."""
    arguments = {name: value for name, value in edit.items() if name != "op"}
    with zarr.config.set({"array.write_empty_chunks": True}):
        OPERATIONS[edit["op"]](store, **arguments)


def consolidate(store: Path) -> None:
    """Make the root's copy of the metadata say what the nodes say, where there is such a copy."""
    root = store / "zarr.json"
    try:
        document = json.loads(root.read_bytes())
        copy = document["consolidated_metadata"]["metadata"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    nodes = _nodes(store)
    gone = copy.keys() - nodes.keys()
    changed = {name: node for name, node in nodes.items() if _told(copy.get(name, {})) != node}
    if gone or changed:
        kept = {name: node for name, node in copy.items() if name not in gone}
        document["consolidated_metadata"]["metadata"] = {**kept, **changed}
        _write_json(root, document)


def _nodes(store: Path) -> dict[str, Any]:
    """Name → document of every node below the root that can be read."""
    found = {}
    for path in sorted(store.rglob("zarr.json")):
        if path.parent != store:
            try:
                found[path.parent.relative_to(store).as_posix()] = json.loads(path.read_bytes())
            except ValueError:
                continue
    return found


def _told(node: Mapping[str, Any]) -> dict[str, Any]:
    """What a copy says of a node, but for the empty copy that some libraries nest in it."""
    return {name: value for name, value in node.items() if name != "consolidated_metadata"}
