"""From cells to small arrays: one pass over the rows of a condition; no store, no metric."""
