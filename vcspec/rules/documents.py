"""Documents against their JSON Schema; the first rule at level `metadata`."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from vcspec.model.errors import UsageError
from vcspec.model.finding import Fault
from vcspec.rules.artefact import Artefact
from vcspec.rules.book import rule
from vcspec.rules.quick_look import keeps
from vcspec.standard import standard


@cache
def validator(version: str, name: str) -> Any:
    """A JSON Schema validator for the schema `name`; references resolve in the bundle alone."""
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    schemas = standard(version).schemas
    resources = [(body["$id"], Resource.from_contents(body)) for body in schemas.values()]
    registry: Any = Registry().with_resources(resources)
    return Draft202012Validator(schemas[name], registry=registry)


def errors_of(document: Mapping[str, Any], version: str, name: str) -> list[Any]:
    """What `jsonschema` finds wrong with `document` by the schema `name`, in its own order."""
    if keeps(document, standard(version).schemas, name):
        return []  # nearly every document; loading `jsonschema` takes as long as loading numpy
    return list(validator(version, name).iter_errors(document))


def schema_faults(
    document: Mapping[str, Any], version: str, name: str, base: str
) -> Iterator[Fault]:
    """Every place where `document` departs from the schema `name`."""
    for error in sorted(
        errors_of(document, version, name),
        key=lambda error: (list(map(str, error.absolute_path)), error.message),
    ):
        pointer = "".join(
            f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in error.absolute_path
        )
        where = f"{base}{pointer}"
        yield Fault("/", f"{where or '/'}: {error.message[:200]}", _expected(error), pointer=where)


def require_conforming(document: Mapping[str, Any], version: str) -> None:
    """Pass a document that is about to be written and follows the schema of its kind.

    Raises:
        UsageError: it does not; the message names the first place.
    """
    kind = str(document["kind"])
    for fault in schema_faults(document, version, kind, base=""):
        message = f"no {kind} can be written with {fault.found}; expected: {fault.expected}"
        raise UsageError(message)


def _expected(error: Any) -> str:
    described = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
    return str(described or f"{error.validator}: {str(error.validator_value)[:160]}")


@rule("VCS101")
def document_off_schema(subject: Artefact) -> Iterator[Fault]:
    """Check the document against the schema of its kind."""
    yield from schema_faults(
        subject.document, subject.standard.version, subject.kind, base="/vcspec"
    )
