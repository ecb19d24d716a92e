"""Predictions that need no model: one function for each baseline of the standard."""

from vcspec.baselines import cells, profiles

__all__ = ["cells", "profiles"]
