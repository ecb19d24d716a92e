"""Stopping: what Ctrl-C ends at its next piece, and what it must not reach."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

_own = threading.local()


class Stopped(Exception):
    """The work was given up."""


def heed(stop: threading.Event) -> None:
    """From now on, what this thread does ends at its next `go_on` once `stop` is set."""
    _own.stop = stop


def go_on() -> None:
    """Called between pieces of long work.

    Raises:
        Stopped: nobody waits for it any more.
    """
    stop = getattr(_own, "stop", None)
    if stop is not None and stop.is_set():
        raise Stopped


@contextmanager
def deferred() -> Iterator[None]:
    """Ctrl-C waits until the block ends, and never reaches what the block starts.

    A terminal sends it to all processes of a command. Those that threads or processes which begin
    here will start are ended by this one, in order; of their own they would end in the middle of
    something, with tracebacks.
    """
    came: list[Any] = []
    mask = getattr(signal, "pthread_sigmask", None)  # not on Windows
    if mask:
        resource_tracker.ensure_running()  # started later, it would let the signal through again
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda *_: came.append(True)) if is_main else None
    before = mask(signal.SIG_BLOCK, {signal.SIGINT}) if mask else set()
    try:
        yield
    finally:
        if mask:
            mask(signal.SIG_SETMASK, before)
        if is_main:
            signal.signal(signal.SIGINT, handler)
    if came:
        raise KeyboardInterrupt
