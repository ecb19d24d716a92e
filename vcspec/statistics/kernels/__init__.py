"""Compiled kernels, as functions on numpy arrays; absent where no compiler was at hand.

Whoever has a kernel also has a numpy way to the same bits, and asks `compiled()` which to take.
"""

import ctypes
import threading
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
    answers = {
        ctypes.c_int64: (
            "vcs_count",
            "vcs_place",
            "vcs_sort_control",
            "vcs_rank_sums",
            "vcs_index_length",
            "vcs_sums",
            "vcs_canonical",
            "vcs_fingerprints",
        ),
        ctypes.c_double: ("vcs_sum_of_distances", "vcs_sum_of_exact_distances"),
        None: (
            "vcs_index",
            "vcs_scan",
            "vcs_filled",
            "vcs_compress",
            "vcs_pairwise",
            "vcs_two_sided",
        ),
    }
    for answer, names in answers.items():
        for name in names:
            getattr(library, name).restype = answer
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


_LOCAL = threading.local()


def scratch(name: str, length: int, data_type: Any) -> AnyArray:
    """(length,) memory of the thread's own, whose last contents are lost when it is asked again.

    Memory that is given back and taken anew is cleared by the system each time, which costs as much
    as a pass over it, and may lie beside what was given back. So a quarter more is reserved than is
    asked for: the next block may be larger.
    """
    held: dict[str, AnyArray] = _LOCAL.__dict__
    if name not in held or len(held[name]) < length or held[name].dtype != data_type:
        held.pop(name, None)  # before the larger one is taken
        held[name] = np.empty(length + length // 4, dtype=data_type)
    return held[name][:length]


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
