"""import: a split that others have made, as roles of conditions that rules can check."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vcspec.actions.split import Plan, write_split
from vcspec.actions.validate import checked, validate
from vcspec.model.errors import Invalid, UsageError
from vcspec.rules.subject import Subject
from vcspec.splitting.imported import (
    Imported,
    Spelling,
    by_cells,
    by_conditions,
    by_labels,
    role_of,
)
from vcspec.standard import standard
from vcspec.storage.opening import open_store
from vcspec.storage.sealing import sealed_content
from vcspec.storage.split_files import SplitFile, read_split_file
from vcspec.storage.writing import restate

Path_ = str | os.PathLike[str]
STRATEGY = "imported"
PARAMETERS = ("minority", "subgroup")


@dataclass(frozen=True)
class ImportedSplit:
    """What was written.

    Attributes:
        content: content digest of the split.
        claim: that it states.
        notes: what of the file did not fit, a sentence each.
    """

    content: str
    claim: str
    notes: tuple[str, ...]


def import_split(
    dataset: Path_,
    target: Path_,
    source: Path_,
    plan: Plan,
    *,
    claim: str = "",
    overwrite: bool = False,
) -> ImportedSplit:
    """Write the split that the file `source` describes.

    Dictionaries of sides hold labels of perturbations (GEARS, scPerturBench), or names of cells;
    tables hold a cell and its side in each row (PerturBench, CSV), or a condition and its. What is
    given cell by cell gets one role for each condition; a condition with cells on several sides is
    excluded, unless all but a share `minority` of them are on one.

    Args:
        dataset: a sound dataset.
        target: of the split.
        source: JSON, pickle, CSV or TSV, gzipped or not.
        plan: id, version, title; its parameters `minority` (a share) and `subgroup` (of a split of
            GEARS, whose file of subgroups lies beside `source`).
        claim: of the standard; where none is given, the one that the roles support.
        overwrite: replace a store that is already there.

    Raises:
        UsageError: nothing fits, the plan has another parameter, or the roles support no claim, or
            several.
        Invalid: they do not support the claim given; the report says why.
        Unreadable: the file holds no split.
        Refused: a pickle that would run code.
    """
    known = standard().claims
    if claim and claim not in known:
        message = f"the standard has no claim {claim!r}; it has {', '.join(known)}"
        raise UsageError(message)
    options = _options(plan)
    subject = checked(os.fspath(dataset), "dataset")
    subgroup, columns = str(options.get("subgroup", "")), subject.document["condition"]
    found = read_split_file(Path(source), subgroup, columns)
    imported = _imported(subject, found, _minority(plan))
    _require_sides(imported, found)
    stated = {**options, "file": found.name, "sha256": found.sha256}
    if found.subgroups:
        stated |= dict(zip(("subgroup_file", "subgroup_sha256"), found.subgroups, strict=True))
    plan = replace(plan, strategy=STRATEGY, parameters=stated)
    with tempfile.TemporaryDirectory() as scratch:
        drafts = Path(scratch)
        chosen = claim or _supported(subject, drafts, plan, imported)
        draft = drafts / "split.zarr"
        write_split(subject, draft, plan, imported.assigned, claim=chosen, sound=False)
        report = validate(draft, level="axes")
        if report.exit_code:
            message = f"the roles in {found.name} do not support the claim {chosen}"
            raise Invalid(message, replace(report, target=os.fspath(target)))
    write_split(subject, Path(target), plan, imported.assigned, claim=chosen, overwrite=overwrite)
    return ImportedSplit(sealed_content(Path(target)), chosen, tuple(imported.notes))


def _options(plan: Plan) -> dict[str, str | Sequence[str]]:
    unknown = sorted(set(plan.parameters) - {*PARAMETERS})
    if unknown:
        known = ", ".join(PARAMETERS)
        message = f"an imported split has no parameter {unknown[0]!r}; it has {known}"
        raise UsageError(message)
    return dict(plan.parameters)


def _minority(plan: Plan) -> float:
    given = str(plan.parameters.get("minority", "0"))
    try:
        found = float(given)
    except ValueError:
        found = -1.0
    if not 0 <= found < 0.5:
        message = f"minority is {given!r}; give a share from 0 and below 0.5"
        raise UsageError(message)
    return found


def _imported(subject: Subject, found: SplitFile, minority: float) -> Imported:
    control = subject.document["control"]
    conditions = [subject.condition_at(run.start) for run in subject.runs]
    table = found.table
    left_out = _notes_of(found)
    if table.conditions:
        return _noting(by_conditions(conditions, control, table.conditions), left_out)
    spelled = Spelling({condition.perturbation for condition in conditions}, control)
    names = [name for group in found.groups.values() for name in group]
    if any(spelled(name) in spelled.known for name in names):
        labels = {role_of(side) or "": group for side, group in found.groups.items()}
        strange = [side for side in found.groups if side and role_of(side) is None]
        aside = found.groups.get("", ())
        made = by_labels(conditions, control, {r: n for r, n in labels.items() if r}, aside)
        return _noting(made, [f"not a side, and left out: {side}" for side in strange])
    rows = table.rows or [(name, side) for side, group in found.groups.items() for name in group]
    counted, notes = _counted(subject, dict(rows))
    notes += left_out
    if len(dict(rows)) < len(rows):
        again = len(rows) - len(dict(rows))
        notes.append(f"{again} cells are named more than once; the last time counts")
    sizes = {run.key: run.stop - run.start for run in subject.runs}
    return _noting(by_cells(conditions, control, counted, sizes, minority), notes)


def _notes_of(found: SplitFile) -> list[str]:
    """What of a table was not read."""
    notes = []
    if found.table.left_out:
        notes.append(f"columns of the file that are left out: {', '.join(found.table.left_out)}")
    if found.table.assumed:
        notes.append(f"the first line looks like a header, and is left out: {found.table.assumed}")
    return notes


def _noting(imported: Imported, notes: Sequence[str]) -> Imported:
    return Imported(imported.assigned, [*notes, *imported.notes])


def _counted(
    subject: Subject, sides: Mapping[str, str]
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Key of a condition → role → cells, and what did not fit."""
    counted: dict[str, dict[str, int]] = {}
    met = 0
    row = 0
    ends = iter((run.stop, run.key) for run in subject.runs)
    stop, key = next(ends)
    strange: set[str] = set()
    for piece in subject.pieces("obs", "_index"):
        for name in map(str, piece.values):
            while row >= stop:
                stop, key = next(ends)
            row += 1
            if name in sides:
                met += 1
                role = role_of(sides[name])
                if role is None:
                    strange.add(sides[name])
                else:
                    own = counted.setdefault(key, {})
                    own[role] = own.get(role, 0) + 1
    notes = [f"not a side, and left out: {word!r}" for word in sorted(strange)]
    if met < len(sides):
        notes.append(f"{len(sides) - met} cells of the file are not in the dataset")
    return counted, notes


def _require_sides(imported: Imported, found: SplitFile) -> None:
    roles = {one.role for one in imported.assigned}
    lacking = [role for role in ("train", "test") if role not in roles]
    if lacking:
        told = "; ".join(imported.notes) or "nothing in it was recognised"
        message = f"{found.name} gives no condition the role {lacking[0]}: {told}"
        raise UsageError(message)


def _supported(subject: Subject, drafts: Path, plan: Plan, imported: Imported) -> str:
    """The one claim that the roles support.

    Raises:
        UsageError: there is none, or there are several.
    """
    supported: list[str] = []
    place = drafts / "claimed.zarr"
    known = list(standard().claims)
    write_split(subject, place, plan, imported.assigned, claim=known[0], sound=False)
    document = Subject(open_store(str(place))).document
    for name in known:
        restate(place, {**document, "claim": name})
        if not validate(place, level="axes").exit_code:
            supported.append(name)
    if len(supported) == 1:
        return supported[0]
    what = (
        f"several claims: {', '.join(supported)}; choose"
        if supported
        else (
            "no claim of the standard: it mixes several questions. Import one at a time "
            "(`--set subgroup=NAME` for a split of GEARS, with its file of subgroups beside it), "
            "or see what breaks"
        )
    )
    message = f"the roles support {what} with --claim"
    raise UsageError(message)
