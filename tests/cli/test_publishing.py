"""publish, withdraw, registry, fetch, datasets, splits, cache and verify, as users type them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import tiny
from support.fault_proxy import Rule

from vcspec.cli import cli
from vcspec.model.errors import Unreadable, UsageError
from vcspec.storage.place import open_place

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VCSPEC_REGISTRY", raising=False)
    monkeypatch.setenv("VCSPEC_CONTACT", "Ada <ada@example.org>")

    def call(*arguments: object) -> Result:
        result = CliRunner().invoke(cli, [str(one) for one in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def place(screen: tiny.Screen, tmp_path: Path, run: Run) -> Path:
    for store in (screen.dataset, screen.split, screen.reference):
        assert run("publish", store, tmp_path / "place", "-q").exit_code == 0
    return tmp_path / "place"


def test_publishing_prints_the_address_and_talks_aside(screen, tmp_path, run):
    done = run("publish", screen.dataset, tmp_path / "place")
    assert done.stdout.strip().startswith(str(tmp_path / "place/blobs/"))
    assert "tiny@1.0.0 is published" in done.stderr
    assert "was published before" in run("publish", screen.dataset, tmp_path / "place").stderr


def test_nothing_to_abort_is_said(screen, tmp_path, run):
    run("publish", screen.dataset, tmp_path / "place")
    done = run("publish", "--abort-stale", tmp_path / "place")
    assert (done.stdout, done.exit_code) == ("", 0)
    assert "nothing that was begun" in done.stderr


def test_a_dry_run_lists_objects_bytes_requests_and_the_address(screen, tmp_path, run):
    told = run("publish", screen.dataset, tmp_path / "place", "--dry-run").stdout
    for word in ("X/data/c/0", "manifest.json", "objects", "requests", "vcs1s-sha256:", "/blobs/"):
        assert word in told
    assert not (tmp_path / "place").exists()


def test_a_dry_run_tells_what_is_there_already(screen, tmp_path, run):
    place = tmp_path / "place"
    url = Path(run("publish", screen.dataset, place).stdout.strip())
    (place / "releases/datasets/tiny/1.0.0.json").unlink()
    objects = sum(path.is_file() for path in url.rglob("*"))
    (url / "X/data/c/0").unlink()
    told = run("publish", screen.dataset, place, "--dry-run").stdout
    assert told.count("  (there)") == objects - 1
    assert "X/data/c/0\n" in told
    assert f"{objects - 1} are there" in told


def test_the_data_card_ends_with_whom_to_ask_and_what_was_written_by_hand(screen, tmp_path, run):
    (tmp_path / "about.md").write_text("## Notes\n\nBy hand.\n")
    run("publish", screen.dataset, tmp_path / "place", "--about", tmp_path / "about.md")
    (card,) = (tmp_path / "place/cards").iterdir()
    text = card.read_text()
    assert text.startswith("# A tiny simulated screen")
    assert text.endswith("## Contact\n\nAda, <ada@example.org>\n\n## Notes\n\nBy hand.\n")


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_having_no_credentials_is_told_in_one_line(fault_proxy, tmp_path, scheme):
    drivers = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}
    pytest.importorskip(drivers[scheme])
    nobody = fault_proxy("http://127.0.0.1:9")
    nobody.follow(Rule("status", status=403))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_GCE_CHECK": "true",
        "GCE_METADATA_HOST": "127.0.0.1:9",
        "GCE_METADATA_IP": "127.0.0.1:9",
        "STORAGE_EMULATOR_HOST": nobody.url,
    }
    done = subprocess.run(
        [sys.executable, "-m", "vcspec", "registry", f"{scheme}://nowhere/place"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "credentials" in done.stderr


@pytest.mark.parametrize(
    "text", ["hunter2", "AccountKey=hunter2", "BlobEndpoint=http://[1/hunter2"]
)
def test_a_connection_that_is_none_is_told_without_it(monkeypatch, text):
    pytest.importorskip("adlfs")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
    with pytest.raises(Unreadable, match="cannot be asked") as error:
        open_place("az://x/y")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "arguments", [["publish"], ["publish", "one"], ["publish", "--abort-stale", "a", "b"]]
)
def test_too_few_arguments_are_told(run, arguments):
    if len(arguments) == 1:
        assert run(*arguments).exit_code == 2
        return
    with pytest.raises(UsageError, match="give"):
        run(*arguments)


@pytest.mark.parametrize(
    "asked", [("--context", "K562"), ("--perturbation", "KLF1"), ("--max-size", "1")]
)
def test_what_cards_of_the_library_do_not_tell_needs_a_registry(run, asked):
    told = run("datasets", *asked)
    assert told.exit_code == 2
    assert f"do not tell of {asked[0]}; name a registry" in " ".join(told.stderr.split())
    assert "norman-mcfaline" in run("datasets", "--modality", "transcriptomics").stdout


def test_what_is_published_is_listed_searched_and_fetched(place, run, tmp_path):
    assert run("registry", place).stdout.count("@1.0.0") == 3
    entries = json.loads(run("registry", place, "--format", "json").stdout)["releases"]
    assert [entry["release"]["of"] for entry in entries] == ["dataset", "split", "reference"]
    assert "tiny/unseen@1.0.0" in run("splits", "--registry", place).stdout
    assert run("datasets", "--registry", place, "--context", "brain").stdout == "nothing fits\n"
    found = Path(run("fetch", "tiny@1.0.0", "--registry", place).stdout.strip())
    assert (found / "manifest.json").is_file()
    run("fetch", "tiny", "-o", tmp_path / "mine.zarr", "--registry", place)
    assert run("verify", tmp_path / "mine.zarr").exit_code == 0


def test_a_registry_that_is_dead_is_told_and_the_others_are_used(place, run, tmp_path):
    dead = tmp_path / "dead"
    both = ("--registry", dead, "--registry", place)
    for command in (["fetch", "tiny"], ["datasets", "tiny"], ["splits", "tiny"]):
        done = run(*command, *both)
        assert done.exit_code == 0
        assert done.stdout
        assert f"{dead} holds no registry.json" in done.stderr
        with pytest.raises(Unreadable, match=r"dead holds no registry.*gone holds no registry"):
            run(*command, "--registry", dead, "--registry", tmp_path / "gone")
    with pytest.raises(Unreadable, match="dead holds no registry"):
        run("registry", place, dead, "-o", tmp_path / "registry.json")


def test_without_a_registry_the_library_is_listed(run):
    told = run("datasets", "kang")
    assert "kang-ifnb@" in told.stdout
    assert "norman" not in told.stdout
    assert "library" in told.stderr
    assert "norman-mcfaline/" in run("splits", "--claim", "unseen-combination").stdout


def test_a_withdrawal_is_told_to_readers(place, run):
    run("withdraw", "tiny@1.0.0", place, "--reason", "wrong labels")
    assert "withdrawn" in run("registry", place).stdout
    assert run("datasets", "--registry", place).stdout == "nothing fits\n"
    assert "withdrawn" in run("datasets", "--registry", place, "--all").stdout


def test_what_was_not_looked_for_is_told(place, run, web_server):
    listing, silent = web_server(place), web_server(place, listings=False)
    store = next((place / "blobs").iterdir())
    for server, mode in ((listing, "list"), (silent, "list"), (silent, "full")):
        done = run("verify", f"{server.url}/blobs/{store.name}", "--mode", mode)
        assert done.exit_code == 0
        assert ("not looked for: objects beside them" in done.stderr) == (server is silent)


def test_a_registry_is_written_again(place, run):
    body = (place / "registry.json").read_bytes()
    (place / "registry.json").unlink()
    run("registry", place, "--write")
    assert (place / "registry.json").read_bytes() == body


def test_the_cache_is_looked_after(place, run):
    path = Path(run("fetch", "tiny", "--registry", place).stdout.strip())
    assert "tiny@1.0.0  dataset" in run("cache", "list").stdout
    (kept,) = json.loads(run("cache", "list", "--format", "json").stdout)
    assert (kept["path"], kept["name"]) == (str(path), "tiny@1.0.0")
    assert run("cache", "verify").exit_code == 0
    (path / "guest").write_text("x")
    damaged = run("cache", "verify")
    assert (damaged.exit_code, "guest" in damaged.stdout) == (1, True)
    assert "removed" in run("cache", "prune", "--damaged").stdout
    run("fetch", "tiny", "--registry", place)
    assert run("cache", "prune", "--keep", "1GiB").stdout == "nothing to remove\n"
    left = path.with_name(f"{'0' * 64}.partial")
    left.mkdir()
    (left / "zarr.json").write_text("{}")
    assert "unfinished" in run("cache", "list").stdout
    removed = run("cache", "prune", "--keep", "1GiB").stdout
    assert removed == f"removed vcs1s-sha256:{'0' * 64}\n"
    spared = run("cache", "prune")
    assert (spared.stdout, "--force" in spared.stderr) == ("nothing to remove\n", True)
    assert path.is_dir()
    assert "removed" in run("cache", "prune", "--force").stdout
    assert run("cache", "list").stdout.count("\n") == 1


def test_a_part_that_was_fetched_is_told_with_what_verifies_it(place, run, tmp_path):
    goal = tmp_path / "labels.zarr"
    options = ("tiny", "-o", goal, "--path", "obs", "--path", "X/data", "--registry", place)
    told = run("fetch", *options).stderr
    words = ["verify", str(goal), "--path", "obs", "--path", "X/data"]
    assert f"`vcspec {' '.join(words)}`" in told
    assert run(*words).exit_code == 0
    (goal / "X/data/c/0").write_bytes(b"other")
    assert run(*words).exit_code == 1


def test_a_store_is_verified_in_each_mode(place, run, tmp_path):
    blob = next((place / "blobs").iterdir())
    for mode in ("full", "list", "head", "sample=0.5"):
        assert run("verify", blob, "--mode", mode).exit_code == 0
    other = Path(shutil.copytree(blob, tmp_path / "other" / blob.name))
    text = (other / "manifest.json").read_text().replace("vcs1c-sha256:", "vcs1c-sha256:0", 1)
    (other / "manifest.json").write_text(text)
    for mode in ("full", "list"):
        assert run("verify", other, "--mode", mode).exit_code == 1


def test_what_was_verified_in_part_is_not_said_to_be_sound_as_a_whole(place, run):
    blob = next((place / "blobs").iterdir())
    told = run("verify", blob, "--path", "obs").stderr
    assert "every object is as its manifest lists it, below obs alone" in told
    assert "alone" not in run("verify", blob).stderr


@pytest.mark.parametrize(
    ("target", "options", "what"),
    [
        ("data.zarr", ("--predictions", "model.zarr"), "a store, of which --predictions"),
        ("card.json", ("--mode", "list"), "a scorecard, of which --mode"),
        ("card.json", ("--path", "obs"), "a scorecard, of which --path"),
    ],
)
def test_options_that_say_nothing_of_what_is_verified_are_refused(run, target, options, what):
    done = run("verify", target, *options)
    assert (done.exit_code, what in done.stderr) == (2, True)


def test_a_section_by_hand_that_is_not_there_is_told_before_the_work(screen, tmp_path, run):
    done = run("publish", screen.dataset, tmp_path / "place", "--about", tmp_path / "none.md")
    assert (done.exit_code, "does not exist" in done.stderr) == (2, True)


def test_scores_find_what_they_need_in_the_registry(screen, place, run, tmp_path, monkeypatch):
    monkeypatch.setenv("VCSPEC_REGISTRY", str(place))
    alone = Path(shutil.copytree(screen.predictions, tmp_path / "alone/model.zarr"))
    done = run("score", alone)
    assert done.exit_code == 0
    assert "using reference tiny/unseen@1.0.0 of the registry" in done.stderr
