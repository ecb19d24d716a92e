"""What descriptions of an artefact are made of: Described, Attested."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vcspec.model.finding import Report
from vcspec.model.manifest import Entry

LEAD = re.compile(r"([^,]{1,100} et al\.), (?=\S)")


@dataclass(frozen=True)
class DescribedColumn:
    """A column of obs or var.

    Attributes:
        table: `obs` or `var`.
        name: `_index` for the names of the rows.
        sort: of its values, as `Column` has it.
        holds: what it means; empty where nobody says.
        levels: number of distinct values of a column that names conditions or roles; else None.
    """

    table: str
    name: str
    sort: str
    holds: str
    levels: int | None = None


@dataclass(frozen=True, eq=False)
class Described:
    """A dataset, split or reference as its own metadata tell it; every string is data.

    Attributes:
        document: the root document, which follows its schema.
        upstream: root document of the dataset that a split or reference pins, where it is at hand.
        columns: of obs, then of var.
        counts: what → how many, such as cells, features, conditions.
        roles: of a split, role → number of conditions.
        manifest: `manifest.json`, by size and digest.
        content: content digest that the manifest lists.
        objects: number of objects that the manifest lists.
        size: their bytes.
        zarr_format: 2 or 3.
        value_type: data type of X; empty where there is none.
        place: name of the store's folder.
        address: URL of the published store; empty where nobody says.
        doi: of the artefact itself; empty where nobody says.
        creators: who made it, `Family, Given` for a person, anything else for a group.
        about: a section in Markdown that somebody wrote by hand.
    """

    document: Mapping[str, Any]
    columns: tuple[DescribedColumn, ...]
    counts: Mapping[str, int]
    manifest: Entry
    content: str
    objects: int
    size: int
    zarr_format: int
    place: str
    value_type: str = ""
    upstream: Mapping[str, Any] | None = None
    roles: Mapping[str, int] = field(default_factory=dict)
    address: str = ""
    doi: str = ""
    creators: tuple[str, ...] = ()
    about: str = ""

    @property
    def kind(self) -> str:
        """Kind of the artefact."""
        return str(self.document["kind"])

    @property
    def dataset(self) -> Mapping[str, Any] | None:
        """Root document of the dataset that this is, or pins; None where it is not at hand."""
        return self.document if self.kind == "dataset" else self.upstream

    @property
    def storage(self) -> str:
        """Storage digest."""
        return f"vcs1s-sha256:{self.manifest.sha256}"


@dataclass(frozen=True)
class Attested:
    """What somebody found who held a store against the rules.

    Attributes:
        name: id and version that the store declares; empty where it declares none that is sound.
        sha256: of its `manifest.json`.
        report: of a validation at level `full`.
        tool: version of vcspec that validated.
        rules: SHA-256 of the file of rules.
    """

    name: str
    sha256: str
    report: Report
    tool: str
    rules: str


def lead(title: str) -> tuple[str, str]:
    """Who wrote it and the rest, of a citation that begins with `NAME et al., `; else no name.

    >>> lead("Kang HM et al., Multiplexed droplets, 2018")
    ('Kang HM et al.', 'Multiplexed droplets, 2018')
    """
    found = LEAD.match(title)
    return (found[1], title[found.end() :]) if found else ("", title)


def stated_creators(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Who made a dataset: as it states, else whom its citations begin with."""
    stated = document.get("creators")
    if stated:
        return tuple(stated)
    named = (lead(citation["title"])[0] for citation in document.get("citations", ()))
    return tuple(dict.fromkeys(filter(None, named)))
