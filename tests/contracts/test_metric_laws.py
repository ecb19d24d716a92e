"""Laws that every metric of the standard obeys; the standard says which numbers they speak of."""

import re
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcspec.metrics import METRICS, compute
from vcspec.model.comparison import Comparison, Expression, Pooled, Sample, Side, Space
from vcspec.model.matrix import rows_of_dense, stack
from vcspec.standard import standard
from vcspec.statistics.expression import differential_expression
from vcspec.statistics.moments import mean_profile
from vcspec.statistics.normalise import log1p_rows
from vcspec.statistics.ranksum import SortedControl

ENTRIES = standard().metrics
ALL = sorted(ENTRIES)
CONTEXTS, PERTURBATIONS, CELLS, FEATURES = 2, 8, 40, 120
FIELDS = {
    "title": str,
    "formula": str,
    "estimator": str,
    "reference_point": str,
    "controls": str,
    "gene_set": str,
    "ties": str,
    "nan": str,
    "empty": str,
    "undefined_prediction": str,
    "aggregation": str,
    "per": str,
    "direction": str,
    "range": list,
    "perfect": float,
    "null": (float, str),
    "worst": (float, str),
    "unit": str,
    "level": str,
    "needs": list,
    "parameters": dict,
    "not_averaged_with": list,
    "source": str,
}
OPTIONAL = {"estimates": str, "reproduces": str, "differs": str}
NEEDS = {
    "means",
    "truth-expression",
    "prediction-expression",
    "linear",
    "pooled",
    "variance",
    "sample",
    "space",
    "deviation",
    "phenotype",
}
PROFILES = {"means", "truth-expression", "space", "deviation", "phenotype"}
each_metric = pytest.mark.parametrize("name", ALL)
each_that_the_truth_leads = pytest.mark.parametrize(
    "name",
    [
        name
        for name in ALL
        if "deviation" not in ENTRIES[name]["needs"]
        and ENTRIES[name].get("estimates") != "relative"  # the truth itself is not the best
    ],
)
each_without_deviation = pytest.mark.parametrize(
    "name", [name for name in ALL if "deviation" not in ENTRIES[name]["needs"]]
)


@cache
def screen():
    """Cells of a small screen, log1p: (context, perturbation) → cells, and the controls."""
    rng = np.random.default_rng(0)
    level = rng.lognormal(-0.5, 1.3, size=FEATURES)
    hit = rng.random((PERTURBATIONS, FEATURES)) < 0.15
    effect = np.exp(rng.normal(size=(PERTURBATIONS, FEATURES)) * hit)

    def cells(rate, number):
        depth = rng.lognormal(0, 0.3, size=(number, 1))
        counts = rows_of_dense(rng.poisson(rate * depth).astype(np.float32))
        return log1p_rows(counts, space="counts", target_sum=100.0).dense()

    shift = np.exp(rng.normal(size=(CONTEXTS, FEATURES)) * 0.5)
    blocks = [cells(level * s * e, CELLS) for s in shift for e in effect]
    controls = [cells(level * s, 2 * CELLS) for s in shift]
    return tuple(blocks), tuple(controls)


context_of = np.repeat(np.arange(CONTEXTS), PERTURBATIONS)


def side(blocks, controls, *, rows=rows_of_dense, together=PERTURBATIONS):
    """One side, tested `together` conditions at a time."""
    parts, base = [], []
    for context, cells in enumerate(controls):
        control = rows(cells)
        base.append(mean_profile(control))
        mine = [rows(block) for block, c in zip(blocks, context_of, strict=True) if c == context]
        for start in range(0, len(mine), together):
            group = mine[start : start + together]
            parts.append(differential_expression(group, SortedControl.of(control)))
    expression = Expression(
        *(np.vstack([getattr(part, name) for part in parts]) for name in ("z", "p_value", "fdr"))
    )
    mean = np.array([mean_profile(rows(block)) for block in blocks])
    amounts, control_amounts = (
        [np.expm1(np.minimum(cells.astype(np.float64), 12)) for cells in group]
        for group in (blocks, controls)
    )
    return Side(
        mean,
        np.array(base)[context_of],
        expression,
        linear=np.array([cells.mean(axis=0) for cells in amounts]),
        control_linear=np.array([cells.mean(axis=0) for cells in control_amounts])[context_of],
        pooled=pooled(amounts, control_amounts),
        variance=np.array([cells.astype(np.float64).var(axis=0, ddof=1) for cells in blocks]),
        sample=sample(blocks, controls),
    )


def sample(blocks, controls):
    pinned = space()
    seen = [
        [cells.astype(np.float64) for cells in group]
        for group in (blocks, [controls[context] for context in context_of])
    ]
    return Sample(
        *(
            tuple(see(cells) for cells in group)
            for group in seen
            for see in (pinned.project, lambda cells: cells[:, pinned.panel])
        )
    )


def pooled(amounts, control_amounts):
    def profiles(groups):
        sums = np.array([cells.sum(axis=0) for cells in groups])
        return np.log1p(50_000 * sums / sums.sum(axis=1, keepdims=True))

    def noise(groups):
        found = []
        for cells in groups:
            left = cells.sum(axis=0) - cells
            values = np.log1p(50_000 * left / left.sum(axis=1, keepdims=True))
            away = np.square(values - values.mean(axis=0)).sum()
            found.append((len(cells) - 1) / len(cells) * away)
        return np.array(found)

    return Pooled(
        profiles(amounts),
        noise(amounts),
        profiles(control_amounts)[context_of],
        noise(control_amounts)[context_of],
    )


def comparison(truth, prediction):
    centre = np.array([truth.mean[c == context_of].mean(axis=0) for c in range(CONTEXTS)])[
        context_of
    ]
    return Comparison(
        truth,
        prediction,
        context_of,
        centre,
        np.arange(FEATURES) < PERTURBATIONS,
        tuple(np.array([number % PERTURBATIONS]) for number in range(len(context_of))),
        space(),
        tuple("ab"[number % 2] for number in range(len(context_of))),
    )


@cache
def space():
    """Principal axes of the screen's controls."""
    cells = np.concatenate(screen()[1]).astype(np.float64)
    offset = cells.mean(axis=0)
    axes = np.linalg.svd(cells - offset, full_matrices=False)[2][:10].T
    along = np.square((cells - offset) @ axes).mean(axis=0)
    return Space(axes, offset, np.arange(0, FEATURES, 5), along)


@cache
def truth():
    return side(*screen())


@cache
def noisy(level, seed):
    """The truth's cells with a multiplicative error for each condition and feature."""
    rng = np.random.default_rng(seed)
    blocks, controls = screen()
    error = np.exp(level * rng.normal(size=(len(blocks), FEATURES)))
    pairs = zip(blocks, error, strict=True)
    return side([(block * factor).astype(np.float32) for block, factor in pairs], controls)


@cache
def confused(share, seed):
    """The truth's cells, a share of them replaced by cells of the context's other conditions."""
    rng = np.random.default_rng(seed)
    blocks, controls = screen()
    mixed = []
    for row, block in enumerate(blocks):
        rivals = [o for o in np.flatnonzero(context_of == context_of[row]) if o != row]
        pool = np.concatenate([blocks[other] for other in rivals])
        swapped = round(share * CELLS)
        strangers = pool[rng.choice(len(pool), swapped, replace=False)]
        mixed.append(np.concatenate([strangers, block[swapped:]]))
    return side(mixed, controls)


def some():
    """A prediction that is neither perfect nor useless."""
    return noisy(0.3, seed=7)


def average(name, prediction):
    return np.nanmean(compute([name], comparison(truth(), prediction))[name].values)


def never_helps(name, make, ladder):
    means = [np.mean([average(name, make(step, seed)) for seed in range(3)]) for step in ladder]
    worse = 1 if ENTRIES[name]["direction"] == "lower" else -1
    assert np.all(np.diff(means) * worse >= -1e-9), means


def same(one, other):
    assert {n: s.reasons for n, s in one.items()} == {n: s.reasons for n, s in other.items()}
    for name in one:
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)


def test_no_metric_of_the_standard_is_without_code():
    assert METRICS.names == set(ENTRIES)
    assert not METRICS.unclaimed()


@each_metric
def test_an_entry_says_everything(name):
    entry = ENTRIES[name]
    assert set(entry) - set(OPTIONAL) == set(FIELDS)
    for field, kind in {**FIELDS, **OPTIONAL}.items():
        assert isinstance(entry.get(field, "-"), kind), field
        assert entry.get(field) != "", field


@each_metric
def test_the_reasons_that_an_entry_names_are_terms_of_the_vocabulary(name):
    entry = ENTRIES[name]
    named = set(re.findall(r"reason ([a-z]+(?:-[a-z]+)+)", entry["empty"] + " " + entry["nan"]))
    assert named
    assert named <= set(standard().vocabularies["undefined"])


@each_metric
def test_an_entry_does_not_contradict_itself(name):
    entry = ENTRIES[name]
    low, high = entry["range"]
    assert entry["direction"] in {"higher", "lower"}
    if entry.get("estimates") == "unbiased":
        assert (entry["perfect"], low) == (0.0, -np.inf)
    else:
        assert entry["perfect"] == (high if entry["direction"] == "higher" else low)
    assert entry["undefined_prediction"] in {"null", "never"}
    assert entry["undefined_prediction"] == "never" or isinstance(entry["null"], float)
    assert isinstance(entry["null"], str) or low <= entry["null"] <= high
    bad = low if entry["direction"] == "higher" else high
    assert entry["worst"] == ("worst-seen" if np.isinf(bad) else bad)
    assert entry["per"] in {"condition", "context"}
    assert set(entry["needs"]) <= NEEDS
    assert entry["level"] == ("profiles" if set(entry["needs"]) <= PROFILES else "cells")
    for other in entry["not_averaged_with"]:
        assert name in ENTRIES[other]["not_averaged_with"]


@each_metric
def test_no_conditions_have_no_scores(name):
    assert compute([name], comparison(truth(), some()).rows(0, 0))[name].reasons == ()


def test_suites_name_metrics_of_the_standard():
    for suite in standard().suites.values():
        assert set(suite["metrics"]) <= set(ENTRIES)
        assert len(set(suite["metrics"])) == len(suite["metrics"])
        assert set(suite["headline"]) <= set(suite["metrics"])


def test_headlines_are_not_functions_of_each_other():
    for suite in standard().suites.values():
        for name in suite["headline"]:
            assert not set(ENTRIES[name]["not_averaged_with"]) & set(suite["headline"])
            assert not ENTRIES[name].get("reproduces") or suite.get("reproduces")


@each_metric
def test_every_condition_has_a_value_or_a_reason(name):
    for prediction in (truth(), some()):
        scores = compute([name], comparison(truth(), prediction))[name]
        assert scores.values.shape == (len(context_of),)
        for value, reason in zip(scores.values, scores.reasons, strict=True):
            assert np.isnan(value) == bool(reason)
            assert not reason or reason in standard().vocabularies["undefined"]


@each_without_deviation
def test_the_truth_scores_perfectly(name):
    scores = compute([name], comparison(truth(), truth()))[name]
    defined = scores.values[np.isfinite(scores.values)]
    assert len(defined)
    if ENTRIES[name].get("estimates") == "unbiased":  # a cell is nearer to itself than to others
        assert (defined <= 1e-9).all()
    elif ENTRIES[name].get("estimates") == "relative":
        assert (defined <= ENTRIES[name]["perfect"]).all()
    else:
        np.testing.assert_allclose(defined, ENTRIES[name]["perfect"], rtol=0, atol=1e-9)


@each_metric
def test_values_stay_in_range(name):
    low, high = ENTRIES[name]["range"]
    for level in (0.1, 1.0, 4.0):
        values = compute([name], comparison(truth(), noisy(level, seed=3)))[name].values
        assert np.all((values >= low) & (values <= high) | np.isnan(values))


@each_that_the_truth_leads
def test_noise_never_helps_on_average(name):
    never_helps(name, noisy, (0.0, 0.1, 0.2, 0.4, 0.8))


@each_that_the_truth_leads
def test_confusing_conditions_never_helps_on_average(name):
    never_helps(name, confused, (0.0, 0.25, 0.5, 0.75, 1.0))


def no_information(entry):
    """What says nothing about a condition: the control's cells, or the point that is centred on."""
    controls = screen()[1]
    pasted = side([controls[context] for context in context_of], controls)
    if entry["reference_point"] == "training-mean":
        return replace(pasted, mean=comparison(truth(), truth()).centre)
    return pasted


def prevalence(alpha):
    """(conditions,) share of significant features; NaN where one class is missing."""
    found = truth().expression.fdr < alpha
    return np.where(found.any(axis=1) & ~found.all(axis=1), found.mean(axis=1), np.nan)


def declared_null(name):
    """The null as a number; of a baseline its own value."""
    entry = ENTRIES[name]
    null, parameters = entry["null"], entry["parameters"]
    number = PERTURBATIONS
    known = {
        "1 / N": 1 / number,
        "(N - 1) / 2 N": (number - 1) / (2 * number),
        "(N + 1) / 2 N": (number + 1) / (2 * number),
        "share without true calls": 0.0,
    }
    if null == "k / features":
        return parameters["k"] / FEATURES
    if null == "k / (2 features - k)":
        return parameters["k"] / (2 * FEATURES - parameters["k"])
    if null == "prevalence":
        return np.nanmean(prevalence(parameters["alpha"]))
    if null in {"no-change", "context-mean"}:
        return average(name, no_information(entry))
    return known.get(null, null)


@each_without_deviation
def test_no_information_scores_the_declared_null(name):
    entry = ENTRIES[name]
    found = average(name, no_information(entry))
    assert np.isfinite(found)
    if isinstance(entry["null"], str) and entry["null"] in standard().baselines:
        assert entry["null"] in {"no-change", "context-mean"}
        assert (entry["null"] == "context-mean") == (entry["reference_point"] == "training-mean")
    # A target of its own for every condition leaves a trace of the condition in any prediction.
    near = 0.1 if entry["parameters"].get("without") == "own" else 1e-9
    assert found == pytest.approx(declared_null(name), abs=near)


def made_at_random(seed, *, amounts):
    """Control cells, each condition's features moved at random; amounts do not fall below 0."""
    rng = np.random.default_rng(seed)
    controls = screen()[1]
    moved = [controls[context][:CELLS] + rng.normal(size=FEATURES) for context in context_of]
    blocks = [(np.maximum(cells, 0) if amounts else cells).astype(np.float32) for cells in moved]
    with np.errstate(invalid="ignore"):  # logarithms of amounts below 0, which nothing then reads
        return side(blocks, controls)


def beats_its_null(name, found):
    """Whether values of random predictions are better than the null, on average and clearly."""
    better = 1 if ENTRIES[name]["direction"] == "higher" else -1
    gain = better * (np.array(found) - declared_null(name))
    return gain.mean() > max(0.02, 4 * gain.std(ddof=1) / np.sqrt(len(gain)))


def test_what_random_predictions_score_beyond_the_null_is_stated():
    beaten = set()
    for amounts in (False, True):
        names = [
            name
            for name in ALL
            if "deviation" not in ENTRIES[name]["needs"]
            and bool({"linear", "pooled"} & set(ENTRIES[name]["needs"])) == amounts
        ]
        runs = [
            compute(names, comparison(truth(), made_at_random(seed, amounts=amounts)))
            for seed in range(40)
        ]
        found = {name: [np.nanmean(run[name].values) for run in runs] for name in names}
        beaten |= {name for name in names if beats_its_null(name, found[name])}
    assert beaten == set(standard().chance)


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=5)
def test_the_order_of_cells_does_not_matter(random):
    blocks, controls = screen()
    order = random.sample(range(CELLS), CELLS)
    mixed = side([block[order] for block in blocks], [control[::-1] for control in controls])
    same(
        compute(ALL, comparison(mixed, some())),
        compute(ALL, comparison(truth(), some())),
    )


@given(st.lists(st.integers(0, CELLS), max_size=4).map(sorted), st.integers(1, PERTURBATIONS))
@settings(deadline=None, max_examples=5)
def test_how_cells_are_blocked_does_not_matter(cuts, together):
    def in_blocks(cells):
        rows, edges = rows_of_dense(cells), [0, *cuts, len(cells)]
        return stack([rows.slice(*edge) for edge in pairwise(edges)])

    blocked = side(*screen(), rows=in_blocks, together=together)
    same(
        compute(ALL, comparison(blocked, some())),
        compute(ALL, comparison(truth(), some())),
    )


@each_metric
def test_the_order_of_features_does_not_matter(name):
    order = np.random.default_rng(0).permutation(FEATURES)
    whole = comparison(truth(), some())
    place = np.argsort(order)
    mixed = Comparison(
        *(at(which, slice(None), order) for which in (whole.truth, whole.prediction)),
        whole.context,
        whole.centre[:, order],
        whole.is_target[order],
        tuple(place[own] for own in whole.targets),
        replace(
            whole.space,
            loadings=whole.space.loadings[order],
            offset=whole.space.offset[order],
            panel=place[whole.space.panel],
        ),
        whole.phenotype,
    )
    before, after = (compute([name], which)[name] for which in (whole, mixed))
    assert before.reasons == after.reasons
    np.testing.assert_allclose(after.values, before.values, rtol=1e-8, atol=2e-10)


@pytest.mark.parametrize("context", range(CONTEXTS))
def test_contexts_do_not_touch_each_other(context):
    rows = np.flatnonzero(context_of == context)
    whole = comparison(truth(), some())
    part = whole.rows(rows[0], rows[-1] + 1)
    together, apart = compute(ALL, whole), compute(ALL, part)
    for name in ALL:
        np.testing.assert_array_equal(apart[name].values, together[name].values[rows])


@each_metric
def test_other_conditions_change_the_metrics_that_the_task_names_and_no_others(name):
    prediction = confused(0.9, seed=1)
    spread = np.random.default_rng(1).random(prediction.mean.shape)
    whole, half = comparison(truth(), replace(prediction, deviation=spread)), PERTURBATIONS // 2
    stated = ENTRIES[name]["parameters"]
    parameters = {**stated, "fewest": 3} if "fewest" in stated else stated

    def values(part):
        return np.round(METRICS[name](part, **parameters).values, 10)

    parts = [values(whole.rows(at, at + half)) for at in range(0, len(whole), half)]
    same_alone = np.array_equal(np.concatenate(parts), values(whole), equal_nan=True)
    named = standard().tasks["perturbation-response"]["among_conditions"]
    assert same_alone == (name not in named)


def at(which, rows, features=slice(None)):
    def part(values):
        return None if values is None else values[rows][:, features]

    found, sums = which.expression, which.pooled
    return replace(
        which,
        mean=part(which.mean),
        control=part(which.control),
        expression=Expression(part(found.z), part(found.p_value), part(found.fdr)),
        variance=part(which.variance),
        linear=part(which.linear),
        control_linear=part(which.control_linear),
        pooled=replace(sums, profile=part(sums.profile), control=part(sums.control)),
    )
