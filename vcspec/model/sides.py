"""Words that others have for the sides of a split."""

from collections.abc import Mapping

SIDE_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "ood", "holdout", "heldout", "held-out"), "test"),
}
"""Word for a side, in lower case → role."""


def side_of(word: str) -> str | None:
    """Role of a side, however it is spelled; None for what is no side."""
    return SIDE_WORDS.get(word.strip().casefold())
