"""Distances of every predicted profile to every true one.

python distances.py ENGINE KIND PROFILES GENES
"""

import sys

import numpy as np
from inside import tell, timed

SCIPY_NAMES = {"l1": "cityblock", "l2": "sqeuclidean", "cosine": "cosine"}


def by_vcspec(left, right, kind):
    import vcspec_calls

    return vcspec_calls.distances(left, right, kind)


def by_scipy(left, right, kind):
    from scipy.spatial.distance import cdist

    return cdist(left, right, SCIPY_NAMES[kind])


def main():
    engine, kind, profiles, genes = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
    call = {"vcspec": by_vcspec, "scipy": by_scipy}[engine]
    draw = np.random.default_rng(1)
    left, right = (draw.normal(0.0, 0.3, (profiles, genes)) for _ in range(2))
    call(left[:20], right[:20], kind)
    outcome, cost = timed(lambda: call(left, right, kind))
    checked = by_scipy(left[:20], right[:20], kind)
    tell(**cost, off=np.abs(outcome[:20, :20] - checked).max() / checked.max())


if __name__ == "__main__":
    main()
