"""Held against a reader of CommonMark with tables, which shares no code with the writer."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from vcspec.render.markdown import bullets, code, link, opening, plain, table

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
BITS = [
    *(*"\\`*_[]<>&|~#$^!-+=(){}:.\"'@ \n\t", "1.", "2)", "```", "---", "<b>", "<!--", "-->"),
    *("](x)", "![a](b)", "&amp;", "&#35;", "**", "~~", "http://x.org", "<http://x.org>", "a", "é"),
    *("    ", "[^1]", "[x]: y", "| a |", "|---|", "\r\n", "<script>", "word_with_bars", "😀"),
]
STRANGE = st.lists(st.sampled_from(BITS), min_size=1, max_size=12).map("".join)


def inside(text):
    """(kind of block tokens, kinds of inline tokens, text) of a page."""
    blocks = READER.parse(text)
    inline = [child for block in blocks if block.type == "inline" for child in block.children or ()]
    shown = "".join(token.content for token in inline)
    return [block.type for block in blocks], {token.type for token in inline}, shown


def line(text):
    return " ".join(text.split())


@settings(max_examples=400, deadline=None)
@given(STRANGE)
def test_text_in_a_line_is_shown_as_it_stands(text):
    blocks, kinds, shown = inside(f"so: {plain(text)}")
    assert blocks == ["paragraph_open", "inline", "paragraph_close"]
    assert kinds == {"text"}
    assert shown == f"so: {line(text)}".rstrip()


@settings(max_examples=400, deadline=None)
@given(STRANGE)
def test_text_at_the_start_opens_nothing_but_a_paragraph(text):
    if not line(text):
        return
    blocks, kinds, shown = inside(opening(text))
    assert blocks == ["paragraph_open", "inline", "paragraph_close"]
    assert (kinds, shown) == ({"text"}, line(text))
    blocks, kinds, shown = inside("\n".join(bullets([opening(text)])))
    assert (blocks.count("list_item_open"), kinds, shown) == (1, {"text"}, line(text))
    assert blocks.count("bullet_list_open") == 1
    assert "ordered_list_open" not in blocks


@settings(max_examples=400, deadline=None)
@given(STRANGE)
def test_code_holds_all_of_its_text(text):
    if not line(text):
        return
    _, kinds, shown = inside(f"so {code(text)} it is")
    assert kinds == {"text", "code_inline"}
    assert shown == f"so {line(text)} it is"


@settings(max_examples=400, deadline=None)
@given(STRANGE, STRANGE)
def test_a_table_has_the_cells_that_it_was_given(one, other):
    text = "\n".join(table(["a", "b", "c"], [[plain(one), plain(other), "x"]]))
    blocks, kinds, shown = inside(text)
    assert (blocks.count("tr_open"), blocks.count("td_open")) == (2, 3)
    assert kinds == {"text"}
    assert shown == f"abc{line(one)}{line(other)}x"
    blocks, *_ = inside("\n".join(table(["a", "b"], [[code(one or "x"), "x"]])))
    assert (blocks.count("tr_open"), blocks.count("td_open")) == (2, 2)


@settings(max_examples=200, deadline=None)
@given(STRANGE, STRANGE)
def test_a_link_leads_where_it_says(text, end):
    tokens = READER.parse(f"so {link(f'a {text}', f'https://x.org/{line(end)}')}")
    opened = [child for child in tokens[1].children or () if child.type == "link_open"]
    assert [str(one.attrs["href"]).startswith("https://x.org/") for one in opened] == [True]
    assert {child.type for child in tokens[1].children or ()} == {"text", "link_open", "link_close"}


def test_only_web_addresses_become_links():
    assert link("file.h5ad", "s3://bucket/key") == "file.h5ad"
    assert link("x", "javascript:alert(1)") == "x"


@pytest.mark.parametrize("text", ["http://x.org", "see www.x.org", "mailto:a@x.org", "HTTPS://x"])
def test_addresses_in_text_are_broken_for_readers_that_link_them_unasked(text):
    assert plain(text) != text
    assert all(letter in string.printable for letter in plain(text))


def test_what_cannot_be_seen_is_spelled_out():
    assert plain("a\u202eb\x1b[2J") == r"a\\u202eb\\x1b\[2J"
    assert code("a\u202eb") == r"`a\u202eb`"
