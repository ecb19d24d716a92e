"""audit: how the answer could reach a model, by split, dataset, or what the model has seen."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcspec.actions.beside import read_table
from vcspec.actions.cells import ConditionCells
from vcspec.actions.corpora import is_store, overlap
from vcspec.actions.validate import by_digest, checked
from vcspec.cards import conforming
from vcspec.engine.settings import settings_in_force
from vcspec.model.errors import Mismatch, Unreadable, UsageError
from vcspec.model.finding import Report
from vcspec.model.matrix import AnyArray, Array, Rows
from vcspec.model.training_manifest import TrainingManifest
from vcspec.rules.audit import audit_report, contamination_facts
from vcspec.rules.contamination import listings
from vcspec.rules.evidence import CellEvidence, Evidence, Overlap
from vcspec.rules.leaking_cells import along_cells, along_depth, comparable
from vcspec.rules.split import Table
from vcspec.rules.subject import Subject
from vcspec.splitting.relatives import relatives_in
from vcspec.standard import standard
from vcspec.statistics.cell_identity import Hashes, Identities, identities, jaccard, name_hashes
from vcspec.statistics.difficulty import effect_size
from vcspec.statistics.moments import Moments, moments
from vcspec.statistics.normalise import amounts_of
from vcspec.statistics.refit import Products, pooled_moments, pooled_products, products

Target = str | os.PathLike[str]
REFUSED = (
    "Lists of barcodes, or of hashes of them, are not matched: kits draw barcodes from 737,280 or "
    "6,794,880 strings, nearly all of which a corpus of 30 million cells holds, so that every "
    "dataset would be found in every corpus"
)


def audit(
    split: Target,
    *,
    dataset: Target | None = None,
    predictions: Target | None = None,
    pretraining: Sequence[Target] = (),
    table: Target | None = None,
) -> Report:
    """Look for every leak that what is at hand allows to look for.

    Args:
        split: a sound split.
        dataset: the one that it pins; looked for beside it by its digest. Without one, tables
            alone are looked at.
        predictions: of the split, for what their model declares.
        pretraining: what the model was trained on: manifests, as `vcspec manifest` makes them, or
            datasets, whose cells are then compared one by one.
        table: relatives of perturbations: `perturbation` and `group` (or family, complex, pathway),
            `inchikey` or `smiles`.

    Raises:
        UsageError: an artefact is not sound.
        Mismatch: dataset or predictions belong to another split.
        Unreadable: a table or a manifest cannot be read.
    """
    opened = checked(os.fspath(split), "split", level="full")
    data = _dataset(opened, dataset)
    predicted = _predictions(opened, predictions)
    evidence = Evidence(
        split=opened,
        dataset=data,
        cells=_Reading(opened, data).evidence() if data is not None else None,
        predictions=predicted,
        predicted=_predicted(predicted),
        profiles=_profiles(opened, predicted),
        relatives=_relatives(opened, table),
        manifests=tuple(read_training_manifest(p) for p in pretraining if not is_store(p)),
        overlaps=_overlaps(opened, data, [p for p in pretraining if is_store(p)]),
    )
    report = audit_report(evidence, os.fspath(split))
    facts: dict[str, str | int] = {"claim": str(opened.document["claim"])}
    if evidence.cells is not None:
        facts |= _cell_facts(evidence)
    if evidence.overlaps:
        facts["pretraining"] = "; ".join(map(str, evidence.overlaps))
    if predicted is not None and data is not None:
        facts |= contamination_facts(evidence, os.fspath(split))
    return replace(report, facts=facts)


def _cell_facts(evidence: Evidence) -> dict[str, str]:
    """What was seen of the cells, whether or not anything is wrong with it."""
    found: dict[str, object] = {
        "copies": comparable(evidence),
        "near_copies": comparable(evidence, nearly=True),
        "cells_and_effect": along_cells(evidence),
        "depth_and_effect": along_depth(evidence),
    }
    if evidence.manifests and evidence.cells is not None and evidence.cells.identities.known.any():
        found["manifests"] = "; ".join(map(str, listings(evidence)))
    return {name: str(one) for name, one in found.items() if one is not None}


def _overlaps(
    split: Subject, dataset: Subject | None, places: Sequence[Target]
) -> tuple[Overlap, ...]:
    if places and dataset is None:
        message = (
            f"{os.fspath(places[0])} can be compared with the cells of the dataset that the split "
            "pins, which is not beside it; name it with --dataset"
        )
        raise UsageError(message)
    return tuple(overlap(split, dataset, place) for place in places if dataset is not None)


def _dataset(split: Subject, given: Target | None) -> Subject | None:
    pinned = split.document["datasets"][0]["content"]
    if given is None:
        return by_digest(split.store.target, "dataset", pinned)
    found = checked(os.fspath(given), "dataset", level="data")
    whole = split.document.get("withheld", {}).get("dataset")
    if found.claimed_content() not in {pinned, whole}:
        message = f"{found.store.target} is {found.claimed_content()}; the split pins {pinned}"
        raise Mismatch(message)
    return found


def _predictions(split: Subject, given: Target | None) -> Subject | None:
    if given is None:
        return None
    found = checked(os.fspath(given), "predictions")
    if found.document["split"]["content"] != split.claimed_content():
        message = (
            f"{found.store.target} answers {found.document['split']['content']}; the split at hand "
            f"is {split.claimed_content()}"
        )
        raise Mismatch(message)
    return found


def _relatives(split: Subject, table: Target | None) -> Mapping[str, Mapping[str, str]]:
    if table is None:
        return {}
    members = sorted({member for found in split.conditions for member in found.members})
    return relatives_in(read_table(table).columns, members)


def read_training_manifest(place: Target) -> TrainingManifest:
    """The manifest at `place`.

    Raises:
        Unreadable: it is no manifest.
    """
    path = Path(place)
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}); give a training manifest"
        raise Unreadable(message) from error
    except (ValueError, RecursionError):
        document = {}
    if not isinstance(document, dict) or document.get("kind") != "training-manifest":
        message = f"{path} is no training manifest, as `vcspec manifest` makes them. {REFUSED}"
        raise Unreadable(message)
    conforming(document, "training-manifest", path)
    found = TrainingManifest(document)
    if problem := found.problem:
        message = f"{path} lists {problem}; make it again with `vcspec manifest`"
        raise Unreadable(message)
    return found


class _Reading:
    """One pass over the cells of a dataset, condition by condition, controls first."""

    def __init__(self, split: Subject, dataset: Subject) -> None:
        self.table = Table(split)
        self.conditions = split.conditions
        self.target_sum = float(split.document["values"].get("target_sum", 1))
        self.dataset = dataset
        self.space = str(dataset.document["values"]["space"])
        self.cells = ConditionCells(dataset, split.document["values"])
        self.names = name_hashes(dataset.features)
        self.controls: dict[str, Moments] = {}
        roles = standard().vocabularies["role"]
        self.detected = {role: np.zeros(len(self.names), dtype=np.int64) for role in roles}

    def evidence(self) -> CellEvidence:
        """Everything that leaks are looked for in."""
        runs = self.cells.runs
        rows = max((run.stop for run in runs.values()), default=0)
        number = len(self.conditions)
        condition = np.full(rows, -1, dtype=np.int64)
        effect, depth = np.full(number, np.nan), np.full(number, np.nan)
        parts: dict[str, Identities] = {}
        control = self.table.control
        order = sorted(range(number), key=lambda at: self.conditions[at].perturbation != control)
        for place in settings_in_force().counted(order, "conditions"):
            key = self.conditions[place].key
            if key in runs:
                condition[runs[key].start : runs[key].stop] = place
                parts[key], effect[place], depth[place] = self._look(place)
        for key in runs.keys() - parts.keys():
            parts[key] = identities(self.cells.stored(key), self.names, self.space)
        return CellEvidence(
            identities=Identities.together([parts[key] for key in runs]),
            condition=condition,
            detected=self.detected,
            effect=effect,
            depth=depth,
            similarity=self._similarity,
            name=lambda row: self.dataset.row_names(np.array([row]))[0],
            sums=lambda conditions: self._moments(conditions, lambda rows: rows),
            amounts=lambda conditions: self._moments(
                conditions, lambda rows: amounts_of(rows, space="log1p")
            ),
            products=self._products,
        )

    def _look(self, place: int) -> tuple[Identities, float, float]:
        """Identities, effect size and depth of a condition."""
        condition = self.conditions[place]
        stored, piece = self.cells.stored(condition.key), self.cells.piece(condition.key)
        present = np.bincount(stored.indices[stored.data != 0], minlength=stored.width)
        self.detected[self.table.roles[place]] += present
        found, context = moments(piece.log1p), condition.context_key
        effect = float("nan")
        if condition.perturbation == self.table.control:
            known = self.controls.get(context)
            self.controls[context] = pooled_moments([known, found]) if known else found
        elif context in self.controls:
            effect = effect_size(found, self.controls[context])
        return identities(stored, self.names, self.space), effect, self._depth(piece.scale)

    def _depth(self, scale: Array) -> float:
        known = scale[scale > 0]
        if self.space != "counts" or not len(known):
            return float("nan")
        return float(np.median(self.target_sum / known))

    def _similarity(self, one: int, other: int) -> float:
        return jaccard(self.cells.stored_row(one), self.cells.stored_row(other), self.space)

    def _moments(self, conditions: Sequence[int], made: Callable[[Rows], Rows]) -> Moments:
        """Moments of what is made of the log1p values of the cells of some conditions."""
        empty = np.zeros(len(self.names))
        parts = [moments(made(self.cells.of(key))) for key in self._known(conditions)]
        return pooled_moments([Moments(0, empty, empty), *parts])

    def _products(self, conditions: Sequence[int], features: AnyArray) -> Products:
        """The same with products of pairs, of some features."""
        empty = np.zeros(len(features))
        found = Products(0, empty, np.zeros((len(features), len(features))))
        for key in self._known(conditions):
            found = pooled_products([found, products(self.cells.of(key), features)])
        return found

    def _known(self, conditions: Sequence[int]) -> Iterator[str]:
        keys = (self.conditions[place].key for place in conditions)
        return (key for key in keys if key in self.cells.runs)


def _predicted(predictions: Subject | None) -> tuple[Hashes, NDArray[np.bool_]] | None:
    if predictions is None or predictions.document["level"] != "cells":
        return None
    space = str(predictions.document["values"]["space"])
    names = name_hashes(predictions.features)
    blocks = predictions.store.blocks("/X")
    found = Identities.together([identities(block, names, space) for block in blocks])
    return found.hashes, found.known


def _profiles(split: Subject, predictions: Subject | None) -> AnyArray | None:
    if predictions is None or predictions.document["level"] != "profiles":
        return None
    cells = ConditionCells(predictions, split.document["values"])
    empty = np.empty((0, len(predictions.features)), dtype=np.float32)
    return np.concatenate([empty, *(cells.of(key).dense() for key in cells.runs)])
