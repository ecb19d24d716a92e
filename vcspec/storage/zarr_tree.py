"""Zarr stores of other writers as a tree of arrays."""

from typing import Any

import numpy as np

from vcspec.model.matrix import AnyArray
from vcspec.model.store import Damaged, Node
from vcspec.storage.chunks import Absent
from vcspec.storage.zarr_store import ZarrStore


class ZarrTree(ZarrStore):
    """Groups and arrays of a Zarr store whose writer may have left out chunks of its fill value.

    AnnData's ordinary stores lack them; `absent` names the arrays that were read so.
    """

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.absent: set[str] = set()

    def _part(self, path: str, where: tuple[slice, ...], *, borrow: bool = False) -> AnyArray:
        try:
            return super()._part(path, where, borrow=borrow)
        except Absent as error:
            self.absent.add(error.path)
            return self._part_by_zarr(path, where)

    def _require_objects(self, node: Node, where: tuple[slice, ...]) -> None:
        try:
            super()._require_objects(node, where)
        except Damaged as error:
            self.absent.add(error.path)

    def children(self, path: str) -> tuple[str, ...]:
        """Names below the group at `path`."""
        start = f"/{path}/"
        inside = (name[len(start) :] for name in self.skeleton.nodes if name.startswith(start))
        return tuple(name for name in inside if "/" not in name)

    def attribute(self, path: str, name: str) -> Any:
        """An attribute of the node at `path`; None where there is none."""
        node = self.skeleton.nodes.get(f"/{path}")
        return node.attributes.get(name) if node is not None else None

    def shape(self, path: str) -> tuple[int, ...]:
        """Shape of the array at `path`; () where there is no array."""
        node = self.skeleton.nodes.get(f"/{path}")
        return node.shape if node is not None else ()

    def data_type(self, path: str) -> np.dtype[Any]:
        """Data type of the array at `path`."""
        declared = self._node(f"/{path}").data_type
        return np.dtype(object if declared == "string" else declared)

    def part(self, path: str, start: int, stop: int) -> AnyArray:
        """Elements `start` to `stop` along the first axis."""
        rest = tuple(slice(0, n) for n in self.shape(path)[1:])
        return self._part(f"/{path}", (slice(start, stop), *rest))
