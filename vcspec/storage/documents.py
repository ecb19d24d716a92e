"""Strict JSON: what two readers cannot read differently."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


class NotStrict(ValueError):
    """A document that a strict reader does not take; the message says why."""


def parse_document(data: bytes, limits: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object in `data`.

    Raises:
        NotStrict: too large, too deep, not UTF-8, a duplicate key, NaN or infinity, an integer that
            a double cannot hold, a lone surrogate, or not an object.
    """
    if len(data) > limits["document_bytes"]:
        message = f"{len(data)} bytes; at most {limits['document_bytes']} are read"
        raise NotStrict(message)
    _check_depth(data, limits["document_depth"])
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_number,
            parse_int=lambda text: _integer(text, limits["integer_bound"]),
        )
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (UnicodeError, json.JSONDecodeError) as error:
        raise NotStrict(str(error)) from error
    if not isinstance(found, dict):
        message = f"a JSON {type(found).__name__}; an object is expected"
        raise NotStrict(message)
    return found


def _check_depth(data: bytes, limit: int) -> None:
    """Count brackets outside strings, before a recursive parser sees them."""
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", data)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > limit:
            message = f"nested deeper than {limit}"
            raise NotStrict(message)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            message = f"the key {key[:80]!r} stands twice"
            raise NotStrict(message)
        found[key] = value
    return found


def _constant(text: str) -> Any:
    message = f"{text} is not JSON"
    raise NotStrict(message)


def _number(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        message = f"the number {text[:24]} is beyond what a double holds"
        raise NotStrict(message)
    return found


def _integer(text: str, bound: int) -> int:
    if len(text) > 20 or abs(int(text)) >= bound:
        message = f"the integer {text[:24]} is too large to be read alike everywhere"
        raise NotStrict(message)
    return int(text)
