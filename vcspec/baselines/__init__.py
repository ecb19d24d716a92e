"""Predictions that need no model: one function for each baseline of the standard."""

from vcspec.baselines import arms, cells, profiles

__all__ = ["arms", "cells", "profiles"]
