"""HDF5 files as a tree of arrays: no link is followed, and sizes are bounded before reading."""

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from vcspec.model.errors import Refused
from vcspec.model.matrix import AnyArray
from vcspec.model.store import Damaged
from vcspec.standard import standard


class Hdf5Tree:
    """Groups and arrays of an open HDF5 file; fields of a compound dataset are arrays too."""

    def __init__(self, target: str, file: Any) -> None:
        self.target = target
        self._file = file

    def children(self, path: str) -> tuple[str, ...]:
        """Names below the group, or the fields of the compound dataset, at `path`."""
        found, _ = self._find(path)
        if isinstance(found, h5py.Group):
            return tuple(found)
        return tuple(found.dtype.names or ()) if found is not None else ()

    def attribute(self, path: str, name: str) -> Any:
        """An attribute of the node at `path`; None where there is none.

        Raises:
            Damaged: it cannot be decoded.
        """
        found, _ = self._find(path)
        try:
            value = found.attrs.get(name) if found is not None else None
            return value.decode("utf-8") if isinstance(value, bytes) else value
        except (OSError, TypeError, ValueError) as error:
            place, reason = f"{self.target}/{path}", f"the attribute {name}: {error}"
            raise Damaged(place, reason) from error

    def shape(self, path: str) -> tuple[int, ...]:
        """Shape of the array at `path`; () where there is no array."""
        found, _ = self._find(path)
        return tuple(found.shape or ()) if isinstance(found, h5py.Dataset) else ()

    def data_type(self, path: str) -> np.dtype[Any]:
        """Data type of the array at `path`."""
        found, field = self._find(path)
        return found.dtype[field] if field else found.dtype

    def part(self, path: str, start: int, stop: int) -> AnyArray:
        """Elements `start` to `stop` along the first axis; text as str objects.

        Raises:
            Refused: the values lie outside the file, or are neither numbers nor text.
            Damaged: they cannot be decoded.
        """
        found, field = self._find(path)
        self._require_sound(path, found)
        values = found.fields(field) if field else found
        try:
            if h5py.check_string_dtype(self.data_type(path)) is not None:
                return _text(values[start:stop])
            return np.asarray(values[start:stop])
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = f"cannot be decoded ({type(error).__name__}: {str(error)[:160]})"
            place = f"{self.target}/{path}"
            raise Damaged(place, reason) from error

    def _find(self, path: str) -> tuple[Any, str]:
        """The object at `path`, None for none; beside it the field, inside a compound dataset."""
        found: Any = self._file
        steps = path.split("/") if path else []
        for number, step in enumerate(steps, start=1):
            if isinstance(found, h5py.Dataset):
                is_field = number == len(steps) and step in (found.dtype.names or ())
                return (found, step) if is_field else (None, "")
            found = self._step(found, step, path)
            if found is None:
                return None, ""
        return found, ""

    def _step(self, group: Any, name: str, path: str) -> Any:
        # `name in group` would follow an external link into another file; its link is asked.
        links = group.id.links if isinstance(group, h5py.Group) else None
        if links is None or not links.exists(name.encode()):
            return None
        if links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            message = (
                f"{self.target}/{path} is a link; vcspec follows none: copy the data into the file"
            )
            raise Refused(message)
        return group[name]

    def _require_sound(self, path: str, found: Any) -> None:
        problem = _problem(found, standard().limits)
        if problem:
            message = f"{self.target}/{path} {problem}; vcspec does not read it"
            raise Refused(message)


def _problem(found: Any, limits: Mapping[str, Any]) -> str:
    """Why a dataset is not safe to read; empty where it is."""
    if found.external or found.is_virtual:
        return "keeps its values in other files"
    if found.dtype.kind == "O" and h5py.check_string_dtype(found.dtype) is None:
        return f"holds {found.dtype}, neither numbers nor text"
    width = found.dtype.itemsize
    if found.chunks and int(np.prod(found.chunks, dtype=object)) * width > limits["chunk_bytes"]:
        return f"has chunks of {found.chunks}, above the limit of {limits['chunk_bytes']} bytes"
    decoded, stored = found.size * width, found.id.get_storage_size()
    if decoded > max(limits["expansion_floor"], limits["expansion"] * stored):
        return f"says that {stored} stored bytes decode to {decoded}"
    return ""


def _text(values: AnyArray) -> AnyArray:
    """Bytes as str; what is str already stays."""
    found = values.reshape(-1)
    decoded = [v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in found]
    return np.array(decoded, dtype=object).reshape(values.shape)
