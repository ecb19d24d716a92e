"""Shards whose index lies in ways that no flipped bit gives."""

import struct

import pytest

from vcspec.model.store import Node
from vcspec.rules.matrices import ABSENT, _index_problem

NODE = Node(
    "/X",
    "array",
    3,
    {},
    shape=(6,),
    chunks=(4,),
    inner_chunks=(2,),
    data_type="int64",
    index_codecs=(("bytes", {}),),
)
BIG = Node(
    "/X",
    "array",
    3,
    {},
    shape=(8,),
    chunks=(4,),
    inner_chunks=(2,),
    index_codecs=(("bytes", {"endian": "big"}),),
)


def shard(*spans: tuple[int, int], size: int = 68, order: str = "<") -> bytes:
    numbers = [number for span in spans for number in span]
    return struct.pack(f"{order}{len(numbers)}Q", *numbers).ljust(size, b"x")


@pytest.mark.parametrize(
    ("spans", "place", "problem"),
    [
        (((36, 16), (52, 16)), 0, ""),
        (((52, 16), (36, 16)), 0, ""),
        (((36, 16), (44, 16)), 0, "inner chunks overlap"),
        (((36, 16), (36, 16)), 0, "inner chunks overlap"),
        (((0, 32), (52, 16)), 0, "inner chunks overlap"),
        (((36, 16), (60, 16)), 0, "an inner chunk reaches beyond the shard"),
        (((36, 16), (ABSENT, ABSENT)), 0, "the inner chunk (1,) is absent"),
        (((36, 16), (ABSENT, ABSENT)), 1, ""),
        (((36, 16), (ABSENT, 16)), 1, "an inner chunk reaches beyond the shard"),
    ],
)
def test_inner_chunks_lie_inside_the_shard_each_once(spans, place, problem):
    head = shard(*spans)
    assert _index_problem(head, len(head), NODE, (place,)) == problem


def test_the_index_may_be_written_in_either_byte_order():
    head = shard((36, 16), (52, 16), order=">")
    assert _index_problem(head, len(head), BIG, (0,)) == ""


def test_a_shard_shorter_than_its_index():
    assert _index_problem(b"x" * 31, 31, NODE, (0,)) == "31 bytes, shorter than its index"
