"""Registries: what is believed of them, and what is not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import tiny
from support.places import Place
from support.publishing import dataset, lean, release

from vcspec.actions.fetch import fetch, published
from vcspec.actions.registry import as_registry, entries_in, read_registry
from vcspec.actions.verify_store import verify_store
from vcspec.cli import cli
from vcspec.engine.settings import settings_in_force
from vcspec.model.errors import Mismatch, Unreadable
from vcspec.rules.documents import validator
from vcspec.standard import CURRENT
from vcspec.storage.anonymous import anonymous_options


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VCSPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VCSPEC_REGISTRY", raising=False)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def store(screen: tiny.Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny dataset in few objects."""
    return lean(tmp_path_factory.mktemp("lean") / "data.zarr", screen.dataset)


@pytest.fixture(scope="module")
def made(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with the dataset; nobody changes it."""
    place = tmp_path_factory.mktemp("published") / "place"
    release(store, place)
    return place


def naming(folder: Path, made: Path, *places: str) -> Path:
    """A registry in the folder which says that these places hold what the place does."""
    document = json.loads((made / "registry.json").read_bytes())
    for entry in document["releases"]:
        entry["places"] = list(places)
    folder.mkdir(exist_ok=True)
    (folder / "registry.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def public(moto_server: Place, store: Path) -> Place:
    """A bucket from which everybody may read the dataset."""
    with moto_server.changed(s3_additional_kwargs={"ACL": "public-read"}).in_force():
        release(store, moto_server.root)
    return moto_server


@pytest.fixture
def elsewhere(web_server, made, tmp_path) -> Callable[[str], str]:
    """Address of a registry of the web which says that a place holds what was made."""
    return lambda place: str(web_server(naming(tmp_path / "web", made, place)).url)


def test_no_credentials_go_to_a_place_that_the_registry_alone_names(
    public, fault_proxy, elsewhere, cache
):
    between, web = fault_proxy(public.url), elsewhere(public.root)
    with public.behind(between.url).in_force():
        assert verify_store(fetch("tiny", registry=[web])).verdict == "valid"
        assert between.log
        assert not [one for one in between.log if one.signed]
        shutil.rmtree(cache)
        fetch("tiny", registry=[web, public.root])
        assert [one for one in between.log if one.signed]


def test_a_store_is_found_by_its_digest_without_credentials(
    public, fault_proxy, elsewhere, monkeypatch
):
    between, web = fault_proxy(public.url), elsewhere(public.root)
    monkeypatch.setenv("VCSPEC_REGISTRY", web)
    content = read_registry(web)[0]["release"]["content"]
    with public.behind(between.url).in_force():
        assert published("dataset", content, settings=settings_in_force()) is not None
    assert not [one for one in between.log if one.signed]


def test_no_key_of_azure_goes_to_a_place_that_the_registry_alone_names(
    azurite, fault_proxy, elsewhere
):
    between, web = fault_proxy(azurite.url), elsewhere(f"{azurite.root}/place")
    with azurite.behind(between.url).in_force():
        with pytest.raises(Unreadable, match="without credentials"):
            fetch("tiny", registry=[web])
        assert between.log
        assert not [one for one in between.log if one.signed]


def test_no_credentials_of_the_environment_are_used_without_being_asked_for(monkeypatch):
    secrets = {
        "AZURE_STORAGE_CONNECTION_STRING": "AccountName=mine;AccountKey=aHVudGVy;Suffix=x",
        "AZURE_STORAGE_ACCOUNT_KEY": "aHVudGVy",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    configured = {
        "https": {"headers": {"Authorization": "hunter"}, "auth": "hunter"},
        "s3": {"key": "hunter", "secret": "hunter", "token": "hunter"},
        "gs": {"token": "hunter"},
    }
    for url in (
        "https://h/x",
        "s3://b/x",
        "gs://b/x",
        "az://c/x",
        "abfs://c@a.dfs.core.windows.net",
    ):
        scheme = url.partition("://")[0]
        options = {**configured.get(scheme, {}), **anonymous_options(url, configured)}
        assert "hunter" not in str(options)
        assert "aHVudGVy" not in str(options)


def test_an_account_that_the_registry_names_is_not_asked_with_the_users_key(monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "aHVudGVy")
    options = anonymous_options("abfs://c@victim.dfs.core.windows.net/p", {})
    assert options == {"connection_string": "BlobEndpoint=https://victim.blob.core.windows.net"}
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(Unreadable, match="AZURE_STORAGE_ACCOUNT_NAME"):
        anonymous_options("az://c/p", {})


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_registry_of_the_web_names_no_folder_of_this_machine(web_server, made, tmp_path, prefix):
    web = web_server(naming(tmp_path / "web", made, f"{prefix}{made}"))
    with pytest.raises(Unreadable, match="local folders"):
        fetch("tiny", registry=[web.url])
    written = tmp_path / "written.json"
    assert CliRunner().invoke(cli, ["registry", web.url, "-o", str(written)]).exit_code == 0
    assert json.loads(written.read_bytes())["releases"] == []
    other = release(dataset(tmp_path / "other.zarr", tiny.curated(seed=3)), tmp_path / "other")
    with pytest.raises(Mismatch, match=r"tiny@1\.0\.0 is .* in another registry"):
        entries_in([web.url, other.place])
    assert fetch("tiny", registry=[str(tmp_path / "web")])


@pytest.mark.parametrize("place", ["", "relative", "./x", "simplecache::s3://b/p"])
def test_a_place_is_a_whole_address(made, tmp_path, place):
    folder = naming(tmp_path / "web", made, place)
    document = json.loads((folder / "registry.json").read_bytes())
    assert not validator(CURRENT, "registry").is_valid(document)
    with pytest.raises(Unreadable, match="is no registry"):
        fetch("tiny", registry=[str(folder)])


@pytest.mark.parametrize(
    ("place", "unnamed"),
    [
        ("https://h/place", False),
        ("https://h/place/sub/", False),
        ("https://h/places", True),
        ("https://h/place/../secret", True),
        ("https://h/place/%2e%2e/secret", True),
        ("https://h.evil.org/place", True),
        ("http://h/place", True),
        ("abfs://other@account.dfs.core.windows.net/p", True),
        ("abfs://mine@account.dfs.core.windows.net/p", False),
    ],
)
def test_a_place_is_named_with_whatever_lies_below_it(made, tmp_path, place, unnamed):
    folder = naming(tmp_path / "web", made, place)
    named = ["https://me:hunter2@h/place/", "abfs://mine@account.dfs.core.windows.net", "s3://"]
    (entry,) = read_registry(str(folder), named=named)
    assert ("unnamed" in entry) == unnamed
    assert "unnamed" not in str(as_registry([entry]))


def test_a_place_that_cannot_be_asked_is_told_and_the_next_is_asked(made, tmp_path):
    folder = naming(tmp_path / "web", made, "gopher://h/x", "s3://k:s3cret@b/p", str(made))
    assert verify_store(fetch("tiny", registry=[str(folder)])).verdict == "valid"


@pytest.mark.parametrize("name", ["mine.json", "registry.json"])
def test_a_registry_may_have_any_name(made, tmp_path, monkeypatch, name):
    (tmp_path / "folder").mkdir()
    merged = as_registry(entries_in([str(made)]))
    (tmp_path / "folder" / name).write_text(json.dumps(merged))
    monkeypatch.chdir(tmp_path / "folder")
    for target in (
        name,
        f"./{name}",
        str(tmp_path / "folder" / name),
        f"file://{Path(name).absolute()}",
    ):
        (entry,) = entries_in([target])
        assert entry["places"] == [str(made)]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unreadable, match=r"holds no other\.json$"):
        entries_in(["other.json"])


def test_a_registry_of_any_name_is_read_from_the_web(web_server, made, tmp_path):
    folder = tmp_path / "web.json"
    shutil.copytree(made, folder)
    (folder / "registry.json").rename(folder / "all.json")
    web = web_server(folder)
    assert entries_in([f"{web.url}/all.json"])[0]["places"] == [web.url]
    with pytest.raises(Unreadable, match=r"holds no registry\.json; .* --write"):
        entries_in([web.url])
    with pytest.raises(Unreadable, match=r"holds no registry\.json"):
        entries_in([str(folder)])


def test_a_registry_of_relative_places_names_them_in_full(made, monkeypatch):
    monkeypatch.chdir(made.parent)
    assert entries_in(["place"])[0]["places"] == [str(made)]
