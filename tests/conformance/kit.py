"""The conformance kit: its cases made ready, and run on any implementation.

python tests/conformance/kit.py run -- COMMAND …    run an implementation, print what differs
python tests/conformance/kit.py write FOLDER         write every case as files, to run elsewhere
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edits import apply, consolidate

from vcspec.storage.sealing import seal

KIT = Path(__file__).parents[2] / "spec" / "1.0" / "conformance"
STORES = KIT / "stores"
EXIT_CODES = {"valid": 0, "invalid": 1, "unknown": 3, "refused": 4}


@dataclass(frozen=True)
class Case:
    """A sound store, one edit, and what a validator must say.

    Attributes:
        name: names the fault.
        expect: (code, path) of every finding.
        verdict: of the report.
        store: name of the sound store; empty where the case starts from nothing.
        edit: edits, in order.
        level: how deep to look.
        companions: kind → name of the sound store that is given beside it.
        target: given to the validator as it stands, instead of a path.
        consolidate: whether the root's copy of the metadata is brought in step after the edits.
        reseal: whether the manifest is written again after the edits.
    """

    name: str
    expect: tuple[tuple[str, str], ...]
    verdict: str
    store: str = ""
    edit: tuple[Mapping[str, Any], ...] = ()
    level: str = "data"
    companions: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    consolidate: bool = True
    reseal: bool = False

    @property
    def slug(self) -> str:
        """The name as a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def codes(self) -> set[str]:
        """Codes that are expected."""
        return {code for code, _ in self.expect}


@dataclass(frozen=True)
class Outcome:
    """What of a report is compared."""

    findings: tuple[tuple[str, str], ...]
    verdict: str
    exit_code: int


def cases() -> tuple[Case, ...]:
    """Every case of `cases.toml`."""
    document = tomllib.loads((KIT / "cases.toml").read_text("utf-8"))
    return tuple(_case(entry, document["companions"]) for entry in document["case"])


def _case(entry: Mapping[str, Any], companions: Mapping[str, Any]) -> Case:
    store = entry.get("store", "")
    found = {"companions": companions.get(store, {}), **entry}
    expect = tuple((code, path) for code, path in found.pop("expect"))
    return Case(expect=expect, edit=tuple(found.pop("edit", ())), **found)


def expected(case: Case) -> Outcome:
    """What a conforming validator says."""
    return Outcome(tuple(sorted(case.expect)), case.verdict, EXIT_CODES[case.verdict])


def prepared(case: Case, folder: Path) -> tuple[str, dict[str, Path]]:
    """The target of the case, made in `folder`, and its companions, kind → path."""
    if case.target:
        return case.target, {}
    suffix = ".json" if case.store == "scorecard" else ".zarr"
    target = folder / f"target{suffix}"
    if suffix == ".json":
        target = folder / "scorecard.json"
        shutil.copyfile(STORES / "scorecard.json", target)
    elif case.store:
        shutil.copytree(STORES / f"{case.store}.zarr", target)
    for edit in case.edit:
        apply(target if suffix == ".zarr" else folder, edit)
    if case.consolidate and suffix == ".zarr":
        consolidate(target)
    if case.reseal:
        seal(target)
    return str(target), {kind: STORES / f"{name}.zarr" for kind, name in case.companions.items()}


def run(case: Case, command: Iterable[str]) -> Outcome:
    """What another implementation says.

    Args:
        case: the case.
        command: called with `--level LEVEL`, `--split PATH` or `--dataset PATH` where the case has
            such a companion, and the target; prints a report and ends with its exit code.
    """
    with tempfile.TemporaryDirectory() as folder:
        target, companions = prepared(case, Path(folder))
        options = [text for kind, path in companions.items() for text in (f"--{kind}", str(path))]
        called = [*command, "--level", case.level, *options, target]
        done = subprocess.run(called, capture_output=True, check=False, text=True)
    report = json.loads(done.stdout)["reports"][0]
    found = tuple(sorted((finding["code"], finding["path"]) for finding in report["findings"]))
    return Outcome(found, report["verdict"], done.returncode)


def run_all(command: list[str]) -> int:
    """Print every case on which the implementation differs; the number of them."""
    wrong = 0
    for case in cases():
        found = run(case, command)
        if found != expected(case):
            wrong += 1
            print(f"{case.name}\n  expected {expected(case)}\n  found    {found}")
    print(f"{wrong} of {len(cases())} cases differ")
    return wrong


def write_all(folder: Path) -> int:
    """Write each case as a folder: the target, and `case.json`, which says what is expected."""
    for case in cases():
        place = folder / case.slug
        place.mkdir(parents=True)
        target, companions = prepared(case, place)
        said = {
            "name": case.name,
            "target": case.target or Path(target).name,
            "level": case.level,
            "companions": {kind: path.name for kind, path in companions.items()},
            "expect": [list(pair) for pair in sorted(case.expect)],
            "verdict": case.verdict,
            "exit_code": EXIT_CODES[case.verdict],
        }
        (place / "case.json").write_text(json.dumps(said, indent=2) + "\n")
    return 0


def main(arguments: list[str]) -> int:
    """Run the command line."""
    actions: Mapping[str, Callable[[], int]] = {
        "run": lambda: min(1, run_all(arguments[2:])),
        "write": lambda: write_all(Path(arguments[1])),
    }
    if len(arguments) < 2 or arguments[0] not in actions:
        print(__doc__, file=sys.stderr)
        return 2
    return actions[arguments[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
