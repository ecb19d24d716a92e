"""The proxy fails as it is told, and what drivers make of it."""

import http.client
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.fault_proxy import Exchange, FaultProxy, Rule
from support.places import Place
from support.web_server import WebServer, ask

BODY = bytes(range(256)) * 4

Start = Callable[[str], FaultProxy]


@pytest.fixture
def web(web_server: Callable[[Path], WebServer], tmp_path: Path) -> WebServer:
    """A web server of one file."""
    (tmp_path / "www" / "a").mkdir(parents=True)
    (tmp_path / "www" / "a" / "c").write_bytes(BODY)
    return web_server(tmp_path / "www")


@pytest.fixture
def between(web: WebServer, fault_proxy: Start) -> FaultProxy:
    """A proxy before it."""
    return fault_proxy(web.url)


def test_a_proxy_passes_on_and_counts(between: FaultProxy, web: WebServer) -> None:
    assert ask(between.url, "/a/c?x=1") == (200, BODY)
    assert ask(between.url, "/a/c", "HEAD") == (200, b"")
    assert ask(between.url, "/a/c", "PUT", body=b"12345")[0] == 501
    assert between.requests == {("GET", "/a/c"): 1, ("HEAD", "/a/c"): 1, ("PUT", "/a/c"): 1}
    assert between.log[0] == Exchange("GET", "/a/c", "x=1", "pass", 200, 0, len(BODY))
    assert between.sent == 5
    assert between.received == len(BODY) + between.log[2].received
    assert [method for method, _ in web.log] == ["GET", "HEAD", "PUT"]


def test_a_connection_is_kept_for_several_requests(between: FaultProxy) -> None:
    connection = http.client.HTTPConnection(urlsplit(between.url).netloc, timeout=20)
    for _ in range(3):
        connection.request("GET", "/a/c")
        assert connection.getresponse().read() == BODY
        kept = connection.sock
    assert kept is connection.sock is not None
    connection.close()


@pytest.mark.parametrize("status", [403, 404, 409, 503])
def test_a_status_is_answered_as_often_as_it_is_asked_for(
    between: FaultProxy, web: WebServer, status: int
) -> None:
    between.follow(Rule("status", path="c$", status=status, times=2))
    assert [ask(between.url, "/a/c")[0] for _ in range(3)] == [status, status, 200]
    assert len(web.log) == 1
    assert [one.fault for one in between.log] == ["status", "status", "pass"]


def test_rules_hold_for_the_method_and_path_that_fit_and_in_their_order(
    between: FaultProxy,
) -> None:
    between.follow(
        Rule("status", method="GET|PUT", path="^/a/", status=503, skip=1, times=1),
        Rule("pass", method="HEAD"),
        Rule("status", path="x=1", status=404),
    )
    seen = [ask(between.url, "/a/c")[0] for _ in range(3)]
    assert seen == [200, 503, 200]
    assert ask(between.url, "/a/c?x=1")[0] == 404
    assert ask(between.url, "/a/c?x=1", "HEAD")[0] == 200
    between.follow()
    assert ask(between.url, "/a/c?x=1")[0] == 200


@pytest.mark.parametrize("at", [0, 100])
def test_a_connection_is_reset_after_so_many_bytes(
    between: FaultProxy, web: WebServer, at: int
) -> None:
    between.follow(Rule("reset", at=at))
    with pytest.raises(ConnectionResetError):
        ask(between.url, "/a/c")
    assert between.received == at
    assert len(web.log) == 1


def test_a_truncated_answer_is_shorter_than_it_says(between: FaultProxy) -> None:
    between.follow(Rule("truncate", at=100))
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(between.url, "/a/c")
    assert (cut.value.partial, cut.value.expected) == (BODY[:100], len(BODY) - 100)


@pytest.mark.parametrize("at", [0, 13, 8 * len(BODY) + 13])
def test_one_bit_is_flipped_and_no_other(between: FaultProxy, at: int) -> None:
    between.follow(Rule("flip", at=at))
    got = int.from_bytes(ask(between.url, "/a/c")[1], "little")
    assert got ^ int.from_bytes(BODY, "little") == 1 << at % (8 * len(BODY))


def test_a_stall_lasts_as_long_as_it_says(between: FaultProxy) -> None:
    between.follow(Rule("stall", at=100, seconds=0.4))
    began = time.monotonic()
    assert ask(between.url, "/a/c") == (200, BODY)
    assert time.monotonic() - began >= 0.4
    with pytest.raises(TimeoutError):
        ask(between.url, "/a/c", timeout=0.1)


def test_a_slow_body_takes_its_time(between: FaultProxy) -> None:
    between.follow(Rule("slow", rate=len(BODY) / 0.4))
    began = time.monotonic()
    assert ask(between.url, "/a/c") == (200, BODY)
    assert time.monotonic() - began >= 0.35


def test_a_proxy_ends_while_an_answer_stalls(web: WebServer, fault_proxy: Start) -> None:
    between = fault_proxy(web.url)
    between.follow(Rule("stall", seconds=60))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, between.url, "/a/c")
        while not between.log:
            time.sleep(0.01)
        between.stop()
        with pytest.raises(ConnectionError):
            waiting.result(timeout=10)


@pytest.mark.parametrize("name", ["moto_server", "ceph_gateway", "azurite"])
def test_signed_requests_of_drivers_go_through_and_are_counted(
    name: str, request: pytest.FixtureRequest, fault_proxy: Start
) -> None:
    place = request.getfixturevalue(name)
    between = fault_proxy(place.url)
    driver, key = place.behind(between.url).driver(), f"{place.root}/a"
    driver.pipe_file(key, BODY, mode="create")
    assert driver.cat_file(key, start=0, end=100) == BODY[:100]
    assert len(driver.find(place.root)) == 1
    assert [one.method for one in between.log] == ["PUT", "GET", "GET"]
    assert (between.sent, between.log[1].received) == (len(BODY), 100)
    assert between.log[0].path.endswith(key.partition(":/")[2])


@pytest.mark.parametrize("name", ["moto_server", "ceph_gateway"])
def test_a_writer_whose_answer_is_lost_is_told_that_the_name_is_taken_by_its_own_bytes(
    name: str, request: pytest.FixtureRequest, fault_proxy: Start
) -> None:
    place = request.getfixturevalue(name)
    between = fault_proxy(place.url)
    between.follow(Rule("drop", method="PUT", path=r"/pointer\.json$", times=1))
    driver, key = place.behind(between.url).driver(), f"{place.root}/pointer.json"
    with pytest.raises(OSError, match=r"pre-conditions|None"):
        driver.pipe_file(key, b"ours", mode="create")
    assert [(one.fault, one.status) for one in between.log] == [("drop", 200), ("pass", 412)]
    assert driver.cat_file(key) == b"ours"


@pytest.mark.parametrize(
    "rule",
    [
        Rule("status", method="PUT", status=503, times=2),
        Rule("reset", method="PUT", at=100, side="request", times=2),
        Rule("reset", method="GET", at=100, times=2),
        Rule("truncate", method="GET", at=100, times=2),
    ],
    ids=lambda rule: f"{rule.fault} of the {rule.side}",
)
def test_drivers_ask_again_after_faults_that_pass(
    moto_server: Place, fault_proxy: Start, rule: Rule
) -> None:
    between = fault_proxy(moto_server.url)
    between.follow(rule)
    driver, key = moto_server.behind(between.url).driver(), f"{moto_server.root}/a"
    driver.pipe_file(key, BODY)
    assert driver.cat_file(key) == BODY
    met = [one.fault for one in between.log if one.method == rule.method]
    assert met == [rule.fault, rule.fault, "pass"]


def test_a_bit_that_is_flipped_on_its_way_up_is_refused_by_ceph_and_kept_by_moto(
    moto_server: Place, ceph_gateway: Place, fault_proxy: Start
) -> None:
    kept = {}
    for place in (moto_server, ceph_gateway):
        between = fault_proxy(place.url)
        between.follow(Rule("flip", method="PUT", side="request", times=1))
        place.behind(between.url).driver().pipe_file(f"{place.root}/a", BODY)
        kept[place.url] = place.driver().cat_file(f"{place.root}/a", start=0, end=100)
        statuses = [one.status for one in between.log]
        assert statuses == ([200] if place is moto_server else [400, 200])
    assert kept == {moto_server.url: b"\1" + BODY[1:100], ceph_gateway.url: BODY[:100]}
