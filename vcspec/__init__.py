"""vcspec makes virtual-cell models comparable: formats, a validator and a reference scorer.

The public names load what they need when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vcspec.version import __version__

if TYPE_CHECKING:
    from vcspec.actions.attest import attest
    from vcspec.actions.compare import compare
    from vcspec.actions.convert import convert_dataset, convert_predictions
    from vcspec.actions.curate import curate
    from vcspec.actions.difficulty import Difficulty, difficulty
    from vcspec.actions.export import describe
    from vcspec.actions.pool import pool
    from vcspec.actions.predict import Split, baseline, open_split, template
    from vcspec.actions.reference import reference
    from vcspec.actions.score import score
    from vcspec.actions.split import Plan, split
    from vcspec.actions.training_data import TrainingData, open_training
    from vcspec.actions.validate import validate
    from vcspec.actions.verify import verify
    from vcspec.model.condition import Condition
    from vcspec.model.described import Attested, Described
    from vcspec.model.errors import VcspecError
    from vcspec.model.finding import Finding, Report
    from vcspec.model.league import League
    from vcspec.model.scorecard import Scorecard

_HOMES = {
    "Attested": "model.described",
    "Condition": "model.condition",
    "Described": "model.described",
    "Difficulty": "actions.difficulty",
    "Finding": "model.finding",
    "League": "model.league",
    "Plan": "actions.split",
    "Report": "model.finding",
    "Scorecard": "model.scorecard",
    "Split": "actions.predict",
    "TrainingData": "actions.training_data",
    "VcspecError": "model.errors",
    "attest": "actions.attest",
    "baseline": "actions.predict",
    "compare": "actions.compare",
    "convert_dataset": "actions.convert",
    "convert_predictions": "actions.convert",
    "curate": "actions.curate",
    "describe": "actions.export",
    "difficulty": "actions.difficulty",
    "open_split": "actions.predict",
    "open_training": "actions.training_data",
    "pool": "actions.pool",
    "reference": "actions.reference",
    "score": "actions.score",
    "split": "actions.split",
    "template": "actions.predict",
    "validate": "actions.validate",
    "verify": "actions.verify",
}

__all__ = [
    "Attested",
    "Condition",
    "Described",
    "Difficulty",
    "Finding",
    "League",
    "Plan",
    "Report",
    "Scorecard",
    "Split",
    "TrainingData",
    "VcspecError",
    "__version__",
    "attest",
    "baseline",
    "compare",
    "convert_dataset",
    "convert_predictions",
    "curate",
    "describe",
    "difficulty",
    "open_split",
    "open_training",
    "pool",
    "reference",
    "score",
    "split",
    "template",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module 'vcspec' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"vcspec.{_HOMES[name]}"), name)
