"""Calibration: whether a metric can tell anything on a dataset, from the reference alone.

Source: Miller et al. 2025, doi:10.1101/2025.10.20.683304; Schäfer et al. 2026,
doi:10.64898/2026.07.23.740433.
"""

from dataclasses import dataclass

import numpy as np

from vcspec.model.matrix import Array

LEAST = 1e-6  # added to the distance from floor to perfection
ERRORS = 2.0  # standard errors by which the replicate has to beat the floor
DECIMALS = 10


@dataclass(frozen=True)
class Calibration:
    """What a metric can tell on a dataset.

    Attributes:
        dynamic_range: mean over conditions of the share of the way from floor to perfection that
            the replicate goes, cut at -1 and 1; None where no condition has both.
        better_share: share of conditions in which the replicate beats the floor.
        informative: whether the replicate's mean beats the floor's by two standard errors of their
            difference, and in more than half of the conditions.
    """

    dynamic_range: float | None
    better_share: float | None
    informative: bool


def calibration(floor: Array, replicate: Array, direction: str, perfect: float) -> Calibration:
    """Calibration of a metric.

    Args:
        floor: (conditions,) values of the best baseline, NaN where undefined.
        replicate: (conditions,) values of the replicate.
        direction: `higher` or `lower` is better.
        perfect: value of a perfect prediction.
    """
    kept = ~(np.isnan(floor) | np.isnan(replicate))
    low, high = floor[kept], replicate[kept]
    if not len(low):
        return Calibration(None, None, informative=False)
    sign = 1.0 if direction == "higher" else -1.0
    gain = sign * (high - low)
    span = sign * (perfect - low)
    share = np.clip(gain / (np.maximum(span, 0) + LEAST), -1, 1)
    better = float((gain > 0).mean())
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    informative = bool(gain.mean() > ERRORS * error and better > 0.5)
    return Calibration(round(float(share.mean()), DECIMALS), round(better, DECIMALS), informative)
