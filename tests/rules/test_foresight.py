"""What the rules of a level will read first."""

import pytest
from support import tiny

from vcspec.rules import foresight
from vcspec.storage.opening import open_store


@pytest.mark.parametrize(
    ("level", "most", "found"),
    [
        pytest.param("full", 0, ["X/data/c/0", "X/indices/c/0", "X/indptr/c/0"], id="a pass"),
        pytest.param("data", 0, ["X/data/c/0", "X/indices/c/0", "X/indptr/c/0"], id="the same"),
        pytest.param("axes", 0, [], id="no pass"),
        pytest.param("metadata", 0, [], id="no table"),
        pytest.param("full", 4_194_304, [], id="small ones come all together"),
    ],
)
def test_a_pass_over_the_matrix_is_foreseen_where_values_are_read(
    screen: tiny.Screen, monkeypatch: pytest.MonkeyPatch, level: str, most: int, found: list[str]
) -> None:
    monkeypatch.setattr(foresight, "FORESEEN_BYTES", most)
    skeleton = open_store(str(screen.predictions)).skeleton
    assert sorted(foresight.first_of_passes(skeleton, level)) == found
