"""Conditions that a selector names: by key, by perturbation, by the value of a field."""

from collections.abc import Sequence

from vcspec.model.condition import Condition
from vcspec.model.errors import UsageError
from vcspec.model.naming import near

SIGN = "="


def selected(conditions: Sequence[Condition], selectors: Sequence[str]) -> frozenset[Condition]:
    """Conditions that one of the selectors names.

    Args:
        conditions: to choose from.
        selectors: keys (`x|GATA1`), labels of perturbations, which name them in every context, or
            FIELD=VALUE (`batch=b7`).

    Raises:
        UsageError: a selector matches nothing; near ones are listed.
    """
    return frozenset().union(*(_matching(conditions, one) for one in selectors))


def _matching(conditions: Sequence[Condition], selector: str) -> frozenset[Condition]:
    named = [one for one in conditions if selector in {one.key, one.perturbation}]
    field, _, value = selector.partition(SIGN)
    found = named or [one for one in conditions if (field, value) in one.fields]
    if not found:
        known = {one.key for one in conditions} | {one.perturbation for one in conditions}
        if SIGN in selector:
            known = {f"{name}{SIGN}{value}" for one in conditions for name, value in one.fields}
        message = (
            f"{selector!r} is no condition, perturbation or FIELD=VALUE of the dataset; near: "
            f"{near(selector, known)}"
        )
        raise UsageError(message)
    return frozenset(found)
