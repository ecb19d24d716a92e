"""Sealing: giving a store its manifest, which is written last."""

import hashlib
import json
import shutil
from pathlib import Path

import rfc8785

from vcspec.model import manifest
from vcspec.model.manifest import Entry
from vcspec.statistics.content import content_of
from vcspec.storage.files import write_text
from vcspec.storage.zarr_store import ZarrStore


def seal(target: Path) -> str:
    """Write the manifest of the store at `target`, replacing an older one.

    Returns:
        The content digest of the artefact.

    Raises:
        Damaged: a value cannot be decoded.
    """
    store = ZarrStore(str(target))
    content = content_of(store)
    owned: dict[str, list[Entry]] = {}
    for name, found in store.skeleton.objects.items():
        if not manifest.is_manifest(name):
            node = manifest.owner(name, store.skeleton.nodes)
            owned.setdefault(node, []).append(Entry(name, found.size, *store.digests([name])))
    (target / manifest.ROOT).unlink(missing_ok=True)
    shutil.rmtree(target / manifest.FOLDER, ignore_errors=True)
    listed = {}
    for node, entries in owned.items():
        name = manifest.node_manifest_name(node)
        text = manifest.node_manifest(entries)
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        write_text(target / name, text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        listed[name] = (digest, len(entries), sum(entry.size for entry in entries))
    document = store.skeleton.document or {}
    root = manifest.root_manifest(listed, content.digest, content.elements, document["spec"])
    write_text(target / manifest.ROOT, rfc8785.dumps(root).decode())
    return content.digest


def sealed_content(target: Path) -> str:
    """Content digest that the manifest of a sealed store lists."""
    return str(json.loads((target / manifest.ROOT).read_bytes())["content"])
