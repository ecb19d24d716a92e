"""How an artefact is laid out changes neither its content digest nor its scorecard."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import tiny
from support.reencode import Layout, reencode

from vcspec.actions.score import score
from vcspec.statistics.content import content_of
from vcspec.storage import compressed, zarr_store
from vcspec.storage.sealing import sealed_content
from vcspec.storage.zarr_store import ZarrStore

LAYOUTS = st.builds(
    Layout,
    matrix=st.sampled_from(["csr", "csc", "dense"]),
    zarr_format=st.sampled_from([2, 3]),
    chunk=st.integers(150, 6_000),
    sharded=st.booleans(),
    big_endian=st.booleans(),
    labels=st.sampled_from(["plain", "categorical", "nullable"]),
    zstd=st.booleans(),
)
KINDS = ["dataset", "split", "predictions"]


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(layout=LAYOUTS, entries=st.sampled_from([1_500, 4_194_304]))
def test_the_content_digest_does_not_depend_on_the_layout(
    kind: str,
    layout: Layout,
    entries: int,
    screen: tiny.Screen,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    source: Path = getattr(screen, kind)
    place = reencode(source, tmp_path_factory.mktemp("layout") / "a.zarr", layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zarr_store, "BLOCK_ENTRIES", entries)
        assert content_of(ZarrStore(str(place))).digest == sealed_content(source)


@cache
def card(screen: tiny.Screen) -> str:
    return score(screen.predictions).to_json()


@settings(max_examples=6, deadline=None, derandomize=True)
@given(layout=LAYOUTS)
def test_the_scorecard_does_not_depend_on_the_layout(
    layout: Layout, screen: tiny.Screen, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = reencode(screen.predictions, tmp_path_factory.mktemp("layout") / "a.zarr", layout)
    found = score(place, split=screen.split, reference=screen.reference)
    assert found.to_json() == card(screen)


def test_what_is_gathered_from_columns_is_spilled_in_more_than_one_piece(
    screen: tiny.Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = reencode(screen.dataset, tmp_path / "a.zarr", Layout("csc"))
    monkeypatch.setattr(zarr_store, "BLOCK_ENTRIES", 1_000)
    seen = []
    original = compressed.row_bounds

    def row_bounds(*arguments: object) -> object:
        seen.append(original(*arguments))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(compressed, "row_bounds", row_bounds)
    assert content_of(ZarrStore(str(place))).digest == sealed_content(screen.dataset)
    assert len(seen[0]) > 10
