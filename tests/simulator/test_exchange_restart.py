"""Accounts on disk: what was answered is there after a restart, and what happened meanwhile is made up for."""

import sqlite3
import stat
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import Trigger
from simulator.exchange.store import Store
from simulator.market.synthetic import SyntheticMarket
from tests.simulator.scripted import (
    DEPOSITS,
    FUTURE,
    HOUR_MS,
    LINEAR,
    MAIN,
    NOW,
    OTHER,
    SPOT,
    Scripted,
    brief,
    exchange,
    limit,
    market_order,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.sqlite"


@pytest.fixture
def stores(path: Path) -> Iterator[list[Store]]:
    opened: list[Store] = []
    yield opened
    for store in opened:
        store.close()


def start(market: Scripted, path: Path, stores: list[Store], **rules: Any) -> Exchange:
    """Open the accounts as a process does that knows nothing but the file (the one before may never have ended)."""
    stores.append(Store(path))
    return exchange(market, stores[-1], **rules)


def told(venue: Exchange, now_ms: int) -> list[Any]:
    return [
        [
            venue.orders(account, now_ms),
            venue.fills(account, now_ms),
            venue.positions(account, now_ms),
            venue.funding_payments(account, now_ms),
            [venue.balances(account, wallet, now_ms) for wallet in DEPOSITS],
            venue.leverage(account, LINEAR),
        ]
        for account in (MAIN, OTHER)
    ]


def test_everything_is_there_again_after_a_restart(path: Path, stores: list[Store]) -> None:
    market = Scripted()
    venue = start(market, path, stores)
    market.rates = [(NOW // HOUR_MS * HOUR_MS + 8 * HOUR_MS, "0.0001")]
    later = NOW + 9 * HOUR_MS
    venue.set_leverage(MAIN, LINEAR, 7)
    venue.place(MAIN, LINEAR, market_order("buy", "5"), NOW)
    partly = venue.place(MAIN, SPOT, limit("buy", "2", "999", client_id="c", extra={"told": ["x", 1]}), NOW)
    venue.print_trade(SPOT, Decimal(999), Decimal("0.5"), "sell", NOW)
    venue.place(OTHER, SPOT, limit("sell", "1", "1100", post_only=True), NOW)
    stop = limit("sell", "1", "900", trigger=Trigger(Decimal(950), False, "mark"), reduce_only=True)
    venue.place(MAIN, LINEAR, stop, NOW)
    venue.cancel(MAIN, venue.place(MAIN, SPOT, limit("buy", "1", "900"), NOW), NOW)
    before = told(venue, later)
    again = start(market, path, stores)
    assert told(again, later) == before
    found = again.find(MAIN, later, client_id="c")
    assert found == partly
    assert found is not partly
    placed = again.place(MAIN, SPOT, limit("buy", "1", "900"), later)
    assert placed.number > max(order.number for order in venue.orders(MAIN, later))


def test_resting_orders_and_timers_make_up_for_what_happened_meanwhile(path: Path, stores: list[Store]) -> None:
    market = Scripted()
    first = start(market, path, stores)
    market.print(SPOT, NOW - 1, "998", "9")
    first.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    market.print(SPOT, NOW + 100, "998", "0.2")
    first.place(OTHER, SPOT, limit("buy", "1", "998.5"), NOW + 200)
    first.set_timer(OTHER, 60, NOW + 200)
    market.print(SPOT, NOW + 300, "998", "1.1")
    market.print(SPOT, NOW + 90_000, "998", "9")
    second = start(market, path, stores)
    later = NOW + 100_000
    assert [(f.size, f.time_ms) for f in second.fills(MAIN, later)] == [
        (Decimal("0.2"), NOW + 100),
        (Decimal("0.8"), NOW + 300),
    ]
    assert [(f.size, f.time_ms) for f in second.fills(OTHER, later)] == [(Decimal("0.3"), NOW + 300)]
    assert brief(second.orders(OTHER, later)[0]) == ("cancelled", "0.3", "timer")
    assert second.orders(OTHER, later)[0].updated_ms == NOW + 60_200


def test_a_trade_that_was_met_before_the_restart_is_not_met_again(path: Path, stores: list[Store]) -> None:
    market = Scripted()
    first = start(market, path, stores)
    first.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    first.place(OTHER, SPOT, limit("buy", "1", "999"), NOW)
    market.print(SPOT, NOW + 1, "999", "0.4")
    first.settle(NOW + 1)
    second = start(market, path, stores)
    second.settle(NOW + 2)
    assert [order.filled for order in (*second.orders(MAIN, NOW + 2), *second.orders(OTHER, NOW + 2))] == [
        Decimal("0.4"),
        0,
    ]


def test_a_tape_that_begins_anew_counts_its_trades_from_the_start(path: Path, stores: list[Store]) -> None:
    market = Scripted()
    for n in range(5):
        market.print(SPOT, NOW - 10 + n, "1000", "1")
    start(market, path, stores).place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    anew = Scripted()
    anew.print(SPOT, NOW + 50, "990", "1")
    second = start(anew, path, stores)
    second.settle(NOW + 60)
    assert second.fills(MAIN, NOW + 60) == []
    anew.print(SPOT, NOW + 70, "990", "1")
    assert len(second.fills(MAIN, NOW + 80)) == 1


def test_a_listing_that_is_gone_after_the_restart_is_still_settled(path: Path, stores: list[Store]) -> None:
    market = Scripted()
    assert FUTURE.expiry_ms is not None
    first = start(market, path, stores)
    first.place(MAIN, FUTURE, market_order("buy", "1"), NOW)
    first.place(MAIN, FUTURE, limit("buy", "1", "900"), NOW)
    market.listings = lambda venue: (SPOT,)  # type: ignore[method-assign]
    second = start(market, path, stores)
    assert second.positions(MAIN, FUTURE.expiry_ms) == []
    assert brief(second.orders(MAIN, FUTURE.expiry_ms)[-1]) == ("expired", "0", "listing")


def test_what_a_venue_notes_about_an_order_is_kept(path: Path, stores: list[Store]) -> None:
    venue = start(Scripted(), path, stores)
    order = venue.place(MAIN, SPOT, limit("buy", "1", "999"), NOW)
    order.extra["amends"] = 2
    venue.keep(order)
    assert start(Scripted(), path, stores).orders(MAIN, NOW)[0].extra == {"amends": 2}


def test_a_reset_is_stored_and_ids_go_on(path: Path, stores: list[Store]) -> None:
    venue = start(Scripted(), path, stores)
    order = venue.place(MAIN, SPOT, market_order("buy", "1"), NOW)
    venue.reset()
    again = start(Scripted(), path, stores)
    assert again.orders(MAIN, NOW) == again.fills(MAIN, NOW) == []
    assert again.balances(MAIN, "cash", NOW)["USDT"].total == 100000
    assert again.place(MAIN, SPOT, market_order("buy", "1"), NOW).number > order.number


def test_the_file_is_its_owners_only_and_a_change_that_fails_leaves_nothing_behind(path: Path) -> None:
    store = Store(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(sqlite3.Error):
        store.save("v", [("order", 1, {"a": 1}), ("order", [], {})], [])  # type: ignore[list-item]
    assert store.entries("v", "order") == []
    store.save("v", [("order", 1, {"a": Decimal(1)})], [("total", "x", {"b": 2})])
    store.save("v", [], [("total", "x", None)])
    assert store.entries("v", "order") == [{"a": "1"}]
    assert store.records("v", "total") == store.entries("w", "order") == []
    store.close()


def test_placing_an_order_on_disk_takes_well_below_a_millisecond(path: Path, stores: list[Store]) -> None:
    market = SyntheticMarket(7, frozen=True)
    listing = next(each for each in market.all_listings() if each.kind == "perpetual" and not each.inverse)
    stores.append(Store(path))
    venue = Exchange(listing.venue, market, market.now_ms, exchange(Scripted()).rules, stores[0], (MAIN,))
    price = str(market.book(listing, 1, NOW).bids[0][0])
    took = []
    for at in range(NOW, NOW + 150):
        started = time.perf_counter()
        order = venue.place(MAIN, listing, limit("buy", listing.min_size, price), at)
        took.append(time.perf_counter() - started)
        venue.cancel(MAIN, order, at)
    assert sorted(took)[75] < 0.001
