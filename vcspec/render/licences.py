"""SPDX expressions, for formats that ask for identifiers."""

from packaging.licenses import canonicalize_license_expression

OPERATORS = frozenset({"AND", "OR", "WITH"})


def licence_ids(expression: str) -> tuple[str, ...]:
    """Identifiers of the expression, each once, exceptions left out.

    >>> licence_ids("mit and (GPL-3.0-only with GCC-exception-3.1 or MIT)")
    ('MIT', 'GPL-3.0-only')
    """
    tokens = _tokens(expression)
    before = ("", *tokens)
    found = (
        token
        for token, last in zip(tokens, before, strict=False)
        if token not in OPERATORS and last != "WITH"
    )
    return tuple(dict.fromkeys(found))


def is_choice(expression: str) -> bool:
    """Whether each of the identifiers alone allows the use."""
    return not {"AND", "WITH"} & {*_tokens(expression)}


def licence_url(identifier: str) -> str:
    """Page of the SPDX list on the licence; empty for one that is not on the list."""
    if identifier.startswith("LicenseRef-"):
        return ""
    return f"https://spdx.org/licenses/{identifier}.html"


def _tokens(expression: str) -> list[str]:
    canonical = canonicalize_license_expression(expression)
    return canonical.replace("(", " ").replace(")", " ").split()
