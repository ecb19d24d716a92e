"""Settings: what a user chooses of how work is done. None of it changes a result."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TypeVar

from vcspec.engine.budget import Budget, budget
from vcspec.engine.executors import Executor, dask, threads
from vcspec.model.errors import UnknownName

ENGINES = ("threads", "dask")
# Called with the work done so far and in all, in cells, and what is being done.
Progress = Callable[[int, int, str], None]
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Settings:
    """How passes over cells are run.

    Attributes:
        engine: `threads` of this process, or `dask`.
        scheduler: address of a Dask scheduler; empty for a cluster of this machine's own.
        budget: memory and workers.
        progress: told how far a pass has come.
        announce: told what a user should know, in a sentence.
    """

    engine: str = "threads"
    scheduler: str = ""
    budget: Budget = field(default_factory=budget)
    progress: Progress | None = None
    announce: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            message = f"the engine {self.engine!r} does not exist; choose {' or '.join(ENGINES)}"
            raise UnknownName(message)

    @property
    def here(self) -> "Settings":
        """The same by threads of this process, for what workers elsewhere may not see."""
        return replace(self, engine="threads", scheduler="")

    @contextmanager
    def in_force(self) -> Iterator["Settings"]:
        """For the length of a `with` block, what is done without other settings goes by these."""
        token = _IN_FORCE.set(self)
        try:
            yield self
        finally:
            _IN_FORCE.reset(token)

    def say(self, text: str) -> None:
        """Tell the user, where somebody listens."""
        if self.announce is not None:
            self.announce(text)

    def executor(self) -> AbstractContextManager[Executor]:
        """Who runs the visits, for the length of a `with` block."""
        if self.engine == "dask":
            return dask(self.scheduler, self.budget.workers)
        return threads(self.budget.workers)

    @contextmanager
    def advancing(self, total: int, what: str) -> Iterator[Callable[[int], None] | None]:
        """What a pass over `total` cells calls with the number done since the last call."""
        if self.progress is None:
            yield None
            return
        done, progress = 0, self.progress

        def advance(cells: int) -> None:
            nonlocal done
            done += cells
            progress(done, total, what)

        progress(0, total, what)
        yield advance

    def counted(self, things: Sequence[Thing], what: str) -> Iterator[Thing]:
        """Each of the things; progress is told when the next is asked for."""
        with self.advancing(len(things), what) as advance:
            for thing in things:
                yield thing
                if advance is not None:
                    advance(1)


_IN_FORCE: ContextVar[Settings | None] = ContextVar("settings", default=None)


def settings_in_force() -> Settings:
    """Settings of the innermost `Settings.in_force` block of this thread; else the default ones."""
    found = _IN_FORCE.get()
    return Settings() if found is None else found
