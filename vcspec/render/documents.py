"""Members of a document for people: what `vcspec explain` says of a kind beside its layout."""

from collections.abc import Iterator, Mapping
from typing import Any

from vcspec.standard import Table


def document_members(schemas: Mapping[str, Table], kind: str) -> dict[str, str]:
    """Member → what it is and whether it must be there, in the order of the schema.

    A member of a member is `outer.inner`, of a list `outer[].inner`.

    Args:
        schemas: file stem → schema.
        kind: of the document.

    >>> from vcspec.standard import standard
    >>> document_members(standard().schemas, "dataset")["organism"]
    'required; NCBI taxon; `none` for simulated data.'
    """
    return dict(_members(schemas[kind], schemas["common"]["$defs"], ""))


def _members(schema: Table, shared: Table, prefix: str) -> Iterator[tuple[str, str]]:
    for name, stated in schema.get("properties", {}).items():
        found = _resolved(stated, shared)
        yield prefix + name, _told(found, required=name in schema.get("required", ()))
        yield from _members(found, shared, f"{prefix}{name}.")
        if "items" in found:
            yield from _members(_resolved(found["items"], shared), shared, f"{prefix}{name}[].")


def _resolved(schema: Table, shared: Table) -> dict[str, Any]:
    """The schema with what it refers to; what it says itself wins."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**(_resolved(shared[name], shared) if name in shared else {}), **schema}


def _told(schema: Table, *, required: bool) -> str:
    choices = schema.get("enum") or schema.get("items", {}).get("enum")
    parts = (
        "required" if required else "",
        f"`{schema['const']}`" if "const" in schema else "",
        f"of {', '.join(map(str, choices))}" if choices else "",
        schema.get("description", ""),
    )
    return "; ".join(part for part in parts if part) or "optional"
