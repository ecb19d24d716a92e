"""Work that goes on while something else is waited for."""

import threading

import pytest

from vcspec.engine.ahead import begun
from vcspec.engine.budget import Budget
from vcspec.engine.settings import Settings, settings_in_force

OWN = Settings(budget=Budget(1_000, 3))


def test_it_goes_on_meanwhile_under_the_settings_in_force() -> None:
    go = threading.Event()

    def work() -> tuple[bool, Settings]:
        return go.wait(10), settings_in_force()

    with OWN.in_force():
        coming = begun(work)
    go.set()
    assert coming.result(10) == (True, OWN)


def test_who_asks_is_raised_what_it_raised() -> None:
    def work() -> None:
        raise LookupError("so")  # noqa: EM101

    with pytest.raises(LookupError, match="so"):
        begun(work).result(10)


def test_a_system_without_a_thread_left_does_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")  # noqa: EM101

    monkeypatch.setattr(threading.Thread, "start", refused)
    done: list[str] = []
    assert begun(lambda: done.append("work")).done()
    assert done == ["work"]
