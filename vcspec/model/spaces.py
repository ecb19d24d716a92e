"""Value spaces that are scored as they were measured, without counts behind them."""

AS_MEASURED = frozenset({"intensity", "zscore", "rank-score"})
"""Spaces in which a dataset is scored as it is; others come down to log1p."""
SIGNED = frozenset({"zscore", "rank-score"})
"""Spaces of changes from the control: real numbers, and 0 for the control by definition."""
