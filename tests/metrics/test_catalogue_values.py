"""Values of the catalogue against loops over conditions and features, on awkward comparisons."""

from dataclasses import replace

import numpy as np
import pytest
from comparisons import FLAVOURS, awkward, of_means
from scipy import stats

from vcspec.metrics import compute
from vcspec.model.comparison import Expression, Side
from vcspec.standard import standard

ALPHA = 0.05


def parts(c, row):
    """What one condition is about: means, changes rounded as the standard says, tests, centre."""
    t, p = c.truth.mean[row], c.prediction.mean[row]
    dt, dp = (np.round(side.mean[row] - side.control[row], 12) for side in (c.truth, c.prediction))
    return t, p, dt, dp, c.truth.expression, c.prediction.expression, c.centre[row]


def pearson(x, y, weight=None):
    """Correlation by sums; NaN without variance."""
    weight = np.ones(len(x)) if weight is None else weight
    weight = weight / weight.sum()
    if len(set(x[weight > 0])) < 2 or len(set(y[weight > 0])) < 2:
        return np.nan
    x, y = x - (weight * x).sum(), y - (weight * y).sum()
    bottom = np.sqrt((weight * x * x).sum() * (weight * y * y).sum())
    return (weight * x * y).sum() / bottom


def spearman(x, y):
    return pearson(stats.rankdata(x), stats.rankdata(y))


def weights(expression, row):
    size = np.abs(expression.z[row])
    if size.max() == size.min():
        return None
    return ((size - size.min()) / (size.max() - size.min())) ** 2


def lists(c, row, alpha=ALPHA):
    _, _, dt, dp, te, pe, _ = parts(c, row)
    fold = 1 / np.log(2)
    return (
        {g for g in range(len(dt)) if te.fdr[row, g] < alpha},
        {g for g in range(len(dp)) if pe.fdr[row, g] < alpha},
        np.round((c.truth.mean[row] - c.truth.control[row]) * fold, 12),
        np.round((c.prediction.mean[row] - c.prediction.control[row]) * fold, 12),
    )


def weighted_r2(c, row):
    t, p, _, _, te, _, m = parts(c, row)
    w = weights(te, row)
    if w is None or np.isnan(m).any():
        return np.nan
    w, own = w / w.sum(), np.round(t - m, 12)
    bottom = (w * (own - (w * own).sum()) ** 2).sum()
    return 1 - (w * (p - t) ** 2).sum() / bottom if bottom else np.nan


def weighted_pearson(c, row):
    t, p, _, _, te, _, m = parts(c, row)
    w = weights(te, row)
    if w is None or np.isnan(m).any():
        return np.nan
    x, y = np.round(t - m, 12), np.round(p - m, 12)
    if len(set(x[w > 0])) < 2:
        return np.nan
    found = pearson(x, y, w)
    return 0.0 if np.isnan(found) else found


def r2(c, row):
    t, p, *_ = parts(c, row)
    if len(set(np.round(t, 12))) < 2:
        return np.nan
    return 1 - ((t - p) ** 2).sum() / ((t - t.mean()) ** 2).sum()


def plain_pearson(c, row):
    t, p = (np.round(v, 12) for v in parts(c, row)[:2])
    if len(set(t)) < 2:
        return np.nan
    found = pearson(t, p)
    return 0.0 if np.isnan(found) else found


def or_null(truth, found):
    return np.nan if len(set(truth)) < 2 else 0.0 if np.isnan(found) else found


def spearman_delta(c, row):
    _, _, dt, dp, *_ = parts(c, row)
    return or_null(dt, spearman(dt, dp))


def log_ratios(c, row):
    return [
        np.round(
            np.log2(np.maximum(side.mean[row], 0) + 0.1)
            - np.log2(np.maximum(side.control[row], 0) + 0.1),
            12,
        )
        for side in (c.truth, c.prediction)
    ]


def cosine_log(c, row):
    x, y = log_ratios(c, row)
    if not x.any():
        return np.nan
    return (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()) if y.any() else 0.0


def spearman_log(c, row):
    x, y = log_ratios(c, row)
    return or_null(x, spearman(x, y))


def signed_log_p(c, row):
    *_, te, pe, _ = parts(c, row)
    sides = [-np.sign(e.z[row]) * np.log10(np.maximum(e.p_value[row], 1e-300)) for e in (te, pe)]
    return np.sqrt(((sides[0] - sides[1]) ** 2).mean())


def clear_top(size, most):
    """The largest, at most so many; what ties across the end stays out."""
    order = sorted(size, key=lambda g: -size[g])
    if len(order) <= most:
        return set(order)
    return {g for g in order if size[g] > size[order[most]]}


def expected(wanted, size, most):
    """Mean number of `wanted` among the `most` largest, over all orders of what ties."""
    total = 0.0
    for g in wanted & set(size):
        above = sum(v > size[g] for v in size.values())
        tied = sum(v == size[g] for v in size.values())
        total += min(max((most - above) / tied, 0.0), 1.0)
    return total


def wrong_direction(c, row):
    _, _, dt, dp, *_ = parts(c, row)
    if not dt.any():
        return np.nan
    top = clear_top(dict(enumerate(np.abs(dt))), 50)
    kept = [g for g in top if dt[g] != 0]
    return np.mean([(1 - np.sign(dt[g]) * np.sign(dp[g])) / 2 for g in kept]) if top else np.nan


def overlap(k):
    def value(c, row):
        true, called, x, y = lists(c, row)
        if not true:
            return np.nan
        top = clear_top({g: abs(x[g]) for g in true}, min(k, len(true)))
        if not top:
            return np.nan
        return expected(top, {g: abs(y[g]) for g in called}, len(top)) / len(top)

    return value


def precision_at(k):
    def value(c, row):
        true, called, _, y = lists(c, row)
        if not true:
            return np.nan
        if not called:
            return 0.0
        most = min(k, len(called))
        return expected(true, {g: abs(y[g]) for g in called}, most) / most

    return value


def f1(c, row):
    true, called, *_ = lists(c, row)
    return 2 * len(true & called) / (len(true) + len(called)) if true else np.nan


def common(c, row):
    true, called, x, y = lists(c, row, 0.01)
    true, called = {g for g in true if abs(x[g]) >= 1}, {g for g in called if abs(y[g]) >= 1}
    return 2 * len(true & called) / (len(true) + len(called)) if true else np.nan


def directed(c, row):
    true, called, *_ = lists(c, row)
    _, _, dt, dp, *_ = parts(c, row)
    if not true:
        return np.nan
    return sum(dt[g] * dp[g] > 0 for g in called) / max(len(called), len(true))


def nmae(c, row):
    true, _, x, y = lists(c, row)
    if len(true) < 10 or not any(x[g] for g in true):
        return np.nan
    return sum(abs(y[g] - x[g]) for g in true) / sum(abs(x[g]) for g in true)


LOOPS = {
    "pearson": plain_pearson,
    "r2": r2,
    "weighted-r2-delta-centred": weighted_r2,
    "weighted-pearson-delta-centred": weighted_pearson,
    "spearman-delta": spearman_delta,
    "cosine-log-means": cosine_log,
    "spearman-log-means": spearman_log,
    "rmse-signed-log-p": signed_log_p,
    "wrong-direction-50": wrong_direction,
    "de-overlap-20": overlap(20),
    "de-overlap-100": overlap(100),
    "des": overlap(10**6),
    "de-precision-at-20": precision_at(20),
    "de-precision-at-500": precision_at(500),
    "de-f1": f1,
    "common-degs-f1": common,
    "direction-yield": directed,
    "lfc-nmae": nmae,
}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", LOOPS)
def test_a_value_is_that_of_loops(name, flavour):
    defined = 0
    for seed in range(3):
        c = awkward(seed, flavour, 60)
        found = compute([name], c)[name]
        for row in range(len(c)):
            wanted = LOOPS[name](c, row)
            assert np.isnan(wanted) == bool(found.reasons[row]), (seed, row, found.reasons[row])
            if not np.isnan(wanted):
                defined += 1
                assert found.values[row] == pytest.approx(wanted, abs=2e-9), (seed, row)
    assert defined


def distance(kind, x, y):
    if kind == "l1":
        return np.abs(x - y).sum()
    if kind == "l2":
        return ((x - y) ** 2).sum()
    if kind == "pearson":
        x, y = np.round(x - x.mean(), 12), np.round(y - y.mean(), 12)
    if not x.any() or not y.any():
        return 1.0
    x, y = x / np.sqrt((x * x).sum()), y / np.sqrt((y * y).sum())
    return ((x - y) ** 2).sum() / 2


SCALES = {
    "others": lambda k, n: 1 - k / (n - 1),
    "all": lambda k, n: 1 - k / n,
    "rank": lambda k, n: k / n,
    "twice": lambda k, n: 1 - 2 * k / n,
}
FAMILY = [
    name
    for name, entry in standard().metrics.items()
    if "ranked" in entry["parameters"]
    and entry["parameters"]["of"] in {"change", "expression", "fold-change"}
]


def seen(c, side, at, of):
    if of == "expression":
        return side.mean[at]
    if of == "change":
        return np.round(side.mean[at] - side.control[at], 12)
    return log_ratios(c, at)[0 if side is c.truth else 1]


def kept_features(c, row, without):
    kept = np.ones(c.truth.mean.shape[1], dtype=bool)
    if without == "targets":
        kept = ~c.is_target
    if without == "own":
        kept[c.targets[row]] = False
    return kept


def is_silent(truth, p):
    if p["without"] == "own" or p["distance"] not in {"cosine", "pearson"}:
        return False
    flat = truth if p["distance"] == "cosine" else np.round(truth - truth.mean(), 12)
    return not flat.any()


def family_value(c, row, p):
    peers = [at for at in range(len(c)) if c.context[at] == c.context[row]]
    kept = kept_features(c, row, p["without"])
    if len(peers) == 1 or is_silent(seen(c, c.truth, row, p["of"])[kept], p):
        return np.nan
    sides = (c.prediction, c.truth) if p["ranked"] == "truths" else (c.truth, c.prediction)
    own = seen(c, sides[0], row, p["of"])[kept]
    gaps = [distance(p["distance"], own, seen(c, sides[1], at, p["of"])[kept]) for at in peers]
    mine = peers.index(row)
    closer = sum(g < gaps[mine] for g in gaps)
    tied = [at for at, g in enumerate(gaps) if g == gaps[mine] and at != mine]
    counted = {
        "half": len(tied) / 2,
        "lost": len(tied),
        "won": 0,
        "position": sum(at < mine for at in tied),
    }
    return SCALES[p["scale"]](closer + counted[p["ties"]], len(peers))


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", FAMILY)
def test_every_discrimination_is_that_of_loops(name, flavour):
    parameters = standard().metrics[name]["parameters"]
    for seed in range(3):
        c = awkward(seed, flavour)
        found = compute([name], c)[name]
        wanted = np.array([family_value(c, row, parameters) for row in range(len(c))])
        np.testing.assert_allclose(found.values, wanted, atol=1e-9, err_msg=f"{seed}")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_numbers_of_calls_are_ranked_as_scipy_ranks_them(flavour):
    for seed in range(4):
        c = awkward(seed, flavour, 60)
        found = compute(["de-count-spearman"], c)["de-count-spearman"]
        counts = [(side.expression.fdr < ALPHA).sum(axis=1) for side in (c.truth, c.prediction)]
        for context in range(3):
            rows = np.flatnonzero(c.context == context)
            if len(rows) < 3:
                assert found.reasons[rows[0]] == "too-few-conditions"
                continue
            x, y = (count[rows] for count in counts)
            if len(set(x)) < 2:
                assert found.reasons[rows[0]] == "constant-across-conditions"
                continue
            wanted = stats.spearmanr(x, y).statistic if len(set(y)) > 1 else 0.0
            assert found.values[rows] == pytest.approx([wanted] * len(rows), abs=1e-9)


def test_fold_changes_of_negative_means_are_those_of_zero():
    """Values without counts behind them may be negative; a logarithm of them is none."""
    rng = np.random.default_rng(0)
    truth, prediction = rng.normal(size=(2, 4, 30))
    c = of_means(truth, prediction, rng.normal(size=30))
    c = replace(c, truth=replace(c.truth, expression=called(rng.random((4, 30)) < 0.6)))
    zeroed = [
        replace(side, mean=np.maximum(side.mean, 0), control=np.maximum(side.control, 0))
        for side in (c.truth, c.prediction)
    ]
    for name in ("cell-eval-direction-match", "cell-eval-spearman-lfc"):
        found = compute([name], c)[name]
        again = compute([name], replace(c, truth=zeroed[0], prediction=zeroed[1]))[name]
        np.testing.assert_array_equal(found.values, again.values)
        assert found.reasons == ("",) * 4


def test_calls_that_do_not_change_leave_no_fold_change_error():
    one = np.ones((1, 12))
    side = Side(one, one, called(one > 0), linear=one, control_linear=one)
    c = replace(of_means(one, one), truth=side, prediction=side)
    found = compute(["vcc-2026-lfc-nmae"], c)["vcc-2026-lfc-nmae"]
    assert found.reasons == ("constant-truth",)


def called(found):
    """Tests that find these features and no others."""
    rate = np.where(found, 1e-6, 1.0)
    return Expression(np.where(found, 9.0, 0.0), rate, rate)
