"""A quick look at a JSON document: whether it keeps a schema, without loading `jsonschema`.

The look knows the keywords that the schemas of the standard use, and comes to what `jsonschema`
comes to; anything else it leaves undecided. What is wrong with a document, `jsonschema` says.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]


class Undecided(Exception):
    """A keyword, or an argument of one, that the look does not know."""


class _Look:
    """A look at parts of a document, by schemas that stand in the file `home`."""

    def __init__(self, files: Mapping[str, Schema], home: str) -> None:
        self.files = files
        self.home = home

    def holds(self, value: Any, schema: Any) -> bool:
        """Whether `value` keeps `schema`."""
        if isinstance(schema, bool):
            return schema
        return all(
            name in SILENT or _check(name)(self, value, argument, schema)
            for name, argument in schema.items()
        )

    def referred(self, value: Any, reference: str, _: Schema) -> bool:
        """Whether `value` keeps the schema that a reference names."""
        file, mark, pointer = reference.partition("#/")
        if not mark:
            raise Undecided(reference)
        home = file.removesuffix(".schema.json") or self.home
        found: Any = self.files[home]
        for step in pointer.split("/"):
            found = found[step]
        return _Look(self.files, home).holds(value, found)


def keeps(document: Any, schemas: Mapping[str, Schema], name: str) -> bool | None:
    """Whether `document` keeps the schema `name`; None where that is for `jsonschema` to say.

    Args:
        document: as JSON is read.
        schemas: file stem → schema.
        name: one of the stems.
    """
    try:
        return _Look(schemas, name).holds(document, schemas[name])
    except Undecided:
        return None


def _check(name: str) -> "Check":
    if name not in CHECKS:
        raise Undecided(name)
    return CHECKS[name]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
}


def _is_of_type(_: _Look, value: Any, names: str | list[str], __: Schema) -> bool:
    return any(TYPES[name](value) for name in ([names] if isinstance(names, str) else names))


def _is_among(_: _Look, value: Any, terms: list[Any], __: Schema) -> bool:
    if not all(isinstance(term, str) for term in terms):
        raise Undecided(terms)
    return isinstance(value, str) and value in terms


def _is_term(look: _Look, value: Any, term: Any, schema: Schema) -> bool:
    return _is_among(look, value, [term], schema)


def _members_hold(look: _Look, value: Any, members: Schema, _: Schema) -> bool:
    return not isinstance(value, dict) or all(
        look.holds(value[name], schema) for name, schema in members.items() if name in value
    )


def _matching_hold(look: _Look, value: Any, patterns: Schema, _: Schema) -> bool:
    return not isinstance(value, dict) or all(
        look.holds(member, schema)
        for pattern, schema in patterns.items()
        for name, member in value.items()
        if re.search(pattern, name)
    )


def _others_hold(look: _Look, value: Any, others: Any, schema: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return all(
        look.holds(member, others)
        for name, member in value.items()
        if name not in known and not any(re.search(pattern, name) for pattern in patterns)
    )


def _is_unique(_: _Look, value: Any, argument: Any, __: Schema) -> bool:
    if not isinstance(value, list) or not argument:
        return True
    if not all(isinstance(item, str) for item in value):
        raise Undecided(value)
    return len(set(value)) == len(value)


def _bounded(kind: Callable[[Any], bool], measure: Callable[[Any], Any], *, least: bool) -> "Check":
    """A check of values of a kind, whose measure a bound must not pass."""

    def check(_: _Look, value: Any, bound: Any, __: Schema) -> bool:
        if not kind(value):
            return True
        found = measure(value)
        return not (found < bound if least else found > bound)

    return check


Check = Callable[[_Look, Any, Any, Schema], bool]
SILENT = frozenset({"$schema", "$id", "$defs", "title", "description"})
CHECKS: Mapping[str, Check] = {
    "$ref": _Look.referred,
    "type": _is_of_type,
    "enum": _is_among,
    "const": _is_term,
    "pattern": lambda _, value, pattern, __: (
        not isinstance(value, str) or bool(re.search(pattern, value))
    ),
    "required": lambda _, value, names, __: (
        not isinstance(value, dict) or all(name in value for name in names)
    ),
    "properties": _members_hold,
    "patternProperties": _matching_hold,
    "additionalProperties": _others_hold,
    "items": lambda look, value, schema, _: (
        not isinstance(value, list) or all(look.holds(item, schema) for item in value)
    ),
    "contains": lambda look, value, schema, _: (
        not isinstance(value, list) or any(look.holds(item, schema) for item in value)
    ),
    "uniqueItems": _is_unique,
    "minItems": _bounded(TYPES["array"], len, least=True),
    "maxItems": _bounded(TYPES["array"], len, least=False),
    "minLength": _bounded(TYPES["string"], len, least=True),
    "maxLength": _bounded(TYPES["string"], len, least=False),
    "minProperties": _bounded(TYPES["object"], len, least=True),
    "maxProperties": _bounded(TYPES["object"], len, least=False),
    "minimum": _bounded(_is_number, lambda value: value, least=True),
    "maximum": _bounded(_is_number, lambda value: value, least=False),
    "allOf": lambda look, value, schemas, _: all(look.holds(value, one) for one in schemas),
    "anyOf": lambda look, value, schemas, _: any(look.holds(value, one) for one in schemas),
    "oneOf": lambda look, value, schemas, _: sum(look.holds(value, one) for one in schemas) == 1,
}
