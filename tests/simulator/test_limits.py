"""Rate limits: windows, and how they are scaled and lifted from outside."""

import json
from collections.abc import Callable

import pytest

from simulator.limits import AS_REAL, LIFTED, Credits, Windows
from simulator.market.synthetic import SyntheticMarket
from simulator.venue import SimRequest, SimVenue
from simulator.venues.binance import Binance
from simulator.venues.bybit import Bybit
from simulator.venues.kucoin import Kucoin
from simulator.venues.okx import Okx
from tests.simulator.tiny import Running, serve

PINGS: list[tuple[type[SimVenue], str, str, int]] = [
    (Binance, "rest", "/api/v3/ping", 6_000),
    (Bybit, "rest", "/v5/market/time", 600),
    (Kucoin, "spot", "/api/v1/timestamp", 666),
    (Okx, "okx", "/api/v5/public/time", 10),
]
"""Something cheap of each venue that counts requests, and how often a window admits it."""


def asking(cls: type[SimVenue], port: str, target: str) -> tuple[SimVenue, Callable[[], int]]:
    venue = cls(SyntheticMarket(7, listings=[]), lambda: 0)
    request = SimRequest("GET", "host", target, {}, b"", 0)
    return venue, lambda: venue.handle(port, request).status


def test_a_window_begins_with_its_first_request_and_opens_again() -> None:
    now = [100.0]
    windows = Windows(AS_REAL, lambda: now[0])
    assert windows.take("a", 10, 2.0, 4)[:3] == (True, 10, 6)
    now[0] += 0.5
    assert windows.take("a", 10, 2.0, 4) == (True, 10, 2, 1.5)
    assert windows.take("a", 10, 2.0, 4) == (False, 10, 0, 1.5)
    assert windows.take("a", 10, 2.0, 2)[:3] == (True, 10, 0)
    assert windows.take("b", 10, 2.0, 4)[:3] == (True, 10, 6)
    now[0] += 1.5
    assert windows.take("a", 10, 2.0, 4)[:3] == (True, 10, 6)


def test_refused_requests_count_where_the_venue_counts_them() -> None:
    strict = Windows(AS_REAL, lambda: 0.0, refused_count=True)
    assert [strict.take("a", 5, 1.0, weight).admitted for weight in (4, 4, 1)] == [True, False, False]


def test_keys_of_windows_that_are_over_are_forgotten() -> None:
    now = [0.0]
    windows = Windows(AS_REAL, lambda: now[0])
    for number in range(10_000):
        now[0] += 0.01
        windows.take(str(number), 1, 1.0)
    assert windows.take("9999", 1, 1.0).admitted is False
    assert windows.take("0", 1, 1.0).admitted is True


@pytest.mark.parametrize(("cls", "port", "target", "most"), PINGS, ids=[p[0].name for p in PINGS])
def test_limits_are_scaled_lifted_and_restored(cls: type[SimVenue], port: str, target: str, most: int) -> None:
    venue, ask = asking(cls, port, target)
    assert venue.limit_factor == AS_REAL
    venue.set_limits(AS_REAL, lambda: 0.0)
    assert {ask() for _ in range(most)} == {200}
    assert ask() in (403, 429)
    venue.set_limits(0.5, lambda: 0.0)
    assert {ask() for _ in range(most // 2)} == {200}
    assert ask() in (403, 429)
    venue.set_limits(LIFTED, lambda: 0.0)
    assert venue.limit_factor == LIFTED
    assert {ask() for _ in range(most + 1)} == {200}


def test_lifted_limits_do_not_slow_down_clients_that_read_what_is_left() -> None:
    venue = Kucoin(SyntheticMarket(7, listings=[]), lambda: 0)
    spent = Binance(SyntheticMarket(7, listings=[]), lambda: 0)
    for each in (venue, spent):
        each.set_limits(LIFTED)
    asked = SimRequest("GET", "host", "/api/v1/timestamp", {}, b"", 0)
    left = [venue.handle("spot", asked).headers["gw-ratelimit-remaining"] for _ in range(3)]
    assert left == ["1997"] * 3
    ping = SimRequest("GET", "host", "/api/v3/ping", {}, b"", 0)
    assert [spent.handle("rest", ping).headers["x-mbx-used-weight-1m"] for _ in range(3)] == ["1"] * 3


@pytest.fixture
def running() -> Running:
    with serve() as server:
        yield server


def test_the_control_endpoint_scales_lifts_and_restores_limits(running: Running) -> None:
    assert running.ask_control("GET", "/limits") == (200, {"limits": {"tiny": 1.0, "other": 1.0}})
    running.ask_control("POST", "/limits", {"venue": "tiny", "factor": 0.25})
    assert running.ask_control("POST", "/limits", {"venue": "other", "factor": None})[0] == 200
    assert running.ask_control("GET", "/limits")[1] == {"limits": {"tiny": 0.25, "other": None}}
    running.ask_control("POST", "/limits", {"venue": "*", "factor": 3})
    assert running.ask_control("DELETE", "/limits") == (200, {"limits": {"tiny": 1.0, "other": 1.0}})


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"venue": "tinny", "factor": 1}, "use one of tiny, other or *"),
        ({"venue": "tiny", "factor": 0}, "above 0"),
        ({"venue": "tiny", "factor": -1}, "above 0"),
        ({"venue": "tiny", "factor": "2"}, "above 0"),
        ({"venue": "tiny", "factor": True}, "above 0"),
        ({"venue": ["tiny"], "factor": 1}, "No venue"),
        ({"venue": "tiny"}, "`venue` and `factor`"),
        ({"venue": "tiny", "factor": 1, "more": 1}, "`venue` and `factor`"),
        ([1], "`venue` and `factor`"),
    ],
)
def test_wrong_limits_are_refused_and_change_nothing(running: Running, payload: object, said: str) -> None:
    status, answer = running.ask_control("POST", "/limits", payload)
    assert status == 400
    assert said in answer["error"]
    assert running.ask_control("GET", "/limits")[1] == {"limits": {"tiny": 1.0, "other": 1.0}}


def test_the_simulator_that_tests_share_throttles_nobody(sim) -> None:
    import requests

    with requests.Session() as session:
        url = f"{sim.hosts['www.okx.com']}/api/v5/public/time"
        assert {session.get(url, timeout=5).status_code for _ in range(25)} == {200}
        sim.set_limits("okx", 1)
        try:
            answers = [session.get(url, timeout=5) for _ in range(11)]
            assert json.loads(answers[-1].content)["code"] == "50011"
        finally:
            sim.set_limits("okx", None)


def test_credits_are_spent_at_once_and_flow_back_all_the_time() -> None:
    now_s = [0.0]
    credits_ = Credits(clock=lambda: now_s[0])
    assert [credits_.take("a", 3, 2) for _ in range(5)] == [True, True, True, False, False]
    assert credits_.take("b", 3, 2), "each key has its own"
    now_s[0] = 1.0
    assert [credits_.take("a", 3, 2) for _ in range(3)] == [True, True, False]
    now_s[0] = 100.0
    assert [credits_.take("a", 3, 2) for _ in range(4)] == [True, True, True, False]
    assert Credits(LIFTED).take("a", 0, 1)
