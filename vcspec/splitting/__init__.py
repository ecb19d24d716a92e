"""One function for each split strategy of the standard."""

from vcspec.splitting import strategies

__all__ = ["strategies"]
