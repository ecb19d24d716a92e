"""A second scorer, written from the prose and tables of the standard alone.

    python tests/conformance/naive_scorer.py          writes golden.toml

It imports nothing of the package that it checks. It reads the dataset, the split and the
predictions, never the reference, of which only the digest is taken. Nothing here is fast.
"""

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import naive_digests
import numpy as np
import scipy
import zarr
from anndata.io import read_elem
from naive_baselines import (
    BASELINES,
    GOLDEN_RATIO,
    WORD,
    Benchmark,
    Sides,
    baseline_sides,
    centre,
    halved,
    split_mix,
    too_few,
    truths,
)
from naive_metrics import (
    METRICS,
    SPEC,
    Outcome,
    Question,
    Side,
    mean_profile,
    outcome,
    side_of_cells,
)

KIT = SPEC / "conformance"
STORES = KIT / "stores"
GOLDEN = KIT / "golden.toml"
SUITE = tomllib.loads((SPEC / "suites" / "core-1.0.toml").read_text("utf-8"))["metrics"]
# Split → its dataset; predictions → their split.
SPLITS = {
    "split": "dataset",
    "split-combination": "dataset",
    "split-context": "dataset",
    "screen-split": "screen-dataset",
}
PREDICTIONS = {
    "predictions-cells": "split",
    "predictions-counts": "split",
    "predictions-profiles": "split",
    "screen-predictions": "screen-split",
}
RESAMPLES = 1000
CUTS = 5
Table = Mapping[str, Sequence[Outcome]]  # metric → outcome of each test condition


# ---- stores -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """One artefact, decoded: its document, its layout, its inherent elements by their path."""

    document: Mapping[str, Any]
    layout: Mapping[str, Any]
    elements: Mapping[str, Any]

    def column(self, name: str) -> list[str]:
        """A text column of obs."""
        return [str(value) for value in self.elements[f"obs/{name}"]]

    def rows(self) -> dict[str, list[int]]:
        """Key of a condition → its rows."""
        fields = [self.column(name) for name in self.document["condition"]]
        rows: dict[str, list[int]] = {}
        for row, values in enumerate(zip(*fields, strict=True)):
            rows.setdefault("|".join(values), []).append(row)
        return rows


@cache
def read(name: str) -> Store:
    """A store of the kit."""
    root = zarr.open_group(str(STORES / f"{name}.zarr"), mode="r")
    document = dict(root.attrs)["vcspec"]
    layout = tomllib.loads((SPEC / "layouts" / f"{document['kind']}.toml").read_text("utf-8"))
    elements = {}
    for element in layout["element"]:
        if element["inherent"] and element["path"] in root:
            elements[element["path"]] = read_elem(root[element["path"]])
    for table in ("obs", "var"):
        frame = read_elem(root[table])
        frame["_index"] = frame.index
        for column in layout["column"]:
            name = column["name"]
            if column["table"] == table and column["inherent"] and name in frame:
                text = column["type"] == "string"
                elements[f"{table}/{name}"] = frame[name].to_numpy(dtype=object if text else None)
    return Store(document, layout, elements)


def dense(matrix: Any) -> np.ndarray:
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix)


def normalised(store: Store, target_sum: float) -> np.ndarray:
    """(rows, features) log1p of the target sum, float32."""
    values, declared = dense(store.elements["X"]), store.document["values"]
    if declared["space"] == "log1p":
        return values.astype(np.float32)
    totals = [sum(float(count) for count in row) for row in values]
    if declared["total"] == "library":
        totals = [float(size) for size in store.elements["obs/library_size"]]
    result = np.zeros(values.shape, dtype=np.float32)
    for row, total in enumerate(totals):
        for column, count in enumerate(values[row]):
            result[row, column] = math.log1p(float(count) * target_sum / total) if total else 0.0
    return result


def benchmark(dataset: Store, split: Store) -> Benchmark:
    """The dataset as the split sees it."""
    target_sum = split.document["values"]["target_sum"]
    place = {str(name): column for column, name in enumerate(dataset.elements["var/_index"])}
    panel = [place[str(name)] for name in split.elements["var/_index"]]
    values, names = normalised(dataset, target_sum)[:, panel], dataset.column("_index")
    rows, keys = dataset.rows(), list(split.rows())
    return Benchmark(
        cells={key: values[rows[key]] for key in keys},
        names={key: [names[row] for row in rows[key]] for key in keys},
        context=dict(zip(keys, contexts_within_studies(split), strict=True)),
        perturbation=dict(zip(keys, split.column("perturbation"), strict=True)),
        role=dict(zip(keys, split.column("role"), strict=True)),
        control=split.document["control"],
        untargeted=[f for f, target in enumerate(split.elements["var/is_target"]) if not target],
        features=[str(name) for name in split.elements["var/_index"]],
        target_sum=target_sum,
        draws=split.document["cells_per_condition"],
    )


def contexts_within_studies(split: Store) -> list[str]:
    if "study" not in split.document["condition"]:
        return split.column("context")
    pairs = zip(split.column("study"), split.column("context"), strict=True)
    return [f"{study}|{context}" for study, context in pairs]


@cache
def kit(split: str) -> Benchmark:
    """A dataset of the kit as one of its splits sees it."""
    return benchmark(read(SPLITS[split]), read(split))


# ---- digests ------------------------------------------------------------------------------------


def element_digest(element: Any, *, matrix: bool) -> str:
    """Digest of one element."""
    values = dense(element)
    if matrix:
        return naive_digests.matrix({"rows": values.tolist(), "dtype": values.dtype.name})
    if values.dtype.kind not in "fiub":
        texts = [str(value) for value in values]
        return naive_digests.column({"values": texts, "dtype": "string"})
    vector = {"values": values.reshape(-1).tolist(), "shape": values.shape}
    return naive_digests.array({**vector, "dtype": values.dtype.name})


def content(store: Store) -> str:
    """Content digest of a store."""
    members = store.layout["inherent_document"]
    sparse = {part["path"] for part in store.layout["element"] if "csr_matrix" in part["encodings"]}
    return naive_digests.artefact(
        {
            "document": {name: store.document[name] for name in members if name in store.document},
            "elements": {
                path: element_digest(held, matrix=path in sparse)
                for path, held in store.elements.items()
            },
        }
    )


def definition(metric: str) -> str:
    """Digest of a metric's definition."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: plain(member) for name, member in value.items()}
        if isinstance(value, list):
            return [plain(member) for member in value]
        if isinstance(value, float) and math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return int(value) if isinstance(value, float) and value.is_integer() else value

    whole = {"metric": metric, "entry": plain(METRICS[metric])}
    return naive_digests.sha256(naive_digests.jcs(whole)).hex()


# ---- values by condition ------------------------------------------------------------------------


def predicted_sides(b: Benchmark, predictions: Store) -> Sides:
    """The predictions of a store, each against the measured control."""
    values, rows, sides = normalised(predictions, b.target_sum), predictions.rows(), {}
    for key in b.with_role("test"):
        controls = b.control_cells(key)
        if predictions.document["level"] == "cells":
            sides[key] = side_of_cells(values[rows[key]], controls)
        else:
            (row,) = rows[key]
            control = mean_profile(controls).astype(np.float32).astype(np.float64)
            sides[key] = Side(values[row].astype(np.float64), control)
    return sides


def outcomes(b: Benchmark, truth: Sides, prediction: Sides) -> Table:
    """Every metric for every test condition."""
    keys, table = b.with_role("test"), {metric: [] for metric in SUITE}
    for key in keys:
        others = [k for k in keys if k != key and b.context[k] == b.context[key]]
        rivals = [truth[other] for other in others]
        question = Question(truth[key], prediction[key], rivals, centre(b, key), b.untargeted)
        for metric in SUITE:
            table[metric].append(outcome(metric, question))
    return table


def interpolated(b: Benchmark, key: str, half: Side) -> Side:
    """The half where it is significant, the centre elsewhere; a profile."""
    middle = centre(b, key)
    other = half.control if middle is None else middle
    return Side((1 - half.fdr) * half.mean + half.fdr * other, half.control)


def over_cuts(values: Sequence[Outcome]) -> Outcome:
    """Mean over the cuts that define it, rounded; else why there is none."""
    kept = numbers(values)
    return round(mean(kept), 10) if kept else values[0]


@cache
def anchors(split: str) -> dict[str, Table]:
    """The replicate and every baseline that the split admits → values by condition."""
    b = kit(split)
    cuts = [outcomes(b, *halved(b, cut)) for cut in range(CUTS)]
    few = [too_few(b, key) for key in b.with_role("test")]
    replicate = {
        metric: [
            "too-few-cells" if gone else over_cuts([found[metric][at] for found in cuts])
            for at, gone in enumerate(few)
        ]
        for metric in cuts[0]
    }
    first, second = halved(b, 0)
    mixed = outcomes(b, first, {key: interpolated(b, key, second[key]) for key in second})
    tables = {
        "replicate": replicate,
        "interpolated-duplicate": {
            metric: ["too-few-cells" if gone else v for gone, v in zip(few, values, strict=True)]
            for metric, values in mixed.items()
        },
    }
    for name in BASELINES:
        sides = baseline_sides(b, name)
        if sides is not None:
            tables[name] = outcomes(b, truths(b), sides)
    return tables


# ---- aggregation --------------------------------------------------------------------------------


def numbers(values: Sequence[Outcome]) -> list[float]:
    return [value for value in values if not isinstance(value, str)]


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def value_of(values: Sequence[Outcome], missing: str = "") -> Outcome:
    """Mean over the conditions that define it; else why there is none."""
    kept = numbers(values)
    return round(mean(kept), 10) if kept else missing or min(str(reason) for reason in values)


@cache
def draws(n: int, seed: int = 0) -> list[list[int]]:
    """The things drawn out of n, resample by resample."""
    start = seed << 32
    shares = [
        [split_mix((start + b * n + i + 1) * GOLDEN_RATIO % WORD) >> 11 for i in range(n)]
        for b in range(RESAMPLES)
    ]
    return [[math.floor(share / 2**53 * n) for share in drawn] for drawn in shares]


@cache
def resampled(contexts: tuple[str, ...]) -> list[list[int]]:
    """The conditions drawn: of several contexts, conditions within contexts that are drawn."""
    names = list(dict.fromkeys(contexts))
    if len(names) == 1:
        return draws(len(contexts))
    rows = [[at for at, name in enumerate(contexts) if name == one] for one in names]
    inside = [draws(len(own), seed=1 + number) for number, own in enumerate(rows)]
    return [
        [rows[number][place] for number in drawn for place in inside[number][b]]
        for b, drawn in enumerate(draws(len(names)))
    ]


def percentile(values: Sequence[float], share: float) -> float:
    ordered, place = sorted(values), share * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def borders(values: Sequence[float]) -> list[float]:
    return [percentile(values, 0.025), percentile(values, 0.975)]


def interval(outcomes: Sequence[Outcome], contexts: Sequence[str]) -> list[float] | str:
    """95 % interval of the mean; else why there is none."""
    pairs = zip(outcomes, contexts, strict=True)
    kept = [(value, name) for value, name in pairs if not isinstance(value, str)]
    if len(kept) < 2:
        return "fewer-than-two-conditions"
    drawings = resampled(tuple(name for _, name in kept))
    return borders([mean([kept[place][0] for place in drawn]) for drawn in drawings])


def floor_of(tables: Mapping[str, Table], metric: str) -> tuple[str, float] | str:
    """Name and value of the best baseline; the first of those that tie."""
    best: tuple[str, float] | str = "floor-undefined"
    for name, table in tables.items():
        kept = numbers(table[metric])
        if name in {"replicate", "interpolated-duplicate"} or not kept:
            continue
        found = round(mean(kept), 10)
        if isinstance(best, str) or better(metric, found, best[1]):
            best = name, found
    return best


def better(metric: str, one: float, other: float) -> bool:
    return one > other if METRICS[metric]["direction"] == "higher" else one < other


def anchored(metric: str, rows: Sequence[Sequence[Outcome]]) -> Outcome:
    """(value - floor) / (replicate - floor) over the conditions with all three; else why not."""
    kept = [row for row in zip(*rows, strict=True) if len(numbers(row)) == len(row)]
    if not kept:
        return "replicate-undefined" if numbers(rows[0]) else "value-undefined"
    value, floor, replicate = (round(mean([row[part] for row in kept]), 10) for part in range(3))
    if not better(metric, replicate, floor):
        return "replicate-not-better-than-floor"
    return (value - floor) / (replicate - floor)


def anchored_interval(
    metric: str, rows: Sequence[Sequence[Outcome]], contexts: Sequence[str]
) -> list[float] | str:
    """Interval of the anchored value over the conditions that have value, floor and replicate."""
    whole = [len(numbers(row)) == len(row) for row in zip(*rows, strict=True)]
    kept = [row for row, one in zip(zip(*rows, strict=True), whole, strict=True) if one]
    names = tuple(name for name, one in zip(contexts, whole, strict=True) if one)
    if len(kept) < 2:
        return "fewer-than-two-conditions"
    quotients = []
    for drawn in resampled(names):
        value, floor, replicate = (
            mean([kept[place][part] for place in drawn]) for part in range(3)
        )
        if not better(metric, replicate, floor):
            return "replicate-not-better-than-floor"
        quotients.append((value - floor) / (replicate - floor))
    return borders(quotients)


def summary(b: Benchmark, tables: Mapping[str, Table], metric: str, table: Table) -> dict[str, Any]:
    """All that golden.toml says of one metric of one prediction."""
    values, contexts = table[metric], [b.context[key] for key in b.with_role("test")]
    value, floor = value_of(values), floor_of(tables, metric)
    replicate = value_of(tables["replicate"][metric], "replicate-undefined")
    quotient: Outcome = "floor-undefined"
    around: list[float] | str = "floor-undefined"
    if not isinstance(floor, str):
        rows = (values, tables[floor[0]][metric], tables["replicate"][metric])
        quotient = anchored(metric, rows)
        around = (
            quotient if isinstance(quotient, str) else anchored_interval(metric, rows, contexts)
        )
    return {
        "values": values,
        "value": value,
        "defined": len(numbers(values)),
        "undefined": dict(sorted(Counter(v for v in values if isinstance(v, str)).items())),
        "contexts": {
            name: value_of([v for v, c in zip(values, contexts, strict=True) if c == name])
            for name in dict.fromkeys(contexts)
        },
        "interval": interval(values, contexts),
        "floor": floor if isinstance(floor, str) else {"baseline": floor[0], "value": floor[1]},
        "replicate": replicate,
        "anchored": quotient,
        "anchored_interval": around,
    }


# ---- the file -----------------------------------------------------------------------------------

HEAD = """\
# Values of every metric for the predictions of this kit, by test condition and over all of them.
#
# Made by `python tests/conformance/naive_scorer.py`, a second scorer that imports nothing of
# vcspec; it reads dataset, split and predictions, never the reference. Do not edit: run it again.
# The versions under `made` are those it ran with; an implementation conforms where it comes within
# `tolerance`, absolute or relative. Numbers have 12 significant digits.
#
# Where there is no number there is the reason, a term of the vocabulary `undefined`.
# content       store → content digest
# definitions   metric → digest of its definition
# conditions    split → its test conditions; every list of values is in this order
# anchors       split → anchor → metric → values by condition
# scores        predictions → metric → values by condition; value: their mean; defined: how many
#               they are; contexts: the means by context; interval: [low, high], 95 %
"""


def scores(predictions: str, split: str) -> dict[str, Any]:
    """Metric → all that golden.toml says of it, for one store of predictions."""
    b = kit(split)
    table = outcomes(b, truths(b), predicted_sides(b, read(predictions)))
    return {metric: summary(b, anchors(split), metric, table) for metric in SUITE}


def golden() -> dict[str, Any]:
    """Everything that golden.toml holds."""
    stores = sorted(path.stem for path in STORES.glob("*.zarr"))
    return {
        "made": {"by": "naive_scorer.py", "numpy": np.__version__, "scipy": scipy.__version__},
        "tolerance": {"absolute": 1e-9, "relative": 1e-9},
        "content": {name: content(read(name)) for name in stores},
        "definitions": {metric: definition(metric) for metric in SUITE},
        "conditions": {split: kit(split).with_role("test") for split in SPLITS},
        "anchors": {split: anchors(split) for split in SPLITS},
        "scores": {name: scores(name, split) for name, split in PREDICTIONS.items()},
    }


def spelled(value: Any) -> str:
    """A value as TOML, numbers to 12 significant digits."""
    if isinstance(value, Mapping):
        members = [f'"{name}" = {spelled(member)}' for name, member in value.items()]
        return "{ " + ", ".join(members) + " }" if members else "{}"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(spelled(member) for member in value) + "]"
    return str(value) if isinstance(value, int) else repr(float(f"{value:.12g}"))


def written(table: Mapping[str, Any], name: str, depth: int) -> str:
    """A table as TOML, with tables of its own down to `depth`."""
    if depth:
        inner = [written(part, f"{name}.{key}", depth - 1) for key, part in table.items()]
        return "".join(inner)
    return f"\n[{name}]\n" + "".join(f"{k} = {spelled(v)}\n" for k, v in table.items())


def main() -> None:
    """Write golden.toml."""
    depths = {"anchors": 2, "scores": 2}
    parts = [written(part, name, depths.get(name, 0)) for name, part in golden().items()]
    GOLDEN.write_text(HEAD + "".join(parts), "utf-8")


if __name__ == "__main__":
    main()
