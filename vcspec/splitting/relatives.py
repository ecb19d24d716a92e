"""Relatives of perturbations, out of a table: what a split should not part."""

from collections.abc import Mapping, Sequence

from vcspec.model.errors import UsageError
from vcspec.splitting.chemistry import series_of
from vcspec.splitting.groups import groups_of
from vcspec.splitting.strategies import Choice, Setting

GROUPS = ("group", "family", "complex", "pathway")
STRUCTURES = ("smiles", "inchikey")


def relatives_in(
    table: Mapping[str, Sequence[str]], members: Sequence[str]
) -> dict[str, Mapping[str, str]]:
    """What perturbations are related by → perturbation → group.

    Args:
        table: with `perturbation`, and groups or structures.
        members: of all conditions.

    Raises:
        UsageError: the table has no such column, or names no perturbation of the dataset.
    """
    setting = Setting((), "", Choice(), table)
    found: dict[str, Mapping[str, str]] = {}
    if any(name in table for name in GROUPS):
        found["group"] = groups_of(setting, members)
    if any(name in table for name in STRUCTURES):
        found["chemical series"] = series_of(setting, members)
    if not found:
        message = f"the table has none of the columns {', '.join(GROUPS + STRUCTURES)}; add one"
        raise UsageError(message)
    return found
