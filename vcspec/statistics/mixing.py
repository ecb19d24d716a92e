"""A fixed 64-bit hash: draws and fingerprints that no library's generator can change."""

import numpy as np
from numpy.typing import NDArray

STEP = np.uint64(0x9E3779B97F4A7C15)


def splitmix64(states: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """What SplitMix64 gives out next in each state.

    Source: Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195.
    """
    with np.errstate(over="ignore"):
        z = states + STEP
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
