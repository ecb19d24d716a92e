"""Contamination where the tested dataset is merged of several: a verdict on each."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny

import vcspec
from vcspec.actions.audit import audit
from vcspec.actions.curate import write_dataset
from vcspec.actions.hidden import hidden
from vcspec.actions.merge import merge
from vcspec.actions.training_manifest import training_manifest
from vcspec.actions.validate import checked
from vcspec.model.curated import Curated
from vcspec.model.finding import Report
from vcspec.render import render_report
from vcspec.rules.documents import schema_faults
from vcspec.storage.writing import copy_with_document


def written(folder: Path, name: str, *, drop: int = 0, **stated: Any) -> Path:
    """Cells of their own, under an accession of their own, without the first `drop` features."""
    whole = tiny.curated(seed=sum(map(ord, name)))
    counts = np.ascontiguousarray(whole.rows.dense()[:, drop:]).astype(np.int32)
    made = Curated(tiny.rows_of_dense(counts), whole.cells, whole.features[drop:], dict(whole.obs))
    cited = [{"title": name, "accession": f"GEO:GSE{len(name)}"}]
    document = tiny.dataset_document(id=name, citations=cited, fitted=[], **stated)
    write_dataset(folder / f"{name}.zarr", document, made, overwrite=False)
    return folder / f"{name}.zarr"


def merged(folder: Path, parts: Sequence[Path], **plan: Any) -> Path:
    """The split of what the parts become."""
    merge(parts, folder / "m.zarr", id="both")
    parameters = {"parameters": {"hold_out": ["G05", "G06"]}}
    vcspec.split(folder / "m.zarr", folder / "s.zarr", tiny.plan(**{**parameters, **plan}))
    return folder / "s.zarr"


def listing(folder: Path, *places: Path) -> Path:
    document = training_manifest(places, id="corpus").document
    (folder / "corpus.json").write_text(json.dumps(dict(document)))
    return folder / "corpus.json"


def report_on(split: Path, declared: dict[str, Any] | None, pretraining: Sequence[Path]) -> Report:
    opened = vcspec.open_split(split)
    nothing: dict[str, Any] = {"datasets": [], "corpora": [], "priors": []}
    training = nothing | ({"pretraining": declared} if declared is not None else {})
    target = split.parent / "model.zarr"
    draw = np.random.default_rng(4)
    with opened.writer(target, training=training, overwrite=True) as out:
        width = len(checked(str(split), "split").features)
        for condition in opened.conditions:
            out[condition] = draw.random((opened.cells_per_condition, width)).astype(np.float32)
    return audit(split, predictions=target, pretraining=pretraining)


def verdicts(report: Report) -> dict[str, Any]:
    prefix = "contamination of "
    return {
        name.removeprefix(prefix): said
        for name, said in report.facts.items()
        if name.startswith(prefix)
    }


def test_each_tested_dataset_has_a_verdict_and_the_whole_has_the_worst(tmp_path: Path) -> None:
    parts = [
        written(tmp_path, "one", released="2020-01-01"),
        written(tmp_path, "three", released="2024-05-01"),
        written(tmp_path, "eleven", released="2026-01-01"),
    ]
    split = merged(tmp_path, parts)
    declared = {"accessions": ["GSE5"], "corpora": ["web"], "until": "2025-01-01"}
    report = report_on(split, declared, [listing(tmp_path, parts[0])])
    said = {"one@1.0.0": "confirmed", "three@1.0.0": "likely", "eleven@1.0.0": "unlikely"}
    assert verdicts(report) == said
    because = {name: report.facts[f"because of {name}"] for name in said}
    assert because == {
        "one@1.0.0": "tested cells were trained on (VCS720)",
        "three@1.0.0": "the tested dataset was used, by its name or accession (VCS721)",
        "eleven@1.0.0": "all data were released by 2025-01-01, the dataset on 2026-01-01",
    }
    assert report.facts["contamination"] == "confirmed"
    assert report.facts["because"] == f"one@1.0.0: {because['one@1.0.0']}"
    found = next(finding for finding in report.findings if finding.code == "VCS720")
    tested = 4 * tiny.CELLS  # two perturbations in two contexts
    assert f"{tested} of {tested} tested cells of one@1.0.0 are listed in corpus" in found.found
    for format_ in ("text", "json"):
        assert "contamination of three@1.0.0" in render_report(report, format_)
    document = json.loads(render_report(report, "json"))
    assert list(schema_faults(document, "1.0", "report", base="")) == []
    document["reports"][0]["facts"]["contamination of one@1.0.0"] = "perhaps"
    assert list(schema_faults(document, "1.0", "report", base="")) != []
    alone = report_on(split, {"accessions": ["GSE6"], "corpora": []}, [])
    assert verdicts(alone) == {
        "one@1.0.0": "unlikely", "three@1.0.0": "unlikely", "eleven@1.0.0": "likely",
    }  # fmt: skip
    assert set(verdicts(report_on(split, None, [])).values()) == {"not declared"}


def test_a_dataset_of_training_confirms_the_part_whose_cells_it_has(tmp_path: Path) -> None:
    parts = [written(tmp_path, name) for name in ("one", "three")]
    split = merged(tmp_path, parts)
    report = report_on(split, {"accessions": [], "corpora": []}, [parts[1]])
    assert verdicts(report) == {"one@1.0.0": "unlikely", "three@1.0.0": "confirmed"}


def test_a_part_is_known_by_its_id_and_digest_where_its_cells_have_more_features(
    tmp_path: Path,
) -> None:
    parts = [written(tmp_path, "one"), written(tmp_path, "three", drop=30)]
    split = merged(tmp_path, parts)
    content = checked(str(parts[1]), "dataset").claimed_content()
    for name in ("three", "data/three.zarr", content):
        report = report_on(split, {"accessions": [name], "corpora": []}, [])
        assert verdicts(report) == {"one@1.0.0": "unlikely", "three@1.0.0": "likely"}
    # The manifest hashes all features of the part; the merged dataset has the common ones.
    document = json.loads(listing(tmp_path, parts[0]).read_text())
    document["datasets"][0]["accessions"] = []
    (tmp_path / "corpus.json").write_text(json.dumps(document))
    report = report_on(split, {"accessions": [], "corpora": []}, [tmp_path / "corpus.json"])
    assert verdicts(report) == {"one@1.0.0": "likely", "three@1.0.0": "not declared"}


@pytest.mark.parametrize("known_by", ["digest", "part", "accession"])
def test_a_dataset_at_hand_is_known_by_its_names_where_its_cells_cannot_be_compared(
    tmp_path: Path, known_by: str
) -> None:
    parts = [written(tmp_path, "one", drop=65), written(tmp_path, "three")]
    held = parts[0]
    if known_by == "part":
        merge([held, written(tmp_path, "eleven", drop=60)], tmp_path / "c.zarr", id="corpus")
        held = tmp_path / "c.zarr"
    if known_by == "accession":
        held = tmp_path / "renamed.zarr"
        stated = dict(checked(str(parts[0]), "dataset").document)
        copy_with_document(parts[0], held, {**stated, "id": "renamed"})
    split = merged(tmp_path, parts)  # in 15 features, too few for a hash
    report = report_on(split, None, [held])
    assert verdicts(report) == {"one@1.0.0": "likely", "three@1.0.0": "not declared"}
    assert report.facts["contamination"] == "likely"
    cells = {one.code: one.because for one in report.skipped}["VCS720"]
    assert cells.startswith("no cell has")


def test_datasets_without_a_test_condition_have_no_verdict(tmp_path: Path) -> None:
    parts = [written(tmp_path, name) for name in ("one", "three")]
    plan = {"strategy": "holdout-studies", "parameters": {"hold_out": ["three"]}}
    split = merged(tmp_path, parts, **plan)
    report = report_on(split, {"accessions": ["GSE3"], "corpora": []}, [])
    assert verdicts(report) == {"three@1.0.0": "unlikely"}
    assert report.facts["contamination"] == "unlikely"
    # What is listed of the pinned dataset may be what is trained on alone.
    found = training_manifest([tmp_path / "m.zarr"], id="corpus", split=split).document
    (tmp_path / "corpus.json").write_text(json.dumps(dict(found)))
    report = report_on(split, {"accessions": [], "corpora": []}, [tmp_path / "corpus.json"])
    assert verdicts(report) == {"three@1.0.0": "unlikely"}


def test_studies_that_no_part_tells_of_are_known_by_their_citations(tmp_path: Path) -> None:
    parts = [written(tmp_path, name) for name in ("one", "three")]
    split = merged(tmp_path, parts)
    stated = dict(checked(str(tmp_path / "m.zarr"), "dataset").document)
    (tmp_path / "m.zarr").rename(tmp_path / "away")
    del stated["parts"]
    copy_with_document(tmp_path / "away", tmp_path / "m.zarr", stated)
    report = report_on(split, {"accessions": ["GSE5"], "corpora": []}, [])
    assert verdicts(report) == {"one": "unlikely", "three": "likely"}


def test_a_part_of_several_studies_has_a_verdict_on_each(tmp_path: Path) -> None:
    one, three, eleven = (written(tmp_path, name) for name in ("one", "three", "eleven"))
    merge([one, three], tmp_path / "pair.zarr", id="pair")
    stated = dict(checked(str(tmp_path / "pair.zarr"), "dataset").document)
    del stated["parts"]  # as of a dataset that was curated of two studies
    copy_with_document(tmp_path / "pair.zarr", tmp_path / "curated.zarr", stated)
    split = merged(tmp_path, [tmp_path / "curated.zarr", eleven])
    for name, said in (("GSE3", "unlikely"), ("pair", "likely")):  # of one of them, of both
        report = report_on(split, {"accessions": [name], "corpora": []}, [])
        assert verdicts(report) == {
            "pair@1.0.0 one": "likely",
            "pair@1.0.0 three": said,
            "eleven@1.0.0": "unlikely",
        }


def test_what_is_merged_again_keeps_its_parts(tmp_path: Path) -> None:
    one, three, six = (written(tmp_path, name) for name in ("one", "three", "eleven"))
    merge([one, three], tmp_path / "m.zarr", id="both")
    merge([tmp_path / "m.zarr", six], tmp_path / "n.zarr", id="all")
    found = checked(str(tmp_path / "n.zarr"), "dataset").document["parts"]
    assert found == [
        {
            "id": place.stem,
            "version": "1.0.0",
            "content": checked(str(place), "dataset").claimed_content(),
            "studies": [place.stem],
        }
        for place in (one, three, six)
    ]


def test_the_public_part_of_a_merged_dataset_has_no_digests_of_its_parts(tmp_path: Path) -> None:
    merge([written(tmp_path, name) for name in ("one", "three")], tmp_path / "m.zarr", id="both")
    hidden(tmp_path / "m.zarr", tmp_path / "out", tiny.plan())
    public = checked(str(tmp_path / "out" / "public" / "dataset.zarr"), "dataset").document
    assert [part["id"] for part in public["parts"]] == ["one", "three"]
    assert all("content" not in part for part in public["parts"])


@pytest.mark.parametrize("studies", [[], ["one", "one"]])
def test_a_part_names_its_studies_each_once(tmp_path: Path, studies: list[str]) -> None:
    place = written(tmp_path, "one")
    stated = json.loads((place / "zarr.json").read_text())
    part = {"id": "one", "version": "1.0.0", "studies": studies}
    stated["attributes"]["vcspec"]["parts"] = [part]
    (place / "zarr.json").write_text(json.dumps(stated))
    report = vcspec.validate(place, level="metadata")
    assert report.verdict == "invalid"
    assert report.findings[0].pointer == "/vcspec/parts/0/studies"
