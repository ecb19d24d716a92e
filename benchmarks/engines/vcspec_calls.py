"""The calls into vcspec that are measured inside a process.

No other file of the benchmarks names its functions, `data.py` aside.
"""

from itertools import pairwise

import numpy as np

TARGET_SUM = 10_000


def rank_sum(matrix, groups, control):
    """Each group's rank-sum test against the control.

    Args:
        matrix: (cells, genes) SciPy CSR, float32.
        groups: (cells,) number of each cell's group.
        control: the number of the control.

    Returns:
        u and p, (groups without the control in the order of their numbers, genes).
    """
    from vcspec.model.matrix import Rows
    from vcspec.statistics.ranksum import SortedControl

    rows = Rows(matrix.indptr.astype(np.int64), matrix.indices, matrix.data, matrix.shape[1])
    ready = SortedControl.of(chosen(rows, np.flatnonzero(groups == control)))
    order = np.argsort(groups, kind="stable")
    order = order[groups[order] != control]
    sizes = np.unique_counts(groups[order]).counts
    borders = np.concatenate([[0], np.cumsum(sizes)])
    test = ready.compare_all(chosen(rows, order), borders)
    return test.u, test.p_value


def chosen(rows, numbers):
    """The rows with these numbers; not copied where they follow one another."""
    if len(numbers) and (np.diff(numbers) == 1).all():
        return rows.slice(int(numbers[0]), int(numbers[-1]) + 1)
    return rows.take(numbers)


def one_pass(store):
    """Rank-sum tests, moments and the checks of every value, from a store, as the command does."""
    from vcspec.engine.budget import share_reserve
    from vcspec.engine.controls import StoredControl, all_sorted
    from vcspec.engine.settings import Settings
    from vcspec.engine.sweep import Group, sweep
    from vcspec.engine.visit import Wants

    share_reserve()
    cells, runs, scale = opened(store)
    settings = Settings()
    known = all_sorted(
        [StoredControl(cells, (runs["control"],), scale, entries=settings.budget.entries())],
        settings,
    )
    groups = [Group(*run, -1 if label == "control" else 0) for label, run in runs.items()]
    sweep(cells, groups, known, Wants(notes=True, scale=scale), settings)


def moments(store):
    """Moments of each condition, from a store."""
    from vcspec.engine.settings import Settings
    from vcspec.engine.sweep import Group, sweep
    from vcspec.engine.visit import Wants

    cells, runs, scale = opened(store)
    sweep(cells, [Group(*run) for run in runs.values()], [], Wants(scale=scale), Settings())


def opened(store):
    """The store's cells; perturbation → first row and row after the last; how they are scaled."""
    from vcspec.engine.cells import Scale, StoredCells
    from vcspec.storage.zarr_store import ZarrStore

    found = ZarrStore(store)
    labels = found.column("/obs", "perturbation").values
    borders = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1), len(labels)]
    runs = {labels[start]: (int(start), int(stop)) for start, stop in pairwise(borders)}
    return StoredCells(found), runs, Scale("log1p", TARGET_SUM)


def distances(left, right, kind):
    """(rows of left, rows of right) distances; `l1`, `l2` (squared) or `cosine`."""
    from vcspec.metrics import retrieval
    from vcspec.statistics import distances as measures

    if kind == "cosine":
        return retrieval._cosine_gap(left, right)
    return measures.pairwise(left, right, squared=kind == "l2")


def energy(groups):
    """(groups, groups) energy distances between groups of cells, each (cells, dimensions)."""
    from vcspec.statistics.distances import energy_distances

    return energy_distances(groups)


def publish(store, place):
    """The store as a release at the place; URL of its objects."""
    from vcspec.actions.publish import publish as published

    texts = {"card": lambda artefact, _: str(artefact.path), "report": repr}
    done = published(store, place, contact="Ada Lovelace <ada@example.org>", texts=texts)
    return done.url


def fetch(place):
    """The one release of the place, in the cache."""
    from vcspec.actions.fetch import fetch as fetched
    from vcspec.actions.registry import read_registry

    (entry,) = read_registry(place)
    return fetched(entry["release"]["id"], registry=[place])


def verify(url):
    """Every byte of a store against the digest of its name."""
    from vcspec.actions.verify_part import mode_of, stated_storage, verify_part

    report = verify_part(url, mode_of("full"), storage=stated_storage(url))
    assert report.verdict == "valid", report.findings


def validated(place, level):
    """The rules of a level on a store."""
    from vcspec.actions.validate import validate

    report = validate(place, level=level)
    assert report.verdict == "valid", report.findings
