"""A store in the making holds what zarr's own would hold."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.storage import LocalStore

from vcspec.storage.draft import DraftStore


def filled(store: LocalStore) -> dict[str, bytes]:
    """Name → bytes of each object, of a group with sharded and plain arrays that grow."""
    root = zarr.create_group(store, attributes={"a": 1})
    root.require_group("b/c").attrs.update({"d": 2})
    plain = root.create_array("plain", shape=(5,), chunks=(2,), dtype=np.int32)
    plain[:] = np.arange(5)
    plain[1:4] = 9
    sharded = root.create_array("sharded", shape=(8,), chunks=(2,), shards=(4,), dtype=np.float64)
    sharded[:3] = np.arange(3)
    sharded[3:] = 7
    sharded.resize((10,))
    sharded[8:] = 1
    return {
        path.relative_to(store.root).as_posix(): path.read_bytes()
        for path in sorted(store.root.rglob("*"))
        if path.is_file()
    }


def test_objects_are_those_of_zarrs_own_store(tmp_path: Path) -> None:
    mine, own = (filled(kind(tmp_path / kind.__name__)) for kind in (DraftStore, LocalStore))
    assert mine == own
    assert "sharded/c/2" in mine


def test_what_is_there_is_read_and_not_created_again(tmp_path: Path) -> None:
    root = zarr.create_group(DraftStore(tmp_path / "draft"))
    root.create_array("x", data=np.arange(3))
    again = zarr.open_group(DraftStore(tmp_path / "draft"), mode="r")
    assert again["x"][:].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="exists"):
        root.create_array("x", data=np.arange(3))
