"""A disclosure as text: the question, and the rounded headline."""

from collections.abc import Mapping
from typing import Any

from vcspec.render.claims import claimed
from vcspec.render.report_text import shown


def render_disclosure(document: Mapping[str, Any]) -> str:
    """What an entrant is told."""
    model, split = document["model"], document["inputs"]["split"]
    lines = [
        f"{shown(model['name'])} {shown(model['version'])}  {claimed(document['claim'])}  "
        f"{split['id']}@{split['version']}  level {document['level']}  "
        f"coverage {document['coverage']:g}"
    ]
    values = {**document["headline"], **document["composites"]}
    width = max(map(len, values), default=0)
    lines += [
        f"{name:<{width}}  {'—' if value is None else f'{value:.3f}'}"
        for name, value in values.items()
    ]
    return "\n".join(lines)
