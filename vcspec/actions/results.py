"""Results: a scorecard's numbers, from values by condition and their anchors."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
import rfc8785
from numpy.typing import NDArray

from vcspec.metrics.composite import composite
from vcspec.metrics.coverage import with_worst
from vcspec.metrics.interval import RESAMPLES, SEED
from vcspec.metrics.summary import DECIMALS, summary
from vcspec.model.comparison import Scores
from vcspec.model.matrix import Array
from vcspec.model.scorecard import Scorecard, asked_of, by_condition, table_digest
from vcspec.rules.subject import Subject
from vcspec.standard import CURRENT, definition_digest, standard
from vcspec.version import __version__

Anchors = Mapping[str, Mapping[str, Array]]
"""Metric → anchor → (conditions,) values; nothing where there are none."""
ALPHA = 0.05  # discovery rate below which a true effect counts, in the strata
LIBRARIES = ("numpy", "scipy", "zarr")


def filled(scores: Mapping[str, Scores], anchors: Anchors) -> dict[str, Scores]:
    """The scores, with the worst value of each metric where there is no finite prediction."""
    entries = standard().metrics
    return {
        name: with_worst(one, entries[name], anchors[name].get("no-change"))
        for name, one in scores.items()
    }


def summaries(
    scores: Mapping[str, Scores],
    anchors: Anchors,
    contexts: Sequence[str],
    *,
    errors: Mapping[str, float | None],
    strata: Mapping[str, Sequence[str]],
    without: str,
) -> dict[str, Any]:
    """Metric → what a scorecard states of it.

    Args:
        scores: of the prediction.
        anchors: values of baselines and replicate.
        contexts: (conditions,) names.
        errors: metric → standard error of the replicate.
        strata: division → (conditions,) the part that each belongs to.
        without: why a metric has no anchors, where it has none.
    """
    entries = standard().metrics
    return {
        name: {
            "definition": definition_digest(CURRENT, name),
            "replicate_error": errors[name],
            **summary(one, anchors[name], contexts, entries[name], strata=strata, without=without),
        }
        for name, one in scores.items()
    }


def composites(
    suites: Sequence[str], scores: Mapping[str, Scores], anchors: Anchors, contexts: Sequence[str]
) -> dict[str, Any]:
    """Suite → the number that its rule set makes of its metrics."""
    known = standard()
    values = {name: one.values for name, one in scores.items()}
    return {
        name: asdict(composite(rule, known.metrics, values, anchors, contexts))
        for name in suites
        if (rule := known.suites[name].get("composite"))
    }


def significant_counts(fdr: Array) -> NDArray[np.int64]:
    """(conditions,) number of features whose true effect counts."""
    return np.asarray((fdr < ALPHA).sum(axis=1), dtype=np.int64)


def effect_sizes(counts: NDArray[np.int64]) -> list[str]:
    """`null` without a significant feature, else `strong` from the median of the others on."""
    some = counts[counts > 0]
    border = float(np.median(some)) if len(some) else 0.0
    return ["null" if not n else "strong" if n >= border else "weak" for n in counts.tolist()]


def split_strata(split: Subject, keys: Sequence[str]) -> dict[str, list[str]]:
    """Division → (conditions,) part, by what the split says of them.

    In how many contexts each one's perturbation may be trained on; and the study that it is of,
    where conditions name studies, as those of a merged dataset do.
    """
    from vcspec.rules.split import Table

    table = Table(split)
    trained: dict[str, set[str]] = {}
    for condition in table.having("train"):
        trained.setdefault(condition.perturbation, set()).add(condition.context_key)
    known = {condition.key: condition for condition in table.tested}
    numbers = [len(trained.get(known[key].perturbation, ())) for key in keys]
    strata = {"training-contexts": [str(number) if number < 2 else "2+" for number in numbers]}
    if "study" in split.condition_columns:
        strata["study"] = [known[key].get("study") for key in keys]
    return strata


def assembled(
    document: Mapping[str, Any],
    keys: Sequence[str],
    contexts: Sequence[str],
    scores: Mapping[str, Scores],
) -> Scorecard:
    """The scorecard of a document that lacks what follows from the values.

    Args:
        document: with its missing conditions, and without coverage, bootstrap, tables, tool and
            signature.
        keys: of the test conditions.
        contexts: (conditions,) of each.
        scores: of the prediction.
    """
    metrics = tuple(scores)
    values = np.array([scores[name].values for name in metrics])
    reasons = tuple(scores[name].reasons for name in metrics)
    lost = len(document["missing"]) / len(keys)
    whole = {
        **document,
        "conditions": len(keys),
        "coverage": round(1 - lost, DECIMALS),
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED},
        "table": table_digest(metrics, keys, values, reasons),
        "by_condition": by_condition(keys, contexts, metrics, values, reasons),
        "tool": _tool(),
    }
    whole["signature"] = _signature(whole)
    return Scorecard(whole, metrics, tuple(keys), tuple(contexts), values, reasons)


def _tool() -> dict[str, str]:
    libraries = {name: version(name) for name in LIBRARIES}
    return {"vcspec": __version__, "python": platform.python_version(), **libraries}


def _signature(document: Mapping[str, Any]) -> str:
    values = document["values"]
    parts = {
        "task": document["task"],
        "suite": "+".join(document.get("suites", [document["suite"]])),
        **_answered(document["inputs"]),
        "space": _space(values),
        "level": document["level"],
        "controls": "truth",
        "n": document["conditions"],
        "boot": f"{RESAMPLES}/seed{SEED}",
        "tool": document["tool"]["vcspec"],
    }
    simulated = " simulated" if document["simulated"] else ""
    return f"vcspec/{document['spec']}{simulated} " + " ".join(f"{k}:{v}" for k, v in parts.items())


def _answered(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Split, reference and predictions in a few letters."""
    folds = inputs.get("folds", [inputs])
    short = {
        name: _short([pin if isinstance(pin, str) else pin["content"] for pin in pins])
        for name in ("split", "reference", "predictions")
        if None not in (pins := [fold[name] for fold in folds])
    }
    return {
        "split": f"{asked_of(inputs)}#{short['split']}",
        "reference": f"#{short['reference']}" if "reference" in short else "none",
        "pred": f"#{short['predictions']}",
    }


def _short(contents: Sequence[str]) -> str:
    """Eight digits of a digest; of several, of the digest of their canonical JSON."""
    if len(contents) == 1:
        return contents[0].rpartition(":")[2][:8]
    return hashlib.sha256(rfc8785.dumps(list(contents))).hexdigest()[:8]


def _space(values: Mapping[str, Any]) -> str:
    """The value space in a few letters."""
    if values["space"] != "log1p":
        return str(values["space"])
    return f"log1p({values['target_sum']},{values['total']})"
