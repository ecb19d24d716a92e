"""Pickles of dictionaries of names, read without running anything that they ask for."""

import io
import pickle
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vcspec.model.errors import Refused

PLAIN = re.compile(r"[US][0-9]{1,6}|[iuf][1248]|b1")
"""Codes of data types whose values are read from bytes."""


class _Kind:
    """A data type of numpy, by its code and byte order; no object of numpy is made for it."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code = code
        self.order = "="

    def __setstate__(self, state: Sequence[Any]) -> None:
        self.order = state[1]

    def read(self, data: Any) -> list[Any]:
        """Values of an array: those of a list, or those that bytes encode."""
        if isinstance(data, list) and self.code in {"O", "O8"}:
            return data
        if not PLAIN.fullmatch(self.code) or self.order not in {"<", ">", "|", "="}:
            message = f"arrays of {self.code!r} are not read"
            raise ValueError(message)
        # numpy makes text of any numbers, which nothing can be done with then.
        is_text = self.code.startswith("U")
        if is_text and (np.frombuffer(data, dtype=f"{self.order}u4") > sys.maxunicode).any():
            message = "an array of text holds numbers that are no letters"
            raise ValueError(message)
        values = np.frombuffer(data, dtype=f"{self.order}{self.code}").tolist()
        return [one.decode() if isinstance(one, bytes) else one for one in values]


class _Array(list[Any]):
    """A one-dimensional array of numpy, as a list."""

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Kind, bool, Any]) -> None:
        _, shape, kind, _, data = state
        self.extend(_of_shape(kind.read(data), shape))


def _of_shape(values: list[Any], shape: tuple[int, ...]) -> list[Any]:
    if shape != (len(values),):
        message = f"an array of shape {shape} holds {len(values)} values; one axis is expected"
        raise ValueError(message)
    return values


def _from_buffer(data: Any, kind: _Kind, shape: tuple[int, ...], _: str) -> list[Any]:
    return _of_shape(kind.read(data), shape)


def _scalar(kind: _Kind, data: Any) -> Any:
    (value,) = kind.read(data)
    return value


def _defaults(*_: Any) -> dict[Any, Any]:
    return {}


def _array(*_: Any) -> _Array:
    return _Array()


def _of_numpy(module: str, name: str) -> list[tuple[str, str]]:
    """Where numpy 1 and numpy 2 have it."""
    return [(f"numpy.core.{module}", name), (f"numpy._core.{module}", name)]


MEANT: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("builtins", "set"): set,
    ("builtins", "frozenset"): set,
    ("builtins", "list"): list,
    ("collections", "defaultdict"): _defaults,
    ("numpy", "dtype"): _Kind,
    ("numpy", "ndarray"): _Array,
    **dict.fromkeys(_of_numpy("multiarray", "_reconstruct"), _array),
    **dict.fromkeys(_of_numpy("multiarray", "scalar"), _scalar),
    **dict.fromkeys(_of_numpy("numeric", "_frombuffer"), _from_buffer),
}
"""What a pickle may ask for, and what it gets instead."""


class _Data(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in MEANT:
            return MEANT[module, name]
        message = (
            f"the pickle asks for {module}.{name}; only dictionaries, lists, sets, arrays of names "
            "and text are read, since a pickle can run anything. Save the dictionary as JSON"
        )
        raise Refused(message)

    def persistent_load(self, _: Any) -> Any:
        message = "the pickle refers to objects outside it; save the dictionary as JSON"
        raise Refused(message)


def unpickled(data: bytes) -> Any:
    """What a pickle holds; arrays as lists, numbers and text of numpy as those of Python.

    Raises:
        Refused: it asks for anything else than dictionaries, lists, sets, arrays and text.
        Exception: it is no pickle, or one that does not fit together.
    """
    return _Data(io.BytesIO(data)).load()
