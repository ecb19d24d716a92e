import numpy as np
import pytest
from comparisons import FLAVOURS, agree, awkward

from vcspec.metrics import compute
from vcspec.metrics.ranking import average_precision, roc_area


def naive_precision(label, score):
    value, recall = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        taken = [y for y, s in zip(label, score, strict=True) if s >= threshold]
        now = sum(taken) / sum(label)
        value += (now - recall) * sum(taken) / len(taken)
        recall = now
    return value


def naive_area(label, score):
    positive = [s for y, s in zip(label, score, strict=True) if y]
    negative = [s for y, s in zip(label, score, strict=True) if not y]
    return np.mean([(p > n) + 0.5 * (p == n) for p in positive for n in negative])


@pytest.mark.parametrize(
    ("area", "naive"), [(average_precision, naive_precision), (roc_area, naive_area)]
)
@pytest.mark.parametrize("seed", range(8))
def test_areas_equal_their_definition_with_ties(area, naive, seed):
    rng = np.random.default_rng(seed)
    score = np.abs(rng.integers(-3, 4, size=(5, 20))).astype(float)
    label = rng.random((5, 20)) < 0.3
    label[:, :2] = [True, False]
    expected = [naive(list(y), list(s)) for y, s in zip(label, score, strict=True)]
    np.testing.assert_allclose(area(label, score), expected, rtol=1e-12)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("name", "naive"), [("de-auprc", naive_precision), ("de-auroc", naive_area)]
)
def test_recovery_ranks_by_the_predicted_p_value(name, naive, flavour):
    c = awkward(1, flavour)
    expected = []
    for i in range(len(c)):
        label = c.truth.expression.fdr[i] < 0.05
        score = np.round(-np.log10(c.prediction.expression.p_value[i]), 9)
        expected.append(naive(label, score) if label.any() and not label.all() else np.nan)
    agree(compute([name], c)[name], expected, tolerance=1e-7)


def test_no_evidence_scores_the_prevalence_and_one_half():
    c = awkward(1, "normal")
    prevalence = (c.truth.expression.fdr[4] < 0.05).mean()
    scores = compute(["de-auprc", "de-auroc"], c)
    assert scores["de-auprc"].values[4] == pytest.approx(prevalence, abs=1e-9)
    assert scores["de-auroc"].values[4] == 0.5


def test_reasons_name_the_class_that_is_missing():
    reasons = compute(["de-auroc"], awkward(1, "normal"))["de-auroc"].reasons
    assert reasons[3] == "no-significant-features"
    assert reasons[6] == "all-features-significant"
