"""predict: predictions of a split, written condition by condition; templates and baselines."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

import vcspec.baselines  # noqa: F401 - importing the room claims its baselines
from vcspec.actions.allowed import Allowed
from vcspec.actions.validate import checked, dataset_of
from vcspec.engine.settings import settings_in_force
from vcspec.model.condition import Condition
from vcspec.model.errors import UsageError
from vcspec.model.matrix import AnyArray, Rows, rows_of_dense
from vcspec.rules.documents import require_conforming
from vcspec.rules.split import Table
from vcspec.rules.subject import Subject
from vcspec.standard import CURRENT, standard
from vcspec.storage.artefacts import write_cells
from vcspec.storage.sealing import sealed_content
from vcspec.storage.writing import require_free
from vcspec.version import __version__

Path_ = str | os.PathLike[str]


class Split:
    """A split as a model builder uses it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.document: Mapping[str, Any] = subject.document
        self._table = Table(subject)

    @property
    def conditions(self) -> list[Condition]:
        """The test conditions, in the split's order."""
        return self._table.tested

    @property
    def features(self) -> list[str]:
        """Names of the features, in the order that predictions keep."""
        return [str(name) for name in self.subject.features]

    @property
    def cells_per_condition(self) -> int:
        """Cells that a prediction of level `cells` holds for each condition."""
        return int(self.document["cells_per_condition"])

    def having(self, *roles: str) -> list[Condition]:
        """Conditions with one of the roles, such as `train` or `inference-input`."""
        return self._table.having(*roles)

    def reasons(self, role: str) -> list[str]:
        """Why conditions have the role, in the split's order."""
        reasons = self.subject.column("obs", "reason").values
        pairs = zip(self._table.roles, reasons, strict=True)
        return [str(reason) for found, reason in pairs if found == role]

    def writer(  # noqa: PLR0913 - each says one thing about the model
        self,
        target: Path_,
        *,
        model: str = "unnamed",
        version: str = "0",
        level: str = "cells",
        values: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> "PredictionWriter":
        """A writer of predictions; use it in a `with` block.

        Args:
            target: path of the store; it appears when the block ends well.
            model: name of the model.
            version: of the model.
            level: `cells`, or `profiles` for one mean profile a condition.
            values: value space of the matrices; the split's by default.
            training: what the model has seen: `datasets`, `corpora`, `priors`.
            overwrite: replace a store that is already there.

        Raises:
            UsageError: there is no such level, something is at `target` already, or what is stated
                of the model does not fit the document of predictions.
        """
        if level not in standard().vocabularies["level"]:
            known = " or ".join(standard().vocabularies["level"])
            message = f"the level {level!r} does not exist; choose {known}"
            raise UsageError(message)
        require_free(Path(target), overwrite=overwrite)
        document: dict[str, Any] = {
            "kind": "predictions",
            "spec": CURRENT,
            "split": {
                "id": self.document["id"],
                "version": self.document["version"],
                "content": self.subject.claimed_content(),
            },
            "model": {"name": model, "version": version},
            "level": level,
            "values": dict(values or self.document["values"]),
            "condition": list(self.document["condition"]),
            "simulated": self.document["simulated"],
        }
        if training is not None:
            document["training"] = dict(training)
        require_conforming(document, CURRENT)
        return PredictionWriter(self, Path(target), document, overwrite=overwrite)

    def __repr__(self) -> str:
        tested, features = len(self.conditions), len(self.features)
        return f"Split({self.document['id']}, {tested} test conditions × {features} features)"


class PredictionWriter:
    """Takes one matrix a condition, in any order, and writes them in the split's order.

    `out[condition] = matrix` where the condition is a Condition or its key, and the matrix is
    (cells, features), or (features,) at level `profiles`; numpy or scipy sparse.
    """

    def __init__(
        self, split: Split, target: Path, document: Mapping[str, Any], *, overwrite: bool
    ) -> None:
        self._split, self._target, self._document, self._overwrite = (
            split,
            target,
            document,
            overwrite,
        )
        self._places = {condition.key: place for place, condition in enumerate(split.conditions)}
        self._sizes: dict[str, int] = {}
        self._types: dict[str, np.dtype[Any]] = {}

    @property
    def conditions(self) -> list[Condition]:
        """The conditions to predict."""
        return self._split.conditions

    def __enter__(self) -> "PredictionWriter":
        self._scratch = tempfile.TemporaryDirectory(prefix="vcspec-predictions-")
        return self

    def __setitem__(self, condition: Condition | str, matrix: Any) -> None:
        key = condition if isinstance(condition, str) else condition.key
        if key not in self._places:
            from difflib import get_close_matches

            near = get_close_matches(key, self._places, n=3) or list(self._places)[:3]
            message = (
                f"{key!r} is no test condition of {self._split.document['id']}; "
                f"near: {', '.join(near)}"
            )
            raise UsageError(message)
        rows = self._rows(key, matrix)
        self._sizes[key] = len(rows)
        self._types[key] = rows.data.dtype
        place = Path(self._scratch.name) / f"{self._places[key]}.npz"
        np.savez(place, indptr=rows.indptr, indices=rows.indices, data=rows.data)

    def _rows(self, key: str, matrix: Any) -> Rows:
        dense: AnyArray = np.atleast_2d(
            matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
        )
        wanted = 1 if self._document["level"] == "profiles" else self._split.cells_per_condition
        expected = (wanted, len(self._split.features))
        if dense.shape != expected:
            message = (
                f"{key}: a matrix of shape {dense.shape}; {expected} (rows, features) is expected"
            )
            raise UsageError(message)
        if dense.dtype.kind not in "biuf":
            message = f"{key}: a matrix of {dense.dtype}; real numbers are expected"
            raise UsageError(message)
        return rows_of_dense(dense)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._scratch.cleanup()

    def _finish(self) -> None:
        missing = [key for key in self._places if key not in self._sizes]
        if missing:
            message = (
                f"{len(missing)} of {len(self._places)} conditions were not given, first "
                f"{', '.join(missing[:3])}; nothing was written"
            )
            raise UsageError(message)
        conditions = [c for c in self._split.conditions for _ in range(self._sizes[c.key])]
        obs: dict[str, AnyArray] = {
            name: np.array([condition.get(name) for condition in conditions], dtype=object)
            for name in self._document["condition"]
        }
        obs["_index"] = np.array(
            [f"predicted-{row}" for row in range(len(conditions))], dtype=object
        )
        write_cells(
            self._target,
            self._document,
            self._blocks(),
            obs=obs,
            var={"_index": self._split.subject.features},
            data_type=self._data_type(),
            overwrite=self._overwrite,
        )

    def _blocks(self) -> Iterator[Rows]:
        first = 0
        for place in sorted(self._places.values()):
            with np.load(Path(self._scratch.name) / f"{place}.npz") as file:
                rows = Rows(
                    file["indptr"], file["indices"], file["data"], len(self._split.features), first
                )
            yield rows
            first += len(rows)

    def _data_type(self) -> Any:
        """float64 where any matrix is; else float32 or, where all hold whole counts, int32."""
        given = set(self._types.values())
        is_whole = all(found.kind in "biu" for found in given)
        if is_whole and self._document["values"]["space"] == "counts":
            return np.int32
        return np.float64 if np.dtype(np.float64) in given else np.float32


def open_split(target: Path_) -> Split:
    """The split at `target`.

    Raises:
        UsageError: it is not a sound split.
    """
    return Split(checked(os.fspath(target), "split"))


def baseline(
    name: str,
    split: Path_,
    dataset: Path_ | None,
    target: Path_,
    *,
    level: str = "cells",
    overwrite: bool = False,
) -> str:
    """Write the predictions of a baseline of the standard.

    Args:
        name: of the baseline.
        split: a sound split.
        dataset: the one that it pins; None where it lies beside the split, by its digest.
        target: where the predictions are written.
        level: `cells` or `profiles`.
        overwrite: replace a store that is already there.

    Returns:
        The content digest.

    Raises:
        UnknownName: the standard has no such baseline.
        UsageError: split or dataset are not there, or not sound.
        Mismatch: the dataset is not the one that the split pins.
    """
    opened = open_split(split)
    allowed = Allowed(opened.subject, dataset_of(opened.subject, dataset))
    profiles = allowed.baseline_profiles(name)
    lost = int(np.count_nonzero(~profiles.native))
    if lost:
        entry = standard().baselines[name]
        settings_in_force().say(
            f"{name} says nothing of its own for {lost} of {len(profiles.native)} conditions, and "
            f"there what {entry['falls_back']} says; it does where {entry['native']}"
        )
    make: Callable[[int, Condition], Any] = (
        (lambda _row, condition: allowed.baseline_cells(name, condition, profiles).dense())
        if level == "cells"
        else (lambda row, _condition: profiles.means[row])
    )
    training = {"datasets": [opened.document["datasets"][0]["id"]], "corpora": [], "priors": []}
    with opened.writer(
        target, model=name, version=__version__, level=level, training=training, overwrite=overwrite
    ) as out:
        rows = list(enumerate(out.conditions))
        for row, condition in settings_in_force().counted(rows, "conditions"):
            out[condition] = make(row, condition)
    return sealed_content(Path(target))


def template(split: Path_, target: Path_, *, level: str = "cells", overwrite: bool = False) -> str:
    """Write predictions of zero for every condition, for a model to fill in.

    Returns:
        The content digest.
    """
    opened = open_split(split)
    rows = 1 if level == "profiles" else opened.cells_per_condition
    with opened.writer(target, model="template", level=level, overwrite=overwrite) as out:
        for condition in out.conditions:
            out[condition] = np.zeros((rows, len(opened.features)), dtype=np.float32)
    return sealed_content(Path(target))
