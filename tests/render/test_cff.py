import shutil
import subprocess

import pytest
from jsonschema import Draft202012Validator
from support.descriptions import CONTENT, PIN, SHA, described, measured, split_document

from vcspec.model.errors import UsageError
from vcspec.render.cff import LISTED, cff

yaml = pytest.importorskip("yaml")

# What the guide to the format, version 1.2.0, says of the members that are written here.
TEXT = {"type": "string", "minLength": 1}
URL = {"type": "string", "pattern": "^(https|http|ftp|sftp)://.+"}
DOI = {
    "type": "string",
    "pattern": r"^10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-\.\(\)\[\]\\]+$",
}
AUTHORS = {
    "type": "array",
    "minItems": 1,
    "uniqueItems": True,
    "items": {
        "oneOf": [
            {
                "properties": {"family-names": TEXT, "given-names": TEXT},
                "required": ["family-names", "given-names"],
                "additionalProperties": False,
            },
            {"properties": {"name": TEXT}, "required": ["name"], "additionalProperties": False},
        ]
    },
}
IDENTIFIERS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "oneOf": [
            {
                "properties": {"type": {"const": kind}, "value": value, "description": TEXT},
                "required": ["type", "value"],
                "additionalProperties": False,
            }
            for kind, value in (("doi", DOI), ("url", URL), ("other", TEXT))
        ]
    },
}
REFERENCE = {
    "properties": {
        "type": {"enum": ["generic", "data"]},
        "title": TEXT,
        "authors": AUTHORS,
        "version": TEXT,
        "doi": DOI,
        "url": URL,
        "notes": TEXT,
        "identifiers": IDENTIFIERS,
    },
    "required": ["authors", "title", "type"],
    "additionalProperties": False,
}
LICENCE = {"type": "string", "pattern": "^[A-Za-z0-9.-]+$"}
SCHEMA = {
    "type": "object",
    "properties": {
        "cff-version": {"const": "1.2.0"},
        "message": TEXT,
        "type": {"const": "dataset"},
        "title": TEXT,
        "version": TEXT,
        "authors": AUTHORS,
        "abstract": TEXT,
        "date-released": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        "doi": DOI,
        "url": URL,
        "license": {
            "oneOf": [LICENCE, {"type": "array", "items": LICENCE, "uniqueItems": True}],
        },
        "license-url": URL,
        "identifiers": IDENTIFIERS,
        "keywords": {"type": "array", "minItems": 1, "uniqueItems": True, "items": TEXT},
        "references": {"type": "array", "minItems": 1, "uniqueItems": True, "items": REFERENCE},
    },
    "required": ["authors", "cff-version", "message", "title"],
    "additionalProperties": False,
}
RUDE = 'a "b": - c \\ # {d} [e] *f &g !h %i\t\n---\n...\x1b\u202e\x85\u2028é😀'


def read(found):
    """What a reader of YAML makes of the text; it keeps to what the format's guide says."""
    document = yaml.safe_load(cff(found))
    Draft202012Validator(SCHEMA).validate(document)
    return document


def every_one():
    """Descriptions of all kinds, with every member that a file may have."""
    names = {"creators": ("Doe, Jane", "The lab"), "doi": "10.5281/zenodo.1"}
    address = {"address": "https://example.org/x.zarr"}
    rude = measured(
        title=RUDE,
        summary=RUDE,
        citations=[
            {"title": RUDE, "doi": "10.1000/a<b>", "url": "https://x.org/<a>", "accession": RUDE},
            {"title": RUDE, "doi": "10.1000/a<b>"},
        ],
        licence="(MIT) AND (GPL-3.0-only)",
    )
    split = split_document(licence="MIT OR Apache-2.0")
    reference = {**split_document(licence="CC-PDM-1.0"), "kind": "reference", "split": PIN}
    del reference["title"]
    return (
        described(**names, **address),
        described(rude, creators=(RUDE, "A, B", "A, B"), doi="10.1000/a<b>", address="s3://b/k"),
        described(split, upstream=measured(creators=["Roe, Richard"]), **names),
        described(reference, **names),
    )


def test_a_reader_of_yaml_gets_the_very_strings():
    found = read(every_one()[1])
    assert found["title"] == found["abstract"] == RUDE
    assert found["references"][0]["title"] == RUDE
    assert found["authors"][0] == {"name": RUDE}


@pytest.mark.parametrize("which", range(4))
def test_the_file_keeps_to_the_guide_of_the_format(which):
    read(every_one()[which])


@pytest.mark.parametrize("which", range(4))
def test_the_validator_of_the_format_takes_the_file(which, tmp_path):
    validator = shutil.which("cffconvert")
    if validator is None:
        pytest.skip("cffconvert is not on the path (it needs an environment of its own)")
    place = tmp_path / "CITATION.cff"
    place.write_text(cff(every_one()[which]), encoding="utf-8")
    done = subprocess.run(
        [validator, "-i", str(place), "--validate"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("licence", sorted(LISTED))
def test_every_licence_that_is_named_by_its_identifier_is_one_of_spdx(licence):
    from packaging.licenses import canonicalize_license_expression

    assert canonicalize_license_expression(licence) == licence


def test_people_and_groups_are_told_apart():
    found = read(every_one()[0])
    assert found["authors"] == [
        {"family-names": "Doe", "given-names": "Jane"},
        {"name": "The lab"},
    ]


def test_the_digests_and_the_own_doi_are_identifiers():
    found = read(every_one()[0])
    assert [(one["type"], one["value"]) for one in found["identifiers"]] == [
        ("doi", "10.5281/zenodo.1"),
        ("other", "kang@1.0.0"),
        ("other", CONTENT),
        ("other", f"vcs1s-sha256:{SHA}"),
    ]
    assert found["doi"] == "10.5281/zenodo.1"


def test_papers_are_referred_to_with_doi_and_accession():
    (paper,) = read(described(creators=("The lab",)))["references"]
    assert paper == {
        "type": "generic",
        "title": "Multiplexed droplets, Nature 2018",
        "authors": [{"name": "Kang HM et al."}],
        "doi": "10.1038/nbt.4042",
        "notes": "Accession GEO:GSE96583",
    }


def test_a_doi_with_letters_that_the_format_does_not_take_is_an_address():
    found = read(every_one()[1])
    assert "doi" not in found
    assert found["identifiers"][0]["value"] == "https://doi.org/10.1000/a%3Cb%3E"
    assert [one["url"] for one in found["references"]] == [
        "https://x.org/%3Ca%3E",
        "https://doi.org/10.1000/a%3Cb%3E",
    ]


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC-BY-4.0", {"license": "CC-BY-4.0"}),
        ("MIT OR Apache-2.0", {"license": ["MIT", "Apache-2.0"]}),
        ("CC-PDM-1.0", {"license-url": "https://spdx.org/licenses/CC-PDM-1.0.html"}),
        ("(MIT) AND (GPL-3.0-only)", {}),
        ("MIT OR CC-PDM-1.0", {}),
        ("GPL-2.0-only WITH Classpath-exception-2.0", {}),
        ("LicenseRef-own", {}),
    ],
)
def test_licences_that_hold_together_are_never_written_as_a_choice(licence, expected):
    found = read(described(measured(licence=licence), creators=("The lab",)))
    assert {name: found[name] for name in ("license", "license-url") if name in found} == expected
    assert (licence in found["message"]) is (not expected)


def test_a_split_refers_to_its_dataset_and_a_reference_to_both():
    split, reference = (read(found)["references"] for found in every_one()[2:])
    assert [one["title"] for one in split] == ["Blood cells", "Multiplexed droplets, Nature 2018"]
    assert split[0]["authors"] == [{"family-names": "Roe", "given-names": "Richard"}]
    assert [one["value"] for one in split[0]["identifiers"]] == ["tiny@1.0.0", CONTENT]
    assert [one["title"] for one in reference] == ["The dataset tiny", "The split tiny"]


def test_without_anybody_to_name_there_is_no_file_and_the_error_says_what_to_do():
    with pytest.raises(UsageError, match=r"kang names no authors.*--author.*`creators`"):
        cff(described())
