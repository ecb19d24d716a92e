"""The pages for users: what they quote of the code is so."""

import re
from pathlib import Path

import click
import pytest

from vcspec.cli.output import limit_options
from vcspec.engine import budget, executors
from vcspec.storage import kept, writing

PAGES = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))


def page(name: str) -> str:
    return next(path for path in PAGES if path.stem == name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_python_in_the_pages_is_python(path: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
        compile(block, path.name, "exec")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_pages_link_to_pages_and_headings_that_are_there(path: Path) -> None:
    for name, heading in re.findall(r"\]\(([\w./-]+\.md)#?([\w-]*)\)", path.read_text("utf-8")):
        target = path.parent / name
        assert target.is_file(), name
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert not heading or heading in {re.sub(r"\W+", "-", one.lower()) for one in headings}


def test_the_memory_model_has_the_numbers_of_the_engine() -> None:
    text = page("engine")
    assert f"block   =  {budget.ENTRY_BYTES} bytes" in text
    assert f"at least {budget.FEWEST_ENTRIES:,} and at most {budget.MOST_ENTRIES:,}" in text
    assert f"then takes {budget.USUAL_BLOCK // 2**20} MiB at most" in " ".join(text.split())
    options = {one.name: one for one in limit_options(click.Command("any")).params}
    assert f"takes {budget.USUAL_BLOCK // 2**20}MiB at most" in options["memory"].help
    assert f"after {executors.PATIENCE.removesuffix('s')} seconds" in page("clusters")


def test_the_plan_has_the_numbers_of_the_engine_and_the_writer() -> None:
    text = page("tahoe-100m")
    assert (
        f"/ ({budget.ENTRY_BYTES} · w), {budget.FEWEST_ENTRIES:,}), {budget.MOST_ENTRIES:,})"
        in text
    )
    assert f"4 · V / {writing.SHARD:,} + 2 · tasks: every object whole" in text
    assert 4 * writing.SHARD <= kept.WHOLE_BYTES  # of float32 or int32
