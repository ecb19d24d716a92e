"""Lists of releases on a terminal, and what publishing would do."""

from types import SimpleNamespace

import pytest

from vcspec.render.releases_text import plan, releases, table

ROWS = [("a@1.0.0", "Blood cells of patients, with and without interferon"), ("b@1.0.0", "Lines")]


@pytest.mark.parametrize("width", [40, 60, 200])
def test_a_table_is_no_wider_than_the_terminal(width: int) -> None:
    lines = table(("name", "title"), ROWS, width=width).split("\n")
    assert max(map(len, lines)) <= width
    start = lines[0].index("title")
    assert {line[:start].strip() for line in lines} <= {"name", "a@1.0.0", "b@1.0.0", ""}
    assert " ".join(" ".join(lines).split()).count("Blood") == 1
    assert all(word in " ".join(lines) for word in ROWS[0][1].split())


def test_a_last_column_without_room_stands_below_the_others() -> None:
    rows = [("x" * 30, "Blood cells of patients, with interferon")]
    lines = table(("name", "title"), rows, width=40).split("\n")
    assert lines == [
        "name", "    title", "x" * 30, "    Blood cells of patients, with", "    interferon",
    ]  # fmt: skip


def test_a_pipe_gets_one_line_a_row() -> None:
    assert table(("name", "title"), ROWS).count("\n") == len(ROWS)


def release(**changes: object) -> dict[str, object]:
    stated = {"id": "a/b", "version": "1.0.0", "bytes": 1, "licence": "MIT", "title": "T"}
    held = {"claim": "unseen-context"}
    return {"release": {**stated, "of": "split", "holds": held, **changes}}


def test_splits_are_listed_with_their_claims() -> None:
    assert "unseen-context" in releases([release()], tell="claim")
    assert "split" in releases([release()]).split()
    assert releases([release(holds={})], tell="claim").split("\n")[1].split()[1] == "-"


def test_a_dry_run_lists_every_object() -> None:
    entries = [SimpleNamespace(size=1, name=f"c/{at}") for at in range(60)]
    told = {**release()["release"], "objects": len(entries), "storage": "s"}  # type: ignore[dict-item]
    done = SimpleNamespace(
        release=told, note="", entries=entries, there=set(), sent=1, sent_bytes=1, writes=1,
        reads=1, url="u",
    )  # fmt: skip
    lines = plan(done).split("\n")
    assert [line.split()[-1] for line in lines[:60]] == [f"c/{at}" for at in range(60)]
