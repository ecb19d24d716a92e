"""The cards of the library: what `datasets/` and `splits/` declare, and a dataset's recipe."""

import csv
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from vcspec.model.curated import Curated
from vcspec.model.errors import UnknownName, Unreadable
from vcspec.model.naming import near
from vcspec.standard import Table, packaged, standard

CARD = "card.toml"
DIFFICULTY = "difficulty.json"
AUDIT = "audit.json"
Recipe = Callable[[Mapping[str, Path], Mapping[str, Any]], Curated]


@dataclass(frozen=True)
class Source:
    """A file that a recipe reads.

    Attributes:
        name: what the recipe calls it.
        url: where it was published.
        licence: SPDX expression.
        sha256: digest of its bytes, lower-case hexadecimal; empty where the blob is known alone.
        bytes: its size; 0 where it is not known.
        git_blob: name that git gives its bytes: SHA-1 of `blob SIZE`, a zero byte and them.
    """

    name: str
    url: str
    licence: str
    sha256: str = ""
    bytes: int = 0
    git_blob: str = ""

    @property
    def digest(self) -> str:
        """What the bytes are known by, as a file name."""
        return self.sha256 or f"git-{self.git_blob}"


@dataclass(frozen=True)
class DatasetCard:
    """A curated dataset as its card declares it.

    Attributes:
        id: name of the dataset, and of its folder.
        version: semantic version.
        document: the whole card.
        sources: the files that the recipe reads; none for a simulation.
        folder: where card and recipe lie.
    """

    id: str
    version: str
    document: Table
    sources: tuple[Source, ...]
    folder: Path


@dataclass(frozen=True)
class SplitCard:
    """A split as its card declares it.

    Attributes:
        id: `DATASET/NAME`, which is also its folder.
        version: semantic version.
        document: the whole card.
        folder: where card and `conditions.csv` lie.
    """

    id: str
    version: str
    document: Table
    folder: Path


def dataset_ids() -> tuple[str, ...]:
    """Names of the datasets of the library, sorted."""
    return _ids(packaged("datasets"), f"*/{CARD}")


def dataset_card(name: str) -> DatasetCard:
    """The card of a dataset of the library.

    Raises:
        UnknownName: the library has no such dataset.
        Unreadable: the card breaks the schema.
    """
    _known("dataset", name, dataset_ids())
    return dataset_card_in(packaged("datasets") / name)


def dataset_card_in(folder: Path) -> DatasetCard:
    """The card in `folder`, of the library or of one's own.

    Raises:
        Unreadable: there is no card, it is not TOML, or it breaks the schema.
    """
    document = _document(folder / CARD)
    conforming(document, "dataset-card", folder / CARD)
    _placed(document, folder.name, folder / CARD)
    sources = tuple(Source(**entry) for entry in document.get("sources", ()))
    return DatasetCard(document["id"], document["version"], document, sources, folder)


def recipe(card: DatasetCard) -> Recipe:
    """The function that builds the dataset; its module is run, so it must be trusted.

    Raises:
        Unreadable: the folder has no `recipe.py`, or that has no function `build`.
    """
    path = card.folder / "recipe.py"
    name = f"_vcspec_recipe_{card.id.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        message = f"{card.folder} has no recipe.py; expected one with a function build"
        raise Unreadable(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    build = getattr(module, "build", None)
    if not callable(build):
        message = f"{path} defines no function build; expected build(sources, card) -> Curated"
        raise Unreadable(message)
    return build


def split_ids() -> tuple[str, ...]:
    """Names `DATASET/NAME` of the splits of the library, sorted."""
    return _ids(packaged("splits"), f"*/*/{CARD}")


def split_card(name: str) -> SplitCard:
    """The card of a split of the library.

    Raises:
        UnknownName: the library has no such split.
        Unreadable: the card breaks its schema.
    """
    _known("split", name, split_ids())
    folder = packaged("splits") / name
    document = _document(folder / CARD)
    conforming(document, "split-card", folder / CARD)
    _placed(document, name, folder / CARD)
    return SplitCard(document["id"], document["version"], document, folder)


def split_conditions(card: SplitCard) -> Mapping[str, tuple[str, ...]]:
    """The table beside a split card: column → one value for each condition, in file order.

    Raises:
        Unreadable: there is no table, or a row has more or fewer fields than the header.
    """
    path = card.folder / "conditions.csv"
    if not path.is_file():
        message = f"{card.folder} has no conditions.csv; expected the table of conditions and roles"
        raise Unreadable(message)
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    uneven = [number for number, row in enumerate(rows, start=2) if len(row) != len(header)]
    if uneven:
        message = f"{path} has not {len(header)} fields, as its header, in line {uneven[0]}"
        raise Unreadable(message)
    columns = zip(*rows, strict=True) if rows else ((),) * len(header)
    return MappingProxyType(dict(zip(header, (tuple(column) for column in columns), strict=True)))


def split_difficulty(card: SplitCard) -> Table | None:
    """How hard the split is, as published beside its card; None where that is not.

    Raises:
        Unreadable: the document breaks its schema, or is of another split or reference.
    """
    path = card.folder / DIFFICULTY
    if not path.is_file():
        return None
    try:
        found: Table = MappingProxyType(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        message = f"{path} is not a JSON object ({error}); expected a difficulty"
        raise Unreadable(message) from error
    conforming(found, "difficulty", path)
    pair = {"content": found["split"]["content"], "reference_content": found["reference"]}
    for name, value in pair.items():
        if value != card.document[name]:
            message = (
                f"{path} is of {value}, its card publishes {name} {card.document[name]!r}; "
                "measure again with `vcspec difficulty --summary --format json`"
            )
            raise Unreadable(message)
    return found


def split_audit(card: SplitCard) -> tuple[str, ...] | None:
    """Codes of the leaks that an audit finds in the split; None where that is not published.

    Raises:
        Unreadable: the document beside the card is none of codes, or is of another split.
    """
    path = card.folder / AUDIT
    if not path.is_file():
        return None
    known = standard().leaks
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        codes, content = tuple(map(str, found["codes"])), found["content"]
    except (ValueError, TypeError, KeyError) as error:
        message = f"{path} is no document of an audit ({error}); expected codes and content"
        raise Unreadable(message) from error
    if content != card.document["content"] or not set(codes) <= known.keys():
        message = (
            f"{path} is of {content}, its card publishes {card.document['content']!r}, or it names "
            f"a code that is none of a leak ({', '.join(codes)}); audit the split again"
        )
        raise Unreadable(message)
    return codes


def _ids(root: Path, pattern: str) -> tuple[str, ...]:
    return tuple(sorted(path.parent.relative_to(root).as_posix() for path in root.glob(pattern)))


def _known(what: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        has = near(name, names) or f"no {what} at all"
        message = f"the library has no {what} {name!r}; it has {has}"
        raise UnknownName(message)


def _document(path: Path) -> Table:
    try:
        with path.open("rb") as file:
            return MappingProxyType(tomli.load(file))
    except FileNotFoundError:
        message = f"{path} does not exist; expected a card there"
        raise Unreadable(message) from None
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path} is not TOML ({error}); expected a card"
        raise Unreadable(message) from error


def _placed(document: Table, expected: str, path: Path) -> None:
    if document["id"] != expected:
        message = f"{path} says id {document['id']!r}; its place says {expected!r}; make them equal"
        raise Unreadable(message)


def conforming(document: Table, schema: str, path: Path) -> None:
    """Pass a document that follows its schema.

    Raises:
        Unreadable: it does not.
    """
    schemas = standard().schemas
    registry: Registry[Any] = Registry().with_resources(
        (table["$id"], DRAFT202012.create_resource(table)) for table in schemas.values()
    )
    validator = Draft202012Validator(schemas[schema], registry=registry)
    error = best_match(validator.iter_errors(dict(document)))
    if error is not None:
        message = f"{path} breaks its schema at {error.json_path}: {error.message}"
        raise Unreadable(message)
