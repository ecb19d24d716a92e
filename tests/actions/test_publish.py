"""Publishing: whole or invisible, complete or refused, once and for all."""

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from support import tiny
from support.publishing import TEXTS, dataset, release

from vcspec.actions import publish as publishing
from vcspec.actions.export import describe
from vcspec.actions.hidden import hidden
from vcspec.actions.publish import publish
from vcspec.actions.registry import entries_in, read_registry, refresh
from vcspec.actions.verify_store import verify_store
from vcspec.actions.withdraw import abort_stale, withdraw
from vcspec.model.errors import Invalid, Mismatch, Refused, Unreadable, UsageError
from vcspec.rules.documents import validator
from vcspec.standard import CURRENT
from vcspec.storage.local_place import LocalPlace
from vcspec.storage.place import open_place


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


def names(place: Path) -> list[str]:
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())


def document(place: Path, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((place / name).read_bytes())
    return found


def test_a_release_says_everything_and_its_store_is_sound(screen, place):
    done = release(screen.dataset, place)
    stated = document(place, "releases/datasets/tiny/1.0.0.json")
    assert stated == done.release
    assert list(validator(CURRENT, "release").iter_errors(stated)) == []
    assert stated["contact"] == {"name": "Ada Lovelace", "address": "ada@example.org"}
    assert stated["holds"]["contexts"] == ["liver", "skin"]
    assert "G00+G01" in stated["holds"]["perturbations"]
    report = verify_store(done.url, storage=stated["storage"])
    assert (report.verdict, report.codes) == ("valid", ())
    assert names(Path(done.url)) == names(screen.dataset)
    for beside in ("card", "report"):
        body = (place / stated[beside]["place"]).read_bytes()
        assert len(body) == stated[beside]["bytes"]
    assert not [name for name in names(place) if name.startswith(("uploads/", "probes/"))]


def test_a_split_and_its_reference_name_their_parents_and_their_datasets_sources(screen, place):
    split = release(screen.split, place).release
    reference = release(screen.reference, place).release
    assert [(one["of"], one["id"]) for one in split["parents"]] == [("dataset", "tiny")]
    assert [(one["of"], one["id"]) for one in reference["parents"]] == [
        ("dataset", "tiny"),
        ("split", "tiny/unseen"),
    ]
    assert split["holds"]["claim"] == "unseen-perturbation"
    assert split["holds"]["modality"] == "transcriptomics"
    assert [entry["release"]["of"] for entry in read_registry(str(place))] == ["split", "reference"]


@pytest.mark.parametrize(
    ("changes", "makers"),
    [
        ({"creators": ["Doe, Jane", "The lab"]}, ["Doe, Jane", "The lab"]),
        ({"citations": [{"title": "Roe R et al., A screen"}]}, ["Roe R et al."]),
        ({}, None),
    ],
)
def test_a_release_names_who_made_what_was_measured(place, tmp_path, changes, makers):
    made = dataset(tmp_path / "data.zarr", **changes)
    found = release(made, place).release
    assert found.get("creators") == makers
    assert describe(made).creators == tuple(makers or ())  # and so does a CITATION.cff
    assert validator(CURRENT, "release").is_valid(found)


def test_publishing_again_changes_nothing_and_sends_nothing(screen, place):
    release(screen.dataset, place)
    before = {name: (place / name).read_bytes() for name in names(place)}
    again = release(screen.dataset, place, contact="Bob <bob@example.org>")
    assert (again.was_there, again.sent) == (True, 0)
    assert "contact" in again.note
    assert {name: (place / name).read_bytes() for name in names(place)} == before


def test_objects_that_are_there_are_not_sent_again_and_damaged_ones_are(screen, place):
    url = Path(release(screen.dataset, place).url)
    (place / "releases/datasets/tiny/1.0.0.json").unlink()
    (url / "X/data/c/0").unlink()
    body = bytearray((url / "X/indices/c/0").read_bytes())
    body[5] ^= 1
    (url / "X/indices/c/0").write_bytes(body)
    done = release(screen.dataset, place)
    assert done.sent == 1
    assert verify_store(url).verdict == "valid"


def test_a_guest_among_the_objects_keeps_the_release_from_being_made(screen, place):
    url = Path(release(screen.dataset, place).url)
    (place / "releases/datasets/tiny/1.0.0.json").unlink()
    (url / "X/data/c/99").write_bytes(b"guest")
    with pytest.raises(Exception, match=r"X/data/c/99, which is no part"):
        release(screen.dataset, place)
    assert not (place / "releases/datasets/tiny/1.0.0.json").exists()


def test_other_content_under_the_same_version_is_refused_with_the_winners_digest(
    screen, place, tmp_path
):
    winner = release(screen.dataset, place).release
    other = dataset(tmp_path / "other.zarr", tiny.curated(seed=1))
    with pytest.raises(Mismatch, match=str(winner["storage"])):
        release(other, place)
    assert document(place, "releases/datasets/tiny/1.0.0.json") == winner


def test_what_a_version_may_change_is_held_against_the_digests(screen, place, tmp_path):
    release(screen.dataset, place)
    changed = tiny.curated(seed=1)
    for version, curated, wanted in (
        ("1.0.1", changed, "major"),
        ("1.1.0", changed, "major"),
    ):
        store = dataset(tmp_path / f"{version}.zarr", curated, version=version)
        with pytest.raises(UsageError, match=f"but is a {wanted} one.*X"):
            release(store, place)
    same = release(dataset(tmp_path / "patch.zarr", version="1.0.1", title="Better"), place)
    assert same.note == ""
    more = release(dataset(tmp_path / "minor.zarr", version="1.1.0"), place)
    assert more.note.startswith("a patch version would do")
    assert not release(dataset(tmp_path / "major.zarr", changed, version="2.0.0"), place).note
    late = dataset(tmp_path / "late.zarr", version="1.1.1")
    assert release(late, place).release["version"] == "1.1.1"


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_place_that_does_not_answer_is_told_before_the_long_work(screen, monkeypatch, dry_run):
    def silent(_: str) -> None:
        message = "there is no such bucket"
        raise Unreadable(message)

    def examined(*_: object, **__: object) -> None:
        pytest.fail("the store was examined first")

    place = open_place("memory://silent")
    monkeypatch.setattr(place, "read", silent)
    monkeypatch.setattr(publishing, "open_place", lambda _: place)
    monkeypatch.setattr(publishing, "prepared", examined)
    with pytest.raises(Unreadable, match="no such bucket"):
        release(screen.dataset, "memory://silent", dry_run=dry_run)


def test_a_dry_run_tells_everything_and_writes_nothing(screen, place):
    told = release(screen.dataset, place, dry_run=True)
    assert not place.exists()
    assert sorted(entry.name for entry in told.entries) == names(screen.dataset)
    assert told.url == f"{place}/blobs/{str(told.release['storage'])[-64:]}"


@pytest.mark.parametrize("contact", ["", "Ada", "Ada <ada>", "<ada@example.org>", "Ada ada@x.org"])
def test_nobody_to_ask_is_refused(screen, place, contact):
    with pytest.raises(UsageError, match="contact"):
        release(screen.dataset, place, contact=contact)
    assert not place.exists()


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"simulated": False}, "no citation.*no source"),
        ({"simulated": False, "citations": [{"title": "A paper"}]}, "no source"),
    ],
)
def test_measured_data_without_citation_or_sources_are_refused(place, tmp_path, changes, missing):
    store = dataset(tmp_path / "data.zarr", **changes)
    with pytest.raises(UsageError, match=missing):
        release(store, place)
    assert not place.exists()


def test_a_licence_that_is_none_is_refused(place, tmp_path):
    with pytest.raises(Invalid, match="VCS601"):
        release(dataset(tmp_path / "data.zarr", licence="free"), place)


def test_a_licence_of_a_source_that_is_none_is_refused(place, tmp_path):
    source = {"name": "a", "url": "https://example.org/a", "sha256": "0" * 64, "bytes": 1}
    sources = [{**source, "licence": one} for one in ("MIT", "proprietary")]
    store = dataset(tmp_path / "data.zarr", sources=sources)
    with pytest.raises(Invalid, match="VCS601") as error:
        release(store, place)
    (finding,) = error.value.report.findings
    assert (finding.pointer, "proprietary" in finding.found) == ("/vcspec/sources/1/licence", True)


def test_upstream_licences_are_listed(place, tmp_path):
    source = {"name": "a", "url": "https://example.org/a", "sha256": "0" * 64, "bytes": 1}
    store = dataset(
        tmp_path / "data.zarr",
        simulated=False,
        citations=[{"title": "A paper", "doi": "10.1000/xyz"}],
        sources=[{**source, "licence": "MIT"}, {**source, "name": "b", "licence": "CC-BY-4.0"}],
    )
    assert release(store, place).release["upstream_licences"] == ["CC-BY-4.0", "MIT"]


def test_a_damaged_store_is_refused(screen, place, tmp_path):
    store = Path(shutil.copytree(screen.dataset, tmp_path / "data.zarr"))
    (store / "X/data/c/0").unlink()
    with pytest.raises(Invalid, match="VCS201"):
        release(store, place)
    assert not place.exists()


def test_predictions_are_not_published(screen, place):
    with pytest.raises(UsageError, match="dataset, split or reference"):
        release(screen.predictions, place)


def test_a_split_is_not_published_without_its_dataset_at_hand(screen, place, tmp_path):
    alone = Path(shutil.copytree(screen.split, tmp_path / "alone" / "split.zarr"))
    with pytest.raises(UsageError, match="--dataset"):
        release(alone, place)
    assert release(alone, place, dataset=screen.dataset).release["of"] == "split"


def test_of_many_publishers_of_different_bytes_one_wins_and_the_others_hear_of_it(place, tmp_path):
    stores = [dataset(tmp_path / f"{n}.zarr", tiny.curated(seed=n)) for n in range(6)]

    def tried(store: Path) -> str:
        try:
            return str(release(store, place).release["storage"])
        except Mismatch:
            return ""

    with ThreadPoolExecutor(6) as pool:
        outcomes = [one for one in pool.map(tried, stores) if one]
    stands = document(place, "releases/datasets/tiny/1.0.0.json")["storage"]
    assert outcomes == [stands]
    assert [entry["release"]["storage"] for entry in read_registry(str(place))] == [stands]


def test_of_many_publishers_of_the_same_bytes_all_succeed(screen, place):
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: release(screen.dataset, place), range(6)))
    assert len({str(one.release["published"]) for one in done}) == 1
    assert verify_store(done[0].url).verdict == "valid"


def test_releases_of_racing_publishers_all_stand_in_the_registry(place, tmp_path):
    stores = [dataset(tmp_path / f"{n}.zarr", id=f"data-{n}") for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda store: release(store, place), stores))
    assert [entry["release"]["id"] for entry in read_registry(str(place))] == [
        f"data-{n}" for n in range(6)
    ]


def test_what_is_withdrawn_keeps_its_name_and_says_why(screen, place, tmp_path):
    release(screen.dataset, place)
    release(dataset(tmp_path / "next.zarr", version="1.0.1"), place)
    gone = withdraw("tiny@1.0.0", str(place), reason="wrong labels", superseded_by="1.0.1")
    assert gone["reason"] == "wrong labels"
    old, new = entries_in([str(place)])
    assert old["withdrawn"]["reason"] == "wrong labels"
    assert old["superseded_by"] == "1.0.1"
    assert "withdrawn" not in new
    with pytest.raises(Mismatch, match="withdrawn"):
        release(screen.dataset, place)
    again = withdraw("tiny@1.0.0", str(place), reason="wrong labels")
    assert again["withdrawn"] == gone["withdrawn"]
    with pytest.raises(Mismatch, match="already: wrong labels"):
        withdraw("tiny@1.0.0", str(place), reason="another")


@pytest.mark.parametrize("name", ["tiny@9.0.0", "other@1.0.0", "tiny"])
def test_only_what_is_there_is_withdrawn(screen, place, name):
    release(screen.dataset, place)
    with pytest.raises(UsageError, match="no release"):
        withdraw(name, str(place), reason="x")


def digest(storage: str) -> dict[str, str]:
    return {"storage": f"vcs1s-sha256:{storage}"}


def test_only_uploads_of_ours_that_are_old_and_never_became_a_release_are_removed(screen, place):
    done = release(screen.dataset, place)
    finished = str(done.release["storage"])[-64:]
    for number, (storage, begun) in enumerate(
        ((finished, "2020-01-01"), ("1" * 64, "2020-01-01"), ("2" * 64, "2999-01-01"))
    ):
        mark = place / f"uploads/{storage}.json"
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(json.dumps({"begun": f"{begun}T00:00:00Z", **digest(storage)}))
        if number:
            (place / f"blobs/{storage}").mkdir()
            (place / f"blobs/{storage}/zarr.json").write_text("{}")
    (place / "blobs/" / ("3" * 64)).mkdir()
    (place / "blobs/" / ("3" * 64) / "zarr.json").write_text("somebody else's")
    (place / "drafts").mkdir()
    for name, age in (("old", 90_000), ("new", 10)):
        (place / "drafts" / name).write_bytes(b"half")
        os.utime(place / "drafts" / name, (time.time() - age,) * 2)
    before = set(names(place))
    told = abort_stale(str(place), dry_run=True)
    assert set(names(place)) == before
    assert abort_stale(str(place)) == told
    assert before - set(names(place)) == {
        f"blobs/{'1' * 64}/zarr.json",
        f"uploads/{'1' * 64}.json",
        f"uploads/{finished}.json",
        "drafts/old",
    }
    assert verify_store(done.url).verdict == "valid"


def test_what_is_no_mark_by_its_name_is_left_alone(screen, place):
    release(screen.dataset, place)
    strays = (".json", "x.json", ".DS_Store", "1.json", "a/b.json")
    for path in (place / folder / name for folder in ("uploads", "probes") for name in strays):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"begun": "2020-01-01T00:00:00Z", **digest("")}))
    before = names(place)
    assert abort_stale(str(place)) == []
    assert names(place) == before


@pytest.mark.parametrize(
    "told",
    [
        {},
        [],
        {"begun": "2020-01-01", **digest("1" * 64)},
        {"begun": "2020-01-01T00:00:00", **digest("1" * 64)},
        {"begun": 3, **digest("1" * 64)},
        {"begun": "2020-01-01T00:00:00Z"},
        {"begun": "2020-01-01T00:00:00Z", **digest("2" * 64)},
    ],
)
def test_a_mark_that_is_none_removes_nothing(place, told):
    for name in (f"uploads/{'1' * 64}.json", f"blobs/{'1' * 64}/zarr.json"):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text(json.dumps(told))
    before = names(place)
    with pytest.raises(Unreadable, match="no mark of an upload"):
        abort_stale(str(place))
    assert names(place) == before


def _stale(place: Path, storage: str) -> Path:
    mark = place / f"uploads/{storage}.json"
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(json.dumps({"begun": "2020-01-01T00:00:00Z", **digest(storage)}))
    return mark


@pytest.mark.parametrize("late", ["the release", "the mark"])
def test_an_upload_that_ends_while_others_are_removed_is_kept(screen, place, monkeypatch, late):
    storage = str(release(screen.dataset, place).release["storage"])[-64:]
    document = place / "releases/datasets/tiny/1.0.0.json"
    body = document.read_bytes()
    mark = _stale(place, storage)
    document.unlink()
    sizes = LocalPlace.sizes

    def raced(self: LocalPlace, prefix: str) -> object:
        found = sizes(self, prefix)
        if prefix.startswith("blobs/"):
            if late == "the mark":
                mark.write_text(json.dumps({"begun": "2999-01-01T00:00:00Z", **digest(storage)}))
            else:
                document.write_bytes(body)
        return found

    monkeypatch.setattr(LocalPlace, "sizes", raced)
    abort_stale(str(place))
    monkeypatch.undo()
    document.write_bytes(body)
    assert verify_store(place / f"blobs/{storage}").verdict == "valid"


def test_an_upload_says_again_that_it_goes_on(screen, place, monkeypatch):
    put, marks = LocalPlace.put, []

    def noted(self: LocalPlace, name: str, body: object) -> None:
        marks.extend([name] if name.startswith("uploads/") else [])
        put(self, name, body)

    monkeypatch.setattr(LocalPlace, "put", noted)
    monkeypatch.setattr(publishing, "MARKED_SECONDS", -1)
    done = release(screen.dataset, place)
    assert len(marks) == 2 + 2 * len(done.entries)
    monkeypatch.setattr(publishing, "MARKED_SECONDS", 3_600)
    marks.clear()
    release(screen.split, place, dataset=screen.dataset)
    assert len(marks) == 2


def test_what_a_publisher_leaves_that_is_killed_while_it_probes_is_removed(
    screen, place, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(LocalPlace, "remove", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            release(screen.dataset, place)
    (left,) = names(place)
    assert abort_stale(str(place)) == []
    for dry_run in (True, False):
        assert names(place) == [left]
        (told,) = abort_stale(str(place), older=timedelta(0), dry_run=dry_run)
        assert told.names == (left,)
    assert names(place) == []


def test_the_truth_that_a_split_withholds_is_not_published_by_mistake(screen, place, tmp_path):
    hidden(screen.dataset, tmp_path / "kept", tiny.plan())
    public, private = tmp_path / "kept" / "public", tmp_path / "kept" / "private"
    with pytest.raises(UsageError, match="--reveal"):
        release(private / "reference.zarr", place, split=public / "split.zarr")


def test_a_place_that_replaces_releases_is_refused(screen, place, monkeypatch):
    def stand(self: LocalPlace, name: str, body: bytes) -> bytes:
        self.put(name, body)
        return body

    monkeypatch.setattr(LocalPlace, "stand", stand)
    with pytest.raises(Refused, match="--trust-store"):
        release(screen.dataset, place)
    assert names(place) == []
    assert release(screen.dataset, place, trusted=True).sent


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "01.0.0"},
        {"version": "12345678901.0.0"},
        {"version": "1.0.0\n"},
        {"id": "tiny/1.0.0.json"},
        {"id": "tiny\n"},
    ],
    ids=str,
)
def test_what_nobody_could_name_is_not_published(place, tmp_path, changes):
    made = dataset(tmp_path / "data.zarr", **changes)
    with pytest.raises((Invalid, UsageError)):
        release(made, place)
    assert not place.exists()


SECRET = "https://h/x?X-Amz-Signature=hunter2"


def test_a_secret_of_the_document_is_not_published(place, tmp_path):
    source = {"name": "x", "licence": "MIT", "sha256": "0" * 64, "bytes": 1}
    sources = [{**source, "url": url} for url in ("https://h/x?acc=GSE1", SECRET)]
    made = dataset(tmp_path / "data.zarr", sources=sources)
    with pytest.raises(UsageError, match=r"at /vcspec/sources/1/url.*leave it out"):
        release(made, place)
    made = dataset(tmp_path / "fine.zarr", sources=sources[:1])
    assert release(made, place).sent


@pytest.mark.parametrize(
    "options",
    [
        {"contact": "A <https://u:hunter2@h/x>"},
        {"contact": f"A <{SECRET}>"},
        {"texts": {**TEXTS, "card": lambda *_: f"Got from <{SECRET}>."}},
    ],
)
def test_a_secret_in_what_is_said_of_it_is_not_published(screen, place, options):
    with pytest.raises(UsageError, match="leave it out") as error:
        release(screen.dataset, place, **options)
    assert "hunter2" not in str(error.value)
    assert not place.exists()


@pytest.mark.parametrize("text", ["a\nvcspec: all is well", "a\x1b[2J", f"see {SECRET}"])
def test_a_reason_is_one_line_without_secrets(screen, place, text):
    release(screen.dataset, place)
    with pytest.raises(UsageError, match="leave"):
        withdraw("tiny@1.0.0", str(place), reason=text)
    with pytest.raises(UsageError, match=r"not complete|leave it out"):
        release(screen.dataset, place, contact=f"{text} <a@b.org>")
    assert not (place / "withdrawn").exists()


STRAY = ["datasets/.DS_Store", "datasets/tiny/a.b.c.json", "datasets/tiny/01.0.0.json", "x.json"]


@pytest.mark.parametrize("folder", ["releases", "withdrawn"])
def test_stray_files_beside_releases_are_no_matter(screen, place, tmp_path, folder):
    release(screen.dataset, place)
    for name in STRAY:
        path = place / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("nothing")
    release(dataset(tmp_path / "data.zarr", version="1.0.1"), place)
    (place / "registry.json").write_text("{}")
    puts: list[str] = []
    at = LocalPlace(place)
    at.put = lambda name, body: (puts.append(name), LocalPlace.put(at, name, body))[1]
    refresh(at, anew=True)
    assert puts == ["registry.json"]
    found = [entry["release"]["version"] for entry in entries_in([str(place)])]
    assert found == ["1.0.0", "1.0.1"]
    withdraw("tiny@1.0.0", str(place), reason="x", superseded_by="1.0.1")
    with pytest.raises(UsageError, match="would supersede"):
        withdraw("tiny@1.0.1", str(place), reason="x", superseded_by="01.0.0")
    assert abort_stale(str(place)) == []


@pytest.mark.parametrize("below", ["", "obs", "new/folder"])
def test_nothing_is_published_into_a_store(screen, tmp_path, below):
    store = Path(shutil.copytree(screen.dataset, tmp_path / "data.zarr"))
    before = names(store)
    with pytest.raises(UsageError, match="Zarr store"):
        release(screen.dataset, store / below)
    assert names(store) == before
    (tmp_path / "link").symlink_to(store)
    with pytest.raises(UsageError, match="Zarr store"):
        release(screen.dataset, tmp_path / "link" / below)


def test_an_empty_address_is_no_place_to_publish_at(screen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="empty"):
        release(screen.dataset, "")
    assert list(tmp_path.iterdir()) == []


def test_publishing_needs_texts_of_both_kinds(screen, place):
    with pytest.raises(KeyError):
        publish(screen.dataset, place, contact="A <a@b.org>", texts={})
