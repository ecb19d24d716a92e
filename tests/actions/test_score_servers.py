"""Scoring what lies on a server, through what lies between: the same card comes out, or none."""

import time

import pytest
from support import tiny
from support.fault_proxy import FaultProxy, Rule
from support.places import Place, Server

from vcspec.actions.score import score
from vcspec.model.errors import VcspecError
from vcspec.storage import remote_place

OBJECT = r"\.zarr/(X|obs|conditions|anchors)/.*/c/"
SURVIVED = {
    "a reset": Rule("reset", method="GET", times=2),
    "a server that is busy": Rule("status", status=503, times=2),
    "a stall": Rule("stall", method="GET", seconds=1.0, times=3),
    "a slow line": Rule("slow", rate=50_000, times=20),
}
TOLD = {
    "an object that is gone": Rule("status", status=404, method="GET", path=OBJECT),
    "a right that is missing": Rule("status", status=403, method="GET", path=OBJECT),
    "bodies that are cut": Rule("truncate", method="GET", path=OBJECT, at=7),
    "a flip of predicted values": Rule("flip", method="GET", path=r"predictions\.zarr/X/data/c/"),
    "a flip of the reference": Rule("flip", method="GET", path=r"reference\.zarr/.*/c/"),
    "a server that stays busy": Rule("status", status=503, method="GET", path=OBJECT),
}


KINDS = ("predictions", "split", "reference")


@pytest.fixture(scope="module")
def place(moto_process: Server) -> Place:
    """A bucket for all that is scored here; nothing is written to it after the first time."""
    return moto_process.fresh()


@pytest.fixture(scope="module")
def whole(screen: tiny.Screen) -> str:
    """The card of what lies here."""
    return score(screen.predictions, split=screen.split, reference=screen.reference).to_json()


@pytest.fixture
def there(place: Place, screen: tiny.Screen, no_settings: None) -> dict[str, str]:  # noqa: ARG001
    """Kind → URL of what is scored."""
    urls = {kind: f"{place.root}/{kind}.zarr" for kind in KINDS}
    with place.in_force():
        for kind, url in urls.items():
            if not place.driver().exists(f"{url}/zarr.json"):
                place.driver().put(str(getattr(screen, kind)), url, recursive=True)
    return urls


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds."""
    monkeypatch.setattr(remote_place, "PATIENCE", 2.0)


@pytest.mark.parametrize("name", [*SURVIVED, *TOLD])
def test_a_score_is_the_same_or_there_is_none(place, there, fault_proxy, whole, name):
    proxy: FaultProxy = fault_proxy(place.url)
    predictions, targets = there["predictions"], {k: there[k] for k in KINDS[1:]}
    # The driver tries for 40 s unless it is told not to; so do we, and no longer.
    few = {"config_kwargs": {"retries": {"max_attempts": 1}}}
    with place.behind(proxy.url).changed(**few).in_force():
        fault = {**SURVIVED, **TOLD}[name]
        proxy.follow(fault)
        began, card, code = time.monotonic(), None, 0
        try:
            card = score(predictions, **targets).to_json()
        except VcspecError as error:
            code = error.exit_code
        except OSError as error:  # of which the command makes a line, and ends with 3
            code = 3 if error.filename else 5
        assert time.monotonic() - began < 30
        assert any(one.fault == fault.fault for one in proxy.log)
        assert (card, code) == (whole, 0) if name in SURVIVED else card is None and code in (1, 3)
        proxy.follow()
        assert name in SURVIVED or score(predictions, **targets).to_json() == whole
