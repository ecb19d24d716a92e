"""What a dataset is like, whatever is predicted of it."""

import numpy as np

from vcspec.metrics.changes import change
from vcspec.metrics.contexts import contexts
from vcspec.model.comparison import Comparison
from vcspec.model.matrix import Array


def systematic_variation(comparison: Comparison) -> Array:
    """(conditions,) mean cosine of the context's true changes with their mean; NaN without changes.

    Near 1 all perturbations of a context do the same, and a model that predicts their mean does
    well by every correlation with the control.

    Source: Viñas Torné et al. 2025, doi:10.1038/s41587-025-02777-8.
    """
    found = np.full(len(comparison), np.nan)
    moved = change(comparison.truth)
    for rows in contexts(comparison):
        middle = moved[rows].mean(axis=0)
        lengths = np.sqrt(np.square(moved[rows]).sum(axis=1)) * np.sqrt(np.square(middle).sum())
        if (lengths > 0).any():
            kept = lengths > 0
            found[rows] = ((moved[rows] @ middle)[kept] / lengths[kept]).mean()
    return found
