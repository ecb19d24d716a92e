"""Everything that vcspec raises on purpose.

VcspecError
├── UsageError            the call itself is wrong                                  exit 2
│   └── UnknownName       a rule, metric, strategy … that the standard does not define
├── Unreadable            there is nothing here that can be read                    exit 3
├── Refused               reading on would be unsafe, or the version is unknown     exit 4
├── Invalid               the artefact breaks a rule; carries its Report            exit 1
└── Mismatch              two artefacts do not belong together                      exit 1

A message says what was found, what was expected and what to do, in that order. Addresses in it are
without user, password and query.
"""

from typing import Any

from vcspec.model.address import without_secrets


class VcspecError(Exception):
    """Root of the tree; `exit_code` is what the command line ends with."""

    exit_code = 5

    def __init__(self, message: str = "") -> None:
        super().__init__(without_secrets(message))


class UsageError(VcspecError):
    """The call is wrong: an option, a name, a combination of arguments."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that the standard does not define."""


class Unreadable(VcspecError):
    """A path, store, file or server that cannot be read."""

    exit_code = 3


class Refused(VcspecError):
    """Unsafe to read, or of a version or kind that this vcspec does not know."""

    exit_code = 4


class Mismatch(VcspecError):
    """Two artefacts that were named together do not belong together."""

    exit_code = 1


class Invalid(VcspecError):
    """An artefact that breaks the rules; `report` says which."""

    exit_code = 1

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report
