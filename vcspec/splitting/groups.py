"""Groups that are held out together: what shares a label is one group."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vcspec.model.errors import UsageError
from vcspec.splitting.strategies import Setting


def joined(members: Sequence[str], labels: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Group of each member: those that are linked by shared labels, directly or by others.

    Args:
        members: sorted.
        labels: (member, label), in any number.

    Returns:
        member → name of its group: its labels joined by `, `, or the member where it has none.
    """
    places = {name: place for place, name in enumerate(members)}
    names = sorted({label for member, label in labels if member in places})
    ends = {label: len(members) + place for place, label in enumerate(names)}
    links = [(places[member], ends[label]) for member, label in labels if member in places]
    size = len(members) + len(names)
    rows, columns = np.array(links, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(links), dtype=np.int8), (rows, columns)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    titles: dict[int, list[str]] = {}
    for label in names:
        titles.setdefault(int(component[ends[label]]), []).append(label)
    return {
        name: ", ".join(titles.get(int(component[place]), [name])) for name, place in places.items()
    }


def groups_of(setting: Setting, members: Sequence[str]) -> Mapping[str, str]:
    """Groups by the table's columns `perturbation` and `group`; others are groups of their own.

    Raises:
        UsageError: there is no such table, or it names no perturbation of the dataset.
    """
    _, names = setting.column("perturbation")
    column, labels = setting.column("group", "family", "complex", "pathway", "homology")
    pairs = [(name, label) for name, label in zip(names, labels, strict=True) if label]
    require_matches(names, members, column)
    return joined(members, pairs)


def one_each(
    what: str, names: Iterable[str], values: Iterable[str], *, table: str = "the table"
) -> dict[str, str]:
    """Name → its value, of those that a table gives one; the same value may stand several times.

    Args:
        what: the values are, in the singular.
        names: (rows,) of the table.
        values: (rows,) empty where the row has none.
        table: what it is called.

    Raises:
        UsageError: a name has several values.
    """
    found: dict[str, str] = {}
    for name, value in zip(names, values, strict=True):
        if value and found.setdefault(name, value) != value:
            message = (
                f"{table} gives {name!r} the {what} {found[name]!r} and {value!r}; give it one"
            )
            raise UsageError(message)
    return found


def require_matches(names: Sequence[str], members: Sequence[str], what: str) -> None:
    """Some row of a table is about a perturbation of the dataset, and none nearly.

    Raises:
        UsageError: none is, or one writes the name of a perturbation in another case.
    """
    folded = {name.casefold(): name for name in members}
    for name in sorted(set(names) - set(members)):
        if name.casefold() in folded:
            message = (
                f"the table gives {what} for {name!r}, which the dataset writes "
                f"{folded[name.casefold()]!r}; write it the same"
            )
            raise UsageError(message)
    if not set(names) & set(members):
        message = (
            f"the table gives no {what} for any perturbation of the dataset: it has "
            f"{', '.join(sorted(set(names))[:4])}; the dataset has {', '.join(members[:4])}"
        )
        raise UsageError(message)
