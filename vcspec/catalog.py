"""Name ↔ code: the one mechanism that ties the standard to its implementation."""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from vcspec.model.errors import UnknownName

Code = TypeVar("Code")


class Catalog(Generic[Code]):
    """The names that the standard defines for one sort of thing, and the code that claims each.

    A name that the standard does not define cannot be claimed; `unclaimed` must be empty once the
    room's modules are imported, which a contract test asserts for every catalog.
    """

    def __init__(self, what: str, names: Iterable[str]) -> None:
        self.what = what
        self.names = frozenset(names)
        entries = names.items() if isinstance(names, Mapping) else ()
        self._also = {also: name for name, entry in entries for also in entry.get("also", ())}
        self._claims: dict[str, Code] = {}

    def claim(self, name: str) -> Callable[[Code], Code]:
        """Decorator: the decorated code implements `name`.

        Raises:
            UnknownName: the standard has no such name.
            LookupError: other code has claimed it already.
        """
        self._known(name)

        def register(code: Code) -> Code:
            if name in self._claims:
                message = f"{self.what} {name!r} is already implemented by {self._claims[name]!r}"
                raise LookupError(message)
            self._claims[name] = code
            return code

        return register

    def __getitem__(self, name: str) -> Code:
        self._known(name)
        return self._claims[name]

    def named(self, name: str) -> str:
        """The standard's name for `name`: itself, or what an entry is called beside it (`also`).

        Raises:
            UnknownName: the standard has no such name, and no entry is called so.
        """
        found = name if name in self.names else self._also.get(name.casefold(), name)
        self._known(found)
        return found

    def unclaimed(self) -> frozenset[str]:
        """Names of the standard that no code implements."""
        return self.names - self._claims.keys()

    def _known(self, name: str) -> None:
        if name not in self.names:
            from difflib import get_close_matches

            if name.casefold() in self._also:
                known = self._also[name.casefold()]
                message = f"the standard calls the {self.what} {known}, not {name!r}"
                raise UnknownName(message)
            near = get_close_matches(name, self.names)
            hint = f"near: {', '.join(near)}; " if near else ""
            message = (
                f"the standard defines no {self.what} {name!r}; {hint}"
                f"`vcspec explain {self.what}` lists all"
            )
            raise UnknownName(message)
