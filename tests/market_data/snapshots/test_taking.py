"""A snapshot of each second: the venue's book to the letter, or the reason why there is none. On the simulator."""

import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.http import Response
from connectors.registry import Venues
from domain.money import plain
from domain.snapshots import SECOND_NS, Snapshot, decode, encode
from market_data.snapshots.taking import Line, Taker
from tests.connectors.opened import opened
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

DEPTH = 20
SIDES: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "binance": lambda answer: (answer["bids"], answer["asks"]),
    "okx": lambda answer: (answer["data"][0]["bids"], answer["data"][0]["asks"]),
    "bybit": lambda answer: (answer["result"]["b"], answer["result"]["a"]),
    "kucoin": lambda answer: (answer["data"]["bids"], answer["data"]["asks"]),
    "deribit": lambda answer: (answer["result"]["bids"], answer["result"]["asks"]),
}
SERIES = [
    ("binance", "BTC/USDT"), ("binance", "BTC/USD:BTC"), ("okx", "BTC/USDT:USDT"), ("okx", "BTC/USD:BTC"),
    ("bybit", "BTC/USD:BTC"), ("kucoin", "BTC/USDT"), ("kucoin", "BTC/USDT:USDT"), ("deribit", "BTC/USD:BTC"),
]  # fmt: skip


@pytest.fixture
def venues(warm: Any, home: Path) -> Iterator[Venues]:  # noqa: F811 - the fixture
    found = opened(home)
    yield found
    found.close()


Make = Callable[..., Taker]


@pytest.fixture
def taker_of(venues: Venues) -> Iterator[Make]:
    """Makes takers of one series, which are closed at the end."""
    made: list[Taker] = []

    def make(venue: str, symbol: str = "BTC/USDT", at: Venues = venues) -> Taker:
        instrument = at.cache.find(venue, symbol)
        assert instrument is not None
        made.append(Taker(at.connector(venue), instrument, DEPTH, stale_after_ms=10_000, redact=str))
        return made[-1]

    yield make
    for taker in made:
        taker.close()


def taken(taker: Taker, step_ns: int = SECOND_NS) -> Snapshot:
    """Take one as the loop does, at this moment instead of at a second."""
    beat = time.time_ns()
    row = taker.prepare(beat, step_ns) or taker.take(beat, step_ns)
    return row._replace(time_ns=beat // SECOND_NS * SECOND_NS)


@pytest.mark.parametrize(("venue", "symbol"), SERIES)
def test_a_snapshot_is_the_venues_own_book_in_units_of_the_lot(
    taker_of: Make, venue: str, symbol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Response] = []
    send = Line.send
    monkeypatch.setattr(Line, "send", lambda *given, **more: answers.append(send(*given, **more)) or answers[-1])
    taker = taker_of(venue, symbol)
    row = taken(taker)
    assert (row.status, row.reason) == ("ok", None)
    unit = taker.instrument.unit_size
    for ours, theirs in zip(
        (row.bids, row.asks), SIDES[venue](json.loads(answers[-1].body, parse_float=str)), strict=True
    ):
        assert len(ours) == DEPTH
        assert ours == tuple((plain(Decimal(price)), plain(Decimal(size) * unit)) for price, size, *_ in theirs[:DEPTH])
    assert row.received_at_ns == answers[-1].received_at_ns
    assert decode(encode(row)) == row


@pytest.mark.parametrize(
    ("fault", "arguments", "status", "with_book"),
    [
        ("stale_book", {"ms": 60_000}, "stale", True),
        ("crossed_book", {}, "crossed", True),
        ("empty_book", {}, "unavailable", False),
        ("server_error", {}, "unavailable", False),
        ("malformed_json", {}, "unavailable", False),
        ("reset", {}, "unavailable", False),
        ("maintenance", {}, "unavailable", False),
        ("down", {}, "unavailable", False),
        ("rate_limited", {"retry_after_s": 1}, "rate_limited", False),
        ("delay", {"ms": 700}, "late", False),
        ("timeout", {}, "late", False),
    ],
)
def test_a_second_without_a_good_book_says_why(
    taker_of: Make, sim: Any, fault: str, arguments: dict[str, Any], status: str, with_book: bool
) -> None:
    sim.set_fault("okx", fault, **arguments)
    taker = taker_of("okx")
    row = taken(taker, SECOND_NS // 4)
    assert row.status == status
    assert row.reason
    assert bool(row.bids) is bool(row.asks) is with_book


def test_one_side_alone_is_a_book(taker_of: Make, sim: Any) -> None:
    sim.set_fault("okx", "empty_book", side="asks")
    row = taken(taker_of("okx"))
    assert (row.status, row.reason, len(row.bids), row.asks) == ("ok", None, DEPTH, ())


def test_an_answer_after_the_next_second_is_late_and_its_book_is_not_kept(taker_of: Make) -> None:
    taker = taker_of("okx")
    beat = time.time_ns()
    time.sleep(0.06)  # the process was held up between its second and the request
    row = taker.take(beat - SECOND_NS // 2, SECOND_NS // 2 + 2_000_000_000)
    assert row.status == "ok"
    book = taker._connector.fetch_book(taker._asked, DEPTH)
    late = taker._row(book.received_at_ns - SECOND_NS, SECOND_NS, book)
    assert (late.status, late.bids, late.received_at_ns) == ("late", (), book.received_at_ns)
    assert "1.0 s after" in (late.reason or "")


def test_a_venue_that_was_away_is_heard_in_the_second_in_which_it_is_back(taker_of: Make, sim: Any) -> None:
    taker = taker_of("okx")
    sim.set_fault("okx", "server_error")
    asked = sum(sim.requests("okx").values())
    assert [taken(taker).status for _ in range(7)] == ["unavailable"] * 7
    assert sum(sim.requests("okx").values()) == asked + 7  # each second once, never twice
    sim.clear_faults()
    assert taken(taker).status == "ok"


def test_one_connection_is_kept_and_mended_before_the_second(taker_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_at: list[str] = []
    connect = Line.connect
    when = "before"

    def counting(self: Line, url: str, *, deadline: float) -> Any:
        opened_at.append(when)
        return connect(self, url, deadline=deadline)

    monkeypatch.setattr(Line, "connect", counting)
    taker = taker_of("okx")
    taker.warm_up(time.time_ns() + SECOND_NS)
    assert [taken(taker).status for _ in range(3)] == ["ok"] * 3
    assert opened_at == ["before"]
    for kept in taker._line._idle.values():
        for _, connection in kept:
            connection.shutdown(2)  # as a server does that is tired of waiting
    beat = time.time_ns()
    assert taker.prepare(beat, SECOND_NS) is None
    assert opened_at == ["before", "before"]
    when = "at the second"
    assert taker.take(beat, SECOND_NS).status == "ok"
    assert opened_at == ["before", "before"]


def test_what_the_budget_does_not_allow_is_not_asked(taker_of: Make, sim: Any, home: Path) -> None:
    (home / "config.yaml").write_text("venues: {okx: {requests_per_minute: 2}}")
    small = opened(home)
    taker = taker_of("okx", at=small)
    asked = sum(sim.requests("okx").values())
    rows = [taken(taker) for _ in range(3)]
    assert [row.status for row in rows] == ["ok", "rate_limited", "rate_limited"]
    assert sum(sim.requests("okx").values()) == asked + 1
    small.close()


def test_a_mistake_in_a_venues_code_is_a_row_not_the_end(taker_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    taker = taker_of("okx")
    monkeypatch.setattr(taker._connector, "fetch_book", lambda *_: 1 / 0)
    row = taken(taker)
    assert (row.status, row.reason) == ("unavailable", "internal error (ZeroDivisionError): division by zero")
