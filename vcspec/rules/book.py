"""The rule book: `rule` claims a code, `examine` runs what the kind and the level ask for."""

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

from vcspec.catalog import Catalog
from vcspec.model.finding import Fault, Finding, Report, Skipped, Verdict, aggregate
from vcspec.model.store import Damaged
from vcspec.rules.artefact import Artefact
from vcspec.standard import standard

# Each rule says what it asks for: an Artefact, or a Subject, which knows values as well.
Check = Callable[[Any], Iterator[Fault]]
Companions = Callable[[], Mapping[str, Any]]

RULES: Catalog[Check] = Catalog("rule", standard().rules)
rule = RULES.claim

LEVELS = ("metadata", "axes", "data", "full")
STAGES = ("safety", *LEVELS)
DAMAGE = "VCS206"
UNREADABLE = "VCS001"


class Examination:
    """The state of one run through the book: what was found, passed and skipped so far."""

    def __init__(
        self,
        subject: Artefact,
        level: str,
        only: Container[str] | None = None,
        companions: Companions | None = None,
    ) -> None:
        self.subject = subject
        self.only = only
        self.companions = companions
        self.level = level
        self.findings: list[Finding] = []
        self.passed: list[str] = []
        self.skipped: dict[str, str] = {}
        self._begun: set[str] = set()

    @property
    def failed(self) -> set[str]:
        """Codes of MUST rules with a finding."""
        return {finding.code for finding in self.findings if finding.level == "MUST"}

    def run(self) -> None:
        """Every rule of the kind up to the level, stage by stage."""
        entries = self.subject.standard.rules
        for stage in STAGES[: STAGES.index(self.level) + 1]:
            for code, entry in entries.items():
                if entry["stage"] == stage and self._applies(entry) and self._is_asked(code):
                    self._check(code)
            if stage == "safety":
                if self._refused():
                    return
                self.subject.foresee(self.level)
                if self.companions is not None:
                    self.subject.companions = self.companions()
        self._damage(entries[DAMAGE])

    def _applies(self, entry: Mapping[str, Any]) -> bool:
        """Whether the rule is for this kind; before the kind is trusted, every rule is."""
        return self.subject.kind in entry["kinds"] or entry["stage"] == "safety"

    def _is_asked(self, code: str) -> bool:
        is_safety = self.subject.standard.rules[code]["stage"] == "safety"
        return self.only is None or is_safety or code in self.only

    def _refused(self) -> bool:
        entries = self.subject.standard.rules
        return "VCS013" in self.failed or any(
            entries[code]["verdict"] == "refused" for code in self.failed
        )

    def _check(self, code: str) -> None:
        """Run one rule, after the rules that it needs."""
        if code in self._begun or code == DAMAGE:
            return
        self._begun.add(code)
        entry = self.subject.standard.rules[code]
        for need in entry["needs"]:
            if self._applies(self.subject.standard.rules[need]):
                self._check(need)
        because = self._obstacle(entry)
        if because:
            self.skipped[code] = because
            return
        try:
            faults = list(RULES[code](self.subject))
        except Damaged:
            self.skipped[code] = DAMAGE
            return
        if faults:
            self.findings += aggregate(code, entry["name"], entry["level"], entry["mend"], faults)
        else:
            self.passed.append(code)

    def _obstacle(self, entry: Mapping[str, Any]) -> str:
        """Why the rule cannot be checked: what it looks at, or needs, is not at hand."""
        if entry.get("listing") and not self.subject.skeleton.listed:
            return "nothing is listed"
        found = {finding.code for finding in self.findings}
        for need in entry["needs"]:
            if need in found or self.skipped.get(need, "").startswith("VCS"):
                return str(need)
        companion = entry.get("companion", "")
        if companion and companion not in self.subject.companions:
            return f"no {companion} at hand"
        return next((self.skipped[need] for need in entry["needs"] if need in self.skipped), "")

    def _damage(self, entry: Mapping[str, Any]) -> None:
        faults = list(RULES[DAMAGE](self.subject))
        if faults:
            self.findings += aggregate(DAMAGE, entry["name"], "MUST", entry["mend"], faults)
        elif self.subject.kind in entry["kinds"] and self.level != "metadata":
            self.passed.append(DAMAGE)

    def verdict(self) -> Verdict:
        """What the findings make of the artefact."""
        verdicts = {self.subject.standard.rules[code]["verdict"] for code in self.failed}
        order: tuple[Verdict, ...] = ("refused", "unknown", "invalid")
        for worst in order:
            if worst in verdicts:
                return worst
        if DAMAGE in self.skipped.values() and not self.failed & {"VCS205", DAMAGE}:
            return "unknown"  # something could not be read, and no finding says so
        wanting = self.subject.kind == "predictions" and self.level != "metadata"
        if wanting and any(not because.startswith("VCS") for because in self.skipped.values()):
            return "unknown"
        return "valid"


def examine(
    subject: Artefact,
    level: str,
    target: str,
    *,
    only: Container[str] | None = None,
    companions: Companions | None = None,
) -> Report:
    """All that the book says about `subject`, down to `level`.

    Args:
        subject: the artefact.
        level: how deep to look.
        target: its name in the report.
        only: codes of rules, whose modules are imported; those on safety are checked all the same.
        companions: gives the artefacts that it pins; asked once it is known to be safe, when what
            rules read first of it is on its way.
    """
    if only is None:
        import vcspec.rules.whole  # noqa: F401 - importing it claims every rule
    subject.is_deep = level == "full" and only is None
    examination = Examination(subject, level, only, companions)
    examination.run()
    findings = sorted(examination.findings, key=lambda finding: (finding.code, finding.path))
    skipped = tuple(Skipped(code, because) for code, because in examination.skipped.items())
    return Report(
        target=target,
        kind=subject.kind,
        spec=str(subject.document.get("spec", "")),
        level=level,
        findings=tuple(findings),
        skipped=skipped,
        checked=tuple(sorted({*examination.passed, *examination.failed})),
        verdict=examination.verdict(),
    )


def unreadable(target: str, level: str, error: Exception) -> Report:
    """The report on something that could not be opened at all."""
    entry = standard().rules[UNREADABLE]
    reason = str(error)
    if isinstance(error, OSError) and error.strerror:
        reason = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    fault = Fault("/", reason, "a Zarr group")
    findings = aggregate(UNREADABLE, entry["name"], entry["level"], entry["mend"], [fault])
    return Report(target, "", "", level, findings, (), (UNREADABLE,), "unknown")
