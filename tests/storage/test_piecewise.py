"""Digests of bytes in pieces are those of the bytes."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from vcspec.storage.piecewise import PiecewiseDigest

BODY = bytes(range(60))
SIZE = len(BODY)
ROOMY = 20 * SIZE
SPANS = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(sorted), max_size=20)


@given(SPANS, st.sampled_from([0, 7, SIZE, ROOMY]), st.sampled_from([bytes, memoryview]))
def test_pieces_in_any_order_and_what_is_missing_make_the_digest_of_the_whole(
    spans: list[list[int]], room: int, kind: type[bytes] | type[memoryview]
) -> None:
    body = kind(BODY)
    digest, held = PiecewiseDigest(), 0
    for start, stop in spans:
        held += digest.add(start, body[start:stop], room - held)
        assert 0 <= held <= room
    asked = 0
    while (span := digest.missing(SIZE))[0] < SIZE:
        held += digest.add(span[0], BODY[slice(*span)])
        asked += span[1] - span[0]
    assert digest.hexdigest() == hashlib.sha256(BODY).hexdigest()
    assert held == 0
    assert digest.missing(SIZE) == (SIZE, SIZE)
    if room == ROOMY:
        assert asked == SIZE - len({place for span in spans for place in range(*span)})


def test_what_comes_too_soon_is_left_out_where_there_is_no_room() -> None:
    digest = PiecewiseDigest()
    assert digest.add(10, BODY[10:20], room=9) == 0
    assert digest.missing(SIZE) == (0, SIZE)
    assert digest.add(10, BODY[10:20], room=10) == 10
    assert digest.missing(SIZE) == (0, 10)
    assert digest.add(0, BODY[:10]) == -10
    assert digest.missing(SIZE) == (20, SIZE)
