"""What a score on a split supports, in the line that stands above scores."""

from vcspec.standard import standard


def claimed(claim: str) -> str:
    """The claim, and whether a score on it supports nothing."""
    is_check = standard().claims.get(claim, {}).get("sanity_check", False)
    return f"{claim} (a sanity check)" if is_check else claim
