"""Boxes of arrays of any rank, and of text, against zarr; and frames that promise too much."""

import struct
import subprocess
import sys
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import tiny
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec

from vcspec.model.store import Damaged
from vcspec.storage import decoding
from vcspec.storage.compressors import BadChunk, expand_into, expanded, zstd_bound
from vcspec.storage.recipes import recipe_of
from vcspec.storage.zarr_store import ZarrStore

V3 = {
    "none": (),
    "zstd": (ZstdCodec(level=1),),
    "blosc": (BloscCodec(cname="lz4", shuffle="shuffle", typesize=4), Crc32cCodec()),
    "gzip": (GzipCodec(level=1), Crc32cCodec()),
}
V2 = {
    "none": None,
    "zstd": numcodecs.Zstd(level=1),
    "blosc": numcodecs.Blosc(cname="zstd"),
    "gzip": numcodecs.GZip(level=1),
    "zlib": numcodecs.Zlib(level=1),
    "lz4": numcodecs.LZ4(),
}
DRAWN = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEXT = [
    ("", "a", "é" * 9, "𝔛", "longer, with spaces")[number % 5] * (number % 3)
    for number in range(40)
]


def drawn(shape: tuple[int, ...], data_type: str) -> np.ndarray:
    numbers = np.random.default_rng(3).integers(0, 90, shape)
    if data_type == "string":
        words = np.array(TEXT, dtype=object)
        return np.array(words[numbers % len(TEXT)], dtype=object)
    return numbers.astype(data_type)


def put(folder: Path, values: np.ndarray, data_type: str, **layout) -> ZarrStore:
    """One array at /a."""
    root = zarr.create_group(zarr.storage.LocalStore(folder), zarr_format=layout["zarr_format"])
    options = {"chunks": layout["chunks"], "dtype": str if data_type == "string" else data_type}
    if layout["zarr_format"] == 3:
        codecs = V3.get(layout["compressor"], V3["zstd"])
        if layout["shards"]:
            pairs = zip(layout["chunks"], layout["shards"], strict=True)
            options["shards"] = tuple(chunk * count for chunk, count in pairs)
        options["compressors"] = codecs
    else:
        options |= {"compressors": V2[layout["compressor"]], "order": layout.get("order", "C")}
    with zarr.config.set({"array.write_empty_chunks": True}):
        array = root.create_array("a", shape=values.shape, **options)
        array[...] = values
    return ZarrStore(str(folder))


@st.composite
def layouts(draw: st.DrawFn) -> dict:
    rank = draw(st.integers(0, 3))
    sizes = st.lists(st.integers(1, 7), min_size=rank, max_size=rank).map(tuple)
    shape = draw(sizes)
    ends = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    return {
        "shape": shape,
        "chunks": draw(sizes),
        "shards": draw(sizes) if rank and draw(st.booleans()) else (),
        "compressor": draw(st.sampled_from(list(V2))),
        "zarr_format": draw(st.sampled_from([2, 3])),
        "where": tuple(slice(*pair) for pair in ends),
    }


@DRAWN
@given(layout=layouts(), data_type=st.sampled_from(["float32", "int64", "bool", "uint8", "string"]))
def test_every_box_reads_as_zarr_reads_it(tmp_path_factory, layout, data_type):
    values = drawn(layout["shape"], data_type)
    store = put(tmp_path_factory.mktemp("box") / "s", values, data_type, **layout)
    node, where = store.skeleton.nodes["/a"], layout["where"]
    assert recipe_of(node) is not None
    (found,) = store._reader.read([(node, where)])
    known = np.asarray(zarr.open_array(Path(store.target) / "a", mode="r")[where])
    assert found.shape == known.shape
    assert found.dtype == (object if data_type == "string" else known.dtype)
    np.testing.assert_array_equal(found, known.astype(found.dtype))


LAID_OUT = {"chunks": (4, 4), "shards": (), "compressor": "zstd"}


def test_other_orders_are_read_by_zarr(tmp_path):
    values = drawn((7, 5), "float32")
    store = put(tmp_path / "f", values, "float32", zarr_format=2, order="F", **LAID_OUT)
    assert recipe_of(store.skeleton.nodes["/a"]) is None
    np.testing.assert_array_equal(store.array("/a"), values)
    root = zarr.create_group(zarr.storage.LocalStore(tmp_path / "t"))
    array = root.create_array(
        "a", shape=(7, 5), chunks=(4, 4), dtype="f4", filters=[TransposeCodec(order=(1, 0))]
    )
    array[...] = values
    store = ZarrStore(str(tmp_path / "t"))
    assert recipe_of(store.skeleton.nodes["/a"]) is None
    np.testing.assert_array_equal(store.array("/a"), values)


def test_many_turns_read_as_one(tmp_path, monkeypatch):
    values = drawn((40, 30), "int64")
    layout = {**LAID_OUT, "shards": (2, 2), "zarr_format": 3}
    store = put(tmp_path / "s", values, "int64", **layout)
    monkeypatch.setattr("vcspec.storage.chunks.TURN_BYTES", 100)
    np.testing.assert_array_equal(store.array("/a"), values)


def frame(blocks: int) -> bytes:
    """A Zstandard frame that states no size, of blocks of one repeated byte."""
    heads = [(131_072 << 3 | 1 << 1 | (number == blocks - 1)) for number in range(blocks)]
    body = b"".join(head.to_bytes(3, "little") + b"A" for head in heads)
    return b"\x28\xb5\x2f\xfd" + bytes([0, (17 - 10) << 3]) + body


def test_a_frame_without_a_size_is_bounded_by_its_blocks():
    assert zstd_bound(frame(3)) == 3 * 131_072
    assert bytes(expanded("zstd", frame(3), 400_000)) == b"A" * 3 * 131_072
    with pytest.raises(BadChunk, match="at most 400000"):
        expanded("zstd", frame(9_000), 400_000)
    for broken in (frame(3)[:-1], frame(3) + frame(3), frame(3)[:7]):
        with pytest.raises(BadChunk):
            expanded("zstd", broken, 10_000_000)


@pytest.mark.parametrize("name", ["blosc", "zstd", "gzip", "zlib", "lz4"])
def test_no_bomb_is_decoded(name):
    body = bytes(V2[name].encode(bytes(1_000_000)))
    assert len(expanded(name, body, 1_000_000)) == 1_000_000
    with pytest.raises(BadChunk):
        expanded(name, body, 999_999)
    for size in (999_999, 1_000_001, 0):
        with pytest.raises(BadChunk):
            expand_into(name, body, np.empty(size, dtype=np.uint8))
    for cut in (0, 3, 11, len(body) // 2):
        with pytest.raises(BadChunk):
            expand_into(name, body[:cut], np.empty(1_000_000, dtype=np.uint8))


def spelled(*words: bytes, count: int | None = None) -> bytes:
    """Strings as vlen-utf8 keeps them."""
    number = struct.pack("<I", len(words) if count is None else count)
    return number + b"".join(struct.pack("<I", len(word)) + word for word in words)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x04",
        spelled(b"a", b"b", b"c"),
        spelled(b"a", b"b", b"c", count=4),
        spelled(count=2**32 - 1),
        spelled(b"a", b"b", b"c", b"d")[:-1],
        spelled(b"a", b"b", b"\xff", b"d"),
        spelled(b"a", b"b", b"c", b"")[:-4] + struct.pack("<I", 2**31),
    ],
    ids=["nothing", "no count", "few", "short", "many", "cut", "not utf-8", "long"],
)
def test_text_that_is_not_what_it_states_is_damage(tmp_path, body):
    words = np.array(["a", "b", "c", "d"], dtype=object)
    layout = {"chunks": (4,), "shards": (), "compressor": "none", "zarr_format": 3}
    store = put(tmp_path / "s", words, "string", **layout)
    (tmp_path / "s/a/c/0").write_bytes(body)
    with pytest.raises(Damaged, match="cannot be decoded"):
        store.array("/a")


def test_text_that_expands_beyond_the_limit_is_damage(tmp_path, monkeypatch):
    layout = {"chunks": (1,), "shards": (), "compressor": "zstd", "zarr_format": 3}
    store = put(tmp_path / "s", np.array(["a" * 5_000], dtype=object), "string", **layout)
    assert store.array("/a").tolist() == ["a" * 5_000]
    small = type("Small", (), {"limits": {"chunk_bytes": 4_999}})
    monkeypatch.setattr(decoding, "standard", small)
    with pytest.raises(Damaged, match="at most 4999"):
        store.array("/a")


@pytest.mark.parametrize("command", ["validate --level full", "score"])
def test_an_ordinary_store_is_read_without_zarr(screen: tiny.Screen, command: str) -> None:
    program = (
        "import sys; from vcspec.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'zarr', 'anndata', 'fsspec'} & set(sys.modules)\n"
    )
    verb, *options = command.split()
    done = subprocess.run(
        [sys.executable, "-c", program, verb, str(screen.predictions), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
