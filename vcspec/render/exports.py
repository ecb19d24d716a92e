"""Descriptions of artefacts in the formats of others, by name."""

from collections.abc import Callable, Mapping
from typing import Any

from vcspec.model.described import Attested, Described
from vcspec.model.errors import UsageError


def _croissant(found: Described) -> str:
    from vcspec.render.croissant import croissant
    from vcspec.render.report_json import dumps

    return dumps(croissant(found), indent=2) + "\n"


def _cff(found: Described) -> str:
    from vcspec.render.cff import cff

    return cff(found)


def _card(found: Described) -> str:
    from vcspec.render.card import card

    return card(found)


def _in_toto(found: Attested) -> str:
    from vcspec.render.report_json import dumps
    from vcspec.render.statement import statement

    return dumps(statement(found), indent=2) + "\n"


DESCRIPTIONS: Mapping[str, Callable[[Described], str]] = {
    "croissant": _croissant,
    "cff": _cff,
    "card": _card,
}
STATEMENTS: Mapping[str, Callable[[Attested], str]] = {"in-toto": _in_toto}
FORMATS = ("croissant", "cff", "in-toto", "card")


def render_export(found: Described | Attested, format: str) -> str:
    """A description or a statement as text that ends in a newline, unless `about` does not.

    Args:
        found: of `describe`, or of `attest` for `in-toto`.
        format: one of `FORMATS`.

    Raises:
        UsageError: there is no such format, it is of another kind, or asks for what is not known.
    """
    known: Mapping[str, Any] = DESCRIPTIONS if isinstance(found, Described) else STATEMENTS
    if format not in known:
        made = "describe" if isinstance(found, Described) else "attest"
        message = f"{format!r} is not made from what {made} returns; choose {', '.join(known)}"
        raise UsageError(message)
    return str(known[format](found))


def notes(found: Described, format: str) -> list[str]:
    """What is left out of the description, and what would bring it in."""
    said: list[str] = []
    if format == "croissant":
        from vcspec.render.croissant import lacking

        said += lacking(found)
    if found.dataset is None:
        pin = found.document["datasets"][0]
        said.append(
            f"the dataset {pin['id']}@{pin['version']} is not at hand, so that nothing is said of "
            "its citations, sources and licences; name it with --dataset"
        )
    return said
