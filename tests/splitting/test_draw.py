import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcspec.splitting.draw import drawn, uniform

names = st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=30, unique=True)


def naive(seed: int, name: str) -> float:
    bits = bin(int(hashlib.sha256(f"{seed}:{name}".encode()).hexdigest(), 16))[2:].zfill(256)
    return sum(int(bit) / 2**place for place, bit in enumerate(bits[:53], start=1))


@given(st.integers(0, 10**9), st.text(max_size=9))
def test_a_draw_is_the_top_53_bits_of_a_hash(seed: int, name: str) -> None:
    assert uniform(seed, name) == naive(seed, name)
    assert 0 <= uniform(seed, name) < 1


def test_draws_are_frozen() -> None:
    assert uniform(0, "A") == naive(0, "A")
    assert sorted("ABCDEFGH", key=lambda name: naive(0, name))[:2] == sorted(
        drawn(0, "ABCDEFGH", 0.25), key=lambda name: naive(0, name)
    )


@given(names, st.randoms(use_true_random=False), st.integers(0, 5), st.floats(0.01, 0.99))
def test_a_draw_does_not_depend_on_the_order(
    found: list[str], random: object, seed: int, fraction: float
) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert drawn(seed, found, fraction) == drawn(seed, shuffled, fraction)


@given(names, st.integers(0, 5))
def test_a_name_that_is_added_moves_no_other_name_past_another(found: list[str], seed: int) -> None:
    with_it = drawn(seed, [*found, "new"], 0.5) - {"new"}
    without = drawn(seed, found, 0.5)
    assert with_it <= without or without <= with_it


@pytest.mark.parametrize(
    ("number", "fraction", "size"), [(10, 0.2, 2), (10, 0.01, 1), (10, 0.99, 10), (3, 0.5, 2)]
)
def test_a_share_is_rounded_and_never_empty(number: int, fraction: float, size: int) -> None:
    assert len(drawn(0, [f"n{n}" for n in range(number)], fraction)) == size


def test_another_seed_draws_others() -> None:
    found = [f"n{n}" for n in range(50)]
    assert len({frozenset(drawn(seed, found, 0.2)) for seed in range(20)}) == 20
