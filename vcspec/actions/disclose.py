"""disclose: what an entrant learns of a score against withheld truth."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import rfc8785

from vcspec.actions.score import opened_predictions, score
from vcspec.engine.settings import Settings, settings_in_force
from vcspec.model.errors import Invalid, Unreadable
from vcspec.model.scorecard import Scorecard, suites_of
from vcspec.standard import CURRENT, standard

Target = str | os.PathLike[str]
DECIMALS = 3  # of a disclosed value
COPIED = ("claim", "coverage", "features", "level", "model", "simulated", "suite", "task")
"""Members of a scorecard that tell of the predictions and the question alone."""


@dataclass(frozen=True)
class Disclosure:
    """Rounded headline values, and nothing else that derives from the truth.

    Attributes:
        document: equal inputs give equal documents.
    """

    document: Mapping[str, Any]

    def to_json(self) -> str:
        """Canonical JSON (RFC 8785)."""
        return rfc8785.dumps(dict(self.document)).decode()


def disclose(
    predictions: Target,
    *,
    split: Target | None = None,
    reference: Target | None = None,
    suites: Sequence[str] = (),
    partial: bool = False,
    settings: Settings | None = None,
) -> Disclosure:
    """Score predictions, and tell the rounded headline alone.

    Args:
        predictions: path or URL of the store.
        split: the public split that it pins.
        reference: the withheld one.
        suites: of metrics; none takes the first that the reference was made for.
        partial: as for `score`.
        settings: how passes over the cells are run.

    Raises:
        Invalid: the predictions break a rule; the report, which the error carries, is about them
            and the public split alone.
        UsageError: they are no predictions.
        Unreadable: they cannot be opened, or anything else went wrong, of which nothing is said.
    """
    # What is told on the way is told of predictions and split alone, never of the reference.
    chosen = settings or settings_in_force()
    with chosen.in_force():
        opened_predictions(os.fspath(predictions), split, partial=partial)
    try:
        card = score(
            predictions,
            split=split,
            reference=reference,
            suites=suites,
            partial=partial,
            settings=replace(chosen, progress=None, announce=None),
        )
    except Invalid:
        raise
    except Exception:  # noqa: BLE001 - whatever it says may derive from the truth
        message = (
            "the predictions could not be scored; `vcspec validate` says whether they are sound, "
            "and who runs the benchmark can see why"
        )
        raise Unreadable(message) from None
    return disclosed(card)


def disclosed(card: Scorecard) -> Disclosure:
    """What of a scorecard is told: values rounded to three decimals, without reasons."""
    stated = card.document
    suites = suites_of(stated)
    headline = standard().headline(suites)
    inputs = {name: stated["inputs"][name] for name in ("predictions", "split")}
    return Disclosure(
        {
            "kind": "disclosure",
            "spec": CURRENT,
            **{name: stated[name] for name in COPIED},
            **({"suites": suites} if len(suites) > 1 else {}),
            "inputs": inputs,
            "headline": {metric: _rounded(card.value(metric)) for metric in headline},
            "composites": {
                suite: _rounded(found["value"]) for suite, found in stated["composites"].items()
            },
        }
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS)
