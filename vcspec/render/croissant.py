"""An artefact as Croissant 1.1 metadata: JSON-LD that data portals and loaders read.

Croissant has no mapping for Zarr: it names the columns of tables by their Zarr paths, and the
manifest as the file whose digest binds all others.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from vcspec.model.described import Described, DescribedColumn
from vcspec.model.manifest import ROOT
from vcspec.render.bibtex import bibtex
from vcspec.render.description import (
    URL_SAFE,
    doi_url,
    keywords,
    known,
    person,
    released,
    summary,
    title,
)
from vcspec.render.licences import licence_ids, licence_url

VERSION = "http://mlcommons.org/croissant/1.1"
TERMS = (
    *("annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty"),
    *("excludes", "extract", "field", "fileObject", "fileProperty", "fileSet", "format"),
    *("includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path"),
    *("readLines", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
    *("sdVersion", "separator", "source", "subField", "transform", "unArchive", "value"),
)
# https where the specification prints http: its validator knows schema.org by no other name.
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in TERMS},
}
FORMAT = {
    2: "https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html",
    3: "https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html",
}
TYPES = {
    "string": "sc:Text",
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "other": "sc:Text",
}
ROLES = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
STORE, SPLITS = "store", "roles"


def croissant(found: Described) -> dict[str, Any]:
    """The JSON-LD document; what the artefact does not state is left out."""
    document = found.document
    stated = {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "name": document["id"],
        "alternateName": title(found),
        "description": summary(found),
        "conformsTo": VERSION,
        "version": document["version"],
        "identifier": [found.content, found.storage, *([doi_url(found.doi)] if found.doi else [])],
        "license": _licence(str(document["licence"])),
        "url": _address(found),
        "creator": [_creator(name) for name in found.creators],
        "datePublished": released(found),
        "keywords": keywords(found),
        "citeAs": bibtex(found),
        "prov:wasDerivedFrom": _origins(document),
        "distribution": _distribution(found),
        "recordSet": [*_splits(found), *_tables(found)],
    }
    return {name: value for name, value in stated.items() if value}


def lacking(found: Described) -> list[str]:
    """What Croissant asks for and the artefact does not state, and where to put it."""
    wanted = {
        "no url: where the store is published is not known; give --url": found.address,
        "no creator: nobody is named; give --author, or state `creators`": found.creators,
        "no datePublished: state `released` in the dataset's document": released(found),
    }
    return [f"Croissant has {said}" for said, value in wanted.items() if not value]


def _licence(expression: str) -> Any:
    (first, *more) = licence_ids(expression)
    url = licence_url(first)
    if url and not more and expression.strip("() ").casefold() == first.casefold():
        return url
    return {"@type": "CreativeWork", "name": expression}


def _creator(name: str) -> dict[str, str]:
    found = person(name)
    if found is None:
        return {"@type": "Organization", "name": name}
    family, given = found
    return {
        "@type": "Person",
        "name": f"{given} {family}",
        "givenName": given,
        "familyName": family,
    }


def _origins(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the artefact was made of: files, or the artefacts that it pins by digest."""
    files = [
        {"@id": quote(source["url"], safe=URL_SAFE), "prov:label": source["name"]}
        for source in document.get("sources", ())
        if not source["url"].startswith("simulation:")
    ]
    pins = [*document.get("datasets", ()), *([document["split"]] if "split" in document else [])]
    return files + [
        {"@id": pin["content"], "prov:label": f"{pin['id']}@{pin['version']}"} for pin in pins
    ]


def _address(found: Described) -> str:
    return quote(found.address, safe=URL_SAFE)


def _distribution(found: Described) -> list[dict[str, Any]]:
    base = f"{_address(found).rstrip('/')}/" if found.address else ""
    manifest = {
        "@type": "cr:FileObject",
        "@id": ROOT,
        "name": ROOT,
        "description": "Every object of the store with size and SHA-256, by way of the files that "
        "it lists; its own digest is the storage digest.",
        "contentUrl": f"{base}{ROOT}",
        "contentSize": f"{found.manifest.size} B",
        "encodingFormat": "application/json",
        "sha256": found.manifest.sha256,
    }
    store = {
        "@type": "cr:FileSet",
        "@id": STORE,
        "name": STORE,
        "description": f"An AnnData store in Zarr format {found.zarr_format}: {found.objects:,} "
        f"objects of {found.size:,} bytes, with names relative to the manifest's folder.",
        "containedIn": {"@id": ROOT},
        "encodingFormat": FORMAT[found.zarr_format],
        "includes": ["**"],
    }
    return [manifest, store]


def _splits(found: Described) -> Iterable[dict[str, Any]]:
    """The roles of a split's conditions."""
    if not found.roles:
        return
    meaning = known(found).vocabularies["role"]
    columns = {
        "name": ("sc:Text", "Role of a condition."),
        "url": (["sc:URL", "cr:Split"], "What it is called in machine learning, if anything."),
        "meaning": ("sc:Text", "What a condition of the role may be used for."),
        "conditions": ("sc:Integer", "Number of conditions."),
    }
    yield {
        "@type": "cr:RecordSet",
        "@id": SPLITS,
        "name": SPLITS,
        "description": "Who may see which conditions.",
        "dataType": "cr:Split",
        "key": {"@id": f"{SPLITS}/name"},
        "field": [
            _field(f"{SPLITS}/{name}", name, kind, says) for name, (kind, says) in columns.items()
        ],
        "data": [
            {
                f"{SPLITS}/name": role,
                f"{SPLITS}/url": ROLES.get(role),
                f"{SPLITS}/meaning": meaning[role],
                f"{SPLITS}/conditions": number,
            }
            for role, number in found.roles.items()
        ],
    }


def _tables(found: Described) -> Iterable[dict[str, Any]]:
    """The tables obs and var, a field for each column."""
    layout = {
        entry["path"]: entry["holds"] for entry in known(found).layouts[found.kind]["element"]
    }
    for table in ("obs", "var"):
        columns = [column for column in found.columns if column.table == table]
        ids = _ids(columns)
        yield {
            "@type": "cr:RecordSet",
            "@id": table,
            "name": table,
            "description": layout[table],
            "key": {"@id": ids[0]},
            "field": [_column(name, column) for name, column in zip(ids, columns, strict=True)],
        }


def _ids(columns: Iterable[DescribedColumn]) -> list[str]:
    """An id for each column, each once, of letters that every reader of JSON-LD takes."""
    found: list[str] = []
    for column in columns:
        name = f"{column.table}/{re.sub(r'[^A-Za-z0-9_.-]', '_', column.name)}"
        while name in found:
            name += "_"
        found.append(name)
    return found


def _column(name: str, column: DescribedColumn) -> dict[str, Any]:
    levels = "" if column.levels is None else f" {column.levels:,} distinct values."
    field = _field(name, column.name, TYPES[column.sort], f"{column.holds}{levels}".strip())
    path = f"{column.table}/{column.name}"
    field["source"] = {"fileSet": {"@id": STORE}, "extract": {"column": path}}
    if path == "obs/role":
        field["references"] = {"field": {"@id": f"{SPLITS}/name"}}
    return field


def _field(name: str, label: str, kind: Any, says: str) -> dict[str, Any]:
    described = {"description": says} if says else {}
    return {"@type": "cr:Field", "@id": name, "name": label, **described, "dataType": kind}
