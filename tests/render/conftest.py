from dataclasses import replace

import pytest

from vcspec.model.finding import Finding, Report, Skipped

HOSTILE = "\x1b[2J\r\n::error::x ##[set-output name=a;]b [red]\u202e\x9b\ud800\x00</failure>]]>"

MISSING = Finding(
    code="VCS504",
    name="features-missing",
    level="MUST",
    path="/var/_index",
    count=3,
    found="997 features",
    expected="1000 features of split simulated/unseen-combination",
    examples=("GENE12", "GENE17 (did you mean GENE71?)"),
    pointer="",
    hint="Reindex to the features of the split.",
)
UNLICENSED = Finding(
    code="VCS301",
    name="licence-unknown",
    level="SHOULD",
    path="/",
    count=1,
    found="nothing",
    expected="",
    examples=(),
    pointer="/vcspec/licence",
    hint="",
)


@pytest.fixture
def rules():
    return {
        "VCS102": {"name": "index-missing", "level": "MUST", "kinds": ["dataset"], "what": "W."},
        "VCS504": {
            "name": "features-missing",
            "level": "MUST",
            "kinds": ["predictions"],
            "stage": "axes",
            "needs": ["VCS102"],
            "what": "Predictions hold every feature of the split.",
            "because": "A smaller denominator is a better score.",
            "mend": "Reindex the predictions to the features of the split.",
            "verdict": "invalid",
        },
        "VCS511": {"name": "values-negative", "level": "MUST", "kinds": ["predictions"]},
    }


@pytest.fixture
def report():
    return Report(
        target="predictions.zarr",
        kind="predictions",
        spec="1.0",
        level="data",
        findings=(UNLICENSED, MISSING),
        skipped=(
            *(Skipped(f"VCS{number}", "needs VCS504") for number in range(511, 521)),
            Skipped("VCS601", "only published artefacts have a manifest"),
        ),
        checked=("VCS102", "VCS301", "VCS504"),
        verdict="invalid",
        facts={"cells": 1200, "content": "vcs1c-sha256:00"},
    )


@pytest.fixture
def sound(report):
    return replace(report, target="sound.zarr", findings=(), skipped=(), facts={}, verdict="valid")


@pytest.fixture
def unread(report):
    return replace(report, target="s3://bucket/x.zarr", findings=(), checked=(), verdict="unknown")


@pytest.fixture
def hostile(report):
    """Every string that an artefact can influence holds what could steer a reader."""
    finding = replace(
        MISSING,
        path=f"/{HOSTILE}",
        pointer=f"/{HOSTILE}",
        found=HOSTILE * 50,
        expected=HOSTILE,
        examples=(HOSTILE, "[link](https://example.org)"),
        hint=HOSTILE,
    )
    skipped = (Skipped("VCS511", HOSTILE),)
    return replace(
        report,
        kind=HOSTILE,
        spec=HOSTILE,
        findings=(finding, replace(finding, level="SHOULD", code="VCS301")),
        skipped=skipped,
        facts={HOSTILE: HOSTILE},
    )
