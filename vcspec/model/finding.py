"""What a validation found: Fault, Finding, Report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vcspec.model.address import shown, without_secrets

Level = Literal["MUST", "SHOULD"]
Verdict = Literal["valid", "invalid", "unknown", "refused"]

EXIT_CODE: Mapping[str, int] = {"valid": 0, "invalid": 1, "unknown": 3, "refused": 4}
SHOWN = 5


@dataclass(frozen=True)
class Fault:
    """One place that breaks a rule, as a check yields it.

    Attributes:
        path: Zarr path of the node or object, `/` for the root.
        found: what is there, in a few words or the value itself.
        expected: what should be there.
        examples: the first places inside the node (rows, names), at most `SHOWN`.
        count: how many places in all.
        pointer: RFC 6901 JSON pointer when the place is inside a JSON document.
        hint: a remedy for this very place; empty means the rule's own.
    """

    path: str
    found: str
    expected: str = ""
    examples: tuple[str, ...] = ()
    count: int = 1
    pointer: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Finding:
    """All faults of one rule at one path."""

    code: str
    name: str
    level: Level
    path: str
    count: int
    found: str
    expected: str
    examples: tuple[str, ...]
    pointer: str
    hint: str

    def __post_init__(self) -> None:
        for name in ("found", "expected", "hint"):
            object.__setattr__(self, name, without_secrets(getattr(self, name)))


@dataclass(frozen=True)
class Skipped:
    """A rule that was not checked, and why."""

    code: str
    because: str


@dataclass(frozen=True)
class Report:
    """Everything that one validation says about one artefact.

    Attributes:
        target: the path or URL as the user gave it, but for user, password and query.
        kind: kind that the store declares; empty where it declares none.
        spec: version of the standard that the store declares.
        level: how deep the validation went (`metadata`, `axes`, `data`, `full`).
        findings: sorted by code and path.
        skipped: rules that were not checked, with the reason.
        checked: codes of the rules that ran to their end.
        verdict: `valid`, `invalid`, `refused` (unsafe or unsupported) or `unknown` (not checkable).
        facts: what was seen on the way: shape, conditions, digests.
    """

    target: str
    kind: str
    spec: str
    level: str
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    checked: tuple[str, ...]
    verdict: Verdict
    facts: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", shown(self.target))

    @property
    def exit_code(self) -> int:
        """What the command line ends with."""
        return EXIT_CODE[self.verdict]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings of rules that say MUST."""
        return tuple(f for f in self.findings if f.level == "MUST")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings of rules that say SHOULD."""
        return tuple(f for f in self.findings if f.level == "SHOULD")

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of all findings, sorted, each once."""
        return tuple(sorted({f.code for f in self.findings}))


def aggregate(
    code: str, name: str, level: Level, mend: str, faults: Iterable[Fault]
) -> tuple[Finding, ...]:
    """One finding for each path, with exact counts and the first examples.

    Where faults give no examples and differ, what the others found stands in their place.
    """
    by_path: dict[str, list[Fault]] = {}
    for fault in faults:
        by_path.setdefault(fault.path, []).append(fault)
    return tuple(
        Finding(
            code=code,
            name=name,
            level=level,
            path=path,
            count=sum(fault.count for fault in group),
            found=group[0].found,
            expected=group[0].expected,
            examples=_examples(group),
            pointer=group[0].pointer,
            hint=group[0].hint or mend,
        )
        for path, group in sorted(by_path.items())
    )


def _examples(group: Sequence[Fault]) -> tuple[str, ...]:
    given = [example for fault in group for example in fault.examples]
    found = list(dict.fromkeys(fault.found for fault in group))
    return tuple(given or (found if len(found) > 1 else ()))[:SHOWN]
