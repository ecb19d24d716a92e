"""Compiled kernels, as functions on numpy arrays; absent where no compiler was at hand.

Whoever has a kernel also has a numpy way to the same bits, and asks `compiled()` which to take.
"""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcspec.model.matrix import AnyArray

NAME = "_kernels"


@cache
def compiled() -> Any:
    """The library, or None where it was not built."""
    places = [Path(__file__).with_name(f"{NAME}{end}") for end in (".so", ".dylib", ".dll")]
    for place in places:
        if place.is_file():
            return _declared(ctypes.CDLL(str(place)))
    return None


def _declared(library: Any) -> Any:
    library.vcs_sum_of_roots.restype = ctypes.c_double
    for name in (
        "vcs_count",
        "vcs_place",
        "vcs_sort_control",
        "vcs_rank_sums",
        "vcs_sums",
        "vcs_canonical",
    ):
        getattr(library, name).restype = ctypes.c_int64
    return library


def call(name: str, *arguments: Any) -> Any:
    """Run a kernel; arrays go as addresses, whole numbers as 64 bits, truth values as int.

    Raises:
        ValueError: the kernel met a column number outside the matrix.
        MemoryError: it could not have its scratch memory.
    """
    found = getattr(compiled(), name)(*(_passed(argument) for argument in arguments))
    if found == -1:
        message = "a column number lies outside the matrix"
        raise ValueError(message)
    if found == -2:
        raise MemoryError
    return found


def _passed(argument: Any) -> Any:
    if isinstance(argument, np.ndarray):
        if not argument.flags.c_contiguous:
            message = "a kernel takes contiguous arrays alone"
            raise ValueError(message)
        return ctypes.c_void_p(argument.ctypes.data)
    return ctypes.c_int(argument) if isinstance(argument, bool) else ctypes.c_int64(argument)


def narrow(indices: AnyArray) -> NDArray[np.int32]:
    """Column numbers as int32; what does not fit becomes -1, which no matrix has."""
    if indices.dtype == np.int32:
        return np.ascontiguousarray(indices)
    if indices.dtype.itemsize >= 4:
        fits = (indices >= 0) & (indices <= np.iinfo(np.int32).max)
        if not fits.all():
            indices = np.where(fits, indices, -1)
    return np.ascontiguousarray(indices, dtype=np.int32)


def real(values: AnyArray) -> AnyArray:
    """Values as float32 where it holds them all, else as float64."""
    small = values.dtype in (np.float32, np.float16) or (
        values.dtype.kind in "iub" and values.dtype.itemsize <= 2
    )
    return np.ascontiguousarray(values, dtype=np.float32 if small else np.float64)
