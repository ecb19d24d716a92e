"""VCS2xx: loss and change, object by object."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from vcspec.engine.executors import run, threads
from vcspec.model import manifest
from vcspec.model.finding import SHOWN, Fault
from vcspec.model.manifest import Entry
from vcspec.rules.artefact import Artefact
from vcspec.rules.book import rule
from vcspec.rules.documents import errors_of

if TYPE_CHECKING:  # the rules on bytes are checked without what the rules on values need
    from vcspec.rules.subject import Subject

BATCH_BYTES = 8_388_608


@rule("VCS201")
def object_missing(subject: Artefact) -> Iterator[Fault]:
    """Look for each listed object."""
    for entry in subject.listed:
        if entry.name not in subject.skeleton.objects:
            yield Fault(f"/{entry.name}", "nothing", f"{entry.size} bytes")


@rule("VCS202")
def object_size_differs(subject: Artefact) -> Iterator[Fault]:
    """Compare sizes."""
    for entry in subject.listed:
        found = subject.skeleton.objects.get(entry.name)
        if found is not None and found.size != entry.size:
            yield Fault(f"/{entry.name}", f"{found.size} bytes", f"{entry.size} bytes")


@rule("VCS203")
def object_digest_differs(subject: Artefact) -> Iterator[Fault]:
    """Hash each object that has the right size."""
    objects, settings = subject.skeleton.objects, subject.settings
    listed = [e for e in subject.listed if e.name in objects and objects[e.name].size == e.size]
    total = sum(entry.size for entry in listed)
    # Threads, whatever the engine: bytes that are near are hashed where they are.
    with threads(settings.budget.workers) as executor, settings.advancing(total, "bytes") as done:
        tasks = [
            ([entry.name for entry in batch], None, sum(entry.size for entry in batch))
            for batch in _batches(listed)
        ]
        found = run(executor, partial(_digests, subject), tasks, done)
    for entry, digest in zip(listed, chain.from_iterable(found), strict=True):
        if digest != entry.sha256:
            yield Fault(f"/{entry.name}", f"sha256 {digest}", f"sha256 {entry.sha256}")


def _digests(subject: Artefact, names: list[str], _: None) -> list[str]:
    return subject.store.digests(names)


def _batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    """The entries in order, in batches of a bounded number of bytes, or of one."""
    batch: list[Entry] = []
    held = 0
    for entry in entries:
        if batch and held + entry.size > BATCH_BYTES:
            yield batch
            batch, held = [], 0
        batch.append(entry)
        held += entry.size
    if batch:
        yield batch


@rule("VCS204")
def object_unlisted(subject: Artefact) -> Iterator[Fault]:
    """Look for objects that no manifest lists."""
    known = {entry.name for entry in subject.listed}
    known |= {node["manifest"] for node in subject.manifest["nodes"]} | {manifest.ROOT}
    for name in subject.skeleton.objects:
        if name not in known:
            yield Fault(f"/{name}", "an object that is not listed", "listed objects alone")


@rule("VCS205")
def chunk_missing(subject: Artefact) -> Iterator[Fault]:
    """Look for the object of every position of every grid."""
    for node in subject.arrays():
        # AnnData writes None (an absent `raw`) as a scalar of encoding `null`, without a value.
        is_null = node.encoding == "null" and not node.shape
        wanted = node.object_names() if node.elements and not is_null else ()
        absent = [name for name in wanted if name not in subject.skeleton.objects]
        if absent:
            yield Fault(
                node.path,
                f"{len(absent)} objects absent",
                "an object at every position",
                tuple(absent[:SHOWN]),
                len(absent),
            )


@rule("VCS206")
def chunk_undecodable(subject: Artefact) -> Iterator[Fault]:
    """Report what any rule met that could not be read; an absent object is for rule VCS205."""
    for fault in subject.damage:
        if not re.search(r"the object .* is absent$", fault.found):
            yield fault


@rule("VCS207")
def manifest_missing(subject: Artefact) -> Iterator[Fault]:
    """Look for the root manifest."""
    if manifest.ROOT not in subject.skeleton.objects:
        yield Fault("/", f"no {manifest.ROOT}", "a sealed store")


@rule("VCS208")
def manifest_broken(subject: Artefact) -> Iterator[Fault]:
    """Check the root against its schema, and each node manifest against the root."""
    path = f"/{manifest.ROOT}"
    try:
        root = subject.manifest
    except ValueError as error:
        yield Fault(path, f"not JSON: {error}", "the manifest schema")
        return
    errors = errors_of(root, subject.standard.version, "manifest")
    if errors:
        yield Fault(path, errors[0].message[:200], "the manifest schema", count=len(errors))
        return
    for node in root["nodes"]:
        problem = _node_problem(subject, node)
        if problem:
            yield Fault(f"/{node['manifest']}", problem, f"sha256 {node['sha256']}")


def _node_problem(subject: Artefact, node: Mapping[str, Any]) -> str:
    name = node["manifest"]
    if name not in subject.skeleton.objects:
        return "nothing"
    text = subject.store.read(name)
    found = hashlib.sha256(text).hexdigest()
    if found != node["sha256"]:
        return f"sha256 {found}"
    try:
        entries = manifest.parse_node_manifest(text.decode())
    except ValueError as error:
        return str(error)
    size = sum(entry.size for entry in entries)
    if (len(entries), size) != (node["objects"], node["bytes"]):
        return f"{len(entries)} objects of {size} bytes; the root says otherwise"
    return ""


@rule("VCS209")
def content_digest_differs(subject: "Subject") -> Iterator[Fault]:
    """Compute the digest from the values and compare it, element by element."""
    found, claimed = subject.content, subject.manifest
    for element in sorted(found.elements.keys() | claimed["elements"].keys()):
        here, there = found.elements.get(element, "none"), claimed["elements"].get(element, "none")
        if here != there:
            yield Fault(f"/{element}", here, there)
    if found.elements == claimed["elements"] and found.digest != claimed["content"]:
        yield Fault("/", found.digest, claimed["content"])
