"""One function for each split strategy of the standard."""

from vcspec.splitting import contexts, dates, levels, perturbations, replicates

__all__ = ["contexts", "dates", "levels", "perturbations", "replicates"]
