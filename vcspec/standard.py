"""`spec/` as Python objects: one released or draft version of the standard, read-only."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli

from vcspec.model.errors import Refused

CURRENT = "1.0"
Table = Mapping[str, Any]


def packaged(folder: str) -> Path:
    """The folder `spec`, `datasets` or `splits`: inside the installed wheel, or of the checkout."""
    here = Path(__file__).parent
    inside = here / f"_{folder}"
    return inside if inside.is_dir() else here.parent / folder


def _parsed(path: Path) -> Table:
    # `tomllib` takes three times as long, which every command would wait for.
    with path.open("rb") as file:
        return MappingProxyType(tomli.load(file))


class _Folder(Mapping[str, Table]):
    """File stem → table; a file is read when its table is asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = {path.stem: path for path in paths}
        self._read: dict[str, Table] = {}

    def __getitem__(self, name: str) -> Table:
        if name not in self._read:
            self._read[name] = _parsed(self._paths[name])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


@dataclass(frozen=True)
class Standard:
    """One version of the standard; every table maps a name to its entry."""

    version: str
    root: Path

    def _toml(self, name: str) -> Table:
        return _parsed(self.root / f"{name}.toml")

    def _folder(self, name: str) -> Table:
        return _Folder(sorted((self.root / name).glob("*.toml")))

    @cached_property
    def rules(self) -> Table:
        """Code → rule."""
        return self._toml("rules")

    @cached_property
    def leaks(self) -> Table:
        """Code → what an audit looks at."""
        return self._toml("leaks")

    @cached_property
    def metrics(self) -> Table:
        """Name → metric; what an entry takes from the one that it is `like` is filled in."""
        stated = self._toml("metrics")

        def whole(name: str) -> dict[str, Any]:
            own = dict(stated[name])
            like = own.pop("like", None)
            return {**whole(like), **own} if like else own

        return MappingProxyType({name: MappingProxyType(whole(name)) for name in stated})

    @cached_property
    def chance(self) -> Mapping[str, str]:
        """Metric → what random predictions score, where that is more than its null."""
        groups = self._toml("chance").values()
        return MappingProxyType({name: one["says"] for one in groups for name in one["metrics"]})

    @cached_property
    def arms(self) -> Table:
        """Name → arm of the null panel."""
        return self._toml("arms")

    @cached_property
    def invariance(self) -> Table:
        """Split of the library → metric → how many submissions of the null panel pass."""
        return self._toml("invariance")

    @cached_property
    def flags(self) -> Table:
        """Name → flag."""
        return self._toml("flags")

    @cached_property
    def notation(self) -> Table:
        """Symbol of a formula → what it stands for."""
        return self._toml("notation")

    @cached_property
    def strategies(self) -> Table:
        """Name → split strategy."""
        return self._toml("strategies")

    @cached_property
    def claims(self) -> Table:
        """Name → claim."""
        return self._toml("claims")

    @cached_property
    def units(self) -> Table:
        """Field of a condition → unit → dimension and factor."""
        return self._toml("units")

    @cached_property
    def baselines(self) -> Table:
        """Name → baseline."""
        return self._toml("baselines")

    @cached_property
    def vocabularies(self) -> Table:
        """Name → term → meaning."""
        return self._toml("vocabularies")

    @cached_property
    def conventions(self) -> Table:
        """Name of a column convention → its mapping."""
        return self._toml("conventions")

    @cached_property
    def limits(self) -> Table:
        """What a reader refuses: sizes, depths, ratios, codecs."""
        return self._toml("limits")

    @cached_property
    def layouts(self) -> Table:
        """Kind → elements, table columns and inherent parts."""
        return self._folder("layouts")

    @cached_property
    def suites(self) -> Table:
        """Name → suite of metrics."""
        return self._folder("suites")

    def headline(self, suites: Iterable[str]) -> list[str]:
        """Metrics that head the suites, each once, in their order."""
        return list(dict.fromkeys(name for one in suites for name in self.suites[one]["headline"]))

    @cached_property
    def tasks(self) -> Table:
        """Name → task."""
        return self._folder("tasks")

    @cached_property
    def schemas(self) -> Mapping[str, Table]:
        """File stem → JSON Schema document."""
        folder = self.root / "schemas"
        found = {
            path.name.removesuffix(".schema.json"): json.loads(path.read_text("utf-8"))
            for path in sorted(folder.glob("*.schema.json"))
        }
        return MappingProxyType(found)


@cache
def known_versions() -> tuple[str, ...]:
    """Versions of the standard that this installation carries."""
    return tuple(sorted(p.name for p in packaged("spec").iterdir() if (p / "rules.toml").is_file()))


def standard(version: str = CURRENT) -> Standard:
    """The standard of that version.

    Raises:
        Refused: no such version is bundled.
    """
    if version not in known_versions():
        known = ", ".join(known_versions())
        message = f"standard {version!r} is not known; this vcspec knows {known}; upgrade vcspec"
        raise Refused(message)
    return _bundled(version)


@cache
def _bundled(version: str) -> Standard:
    return Standard(version, packaged("spec") / version)


def definition_digest(version: str, metric: str) -> str:
    """SHA-256 of a metric's whole entry, as canonical JSON with infinities spelled out."""
    import hashlib

    import rfc8785

    entry = _spelled_out(standard(version).metrics[metric])
    return hashlib.sha256(rfc8785.dumps({"metric": metric, "entry": entry})).hexdigest()


def _spelled_out(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _spelled_out(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spelled_out(inner) for inner in value]
    return (
        str(value) if isinstance(value, float) and value in {float("inf"), float("-inf")} else value
    )
