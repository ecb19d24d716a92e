"""Settings: what a user chooses of how work is done. None of it changes a result."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from vcspec.engine.budget import Budget, budget
from vcspec.engine.executors import Executor, dask, threads
from vcspec.model.errors import UnknownName

ENGINES = ("threads", "dask")
# Called with the work done so far and in all, in cells, and what is being done.
Progress = Callable[[int, int, str], None]


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
