"""Levels: doses and times as numbers that can be compared."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from vcspec.model.condition import Condition


def level_of(
    condition: Condition, axis: str, units: Mapping[str, Mapping[str, Any]]
) -> tuple[str, float]:
    """Dimension and amount of a condition on a numeric axis.

    Args:
        condition: has the fields `axis` and, where there is a unit, `{axis}_unit`.
        axis: `dose` or `time`.
        units: unit → `dimension` and `factor`.

    Returns:
        The dimension and the number times the unit's factor. An unknown unit, and none, is a
        dimension of its own with the factor 1.

    Raises:
        ValueError: the level is no finite number.
    """
    text, unit = condition.get(axis), condition.get(f"{axis}_unit")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        message = (
            f"the {axis} of {condition.key} is {text!r}; expected a decimal number such as 0.5"
        )
        raise ValueError(message)
    known = units.get(unit, {"dimension": unit, "factor": 1.0})
    # Exact until here, so that 10 uM and 10000 nM are one level.
    return str(known["dimension"]), float(amount * Decimal(repr(float(known["factor"]))))
