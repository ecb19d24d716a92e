"""Executors: who runs the visits. Results come in the order of the tasks, whoever it is."""

import logging
import pickle
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

from vcspec.engine.stopping import deferred, heed
from vcspec.model.errors import Unreadable, UsageError

Result = TypeVar("Result")
Advance = Callable[[int], None]  # told how much of the work has been done since the last call
AHEAD = 2  # tasks in hand for each worker, so that none waits for its next
LIVES = 4  # times that a task is handed out where workers die; as many as Dask itself allows
ANY_PORT = "127.0.0.1:0"  # Dask serves pages even where nobody asks for them
PATIENCE = "20s"  # for a scheduler to answer, and for its first worker


class Executor(Protocol):
    """Runs functions with their arguments; what many tasks share is handed over once."""

    @property
    def width(self) -> int:
        """How many tasks run at a time."""

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
    """Threads of this process, or the caller itself where one worker is enough."""
    if workers == 1:
        yield Inline()
        return
    with own_threads(workers, "vcspec") as executor:
        yield executor


@contextmanager
def own_threads(workers: int, name: str) -> Iterator[Executor]:
    """Threads beside the caller; what they have begun ends at its next piece with the block."""
    stop = threading.Event()
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name, initializer=heed, initargs=(stop,))
    try:
        yield Threads(pool, workers)
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def dask(scheduler: str, workers: int) -> Iterator[Executor]:
    """Workers of a Dask cluster; one of this machine's own where no scheduler is named.

    Raises:
        UsageError: the package `distributed` is wanting, or no scheduler answers, or no worker.
        Unreadable: workers died again and again.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        message = "the engine dask needs a package that is not here: pip install 'vcspec[dask]'"
        raise UsageError(message) from error
    with ExitStack() as stack:
        client = _client(stack, distributed, scheduler, workers)
        try:
            yield DaskWorkers(client)
        except distributed.KilledWorker as error:
            message = (
                f"workers died again and again, {error.last_worker.address} the last; a worker "
                "that takes more memory than it was given is ended, so try a smaller --memory"
            )
            raise Unreadable(message) from error


def _client(stack: ExitStack, distributed: Any, scheduler: str, workers: int) -> Any:
    """A client of the cluster, which has a worker; the stack closes what was opened."""
    place = scheduler or "this machine"
    try:
        if not scheduler:
            with deferred():
                cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address=ANY_PORT,
                    worker_dashboard_address=ANY_PORT,
                    silence_logs=logging.ERROR,
                )
                stack.callback(_closed, cluster)
        client = distributed.Client(scheduler or cluster, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        message = f"no Dask scheduler answers at {place} ({error})"
        raise UsageError(message) from error
    stack.enter_context(client)
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except OSError as error:
        message = f"the Dask scheduler at {place} has no workers; start some, or wait for them"
        raise UsageError(message) from error
    return client


def _closed(cluster: Any) -> None:
    with deferred():
        cluster.close()


def unpacked(packed: bytes, shared: Any) -> Any:
    """What a worker of a cluster runs."""
    function, task = pickle.loads(packed)
    return function(task, shared)


class DaskWorkers:
    """Workers of a Dask cluster, in other processes or on other machines."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._theirs: dict[Future[Any], Any] = {}
        # With the value itself beside its handle, no other value can come to have its id.
        self._shared: dict[int, tuple[Any, Any]] = {}

    @property
    def width(self) -> int:
        """How many tasks run at a time; workers come and go."""
        return max(1, sum(self._client.nthreads().values()))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run it on a worker; the scheduler gives it to another where that one dies.

        The task goes as bytes: the scheduler would unpack it on its way, hence open the store. The
        result is gathered here, as the futures of Dask's own `get_executor` stay pending for ever
        where what a task shares is lost while its result is on the way.
        """
        import asyncio  # takes long to load

        task, shared = arguments
        packed = pickle.dumps((function, task))
        theirs = self._client.submit(unpacked, packed, shared, pure=False)
        gathering = self._client.gather(theirs, asynchronous=True)
        found = asyncio.run_coroutine_threadsafe(gathering, self._client.loop.asyncio_loop)
        self._theirs[found] = theirs
        found.add_done_callback(lambda done: self._theirs.pop(done, None))
        return found

    def share(self, value: Any) -> Any:
        """A handle of the value, which is sent to the cluster once, and again where it is lost.

        Every worker gets it: the scheduler prefers workers that have what a task needs, so with one
        copy alone the others would have nothing to do for a while.
        """
        if value is None:
            return None
        known = self._shared.get(id(value))
        if known is None or known[1].status != "finished":
            handle = self._client.scatter(value, hash=False, broadcast=True)
            known = self._shared[id(value)] = (value, handle)
        return known[1]

    def cancel(self, futures: Sequence[Future[Any]]) -> None:
        """Take back what has not begun, and forget what has."""
        self._client.cancel([theirs for one in futures if (theirs := self._theirs.get(one))])


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

    Raises:
        Unreadable: a task was lost with its worker again and again.
    """
    work = _Work[Result](executor, function, tasks)
    try:
        while len(work.results) < len(tasks):
            work.submit()
            for number in work.collect():
                if advance is not None:
                    advance(tasks[number][2])
    except BaseException:
        executor.cancel(list(work.pending))
        raise
    return [work.results[number] for number in range(len(tasks))]


class _Work(Generic[Result]):
    """Tasks on their way: waiting, pending, done."""

    def __init__(
        self,
        executor: Executor,
        function: Callable[..., Result],
        tasks: Sequence[tuple[Any, Any, int]],
    ) -> None:
        self._executor, self._function, self._tasks = executor, function, tasks
        self._waiting = deque(range(len(tasks)))
        self._lives = [LIVES] * len(tasks)
        self.pending: dict[Future[Result], int] = {}
        self.results: dict[int, Result] = {}

    def submit(self) -> None:
        """Hand out as many tasks as should be in hand."""
        room = AHEAD * self._executor.width
        while self._waiting and len(self.pending) < room:
            number = self._waiting.popleft()
            task, shared, _ = self._tasks[number]
            handle = self._executor.share(shared)
            self.pending[self._executor.submit(self._function, task, handle)] = number

    def collect(self) -> Iterator[int]:
        """Wait until something is done; numbers of what is."""
        done, _ = wait(self.pending, return_when=FIRST_COMPLETED)
        for future in done:
            number = self.pending.pop(future)
            try:
                self.results[number] = future.result()
            except CancelledError:  # what it shares went down with a worker
                self._take_again(number)
                continue
            yield number

    def _take_again(self, number: int) -> None:
        self._lives[number] -= 1
        if self._lives[number] == 0:
            message = f"a task was lost with its worker {LIVES} times; the cluster is not sound"
            raise Unreadable(message)
        self._waiting.appendleft(number)
