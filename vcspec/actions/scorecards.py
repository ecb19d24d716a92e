"""Scorecards as files: read, and held against each other where they must ask one question."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vcspec.actions.validate import require_valid, validate
from vcspec.model.errors import Mismatch, UsageError
from vcspec.model.scorecard import Scorecard, first_difference
from vcspec.standard import standard
from vcspec.storage.documents import parse_document

Target = str | os.PathLike[str]


def read_scorecard(place: Path) -> tuple[Scorecard, str]:
    """The scorecard at `place`, and the SHA-256 of its bytes.

    Raises:
        Invalid: it breaks a rule.
        UsageError: it holds no values by condition.
    """
    require_valid(validate(place))
    data = place.read_bytes()
    document = parse_document(data, standard().limits)
    if "by_condition" not in document:
        message = f"{place} holds no values by condition; score again, disclosing all"
        raise UsageError(message)
    return Scorecard.of(document), hashlib.sha256(data).hexdigest()


def require_all_different(places: Sequence[Path], digests: Sequence[str]) -> None:
    """Pass files of which no two are one.

    Raises:
        UsageError: two are.
    """
    for at, digest in enumerate(digests):
        if digest in digests[:at]:
            message = f"{places[at]} is the same scorecard as {places[digests.index(digest)]}"
            raise UsageError(message)


def require_equal(
    places: Sequence[Path], asked: Sequence[Mapping[str, Any]], problem: str, remedy: str
) -> None:
    """Pass scorecards of which all state the same.

    Args:
        places: of the scorecards.
        asked: what must be equal of each, in the order in which a difference is told.
        problem: what they do not do where they differ.
        remedy: what to do then.

    Raises:
        Mismatch: two differ; the message names the first difference.
    """
    first = asked[0]
    for place, other in zip(places[1:], asked[1:], strict=True):
        for name, value in first.items():
            if difference := first_difference({name: value}, {name: other[name]}):
                message = (
                    f"{places[0]} and {place} {problem}: {difference} is {_at(first, difference)} "
                    f"in one and {_at(other, difference)} in the other; {remedy}"
                )
                raise Mismatch(message)


def _at(document: Any, pointer: str) -> str:
    """What stands at a JSON pointer, as far as there is something; short."""
    for part in pointer.split("/")[1:]:
        if not isinstance(document, Mapping) or part not in document:
            return "absent"
        document = document[part]
    text = str(document)
    return text if len(text) <= 80 else f"{text[:77]}…"
