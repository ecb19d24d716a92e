"""Manifest: every object of a store with size and SHA-256, as files that sha256sum can check."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ROOT = "manifest.json"
FOLDER = "manifest/"
LEAF = "node.sha256"
HEADER = "# vcspec-node-manifest 1 sha256"


@dataclass(frozen=True)
class Entry:
    """One object: name relative to the store, bytes, SHA-256."""

    name: str
    size: int
    sha256: str


def is_manifest(name: str) -> bool:
    """Whether the object belongs to the manifest itself, which does not list itself."""
    return name == ROOT or name.startswith(FOLDER)


def node_manifest_name(node: str) -> str:
    """Name of the manifest of the node at Zarr path `node`."""
    inside = node.strip("/")
    return f"{FOLDER}{inside}/{LEAF}" if inside else f"{FOLDER}{LEAF}"


def owner(name: str, nodes: Container[str]) -> str:
    """Path of the deepest node that the object lies below."""
    folder = name
    while folder:
        folder = folder.rpartition("/")[0]
        if f"/{folder}" in nodes:
            return f"/{folder}"
    return "/"


def node_manifest(entries: Iterable[Entry]) -> str:
    """Text of a node manifest: sizes as comments, digests as sha256sum writes them.

    A law: `parse_node_manifest(node_manifest(entries)) == sorted(entries)`.
    """
    lines = [HEADER]
    for entry in sorted(entries, key=lambda entry: entry.name.encode()):
        lines += [f"# size {entry.size}", f"{entry.sha256}  {entry.name}"]
    return "\n".join(lines) + "\n"


def parse_node_manifest(text: str) -> tuple[Entry, ...]:
    """Entries of a node manifest.

    Raises:
        ValueError: the text is not one; the message names the line.
    """
    lines = text.split("\n")
    if lines[0] != HEADER or lines[-1] != "" or len(lines) % 2 != 0:
        message = f"line 1 is {lines[0][:80]!r}; a node manifest starts with {HEADER!r}"
        raise ValueError(message)
    entries = []
    for number in range(1, len(lines) - 1, 2):
        size, digest = lines[number], lines[number + 1]
        if not size.startswith("# size ") or digest[64:66] != "  ":
            message = f"lines {number + 1} and {number + 2} are not a size and a digest"
            raise ValueError(message)
        entries.append(Entry(digest[66:], int(size.removeprefix("# size ")), digest[:64]))
    return tuple(entries)


def root_manifest(
    nodes: Mapping[str, tuple[str, int, int]], content: str, elements: Mapping[str, str], spec: str
) -> dict[str, Any]:
    """The document `manifest.json`.

    Args:
        nodes: name of a node manifest → (its SHA-256, number of objects, their bytes).
        content: content digest of the artefact.
        elements: inherent element → its digest.
        spec: version of the standard.
    """
    return {
        "kind": "manifest",
        "spec": spec,
        "algorithm": "sha256",
        "content": content,
        "elements": dict(elements),
        "nodes": [
            {"manifest": name, "objects": objects, "bytes": size, "sha256": digest}
            for name, (digest, objects, size) in sorted(nodes.items())
        ],
    }
