"""Objects of a far store: asked for once, kept within a bound, hashed as they come."""

import hashlib
import shutil
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
import pytest
import zarr
from support import tiny
from support.s3 import S3, Request, read_twice, round_trips
from zarr.codecs import ShardingCodec, ShardingCodecIndexLocation

from vcspec.actions.score import score
from vcspec.actions.validate import validate
from vcspec.engine.budget import Budget
from vcspec.engine.settings import Settings
from vcspec.model.errors import Unreadable
from vcspec.model.store import StoredObject
from vcspec.rules import foresight
from vcspec.rules.subject import Subject
from vcspec.storage import kept, object_store, writing
from vcspec.storage.chunks import ChunkReader
from vcspec.storage.kept import KeptObjects
from vcspec.storage.object_store import ObjectStore
from vcspec.storage.objects import RemoteObjects, Unreached, Wanted
from vcspec.storage.opening import open_store

BODIES = {f"o{number}": bytes([number]) * (10 + number) for number in range(9)}
WHOLE = (None, None)


class Far(RemoteObjects):
    """Objects in memory that note what they are asked for."""

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        super().__init__(None, "far")
        self.bodies = dict(bodies)
        self.asked: list[tuple[object, ...]] = []
        self.wait = threading.Event()
        self.wait.set()

    def listing(self) -> Mapping[str, StoredObject]:
        return {name: StoredObject(len(body)) for name, body in self.bodies.items()}

    def read_many(self, wanted, *, alone=False):  # noqa: ARG002
        self.asked += wanted
        self.wait.wait(10)
        for name, *_ in wanted:
            if name not in self.bodies:
                raise FileNotFoundError(2, "gone", name)
        return [self.bodies[name][slice(start, stop)] for name, start, stop in wanted]


@pytest.fixture
def far() -> Far:
    return Far(BODIES)


@pytest.fixture
def near(far: Far) -> KeptObjects:
    found = KeptObjects(far)
    found.listing()
    return found


def test_an_object_is_fetched_whole_and_once(near: KeptObjects, far: Far) -> None:
    assert near.read_many([("o1", 2, 5), ("o2", *WHOLE), ("o1", 0, 0)]) == [
        BODIES["o1"][2:5],
        BODIES["o2"],
        b"",
    ]
    assert near.read("o1", 4, 99) == BODIES["o1"][4:]
    assert far.asked == [("o1", *WHOLE), ("o2", *WHOLE)]
    assert near.digests["o1"] == hashlib.sha256(BODIES["o1"]).hexdigest()


def test_what_is_asked_for_alone_is_not_fetched_whole(near: KeptObjects, far: Far) -> None:
    assert near.read_many([("o1", 0, 3)], alone=True) == [BODIES["o1"][:3]]
    assert near.read("o1") == BODIES["o1"]
    assert near.read_many([("o1", 0, 3)], alone=True) == [BODIES["o1"][:3]]
    assert far.asked == [("o1", 0, 3), ("o1", *WHOLE)]


def test_the_oldest_are_dropped_but_not_what_was_foreseen(
    near: KeptObjects, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    near.foresee(["o0"], hashed=False)
    monkeypatch.setattr(kept, "RECENT_BYTES", 30)
    for name in ("o1", "o2", "o3", "o3", "o0", "o1"):
        assert near.read(name) == BODIES[name]
    assert [name for name, *_ in far.asked] == ["o0", "o1", "o2", "o3", "o1"]
    assert not near.digests.keys() & {"o0", "o1"}


def test_what_was_read_in_part_is_kept_longest(
    near: KeptObjects, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "RECENT_BYTES", 35)
    near.read("o1", 0, 3)
    near.read("o2")
    near.read("o3")
    assert near.read("o1", 3, 11) == BODIES["o1"][3:]
    assert [name for name, *_ in far.asked] == ["o1", "o2", "o3"]


def test_no_more_is_foreseen_than_there_is_room_for(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "FORESEEN_BYTES", 35)
    near = KeptObjects(far)
    near.listing()
    near.foresee(["o8", "o7", "o0", "o1"], hashed=True)
    assert [name for name, *_ in far.asked] == ["o8", "o7"]
    near.foresee(["o8", "o7"], hashed=True)
    assert len(far.asked) == 2


def test_what_is_foreseen_and_gone_is_missed_only_when_it_is_asked_for(
    near: KeptObjects, far: Far
) -> None:
    del far.bodies["o3"]
    near.foresee(["o2", "o3"], hashed=False)
    assert near.read("o2") == BODIES["o2"]
    with pytest.raises(FileNotFoundError):
        near.read("o3")


def test_a_place_that_gives_no_answer_is_not_taken_for_an_empty_one(
    near: KeptObjects, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreached(_: object) -> None:
        raise Unreached(5, "no answer", "o1")

    monkeypatch.setattr(far, "read_many", unreached)
    with pytest.raises(Unreached):
        near.foresee(["o1"], hashed=False)


def test_who_comes_second_waits_for_the_first(near: KeptObjects, far: Far) -> None:
    far.wait.clear()
    with ThreadPoolExecutor(4) as pool:
        coming = [pool.submit(near.read, "o5", at, at + 2) for at in range(4)]
        far.wait.set()
        assert [one.result() for one in coming] == [BODIES["o5"][:2]] * 4
    assert far.asked == [("o5", *WHOLE)]


def array(number: int) -> tuple[KeptObjects, Far]:
    """Objects of one array, of 10 bytes each, of which a pass will read all."""
    far = Far({f"X/c/{place}": bytes([place]) * 10 for place in range(number)})
    near = KeptObjects(far)
    near.listing()
    near.foresee([], hashed=True)
    return near, far


def asked_in_the_end(far: Far, number: int) -> list[object]:
    """Names asked for, when there are so many."""
    for _ in range(500):
        if len(far.asked) >= number:
            break
        time.sleep(0.01)
    return [name for name, *_ in far.asked]


def test_the_next_object_of_an_array_comes_meanwhile() -> None:
    near, far = array(12)
    assert near.read("X/c/8", 0, 3) == bytes([8] * 3)
    assert sorted(asked_in_the_end(far, 3)) == ["X/c/10", "X/c/8", "X/c/9"]
    assert near.read("X/c/9") == bytes([9] * 10)
    assert asked_in_the_end(far, 4)[3] == "X/c/11"
    for place in (10, 11):
        assert near.read(f"X/c/{place}") == bytes([place] * 10)
    assert len(far.asked) == 4
    assert set(near.digests) == {f"X/c/{place}" for place in (8, 9, 10, 11)}


def test_nothing_comes_before_it_is_asked_for_where_there_is_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept, "RECENT_BYTES", 19)
    near, far = array(3)
    near.read("X/c/0", 0, 3)
    assert [name for name, *_ in far.asked] == ["X/c/0"]


def test_what_was_read_to_its_end_makes_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "RECENT_BYTES", 20)
    near, far = array(4)
    near.read("X/c/0")
    assert asked_in_the_end(far, 2) == ["X/c/0", "X/c/1"]
    near.read("X/c/1", 0, 3)
    assert asked_in_the_end(far, 3) == ["X/c/0", "X/c/1", "X/c/2"]
    assert near.read("X/c/1") == bytes([1] * 10)
    assert len(far.asked) == 3


def test_nothing_is_dropped_for_what_does_not_fit_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept, "RECENT_BYTES", 30)
    far = Far({"b": b"1234", "X/c/0": bytes(20), "X/c/1": bytes(20)})
    near = KeptObjects(far)
    near.listing()
    near.foresee([], hashed=False)
    near.read("b")
    near.read("X/c/0", 0, 3)
    assert near.read("b") == b"1234"
    assert [name for name, *_ in far.asked] == ["b", "X/c/0"]


def test_what_a_pass_begins_with_comes_while_the_small_ones_do() -> None:
    far = Far({f"X/c/{place}": bytes([place]) * 10 for place in range(9)} | {"obs": b"small"})
    near = KeptObjects(far)
    near.listing()
    near.foresee(["obs"], ["X/c/0"], hashed=True)
    assert asked_in_the_end(far, 4) == ["X/c/0", "X/c/1", "X/c/2", "obs"]
    assert near.read("X/c/0") == bytes(10)
    assert len(asked_in_the_end(far, 4)) == 4  # no more is ahead than was


def test_what_fails_to_come_is_asked_for_again_by_who_needs_it() -> None:
    near, far = array(2)
    body = far.bodies.pop("X/c/1")
    near.read("X/c/0")
    asked_in_the_end(far, 2)
    for thread in threading.enumerate():
        if thread.name == "vcspec-ahead":
            thread.join(5)
    far.bodies["X/c/1"] = body
    assert near.read("X/c/1") == body
    assert asked_in_the_end(far, 3) == ["X/c/0", "X/c/1", "X/c/1"]


def test_who_needs_what_is_coming_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = array(2)
    gate, read = threading.Event(), far.read_many

    def gated(wanted: Sequence[Wanted], *, alone: bool = False) -> list[bytes]:
        if wanted[0][0] == "X/c/1":
            gate.wait(10)
        return read(wanted, alone=alone)

    monkeypatch.setattr(far, "read_many", gated)
    near.read("X/c/0")
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(near.read, "X/c/1")
        gate.set()
        assert coming.result() == bytes([1] * 10)
    assert [name for name, *_ in far.asked] == ["X/c/0", "X/c/1"]


def test_more_may_be_on_its_way_than_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight threads wait for an object each, where there is room for three."""
    monkeypatch.setattr(kept, "RECENT_BYTES", 30)
    near, far = array(9)
    near.read("X/c/0")
    far.wait.clear()
    with ThreadPoolExecutor(8) as pool:
        coming = [pool.submit(near.read, f"X/c/{place}") for place in range(1, 9)]
        asked_in_the_end(far, 9)
        assert near.read("X/c/0") == bytes(10)  # and is done with it, while the others come
        far.wait.set()
        assert [one.result() for one in coming] == [bytes([n]) * 10 for n in range(1, 9)]
    assert near._held <= 30


def test_who_waits_is_told_of_whatever_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = array(2)
    far.wait.clear()

    def hashed(_: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(hashlib, "sha256", hashed)
    with ThreadPoolExecutor(2) as pool:
        coming = [pool.submit(near.read, "X/c/1") for _ in range(2)]
        asked_in_the_end(far, 1)
        far.wait.set()
        assert [type(one.exception(10)) for one in coming] == [MemoryError] * 2


def test_a_system_without_a_thread_left_brings_nothing_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")  # noqa: EM101

    near, far = array(2)
    monkeypatch.setattr(threading.Thread, "start", start)
    assert near.read("X/c/0") == bytes(10)
    assert near.read("X/c/1") == bytes([1] * 10)
    assert [name for name, *_ in far.asked] == ["X/c/0", "X/c/1"]


def test_what_is_too_large_to_be_kept_is_hashed_when_it_is_read_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept, "WHOLE_BYTES", 5)
    near, far = array(2)
    assert near.read_many([("X/c/1", None, None)]) == [bytes([1] * 10)]
    assert near.digests == {"X/c/1": hashlib.sha256(bytes([1] * 10)).hexdigest()}
    assert [name for name, *_ in far.asked] == ["X/c/1"]
    near.read("X/c/0", 0, 3)
    assert "X/c/0" not in near.digests


def test_objects_of_an_array_follow_each_other_with_the_last_axis_fastest() -> None:
    names = ["a/1.0", "a/0.10", "a/0.9", "b/c/1/0", "b/c/0/5", "b/c/0/zarr.json", "zarr.json", "7"]
    assert kept._next_of(names) == {
        "a/0.9": "a/0.10",
        "a/0.10": "a/1.0",
        "b/c/0/5": "b/c/1/0",
    }


@pytest.mark.parametrize("room", [0, 1_000])
def test_ranges_are_hashed_as_they_come_and_the_rest_is_read(
    monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(kept, "WHOLE_BYTES", 5)
    monkeypatch.setattr(kept, "RECENT_BYTES", room)
    monkeypatch.setattr(object_store, "HASHED_AT_ONCE", 60)
    body = bytes(range(100))
    far = Far({"X/c/0": body})
    store = ObjectStore("far", far)
    assert store.skeleton.objects["X/c/0"].size == 100
    far.asked.clear()
    store.foresee([], [], hashed=True)
    for span in [(0, 20), (70, 90), (20, 40)]:
        assert store._objects.read("X/c/0", *span) == body[slice(*span)]
    assert store.digests(["X/c/0"]) == [hashlib.sha256(body).hexdigest()]
    rest = [(40, 70), (90, 100)] if room else [(40, 100)]
    assert [span for _, *span in far.asked[3:]] == [list(span) for span in rest]


def test_an_object_that_is_shorter_than_it_was_has_another_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_store, "HASHED_AT_ONCE", 10)
    monkeypatch.setattr(kept, "SMALL_BYTES", 5)
    far = Far({"a": bytes(range(100))})
    store = ObjectStore("far", far)
    assert store.skeleton.objects["a"].size == 100
    far.bodies["a"] = bytes(range(35))
    assert store.digests(["a"]) == [hashlib.sha256(bytes(range(35))).hexdigest()]


def test_ranges_that_overlap_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "SMALL_BYTES", 5)
    body = bytes(range(100))
    far = Far({"large": body})
    near = KeptObjects(far)
    near.listing()
    first, second = [(0, 10), (10, 20), (30, 40)], [(10, 20), (20, 25), (30, 40), (41, 50)]
    for spans in (first, second):
        found = near.read_many([("large", *span) for span in spans])
        assert found == [body[slice(*span)] for span in spans]
    assert far.asked == [("large", 0, 40), ("large", 20, 25), ("large", 41, 50)]


def test_who_wants_a_range_that_is_coming_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "SMALL_BYTES", 5)
    far = Far({"large": bytes(range(100))})
    near = KeptObjects(far)
    near.listing()
    far.wait.clear()
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(near.read, "large", 10, 20) for _ in range(2)]
        time.sleep(0.1)
        far.wait.set()
        assert [one.result() for one in both] == [bytes(range(10, 20))] * 2
    assert far.asked == [("large", 10, 20)]


def test_near_ranges_of_a_large_object_are_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "SMALL_BYTES", 10)
    monkeypatch.setattr(kept, "GAP_BYTES", 5)
    monkeypatch.setattr(kept, "RUN_BYTES", 40)
    body = bytes(range(100))
    far = Far({"large": body})
    near = KeptObjects(far)
    near.listing()
    spans = [(20, 30), (0, 4), (33, 35), (8, 12), (50, 90), (36, 41), (33, 35)]
    found = near.read_many([("large", *span) for span in spans])
    assert found == [body[slice(*span)] for span in spans]
    assert far.asked == [("large", 0, 12), ("large", 20, 41), ("large", 50, 90)]


@pytest.fixture
def bucket(s3: S3, screen: tiny.Screen) -> str:
    """Address of a bucket with the tiny artefacts."""
    name = f"bucket-{uuid.uuid4().hex}"
    for place in (screen.dataset, screen.split, screen.reference, screen.predictions):
        shutil.copytree(place, s3.folder / name / place.name)
    return f"s3://{name}"


# Of a shard its index alone, before any chunk is decoded, then the whole: two requests.
@pytest.mark.parametrize(
    ("level", "trips"), [("metadata", 4), ("axes", 5), ("data", 7), ("full", 9)]
)
@pytest.mark.parametrize("kind", ["dataset", "split", "reference", "predictions"])
def test_no_object_is_asked_for_twice(  # noqa: PLR0917 - fixtures and parameters
    s3: S3, bucket: str, screen: tiny.Screen, kind: str, level: str, trips: int
) -> None:
    place = f"{bucket}/{getattr(screen, kind).name}"
    s3.latency = 0.1  # long beside what a busy machine needs between two requests
    beside = {"split": screen.split, "dataset": screen.dataset}
    assert validate(place, level=level, **beside).verdict == "valid"
    assert read_twice(s3.log) == []
    assert round_trips(s3.log) <= trips


@pytest.mark.parametrize("workers", [1, 3])
def test_of_shards_that_are_too_large_to_be_kept_no_byte_is_asked_for_twice(
    s3: S3, screen: tiny.Screen, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(writing, "CHUNK", 150)
    monkeypatch.setattr(writing, "SHARD", 1_500)
    monkeypatch.setattr(kept, "WHOLE_BYTES", 1_000)  # as if every shard were large
    monkeypatch.setattr(kept, "SMALL_BYTES", 1_000)
    monkeypatch.setattr(kept, "GAP_BYTES", 0)
    monkeypatch.setattr(object_store, "HASHED_AT_ONCE", 1_000)
    monkeypatch.setattr(foresight, "FORESEEN_BYTES", 0)
    folder = s3.folder / f"bucket-{uuid.uuid4().hex}"
    folder.mkdir()
    here = tiny.predict(screen, folder / "model.zarr", dict(tiny.predicted(screen)))
    with Settings(budget=Budget(1, workers)).in_force():
        report = validate(f"s3://{folder.name}/model.zarr", level="full", split=screen.split)
    assert report.verdict == "valid"
    for name in ("data", "indices"):
        for shard in sorted(here.glob(f"X/{name}/c/*"))[:-1]:  # the last one is small
            key, size = str(shard.relative_to(s3.folder)), shard.stat().st_size
            asked = [places_of(one, size) for one in s3.log if one.key == key]
            assert len(asked) > 2
            assert sorted(chain.from_iterable(asked)) == list(range(size))


def places_of(request: Request, size: int) -> range:
    """Every byte that was asked for."""
    if request.range is None:
        return range(size)
    first, last = request.range.removeprefix("bytes=").split("-")
    return range(int(first), min(int(last) + 1, size))


def test_what_is_given_beside_a_far_artefact_is_asked_for_meanwhile(
    s3: S3, bucket: str, screen: tiny.Screen
) -> None:
    """A list, documents and tables of both, that each wait for the one before."""
    s3.latency = 0.3  # long beside what a busy machine needs between two requests
    place = f"{bucket}/{screen.predictions.name}"
    assert validate(place, level="axes", split=screen.split).verdict == "valid"
    alone = round_trips(s3.log)
    s3.log.clear()
    assert validate(place, level="axes", split=f"{bucket}/{screen.split.name}").verdict == "valid"
    assert round_trips(s3.log) <= alone
    assert sum(request.lists for request in s3.log) == 2


def test_scoring_asks_for_no_object_twice_and_says_what_it_asked_for(
    s3: S3, bucket: str, screen: tiny.Screen
) -> None:
    s3.latency = 0.1  # long beside what a busy machine needs between two requests
    said: list[str] = []
    places = {name: f"{bucket}/{getattr(screen, name).name}" for name in ("split", "reference")}
    card = score(
        f"{bucket}/{screen.predictions.name}", **places, settings=Settings(announce=said.append)
    )
    assert card.document == score(screen.predictions).document
    assert read_twice(s3.log) == []
    assert round_trips(s3.log) <= 12
    assert said[-1].startswith(f"{len(s3.log)} requests, ")


def test_what_workers_elsewhere_read_is_not_fetched_here(
    s3: S3, bucket: str, screen: tiny.Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foresight, "FORESEEN_BYTES", 0)  # as if every object were large
    place = f"{bucket}/{screen.predictions.name}"
    for engine, fetched in (("threads", True), ("dask", False)):
        s3.log.clear()
        subject = Subject(open_store(place), settings=Settings(engine=engine))
        subject.foresee("data")
        subject.store.digests([])  # whatever was begun has been asked for
        for thread in threading.enumerate():
            if thread.name == "vcspec-ahead":
                thread.join(10)
        assert any("X/data/c/0" in request.key for request in s3.log) == fetched


def lost(*_: object, **__: object) -> None:
    message = "no answer"
    raise Unreached(message)


@pytest.mark.parametrize("is_broken", [False, True])
def test_heads_of_shards_come_with_what_is_read_first(
    s3: S3, monkeypatch: pytest.MonkeyPatch, *, is_broken: bool
) -> None:
    monkeypatch.setattr(foresight, "FORESEEN_BYTES", 0)  # as if every object were large
    bucket = f"bucket-{uuid.uuid4().hex}"
    here = s3.folder / bucket / "a.zarr"
    sharding = ShardingCodec(chunk_shape=(10,), index_location=ShardingCodecIndexLocation.start)
    array = zarr.create_group(here).create_array(
        "X/data", shape=(400,), dtype="f4", chunks=(40,), serializer=sharding, compressors=None
    )
    array[:] = np.arange(400)
    near, far = open_store(str(here)), open_store(f"s3://{bucket}/a.zarr")
    names = [f"X/data/c/{number}" for number in range(10)]
    if is_broken:
        monkeypatch.setattr(ChunkReader, "heads_ahead", lost)
    Subject(far).foresee("data")
    wanted = [("/X/data", names)]
    heads = near.shard_heads(wanted)
    assert {len(head) for head in heads[0]} == {4 * 16 + 4}
    assert far.shard_heads(wanted) == heads
    assert read_twice(s3.log) == []
    s3.log.clear()
    assert far.shard_heads(wanted) == heads
    assert s3.log == []


def test_heads_of_shards_are_under_way_when_rules_ask_for_them(
    bucket: str, screen: tiny.Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foresight, "FORESEEN_BYTES", 0)
    begun = threading.Event()
    monkeypatch.setattr(ChunkReader, "heads_ahead", lambda *_, **__: begun.set())
    store = open_store(f"{bucket}/{screen.predictions.name}")
    Subject(store).foresee("axes")
    assert not begun.wait(0.2)
    Subject(store).foresee("data")
    assert begun.wait(10)


@pytest.mark.parametrize("kind", ["split", "reference"])
def test_what_is_given_and_not_there_is_named_as_it_was_given(
    bucket: str, screen: tiny.Screen, kind: str
) -> None:
    places = {name: f"{bucket}/{getattr(screen, name).name}" for name in ("split", "reference")}
    places[kind] = f"{bucket}/none.zarr"
    with pytest.raises(Unreadable, match=f"^{places[kind]}: nothing .*; a {kind} is needed there"):
        score(screen.predictions, **places)


def test_a_store_on_disk_says_nothing_of_requests(screen: tiny.Screen) -> None:
    said: list[str] = []
    validate(screen.predictions, level="full", settings=Settings(announce=said.append))
    assert said == []
