"""The digests of the standard once more, naively: plain Python, no array, nothing of vcspec.

`python tests/conformance/naive_digests.py` writes the digests into `digests.toml` beside the values
that stand there.
"""

import hashlib
import json
import math
import re
import struct
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[2] / "spec" / "1.0" / "conformance" / "digests.toml"
TILE = 1024
FORMATS = {
    "bool": "?", "int8": "b", "int16": "h", "int32": "i", "int64": "q",
    "uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q", "float32": "f", "float64": "d",
}  # fmt: skip
NAN = {"float32": bytes.fromhex("0000c07f"), "float64": bytes.fromhex("000000000000f87f")}


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def jcs(value: Any) -> bytes:
    """RFC 8785 for ASCII keys, text, booleans and whole numbers, which is all that is needed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def packed(value: Any, dtype: str) -> bytes:
    """One number, little-endian; one NaN, one zero."""
    if isinstance(value, float) and math.isnan(value):
        return NAN[dtype]
    return struct.pack(f"<{FORMATS[dtype]}", 0 if value == 0 else value)


def matrix_leaves(rows: Sequence[Sequence[Any]], dtype: str) -> list[bytes]:
    """One leaf for each 1024 rows of a dense matrix."""
    leaves = []
    for first in range(0, len(rows), TILE):
        tile = rows[first : first + TILE]
        entries = [[(i, v) for i, v in enumerate(row) if v != 0] for row in tile]
        parts = [b"\x00matrix", struct.pack("<QQ", first, len(tile))]
        parts += [struct.pack("<Q", len(row)) for row in entries]
        parts += [struct.pack("<I", column) for row in entries for column, _ in row]
        parts += [packed(value, dtype) for row in entries for _, value in row]
        leaves.append(sha256(b"".join(parts)))
    return leaves


def array_leaves(values: Sequence[Any], dtype: str) -> list[bytes]:
    """One leaf for each 1024 elements, the last axis varying fastest."""
    return [
        sha256(
            b"\x00array"
            + struct.pack("<Q", start)
            + b"".join(packed(value, dtype) for value in values[start : start + TILE])
        )
        for start in range(0, len(values), TILE)
    ]


def string_leaves(values: Sequence[str | None]) -> list[bytes]:
    """One leaf for each 1024 rows; None is a missing value."""
    leaves = []
    for start in range(0, len(values), TILE):
        tile = values[start : start + TILE]
        parts = [b"\x00strings", struct.pack("<QQ", start, len(tile))]
        for value in tile:
            text = b"" if value is None else value.encode()
            parts += [struct.pack("<I", 0xFFFFFFFF if value is None else len(text)), text]
        leaves.append(sha256(b"".join(parts)))
    return leaves


def merkle(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree: the left side of a node is the largest power of two below its size."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    cut = 1
    while cut * 2 < len(leaves):
        cut *= 2
    return sha256(b"\x01" + merkle(leaves[:cut]) + merkle(leaves[cut:]))


def element(kind: str, shape: Sequence[int], dtype: str, leaves: Sequence[bytes]) -> str:
    described = {
        "kind": kind,
        "shape": list(shape),
        "dtype": dtype,
        "tile_rows": TILE,
        "root": merkle(leaves).hex(),
    }
    return sha256(jcs(described)).hex()


def matrix(vector: Mapping[str, Any]) -> str:
    rows = expanded(vector)
    shape = (len(rows), len(rows[0]))
    return element("matrix", shape, vector["dtype"], matrix_leaves(rows, vector["dtype"]))


def array(vector: Mapping[str, Any]) -> str:
    leaves = array_leaves(vector["values"], vector["dtype"])
    return element("array", vector["shape"], vector["dtype"], leaves)


def column(vector: Mapping[str, Any]) -> str:
    values, missing = expanded(vector), set(vector.get("missing", ()))
    if vector["dtype"] == "string":
        found = [None if row in missing else value for row, value in enumerate(values)]
        return element("strings", (len(values),), "string", string_leaves(found))
    shape = [len(values)]
    present = [0 if row in missing else value for row, value in enumerate(values)]
    digest = array({"values": present, "shape": shape, "dtype": vector["dtype"]})
    if not missing:
        return digest
    mask = [row in missing for row in range(len(values))]
    parts = {"values": digest, "missing": array({"values": mask, "shape": shape, "dtype": "bool"})}
    return sha256(jcs(parts)).hex()


def expanded(vector: Mapping[str, Any]) -> list[Any]:
    """The rows or values, repeated where the vector says so."""
    return list(vector.get("rows", vector.get("values"))) * vector.get("repeat", 1)


def artefact(vector: Mapping[str, Any]) -> str:
    whole = {"document": vector["document"], "elements": vector["elements"]}
    return "vcs1c-sha256:" + sha256(jcs(whole)).hex()


def tree(vector: Mapping[str, Any]) -> str:
    return merkle([bytes.fromhex(leaf) for leaf in vector["leaves"]]).hex()


def node_manifest(vector: Mapping[str, Any]) -> str:
    lines = ["# vcspec-node-manifest 1 sha256"]
    for entry in sorted(vector["objects"], key=lambda entry: entry["name"].encode()):
        lines += [f"# size {entry['size']}", f"{entry['sha256']}  {entry['name']}"]
    return sha256(("\n".join(lines) + "\n").encode()).hex()


DIGESTS = {
    "matrix": matrix,
    "array": array,
    "column": column,
    "artefact": artefact,
    "tree": tree,
    "node-manifest": node_manifest,
}


def vectors() -> dict[str, list[dict[str, Any]]]:
    """Sort → vectors, as `digests.toml` spells them out."""
    found: dict[str, list[dict[str, Any]]] = tomllib.loads(VECTORS.read_text("utf-8"))
    return found


def main() -> None:
    """Write the digest of each vector, in the order of the file."""
    text, found = VECTORS.read_text("utf-8"), vectors()
    sorts = re.findall(r"^\[\[(.+?)\]\]$", text, re.MULTILINE)
    waiting = {sort: iter(entries) for sort, entries in found.items()}
    digests = iter([DIGESTS[sort](next(waiting[sort])) for sort in sorts])
    written = re.sub(r'^digest = ".*"$', lambda _: f'digest = "{next(digests)}"', text, flags=re.M)
    VECTORS.write_text(written, "utf-8")


if __name__ == "__main__":
    main()
