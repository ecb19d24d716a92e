"""manifest: what a model was trained on, down to its cells, small enough to publish."""

import os
from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from vcspec.actions.validate import checked
from vcspec.model.condition import Condition
from vcspec.model.errors import UsageError
from vcspec.model.release import named
from vcspec.model.training_manifest import TrainingManifest, encoded, features_digest, sampled
from vcspec.rules.contamination import accessions_of
from vcspec.rules.documents import require_conforming
from vcspec.rules.split import Table
from vcspec.rules.subject import Subject
from vcspec.standard import CURRENT
from vcspec.statistics.cell_identity import (
    DEFINITION,
    LEAST_FEATURES,
    Hashes,
    Identities,
    identities,
    name_hashes,
)
from vcspec.version import __version__

Target = str | os.PathLike[str]
MOST = 1_000_000  # hashes of a manifest, eight bytes each
SPACES = ("counts", "log1p")


def training_manifest(  # noqa: PLR0913 - each says one thing of the manifest
    datasets: Sequence[Target],
    *,
    id: str,
    version: str = "1.0.0",
    title: str = "",
    split: Target | None = None,
    excluded: Sequence[tuple[Target, str]] = (),
    most: int = MOST,
) -> TrainingManifest:
    """The manifest of a model that was trained on all cells of `datasets`.

    Args:
        datasets: of counts, or of log1p values of counts.
        id: of the manifest.
        version: semantic version.
        title: one line.
        split: of the single dataset, where only its conditions with the role train were used.
        excluded: datasets that were considered and left out, with the reason.
        most: about how many hashes to keep; of more cells one in so many is listed.

    Raises:
        UsageError: a dataset is not sound or holds no counts, a split goes with several, or what is
            stated of the manifest does not fit its document.
    """
    named(f"{id}@{version}")
    if most < 1:
        message = f"{most} hashes are to be listed; list 1 or more"
        raise UsageError(message)
    if split is not None and len(datasets) != 1:
        message = f"a split goes with one dataset; {len(datasets)} are given"
        raise UsageError(message)
    entries, hashes = [], []
    for place in datasets:
        opened = checked(os.fspath(place), "dataset", level="data")
        trained = _trained(opened, split)
        known, cells = _hashes(opened, {condition.key for condition in trained})
        hashes.append(known)
        entries.append({**_entry(opened, trained), "included": True, "cells": cells})
    for place, reason in excluded:
        opened = checked(os.fspath(place), "dataset")
        entry = _entry(opened, _trained(opened, None))
        entries.append({**entry, "included": False, "reason": reason, "cells": 0})
    every = np.concatenate(hashes)
    kept, one_in = sampled(every, most)
    document = {
        "kind": "training-manifest",
        "spec": CURRENT,
        "id": id,
        "version": version,
        "title": title or f"Cells that {id} was trained on",
        "datasets": entries,
        "cells": {
            "hash": DEFINITION,
            "least_features": LEAST_FEATURES,
            "hashed": len(every),
            "one_in": one_in,
            "hashes": encoded(kept),
        },
        "tool": f"vcspec {__version__}",
    }
    require_conforming(document, CURRENT)
    return TrainingManifest(document)


def _entry(dataset: Subject, conditions: Sequence[Condition]) -> dict[str, Any]:
    stated = dataset.document
    pin = {name: stated[name] for name in ("id", "version")}
    return {
        **pin,
        "content": dataset.claimed_content(),
        "accessions": accessions_of(stated, conditions),
        "features": features_digest(dataset.features),
    }


def _trained(dataset: Subject, split: Target | None) -> Sequence[Condition]:
    """Conditions that were trained on: all of the dataset, or those of a split."""
    if split is None:
        return [dataset.condition_at(run.start) for run in dataset.runs]
    opened = checked(os.fspath(split), "split")
    pinned = opened.document["datasets"][0]["content"]
    if dataset.claimed_content() != pinned:
        message = f"the split pins {pinned}, the dataset is {dataset.claimed_content()}"
        raise UsageError(message)
    return list(Table(opened).having("train"))


def _hashes(dataset: Subject, trained: Container[str]) -> tuple[Hashes, int]:
    """Hashes of the known cells, and the number of all cells."""
    space = str(dataset.document["values"]["space"])
    if space not in SPACES:
        message = f"{dataset.store.target} holds {space!r}; cells are hashed by their counts"
        raise UsageError(message)
    names = name_hashes(dataset.features)
    found = Identities.together(
        [identities(block, names, space) for block in dataset.store.blocks("/X")]
    )
    wanted = np.zeros(len(found), dtype=bool)
    for run in dataset.runs:
        wanted[run.start : run.stop] = run.key in trained
    return found.hashes[found.known & wanted], int(wanted.sum())
