"""Draws without a random generator: they depend on the seed and the name, and on nothing else."""

import hashlib
from collections.abc import Sequence


def uniform(seed: int, key: str) -> float:
    """A number from 0 to below 1 that belongs to (seed, key).

    The top 53 bits of SHA-256 of "seed:key".
    """
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


def fold_of(seed: int, names: Sequence[str], number: int, folds: int) -> set[str]:
    """The fold `number` (from 1) of `folds` near-equal parts of `names`, dealt by their draws.

    Every name is in exactly one of the folds of a seed.
    """
    return set(dealt(seed, names)[number - 1 :: folds])


def drawn(seed: int, names: Sequence[str], fraction: float) -> set[str]:
    """The share `fraction` of `names` (rounded, at least one) with the smallest draws."""
    wanted = max(1, round(fraction * len(names)))
    return set(dealt(seed, names)[:wanted])


def dealt(seed: int, names: Sequence[str]) -> list[str]:
    """The names by their draws, smallest first."""
    return sorted(names, key=lambda name: (uniform(seed, name), name))
