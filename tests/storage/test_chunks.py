"""The direct decoder against zarr, over drawn layouts; and what it says of damage."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ZstdCodec

from vcspec.model.store import Damaged
from vcspec.storage.chunks import RECENT_BYTES, Recent
from vcspec.storage.compressors import zstd_content_size
from vcspec.storage.objects import LocalObjects
from vcspec.storage.recipes import recipe_of
from vcspec.storage.zarr_store import ZarrStore

COMPRESSORS = {
    "none": (),
    "zstd": (ZstdCodec(level=1),),
    "zstd-checksum": (ZstdCodec(level=1, checksum=True),),
    "blosc-lz4": (BloscCodec(cname="lz4", shuffle="shuffle", typesize=4),),
    "blosc-zstd-bits": (BloscCodec(cname="zstd", shuffle="bitshuffle", typesize=4),),
    "gzip": (GzipCodec(level=1),),
}
TYPES = ["float32", "float64", "int32", "int64", "uint16", "uint32", "int8"]
LENGTH = 137
DRAWN = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Views(LocalObjects):
    """Whose bytes come as views of larger memory, as those of a server may."""

    def read_many(self, wanted, *, alone=False):
        return [memoryview(b"?" + body)[1:] for body in super().read_many(wanted, alone=alone)]


def values(data_type: str) -> np.ndarray:
    drawn = np.random.default_rng(7).integers(-90, 90, LENGTH)
    return (drawn * 0.5 if data_type.startswith("float") else np.abs(drawn)).astype(data_type)


def written(folder: Path, data_type: str, **layout) -> ZarrStore:
    root = zarr.create_group(zarr.storage.LocalStore(folder), zarr_format=layout["zarr_format"])
    options = {"chunks": (layout["chunk"],), "dtype": np.dtype(data_type), "fill_value": 0}
    if layout["zarr_format"] == 3:
        checks = (Crc32cCodec(),) if layout["checked"] else ()
        options["compressors"] = [*COMPRESSORS[layout["compressor"]], *checks]
        options["serializer"] = BytesCodec(endian="big" if layout["big"] else "little")
        if layout["shard"]:
            where = "start" if layout["index_first"] else "end"
            size = (layout["chunk"] * layout["shard"],)
            options["shards"] = {"shape": size, "index_location": where}
    else:
        options["dtype"] = np.dtype(data_type).newbyteorder(">" if layout["big"] else "<")
        options["compressors"] = None if layout["compressor"] == "none" else "auto"
    with zarr.config.set({"array.write_empty_chunks": True}):
        array = root.create_array("a", shape=(LENGTH,), **options)
        array[...] = values(data_type)
    return ZarrStore(str(folder))


@DRAWN
@given(
    data_type=st.sampled_from(TYPES),
    compressor=st.sampled_from(list(COMPRESSORS)),
    chunk=st.integers(1, 150),
    shard=st.integers(0, 4),
    checked=st.booleans(),
    big=st.booleans(),
    index_first=st.booleans(),
    zarr_format=st.sampled_from([2, 3]),
    where=st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)),
)
def test_every_layout_reads_as_zarr_reads_it(tmp_path_factory, data_type, where, **layout):
    store = written(tmp_path_factory.mktemp("layout") / "s", data_type, **layout)
    node = store.skeleton.nodes["/a"]
    assert recipe_of(node) is not None
    start, stop = sorted(where)
    found = store.span("/a", start, stop)
    assert found.dtype == np.dtype(data_type)
    np.testing.assert_array_equal(found, values(data_type)[start:stop])
    again = store.span("/a", start // 2, (start + LENGTH) // 2)
    np.testing.assert_array_equal(again, values(data_type)[start // 2 : (start + LENGTH) // 2])
    viewed = ZarrStore(store.target, Views(Path(store.target)))
    np.testing.assert_array_equal(viewed.span("/a", start, stop), found)
    assert {type(head) for head in viewed._reader._heads.values()} <= {bytes}  # hold no memory


def test_texts_are_read_from_views(screen):
    plain = ZarrStore(str(screen.dataset))
    viewed = ZarrStore(str(screen.dataset), Views(screen.dataset))
    texts = [node for node in plain.skeleton.nodes.values() if node.data_type == "string"]
    assert texts
    for node in texts:
        found = viewed.span(node.path, 0, node.shape[0])
        np.testing.assert_array_equal(found, plain.span(node.path, 0, node.shape[0]))


PLAIN = {
    "chunk": 20,
    "shard": 3,
    "compressor": "zstd",
    "checked": True,
    "big": False,
    "index_first": True,
    "zarr_format": 3,
}


def test_a_chunk_is_read_once_however_small_the_pieces_that_are_asked_for(tmp_path):
    store = written(tmp_path / "s", "float32", **{**PLAIN, "shard": 0})
    assert "/a" in store.skeleton.nodes
    before = store.requests
    pieces = [store.span("/a", at, at + 1) for at in range(LENGTH)]
    np.testing.assert_array_equal(np.concatenate(pieces), values("float32"))
    assert store.requests - before == -(-LENGTH // PLAIN["chunk"])


def test_what_boxes_that_overlap_share_is_read_once(tmp_path):
    store = written(tmp_path / "s", "float32", **{**PLAIN, "shard": 0})
    assert "/a" in store.skeleton.nodes
    before = store.requests
    for start, stop in ((0, 60), (40, 120), (100, 137)):
        part = store.span("/a", start, stop)
        np.testing.assert_array_equal(part, values("float32")[start:stop])
        part[:] = -1  # what is given is the reader's own
    assert store.requests - before == -(-LENGTH // PLAIN["chunk"])


HERE = object()  # who reads


def test_no_more_chunks_are_kept_than_their_bytes_allow():
    recent, size = Recent(), RECENT_BYTES // 4
    for at in range(5):
        recent.keep(HERE, ("/a", (at,)), np.full(size, at, dtype=np.int8))
    assert [at for at in range(5) if recent.get(HERE, ("/a", (at,))) is not None] == [1, 2, 3, 4]
    recent.get(HERE, ("/a", (1,)))
    recent.keep(HERE, ("/b", (0,)), np.zeros(size, dtype=np.int8))
    assert [at for at in range(5) if recent.get(HERE, ("/a", (at,))) is not None] == [1, 3, 4]
    recent.keep(HERE, ("/c", (0,)), np.zeros(RECENT_BYTES + 1, dtype=np.int8))
    assert recent.get(HERE, ("/c", (0,))) is None
    assert recent.get(HERE, ("/b", (0,))) is not None
    assert recent.get(object(), ("/b", (0,))) is None


def is_read_in_silence(target: str) -> bool:
    try:
        ZarrStore(target).array("/a")
    except Damaged:
        return False
    return True


@pytest.mark.parametrize("compressor", list(COMPRESSORS))
@pytest.mark.parametrize("checked", [True, False])
def test_a_flipped_bit_is_noticed_where_there_is_a_checksum(tmp_path, compressor, checked):
    store = written(
        tmp_path / "s", "float32", **{**PLAIN, "compressor": compressor, "checked": checked}
    )
    target = tmp_path / "s/a/c/1"
    sound = target.read_bytes()
    silent = 0
    for at in range(16 * 3 + 4, len(sound), 7):
        target.write_bytes(sound[:at] + bytes([sound[at] ^ 4]) + sound[at + 1 :])
        silent += is_read_in_silence(store.target)
    assert silent == 0 or not checked


@pytest.mark.parametrize("edit", ["absent", "shorter", "index", "beyond"])
def test_what_is_wrong_with_a_shard_is_said(tmp_path, edit):
    written(tmp_path / "s", "float32", **PLAIN)
    target = tmp_path / "s/a/c/1"
    data = bytearray(target.read_bytes())
    if edit == "absent":
        target.unlink()
    elif edit == "shorter":
        target.write_bytes(data[:-9])
    else:
        data[3 if edit == "beyond" else 9] ^= 255
        target.write_bytes(data)
    words = {"absent": "absent", "shorter": "beyond the shard"}.get(edit, "checksum")
    with pytest.raises(Damaged, match=words):
        ZarrStore(str(tmp_path / "s")).array("/a")


def test_a_chunk_that_decodes_to_fewer_bytes_is_damage_and_never_leftover_memory(tmp_path):
    for compressor in ("zstd", "blosc-lz4", "gzip", "none"):
        layout = {**PLAIN, "shard": 0, "checked": False, "compressor": compressor}
        written(tmp_path / compressor, "float32", **layout)
        small = written(tmp_path / f"{compressor}-small", "float32", **{**layout, "chunk": 10})
        stolen = Path(small.target) / "a/c/0"
        (tmp_path / compressor / "a/c/0").write_bytes(stolen.read_bytes())
        with pytest.raises(Damaged, match="40 bytes where 80"):
            ZarrStore(str(tmp_path / compressor)).array("/a")


def test_what_it_does_not_know_is_left_to_zarr(tmp_path):
    store = written(tmp_path / "s", "float32", **PLAIN)
    node = store.skeleton.nodes["/a"]
    assert recipe_of(replace(node, codecs=(*node.codecs, ("rot13", {})))) is None
    assert recipe_of(replace(node, data_type="string")) is None
    assert recipe_of(replace(node, shape=(4, 4))) is None
    assert recipe_of(replace(node, order="F")) is None
    assert recipe_of(replace(node, codecs=(("transpose", {"order": [0]}), *node.codecs))) is None


def test_a_frame_states_its_size():
    import numcodecs

    for size in (0, 1, 200, 300, 70_000):
        assert zstd_content_size(numcodecs.Zstd().encode(bytes(size))) == size
