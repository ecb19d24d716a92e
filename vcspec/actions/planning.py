"""Planning a conversion: which rows, columns and features are written, in which order, as what."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.actions.labelling import Labels
from vcspec.actions.reading import FEATURES, Reading
from vcspec.model.errors import Unreadable, UsageError
from vcspec.model.finding import SHOWN
from vcspec.model.labels import ordered
from vcspec.model.matrix import AnyArray
from vcspec.standard import standard
from vcspec.storage.anndata_source import Matrix

INDEX = "_index"
WIDER = {
    "float16": "float32",
    "bool": "int32",
    "int8": "int32",
    "int16": "int32",
    "uint8": "uint16",
    "uint64": "int64",
}


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be written.

    Attributes:
        matrix: where the values are.
        order: (rows,) number of each row in the source.
        columns: column → (rows,) values, in the new order; `_index` names the rows.
        features: (features,) names, in the new order.
        place: (features,) new number of each feature of the source; None where all stay.
        data_type: of the values written.
    """

    matrix: Matrix
    order: NDArray[np.int64]
    columns: Mapping[str, AnyArray]
    features: AnyArray
    place: NDArray[np.int64] | None
    data_type: str


def planned(
    labels: Labels, document: Mapping[str, Any], control: str, *, drop_controls: bool = False
) -> Plan:
    """Rows in canonical order, with the columns that the document needs."""
    matrix = labels.source.matrix(labels.reading.layer)
    features = _feature_names(labels, matrix)
    if matrix.shape != (len(labels.rows), len(features)):
        tables = f"tables of {len(labels.rows)} rows and {len(features)} features"
        message = f"{labels.source.target}: {matrix.path} is {matrix.shape}, beside {tables}"
        raise Unreadable(message)
    names = _columns_needed(document, labels.reading)
    columns = {name: labels.column(name, control) for name in names}
    kept = np.arange(matrix.shape[0])
    if drop_controls:
        kept = np.flatnonzero(columns["perturbation"] != control)
        labels.changes.append(
            f"{len(columns['perturbation']) - len(kept)} rows of controls dropped"
        )
    inside = {name: values[kept] for name, values in columns.items()}
    table = ordered(inside, document["condition"], control)
    labels.changes.extend(table.changes)
    order = kept[table.order]
    rows = {"_index": labels.rows[order], **table.columns}
    return Plan(matrix, order, rows, features, None, _data_type(matrix, labels))


def _feature_names(labels: Labels, matrix: Matrix) -> AnyArray:
    name, table = labels.reading.features, matrix.features
    if name in {"", INDEX}:
        return _cleaned(labels.source.index(table), labels)
    known = labels.source.columns(table)
    if name not in known:
        message = (
            f"{labels.source.target}: {table} has no column {name!r}; it has "
            f"{', '.join(known) or 'none'}. Say --map {FEATURES}=COLUMN, or "
            f"--map {FEATURES}={INDEX} for its row names"
        )
        raise UsageError(message)
    return _cleaned(labels.source.column(table, name).values.astype(str).astype(object), labels)


def _cleaned(names: AnyArray, labels: Labels) -> AnyArray:
    """Names of features without white space at their ends, which is said where there is any."""
    texts = [str(name).strip() for name in names]
    trimmed = [old for old, new in zip(names, texts, strict=True) if str(old) != new]
    if trimmed:
        listed = ", ".join(map(repr, trimmed[:SHOWN]))
        labels.changes.append(f"features: {len(trimmed)} names cleaned of white space: {listed}")
    return np.array(texts, dtype=object) if trimmed else names


def _data_type(matrix: Matrix, labels: Labels) -> str:
    """A data type of the layouts that holds every value of the matrix."""
    elements = standard().layouts["dataset"]["element"]
    allowed = next(entry["data_types"] for entry in elements if entry["path"] == "X")
    found = matrix.data_type.newbyteorder("=").name
    wanted = WIDER.get(found, found)
    if wanted not in allowed:
        message = (
            f"{labels.source.target}: {matrix.path} holds {found}; expected {', '.join(allowed)}"
        )
        raise Unreadable(message)
    if wanted != found:
        labels.changes.append(f"values widened from {found} to {wanted}")
    return wanted


def with_unique_rows(plan: Plan, labels: Labels) -> Plan:
    """Rows of predictions numbered where their names are not unique; the names carry no meaning."""
    names = plan.columns["_index"].astype(str)
    if len(np.unique(names)) == len(names):
        return plan
    labels.changes.append("row names were not unique; rows are numbered")
    numbers = np.array([str(number) for number in range(len(names))], dtype=object)
    return replace(plan, columns={**plan.columns, "_index": numbers})


def in_panel_order(plan: Plan, panel: AnyArray, labels: Labels) -> Plan:
    """Features in the split's order, where it is only the order that differs."""
    names, wanted = plan.features.tolist(), [str(name) for name in panel]
    if names == wanted or sorted(names) != sorted(wanted) or len(set(wanted)) < len(wanted):
        return plan
    number = {name: at for at, name in enumerate(wanted)}
    labels.changes.append("features reordered to the split's panel")
    place = np.array([number[name] for name in names], dtype=np.int64)
    return replace(plan, features=np.array(wanted, dtype=object), place=place)


def _columns_needed(document: Mapping[str, Any], reading: Reading) -> tuple[str, ...]:
    """Condition columns, the library size where values need it, and what the caller named."""
    layout = standard().layouts[document["kind"]]["column"]
    known = {entry["name"] for entry in layout if entry["table"] == "obs"} - {"_index"}
    known |= {*document.get("columns", {})}
    unknown = sorted(reading.named - known)
    if unknown:
        near = get_close_matches(unknown[0], known) or sorted(known)
        own = "; other columns are described in a card (--card), in its table `columns`"
        message = f"{unknown[0]!r} is no column of {document['kind']}; it has {', '.join(near)}" + (
            own if document["kind"] == "dataset" else ""
        )
        raise UsageError(message)
    values = document["values"]
    needs_size = values["space"] == "counts" and values["total"] == "library"
    extra = sorted(reading.named | ({"library_size"} if needs_size else set()))
    return tuple(dict.fromkeys([*document["condition"], *extra]))
