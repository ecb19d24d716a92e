"""The temporal cut-off: test what was published later than all that is trained on."""

import re
from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import date

from vcspec.model.condition import FIELD_SEPARATOR, Condition
from vcspec.model.errors import UsageError
from vcspec.model.naming import alike
from vcspec.splitting.groups import one_each
from vcspec.splitting.strategies import (
    INPUT,
    TEST,
    TRAIN,
    Assignment,
    Setting,
    excluded,
    strategy,
)

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def is_date(text: str) -> bool:
    """Whether text is a day of the calendar, as YYYY-MM-DD.

    >>> is_date("2024-02-29"), is_date("2023-02-29"), is_date("20240229")
    (True, False, False)
    """
    try:
        return bool(DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


@strategy("cut-off")
def cut_off(setting: Setting) -> list[Assignment]:
    """Test conditions dated after the cut-off; controls of places first seen then are input."""
    limit = setting.choice.options.get("after", "")
    if not is_date(limit):
        message = f"after is {limit!r}; give the last day of training, such as 2023-06-30"
        raise UsageError(message)
    dates = _dates(setting)

    def role(condition: Condition) -> Assignment:
        day = dates.get(condition)
        if day is None:
            return excluded("without a date")
        if day <= limit:
            return replace(TRAIN, group=day)
        control = condition.perturbation == setting.control
        return replace(INPUT if control else TEST, group=day)

    return [role(condition) for condition in setting.conditions]


def _dates(setting: Setting) -> dict[Condition, str]:
    """Date of each condition, by the table's columns `date` and one field of the condition.

    Raises:
        UsageError: there is no such table, a date is no day written YYYY-MM-DD, or a row has two.
    """
    _, dates = setting.column("date")
    fields = [name for name, _ in setting.conditions[0].fields]
    named = [name for name in fields if name in setting.table]
    if not named:
        message = f"the table of dates has none of the columns {', '.join(fields)}; add one"
        raise UsageError(message)
    wrong = [text for text in dates if not is_date(text)]
    if wrong:
        message = f"the table has the date {wrong[0]!r}; write days as 2023-06-30"
        raise UsageError(message)
    for name in named:
        _require_no_slip(name, {c.get(name) for c in setting.conditions}, setting.table[name])
    rows = map(FIELD_SEPARATOR.join, zip(*(setting.table[name] for name in named), strict=True))
    known = one_each("date", rows, dates)
    keys = {c: FIELD_SEPARATOR.join(c.get(name) for name in named) for c in setting.conditions}
    return {condition: known[key] for condition, key in keys.items() if key in known}


def _require_no_slip(name: str, own: Set[str], given: Sequence[str]) -> None:
    """No row of the table names what the dataset does not, while something like it has no date.

    Raises:
        UsageError: one does.
    """
    undated = own - set(given)
    for label in sorted(set(given) - own):
        if meant := alike(label, undated):
            message = (
                f"the table dates the {name} {label!r}, which the dataset does not have; without a "
                f"date is {', '.join(meant)}"
            )
            raise UsageError(message)
