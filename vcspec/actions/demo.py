"""demo: a whole benchmark in a folder, each step a command that can be run by hand."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vcspec.actions import example_model
from vcspec.actions.curate import curate
from vcspec.actions.predict import baseline
from vcspec.actions.reference import reference
from vcspec.actions.score import score
from vcspec.actions.split import Plan, library_split, split
from vcspec.actions.validate import require_valid, validate
from vcspec.cards import dataset_card, split_card, split_ids
from vcspec.model.errors import UsageError
from vcspec.model.scorecard import Scorecard
from vcspec.standard import standard
from vcspec.storage.files import write_text
from vcspec.storage.score_table import write_score_table

SIMULATED = "simulated-screen"
# The simulated question: combinations of perturbations that were each seen alone.
STRATEGY, FRACTION, SEED = "holdout-combinations", "0.4", 7
MODEL = "ridge"


@dataclass(frozen=True)
class Step:
    """One command of the demo.

    Attributes:
        command: as a user types it in the folder.
        makes: what appears, and what it is.
        run: does the same.
    """

    command: str
    makes: str
    run: Callable[[], object]


def demo(
    dataset: str,
    folder: str | os.PathLike[str],
    *,
    announce: Callable[[str], None],
    overwrite: bool = False,
) -> list[Scorecard]:
    """Make, validate and score a benchmark of `dataset` in `folder`.

    Args:
        dataset: a dataset of the library; `simulated-screen` needs no network.
        folder: is created; must not hold anything unless `overwrite`.
        announce: is told each command before it runs.
        overwrite: write into a folder that exists.

    Returns:
        The scorecards of three baselines and of a simple model.

    Raises:
        UsageError: the folder exists.
    """
    card = dataset_card(dataset)
    place = Path(folder)
    if place.exists() and any(place.iterdir()) and not overwrite:
        message = (
            f"{place} exists and is not empty; choose another with --folder, or say --overwrite"
        )
        raise UsageError(message)
    place.mkdir(parents=True, exist_ok=True)
    cards: list[Scorecard] = []
    question, claim = _question(dataset)
    baselines = standard().claims[claim]["baselines"]
    models = (*baselines, MODEL)
    steps = [
        *_benchmark(dataset, question, place),
        *_predictions(baselines, place),
        *_scores(models, place, cards),
    ]
    write_text(
        place / "README.md",
        _readme(card.document["title"], steps, simulated=card.document["simulated"]),
    )
    for step in steps:
        announce(step.command)
        step.run()
    return cards


def _question(dataset: str) -> tuple[str, str]:
    """Split of the library that the demo asks, empty for the simulated screen; and its claim.

    Raises:
        UsageError: the library has no split of the dataset.
    """
    if dataset == SIMULATED:
        return "", str(standard().strategies[STRATEGY]["claim"])
    known = [name for name in split_ids() if name.startswith(f"{dataset}/")]
    if not known:
        message = f"the library has no split of {dataset!r}, which the demo needs"
        raise UsageError(message)
    name = next((name for name in known if name.endswith("combination")), known[0])
    return name, str(split_card(name).document["claim"])


def _benchmark(dataset: str, question: str, place: Path) -> list[Step]:
    made, divided = place / "dataset.zarr", place / "split.zarr"
    if not question:
        plan = Plan(
            id=f"{dataset}/unseen-combination",
            version="1.0.0",
            title="Simulated combinations that no model has seen",
            strategy=STRATEGY,
            parameters={"fraction": FRACTION},
            seed=SEED,
        )
        how = (
            f"--strategy {STRATEGY} --fraction {FRACTION} --seed {SEED} --id {plan.id} "
            f"--title '{plan.title}'"
        )
        divide = partial(split, made, divided, plan, overwrite=True)
    else:
        how = f"--card {question}"
        divide = partial(library_split, question, made, divided, overwrite=True)
    return [
        Step(
            f"vcspec curate {dataset} dataset.zarr --overwrite",
            "the dataset: measured cells, sorted by condition",
            lambda: curate(dataset, made, overwrite=True),
        ),
        Step(
            f"vcspec split dataset.zarr {how} -o split.zarr --overwrite",
            "the split: one role for each condition",
            divide,
        ),
        Step(
            "vcspec reference split.zarr --dataset dataset.zarr -o reference.zarr --overwrite",
            "the reference: what the scorer knows of the truth",
            lambda: reference(divided, made, place / "reference.zarr", overwrite=True),
        ),
    ]


def _predictions(baselines: Sequence[str], place: Path) -> list[Step]:
    made, divided = place / "dataset.zarr", place / "split.zarr"
    steps = [
        Step(
            f"vcspec baseline {name} --split split.zarr --dataset dataset.zarr "
            f"-o {name}.zarr --overwrite",
            f"predictions of the baseline {name}",
            _written(name, divided, made, place / f"{name}.zarr"),
        )
        for name in baselines
    ]
    shutil.copyfile(example_model.__file__, place / "model.py")
    model = Step(
        "python model.py split.zarr dataset.zarr ridge.zarr",
        "predictions of a simple model, ridge regression; model.py is its whole source",
        lambda: example_model.main(str(divided), str(made), str(place / "ridge.zarr")),
    )
    return [*steps, model]


def _written(name: str, divided: Path, made: Path, target: Path) -> Callable[[], object]:
    return lambda: baseline(name, divided, made, target, overwrite=True)


def _scores(models: Sequence[str], place: Path, cards: list[Scorecard]) -> list[Step]:
    stores = [f"{name}.zarr" for name in models]
    everything = ["dataset.zarr", "split.zarr", "reference.zarr", *stores]
    check = Step(
        f"vcspec validate --level full {' '.join(everything)}",
        "nothing; says that every artefact is sound",
        partial(_check, [place / name for name in everything]),
    )
    return [check, *(_scored(name, place, cards) for name in models)]


def _check(stores: Sequence[Path]) -> None:
    for store in stores:
        require_valid(validate(store, level="full"))


def _scored(name: str, place: Path, cards: list[Scorecard]) -> Step:
    def run() -> None:
        card = score(place / f"{name}.zarr")
        write_text(place / f"{name}.json", card.to_json())
        write_score_table(place / f"{name}.scores.zarr", card.to_xarray(), overwrite=True)
        cards.append(card)

    command = f"vcspec score {name}.zarr -o {name}.json --table {name}.scores.zarr --overwrite"
    return Step(command, f"the scorecard of {name}, and its values by condition", run)


def _readme(title: str, steps: list[Step], *, simulated: bool) -> str:
    kind = (
        "**Simulated data**: the numbers were drawn by a program and measure nothing."
        if simulated
        else "Real data; the dataset's document names its sources, licence and citation."
    )
    lines = "\n".join(f"{step.command}\n    # makes {step.makes}" for step in steps)
    return (
        f"# A benchmark, from cells to scores\n\n{title}\n\n{kind}\n\n"
        "Everything here was made by the commands below, in this order; each can be run by hand in "
        "this folder. Every `.zarr` is a store that `anndata.read_zarr` opens, but for "
        "`*.scores.zarr`, which `xarray.open_zarr` opens.\n\n"
        f"```bash\n{lines}\n```\n\n"
        "Look further: `vcspec explain pearson-delta`, `vcspec verify ridge.json`, "
        "`vcspec validate ridge.zarr --format json`.\n"
    )
