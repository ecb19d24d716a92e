"""Distinct whole numbers."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Whole = TypeVar("Whole", bound=np.integer[Any])


def distinct(values: NDArray[Whole]) -> NDArray[Whole]:
    """The values, rising, each once; `np.unique` would first load numpy's masked arrays."""
    rising = np.sort(values)
    is_last = np.append(rising[:-1] != rising[1:], [True])[: len(rising)]
    return rising[is_last]
