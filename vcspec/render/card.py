"""An artefact as a data card in Markdown: what it is, whose it is, how to load it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vcspec.model.described import Described, lead
from vcspec.render.description import citations, doi_url, known, released, summary, title
from vcspec.render.licences import licence_ids, licence_url
from vcspec.render.markdown import bullets, code, link, opening, plain, table

OBO = "http://purl.obolibrary.org/obo/"
EFO = "http://www.ebi.ac.uk/efo/"
READ = {
    "dataset": ("anndata, vcspec", 'cells = anndata.read_zarr("{place}")'),
    "split": ("vcspec", 'split = vcspec.open_split("{place}")'),
    "reference": ("anndata, vcspec", 'reference = anndata.read_zarr("{place}")'),
}


def card(found: Described) -> str:
    """The card; `about` stands at its end, letter by letter."""
    document, dataset = found.document, found.dataset or {}
    own = document if found.kind == "dataset" else {}
    parts = [
        [f"# {plain(title(found))}"],
        [opening(summary(found))] if summary(found) != title(found) else [],
        _notice(document),
        _section("What is inside", _inside(found)),
        _section("Conditions", _conditions(found)),
        _section("Roles", _roles(found)),
        _section("Other columns", _others(found)),
        _section("Licence", _licences(found)),
        _section("How to cite", _citations(found)),
        _section("Sources", _sources(dataset.get("sources", ()))),
        _section("Curation", bullets(map(opening, own.get("curation", ())))),
        _section("Fitted on cells", _fitted(dataset.get("fitted"))),
        _section("Caveats", bullets(map(opening, dataset.get("caveats", ())))),
        _section("How to load it", _loading(found)),
        _section("Digests", _digests(found)),
    ]
    generated = "\n\n".join("\n".join(part) for part in parts if part) + "\n"
    return f"{generated}\n{found.about}" if found.about else generated


def _section(heading: str, lines: Sequence[str]) -> list[str]:
    return [f"## {heading}", "", *lines] if lines else []


def _notice(document: Mapping[str, Any]) -> list[str]:
    return ["**Simulated**: a program drew the numbers."] if document["simulated"] else []


def _inside(found: Described) -> list[str]:
    document = found.document
    counts = [f"{number:,} {what}" for what, number in found.counts.items()]
    size = f"{found.objects:,} objects, {found.size:,} bytes, Zarr format {found.zarr_format}"
    facts = {
        "Name": f"{code(document['id'])}, version {plain(document['version'])}",
        "Kind": f"{found.kind} of the standard {plain(document['spec'])}",
        "Counts": ", ".join(counts),
        "Values": _values(found),
        **(_measured(document) if found.kind == "dataset" else _scored(found)),
        "Size": size,
    }
    return bullets(f"{name}: {said}" for name, said in facts.items() if said)


def _values(found: Described) -> str:
    values = found.document["values"]
    space = values["space"]
    meaning = known(found).vocabularies["space"][space]
    target = f", target sum {values['target_sum']:,}" if "target_sum" in values else ""
    total = f", totals over {values['total']}" if "total" in values else ""
    stored = f", stored as {found.value_type}" if found.value_type else ""
    return f"{code(space)}{target}{total}{stored}. {plain(meaning)}"


def _measured(document: Mapping[str, Any]) -> dict[str, str]:
    features = document["features"]
    return {
        "Organism": _term(document["organism"]),
        "Assay": ", ".join(filter(None, map(_term, document["assay"]))),
        "Modality": plain(document["modality"]),
        "Features": f"{plain(features['type'])}, named by {plain(features['namespace'])}",
        "Control": code(document["control"]),
        "Access": plain(document["access"]),
        "Public since": plain(str(document.get("released", ""))),
    }


def _term(term: str) -> str:
    """A term of an ontology with its page."""
    if term == "none":
        return ""
    return link(term, (EFO if term.startswith("EFO:") else OBO) + term.replace(":", "_"))


def _scored(found: Described) -> dict[str, str]:
    document = found.document
    pins = [*document["datasets"], *([document["split"]] if "split" in document else [])]
    facts = {
        "Made of": "; ".join(
            f"{code(pin['id'])}, version {plain(pin['version'])}, {code(pin['content'])}"
            for pin in pins
        ),
        "Control": code(document["control"]),
    }
    if found.kind == "reference":
        suites = document.get("suites", [document["suite"]])
        return {**facts, "Suites": ", ".join(map(code, suites)), "Tool": plain(document["tool"])}
    strategy = document["strategy"]
    stated = (f"{code(name)} = {_parameter(v)}" for name, v in strategy["parameters"].items())
    return {
        **facts,
        "Claim": code(document["claim"]),
        "Strategy": ", ".join([f"{code(strategy['name'])}, seed {strategy['seed']}", *stated]),
        "Cells a predicted condition": f"{document['cells_per_condition']:,}",
    }


def _fitted(stated: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """What a dataset declares as chosen or estimated from cells; no lines where it does not."""
    if stated is None:
        return []
    rows = (
        (plain(one["what"]), plain(one["method"]), str(one.get("number", "")), _cells(one["on"]))
        for one in stated
    )
    heads = ("what", "method", "number", "from which cells")
    return table(heads, rows) if stated else ["Nothing was."]


def _cells(stated: str | Mapping[str, Sequence[str]]) -> str:
    if isinstance(stated, str):
        return plain(stated.replace("-", " "))
    return "; ".join(f"{code(name)}: {_parameter(values)}" for name, values in stated.items())


def _parameter(value: str | Sequence[str]) -> str:
    """A parameter of a strategy; of a list the first few."""
    if isinstance(value, str):
        return code(value)
    more = f" and {len(value) - 5} more" if len(value) > 5 else ""
    return ", ".join(map(code, value[:5])) + more


def _conditions(found: Described) -> list[str]:
    named = found.document["condition"]
    by_name = {column.name: column for column in found.columns if column.table == "obs"}
    columns = [by_name[name] for name in named if name in by_name]
    rows = ((code(c.name), plain(c.holds), f"{c.levels or 0:,}") for c in columns)
    return table(("column of obs", "holds", "distinct values"), rows)


def _roles(found: Described) -> list[str]:
    meaning = known(found).vocabularies["role"]
    rows = ((code(role), plain(meaning[role]), f"{n:,}") for role, n in found.roles.items())
    return table(("role", "means", "conditions"), rows) if found.roles else []


def _others(found: Described) -> list[str]:
    named = {("obs", name) for name in (*found.document["condition"], "_index")}
    rows = [
        (code(f"{column.table}/{column.name}"), plain(column.sort), plain(column.holds))
        for column in found.columns
        if (column.table, column.name) not in named | {("var", "_index")}
    ]
    return table(("column", "values", "holds"), rows) if rows else []


def _licences(found: Described) -> list[str]:
    own = f"Of this {found.kind}: {_licence(str(found.document['licence']))}."
    dataset = found.dataset or {}
    upstream = [source["licence"] for source in dataset.get("sources", ())]
    if dataset is not found.document and dataset:
        upstream.insert(0, dataset["licence"])
    said = ", ".join(plain(licence) for licence in dict.fromkeys(upstream))
    return [own, *(["", f"Of what it was made of: {said}."] if said else [])]


def _licence(expression: str) -> str:
    identifiers = licence_ids(expression)
    pages = ", ".join(link(name, licence_url(name)) for name in identifiers)
    return pages if len(identifiers) == 1 else f"{plain(expression)} ({pages})"


def _citations(found: Described) -> list[str]:
    own = [_own(found)] if found.creators or found.doi else []
    return bullets([*own, *map(_citation, citations(found))])


def _own(found: Described) -> str:
    named = found.creators if not _from_citations(found) else ()
    who = f"{opening('; '.join(named))}: " if named else ""
    doi = f". DOI {link(found.doi, doi_url(found.doi))}" if found.doi else ""
    day = f" ({released(found)})" if released(found) else ""
    version = plain(str(found.document["version"]))
    named_so = plain(title(found)) if who else opening(title(found))
    return f"{who}{named_so}, version {version}{day}{doi}"


def _from_citations(found: Described) -> bool:
    """Whether the creators are none but those of the papers, which are cited by themselves."""
    return {*found.creators} <= {lead(paper["title"])[0] for paper in citations(found)}


def _citation(paper: Mapping[str, str]) -> str:
    doi, url, accession = (paper.get(name, "") for name in ("doi", "url", "accession"))
    more = [
        f"DOI {link(doi, doi_url(doi))}" if doi else "",
        link(url, url) if url else "",
        f"Accession {code(accession)}" if accession else "",
    ]
    return ". ".join([opening(paper["title"]), *filter(None, more)])


def _sources(sources: Iterable[Mapping[str, Any]]) -> list[str]:
    rows = [
        (
            link(source["name"], source["url"]),
            f"{source['bytes']:,}" if "bytes" in source else "",
            code(_known_by(source)),
            plain(source["licence"]),
        )
        for source in sources
    ]
    return table(("file", "bytes", "digest", "licence"), rows) if rows else []


def _known_by(source: Mapping[str, Any]) -> str:
    if "sha256" in source:
        return f"sha256 {source['sha256']}"
    return f"git blob {source['git_blob']}"


def _loading(found: Described) -> list[str]:
    """Lines of Python; the name of the store is written so that it cannot leave its quotes."""
    place = found.address or found.place
    escaped = place.encode("unicode_escape").decode("ascii")
    name = escaped.replace('"', r"\x22").replace("`", r"\x60")
    modules, call = READ[found.kind]
    check = f'assert vcspec.validate("{name}").verdict == "valid"'
    return ["```python", f"import {modules}", check, call.format(place=name), "```"]


def _digests(found: Described) -> list[str]:
    return bullets(
        [
            f"Content: {code(found.content)}",
            f"Storage: {code(found.storage)}, the SHA-256 of `manifest.json`",
        ]
    )
