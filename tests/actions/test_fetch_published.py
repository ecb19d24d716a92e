"""Fetching what was published: the right bytes, or an error."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from support import tiny
from support.publishing import dataset, release

from vcspec.actions.fetch import fetch, published
from vcspec.actions.registry import as_registry, entries_in, read_registry
from vcspec.actions.score import score
from vcspec.actions.search import Wish, search
from vcspec.actions.validate import validate
from vcspec.actions.verify_store import verify_store
from vcspec.actions.withdraw import withdraw
from vcspec.engine.settings import Settings
from vcspec.model.errors import Mismatch, Refused, Unreadable, UsageError
from vcspec.model.release import blob_of
from vcspec.storage import store_cache
from vcspec.storage.objects import LocalObjects


@pytest.fixture(scope="module")
def made(screen: tiny.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with two versions of the dataset, the split and its reference; nobody changes it."""
    place = tmp_path_factory.mktemp("published") / "place"
    for store in (screen.dataset, screen.split, screen.reference):
        release(store, place)
    newer = tmp_path_factory.mktemp("newer") / "data.zarr"
    release(dataset(newer, version="1.0.1"), place)
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(made, tmp_path / "place"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VCSPEC_REGISTRY", raising=False)
    return tmp_path / "cache"


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_what_is_fetched_is_what_was_published_and_lies_in_the_cache(screen, made, cache):
    found = fetch("tiny@1.0.0", registry=[str(made)])
    assert names(found) == names(screen.dataset)
    assert verify_store(found).verdict == "valid"
    assert found.is_relative_to(cache)
    assert fetch("tiny@1.0.0", registry=[str(made)]) == found


@pytest.mark.parametrize(
    ("home", "free", "told"), [(True, 9, True), (True, 11, False), (False, 9, False)]
)
def test_little_room_in_a_home_folder_is_told(made, tmp_path, monkeypatch, home, free, *, told):
    monkeypatch.setenv("HOME", str(tmp_path if home else tmp_path / "elsewhere"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path if home else tmp_path / "elsewhere"))
    room = SimpleNamespace(free=free * 2**30)
    monkeypatch.setattr(store_cache.shutil, "disk_usage", lambda _: room)
    said: list[str] = []
    fetch("tiny@1.0.0", registry=[str(made)], announce=said.append)
    assert [line for line in said if "home folder with 9.0 GiB left; VCSPEC_CACHE" in line] == (
        said if told else []
    )
    assert len(said) == told


def test_a_name_without_a_version_stands_for_the_latest(made):
    latest = fetch("tiny", registry=[str(made)])
    assert latest == fetch("tiny@1.0.1", registry=[str(made)])
    assert latest != fetch("tiny@1.0.0", registry=[str(made)])


def test_a_reference_has_the_name_of_its_split(made):
    split = fetch("tiny/unseen", registry=[str(made)])
    reference = fetch("tiny/unseen", kind="reference", registry=[str(made)])
    kinds = [
        json.loads((one / "zarr.json").read_bytes())["attributes"]["vcspec"]["kind"]
        for one in (split, reference)
    ]
    assert kinds == ["split", "reference"]


def test_a_copy_of_ones_own_replaces_nothing_unless_asked(made, tmp_path):
    goal = tmp_path / "mine.zarr"
    assert fetch("tiny", goal, registry=[str(made)]) == goal
    with pytest.raises(UsageError, match="exists; "):
        fetch("tiny", goal, registry=[str(made)])
    (goal / "extra").write_text("x")
    fetch("tiny", goal, registry=[str(made)], overwrite=True)
    assert verify_store(goal).verdict == "valid"


@pytest.mark.parametrize("paths", [[], ["obs"]])
@pytest.mark.parametrize("name", ["folder", "file", "link", "folder/.", "folder/..", "file/new"])
def test_what_is_no_store_is_never_replaced_by_a_copy(made, tmp_path, monkeypatch, name, paths):
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for path in (folder / "thesis.txt", tmp_path / "file"):
        path.write_text("years")
    (tmp_path / "link").symlink_to(folder)
    before = sorted(tmp_path.rglob("*"))
    for goal in (tmp_path / name, ".", ""):
        with pytest.raises(UsageError, match=r"not overwritten|no name|no folder"):
            fetch("tiny", goal, registry=[str(made)], paths=paths, overwrite=True)
    assert [one for one in sorted(tmp_path.rglob("*")) if "cache" not in one.parts] == before
    assert (folder / "thesis.txt").read_text() == "years"


def test_what_comes_while_a_copy_is_brought_is_not_replaced(made, tmp_path, monkeypatch):
    from vcspec.actions import fetch as action

    goal, bring = tmp_path / "mine.zarr", action.bring

    def slow(*arguments: object, **options: object) -> None:
        bring(*arguments, **options)
        goal.mkdir(exist_ok=True)
        (goal / "thesis.txt").write_text("years")

    monkeypatch.setattr(action, "bring", slow)
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="exists"):
            fetch("tiny", goal, registry=[str(made)], overwrite=overwrite)
        assert names(goal) == ["thesis.txt"]
        shutil.rmtree(goal)


def test_the_old_copy_stands_until_the_new_one_does(made, tmp_path, monkeypatch):
    goal = fetch("tiny@1.0.0", tmp_path / "mine.zarr", registry=[str(made)])
    replace, rename = Path.replace, Path.rename

    def denied(move: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def moved(self: Path, target: Path) -> Path:
            if self.name.endswith(".partial") and Path(target) == goal:
                raise OSError(28, "no space left", str(goal))
            return move(self, target)

        return moved

    monkeypatch.setattr(Path, "replace", denied(replace))
    monkeypatch.setattr(Path, "rename", denied(rename))
    with pytest.raises(OSError, match="no space"):
        fetch("tiny@1.0.1", goal, registry=[str(made)], overwrite=True)
    assert verify_store(goal).verdict == "valid"
    assert [one.name for one in tmp_path.iterdir() if one.name != "cache"] == ["mine.zarr"]


def test_a_copy_makes_the_folders_above_it(made, tmp_path):
    goal = tmp_path / "a" / "b" / "mine.zarr"
    assert fetch("tiny", goal, registry=[str(made)]) == goal


@pytest.mark.parametrize("target", ["", " "])
def test_an_empty_address_is_no_place(target):
    with pytest.raises(UsageError, match="empty"):
        entries_in([target])


def test_only_what_lies_below_a_path_is_brought(made, tmp_path):
    goal = fetch("tiny", tmp_path / "obs.zarr", registry=[str(made)], paths=["obs"])
    data = [name for name in names(goal) if not name.startswith("manifest")]
    assert "obs/zarr.json" in data
    assert "zarr.json" in data
    assert not [name for name in data if name.startswith(("X/", "var/"))]
    with pytest.raises(UsageError, match="no raw"):
        fetch("tiny", tmp_path / "raw.zarr", registry=[str(made)], paths=["raw"])
    with pytest.raises(UsageError, match="-o"):
        fetch("tiny", registry=[str(made)], paths=["obs"])


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (["obs/nothing"], "no obs/nothing; it has .*obs"),
        (["obs", "var/_indx"], "no var/_indx; it has .*var/_index"),
        (["X/dat"], "no X/dat; it has .*X/data"),
        (["/"], "no /;"),
        (["manifest"], "no manifest;"),
    ],
)
def test_every_path_must_lead_to_something(made, tmp_path, paths, told):
    with pytest.raises(UsageError, match=told):
        fetch("tiny", tmp_path / "part.zarr", registry=[str(made)], paths=paths)
    assert not [one for one in tmp_path.iterdir() if "part" in one.name]


def _spoilt(place: Path, version: int, name: str) -> Callable[[], object]:
    """Lose an object of the dataset; what is returned brings it back."""
    storage = entries_in([str(place)])[version]["release"]["storage"]
    path = place / "blobs" / storage[-64:] / name
    body = path.read_bytes()
    path.unlink()
    return lambda: path.write_bytes(body)


def test_what_an_interrupted_fetch_left_is_no_part_of_another(place, tmp_path):
    goal, mended = tmp_path / "part.zarr", _spoilt(place, 0, "X/data/c/0")
    with pytest.raises(Unreadable):
        fetch("tiny@1.0.0", goal, registry=[str(place)], paths=["X", "var"])
    fetch("tiny@1.0.1", goal, registry=[str(place)], paths=["obs"])
    alone = fetch("tiny@1.0.1", tmp_path / "alone.zarr", registry=[str(place)], paths=["obs"])
    assert names(goal) == names(alone)
    assert len(list(tmp_path.glob(".part.zarr.*.partial"))) == 1
    mended()
    fetch("tiny@1.0.0", goal, registry=[str(place)], paths=["var", "X/"], overwrite=True)
    whole = fetch("tiny@1.0.0", registry=[str(place)])
    assert {name for name in names(whole) if name.startswith(("X/", "var/"))} <= set(names(goal))
    assert not [one for one in tmp_path.iterdir() if one.name.endswith(".partial")]


def test_what_lies_in_the_draft_of_a_part_and_was_not_chosen_is_removed(place, tmp_path):
    goal, mended = tmp_path / "part.zarr", _spoilt(place, 0, "obs/zarr.json")
    with pytest.raises(Unreadable):
        fetch("tiny@1.0.0", goal, registry=[str(place)], paths=["obs"])
    (draft,) = tmp_path.glob(".part.zarr.*.partial")
    (draft / "X").mkdir()
    (draft / "X" / "guest").write_text("x")
    mended()
    fetch("tiny@1.0.0", goal, registry=[str(place)], paths=["obs"])
    assert "X/guest" not in names(goal)


def test_the_same_part_is_fetched_by_one_process_at_a_time(made, tmp_path, monkeypatch):
    from vcspec.actions import fetch as action

    at_once, most, bring = [0], [0], action.bring

    def noted(*arguments: object, **options: object) -> None:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        bring(*arguments, **options)
        at_once[0] -= 1

    monkeypatch.setattr(action, "bring", noted)
    goal = tmp_path / "part.zarr"

    def part(_: int) -> Path:
        return fetch("tiny", goal, registry=[str(made)], paths=["obs"], overwrite=True)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(part, range(4))) == {goal}
    assert most == [1]


DAMAGE = {
    "a flip": lambda blob: _flip(blob / "X/data/c/0"),
    "a cut": lambda blob: (blob / "X/data/c/0").write_bytes(b"short"),
    "a loss": lambda blob: (blob / "X/data/c/0").unlink(),
    "a swap": lambda blob: shutil.copyfile(blob / "X/indices/c/0", blob / "X/data/c/0"),
    "a flip in a node manifest": lambda blob: _flip(blob / "manifest/X/data/node.sha256"),
    "a flip in the root manifest": lambda blob: _flip(blob / "manifest.json"),
    "no manifest": lambda blob: (blob / "manifest.json").unlink(),
}


def _flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_never_fetched_and_leaves_nothing(place, cache, name):
    storage = entries_in([str(place)])[0]["release"]["storage"]
    DAMAGE[name](place / "blobs" / storage[-64:])
    with pytest.raises(Unreadable, match="cannot be had"):
        fetch("tiny@1.0.0", registry=[str(place)])
    assert list(store_cache.in_cache()) == []
    assert not list(cache.rglob("*.zarr"))


def test_a_copy_of_what_is_kept_reads_it_once(made, tmp_path, monkeypatch):
    kept = fetch("tiny", registry=[str(made)])
    read: list[str] = []
    for name in ("read", "pieces", "sha256"):
        whole = getattr(LocalObjects, name)

        def noted(self, name, *arguments, whole=whole):
            read.extend([name] if self.root == kept else [])
            return whole(self, name, *arguments)

        monkeypatch.setattr(LocalObjects, name, noted)
    fetch("tiny", tmp_path / "own.zarr", registry=[str(made)])
    assert sorted(read) == names(kept) == names(tmp_path / "own.zarr")


def test_what_was_brought_before_an_interruption_is_not_brought_again(place, cache, monkeypatch):
    storage = entries_in([str(place)])[0]["release"]["storage"]
    chunk = place / "blobs" / storage[-64:] / "X/data/c/0"
    body = chunk.read_bytes()
    chunk.unlink()
    with pytest.raises(Unreadable):
        fetch("tiny@1.0.0", registry=[str(place)])
    before = {p for p in (cache / "stores").rglob("*") if p.is_file() and p.suffix != ".lock"}
    assert before
    chunk.write_bytes(body)
    read: list[str] = []
    whole = LocalObjects.pieces

    def noted(self: LocalObjects, name: str, size: int) -> Iterator[bytes]:
        read.append(name)
        return whole(self, name, size)

    monkeypatch.setattr(LocalObjects, "pieces", noted)
    found = fetch("tiny@1.0.0", registry=[str(place)])
    data = [name for name in read if name.startswith("X/") and name.endswith("/0")]
    assert "X/data/c/0" in data
    assert len(data) < len([n for n in names(found) if n.startswith("X/") and n.endswith("/0")])


@pytest.mark.parametrize("kind", ["file", "link to a file", "link to a folder"])
def test_what_is_no_folder_in_the_cache_is_replaced(made, tmp_path, cache, kind):
    found = fetch("tiny", registry=[str(made)])
    shutil.rmtree(found)
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("years")
    if kind == "file":
        found.write_text("x")
    else:
        found.symlink_to(own if "folder" in kind else own / "thesis.txt")
    (kept,) = store_cache.in_cache()
    assert store_cache.unsound(kept)
    assert verify_store(fetch("tiny", registry=[str(made)])).verdict == "valid"
    assert names(own) == ["thesis.txt"]
    shutil.rmtree(found)
    found.write_text("x")
    (kept,) = store_cache.in_cache()
    assert store_cache.remove(kept)
    assert not [path for path in (cache / "stores").iterdir() if path.suffix != ".lock"]


def test_many_processes_of_one_cache_bring_a_store_once(made, monkeypatch):
    from vcspec.storage import store_cache as cache_module

    brought: list[str] = []
    bring = cache_module.bring

    def noted(*arguments: object, **options: object) -> None:
        brought.append("once")
        bring(*arguments, **options)

    monkeypatch.setattr(cache_module, "bring", noted)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: fetch("tiny", registry=[str(made)]), range(8)))
    assert (len(found), brought) == (1, ["once"])


def test_a_mirror_is_asked_where_a_place_fails(place, made, tmp_path):
    shutil.rmtree(place / "blobs")
    merged = entries_in([str(place), str(made)])
    assert merged[0]["places"] == [str(place), str(made)]
    registry = tmp_path / "mirrors" / "registry.json"
    registry.parent.mkdir()
    registry.write_text(json.dumps(as_registry(merged)))
    assert verify_store(fetch("tiny", registry=[str(registry)])).verdict == "valid"


def test_registries_that_disagree_about_a_release_are_refused(made, tmp_path):
    other = tmp_path / "other"
    release(dataset(tmp_path / "data.zarr", tiny.curated(seed=3)), other)
    with pytest.raises(Mismatch, match=r"tiny@1\.0\.0"):
        entries_in([str(made), str(other)])


def test_a_split_of_a_withdrawn_dataset_says_so(place, monkeypatch):
    said: list[str] = []
    fetch("tiny/unseen", kind="split", registry=[str(place)], announce=said.append)
    assert said == ["it is of the dataset tiny@1.0.0"]
    said.clear()
    withdraw("tiny@1.0.0", str(place), reason="wrong labels", superseded_by="1.0.1")
    fetch("tiny/unseen", kind="split", registry=[str(place)], announce=said.append)
    (told,) = said
    assert "it rests on tiny@1.0.0, which was withdrawn on" in told
    assert told.endswith(": wrong labels; use tiny@1.0.1")
    monkeypatch.setenv("VCSPEC_REGISTRY", str(place))
    releases = [entry["release"] for entry in read_registry(str(place))]
    content = next(one["content"] for one in releases if one["of"] == "split")
    used: list[str] = []
    published("split", content, settings=Settings(announce=used.append))
    assert any("rests on tiny@1.0.0, which was withdrawn" in line for line in used)


def test_what_was_withdrawn_is_fetched_only_when_that_is_said(place):
    withdraw("tiny@1.0.1", str(place), reason="wrong labels")
    with pytest.raises(Mismatch, match="wrong labels"):
        fetch("tiny@1.0.1", registry=[str(place)])
    assert fetch("tiny@1.0.1", registry=[str(place)], withdrawn=True).is_dir()
    assert fetch("tiny", registry=[str(place)]) == fetch("tiny@1.0.0", registry=[str(place)])


def test_a_name_of_which_every_version_was_withdrawn_is_told_why(place):
    withdraw("tiny@1.0.0", str(place), reason="old", superseded_by="1.0.1")
    withdraw("tiny@1.0.1", str(place), reason="wrong labels")
    with pytest.raises(Mismatch, match=r"tiny@1\.0\.1 was withdrawn on .*: wrong labels"):
        fetch("tiny", registry=[str(place)])
    latest = fetch("tiny@1.0.1", registry=[str(place)], withdrawn=True)
    assert fetch("tiny", registry=[str(place)], withdrawn=True) == latest


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("tinny@1.0.0", "", "it has .*tiny"),
        ("tiny@3.0.0", "", r"it has the dataset in 1\.0\.0, 1\.0\.1$"),
        ("tiny", "split", r"no split tiny; it has the dataset in 1\.0\.0, 1\.0\.1$"),
    ],
)
def test_a_name_that_nothing_has_is_told_with_what_is_near(made, name, kind, told):
    with pytest.raises(UsageError, match=told):
        fetch(name, kind=kind, registry=[str(made)])


def test_no_registry_is_asked_that_nobody_named():
    with pytest.raises(UsageError, match="VCSPEC_REGISTRY"):
        fetch("tiny")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"kind": "registry"}', b"[" * 100_000])
def test_a_registry_that_is_none_is_an_error(tmp_path, body):
    (tmp_path / "registry.json").write_bytes(body)
    with pytest.raises(Unreadable, match="registry"):
        read_registry(str(tmp_path))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../../x"])
def test_a_manifest_that_leads_out_of_its_store_is_not_followed(place, cache, name):
    """A hostile place may list whatever it likes; its digests are sound."""
    import hashlib

    from vcspec.model import manifest as layout

    entries = entries_in([str(place)])
    blob = place / "blobs" / entries[0]["release"]["storage"][-64:]
    root = json.loads((blob / "manifest.json").read_bytes())
    text = layout.node_manifest([layout.Entry(name, 1, "0" * 64)])
    (blob / "manifest/node.sha256").write_text(text)
    for node in root["nodes"]:
        if node["manifest"] == "manifest/node.sha256":
            node["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    body = json.dumps(root).encode()
    (blob / "manifest.json").write_bytes(body)
    digest = hashlib.sha256(body).hexdigest()
    blob.rename(place / "blobs" / digest)
    listed = json.loads((place / "registry.json").read_bytes())
    listed["releases"][0]["release"]["storage"] = f"vcs1s-sha256:{digest}"
    (place / "registry.json").write_text(json.dumps(listed))
    with pytest.raises((Refused, Unreadable)):
        fetch("tiny@1.0.0", registry=[str(place)])
    assert not list(cache.rglob("*.zarr"))


def test_scores_find_split_and_reference_by_what_the_predictions_pin(
    screen, made, tmp_path, monkeypatch
):
    alone = Path(shutil.copytree(screen.predictions, tmp_path / "alone" / "model.zarr"))
    with pytest.raises(Exception, match="unknown"):
        score(alone)
    monkeypatch.setenv("VCSPEC_REGISTRY", str(made))
    found = json.loads(score(alone).to_json())
    beside = json.loads(score(screen.predictions).to_json())
    assert found == beside


@pytest.fixture
def alone(screen: tiny.Screen, tmp_path: Path) -> Path:
    """Predictions beside which nothing lies."""
    return Path(shutil.copytree(screen.predictions, tmp_path / "alone" / "model.zarr"))


def _scored(predictions: Path) -> tuple[object, list[str]]:
    """The scorecard, and what was told."""
    told: list[str] = []
    card = score(predictions, settings=Settings(announce=told.append))
    return json.loads(card.to_json()), told


DEAD = "holds no registry.json"


@pytest.mark.parametrize("named", [True, False], ids=["a dead registry", "no registry"])
def test_scores_need_no_registry_for_what_is_kept(alone, place, monkeypatch, named):
    monkeypatch.setenv("VCSPEC_REGISTRY", str(place))
    first, _ = _scored(alone)
    shutil.rmtree(place)
    if not named:
        monkeypatch.delenv("VCSPEC_REGISTRY")
    again, told = _scored(alone)
    assert again == first
    assert "using split tiny/unseen@1.0.0 of the cache" in told
    assert any(DEAD in text for text in told) == named


def test_scores_ask_the_registries_that_answer(alone, place, tmp_path, monkeypatch):
    monkeypatch.setenv("VCSPEC_REGISTRY", f"{tmp_path / 'dead'} {place}")
    _, told = _scored(alone)
    assert "using reference tiny/unseen@1.0.0 of the registry" in told
    assert any(f"dead {DEAD}" in text for text in told)


PINS = [("split", ""), ("reference", "split")]


@pytest.fixture(params=PINS, ids=["the split", "its reference"])
def wish(request, screen: tiny.Screen) -> Callable[[], tuple[str | None, list[str]]]:
    """Asks for what predictions pin; gives the path, and what was told."""
    kind, pin = request.param
    content = json.loads((screen.split / "manifest.json").read_bytes())["content"]

    def ask() -> tuple[str | None, list[str]]:
        told: list[str] = []
        found = published(kind, content, pin=pin, settings=Settings(announce=told.append))
        return found, [text.replace(kind, "KIND") for text in told]

    ask.kind = kind
    return ask


def test_what_is_pinned_and_kept_is_found_without_a_registry(wish, place, monkeypatch):
    assert wish() == (None, [])
    monkeypatch.setenv("VCSPEC_REGISTRY", str(place))
    path, told = wish()
    assert told == ["using KIND tiny/unseen@1.0.0 of the registry"]
    shutil.rmtree(place)
    again, told = wish()
    assert (again, told[-1]) == (path, "using KIND tiny/unseen@1.0.0 of the cache")
    monkeypatch.delenv("VCSPEC_REGISTRY")
    assert wish() == (path, ["using KIND tiny/unseen@1.0.0 of the cache"])


def test_what_is_pinned_and_kept_is_used_where_the_registries_do_not_have_it(
    wish, place, tmp_path, monkeypatch
):
    path = str(fetch("tiny/unseen", kind=wish.kind, registry=[str(place)]))
    release(dataset(tmp_path / "data.zarr"), tmp_path / "other")
    monkeypatch.setenv("VCSPEC_REGISTRY", str(tmp_path / "other"))
    assert wish() == (path, ["using KIND tiny/unseen@1.0.0 of the cache"])


def test_what_is_pinned_and_was_withdrawn_is_not_used_though_it_is_kept(wish, place, monkeypatch):
    fetch("tiny/unseen", kind=wish.kind, registry=[str(place)])
    withdraw("tiny/unseen@1.0.0", str(place), kind=wish.kind, reason="wrong cells")
    monkeypatch.setenv("VCSPEC_REGISTRY", str(place))
    assert wish() == (None, [])


def test_a_reference_that_was_withdrawn_is_not_taken_from_beside_a_kept_split(
    alone, place, monkeypatch
):
    monkeypatch.setenv("VCSPEC_REGISTRY", str(place))
    _scored(alone)
    withdraw("tiny/unseen@1.0.0", str(place), kind="reference", reason="wrong cells")
    with pytest.raises(UsageError, match="no reference of split tiny/unseen"):
        _scored(alone)


def test_what_is_pinned_and_damaged_in_the_cache_is_told_and_not_used(wish, place, monkeypatch):
    path = fetch("tiny/unseen", kind=wish.kind, registry=[str(place)])
    _flip(path / next(one for one in names(path) if "/c/" in one))
    told = f"{path} is damaged; `vcspec cache prune --damaged` removes it"
    assert wish() == (None, [told])
    monkeypatch.setenv("VCSPEC_REGISTRY", str(place))
    found, _ = wish()
    assert found == str(path)
    assert verify_store(path).verdict == "valid"


def test_where_nothing_answers_and_nothing_is_kept_the_registry_is_at_fault(
    wish, tmp_path, monkeypatch
):
    monkeypatch.setenv("VCSPEC_REGISTRY", str(tmp_path / "dead"))
    with pytest.raises(Unreadable, match=DEAD):
        wish()


def test_artefacts_are_found_by_what_they_hold(made):
    def ids(kind: str, **wish: object) -> list[str]:
        found = search(kind, Wish(**wish), registry=[str(made)])
        return [f"{one['release']['id']}@{one['release']['version']}" for one in found]

    assert ids("dataset") == ["tiny@1.0.1"]
    assert ids("dataset", modality="Transcriptomics", context="LIVER") == ["tiny@1.0.1"]
    assert ids("dataset", perturbation="G01") == ["tiny@1.0.1"]
    assert ids("dataset", perturbation="G99") == []
    assert ids("dataset", licence="CC0-1.0", words=("tiny",)) == ["tiny@1.0.1"]
    assert ids("dataset", licence="MIT") == []
    assert ids("dataset", most_bytes=10) == []
    assert ids("split", claim="unseen-perturbation") == ["tiny/unseen@1.0.0"]
    every = search("dataset", Wish(), registry=[str(made)], every=True)
    assert [one.get("superseded_by") for one in every] == ["1.0.1", None]


class Quiet(SimpleHTTPRequestHandler):
    """A web server that lists nothing."""

    asked: list[str] = []  # noqa: RUF012 - one server in a test

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def list_directory(self, _: object) -> None:
        self.send_error(403)


def test_a_plain_web_server_that_lists_nothing_is_enough(made):
    pytest.importorskip("aiohttp")
    from support.sessions import close_sessions

    http = pytest.importorskip("fsspec.implementations.http").HTTPFileSystem
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(made)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        storage = str(entries_in([url])[0]["release"]["storage"])
        found = fetch("tiny", registry=[url])
        assert verify_store(found).verdict == "valid"
        data = [path for path in Quiet.asked if "/blobs/" in path]
        assert len(data) == len(set(data)), "an object was asked for twice"
        store = f"{url}/{blob_of(storage)}"
        for level in ("metadata", "full"):
            report = validate(store, level=level)
            unlisted = {one.code for one in report.skipped if one.because == "nothing is listed"}
            assert report.verdict == "valid"
            assert ("VCS204" in unlisted) == (level == "full")
            assert "VCS012" in unlisted
    finally:
        close_sessions(http, "_session")
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_cache_is_bounded_and_drops_what_was_not_asked_for_longest(made, monkeypatch):
    first = fetch("tiny@1.0.0", registry=[str(made)])
    fetch("tiny/unseen", registry=[str(made)])
    fetch("tiny@1.0.0", registry=[str(made)])
    sizes = {store.path: store.bytes for store in store_cache.in_cache()}
    monkeypatch.setenv("VCSPEC_CACHE_LIMIT", str(2 * sizes[first] + 1000))
    with pytest.raises(Unreadable, match=r"beside what is in use; set VCSPEC_CACHE_LIMIT"):
        fetch("tiny@1.0.1", registry=[str(made)])
    assert {store.path for store in store_cache.in_cache()} == set(sizes)
    store_cache._OWN.clear()  # as another process would find it
    latest = fetch("tiny@1.0.1", registry=[str(made)])
    assert {store.path for store in store_cache.in_cache()} == {first, latest}
    monkeypatch.setenv("VCSPEC_CACHE_LIMIT", "10")
    with pytest.raises(Unreadable, match="VCSPEC_CACHE_LIMIT"):
        fetch("tiny/unseen", registry=[str(made)])


def _interrupted(place: Path, version: int) -> Path:
    """What a fetch leaves whose place has lost an object; the place is whole again."""
    mended = _spoilt(place, version, "X/data/c/0")
    with pytest.raises(Unreadable):
        fetch(f"tiny@1.0.{version}", registry=[str(place)])
    mended()
    (partial,) = (store.path for store in store_cache.left())
    return partial


def test_the_cache_is_bounded_with_what_interrupted_fetches_left(place, monkeypatch):
    left = _interrupted(place, 0)
    (size,) = (store.bytes for store in store_cache.left())
    assert size > 0
    newest = entries_in([str(place)])[1]["release"]["bytes"]
    monkeypatch.setenv("VCSPEC_CACHE_LIMIT", str(newest + size + 10_000))
    newer = fetch("tiny@1.0.1", registry=[str(place)])
    assert left.is_dir()
    monkeypatch.setenv("VCSPEC_CACHE_LIMIT", str(newest + 10_000))
    shutil.rmtree(newer)
    fetch("tiny@1.0.1", registry=[str(place)])
    assert not left.exists()
    assert newer.is_dir()


def test_what_is_continued_counts_once(place, monkeypatch):
    other = fetch("tiny/unseen", registry=[str(place)])
    _interrupted(place, 0)
    both = sum(one["release"]["bytes"] for one in entries_in([str(place)])[:3:2])
    monkeypatch.setenv("VCSPEC_CACHE_LIMIT", str(both + 10_000))
    path = fetch("tiny@1.0.0", registry=[str(place)])
    assert {store.path for store in store_cache.in_cache()} == {path, other}
    assert list(store_cache.left()) == []


@pytest.mark.parametrize("at", [0, 1], ids=["a store", "what was left"])
def test_what_another_process_works_at_stays_and_its_lock_as_well(place, at):
    _interrupted(place, 1)
    fetch("tiny@1.0.0", registry=[str(place)])
    both = [*store_cache.in_cache(), *store_cache.left()]
    busy, idle = both[at], both[1 - at]
    with FileLock(busy.path.with_suffix(".lock")):
        assert not store_cache.remove(busy)
        assert store_cache.make_room(0, most=0, force=True) == [idle]
        assert busy.path.is_dir()
    assert store_cache.remove(busy)
    assert not busy.path.exists()
    assert busy.path.with_suffix(".lock").exists()


def test_a_removal_that_was_interrupted_is_completed(place):
    path = fetch("tiny@1.0.0", registry=[str(place)])
    path.rename(path.with_suffix(".gone"))
    assert [store.kind for store in store_cache.left()] == ["unfinished"]
    fetch("tiny@1.0.0", registry=[str(place)])
    assert [store.path.suffix for store in store_cache.make_room(0, most=0, force=True)] == [
        ".gone",
        ".zarr",
    ]
    assert [*store_cache.left(), *store_cache.in_cache()] == []


@pytest.mark.parametrize("copied", [False, True], ids=["in the cache", "a copy"])
@pytest.mark.parametrize("name", [*DAMAGE, "a guest", "a link", "a loss of all"])
def test_a_damaged_cache_is_never_handed_out(made, tmp_path, name, copied):
    first = fetch("tiny@1.0.0", registry=[str(made)])
    spoil = {
        "a guest": lambda store: (store / "guest").write_text("x"),
        "a link": lambda store: _linked(store / "X/data/c/0", tmp_path / "elsewhere"),
        "a loss of all": shutil.rmtree,
    }
    (DAMAGE | spoil)[name](first)
    found = fetch("tiny@1.0.0", tmp_path / "mine.zarr" if copied else None, registry=[str(made)])
    for path in {first, found}:
        assert verify_store(path).verdict == "valid"
        assert not [one for one in path.rglob("*") if one.is_symlink()]
    assert [store_cache.unsound(one) for one in store_cache.in_cache()] == [[]]
    assert list(tmp_path.glob(".mine*")) == []


def _linked(path: Path, elsewhere: Path) -> None:
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def test_only_what_is_damaged_is_brought_again(place):
    path = fetch("tiny@1.0.0", registry=[str(place)])
    blob = place / "blobs" / path.stem
    for name in names(blob):
        if name != "X/data/c/0" and not name.startswith("manifest"):
            (blob / name).unlink()
    _flip(path / "X/data/c/0")
    assert verify_store(fetch("tiny@1.0.0", registry=[str(place)])).verdict == "valid"


def test_a_damaged_cache_that_cannot_be_mended_is_an_error(place, cache):
    path = fetch("tiny@1.0.0", registry=[str(place)])
    shutil.rmtree(place / "blobs")
    assert fetch("tiny@1.0.0", registry=[str(place)]) == path
    _flip(path / "X/data/c/0")
    with pytest.raises(Unreadable, match="cannot be had"):
        fetch("tiny@1.0.0", registry=[str(place)])
    assert not list(cache.rglob("*.zarr"))


@pytest.mark.parametrize("name", ["manifest.json", "zarr.json"])
@pytest.mark.parametrize("body", ["[" * 100_000, '{"attributes": []}', "[]", "5", ""])
def test_a_document_in_the_cache_that_is_none_is_damage(made, name, body):
    path = fetch("tiny@1.0.0", registry=[str(made)])
    (path / name).write_text(body)
    (store,) = store_cache.in_cache()
    assert (store.path, store.kind, store.content) == (path, "", "")
    assert store_cache.unsound(store) == [name]


def test_damage_in_the_cache_is_found(made):
    path = fetch("tiny", registry=[str(made)])
    (store,) = store_cache.in_cache()
    assert store_cache.unsound(store) == []
    _flip(path / "X/data/c/0")
    (path / "guest").write_text("x")
    assert store_cache.unsound(store) == ["X/data/c/0", "guest"]
    store_cache.remove(store)
    assert list(store_cache.in_cache()) == []
