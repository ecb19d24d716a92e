import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from vcspec.engine.executors import AHEAD, LIVES, Inline, run, threads
from vcspec.engine.settings import Settings
from vcspec.model.errors import UnknownName, Unreadable, UsageError

WORKERS = [1, 2, 5]


def tasks(count: int) -> list[tuple[int, str, int]]:
    return [(number, "shared", number + 1) for number in range(count)]


def later_first(task: int, shared: str) -> tuple[int, str]:
    """The later a task, the sooner it is done."""
    time.sleep(0.002 * (10 - task))
    return task, shared


@pytest.mark.parametrize("workers", WORKERS)
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    with threads(workers) as executor:
        found = run(executor, later_first, tasks(10))
    assert found == [(number, "shared") for number in range(10)]


@pytest.mark.parametrize("workers", WORKERS)
def test_progress_adds_up_to_the_total(workers: int) -> None:
    told: list[int] = []
    with threads(workers) as executor:
        run(executor, later_first, tasks(10), told.append)
    assert sorted(told) == list(range(1, 11))


@pytest.mark.parametrize("workers", WORKERS)
def test_nothing_to_do_is_done(workers: int) -> None:
    with threads(workers) as executor:
        assert run(executor, later_first, []) == []


class Counting:
    """An executor that notes how many tasks it has been given and not yet done."""

    width = 3

    def __init__(self) -> None:
        self.given: list[Future[Any]] = []
        self.cancelled: list[Future[Any]] = []
        self.most = 0

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.given.append(future)
        open_ = [one for one in self.given if not one.done()]
        self.most = max(self.most, len(open_))
        if len(open_) == AHEAD * self.width or arguments[0] >= 19:
            future.set_result(function(*arguments))
        return future

    def share(self, value: Any) -> Any:
        return value

    def cancel(self, futures: Any) -> None:
        self.cancelled += futures


def test_a_bounded_number_of_tasks_is_in_hand() -> None:
    executor = Counting()
    with pytest.raises(ZeroDivisionError):
        run(executor, lambda task, _: 1 // (15 - task), tasks(20))
    assert executor.most == AHEAD * executor.width
    assert len(executor.given) < 20
    assert executor.cancelled


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()])
def test_an_error_takes_the_others_back_and_is_passed_on(
    workers: int, error: BaseException
) -> None:
    begun: list[int] = []

    def fails(task: int, _: str) -> None:
        begun.append(task)
        time.sleep(0.005)
        if task == 3:
            raise error

    with pytest.raises(type(error)) as caught, threads(workers) as executor:
        run(executor, fails, tasks(500))
    assert caught.value is error
    assert len(begun) < 50
    assert not [one for one in threading.enumerate() if one.name.startswith("vcspec")]


@pytest.mark.parametrize("workers", WORKERS)
def test_ctrl_c_while_progress_is_told_ends_the_run(workers: int) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), threads(workers) as executor:
        run(executor, later_first, tasks(10), interrupt)
    assert not [one for one in threading.enumerate() if one.name.startswith("vcspec")]


def test_one_worker_is_the_caller_itself() -> None:
    with threads(1) as executor:
        assert run(executor, lambda *_: threading.current_thread(), tasks(1)) == [
            threading.current_thread()
        ]


class Losing(Inline):
    """Loses every task a number of times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if self.left == 0:
            return super().submit(function, *arguments)
        self.left -= 1
        future: Future[Any] = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        with pytest.raises(CancelledError):
            future.result()
        return future


def test_a_task_that_was_lost_is_handed_out_again() -> None:
    told: list[int] = []
    found = run(Losing(LIVES - 1), later_first, tasks(1), told.append)
    assert (found, told) == ([(0, "shared")], [1])


def test_a_task_that_is_lost_again_and_again_ends_the_run() -> None:
    with pytest.raises(Unreadable, match="lost with its worker"):
        run(Losing(LIVES), later_first, tasks(1))


def test_without_distributed_there_is_no_engine_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("vcspec.engine.executors.import_module", missing)
    with (
        pytest.raises(UsageError, match=r"pip install 'vcspec\[dask\]'"),
        Settings("dask").executor(),
    ):
        pytest.fail("there is one")


def test_an_engine_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownName, match="choose threads or dask"):
        Settings("ray")
