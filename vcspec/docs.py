"""Fills the generated tables in the prose of the standard, and of the library's splits.

`python -m vcspec.docs [--check]`

A table stands between `<!-- generated: NAME -->` and `<!-- end -->`; the rest is written by hand.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vcspec.cards import split_audit, split_card, split_difficulty, split_ids
from vcspec.render.scorecard_text import number, with_error
from vcspec.standard import CURRENT, Standard, definition_digest, known_versions, packaged, standard

BLOCK = re.compile(r"(<!-- generated: ([a-z -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _number(value: Any) -> str:
    """A number in as few digits as say it."""
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)


def rules(known: Standard) -> str:
    """All rules, by code."""
    rows = (
        (
            code,
            entry["name"],
            entry["level"],
            entry["stage"] + (", of a listing" if entry.get("listing") else ""),
            ", ".join(entry["kinds"]),
            entry["what"],
        )
        for code, entry in known.rules.items()
    )
    return _table(("code", "name", "level", "checked at", "applies to", "what must hold"), rows)


def metrics(known: Standard) -> str:
    """All metrics, in short."""
    rows = (
        (
            f"[{name}](#{name})",
            entry["title"],
            entry["direction"],
            _number(entry["null"]),
            entry["level"],
            entry["per"],
        )
        for name, entry in known.metrics.items()
    )
    return _table(("metric", "title", "better", "null", "level", "one value a"), rows)


FACTS = {
    "formula": "Formula",
    "estimator": "Estimated from",
    "reference_point": "Compared with",
    "controls": "Controls",
    "gene_set": "Features",
    "parameters": "Parameters",
    "ties": "Ties",
    "nan": "Not finite",
    "empty": "Undefined where",
    "undefined_prediction": "Prediction undefined",
    "aggregation": "Aggregation",
    "needs": "Needs",
    "unit": "Unit",
    "source": "Source",
    "reproduces": "Reproduces",
    "differs": "Differs from it",
}
"""Field of a metric's entry → what a page calls it."""


def metric_pages(known: Standard) -> str:
    """Every metric's whole entry, one section each, by what it needs."""
    return "\n\n".join(_metric_page(known, name) for name in known.metrics)


def _metric_page(known: Standard, name: str) -> str:
    entry = known.metrics[name]
    low, high = (_number(bound) for bound in entry["range"])
    head = (
        f"{entry['direction']} is better · {low} … {high} · perfect {_number(entry['perfect'])} · "
        f"null {_number(entry['null'])} · worst {_number(entry['worst'])} · "
        f"one value a {entry['per']} · level {entry['level']}"
    )
    suites = [suite for suite, found in known.suites.items() if name in found["metrics"]]
    rows = [(title, _fact(entry[field])) for field, title in FACTS.items() if entry.get(field)]
    rows += [("Random predictions", chance)] if (chance := known.chance.get(name)) else []
    twins = ", ".join(f"[{other}](#{other})" for other in entry["not_averaged_with"])
    rows += [("Never averaged with", twins)] if twins else []
    rows += [("In the suites", ", ".join(suites))] if suites else []
    rows += [("Definition", f"`{definition_digest(known.version, name)}`")]
    return f"### {name}\n\n**{entry['title']}.** {head}\n\n{_table(('field', 'definition'), rows)}"


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_number(inner)}" for name, inner in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def notation(known: Standard) -> str:
    """What the symbols of formulas stand for."""
    return _table(("symbol", "stands for"), known.notation.items())


def suites(known: Standard) -> str:
    """All suites."""
    rows = (
        (name, entry["title"], ", ".join(entry["headline"]), ", ".join(entry["metrics"]))
        for name, entry in known.suites.items()
    )
    return _table(("suite", "title", "headline", "metrics"), rows)


def flags(known: Standard) -> str:
    """All flags."""
    rows = (
        (
            name,
            entry["title"],
            entry["statistic"],
            entry["fires"],
            _fact(entry["limits"]),
            entry["says"],
        )
        for name, entry in known.flags.items()
    )
    return _table(("flag", "title", "statistic", "raised", "limits", "read it as"), rows)


def invariance(known: Standard) -> str:
    """What the null panel found on the splits of the library, over all of them."""
    headline = known.suites["core-1.0"]["headline"]
    sums: dict[str, list[int]] = {}
    for table in known.invariance.values():
        for metric, row in table.items():
            own = sums.setdefault(metric, [0, 0, 0, 0])
            sums[metric] = [a + b for a, b in zip(own, row, strict=True)]
    rows = (
        (
            f"**{metric}**" if metric in headline else metric,
            f"{empty} of {all_empty}" if all_empty else "—",
            f"{turned} of {all_turned}" if all_turned else "—",
        )
        for metric, (empty, all_empty, turned, all_turned) in sorted(sums.items(), key=_by_passes)
    )
    table = _table(("metric", "no information passes", "transforms gain"), rows)
    return f"{table}\n\nThe splits are {', '.join(known.invariance)}."


def _by_passes(item: tuple[str, list[int]]) -> tuple[bool, float, int, str]:
    """Fewest passes first; what nothing was held against last."""
    metric, (empty, all_empty, turned, _) = item
    return not all_empty, empty / max(all_empty, 1), turned, metric


def arms(known: Standard) -> str:
    """All arms of the null panel."""
    rows = (
        (
            name,
            entry["kind"],
            entry["says"],
            _fact([_number(s) for s in entry["strengths"]]),
            entry["null"],
        )
        for name, entry in known.arms.items()
    )
    return _table(("arm", "kind", "what it is", "strengths", "held against"), rows)


def among_conditions(known: Standard) -> str:
    """Metrics whose values depend on other test conditions."""
    return ", ".join(known.tasks["perturbation-response"]["among_conditions"])


def suite_notes(known: Standard) -> str:
    """What published rule sets are reproduced, and how the suites differ from them."""
    lines = []
    for name, entry in known.suites.items():
        if "reproduces" in entry:
            lines += [f"- **{name}** follows {entry['reproduces']}."]
            lines += [f"    - {note}" for note in entry["differs"]]
    return "\n".join(lines)


def strategies(known: Standard) -> str:
    """All strategies."""
    rows = (
        (
            name,
            entry["says"],
            ", ".join(entry.get("also", ())),
            entry["claim"],
            ", ".join(entry["parameters"]),
            ", ".join(entry["guarantees"]),
        )
        for name, entry in known.strategies.items()
    )
    head = ("strategy", "what it does", "also called", "claim", "parameters", "guarantees")
    return _table(head, rows)


def claims(known: Standard) -> str:
    """All claims."""
    rows = ((name, entry["says"], ", ".join(entry["asks"])) for name, entry in known.claims.items())
    return _table(("claim", "what a good score supports", "rules that its splits keep"), rows)


def leaks(known: Standard) -> str:
    """All leaks."""
    rows = (
        (code, entry["channel"], entry["level"], entry["what"], ", ".join(entry["needs"]) or "—")
        for code, entry in known.leaks.items()
    )
    return _table(("code", "channel", "level", "what must hold", "needs beside the split"), rows)


def units(known: Standard) -> str:
    """Units of dose and time."""
    rows = (
        (field, unit, entry["dimension"], _number(entry["factor"]))
        for field, table in known.units.items()
        for unit, entry in table.items()
    )
    return _table(("field", "unit", "dimension", "factor"), rows)


def difficulty(_: Standard) -> str:
    """How hard the published splits are, and what readers of scores are warned of."""
    cards = [split_card(name) for name in split_ids()]
    published = [(split_difficulty(card), split_audit(card)) for card in cards]
    known = [(document, audit) for document, audit in published if document is not None]
    head = (
        "split",
        "conditions",
        "cells",
        "effect",
        "reliability",
        "nearest change",
        "gain",
        "headline metric",
        "best baseline",
        "replicate",
        "can rank",
        "audit",
    )
    rows = ((*_difficulty(document), _codes(audit)) for document, audit in known)
    warned = "\n".join(
        f"- **{document['split']['id']}**: {text}."
        for document, _ in known
        for text in document["warnings"]
    )
    return f"{_table(head, rows)}\n\n{warned}"


def _codes(audit: tuple[str, ...] | None) -> str:
    if audit is None:
        return "not published"
    return ", ".join(audit) or "nothing"


def _difficulty(found: Mapping[str, Any]) -> tuple[str, ...]:
    sides = ({side: one[side] for side in ("test", "train")} for one in found["contrasts"].values())
    cells, _, effect, reliability = (f"{number(s['test'])} ({number(s['train'])})" for s in sides)
    transfer, reached = found["transfer"], found["baselines"].values()
    floors = (one["floor"] for one in reached)
    calibrations = (one["calibration"] or {} for one in reached)
    return (
        found["split"]["id"],
        f"{found['counts']['test']} ({found['counts']['train']})",
        cells,
        effect,
        reliability,
        number(found["distances"]["nearest_effect"]),
        f"{number(transfer['gain'])} ± {number(transfer['error'])}" if transfer else "—",
        ", ".join(found["baselines"]),
        ", ".join(f"{number(f['value'])} {f['baseline']}" if f else "—" for f in floors),
        ", ".join(with_error(one["replicate"], one["replicate_error"]) for one in reached),
        ", ".join("yes" if told.get("informative") else "no" for told in calibrations),
    )


def baselines(known: Standard) -> str:
    """All baselines."""
    rows = (
        (name, entry["title"], entry["formula"], entry["native"], entry["falls_back"] or "—")
        for name, entry in known.baselines.items()
    )
    return _table(("baseline", "title", "formula", "native where", "elsewhere"), rows)


def limits(known: Standard) -> str:
    """All limits."""
    rows = (
        (name, ", ".join(value) if isinstance(value, list) else f"{value:,}")
        for name, value in known.limits.items()
    )
    return _table(("limit", "value"), rows)


def vocabularies(known: Standard) -> str:
    """All vocabularies."""
    rows = (
        (name, term, meaning)
        for name, terms in known.vocabularies.items()
        for term, meaning in terms.items()
    )
    return _table(("vocabulary", "term", "meaning"), rows)


def _layout(kind: str) -> Callable[[Standard], str]:
    def layout(known: Standard) -> str:
        entry = known.layouts[kind]
        elements = _table(
            ("element", "holds", "encodings", "axes", "data types", "required", "inherent"),
            (_element(element) for element in entry["element"]),
        )
        columns = _table(
            ("table", "column", "holds", "type", "required", "inherent"),
            (
                (
                    c["table"],
                    c["name"],
                    c["holds"],
                    c["type"],
                    _yes(c["required"]),
                    _yes(c["inherent"]),
                )
                for c in entry["column"]
            ),
        )
        inherent = ", ".join(f"`{name}`" for name in entry["inherent_document"])
        return f"{elements}\n\n{columns}\n\nInherent members of the document: {inherent}."

    return layout


def _element(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        entry["path"],
        entry["holds"],
        ", ".join(entry["encodings"]),
        " × ".join(entry["axes"]),
        ", ".join(entry.get("data_types", ())) or "—",
        _yes(entry["required"]),
        _yes(entry["inherent"]),
    )


def _yes(value: bool) -> str:  # noqa: FBT001 - a cell of a table
    return "yes" if value else "no"


TABLES: Mapping[str, Callable[[Standard], str]] = {
    "rules": rules,
    "metrics": metrics,
    "metric pages": metric_pages,
    "notation": notation,
    "suites": suites,
    "suite notes": suite_notes,
    "among conditions": among_conditions,
    "flags": flags,
    "arms": arms,
    "invariance": invariance,
    "strategies": strategies,
    "claims": claims,
    "leaks": leaks,
    "units": units,
    "difficulty": difficulty,
    "baselines": baselines,
    "limits": limits,
    "vocabularies": vocabularies,
    **{
        f"layout {kind}": _layout(kind) for kind in ("dataset", "split", "reference", "predictions")
    },
}


def filled(text: str, known: Standard) -> str:
    """`text` with every generated table made anew.

    Raises:
        KeyError: a marker names a table that does not exist.
    """

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}{TABLES[match[2]](known)}\n{match[3]}"

    return BLOCK.sub(table, text)


def pages() -> Iterator[tuple[Path, Standard]]:
    """Pages that may hold tables, each with the standard that they are of."""
    for version in known_versions():
        for page in sorted((packaged("spec") / version).rglob("*.md")):
            yield page, standard(version)
    for page in sorted(packaged("splits").glob("*.md")):
        yield page, standard(CURRENT)


def main(arguments: Sequence[str]) -> int:
    """Write the tables, or with `--check` name the pages that are stale; 1 where there are any."""
    stale: list[Path] = []
    for page, known in pages():
        text = page.read_text(encoding="utf-8")
        fresh = filled(text, known)
        if fresh != text:
            stale.append(page)
            if "--check" not in arguments:
                page.write_text(fresh, encoding="utf-8")
    for page in stale:
        sys.stderr.write(f"{page}: {'stale' if '--check' in arguments else 'written'}\n")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
