"""The kit itself: its stores can be made again, and another implementation can be run on it."""

import json
import sys

import build_stores
import kit
import numpy as np
import pytest
import zarr

from vcspec.storage.sealing import sealed_content

OURS = [sys.executable, "-m", "vcspec", "validate", "--format", "json"]
CASES = {case.slug: case for case in kit.cases()}
EXACT = sorted(
    {path.name for path in kit.STORES.glob("*.zarr")} - {"reference.zarr", "screen-reference.zarr"}
)
AGAIN = "make them again: python tests/conformance/build_stores.py"


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    build_stores.build(folder)
    return folder


def test_the_kit_holds_what_its_program_writes(rebuilt):
    committed = {path.name for path in kit.STORES.iterdir()}
    assert committed == {path.name for path in rebuilt.iterdir()}


@pytest.mark.parametrize("name", EXACT)
def test_a_store_that_is_made_again_has_the_same_content(name, rebuilt):
    assert sealed_content(rebuilt / name) == sealed_content(kit.STORES / name), AGAIN


def test_a_reference_that_is_made_again_has_the_same_document_and_values(rebuilt):
    one, other = (
        zarr.open_group(str(place / "reference.zarr"), mode="r") for place in (kit.STORES, rebuilt)
    )
    documents = [dict(group.attrs["vcspec"], tool="") for group in (one, other)]
    assert documents[0] == documents[1], AGAIN
    for path in ("X", "layers/z", "layers/fdr", "varm/control", "varm/centre", "uns/anchors"):
        np.testing.assert_allclose(one[path][...], other[path][...], rtol=1e-9, err_msg=AGAIN)


def test_a_scorecard_that_is_made_again_says_the_same(rebuilt):
    one, other = (
        json.loads((place / "scorecard.json").read_bytes()) for place in (kit.STORES, rebuilt)
    )
    assert one["inputs"]["split"] == other["inputs"]["split"]
    assert one["metrics"].keys() == other["metrics"].keys(), AGAIN
    for name, metric in one["metrics"].items():
        assert metric["definition"] == other["metrics"][name]["definition"], AGAIN
        found = other["metrics"][name]["value"]
        assert found is metric["value"] or found == pytest.approx(metric["value"]), AGAIN


def test_every_store_says_that_it_is_simulated():
    for path in kit.STORES.glob("*.zarr"):
        name = ".zattrs" if (path / ".zattrs").exists() else "zarr.json"
        document = json.loads((path / name).read_bytes())
        assert document.get("attributes", document)["vcspec"]["simulated"] is True


@pytest.mark.parametrize(
    "slug", ["two-features-exchanged", "a-symbolic-link-out-of-the-store", "an-empty-folder"]
)
def test_an_implementation_is_run_as_a_command(slug):
    assert kit.run(CASES[slug], OURS) == kit.expected(CASES[slug])


def test_a_difference_is_printed_and_ends_with_1(monkeypatch, capsys):
    chosen = CASES["no-such-path"]
    silent = 'import json; print(json.dumps({"reports": [{"findings": [], "verdict": "valid"}]}))'
    monkeypatch.setattr(kit, "cases", lambda: (chosen,))
    assert kit.main(["run", "--", sys.executable, "-c", silent]) == 1
    assert "1 of 1 cases differ" in capsys.readouterr().out


def test_cases_can_be_written_for_other_harnesses(monkeypatch, tmp_path):
    slugs = ["two-features-exchanged", "a-scorecard-with-a-line-break-at-its-end", "a-chained-url"]
    monkeypatch.setattr(kit, "cases", lambda: tuple(CASES[slug] for slug in slugs))
    assert kit.main(["write", str(tmp_path)]) == 0
    said = {
        place.name: json.loads((place / "case.json").read_bytes()) for place in tmp_path.iterdir()
    }
    assert said.keys() == set(slugs)
    swapped = said["two-features-exchanged"]
    assert swapped["expect"] == [["VCS506", "/var/_index"]]
    assert swapped["companions"] == {"split": "split.zarr"}
    assert (tmp_path / "two-features-exchanged" / swapped["target"] / "zarr.json").is_file()


def test_a_wrong_call_says_how(capsys):
    assert kit.main(["walk"]) == 2
    assert "kit.py run -- COMMAND" in capsys.readouterr().err
