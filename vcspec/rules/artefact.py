"""Artefact: what the names, the metadata and the bytes of what is examined say, each found once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vcspec.engine.settings import Settings, settings_in_force
from vcspec.model import manifest
from vcspec.model.finding import Fault
from vcspec.model.manifest import Entry
from vcspec.model.store import Node, Skeleton, Stored
from vcspec.rules.foresight import first_of_passes, foreseen
from vcspec.standard import Standard, known_versions, standard


@dataclass
class Artefact:
    """One artefact, of which no value is looked at.

    Attributes:
        store: where it is read from.
        companions: other artefacts at hand, by kind.
        damage: what could not be read so far; rule VCS206 reports it.
        settings: how passes over its cells are run; by default those in force.
        is_deep: whether its content digest will be asked for, so that one pass serves both.
    """

    store: Stored
    companions: Mapping[str, Any] = field(default_factory=dict)
    damage: list[Fault] = field(default_factory=list)
    settings: Settings = field(default_factory=settings_in_force)
    is_deep: bool = False
    _foreseen: bool = field(default=False, init=False, repr=False)

    @property
    def skeleton(self) -> Skeleton:
        """Objects and metadata."""
        return self.store.skeleton

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The root document; empty where there is none."""
        return self.skeleton.document or {}

    @property
    def kind(self) -> str:
        """The kind that the document declares."""
        return str(self.document.get("kind", ""))

    @cached_property
    def standard(self) -> Standard:
        """The standard that the document declares; the current one where it declares none known."""
        declared = self.document.get("spec")
        return standard(declared) if declared in known_versions() else standard()

    @property
    def layout(self) -> Mapping[str, Any]:
        """Layout of the kind."""
        return self.standard.layouts[self.kind]

    def node(self, path: str) -> Node | None:
        """The node at `path`."""
        return self.skeleton.nodes.get(path)

    def arrays(self) -> list[Node]:
        """Every array of the store."""
        return [node for node in self.skeleton.nodes.values() if node.sort == "array"]

    def foresee(self, level: str) -> None:
        """Have what rules of `level` read first fetched at once, where the store is far away."""
        if level != "metadata" and not self._foreseen:
            self._foreseen = True
            is_here = self.settings.engine == "threads"  # workers elsewhere read cells themselves
            then = first_of_passes(self.skeleton, level) if is_here else []
            self.store.foresee(foreseen(self.skeleton, level), then, hashed=self.is_deep)

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """`manifest.json` as it stands; empty where there is none.

        Raises:
            ValueError: it is not JSON, or larger than a document may be.
        """
        entry = self.skeleton.objects.get(manifest.ROOT)
        if entry is None:
            return {}
        if entry.size > self.standard.limits["document_bytes"]:
            message = f"{entry.size} bytes are more than a document may have"
            raise ValueError(message)
        try:
            found = json.loads(self.store.read(manifest.ROOT))
        except RecursionError as error:
            message = "nested too deep"
            raise ValueError(message) from error
        return found if isinstance(found, dict) else {"": found}

    @cached_property
    def listed(self) -> tuple[Entry, ...]:
        """Every entry of every node manifest; to be asked for only where rule VCS208 has passed."""
        texts = (self.store.read(node["manifest"]).decode() for node in self.manifest["nodes"])
        return tuple(entry for text in texts for entry in manifest.parse_node_manifest(text))
