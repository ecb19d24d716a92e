"""What the quick look says of a document is what `jsonschema` says."""

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from vcspec.rules.documents import validator
from vcspec.rules.quick_look import CHECKS, SILENT, keeps
from vcspec.standard import packaged, standard

STORES = packaged("spec") / "1.0" / "conformance" / "stores"
SCHEMAS = standard("1.0").schemas


def documents(folder: Path):
    """(schema, document) of the store in `folder`: of its root, and of its manifest."""
    for name in ("zarr.json", ".zattrs"):
        if (folder / name).is_file():
            found = json.loads((folder / name).read_text())
            document = found.get("attributes", found)["vcspec"]
            yield document["kind"], document
    if (folder / "manifest.json").is_file():
        yield "manifest", json.loads((folder / "manifest.json").read_text())


SOUND = [pair for folder in sorted(STORES.glob("*.zarr")) for pair in documents(folder)]
SOUND.append(("scorecard", json.loads((STORES / "scorecard.json").read_text())))
KINDS = sorted({name for name, _ in SOUND})
STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 1.0, 2.5, -1, 10**12, float("nan"), float("inf")]),
    st.sampled_from(["", "x", "1.0", "log1p", "split", "a" * 300, "https://x y", "vcs1c-sha256:0"]),
    st.sampled_from([[], {}, ["context"], ["context", "context"], [1, 1.0, True], {"x-1": 1}]),
    st.sampled_from([{"space": "counts"}, {"space": "log1p", "total": "features"}, [[]]]),
)


def places(value, path=()):
    """Paths of everything inside `value`."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, member in members:
        yield (*path, name)
        if isinstance(member, dict | list):
            yield from places(member, (*path, name))


def holder(document, path):
    for step in path[:-1]:
        document = document[step]
    return document


def spoil(draw, document):
    """Take away, replace or add one member, anywhere."""
    path = draw(st.sampled_from(list(places(document))))
    inside, name = holder(document, path), path[-1]
    deed = draw(st.sampled_from(["take", "replace", "add", "twice"]))
    if deed == "take":
        del inside[name]
    elif deed == "replace":
        inside[name] = deepcopy(draw(STRANGE))
    elif isinstance(inside, list):
        inside.append(deepcopy(inside[name] if deed == "twice" else draw(STRANGE)))
    else:
        new = draw(st.sampled_from(["x-note", "note", "total", "seed", "sha256"]))
        inside[new] = deepcopy(inside[name] if deed == "twice" else draw(STRANGE))


@pytest.mark.parametrize("name", KINDS)
def test_sound_documents_are_decided_without_jsonschema(name):
    assert all(keeps(document, SCHEMAS, kind) is True for kind, document in SOUND if kind == name)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_the_look_agrees_with_jsonschema_on_spoilt_documents(name, data):
    chosen = data.draw(st.sampled_from([found for kind, found in SOUND if kind == name]))
    document = deepcopy(chosen)
    for _ in range(data.draw(st.integers(1, 3))):
        if document:
            spoil(data.draw, document)
    decided = keeps(document, SCHEMAS, name)
    assert decided in (None, validator("1.0", name).is_valid(document))


@pytest.mark.parametrize(
    ("schema", "document", "held"),
    [
        ({"minProperties": 1}, {}, False),
        ({"maxProperties": 1}, {"a": 1, "b": 2}, False),
        ({"maximum": 2}, 2.5, False),
        ({"maximum": 2}, float("nan"), True),
        ({"patternProperties": {"^x-": {"type": "string"}}}, {"x-a": 1, "b": 1}, False),
        ({"type": "integer"}, 2.0, True),
        ({"type": "integer"}, True, False),
        ({"minLength": 2}, [1], True),
        ({"pattern": "b"}, "abc", True),
        ({"additionalProperties": False}, {"a": 1}, False),
        ({"properties": {"a": False}}, {"a": 1}, False),
    ],
)
def test_a_keyword_alone_means_what_it_means_to_jsonschema(schema, document, held):
    assert Draft202012Validator(schema).is_valid(document) is held
    assert keeps(document, {"own": schema}, "own") is held


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}),
        ({"properties": {"a": {"const": 1}}}, {"a": True}),
        ({"enum": [None]}, None),
        ({"uniqueItems": True}, [1, True]),
        ({"$ref": "#anchor"}, 1),
    ],
)
def test_what_the_look_does_not_know_is_left_undecided(schema, document):
    assert keeps(document, {"own": schema}, "own") is None


def test_only_keywords_that_a_schema_uses_are_known():
    used = set()

    def gather(schema):
        if isinstance(schema, dict):
            used.update(schema)
        for part in schema.values() if isinstance(schema, dict) else schema:
            if isinstance(part, dict | list):
                gather(part)

    gather(list(SCHEMAS.values()))
    assert SILENT | set(CHECKS) <= used


def test_sound_artefacts_are_validated_and_scored_without_jsonschema(screen):
    code = (
        "import sys; from vcspec import score, validate\n"
        "predictions, split, reference = sys.argv[1:]\n"
        "print(validate(predictions, level='full', split=split).verdict)\n"
        "score(predictions, split=split, reference=reference)\n"
        "print('jsonschema' in sys.modules)"
    )
    places = map(str, (screen.predictions, screen.split, screen.reference))
    command = [sys.executable, "-c", code, *places]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["valid", "False"]
