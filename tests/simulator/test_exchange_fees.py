"""Fees that an owner pays in a coin of the venue: its price, its discount, and what happens when there is none left."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import FeeCoin, Fill
from simulator.exchange.store import Store
from simulator.market.model import Listing
from tests.simulator.scripted import DEPOSITS, LINEAR, MAIN, NOW, OTHER, SPOT, Scripted, exchange, limit, market_order

COIN = Listing("v", "spot", "COINUSDT", "spot", "COIN", "USDT", "", "0.1", "0.001", "0.001", taker_fee="0.001")
BURN = FeeCoin("COIN", Decimal("0.75"))


class WithCoin(Scripted):
    """The coin costs 4."""

    def listings(self, venue: str) -> tuple[Listing, ...]:
        return (*super().listings(venue), COIN)


@pytest.fixture
def market() -> WithCoin:
    market = WithCoin()
    market.print(COIN, NOW - 1, "4", "1")
    return market


def opened(market: WithCoin, coins: str = "100", store: Store | None = None, **rules: Any) -> Exchange:
    deposits = {wallet: {**currencies, "COIN": coins} for wallet, currencies in DEPOSITS.items()}
    return exchange(market, store, deposits=deposits, **rules)


def bought(venue: Exchange, listing: Listing, size: str = "1") -> Fill:
    venue.place(MAIN, listing, market_order("buy", size), NOW)
    return venue.fills(MAIN, NOW)[-1]


def total(venue: Exchange, wallet: str, currency: str) -> Decimal:
    return venue.balances(MAIN, wallet, NOW)[currency].total


def test_a_fee_in_base_is_paid_in_the_coin_at_a_discount_and_all_that_was_bought_arrives(market: WithCoin) -> None:
    venue = opened(market)
    venue.fees.choose("main", "spot", BURN)
    fill = bought(venue, SPOT)
    # 0.001 BTC at the trade's price, of which 75 % is left to pay, at 4 a coin
    assert (fill.fee, fill.fee_currency) == (Decimal("0.001") * Decimal("0.75") * Decimal("1000.1") / 4, "COIN")
    assert total(venue, "cash", "BTC") == 11
    assert total(venue, "cash", "COIN") == 100 - fill.fee
    assert venue.orders(MAIN, NOW)[-1].fees == {"COIN": fill.fee}


def test_a_fee_in_quote_or_settle_is_paid_in_the_coin_of_the_same_wallet(market: WithCoin) -> None:
    venue = opened(market)
    venue.fees.choose("main", "spot", BURN)
    venue.fees.choose("main", "linear", FeeCoin("COIN", Decimal("0.9")))
    sold = venue.place(MAIN, SPOT, market_order("sell", "1"), NOW)
    assert sold.fees == {"COIN": Decimal("1000") * Decimal("0.001") * Decimal("0.75") / 4}
    fill = bought(venue, LINEAR)
    assert (fill.fee, fill.fee_currency) == (
        fill.price * Decimal("0.01") * Decimal("0.0005") * Decimal("0.9") / 4,
        "COIN",
    )
    assert total(venue, "margin", "COIN") == 100 - fill.fee
    assert total(venue, "margin", "USDT") == 10_000


def test_without_enough_of_the_coin_fees_are_paid_as_usual(market: WithCoin) -> None:
    venue = opened(market, coins="0.1")
    venue.fees.choose("main", "spot", BURN)
    assert bought(venue, SPOT).fee_currency == "BTC"
    assert total(venue, "cash", "COIN") == Decimal("0.1")


def test_a_coin_without_any_price_is_not_taken(market: WithCoin) -> None:
    venue = opened(market)
    venue.fees.choose("main", "spot", FeeCoin("GONE", Decimal("0.5")))
    assert bought(venue, SPOT).fee_currency == "BTC"


def test_a_rebate_is_received_as_usual(market: WithCoin) -> None:
    venue = opened(market, fee_coins={("main", "rebated"): BURN})
    rebated = Listing("v", "rebated", "BTCUSDT", "spot", "BTC", "USDT", "", "0.1", "0.001", "0.001", maker_fee="-0.001")
    venue.place(MAIN, rebated, limit("buy", "1", "999"), NOW)
    (fill,) = venue.print_trade(rebated, Decimal(999), Decimal(1), "sell", NOW)
    assert (fill.fee, fill.fee_currency) == (Decimal("-0.001"), "BTC")


def test_an_owner_may_pay_in_the_coin_from_the_beginning_and_others_do_not(market: WithCoin) -> None:
    venue = opened(market, fee_coins={("other", "spot"): BURN})
    assert venue.fees.coin("other", "spot") == BURN
    venue.place(OTHER, SPOT, market_order("buy", "1"), NOW)
    assert venue.fills(OTHER, NOW)[-1].fee_currency == "COIN"
    assert bought(venue, SPOT).fee_currency == "BTC"
    venue.fees.choose("other", "spot", None)
    assert venue.fees.coin("other", "spot") is None


def test_fees_are_counted_as_exactly_as_the_venue_writes_them(market: WithCoin) -> None:
    venue = opened(market, fee_decimals=2)
    venue.place(MAIN, SPOT, market_order("sell", "0.123"), NOW)
    assert venue.fills(MAIN, NOW)[-1].fee == Decimal("0.12")
    assert total(venue, "cash", "USDT") == 100_000 + 123 - Decimal("0.12")
    venue.fees.choose("main", "spot", BURN)
    venue.place(MAIN, SPOT, market_order("sell", "0.1"), NOW)
    assert venue.fills(MAIN, NOW)[-1].fee == Decimal("0.02")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[list[Store]]:
    opened_stores: list[Store] = []
    yield opened_stores
    for store in opened_stores:
        store.close()


def test_the_choice_is_there_after_a_restart_and_gone_after_a_reset(
    market: WithCoin, stores: list[Store], tmp_path: Path
) -> None:
    defaults = {("other", "spot"): BURN}
    for _ in range(2):
        stores.append(Store(tmp_path / "accounts.sqlite"))
    first = opened(market, store=stores[0], fee_coins=defaults)
    first.fees.choose("main", "spot", BURN)
    first.fees.choose("other", "spot", None)
    first.settle(NOW)
    again = opened(market, store=stores[1], fee_coins=defaults)
    assert again.fees.coin("main", "spot") == BURN
    assert again.fees.coin("other", "spot") is None
    again.reset()
    assert again.fees.coin("main", "spot") is None
    assert again.fees.coin("other", "spot") == BURN
