import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcspec.model.manifest import (
    HEADER,
    Entry,
    is_manifest,
    node_manifest,
    node_manifest_name,
    owner,
    parse_node_manifest,
)

DIGEST = "0" * 63 + "f"
entries = st.lists(
    st.builds(
        Entry,
        st.text("abc/.ü0", min_size=1, max_size=12),
        st.integers(0, 2**60),
        st.text("0123456789abcdef", min_size=64, max_size=64),
    ),
    unique_by=lambda entry: entry.name,
)


@given(entries)
def test_what_was_written_is_read(found: list[Entry]) -> None:
    wanted = tuple(sorted(found, key=lambda entry: entry.name.encode()))
    assert parse_node_manifest(node_manifest(found)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# another header\n",
        HEADER,
        f"{HEADER}\n# size 3\n",
        f"{HEADER}\n# size three\n{DIGEST}  a\n",
        f"{HEADER}\nsize 3\n{DIGEST}  a\n",
        f"{HEADER}\n# size 3\n{DIGEST} a\n",
        f"{HEADER}\n# size 3\n{DIGEST}  a",
        f"{HEADER}\n# size 3\n{DIGEST}  a\n\n",
    ],
)
def test_a_text_that_is_no_manifest_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_node_manifest(text)


def test_an_object_belongs_to_the_deepest_node_above_it() -> None:
    nodes = ["/", "/X", "/X/data"]
    assert owner("X/data/c/0", nodes) == "/X/data"
    assert owner("X/data/zarr.json", nodes) == "/X/data"
    assert owner("X/zarr.json", nodes) == "/X"
    assert owner("stray/c/0", nodes) == "/"
    assert owner("zarr.json", nodes) == "/"


def test_a_manifest_does_not_list_itself() -> None:
    assert is_manifest("manifest.json")
    assert is_manifest(node_manifest_name("/X/data"))
    assert is_manifest(node_manifest_name("/"))
    assert not is_manifest("X/manifest.json")
    assert not is_manifest("manifests/a")
