"""An artefact, and the papers on its measurements, as BibTeX."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from vcspec.model.described import Described, lead
from vcspec.render.description import URL_SAFE, citations, person, title


def bibtex(found: Described) -> str:
    """One entry a line: the artefact itself, then the papers."""
    key = str(found.document["id"]).replace("/", ":")
    own = {
        "author": " and ".join(map(_author, found.creators)),
        "title": _tex(title(found)),
        "version": _tex(str(found.document["version"])),
        "doi": quote(found.doi, safe=URL_SAFE),
        "url": quote(found.address, safe=URL_SAFE),
        "note": _tex(found.content),
    }
    entries = [_entry(key, own)]
    for number, paper in enumerate(citations(found), start=1):
        author, rest = lead(paper["title"])
        fields = {
            "author": _author(author) if author else "",
            "title": _tex(rest),
            "doi": quote(paper.get("doi", ""), safe=URL_SAFE),
            "url": quote(paper.get("url", ""), safe=URL_SAFE),
        }
        entries.append(_entry(f"{key}-{number}", fields))
    return "\n".join(entries)


def _entry(key: str, fields: Mapping[str, str]) -> str:
    stated = ", ".join(f"{name} = {{{text}}}" for name, text in fields.items() if text)
    return f"@misc{{{key}, {stated}}}"


def _author(name: str) -> str:
    """A person as BibTeX takes names apart; a group in braces, which it leaves whole."""
    return _tex(name) if person(name) and " and " not in name else f"{{{_tex(name)}}}"


def _tex(text: str) -> str:
    r"""Text in one line that TeX sets as it stands.

    >>> _tex("50 % of {A}_1")
    '50 \\% of \\{A\\}\\_1'
    """
    marked = " ".join(text.split()).replace("\\", "\0")
    escaped = re.sub(r"[{}%$&#_]", r"\\\g<0>", marked)
    for letter, written in (("\0", "textbackslash"), ("~", "textasciitilde")):
        escaped = escaped.replace(letter, f"\\{written}{{}}")
    return escaped.replace("^", r"\textasciicircum{}")
