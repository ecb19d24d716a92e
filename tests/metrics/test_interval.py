import numpy as np
import pytest

from vcspec.metrics.interval import (
    RESAMPLES,
    anchored_interval,
    mean_interval,
    percentiles,
    resamples,
)

MASK = 2**64 - 1


def one(values: np.ndarray) -> list[str]:
    """One context for all conditions."""
    return ["x"] * len(values)


def split_mix_64(place: int) -> int:
    """The generator's output after `place` steps from state 0, in plain Python."""
    z = place * 0x9E3779B97F4A7C15 & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def naive_draw(resample: int, position: int, conditions: int, seed: int = 0) -> int:
    output = split_mix_64(resample * conditions + position + 1 + (seed << 32) & MASK)
    return int((output >> 11) / 2**53 * conditions)


def test_the_generator_is_the_published_one() -> None:
    # The first outputs from state 0, as other implementations print them.
    assert [split_mix_64(place) for place in (1, 2, 3)] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
    ]


@pytest.mark.parametrize(("conditions", "seed"), [(1, 0), (2, 0), (7, 0), (123, 0), (7, 5)])
def test_every_draw_is_a_hash_of_its_place(conditions: int, seed: int) -> None:
    found = resamples(conditions, number=20, seed=seed)
    wanted = [[naive_draw(b, i, conditions, seed) for i in range(conditions)] for b in range(20)]
    assert found.tolist() == wanted
    assert found.min() >= 0
    assert found.max() < conditions


def test_draws_are_frozen() -> None:
    assert resamples(10, number=2).tolist() == [
        [8, 4, 0, 9, 1, 3, 1, 7, 2, 9],
        [3, 7, 5, 5, 7, 5, 4, 7, 2, 8],
    ]


def test_draws_look_uniform() -> None:
    often = np.bincount(resamples(50).ravel(), minlength=50)
    assert often.sum() == 50 * RESAMPLES
    assert abs(often - RESAMPLES).max() < 6 * RESAMPLES**0.5


def naive_quantile(values: list[float], share: float) -> float:
    """Linear interpolation between order statistics."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def test_percentiles_are_interpolated_between_neighbours() -> None:
    values = np.random.default_rng(0).normal(size=1_000)
    low, high = percentiles(values)
    assert low == pytest.approx(naive_quantile(values.tolist(), 0.025), rel=1e-12)
    assert high == pytest.approx(naive_quantile(values.tolist(), 0.975), rel=1e-12)


def test_the_interval_of_a_mean_is_that_of_a_loop_over_resamples() -> None:
    values = np.random.default_rng(1).gamma(1.0, size=9).tolist()
    means = [sum(values[naive_draw(b, i, 9)] for i in range(9)) / 9 for b in range(RESAMPLES)]
    found = mean_interval(np.array(values), one(np.array(values)))
    wanted = (naive_quantile(means, 0.025), naive_quantile(means, 0.975))
    assert found == pytest.approx(wanted, rel=1e-12)


def test_an_interval_of_fewer_than_two_conditions_does_not_exist() -> None:
    assert mean_interval(np.array([]), one(np.array([]))) is None
    assert mean_interval(np.array([1.0]), one(np.array([1.0]))) is None
    assert mean_interval(np.array([1.0, 1.0]), one(np.array([1.0, 1.0]))) == (1.0, 1.0)


def test_value_floor_and_replicate_are_resampled_together() -> None:
    draw = np.random.default_rng(2)
    value, floor, replicate = draw.random(8), draw.random(8), 2 + draw.random(8)
    ratios = []
    for b in range(RESAMPLES):
        rows = [naive_draw(b, i, 8) for i in range(8)]
        v, f, r = (np.mean(column[rows]) for column in (value, floor, replicate))
        ratios.append(float((v - f) / (r - f)))
    found = anchored_interval(value, floor, replicate, one(value))
    wanted = (naive_quantile(ratios, 0.025), naive_quantile(ratios, 0.975))
    assert found == pytest.approx(wanted, rel=1e-12)


def test_the_floor_itself_has_an_interval_of_exactly_zero() -> None:
    floor = np.random.default_rng(3).random(6)
    assert anchored_interval(floor, floor, floor + 1, one(floor)) == (0.0, 0.0)
    assert anchored_interval(floor, floor, floor - 1, one(floor)) is None


def test_a_quotient_without_a_bounded_distribution_has_no_interval() -> None:
    value, floor = np.ones(4), np.zeros(4)
    assert anchored_interval(value, floor, np.array([1.0, 1.0, 1.0, -1.0]), one(value)) is None
    assert anchored_interval(value, floor, floor, one(value)) is None
    assert anchored_interval(value[:1], floor[:1], floor[:1] + 1, ["x"]) is None


def test_contexts_are_drawn_first_and_conditions_within_them() -> None:
    values = np.random.default_rng(4).normal(size=7)
    contexts = ["a", "b", "a", "c", "b", "a", "c"]
    rows = {name: [at for at, own in enumerate(contexts) if own == name] for name in "abc"}
    means = []
    for b in range(RESAMPLES):
        chosen = ["abc"[naive_draw(b, i, 3)] for i in range(3)]
        drawn = [
            rows[name][naive_draw(b, i, len(rows[name]), seed=1 + "abc".index(name))]
            for name in chosen
            for i in range(len(rows[name]))
        ]
        means.append(float(np.mean(values[drawn])))
    wanted = (naive_quantile(means, 0.025), naive_quantile(means, 0.975))
    assert mean_interval(values, contexts) == pytest.approx(wanted, rel=1e-9)


def test_what_contexts_share_widens_the_interval() -> None:
    values = np.repeat([0.0, 1.0, 2.0, 3.0], 25) + np.random.default_rng(5).normal(size=100) / 10
    apart = mean_interval(values, [f"c{at // 25}" for at in range(100)])
    together = mean_interval(values, one(values))
    assert apart is not None
    assert together is not None
    assert apart[1] - apart[0] > 2 * (together[1] - together[0])
