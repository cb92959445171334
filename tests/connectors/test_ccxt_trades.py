"""Public trades: collected page by page, and called complete only where nothing can be missing."""

from decimal import Decimal
from typing import Any

import pytest

from connectors.ccxt_trades import collect, read_trade
from domain.errors import TimedOut
from domain.instruments import Instrument
from domain.trades import PublicTrade

D = Decimal
HOUR = 3_600_000


class Venue:
    """A venue that has one trade a second, and lists them as some real venue does."""

    def __init__(self, until_s: int = 10_000, every_s: int = 1, page: int = 150) -> None:
        self.trades = [
            PublicTrade(str(second), second * 1000, D(100), D(1), "buy") for second in range(0, until_s, every_s)
        ]
        self.page = page
        self.asked = 0

    def newest_only(self, since_ms: int | None) -> list[PublicTrade]:
        self.asked += 1
        return [trade for trade in self.trades[-self.page :] if since_ms is None or trade.time_ms >= since_ms]

    def from_a_moment(self, since_ms: int | None) -> list[PublicTrade]:
        self.asked += 1
        if since_ms is None:
            return self.trades[-self.page :]
        return [trade for trade in self.trades if since_ms <= trade.time_ms < since_ms + HOUR][: self.page]

    def before(self, moment_ms: int) -> list[PublicTrade]:
        self.asked += 1
        return [trade for trade in self.trades if trade.time_ms <= moment_ms][-self.page :]


def test_one_page_that_reaches_back_is_enough() -> None:
    venue = Venue()
    found = collect(9_900_000, venue.newest_only)
    assert ([trade.time_ms for trade in found], found.complete) == (list(range(9_900_000, 10_000_000, 1000)), True)
    assert venue.asked == 1


def test_pages_from_a_moment_on_are_joined_to_the_newest_page() -> None:
    venue = Venue()
    found = collect(9_000_000, venue.from_a_moment)
    assert ([trade.time_ms for trade in found], found.complete) == (list(range(9_000_000, 10_000_000, 1000)), True)


def test_pages_backwards_are_joined_until_one_reaches_beyond() -> None:
    venue = Venue()
    found = collect(9_000_000, venue.newest_only, venue.before)
    assert ([trade.time_ms for trade in found], found.complete) == (list(range(9_000_000, 10_000_000, 1000)), True)


def test_a_venue_that_lists_only_its_newest_trades_says_so_of_what_is_missing() -> None:
    found = collect(9_000_000, Venue().newest_only)
    assert (len(found), found.complete) == (150, False)


def test_too_many_pages_are_not_asked_for() -> None:
    venue = Venue(until_s=100_000)
    found = collect(0, venue.from_a_moment)
    assert not found.complete
    assert venue.asked < 50
    assert found == sorted(set(found), key=lambda trade: trade.time_ms)


@pytest.mark.parametrize("way", ["forwards", "backwards"])
def test_what_was_read_before_the_time_was_over_is_kept_and_called_incomplete(way: str) -> None:
    venue = Venue()
    pages = 0

    def failing(ask: Any) -> Any:
        def asked(moment_ms: int | None) -> list[PublicTrade]:
            nonlocal pages
            pages += 1
            if pages > 3:
                raise TimedOut("the time is over")
            return ask(moment_ms)

        return asked

    if way == "forwards":
        found = collect(9_000_000, failing(venue.from_a_moment))
    else:
        found = collect(9_000_000, failing(venue.newest_only), failing(venue.before))
    assert not found.complete
    assert 400 < len(found) <= 450
    assert found == sorted(set(found), key=lambda trade: trade.time_ms)


def test_nothing_at_all_proves_nothing() -> None:
    found = collect(0, lambda _: [])
    assert (list(found), found.complete) == ([], False)


@pytest.mark.parametrize(("inverse", "size"), [(False, D("0.3")), (True, D("0.003"))])
def test_a_trade_counts_in_base_units(inverse: bool, size: Decimal) -> None:
    instrument = Instrument(
        venue="here", symbol="X", native_id="X", kind="perpetual", base="BTC", quote="USD", settle="BTC", asset="BTC",
        inverse=inverse, unit_size=D("0.1"),
    )  # fmt: skip
    raw = {"id": None, "timestamp": 1_700_000_000_000, "price": "100", "amount": "3", "side": "sell"}
    found = read_trade(raw, instrument)
    assert (found.price, found.size, found.side) == (D(100), size, "sell")
    assert found.trade_id
    for broken in ({"price": None}, {"amount": 1.5}, {"timestamp": None}, {"price": "0"}):
        with pytest.raises((ValueError, TypeError)):
            read_trade(raw | broken, instrument)
