"""curate: a dataset of the library, from its sources to a store with the published digest."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vcspec.cards import DatasetCard, dataset_card, dataset_card_in, recipe
from vcspec.model.curated import Curated
from vcspec.model.errors import Mismatch
from vcspec.model.labels import ordered
from vcspec.standard import CURRENT
from vcspec.storage.artefacts import write_cells
from vcspec.storage.fetch import fetch
from vcspec.storage.sealing import sealed_content

COPIED = (
    "id",
    "version",
    "title",
    "summary",
    "simulated",
    "modality",
    "organism",
    "assay",
    "features",
    "values",
    "condition",
    "control",
    "licence",
    "access",
    "creators",
    "citations",
    "sources",
    "curation",
    "fitted",
    "caveats",
)


def curate(
    name: str,
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Build the dataset `name` at `target`.

    Args:
        name: a dataset of the library, or a folder with a `card.toml` and a `recipe.py`.
        target: path of the store to write.
        overwrite: replace a store that is already there.
        progress: called with bytes done and bytes in all of each download.

    Returns:
        The content digest.

    Raises:
        UnknownName: the library has no such dataset.
        Unreadable: a source cannot be had.
        Mismatch: the result does not have the digest that the card publishes; the store is kept
            beside `target` for inspection, under another name.
    """
    card = (
        dataset_card_in(Path(name)) if (Path(name) / "card.toml").is_file() else dataset_card(name)
    )
    sources = {source.name: fetch(source, progress=progress) for source in card.sources}
    curated = recipe(card)(sources, card.document)
    place = Path(target)
    write_dataset(place, dataset_document(card), curated, overwrite=overwrite)
    content = sealed_content(place)
    expected = card.document["content"]
    if expected and content != expected:
        aside = place.with_name(f"{place.stem}.{content[-8:]}{place.suffix}")
        if aside.exists():  # the same content, from an earlier try
            shutil.rmtree(aside)
        place.rename(aside)
        message = (
            f"{card.id}@{card.version} came out as {content}, its card publishes {expected}; "
            f"it was kept as {aside}. Other versions of the libraries, or an edited recipe?"
        )
        raise Mismatch(message)
    return content


def dataset_document(card: DatasetCard) -> dict[str, Any]:
    """The root document of the dataset that the card describes."""
    copied = {name: card.document[name] for name in COPIED if name in card.document}
    columns = {"columns": dict(card.document.get("other_columns", {}))}
    return {"kind": "dataset", "spec": CURRENT, "citations": [], "sources": [], **copied, **columns}


def write_dataset(
    target: Path, document: Mapping[str, Any], curated: Curated, *, overwrite: bool
) -> tuple[str, ...]:
    """Curated cells in canonical order and spelling, as a dataset store.

    Returns:
        What was changed, a sentence each.
    """
    table = ordered(curated.obs, document["condition"], document["control"])
    write_cells(
        target,
        document,
        [curated.rows.take(table.order)],
        obs={"_index": curated.cells[table.order], **table.columns},
        var={"_index": curated.features, **curated.var},
        data_type=curated.rows.data.dtype,
        overwrite=overwrite,
    )
    return table.changes
