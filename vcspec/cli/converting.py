"""`vcspec convert`."""
