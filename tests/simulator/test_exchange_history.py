"""The exchange's own accounting, deposits and deliveries, and the two levers that make time pass."""

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import Reason, Rejected
from simulator.exchange.store import Store
from simulator.market.model import FundingView, Listing
from simulator.state import SimulatorError
from tests.simulator.scripted import (
    CALL,
    DEPOSITS,
    FUTURE,
    HOUR_MS,
    INVERSE,
    LINEAR,
    MAIN,
    NOW,
    OTHER,
    READER,
    SPOT,
    Scripted,
    exchange,
    limit,
    market_order,
)

D = Decimal


class Funded(Scripted):
    """A market with a running funding rate."""

    def funding(self, listing: Listing, now_ms: int) -> FundingView:
        return FundingView("0.001", "0.001", 8, NOW + HOUR_MS)


@pytest.fixture
def market() -> Funded:
    made = Funded()
    made.set_book(CALL, [("0.19", "9")], [("0.2", "9")])
    return made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "accounts.sqlite")
    yield opened
    opened.close()


def own(venue: Exchange, listing: Listing, owner: str = "main") -> dict[str, Any]:
    (account,) = venue.accounts([owner], NOW)
    return next(row for row in account["listings"] if row["symbol"] == listing.native_id)


def test_an_account_begins_with_deposits_that_add_up_to_its_wallets(market: Funded) -> None:
    venue = exchange(market)
    moved = venue.transfers(MAIN, NOW)
    assert {(each.wallet, each.currency): each.amount for each in moved} == {
        (wallet, currency): D(total) for wallet, coins in DEPOSITS.items() for currency, total in coins.items()
    }
    assert {(each.kind, each.time_ms, each.owner) for each in moved} == {("deposit", NOW, "main")}
    assert venue.transfers(READER, NOW) == moved
    theirs = venue.transfers(OTHER, NOW)
    assert len({each.id for each in [*moved, *theirs]}) == len(moved) + len(theirs)
    assert venue.transfers(MAIN, NOW, since_ms=NOW + 1) == []


def test_deposits_keep_their_ids_over_a_restart_and_get_new_ones_with_a_reset(market: Funded, store: Store) -> None:
    before = exchange(market, store).transfers(MAIN, NOW)
    venue = exchange(market, store)
    assert venue.transfers(MAIN, NOW + HOUR_MS) == before
    venue.reset()
    after = venue.transfers(MAIN, NOW)
    assert [each.amount for each in after] == [each.amount for each in before]
    assert not {each.id for each in after} & {each.id for each in before}
    assert exchange(market, store).transfers(MAIN, NOW) == after


def test_accounts_that_were_stored_without_deposits_got_them_when_their_first_order_came(
    market: Funded, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange(market, store).place(MAIN, SPOT, limit("buy", "1", "900"), NOW)
    with sqlite3.connect(tmp_path / "accounts.sqlite") as older:  # as a simulator stored it that knew of no transfers
        older.execute("DELETE FROM entries WHERE kind = 'transfer'")
    older.close()
    monkeypatch.setattr(market, "now_ms", lambda: NOW + HOUR_MS)
    moved = exchange(market, store).transfers(MAIN, NOW + HOUR_MS)
    assert len(moved) == 4
    assert {each.time_ms for each in moved} == {NOW}


def test_what_was_realized_stays_over_flips_and_when_the_position_is_gone(market: Funded) -> None:
    venue = exchange(market)
    for side, size, price in (("buy", "4", "1000.0"), ("sell", "6", "1010.0"), ("buy", "2", "1005.0")):
        market.set_book(LINEAR, [(price, "9")], [(price, "9")])
        venue.place(MAIN, LINEAR, market_order(side, size), NOW)
    assert venue.positions(MAIN, NOW) == []
    found = own(venue, LINEAR)
    assert (D(found["size"]), found["entry_price"]) == (0, None)
    assert D(found["realized"]) == D("0.04") * 10 + D("0.02") * 5
    costs = D("0.0005") * (D("40") + D("60.6") + D("20.1"))
    assert {name: D(fee) for name, fee in found["fees"].items()} == {"USDT": costs}
    assert venue.balances(MAIN, "margin", NOW)["USDT"].total == 10_000 + D(found["realized"]) - costs


def test_a_spot_fee_in_base_is_a_sale_of_that_base(market: Funded) -> None:
    venue = exchange(market)
    market.set_book(SPOT, [("1000", "9")], [("1000", "9")])
    venue.place(MAIN, SPOT, market_order("buy", "2"), NOW)
    market.set_book(SPOT, [("1100", "9")], [("1100", "9")])
    venue.place(MAIN, SPOT, market_order("sell", "1"), NOW)
    found = own(venue, SPOT)
    assert D(found["size"]) == D("0.998")
    assert (D(found["entry_price"]), D(found["realized"])) == (1000, 100)
    assert {name: D(fee) for name, fee in found["fees"].items()} == {"BTC": D("0.002"), "USDT": D("1.1")}


def test_everything_adds_up_to_the_wallets(market: Funded) -> None:
    venue = exchange(market)
    for listing, side in ((LINEAR, "buy"), (INVERSE, "sell"), (FUTURE, "sell"), (CALL, "buy")):
        venue.place(MAIN, listing, market_order(side, "1"), NOW)
    market.marks.append((NOW, "1040"))
    venue.settle_funding(LINEAR, NOW)
    venue.settle_funding(INVERSE, NOW)
    venue.expire(FUTURE, NOW)
    venue.expire(CALL, NOW)
    (account,) = venue.accounts(["main"], NOW)
    sums: dict[str, Decimal] = {}
    for row in account["listings"]:
        gained = D(row["realized"]) + D(row["funding"])
        sums[row["currency"]] = sums.get(row["currency"], D(0)) + gained
        for currency, fee in row["fees"].items():
            sums[currency] = sums.get(currency, D(0)) - D(fee)
    for row in account["wallets"]:
        moved = D(row["total"]) - D(row["deposits"])
        assert moved == (sums[row["currency"]] if row["wallet"] == "margin" else 0), row


def test_the_accounting_is_there_again_after_a_restart(market: Funded, store: Store) -> None:
    venue = exchange(market, store)
    for listing, side in ((LINEAR, "buy"), (SPOT, "buy"), (FUTURE, "sell"), (CALL, "buy")):
        venue.place(MAIN, listing, market_order(side, "1"), NOW)
    venue.place(MAIN, LINEAR, market_order("sell", "2"), NOW)
    venue.settle_funding(LINEAR, NOW)
    venue.expire(FUTURE, NOW)
    venue.expire(CALL, NOW)
    before = venue.accounts(["main", "other"], NOW)
    again = exchange(market, store)
    for told, known in zip(again.accounts(["main", "other"], NOW), before, strict=True):
        assert {row["symbol"]: row for row in told["listings"]} == {row["symbol"]: row for row in known["listings"]}
        assert sorted(told["wallets"], key=str) == sorted(known["wallets"], key=str)
    with pytest.raises(Rejected, match=Reason.EXPIRED_LISTING.value):
        again.place(MAIN, FUTURE, market_order("sell", "1"), NOW)
    again.reset()
    assert again.place(MAIN, FUTURE, market_order("sell", "1"), NOW).state == "filled"
    assert [row["symbol"] for row in again.accounts(["main"], NOW)[0]["listings"]] == [FUTURE.native_id]


def test_funding_is_settled_now_at_the_running_rate_for_all_who_hold(market: Funded) -> None:
    venue = exchange(market)
    venue.place(MAIN, LINEAR, market_order("buy", "1"), NOW)
    venue.place(OTHER, LINEAR, market_order("sell", "1"), NOW)
    paid = venue.settle_funding(LINEAR, NOW + 5)
    assert [(each.owner, each.amount, each.time_ms) for each in paid] == [
        ("main", D("-0.01"), NOW + 5),
        ("other", D("0.01"), NOW + 5),
    ]
    assert venue.funding_payments(MAIN, NOW + 5) == [paid[0]]
    assert venue.settle_funding(INVERSE, NOW + 5) == []


def test_an_expiry_ends_orders_and_settles_futures_at_the_mark_price(market: Funded) -> None:
    venue = exchange(market)
    venue.place(MAIN, FUTURE, market_order("buy", "2"), NOW)
    resting = venue.place(MAIN, FUTURE, limit("buy", "1", "900"), NOW)
    market.marks.append((NOW, "1010"))
    (ended,) = venue.expire(FUTURE, NOW)
    assert (ended.size, ended.rate, ended.amount) == (2, 1010, D("0.02") * 1010 - D("20.003"))
    assert venue.deliveries(MAIN, NOW) == [ended]
    assert venue.deliveries(MAIN, NOW, native_id="another") == []
    assert venue.deliveries(MAIN, NOW, since_ms=NOW + 1) == []
    assert (resting.state, venue.positions(MAIN, NOW)) == ("expired", [])
    assert venue.expire(FUTURE, NOW) == []


def test_an_option_expires_at_what_it_is_worth_then_or_lapses(market: Funded) -> None:
    venue = exchange(market)
    venue.place(MAIN, CALL, market_order("buy", "2"), NOW)
    (ended,) = venue.expire(CALL, NOW)
    assert (ended.rate, ended.amount) == (D("0.2"), D("0.4"))
    assert D(own(venue, CALL)["realized"]) == 0
    venue.reset()
    venue.place(MAIN, CALL, market_order("buy", "1"), NOW)
    market.marks.append((NOW, "700"))
    (lapsed,) = venue.expire(CALL, NOW)
    assert (lapsed.rate, lapsed.amount) == (0, 0)
    assert D(own(venue, CALL)["realized"]) == D("-0.2")


def test_the_control_endpoint_tells_every_owners_accounts(sim: Any) -> None:
    told = sim.accounts("okx", "main")
    assert {"wallet", "currency", "total", "deposits"} == set(told["wallets"][0])
    assert all(D(row["deposits"]) > 0 for row in told["wallets"])
    assert sim.accounts("okx", "other")["owner"] == "other"


@pytest.mark.parametrize(
    ("lever", "venue", "symbol", "said"),
    [
        ("settle_funding", "okx", "BTC-USDT", "okx lists no perpetual BTC-USDT"),
        ("expire", "okx", "BTC-USDT-SWAP", "okx lists no future or option BTC-USDT-SWAP"),
        ("expire", "nowhere", "BTC", "No venue 'nowhere' takes orders"),
        ("settle_funding", "binance", "", "binance lists no perpetual "),
    ],
)
def test_a_lever_that_cannot_be_pulled_says_why(sim: Any, lever: str, venue: str, symbol: str, said: str) -> None:
    with pytest.raises(SimulatorError, match=said):
        getattr(sim, lever)(venue, symbol)
