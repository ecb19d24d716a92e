"""Artefacts as descriptions see them, made by hand."""

from typing import Any

from support import tiny

from vcspec.model.described import Described, DescribedColumn
from vcspec.model.manifest import Entry

SHA = "ab" * 32
CONTENT = f"vcs1c-sha256:{'cd' * 32}"
PIN = {"id": "tiny", "version": "1.0.0", "content": CONTENT}
COLUMNS = (
    DescribedColumn("obs", "_index", "string", "Name of the cell."),
    DescribedColumn("obs", "context", "string", "What the cell is.", 2),
    DescribedColumn("obs", "perturbation", "string", "What was done.", 12),
    DescribedColumn("obs", "size", "number", ""),
    DescribedColumn("var", "_index", "string", "Name of the feature."),
    DescribedColumn("var", "is_target", "boolean", ""),
)
PAPER = {
    "title": "Kang HM et al., Multiplexed droplets, Nature 2018",
    "doi": "10.1038/nbt.4042",
    "accession": "GEO:GSE96583",
}
SOURCE = {
    "name": "valid.h5ad",
    "url": "https://example.org/valid.h5ad",
    "sha256": "ef" * 32,
    "bytes": 2_321_480,
    "licence": "GPL-3.0-only",
}


def measured(**changes: Any) -> dict[str, Any]:
    """Root document of a measured dataset."""
    return tiny.dataset_document(
        **{
            "id": "kang",
            "title": "Blood cells",
            "summary": "Cells of blood, stimulated.",
            "simulated": False,
            "organism": "NCBITaxon:9606",
            "assay": ["EFO:0009901"],
            "citations": [PAPER],
            "sources": [SOURCE],
            "caveats": ["One perturbation."],
            "released": "2018-01-15",
            "columns": {"size": "Size of the cell."},
            **changes,
        }
    )


def split_document(**changes: Any) -> dict[str, Any]:
    """Root document of a split."""
    return {
        "kind": "split",
        "spec": "1.0",
        "id": "tiny/unseen",
        "version": "1.0.0",
        "title": "Unseen singles",
        "simulated": True,
        "task": "perturbation-response",
        "claim": "unseen-perturbation",
        "datasets": [PIN],
        "strategy": {
            "name": "holdout-perturbations",
            "seed": 1,
            "parameters": {"hold_out": ["G05", "G06"], "fraction": "0.2"},
        },
        "condition": ["context", "perturbation"],
        "control": "control",
        "values": {"space": "log1p", "target_sum": 1000, "total": "features"},
        "cells_per_condition": 10,
        "licence": "CC0-1.0",
        **changes,
    }


def reference_document(**changes: Any) -> dict[str, Any]:
    """Root document of the split's reference."""
    kept = ("condition", "control", "datasets", "id", "licence", "simulated", "spec", "values")
    return {
        **{name: value for name, value in split_document().items() if name in (*kept, "version")},
        "kind": "reference",
        "split": {**PIN, "id": "tiny/unseen"},
        "suite": "core-1.0",
        "definitions": {"mae": SHA},
        "tool": "vcspec 0.1.0",
        **changes,
    }


def described(document: dict[str, Any] | None = None, **changes: Any) -> Described:
    """A description of the measured dataset, or of another document."""
    stated: dict[str, Any] = {
        "document": measured() if document is None else document,
        "columns": COLUMNS,
        "counts": {"cells": 268, "features": 80},
        "manifest": Entry("manifest.json", 4290, SHA),
        "content": CONTENT,
        "objects": 30,
        "size": 43_990,
        "zarr_format": 3,
        "place": "kang.zarr",
        "value_type": "int32",
    }
    return Described(**{**stated, **changes})
