import ast
import contextlib
import re
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt
from support.descriptions import (
    COLUMNS,
    CONTENT,
    SHA,
    described,
    measured,
    reference_document,
    split_document,
)

from vcspec.model.described import DescribedColumn
from vcspec.render.card import card
from vcspec.render.exports import notes

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
RUDE = (
    '</p><script>x</script> # h\n\n## Licence\n\n- [a](http://evil.org) ![b](c) | `d` *e* "f" \x1b'
)
PLAIN = {"text", "code_inline", "link_open", "link_close", "strong_open", "strong_close"}


def read(text):
    """(headings, kinds of inline tokens, addresses, text) of a page."""
    tokens = READER.parse(text)
    headings = [
        after.content for before, after in pairwise(tokens) if before.type == "heading_open"
    ]
    inline = [child for token in tokens if token.type == "inline" for child in token.children]
    addresses = [str(one.attrs["href"]) for one in inline if one.type == "link_open"]
    assert "html_block" not in {token.type for token in tokens}
    return headings, {one.type for one in inline}, addresses, "".join(t.content for t in inline)


def rows(text, heading):
    """Cells of the table below a heading, as they are shown."""
    below = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = [
        "".join(child.content for child in token.children)
        for token in READER.parse(below)
        if token.type == "inline"
    ]
    (head,) = (line for line in below.splitlines() if line.startswith("|---"))
    width = head.count("---")
    return [cells[at : at + width] for at in range(0, len(cells), width)]


def test_a_dataset_tells_whose_it_is_and_what_is_inside():
    found = card(described(creators=("Doe, Jane",), doi="10.5281/zenodo.1"))
    headings, kinds, addresses, shown = read(found)
    assert headings == [
        "Blood cells",
        *("What is inside", "Conditions", "Other columns", "Licence", "How to cite", "Sources"),
        *("Curation", "Caveats", "How to load it", "Digests"),
    ]
    assert kinds <= PLAIN
    for said in (
        "Cells of blood, stimulated.",
        "268 cells, 80 features",
        "Public since: 2018-01-15",
        "One perturbation.",
        "Draw counts.",
        "Of what it was made of: GPL-3.0-only.",
        "Doe, Jane: Blood cells, version 1.0.0 (2018-01-15). DOI 10.5281/zenodo.1",
        "Kang HM et al., Multiplexed droplets, Nature 2018. DOI 10.1038/nbt.4042",
        CONTENT,
        f"vcs1s-sha256:{SHA}",
    ):
        assert said in shown
    assert set(addresses) == {
        "http://purl.obolibrary.org/obo/NCBITaxon_9606",
        "http://www.ebi.ac.uk/efo/EFO_0009901",
        "https://spdx.org/licenses/CC0-1.0.html",
        "https://doi.org/10.5281/zenodo.1",
        "https://doi.org/10.1038/nbt.4042",
        "https://example.org/valid.h5ad",
    }


def test_tables_tell_of_columns_sources_and_roles():
    found = card(described())
    assert rows(found, "Conditions")[1:] == [
        ["context", "What the cell is.", "2"],
        ["perturbation", "What was done.", "12"],
    ]
    assert rows(found, "Other columns")[1:] == [
        ["obs/size", "number", ""],
        ["var/is_target", "boolean", ""],
    ]
    assert rows(found, "Sources")[1:] == [
        ["valid.h5ad", "2,321,480", f"sha256 {'ef' * 32}", "GPL-3.0-only"]
    ]
    split = card(described(split_document(), roles={"train": 1_600, "test": 6}))
    assert [[role, number] for role, _, number in rows(split, "Roles")[1:]] == [
        ["train", "1,600"],
        ["test", "6"],
    ]


def test_a_split_tells_its_claim_its_strategy_and_what_it_pins():
    found = card(described(split_document(), upstream=measured(licence="CC-BY-4.0")))
    shown = read(found)[3]
    assert "predicts perturbations that it has not seen in any context" in shown
    assert "Claim: unseen-perturbation" in shown
    assert "holdout-perturbations, seed 1, hold_out = G05, G06, fraction = 0.2" in shown
    assert f"Made of: tiny, version 1.0.0, {CONTENT}" in shown
    assert "Of what it was made of: CC-BY-4.0, GPL-3.0-only." in shown
    assert "Kang HM et al." in shown
    assert "Curation" not in read(found)[0]


def test_what_was_fitted_on_cells_is_told_and_from_which():
    stated = [
        {"what": "features", "method": "variance", "number": 500, "on": "all"},
        {"what": "projection", "method": "log1p-pca", "on": {"context": ["liver", "skin"]}},
    ]
    assert rows(card(described(measured(fitted=stated))), "Fitted on cells")[1:] == [
        ["features", "variance", "500", "all"],
        ["projection", "log1p-pca", "", "context: liver, skin"],
    ]
    assert "Fitted on cells\n\nNothing was." in card(described(measured(fitted=[])))
    assert "Fitted" not in card(described(measured()))


def test_simulated_data_are_named_so_and_measured_ones_are_not():
    assert "**Simulated**" in card(described(split_document()))
    assert "Simulated" not in card(described())


def test_strings_of_strangers_change_nothing_of_the_page():
    usual = read(card(described(measured(fitted=[]), place="a.zarr")))
    paper = {"title": RUDE, "doi": "10.1000/)>(<", "url": "http://x.org/)>", "accession": RUDE}
    document = measured(
        title=RUDE,
        summary=f"1. {RUDE}",
        control=RUDE,
        features={"type": "gene", "namespace": RUDE},
        citations=[paper],
        sources=[{"name": RUDE, "url": "javascript:x", "git_blob": "0" * 40, "licence": RUDE}],
        curation=[f"- {RUDE}", f"1) {RUDE}"],
        fitted=[{"what": "features", "method": RUDE, "on": {RUDE: [RUDE]}}],
        caveats=[RUDE],
    )
    columns = (*COLUMNS[:3], DescribedColumn("obs", RUDE, "string", RUDE), *COLUMNS[4:])
    found = described(document, columns=columns, creators=(RUDE,), place=f'{RUDE}"```')
    headings, kinds, addresses, shown = read(card(found))
    assert headings[1:] == usual[0][1:]
    assert kinds <= PLAIN
    assert {urlsplit(address).hostname for address in addresses} <= {
        *("purl.obolibrary.org", "www.ebi.ac.uk", "spdx.org", "doi.org", "x.org")
    }
    line = " ".join(RUDE.replace("\x1b", "\\x1b").split())
    assert shown.count(line) == 19  # as often as it was put in


@pytest.mark.parametrize(
    "place", ["a.zarr", 'a".zarr', "a\\", "a\n.zarr", "a```\n# h", "é`'.zarr", "a\\x22", "a'\"b"]
)
def test_the_lines_that_load_it_are_python_whatever_the_name_of_the_store(place):
    for document in (measured(), split_document(), reference_document()):
        text = card(described(document, place=place))
        (block,) = re.findall(r"```python\n(.*?)\n```\n", text, re.DOTALL)
        assert len(block.splitlines()) == 3
        strings = [one.value for one in ast.walk(ast.parse(block)) if isinstance(one, ast.Constant)]
        assert strings.count(place) == 2
        assert read(text)[0][-2:] == ["How to load it", "Digests"]


def test_the_lines_that_load_it_work(screen, monkeypatch):
    from vcspec.actions.export import describe

    monkeypatch.chdir(screen.folder)
    for place, name in (
        (screen.dataset, "cells"),
        (screen.split, "split"),
        (screen.reference, "reference"),
    ):
        block = re.findall(r"```python\n(.*?)```", card(describe(place)), re.DOTALL)[0]
        names: dict[str, object] = {}
        with contextlib.chdir(screen.folder):
            exec(block, names)
        assert names[name] is not None


def test_what_somebody_wrote_by_hand_stands_at_the_end_letter_by_letter():
    about = "## How it was made\r\n\r\n<b>By hand</b>  \n\n\n"
    usual = card(described())
    assert card(described(about=about)) == f"{usual}\n{about}"


def test_without_the_dataset_nothing_is_said_of_its_papers_and_a_note_tells_so():
    found = described(split_document())
    assert read(card(found))[0][-3:] == ["Licence", "How to load it", "Digests"]
    (note,) = notes(found, "card")
    assert "tiny@1.0.0 is not at hand" in note
    assert "--dataset" in note
    assert notes(described(split_document(), upstream=measured()), "card") == []
