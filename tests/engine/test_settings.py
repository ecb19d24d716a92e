"""Settings that are in force reach everything that is read on the way."""

import threading
from pathlib import Path

import pytest
from support import tiny

from vcspec.actions.reference import reference
from vcspec.actions.score import score
from vcspec.actions.validate import checked, examined
from vcspec.engine.budget import Budget
from vcspec.engine.settings import Settings, settings_in_force
from vcspec.rules.subject import Subject
from vcspec.storage.opening import open_store

OWN = Settings(budget=Budget(1_000, 3))


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of which as much is free at every look."""
    monkeypatch.setattr("vcspec.engine.budget.available_memory", lambda: 2**33)


def test_settings_are_in_force_within_their_block_alone() -> None:
    other = Settings(budget=Budget(5, 1))
    with OWN.in_force() as found:
        assert found is OWN
        assert settings_in_force() is OWN
        with other.in_force():
            assert settings_in_force() is other
        assert settings_in_force() is OWN
        with pytest.raises(KeyboardInterrupt), other.in_force():
            raise KeyboardInterrupt
        assert settings_in_force() is OWN
    assert settings_in_force() == Settings()


def test_another_thread_has_its_own() -> None:
    found = []
    with OWN.in_force():
        thread = threading.Thread(target=lambda: found.append(settings_in_force()))
        thread.start()
        thread.join()
    assert found == [Settings()]


def test_what_is_opened_goes_by_them(screen: tiny.Screen) -> None:
    with OWN.in_force():
        assert Subject(open_store(str(screen.dataset))).settings is OWN


def test_what_is_checked_on_the_way_is_read_here(screen: tiny.Screen) -> None:
    elsewhere = Settings("dask", "tcp://127.0.0.1:1", Budget(1_000, 3), announce=print)
    with elsewhere.in_force():
        found = checked(str(screen.dataset), "dataset", level="full").settings
    assert found == Settings("threads", "", elsewhere.budget, announce=print)


def test_settings_that_are_given_reach_what_is_pinned(screen: tiny.Screen) -> None:
    _, found = examined(screen.predictions, {}, level="axes", settings=OWN)
    assert found is not None
    assert found.settings is OWN
    assert found.companions["split"].settings == OWN


def test_the_truth_is_checked_by_the_settings_of_its_score(screen: tiny.Screen) -> None:
    told: list[tuple[int, int, str]] = []
    settings = Settings(progress=lambda *done: told.append(done))
    score(screen.predictions, settings=settings)
    listed = Subject(open_store(str(screen.reference))).listed
    assert (0, sum(entry.size for entry in listed), "bytes") in told
    assert settings_in_force() == Settings()


def test_a_reference_tells_how_far_it_is(screen: tiny.Screen, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    with Settings(progress=lambda *done: told.append(done)).in_force():
        reference(screen.split, screen.dataset, tmp_path / "reference.zarr")
    for what in ("checked", "conditions", "halves of conditions", "conditions of baselines"):
        shares = [done / total for done, total, about in told if about == what]
        assert shares[0] == 0
        assert shares[-1] == 1
