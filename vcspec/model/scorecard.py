"""Scorecard: all numbers of one prediction, and the exact inputs behind them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rfc8785

from vcspec.model.matrix import Array


@dataclass(frozen=True, eq=False)
class Scorecard:
    """A scorecard.

    Attributes:
        document: what the standard's schema describes; equal inputs give equal documents.
        metrics: names, in the order of the suite.
        conditions: keys of the test conditions, in the order of the split.
        contexts: (conditions,) context of each.
        values: (metrics, conditions); NaN where a metric is undefined.
        reasons: for each metric and condition "" or why it is undefined.
    """

    document: Mapping[str, Any]
    metrics: tuple[str, ...]
    conditions: tuple[str, ...]
    contexts: tuple[str, ...]
    values: Array
    reasons: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Scorecard":
        """The scorecard that a document describes, which must hold its values by condition."""
        table = document["by_condition"]
        size = len(table["conditions"])
        values = np.array(table["values"], dtype=np.float64).reshape(len(table["metrics"]), size)
        reasons = tuple(tuple(row) or ("",) * size for row in table["reasons"])
        names = tuple(table["metrics"])
        conditions, contexts = tuple(table["conditions"]), tuple(table["contexts"])
        return cls(document, names, conditions, contexts, values, reasons)

    def to_json(self) -> str:
        """Canonical JSON (RFC 8785): equal scorecards are equal bytes."""
        return rfc8785.dumps(dict(self.document)).decode()

    @property
    def signature(self) -> str:
        """One line that says which question the numbers answer."""
        return str(self.document["signature"])

    def value(self, metric: str) -> float | None:
        """Value of a metric over all conditions; None where it has none."""
        found: float | None = self.document["metrics"][metric]["value"]
        return found

    def to_xarray(self) -> Any:
        """Values and reasons by metric and condition, as an xarray Dataset."""
        import xarray as xr

        places = ("metric", "condition")
        return xr.Dataset(
            {
                "value": (places, self.values),
                "undefined": (places, np.array(self.reasons, dtype=object).astype("U")),
            },
            coords={
                "metric": list(self.metrics),
                "condition": list(self.conditions),
                "context": ("condition", list(self.contexts)),
            },
            attrs={"kind": "scorecard-table", "signature": self.signature},
        )

    def __repr__(self) -> str:
        model = self.document["model"]
        name = f"{model['name']} {model['version']}"
        return f"Scorecard({name}, {len(self.metrics)} metrics, {self.signature})"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{_cell(found['value'])}</td>"
            f"<td>{_cell((found['floor'] or {}).get('value'))}</td>"
            f"<td>{_cell(found['replicate'])}</td></tr>"
            for name, found in ((name, self.document["metrics"][name]) for name in self.metrics)
        )
        model = self.document["model"]
        head = "<tr><th>metric</th><th>value</th><th>floor</th><th>replicate</th></tr>"
        title = escape(f"{model['name']} {model['version']}")
        return (
            f"<details open><summary>{title}</summary><table>{head}{rows}</table>"
            f"<code>{escape(self.signature)}</code></details>"
        )


def _cell(value: float | None) -> str:
    return "—" if value is None else f"{value:.4g}"


def suites_of(document: Mapping[str, Any]) -> list[str]:
    """Names of the suites of metrics that a scorecard, or a comparison's question, is of."""
    return list(document.get("suites", [document["suite"]]))


def asked_of(inputs: Mapping[str, Any]) -> str:
    """The split that a scorecard answers, or the folds that it was pooled of, in short."""
    if "folds" not in inputs:
        return f"{inputs['split']['id']}@{inputs['split']['version']}"
    strategy = inputs["strategy"]
    share = f"{len(inputs['folds'])}-of-{strategy['folds']}-folds"
    return f"{inputs['dataset']['id']}/{strategy['name']}@{share}"


def table_digest(
    metrics: Sequence[str],
    conditions: Sequence[str],
    values: Array,
    reasons: Sequence[Sequence[str]],
) -> str:
    """SHA-256 over the values by metric and condition, and the reasons where there are none."""
    cells = [
        [None if np.isnan(value) else float(value) for value in row] for row in np.asarray(values)
    ]
    whole: dict[str, Any] = {
        "metrics": list(metrics),
        "conditions": list(conditions),
        "values": cells,
        "reasons": [list(row) for row in reasons],
    }
    return hashlib.sha256(rfc8785.dumps(whole)).hexdigest()


def by_condition(
    conditions: Sequence[str],
    contexts: Sequence[str],
    metrics: Sequence[str],
    values: Array,
    reasons: Sequence[Sequence[str]],
) -> dict[str, Any]:
    """Values by metric and condition as a scorecard's document holds them.

    Args:
        conditions: keys.
        contexts: (conditions,) of each.
        metrics: names.
        values: (metrics, conditions); NaN where undefined.
        reasons: for each metric and condition "" or why it is undefined.
    """
    return {
        "conditions": list(conditions),
        "contexts": list(contexts),
        "metrics": list(metrics),
        "values": [[None if np.isnan(value) else float(value) for value in row] for row in values],
        "reasons": [list(row) if any(row) else [] for row in reasons],
    }


def first_difference(one: Any, other: Any, pointer: str = "") -> str:
    """JSON pointer of the first place where two documents differ; empty where they are equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            if name not in one or name not in other:
                return f"{pointer}/{name}"
            if found := first_difference(one[name], other[name], f"{pointer}/{name}"):
                return found
        return ""
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return "" if same else pointer or "/"
