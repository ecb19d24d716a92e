"""An artefact as a CITATION.cff, version 1.2.0."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from vcspec.model.described import Described, lead, stated_creators
from vcspec.model.errors import UsageError
from vcspec.render.description import (
    URL_SAFE,
    citations,
    doi_url,
    keywords,
    person,
    released,
    summary,
    title,
)
from vcspec.render.licences import is_choice, licence_ids, licence_url

MESSAGE = "If you use this {kind}, please cite it, and the works that it refers to."
UNSTATED = "Not stated"
TAKEN_DOI = re.compile(r"10\.[0-9]{4,9}(\.[0-9]+)?/[A-Za-z0-9:/_;.()\[\]\\-]+")
TAKEN_URL = re.compile(r"(https?|ftp|sftp)://.+")
# The format closes its list of licences at that of SPDX in 2021; these are on it, and what data
# bear. Any other is named by its page.
CREATIVE_COMMONS = tuple(
    f"CC-{terms}-{version}"
    for terms in ("BY", "BY-NC", "BY-NC-ND", "BY-NC-SA", "BY-ND", "BY-SA")
    for version in ("1.0", "2.0", "2.5", "3.0", "4.0")
)
GNU = tuple(
    f"{licence}-{which}"
    for licence in ("GPL-2.0", "GPL-3.0", "LGPL-2.1", "LGPL-3.0", "AGPL-3.0")
    for which in ("only", "or-later")
)
LISTED = frozenset(
    (
        *("CC0-1.0", "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0", "CDLA-Permissive-1.0"),
        *("CDLA-Sharing-1.0", "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC"),
        *("MPL-2.0", "EUPL-1.2", "Unlicense", "Artistic-2.0"),
        *CREATIVE_COMMONS,
        *GNU,
    )
)


def cff(found: Described) -> str:
    """The text of the file.

    Raises:
        UsageError: nobody is named as author, which the format asks for.
    """
    if not found.creators:
        message = (
            f"{found.document['id']} names no authors, and a CITATION.cff needs one: give --author "
            "('Family, Given' for a person), or state `creators` in the document of the dataset"
        )
        raise UsageError(message)
    licence, remark = _licence(str(found.document["licence"]))
    stated = {
        "cff-version": "1.2.0",
        "message": " ".join(filter(None, [MESSAGE.format(kind=found.kind), remark])),
        "type": "dataset",
        "title": title(found),
        "version": str(found.document["version"]),
        "authors": _authors(found.creators),
        "abstract": summary(found),
        "date-released": released(found),
        "doi": found.doi if TAKEN_DOI.fullmatch(found.doi) else "",
        "url": quote(found.address, safe=URL_SAFE) if TAKEN_URL.match(found.address) else "",
        **licence,
        "identifiers": _identifiers(found),
        "keywords": keywords(found),
        "references": _each_once([*_pinned(found), *map(_paper, citations(found))]),
    }
    return "\n".join(_lines({name: value for name, value in stated.items() if value})) + "\n"


def _licence(expression: str) -> tuple[dict[str, Any], str]:
    """Members on the licence, and a remark where the format cannot say it.

    A list means a choice there, so that licences which hold together are put into words.
    """
    identifiers = licence_ids(expression)
    if is_choice(expression) and {*identifiers} <= LISTED:
        return {"license": identifiers[0] if len(identifiers) == 1 else list(identifiers)}, ""
    url = licence_url(identifiers[0])
    if is_choice(expression) and len(identifiers) == 1 and url:
        return {"license-url": url}, ""
    return {}, f"Its licence is the SPDX expression {expression}."


def _identifiers(found: Described) -> list[dict[str, str]]:
    own = [_doi(found.doi, f"The {found.kind} itself")] if found.doi else []
    storage = {"type": "other", "value": found.storage, "description": "Storage digest"}
    return [*own, *_named({**found.document, "content": found.content}), storage]


def _named(pin: Mapping[str, Any]) -> list[dict[str, str]]:
    """What names an artefact for ever: id with version, and content digest."""
    name = f"{pin['id']}@{pin['version']}"
    return [
        {"type": "other", "value": name, "description": "Id and version"},
        {"type": "other", "value": pin["content"], "description": "Content digest"},
    ]


def _doi(doi: str, description: str) -> dict[str, str]:
    """A DOI, as an address where the format does not take its letters."""
    if TAKEN_DOI.fullmatch(doi):
        return {"type": "doi", "value": doi, "description": description}
    return {"type": "url", "value": doi_url(doi), "description": description}


def _pinned(found: Described) -> list[dict[str, Any]]:
    """The artefacts that a split or reference pins."""
    document = found.document
    pins = {"dataset": document.get("datasets", [{}])[0], "split": document.get("split", {})}
    return [_pin(found, kind, pin) for kind, pin in pins.items() if pin]


def _pin(found: Described, kind: str, pin: Mapping[str, str]) -> dict[str, Any]:
    whole = (found.upstream or {}) if kind == "dataset" else {}
    return {
        "type": "data",
        "title": str(whole.get("title", f"The {kind} {pin['id']}")),
        "authors": _authors(stated_creators(whole)) or [{"name": UNSTATED}],
        "version": pin["version"],
        "identifiers": _named(pin),
    }


def _paper(citation: Mapping[str, str]) -> dict[str, Any]:
    author, rest = lead(citation["title"])
    doi, url, accession = (citation.get(name, "") for name in ("doi", "url", "accession"))
    stated = {
        "type": "generic",
        "title": rest,
        "authors": [{"name": author or UNSTATED}],
        "doi": doi if TAKEN_DOI.fullmatch(doi) else "",
        "url": quote(url, safe=URL_SAFE) or ("" if TAKEN_DOI.fullmatch(doi) else _page(doi)),
        "notes": f"Accession {accession}" if accession else "",
    }
    return {name: value for name, value in stated.items() if value}


def _page(doi: str) -> str:
    return doi_url(doi) if doi else ""


def _authors(names: Iterable[str]) -> list[dict[str, str]]:
    persons = ((name, person(name)) for name in names)
    return _each_once(
        {"family-names": found[0], "given-names": found[1]} if found else {"name": name}
        for name, found in persons
    )


def _each_once(entries: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    found.extend(entry for entry in entries if entry not in found)
    return found


def _lines(value: Any, indent: str = "") -> list[str]:
    """YAML in blocks, every string in double quotes."""
    if isinstance(value, str):
        return [f"{indent}{_quoted(value)}"]
    lines: list[str] = []
    entries = value.items() if isinstance(value, dict) else ((None, entry) for entry in value)
    for name, entry in entries:
        inner = _lines(entry, f"{indent}  ")
        if name is None:
            lines += [f"{indent}- {inner[0].lstrip()}", *inner[1:]]
        elif isinstance(entry, str):
            lines.append(f"{indent}{name}: {inner[0].lstrip()}")
        else:
            lines += [f"{indent}{name}:", *inner]
    return lines


def _quoted(text: str) -> str:
    r"""Text in double quotes; YAML knows the escapes of Python.

    >>> _quoted('a "b"\x1b')
    '"a \\"b\\"\\x1b"'
    """
    letters = (
        f"\\{letter}"
        if letter in '"\\'
        else letter
        if letter.isprintable()
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )
    return f'"{"".join(letters)}"'
