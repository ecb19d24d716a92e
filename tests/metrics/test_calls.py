import numpy as np
import pytest
from comparisons import FLAVOURS, agree, awkward

from vcspec.metrics import compute


def calls(side, i, alpha=0.05):
    return {f for f, q in enumerate(side.expression.fdr[i]) if q < alpha}


def naive(name, c, i):
    found, called = calls(c.truth, i), calls(c.prediction, i)
    if name == "direction-match":
        true = np.round(c.truth.mean[i] - c.truth.control[i], 12)
        guess = np.round(c.prediction.mean[i] - c.prediction.control[i], 12)
        points = [
            0.5 if guess[f] == 0 else float((guess[f] > 0) == (true[f] > 0))
            for f in found
            if true[f] != 0
        ]
        return np.mean(points) if points else np.nan
    if not found:
        return np.nan
    if name == "de-precision":
        return len(found & called) / len(called) if called else 0.0
    if name == "de-recall":
        return len(found & called) / len(found)
    return len(found & called) / len(found | called)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", ["direction-match", "de-precision", "de-recall", "de-jaccard"])
def test_calls_equal_sets(name, flavour):
    c = awkward(1, flavour)
    agree(compute([name], c)[name], [naive(name, c, i) for i in range(len(c))])


def test_an_empty_truth_is_undefined_and_an_empty_prediction_is_zero():
    scores = compute(["de-precision", "de-recall", "de-jaccard"], awkward(1, "normal"))
    for found in scores.values():
        assert found.reasons[3] == "no-significant-features"
        assert found.values[4] == 0.0


def test_no_predicted_change_is_half_right():
    assert compute(["direction-match"], awkward(1, "tied"))["direction-match"].values[4] == 0.5
