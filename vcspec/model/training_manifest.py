"""Training manifest: the datasets, and a sample of the cells, that a model was trained on."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPACE = 2**64


@dataclass(frozen=True, eq=False)
class TrainingManifest:
    """A manifest.

    Attributes:
        document: what the standard's schema describes.
    """

    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Id and version."""
        return f"{self.document['id']}@{self.document['version']}"

    @property
    def one_in(self) -> int:
        """Of how many cells one is listed."""
        return int(self.document["cells"]["one_in"])

    @property
    def hashed(self) -> int:
        """Cells that were hashed, of which the listed ones are a sample."""
        return int(self.document["cells"]["hashed"])

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """(listed,) hashes, ascending."""
        raw = base64.b64decode(self.document["cells"]["hashes"])
        return np.frombuffer(raw, dtype="<u8").astype(np.uint64)

    @property
    def problem(self) -> str:
        """What is wrong with the hashes; empty where nothing is."""
        try:
            found = self.hashes
        except ValueError as error:
            return f"hashes that are not eight bytes each in base64 ({error})"
        if len(found) > self.hashed:
            return f"{len(found)} hashes of {self.hashed} cells"
        if (found[1:] <= found[:-1]).any():
            return "hashes that do not rise"
        return "" if (found <= _border(self.one_in)).all() else f"more than one in {self.one_in}"

    @property
    def included(self) -> Sequence[Mapping[str, Any]]:
        """Entries of the datasets that were trained on."""
        return [one for one in self.document["datasets"] if one["included"]]

    @property
    def accessions(self) -> frozenset[str]:
        """Of the datasets that were trained on."""
        return frozenset(name for one in self.included for name in one["accessions"])

    def hashes_all_over(self, features: str) -> bool:
        """Whether every dataset that was trained on states these features, by their digest."""
        return all(one.get("features") == features for one in self.included)

    def by_chance(self, cells: int) -> float:
        """Matches that are expected among so many other cells, by chance alone."""
        return cells * self.hashed / self.one_in / SPACE

    def chance_to_find(self, shared: int) -> float:
        """Probability that one of so many shared cells is listed."""
        return 1.0 - (1.0 - 1.0 / self.one_in) ** shared


def features_digest(names: Iterable[object]) -> str:
    """SHA-256 of the features that cells are hashed over, whatever their order and case.

    Args:
        names: of the features.
    """
    lines = sorted(str(name).upper() for name in names)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def sampled(hashes: NDArray[np.uint64], most: int) -> tuple[NDArray[np.uint64], int]:
    """The hashes below a border, each once and ascending, and of how many one is below it.

    A cell is listed or not by its own hash, so that manifests of parts agree with the whole's.

    Args:
        hashes: (cells,) of all cells.
        most: about how many to keep.
    """
    one_in = max(1, -(-len(hashes) // most))
    return np.unique(hashes[hashes <= _border(one_in)]), one_in


def _border(one_in: int) -> np.uint64:
    """The highest hash that is listed where one in so many is."""
    return np.uint64((SPACE - 1) // one_in)


def encoded(hashes: NDArray[np.uint64]) -> str:
    """Hashes as the document holds them."""
    return base64.b64encode(hashes.astype("<u8").tobytes()).decode("ascii")
