"""Work that goes on while something else is waited for."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

Found = TypeVar("Found")


def begun(work: Callable[[], Found]) -> Future[Found]:
    """What comes of the work, which a thread of its own does under the settings in force.

    Whoever asks for the outcome waits for it, and is raised what the work raises. A process that
    ends does not wait. Where the system has no thread left, the work is done before this returns.
    """
    future: Future[Found] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - for whoever asks
            future.set_exception(error)

    context = copy_context()
    try:
        Thread(target=context.run, args=(run,), name="vcspec-begun", daemon=True).start()
    except RuntimeError:
        context.run(run)
    return future
