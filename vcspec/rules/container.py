"""VCS0xx: what must hold before anything is decoded. Reads names and JSON only."""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict
from math import prod

from vcspec.model.finding import Fault
from vcspec.model.store import Node
from vcspec.rules.artefact import Artefact
from vcspec.rules.book import rule
from vcspec.standard import known_versions, standard

SCORECARD = "scorecard.json"
SPECIAL = {"", ".", ".."}  # segments of names


@rule("VCS001")
def store_unreadable(subject: Artefact) -> Iterator[Fault]:
    """Opening has succeeded; what is left to see is whether there is a root node."""
    names = subject.skeleton.objects
    if "/" in subject.skeleton.nodes or {"zarr.json", ".zgroup", ".zarray"} & names.keys():
        return
    found = f"{len(names)} objects, no zarr.json or .zgroup at the root" if names else "nothing"
    yield Fault("/", found, "a Zarr group")


@rule("VCS002")
def unknown_spec_version(subject: Artefact) -> Iterator[Fault]:
    """Compare the declared version with the bundled ones."""
    declared, known = subject.document.get("spec"), known_versions()
    if declared not in known:
        yield Fault("/", repr(declared), " or ".join(known), pointer="/vcspec/spec")


@rule("VCS003")
def unknown_kind(subject: Artefact) -> Iterator[Fault]:
    """Compare the declared kind with those of a file (a scorecard) or of a store (the others)."""
    is_file = set(subject.skeleton.objects) == {SCORECARD}
    known = ["scorecard"] if is_file else list(subject.standard.layouts)
    declared = subject.document.get("kind")
    if declared not in known:
        other = "Give a scorecard, as `vcspec score -o CARD` writes one." if is_file else ""
        yield Fault("/", repr(declared), ", ".join(known), pointer="/vcspec/kind", hint=other)


@rule("VCS004")
def codec_not_allowed(subject: Artefact) -> Iterator[Fault]:
    """Compare every codec with the list of its Zarr format."""
    limits = subject.standard.limits
    for node in subject.arrays():
        allowed = limits[f"codecs_v{node.zarr_format}"]
        for name, _ in (*node.codecs, *node.index_codecs):
            if name not in allowed:
                yield Fault(node.path, f"the codec {name!r}", ", ".join(allowed))


@rule("VCS005")
def data_type_not_allowed(subject: Artefact) -> Iterator[Fault]:
    """Compare every data type with the list."""
    allowed = subject.standard.limits["data_types"]
    for node in subject.arrays():
        if node.data_type not in allowed:
            yield Fault(node.path, f"the data type {node.data_type!r}", ", ".join(allowed))


@rule("VCS006")
def link_or_special_file(subject: Artefact) -> Iterator[Fault]:
    """Look at what the listing says each object is."""
    words = {"link": "a symbolic link", "special": "a hard link or special file"}
    for name, entry in subject.skeleton.objects.items():
        if entry.sort != "file":
            yield Fault(f"/{name}", words[entry.sort], "a file of the store's own")


@rule("VCS007")
def unsafe_object_name(subject: Artefact) -> Iterator[Fault]:
    """Look at each name, and at pairs that differ by case alone."""
    seen: dict[str, str] = {}
    for name in subject.skeleton.objects:
        problem = name_problem(name, subject.standard.limits["name_bytes"])
        twin = seen.setdefault(name.casefold(), name)
        if problem or twin != name:
            yield Fault(
                f"/{name}", problem or f"differs from {twin!r} by case alone", "a safe name"
            )


def name_problem(name: str, most: int) -> str:
    """What is wrong with an object name; empty where nothing is."""
    if not SPECIAL.isdisjoint(name.split("/")):
        return "a segment that is empty, `.` or `..`"
    if name.isascii() and name.isprintable() and "\\" not in name:  # as almost all names are
        return f"longer than {most} bytes" if len(name) > most else ""
    # Not `Cn`: which letters are assigned differs between versions of Unicode.
    control = {"Cc", "Cf", "Cs", "Co"}
    if "\\" in name or any(unicodedata.category(letter) in control for letter in name):
        return "a backslash or control character"
    if unicodedata.normalize("NFC", name) != name:
        return "not in Unicode NFC"
    return f"longer than {most} bytes" if len(name.encode("utf-8", "replace")) > most else ""


@rule("VCS008")
def metadata_not_strict(subject: Artefact) -> Iterator[Fault]:
    """Report what the strict reader could not take, and grids that contradict themselves."""
    expected = "strict JSON that describes a Zarr node"
    for name, reason in subject.skeleton.broken.items():
        yield Fault(f"/{name}", reason, expected)
    for node in subject.arrays():
        if problem := grid_problem(node):
            name = "zarr.json" if node.zarr_format == 3 else ".zarray"
            yield Fault(f"{node.path.rstrip('/')}/{name}", problem, expected)


def grid_problem(node: Node) -> str:
    """What is wrong with an array's chunks and shards; empty where nothing is."""
    if len(node.shape) != len(node.chunks):
        return f"chunks of {len(node.chunks)} dimensions for {len(node.shape)}"
    inner = node.inner_chunks
    if not inner:
        return ""
    sound = len(inner) == len(node.chunks) and all(
        small > 0 and large % small == 0 for large, small in zip(node.chunks, inner, strict=True)
    )
    return "" if sound else f"shards of {node.chunks} hold no whole number of chunks of {inner}"


@rule("VCS009")
def size_over_limit(subject: Artefact) -> Iterator[Fault]:
    """Compare declared sizes with the limits, before anything is allocated."""
    limits = subject.standard.limits
    if len(subject.skeleton.objects) > limits["objects"]:
        number = f"{len(subject.skeleton.objects)} objects"
        yield Fault("/", number, f"at most {limits['objects']}")
    for node in subject.arrays():
        if node.elements > limits["array_elements"]:
            yield Fault(
                node.path, f"{node.elements} elements", f"at most {limits['array_elements']}"
            )
        elif decoded_chunk_bytes(node) > limits["chunk_bytes"]:
            found = f"chunks of {decoded_chunk_bytes(node)} bytes"
            yield Fault(node.path, found, f"at most {limits['chunk_bytes']} bytes")
        elif prod(node.grid) > limits["objects"]:
            yield Fault(node.path, "more chunks than objects are allowed", "larger chunks")


def item_bytes(node: Node) -> int:
    """Bytes of one decoded element; 8 for text, whose length nobody declares."""
    is_number = node.data_type in standard().limits["data_types"] and node.data_type != "string"
    bits = re.sub(r"\D", "", node.data_type) or "8"  # `bool` states none
    return int(bits) // 8 if is_number else 8


def decoded_chunk_bytes(node: Node) -> int:
    """Bytes of one decoded chunk or shard, as declared."""
    return item_bytes(node) * prod(node.chunks)


@rule("VCS010")
def expansion_over_limit(subject: Artefact) -> Iterator[Fault]:
    """Compare what large arrays decode to with what is stored of them."""
    limits = subject.standard.limits
    own: dict[str, int] = {}
    for name, entry in subject.skeleton.objects.items():
        folder = name.rpartition("/")[0]
        own[folder] = own.get(folder, 0) + entry.size
    stored: dict[str, int] = {}
    for folder, size in own.items():
        for cut in _with_parents(folder):
            stored[cut] = stored.get(cut, 0) + size
    for node in subject.arrays():
        chunks = prod(node.grid)
        decoded, kept = chunks * decoded_chunk_bytes(node), stored.get(node.path, 0)
        if decoded > limits["expansion_floor"] and decoded > limits["expansion"] * max(kept, 1):
            found = f"{kept} stored bytes decode to {decoded}"
            yield Fault(node.path, found, f"at most {limits['expansion']} for each stored byte")


def _with_parents(folder: str) -> Iterator[str]:
    while folder:
        yield f"/{folder}"
        folder = folder.rpartition("/")[0]


@rule("VCS011")
def two_formats_in_one_node(subject: Artefact) -> Iterator[Fault]:
    """Report nodes with metadata of both formats."""
    for path in subject.skeleton.twice:
        yield Fault(path, "zarr.json beside .zarray or .zgroup", "one of them")


@rule("VCS012")
def consolidated_metadata_differs(subject: Artefact) -> Iterator[Fault]:
    """Compare the root's copy with each node."""
    copy = subject.skeleton.consolidated
    if copy is None:
        return
    nodes = {path: node for path, node in subject.skeleton.nodes.items() if path != "/"}
    for path in sorted(copy.keys() | nodes.keys()):
        if path not in copy or path not in nodes:
            where = "the nodes" if path in nodes else "the copy"
            yield Fault(path, f"it is in {where} alone", "the same nodes in both")
        elif _told(copy[path]) != _told(nodes[path]):
            yield Fault(path, "the copy says something else than the node", "the same in both")


def _told(node: Node) -> str:
    """All that the metadata say, whatever the order of their members; NaN equals NaN."""
    return json.dumps(asdict(node), sort_keys=True)


@rule("VCS013")
def document_missing(subject: Artefact) -> Iterator[Fault]:
    """Look for the root attribute."""
    if subject.skeleton.document is None:
        root = subject.skeleton.nodes.get("/")
        attributes = ", ".join(sorted(root.attributes)) if root else ""
        yield Fault("/", f"attributes: {attributes or 'none'}", "the attribute `vcspec`, an object")
