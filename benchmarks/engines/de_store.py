"""Rank-sum tests from a store, the matrix never whole in memory.

    python de_store.py ENGINE STORE TINY_STORE

The tiny store warms up; the cost of the call is told apart from that of the whole process.
"""

import sys

from inside import tell, timed


def by_vcspec(store):
    import vcspec_calls

    vcspec_calls.one_pass(store)


def by_illico(store):
    import anndata
    import zarr
    from illico import asymptotic_wilcoxon

    group = zarr.open_group(store, mode="r")
    tables = {name: anndata.io.read_elem(group[name]) for name in ("obs", "var")}
    cells = anndata.AnnData(**tables)
    cells.X = anndata.io.sparse_dataset(group["X"])
    asymptotic_wilcoxon(cells, is_log1p=True, group_keys="perturbation", reference="control")


def main():
    engine, store, tiny = sys.argv[1:]
    call = {"vcspec": by_vcspec, "illico": by_illico}[engine]
    call(tiny)
    _, cost = timed(lambda: call(store))
    tell(**cost, nanoseconds_a_value=cost["call_cpu"] / stored(store) * 1e9)


def stored(store):
    """Number of stored values."""
    import zarr

    return zarr.open_group(store, mode="r")["X/data"].shape[0]


if __name__ == "__main__":
    main()
