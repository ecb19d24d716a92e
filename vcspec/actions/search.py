"""search: the artefacts of registries, and of the library, that fit what a reader looks for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vcspec.actions.registry import entries_in, registries


@dataclass(frozen=True)
class Wish:
    """What is looked for; an empty field admits everything.

    Attributes:
        modality: of the dataset.
        organism: NCBI taxon.
        context: that is in it.
        perturbation: that is in it, alone or in a combination.
        claim: of the split.
        licence: SPDX identifier that stands in the expression.
        most_bytes: size at most; 0 for any.
        words: that id or title holds, each of them.
    """

    modality: str = ""
    organism: str = ""
    context: str = ""
    perturbation: str = ""
    claim: str = ""
    licence: str = ""
    most_bytes: int = 0
    words: tuple[str, ...] = ()

    def fits(self, release: Mapping[str, Any]) -> bool:
        """Whether a release is what is looked for; text is compared without regard to case."""
        holds = release["holds"]
        members = {one for text in holds.get("perturbations", ()) for one in text.split("+")}
        title = f"{release['id']} {release['title']}".casefold()
        return (
            all(
                not wanted or wanted.casefold() == str(holds.get(name, "")).casefold()
                for name, wanted in (
                    ("modality", self.modality),
                    ("organism", self.organism),
                    ("claim", self.claim),
                )
            )
            and _among(self.context, holds.get("contexts", ()))
            and _among(self.perturbation, members | set(holds.get("perturbations", ())))
            and _among(self.licence, release["licence"].replace("(", " ").replace(")", " ").split())
            and (not self.most_bytes or release["bytes"] <= self.most_bytes)
            and all(word.casefold() in title for word in self.words)
        )


def _among(wanted: str, values: Iterable[str]) -> bool:
    return not wanted or wanted.casefold() in {value.casefold() for value in values}


def search(
    kind: str,
    wish: Wish,
    *,
    registry: Sequence[str] = (),
    every: bool = False,
    announce: Callable[[str], None] | None = None,
) -> list[Mapping[str, Any]]:
    """Entries of registries that fit, in order of name.

    Args:
        kind: of artefact.
        wish: what is looked for.
        registry: places or files that are asked; those of VCSPEC_REGISTRY unless given.
        every: also versions that were superseded or withdrawn.
        announce: told of a registry that cannot be read while another can; without it that is an
            error.

    Raises:
        UsageError: no registry is named.
        Unreadable: a registry cannot be read.
    """
    return [
        entry
        for entry in entries_in(registry, announce=announce)
        if entry["release"]["of"] == kind
        and (every or not {"superseded_by", "withdrawn"} & set(entry))
        and wish.fits(entry["release"])
    ]


def asked(registry: Sequence[str]) -> bool:
    """Whether there is a registry to ask."""
    return bool(registry or registries())
