"""Zarr metadata as Nodes, read from JSON alone, before zarr or anndata see anything of a store."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from vcspec.model.address import climbs
from vcspec.model.errors import Refused, Unreadable
from vcspec.model.manifest import ROOT
from vcspec.model.store import Node, Skeleton, StoredObject
from vcspec.standard import standard
from vcspec.storage.documents import NotStrict, parse_document
from vcspec.storage.kept import KeptObjects
from vcspec.storage.objects import Objects, Unreached
from vcspec.storage.reasons import status

METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")
UNLISTED = frozenset({401, 403, 404, 405, 501})  # answers of places that list nothing, or not to us
AT_ONCE = 4  # documents of the largest size that are held before they are parsed
Document = dict[str, Any]


def skeleton(objects: Objects) -> Skeleton:
    """Objects and nodes of a store; nothing raises because a document is bad.

    Where a place lists nothing, as many a web server, the objects are those of the manifest.

    Raises:
        OSError: the objects cannot be listed and there is no sound manifest, or a remote place
            stopped answering.
    """
    limits = standard().limits
    listing, is_whole = _names(objects)
    sizes = {
        name: entry.size
        for name, entry in listing.items()
        if name.rpartition("/")[2] in METADATA and entry.sort == "file"
    }
    documents: dict[str, Document] = {}
    broken: dict[str, str] = {}
    for name, body in _bodies(objects, sizes, limits["document_bytes"]):
        try:
            documents[name] = parse_document(_given(body), limits)
        except (NotStrict, OSError) as error:
            broken[name] = str(error)
    found = _assemble(listing, documents, dict(sorted(broken.items())))
    return found if is_whole else replace(found, listed=False)


def _names(objects: Objects) -> tuple[Mapping[str, StoredObject], bool]:
    """Every object, and whether they were listed; as the manifest has them where none may be."""
    try:
        return objects.listing(), True
    except OSError as error:
        if not isinstance(objects, KeptObjects) or not lists_nothing(error):
            raise
        from vcspec.storage.transfer import contents_of

        try:
            entries = contents_of(objects).entries
        except (OSError, Unreadable, Refused):
            raise error from None
        found = {entry.name: StoredObject(entry.size) for entry in entries}
        objects.learn(found)
        return found, False


def lists_nothing(error: OSError) -> bool:
    """Whether a place that did not list a store may have it all the same."""
    return isinstance(error, FileNotFoundError) or status(error) in UNLISTED


def brief_skeleton(objects: Objects) -> Skeleton | None:
    """The nodes as the root's consolidated metadata tell them, however many objects there are.

    Nothing is listed: the root's document and the manifest are read.

    Returns:
        None where the root has no such copy, or one that a reader would stumble over, and for a
        folder whose manifest lists few objects.

    Raises:
        OSError: a remote place gives no answer.
    """
    limits = standard().limits
    if not isinstance(objects, KeptObjects) and _listed(objects) <= limits["brief_objects"]:
        return None
    body = _opening(objects, "zarr.json", limits["document_bytes"])
    if body is None:
        return None
    try:
        root = parse_document(body, limits)
        copy = _consolidated({"zarr.json": root}) or {}
        told = {"/": node_v3("/", root), **copy}
    except (NotStrict, KeyError, TypeError, ValueError):
        return None
    inside = _mapping(root.get("consolidated_metadata") or {}).get("metadata")
    if not copy or len(copy) != len(_mapping(inside)) or any(map(climbs, copy)):
        return None
    manifest = _opening(objects, ROOT, limits["document_bytes"])
    found = {"zarr.json": body} | ({} if manifest is None else {ROOT: manifest})
    known = {name: StoredObject(len(body)) for name, body in found.items()}
    return Skeleton(known, dict(sorted(told.items())), consolidated=copy, listed=False)


def _opening(objects: Objects, name: str, most: int) -> bytes | None:
    """Bytes of an object; None where it is absent or larger."""
    if isinstance(objects, KeptObjects):
        return objects.opening(name, most)
    try:
        size = objects.size(name)
        return objects.read(name) if size is not None and size <= most else None
    except OSError:
        return None


def _listed(objects: Objects) -> int:
    """How many objects the manifest says that there are; 0 where there is none."""
    limits = standard().limits
    try:
        document = parse_document(_opening(objects, ROOT, limits["document_bytes"]) or b"", limits)
        return sum(int(node["objects"]) for node in document["nodes"])
    except (NotStrict, KeyError, TypeError, ValueError):
        return 0


def _bodies(
    objects: Objects, sizes: Mapping[str, int], most: int
) -> Iterator[tuple[str, bytes | Exception]]:
    """Each document's bytes, or why there are none; a bounded number of bytes is held at a time."""
    batch: list[str] = []
    held = 0
    for name, size in sizes.items():
        if size > most:
            yield name, NotStrict(f"{size} bytes; at most {most} are read")
            continue
        if held + size > AT_ONCE * most:
            yield from _read(objects, batch)
            batch, held = [], 0
        batch.append(name)
        held += size
    yield from _read(objects, batch)


def _read(objects: Objects, names: list[str]) -> list[tuple[str, bytes | Exception]]:
    """All at once; in halves where one cannot be read, for it spoils none of the others."""
    try:
        bodies = objects.read_many([(name, None, None) for name in names])
    except Unreached:
        raise
    except OSError as error:
        if len(names) == 1:
            return [(names[0], error)]
        half = len(names) // 2
        return _read(objects, names[:half]) + _read(objects, names[half:])
    return [(name, bytes(body)) for name, body in zip(names, bodies, strict=True)]


def _given(body: bytes | Exception) -> bytes:
    if isinstance(body, Exception):
        raise body
    return body


def _assemble(
    listing: Mapping[str, Any], documents: dict[str, Document], broken: dict[str, str]
) -> Skeleton:
    nodes: dict[str, Node] = {}
    twice: list[str] = []
    folders = {name.rpartition("/")[0] for name in documents}
    for folder in sorted(folders):
        found = {
            name: documents[_join(folder, name)]
            for name in METADATA
            if _join(folder, name) in documents
        }
        if "zarr.json" in found and (".zarray" in found or ".zgroup" in found):
            twice.append(f"/{folder}")
        try:
            node = _node(f"/{folder}", found)
        except (KeyError, TypeError, ValueError) as error:
            why = f"no member {error}" if isinstance(error, KeyError) else str(error)
            broken[_join(folder, next(iter(found)))] = f"not Zarr metadata: {why}"
            continue
        if node is not None:
            nodes[node.path] = node
    return Skeleton(
        listing, dict(sorted(nodes.items())), broken, tuple(twice), _consolidated(documents)
    )


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _node(path: str, found: Mapping[str, Document]) -> Node | None:
    if "zarr.json" in found:
        return node_v3(path, found["zarr.json"])
    attributes = _mapping(found.get(".zattrs", {}))
    if ".zarray" in found:
        return node_v2(path, _mapping(found[".zarray"]), attributes)
    return Node(path, "group", 2, attributes) if ".zgroup" in found else None


def node_v3(path: str, document: Mapping[str, Any]) -> Node:
    """A node from its zarr.json.

    Raises:
        KeyError, TypeError, ValueError: the document does not describe a Zarr v3 node.
    """
    if document["zarr_format"] != 3:
        message = f"zarr_format {document['zarr_format']!r}"
        raise ValueError(message)
    attributes = _mapping(document.get("attributes", {}))
    _require_among(document["node_type"], ("group", "array"), "type of node")
    if document["node_type"] == "group":
        return Node(path, "group", 3, attributes)
    grid, encoding = _mapping(document["chunk_grid"]), _mapping(document["chunk_key_encoding"])
    _require_among(grid["name"], ("regular",), "chunk grid")
    _require_among(encoding["name"], ("default", "v2"), "encoding of chunk keys")
    chunks = _shape(grid["configuration"]["chunk_shape"])
    v2_keys = encoding["name"] == "v2"
    settings = _mapping(encoding.get("configuration", {}))
    separator = _separator(settings.get("separator", "." if v2_keys else "/"))
    codecs = tuple(_codecs_v3(document["codecs"]))
    node = Node(
        path,
        "array",
        3,
        attributes,
        shape=_shape(document["shape"]),
        chunks=chunks,
        data_type=_data_type_v3(document["data_type"]),
        fill_value=_fill(document["fill_value"]),
        codecs=codecs,
        key=("" if v2_keys else "c", separator),
        byte_order=_byte_order(codecs),
    )
    sharding = [found for name, found in codecs if name == "sharding_indexed"]
    return _sharded(node, sharding[0]) if sharding else node


def _sharded(node: Node, settings: Mapping[str, Any]) -> Node:
    """The node with what the settings of its sharding say."""
    _require_among(settings.get("index_location", "end"), ("start", "end"), "place of an index")
    index = tuple(_codecs_v3(settings.get("index_codecs", [])))
    _byte_order(index)
    return replace(node, inner_chunks=_shape(settings["chunk_shape"]), index_codecs=index)


def node_v2(path: str, document: Mapping[str, Any], attributes: Mapping[str, Any]) -> Node:
    """A node from its .zarray and .zattrs.

    Raises:
        KeyError, TypeError, ValueError: the document does not describe a Zarr v2 array.
    """
    stages = [
        *(document.get("filters") or []),
        *([document["compressor"]] * bool(document["compressor"])),
    ]
    codecs = tuple((str(stage["id"]), _mapping(stage)) for stage in stages)
    return Node(
        path,
        "array",
        2,
        attributes,
        shape=_shape(document["shape"]),
        chunks=_shape(document["chunks"]),
        data_type=_data_type_v2(document["dtype"], [name for name, _ in codecs]),
        fill_value=_fill(document["fill_value"]),
        codecs=codecs,
        key=("", _separator(document.get("dimension_separator", "."))),
        byte_order="big" if str(document["dtype"]).startswith(">") else "little",
        order=str(document.get("order", "C")),
    )


def _codecs_v3(chain: Iterable[Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for codec in chain:
        name = codec if isinstance(codec, str) else str(codec["name"])
        settings = {} if isinstance(codec, str) else _mapping(codec.get("configuration", {}))
        yield name, settings
        if name == "sharding_indexed":
            yield from _codecs_v3(settings["codecs"])


def _byte_order(codecs: Iterable[tuple[str, Mapping[str, Any]]]) -> Literal["little", "big"]:
    stated = [found.get("endian", "little") for name, found in codecs if name == "bytes"]
    for order in stated:
        _require_among(order, ("little", "big"), "byte order")
    return "big" if "big" in stated else "little"


def _data_type_v3(declared: Any) -> str:
    return declared if isinstance(declared, str) else str(declared["name"])


def _data_type_v2(declared: Any, codecs: list[str]) -> str:
    if declared == "|O":
        return "string" if codecs and codecs[0] == "vlen-utf8" else "object"
    kinds = {"b": "bool", "i": "int", "u": "uint", "f": "float"}
    if not isinstance(declared, str) or len(declared) < 3 or declared[1] not in kinds:
        return str(declared)
    bits = int(declared[2:]) * 8
    return "bool" if declared[1] == "b" else f"{kinds[declared[1]]}{bits}"


def _shape(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or any(type(n) is not int or n < 0 for n in values):
        message = f"{str(values)[:80]} is not a shape"
        raise ValueError(message)
    return tuple(values)


def _separator(value: Any) -> str:
    _require_among(value, ("/", "."), "separator of chunk keys")
    return str(value)


def _require_among(value: Any, known: tuple[str, ...], what: str) -> None:
    if value not in known:
        message = f"{str(value)[:80]!r} is no {what}; known are {' and '.join(known)}"
        raise ValueError(message)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        message = f"{str(value)[:80]} is not an object"
        raise TypeError(message)
    return value


def _consolidated(documents: Mapping[str, Document]) -> Mapping[str, Node] | None:
    """Nodes as the root's consolidated metadata tell them; a broken entry is left out."""
    inside = documents.get("zarr.json", {}).get("consolidated_metadata") or {}
    entries = inside.get("metadata") if isinstance(inside, dict) else None
    if not isinstance(entries, dict):
        return _consolidated_v2(documents.get(".zmetadata"))
    found = {}
    for name, document in entries.items():
        try:
            found[f"/{name}"] = node_v3(f"/{name}", _mapping(document))
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _consolidated_v2(document: Document | None) -> Mapping[str, Node] | None:
    entries = (document or {}).get("metadata")
    if not isinstance(entries, dict):
        return None
    folders: dict[str, dict[str, Document]] = {}
    for name, entry in entries.items():
        folder, _, leaf = name.rpartition("/")
        folders.setdefault(folder, {})[leaf] = entry
    found = {}
    for folder, leaves in folders.items():
        try:
            node = _node(f"/{folder}", leaves)
        except (KeyError, TypeError, ValueError):
            continue
        if node is not None and folder:
            found[node.path] = node
    return found


_NAN_BITS = {"0x7e00", "0x7fc00000", "0x7ff8000000000000"}


def _fill(value: Any) -> Any:
    """A fill value with NaN as a float, whichever way JSON spells it."""
    return float("nan") if value == "NaN" or str(value).lower() in _NAN_BITS else value
