"""Whatever fails while a prediction is scored: the same card comes out, or none."""

import errno
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import fsspec
import pytest
from support import tiny
from support.killed import command, files_of_results, killed_at

from vcspec.actions.score import score
from vcspec.model.errors import VcspecError

FILES = fsspec.filesystem("memory")
FAILURES: dict[str, Callable[[bytes], bytes]] = {}


def failure(of: str) -> Callable[[bytes], bytes]:
    """Name a way in which an answer goes wrong."""

    def claim(work: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        FAILURES[of] = work
        return work

    return claim


@failure("an error")
def broken(_: bytes) -> bytes:
    raise OSError(errno.EIO, "broken")


@failure("a time-out")
def late(_: bytes) -> bytes:
    raise TimeoutError(errno.ETIMEDOUT, "slow")


@failure("nothing there")
def gone(_: bytes) -> bytes:
    raise FileNotFoundError(errno.ENOENT, "no such object")


@failure("half of it")
def cut(body: bytes) -> bytes:
    return body[: len(body) // 2]


@failure("another bit")
def flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 8]) + body[middle + 1 :]


@pytest.fixture
def places(screen: tiny.Screen) -> Iterator[dict[str, str]]:
    """The tiny artefacts in memory, which is read as any remote place is."""
    base = f"memory://scored-{uuid.uuid4().hex}"
    stores = {"predictions": screen.predictions, "split": screen.split}
    for name, store in {**stores, "reference": screen.reference}.items():
        FILES.put(str(store), f"{base}/{name}.zarr", recursive=True)
    yield {name: f"{base}/{name}.zarr" for name in (*stores, "reference")}
    FILES.rm(base, recursive=True)


class Answers:
    """What objects are asked for, of which one comes as a failure makes it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: Counter[str] = Counter()
        self.failing = ""
        self.fails = broken
        self.ever = False
        real = type(FILES).cat_file

        def cat_file(files: Any, path: str, *arguments: Any, **options: Any) -> bytes:
            body: bytes = real(files, path, *arguments, **options)
            self.asked[path] += 1
            is_hit = path == self.failing and (self.ever or self.asked[path] == 1)
            return self.fails(body) if is_hit and body else body

        monkeypatch.setattr(type(FILES), "cat_file", cat_file)


ONCE = [(of, False) for of in FAILURES]
FOR_EVER = [("an error", True), ("another bit", True)]


@pytest.mark.parametrize(("of", "ever"), ONCE + FOR_EVER)
def test_whichever_answer_goes_wrong_no_other_card_comes_out(places, monkeypatch, of, ever):
    predictions, beside = places.pop("predictions"), places
    answers = Answers(monkeypatch)
    whole = score(predictions, **beside).document
    objects = sorted(answers.asked)
    assert len(objects) > 20
    outcomes = []
    answers.fails, answers.ever = FAILURES[of], ever
    for path in objects:
        answers.failing = path
        answers.asked.clear()
        try:
            card = score(predictions, **beside).document
        except VcspecError as error:
            outcomes.append(error.exit_code)
        except OSError as error:  # of which the command makes a line, and ends with 3
            outcomes.append(3 if error.filename else 5)
        else:
            assert card == whole  # an object that is missed once is asked for again
    assert outcomes
    assert set(outcomes) <= {1, 3, 4}


def test_a_score_that_is_killed_at_any_call_leaves_the_whole_card_or_none(screen, tmp_path):
    target = tmp_path / "card.json"
    whole = score(screen.predictions).to_json()
    work = partial(command, "score", str(screen.predictions), "-o", str(target), "--quiet")
    number, found = 0, set()
    while not killed_at(number, files_of_results, work):
        found.add(target.exists())
        assert not target.exists() or target.read_text() == whole
        target.unlink(missing_ok=True)
        number += 1
    assert target.read_text() == whole
    assert found == {False, True}
