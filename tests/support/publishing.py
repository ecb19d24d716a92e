"""Tiny artefacts on their way to a place."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from support import tiny
from support.reencode import Layout, reencode

from vcspec.actions.curate import write_dataset
from vcspec.actions.publish import Published, publish
from vcspec.model.curated import Curated
from vcspec.storage.sealing import seal

CONTACT = "Ada Lovelace <ada@example.org>"
TEXTS: Mapping[str, Callable[..., str]] = {
    "card": lambda artefact, contact: f"# {artefact.document['id']}, {contact['name']}",
    "report": lambda report: f'{{"verdict": "{report.verdict}"}}',
}


def dataset(target: Path, curated: Curated | None = None, **changes: Any) -> Path:
    """A tiny dataset whose document has these changes."""
    document = tiny.dataset_document(**changes)
    write_dataset(target, document, curated or tiny.curated(), overwrite=False)
    return target


def lean(target: Path, store: Path) -> Path:
    """The artefact at `store` in the fewest objects, for tests that try each of them."""
    reencode(store, target, Layout(matrix="dense"))
    seal(target)
    return target


def release(store: Path, place: Path | str, **options: Any) -> Published:
    """The store, published with everything that is needed."""
    return publish(store, place, **{"contact": CONTACT, "texts": TEXTS, **options})
