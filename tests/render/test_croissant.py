import hashlib
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.descriptions import CONTENT, SHA, described, measured, split_document

from vcspec.model.described import DescribedColumn
from vcspec.render.croissant import croissant, lacking
from vcspec.render.exports import render_export

# Reads a file with the format's own package; prints what it complains of, and what it saw.
READER = """
import json, sys
import mlcroissant as mlc
found = mlc.Dataset(sys.argv[1])
sets = {one.id: [field.id for field in one.fields] for one in found.metadata.record_sets}
roles = list(found.records("roles")) if "roles" in sets else []
roles = [{name: value for name, value in one.items() if value == value} for one in roles]
issues = found.metadata.ctx.issues
print(json.dumps({
    "errors": sorted(map(str, issues.errors)), "warnings": sorted(map(str, issues.warnings)),
    "sets": sets, "roles": roles, "name": found.metadata.name, "cite": found.metadata.cite_as,
    "files": {one.id: one.sha256 for one in found.metadata.file_objects},
}))
"""


def read(found, folder: Path):
    """What mlcroissant, which defines what is valid, makes of the document."""
    if find_spec("mlcroissant") is None:
        pytest.skip("mlcroissant is not installed; it comes with the extra `test`")
    path = folder / "croissant.json"
    path.write_text(render_export(found, "croissant"), encoding="utf-8")
    command = [sys.executable, "-c", READER, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_reader_of_the_format_finds_nothing_wrong_with_a_dataset(tmp_path):
    found = described(creators=("Doe, Jane",), address="https://example.org/kang.zarr")
    seen = read(found, tmp_path)
    assert (seen["errors"], seen["warnings"]) == ([], [])
    assert seen["name"] == "kang"
    assert seen["files"] == {"manifest.json": SHA}
    assert seen["sets"] == {
        "obs": ["obs/_index", "obs/context", "obs/perturbation", "obs/size"],
        "var": ["var/_index", "var/is_target"],
    }


def test_the_reader_of_the_format_reads_the_roles_of_a_split(tmp_path):
    roles = {"train": 16, "inference-input": 1, "test": 6}
    seen = read(described(split_document(), roles=roles), tmp_path)
    assert seen["errors"] == []
    assert [(one["roles/name"], one["roles/conditions"]) for one in seen["roles"]] == [
        *roles.items()
    ]
    assert [one.get("roles/url") for one in seen["roles"]] == [
        "cr:TrainingSplit",
        None,
        "cr:TestSplit",
    ]


def test_strings_of_strangers_make_no_document_that_is_invalid(tmp_path):
    rude = 'a "b" \\ {c} <d> \n@type %00 é😀\u202e ##'
    document = measured(
        title=rude,
        summary=rude,
        licence="(MIT) AND (LicenseRef-own)",
        released="2018-99-99",
        citations=[{"title": rude, "doi": "10.1000/a{b}\\c"}],
        sources=[
            {"name": rude, "url": 'https://x.org/"<a>{b}|^`\\', "licence": rude},
            {"name": "same", "url": 'https://x.org/"<a>{b}|^`\\', "licence": "MIT"},
            {"name": "drawn", "url": "simulation://seed", "licence": "MIT"},
        ],
    )
    columns = tuple(
        DescribedColumn("obs", name, "other", rude)
        for name in ("_index", "a b", "a/b", "a_b", rude)
    )
    columns += (DescribedColumn("var", "_index", "string", rude),)
    found = described(document, columns=columns, creators=(rude, "A, B"), address="s3://b/k")
    seen = read(found, tmp_path)
    assert seen["errors"] == []
    fields = seen["sets"]["obs"]
    assert len(set(fields)) == len(fields) == 5
    assert all(" " not in field for field in fields)


def test_the_manifest_is_the_file_whose_digest_binds_the_store(screen, tmp_path):
    from vcspec.actions.export import describe

    whole = (screen.dataset / "manifest.json").read_bytes()
    (manifest, store) = croissant(describe(screen.dataset))["distribution"]
    assert manifest["sha256"] == hashlib.sha256(whole).hexdigest()
    assert manifest["contentSize"] == f"{len(whole)} B"
    assert manifest["contentUrl"] == "manifest.json"
    assert store["containedIn"] == {"@id": manifest["@id"]}
    for place in (screen.dataset, screen.split, screen.reference):
        assert read(describe(place), tmp_path)["errors"] == []


def test_the_manifest_is_found_below_the_address_of_the_store():
    found = croissant(described(address="https://example.org/kang.zarr/"))
    assert found["url"] == "https://example.org/kang.zarr/"
    assert found["distribution"][0]["contentUrl"] == "https://example.org/kang.zarr/manifest.json"


def test_what_the_document_states_is_what_is_said():
    found = croissant(described(creators=("Doe, Jane", "The lab"), doi="10.5281/zenodo.1"))
    assert found["@context"]["@vocab"] == "https://schema.org/"
    assert found["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert found["license"] == "https://spdx.org/licenses/CC0-1.0.html"
    assert found["datePublished"] == "2018-01-15"
    assert found["version"] == "1.0.0"
    assert found["identifier"] == [
        CONTENT,
        f"vcs1s-sha256:{SHA}",
        "https://doi.org/10.5281/zenodo.1",
    ]
    assert [(one["@type"], one["name"]) for one in found["creator"]] == [
        ("Person", "Jane Doe"),
        ("Organization", "The lab"),
    ]
    assert found["prov:wasDerivedFrom"] == [
        {"@id": "https://example.org/valid.h5ad", "prov:label": "valid.h5ad"}
    ]
    assert "url" not in found


@pytest.mark.parametrize("licence", ["(MIT) AND (GPL-3.0-only)", "LicenseRef-own", "MIT OR ISC"])
def test_a_licence_that_is_no_single_page_is_named_by_its_expression(licence):
    found = croissant(described(measured(licence=licence)))
    assert found["license"] == {"@type": "CreativeWork", "name": licence}


def test_the_role_of_a_condition_refers_to_the_roles():
    columns = (
        DescribedColumn("obs", "_index", "string", ""),
        DescribedColumn("obs", "role", "string", "", 2),
        DescribedColumn("var", "_index", "string", ""),
    )
    found = croissant(described(split_document(), columns=columns, roles={"train": 1, "test": 1}))
    roles, obs, _ = found["recordSet"]
    assert roles["dataType"] == "cr:Split"
    assert obs["field"][1]["references"] == {"field": {"@id": "roles/name"}}
    assert obs["field"][1]["source"]["extract"] == {"column": "obs/role"}


def test_what_the_format_asks_for_and_nobody_states_is_told():
    whole = described(creators=("The lab",), address="https://example.org/x.zarr")
    assert lacking(whole) == []
    told = lacking(described(measured(released="")))
    assert [next(w for w in ("--url", "--author", "released") if w in note) for note in told] == [
        "--url",
        "--author",
        "released",
    ]
