"""Names that are near one that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 8


def alike(name: str, known: Iterable[str]) -> list[str]:
    """Known names that look like `name`, whatever their case.

    >>> alike("gata1", ["GATA1", "KLF1"])
    ['GATA1']
    """
    folded: dict[str, list[str]] = {}
    for one in sorted(known):
        folded.setdefault(one.casefold(), []).append(one)
    found = get_close_matches(name.casefold(), list(folded), cutoff=0.5)
    return [one for key in found for one in folded[key]]


def near(name: str, known: Iterable[str]) -> str:
    """Those, for a message; the first of all where none looks like it."""
    names = sorted(known)
    return ", ".join(alike(name, names) or names[:MOST])
