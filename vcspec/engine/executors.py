"""Executors: who runs the visits. Results come in the order of the tasks, whoever it is."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol, TypeVar

from vcspec.model.errors import UsageError

Result = TypeVar("Result")
Advance = Callable[[int], None]  # told how much of the work has been done since the last call
AHEAD = 2  # tasks in hand for each worker, so that none waits for its next


class Executor(Protocol):
    """Runs functions with their arguments; what many tasks share is handed over once."""

    width: int

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run the function some time soon."""

    def share(self, value: Any) -> Any:
        """What stands for `value` among the arguments of `submit`."""

    def cancel(self, futures: Sequence[Future[Any]]) -> None:
        """Give up what has not begun."""


class Inline:
    """One worker: the caller itself, which Ctrl-C reaches at once."""

    width = 1

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run it now."""
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future

    def share(self, value: Any) -> Any:
        """The value itself."""
        return value

    def cancel(self, futures: Sequence[Future[Any]]) -> None:
        """Nothing waits."""


class Threads:
    """Workers that are threads of this process; the kernels let go of the interpreter."""

    def __init__(self, pool: ThreadPoolExecutor, width: int) -> None:
        self._pool, self.width = pool, width

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run it on a thread of the pool."""
        return self._pool.submit(function, *arguments)

    def share(self, value: Any) -> Any:
        """The value itself."""
        return value

    def cancel(self, futures: Sequence[Future[Any]]) -> None:
        """Take back what has not begun."""
        for future in futures:
            future.cancel()


@contextmanager
def threads(workers: int) -> Iterator[Executor]:
    """Threads of this process; what they have begun is awaited when the block ends."""
    if workers == 1:
        yield Inline()
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="vcspec")
    try:
        yield Threads(pool, workers)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def dask(scheduler: str, workers: int) -> Iterator[Executor]:
    """Workers of a Dask cluster; one of this machine's own where no scheduler is named.

    Raises:
        UsageError: the package `distributed` is wanting, or the scheduler does not answer.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        message = "the engine dask needs a package that is not here: pip install 'vcspec[dask]'"
        raise UsageError(message) from error
    own = None
    try:
        if not scheduler:
            own = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=40
            )
        client = distributed.Client(own or scheduler, timeout="20s", set_as_default=False)
    except (OSError, ValueError) as error:
        message = f"no Dask scheduler answers at {scheduler or 'this machine'} ({error})"
        raise UsageError(message) from error
    try:
        yield DaskWorkers(client)
    finally:
        client.close()
        if own is not None:
            own.close()


class DaskWorkers:
    """Workers of a Dask cluster, in other processes or on other machines."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)
        self._shared: dict[Hashable, Any] = {}
        self.width = max(1, sum(client.nthreads().values()))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run it on a worker; the scheduler gives it to another where that one dies."""
        found: Future[Any] = self._executor.submit(function, *arguments)
        return found

    def share(self, value: Any) -> Any:
        """A handle of the value, which is sent to the cluster once."""
        if value is None:
            return None
        if id(value) not in self._shared:
            self._shared[id(value)] = (value, self._client.scatter(value, hash=False))
        return self._shared[id(value)][1]

    def cancel(self, futures: Sequence[Future[Any]]) -> None:
        """Take back what has not begun, and forget what has."""
        for future in futures:
            future.cancel()


def run(
    executor: Executor,
    function: Callable[..., Result],
    tasks: Sequence[tuple[Any, Any, int]],
    advance: Advance | None = None,
) -> list[Result]:
    """Results of `function(task, shared)`, in the order of the tasks.

    A few more tasks than there are workers are in hand at a time, so that nothing piles up. Where
    one fails, or Ctrl-C is pressed, the others are taken back and the error is passed on.

    Args:
        executor: who runs them.
        function: importable, as other processes must find it.
        tasks: (task, what it shares with others, how much work it is).
        advance: told the work of each task when it is done.
    """
    results: dict[int, Result] = {}
    pending: dict[Future[Any], int] = {}
    waiting = iter(range(len(tasks)))
    try:
        while len(results) < len(tasks):
            while len(pending) < AHEAD * executor.width:
                number = next(waiting, None)
                if number is None:
                    break
                task, shared, _ = tasks[number]
                pending[executor.submit(function, task, executor.share(shared))] = number
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                number = pending.pop(future)
                results[number] = future.result()
                if advance is not None:
                    advance(tasks[number][2])
    except BaseException:
        executor.cancel(list(pending))
        raise
    return [results[number] for number in range(len(tasks))]
