"""Passes over cells: planned by stored values, run by threads or Dask, the same bits either way."""
