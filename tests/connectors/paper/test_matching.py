"""What orders on paper are filled with, worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest

from connectors.paper.account import Account, PaperOrder, Terms
from connectors.paper.matching import AT_QUOTE, GAP, amend, catch_up, check, liquidate, place
from connectors.paper.view import View
from domain.errors import Refused
from domain.funding import FundingPoint
from domain.orders import CANCELLED, EXPIRED, FILLED, OPEN, OrderSpec
from tests.connectors.paper.made import INVERSE, NOW, OPTION, SPOT, SWAP, account, order, seen, terms, trade, view

D = Decimal
BOOK = view(bids="100x1 99x2 98x5", asks="101x1 102x2 103x5")
LATER = NOW + 60_000


def placed(made: PaperOrder, market: View = BOOK, owner: Account | None = None, of: Terms | None = None) -> Account:
    owner = owner or account()
    place(owner, of or terms(), made, market, NOW)
    return owner


# --- taking ----------------------------------------------------------------------------------------------------------


def test_a_market_buy_walks_the_book_level_by_level_and_pays_the_taker_fee_exactly() -> None:
    made = order("buy", "2.5")
    owner = placed(made)
    assert [(fill.price, fill.size, fill.fee, fill.maker) for fill in owner.fills] == [
        (D(101), D(1), D("0.202"), False),
        (D(102), D("1.5"), D("0.306"), False),
    ]
    assert (made.status, made.filled, made.average_price) == (FILLED, D("2.5"), D("101.6"))
    assert owner.balances == {"USDT": D(10_000) - 254 - D("0.508"), "BTC": D("3.5")}


def test_what_a_market_order_does_not_find_lapses() -> None:
    made = order("sell", "1")
    owner = placed(made, view(bids="100x0.25 99x0.5"))
    assert (made.status, made.filled) == (EXPIRED, D("0.75"))
    assert owner.balances["BTC"] == D("0.25")
    assert not any(owner.held().values())


def test_a_limit_order_takes_up_to_its_price_and_rests_with_the_rest_behind_what_stands_there() -> None:
    made = order("buy", "4", "102")
    owner = placed(made)
    assert (made.status, made.filled, made.left) == (OPEN, D(3), D(1))
    assert [fill.price for fill in owner.fills] == [D(101), D(102)]
    assert made.ahead == 0
    assert made.held == D(102) * D("1.002")
    behind = order("buy", "1", "99")
    placed(behind, BOOK, owner)
    assert behind.ahead == D(2)
    far = order("buy", "1", "90")
    placed(far, BOOK, owner)
    assert far.ahead is None


@pytest.mark.parametrize(("tif", "status", "filled"), [("ioc", EXPIRED, 3), ("fok", EXPIRED, 0)])
def test_what_may_not_rest_lapses(tif: str, status: str, filled: int) -> None:
    made = order("buy", "4", "102", tif=tif)
    owner = placed(made)
    assert (made.status, made.filled) == (status, filled)
    assert not any(owner.held().values())


def test_fill_or_kill_fills_whole_where_it_can() -> None:
    made = order("buy", "3", "102", tif="fok")
    placed(made)
    assert made.status == FILLED


def test_a_post_only_order_that_would_take_is_refused_and_one_that_rests_is_not() -> None:
    with pytest.raises(Refused, match="would take"):
        placed(order("buy", "1", "101", post_only=True))
    made = order("buy", "1", "100.9", post_only=True)
    placed(made)
    assert made.status == OPEN


def test_a_price_without_a_size_is_dealt_at_for_any_size_and_said_so() -> None:
    made = order("buy", "50")
    placed(made, view(bids="100x", asks="101x"))
    assert (made.status, made.average_price, made.reason) == (FILLED, D(101), AT_QUOTE)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (order("buy", "200"), "free"),
        (order("buy", "100", "100"), "free"),
        (order("sell", "1.5", "200"), "free"),
        (order("sell", "1", reduce_only=True), "no position"),
        (order("buy", "1", type="stop", stop_price="100"), "fire at once"),
        (order("sell", "1", type="stop", stop_price="101"), "fire at once"),
    ],
)
def test_what_cannot_be_paid_for_or_makes_no_sense_is_refused_and_changes_nothing(made: PaperOrder, says: str) -> None:
    owner = account()
    with pytest.raises(Refused, match=says):
        placed(made, view(bids="100x500", asks="101x500"), owner)
    assert owner.balances == account().balances
    assert owner.fills == []
    assert owner.orders == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"price": D("100.05")}, "multiple of 0.1"),
        ({"size": D("0.0105")}, "multiple of 0.001"),
        ({"size": D(0)}, "above zero"),
        ({"size": D("NaN")}, "above zero"),
        ({"size": D("0.001")}, "worth 5 USDT"),
        ({"type": "stop", "price": None, "stop_price": D("0.03")}, "multiple of 0.1"),
    ],
)
def test_an_order_off_the_grid_or_too_small_is_refused(changes: dict[str, Any], says: str) -> None:
    spec = OrderSpec("c", "buy", "limit", D("0.1"), D(100))._replace(**changes)
    with pytest.raises(Refused, match=says):
        check(SPOT, spec, D(100), NOW)


def test_two_orders_cannot_spend_the_same_money() -> None:
    owner = account(USDT=150)
    placed(order("buy", "1", "100"), BOOK, owner)
    assert owner.free("USDT") == D(150) - D("100.2")
    with pytest.raises(Refused, match="49\\.8"):
        placed(order("buy", "0.5", "100"), BOOK, owner)


# --- resting ---------------------------------------------------------------------------------------------------------


def resting(size: str = "2", price: str = "99", owner: Account | None = None) -> tuple[Account, PaperOrder]:
    made = order("buy", size, price)
    return placed(made, BOOK, owner), made


def test_a_trade_below_a_resting_buy_fills_it_at_its_price_for_no_more_than_was_traded() -> None:
    owner, made = resting()
    catch_up(owner, terms(), seen(BOOK, trade("98.9", "0.5", NOW + 1)), LATER)
    assert [(fill.price, fill.size, fill.maker, fill.time_ms) for fill in owner.fills] == [
        (D(99), D("0.5"), True, NOW + 1)
    ]
    assert (made.status, made.filled) == (OPEN, D("0.5"))
    catch_up(owner, terms(), seen(BOOK, trade("98", "100", NOW + 2)), LATER)
    assert (made.status, made.filled) == (FILLED, D(2))
    assert owner.balances["USDT"] == D(10_000) - 198 * D("1.001")


def test_at_its_own_price_it_waits_for_all_that_stood_before_it() -> None:
    owner, made = resting()  # two stand before it
    catch_up(owner, terms(), seen(BOOK, trade("99", "1.5", NOW + 1)), LATER)
    assert (made.filled, made.ahead) == (0, D("0.5"))
    catch_up(owner, terms(), seen(BOOK, trade("99", "0.7", NOW + 2)), LATER)
    assert made.filled == D("0.2")
    catch_up(owner, terms(), seen(BOOK, trade("99", "0.7", NOW + 3)), LATER)
    assert made.filled == D("0.9")


def test_who_cancelled_before_it_is_noticed_in_the_book() -> None:
    owner, made = resting()
    catch_up(owner, terms(), seen(view(bids="100x1 99x0.3", asks="101x1")), LATER)
    assert made.ahead == D("0.3")
    catch_up(owner, terms(), seen(view(bids="100x1 99x9", asks="101x1")), LATER)
    assert made.ahead == D("0.3")


@pytest.mark.parametrize(
    "met",
    [
        trade("98", "9", NOW),  # in the same millisecond: it may have been before
        trade("98", "9", NOW - 5),
        trade("99.1", "9", NOW + 1),
        trade("99", "9", NOW + 1, side="buy"),  # somebody bought: that met an offer, not a bid
    ],
)
def test_what_proves_nothing_fills_nothing(met: Any) -> None:
    owner, made = resting()
    catch_up(owner, terms(), seen(BOOK, met), LATER)
    assert made.filled == 0


def test_the_same_trade_counts_once_however_often_it_is_seen() -> None:
    owner, made = resting()
    first, second = trade("98", "0.5", NOW + 1), trade("98", "0.5", NOW + 1)
    catch_up(owner, terms(), seen(BOOK, first), LATER)
    catch_up(owner, terms(), seen(BOOK, first), LATER)
    assert made.filled == D("0.5")
    catch_up(owner, terms(), seen(BOOK, first, second), LATER)
    catch_up(owner, terms(), seen(BOOK, first, second), LATER)
    assert made.filled == D(1)


def test_two_resting_orders_share_a_trade_the_better_price_first() -> None:
    owner, lower = resting("1", "98")
    _, higher = resting("1", "99", owner)
    catch_up(owner, terms(), seen(BOOK, trade("97", "1.4", NOW + 1)), LATER)
    assert (higher.filled, lower.filled) == (D(1), D("0.4"))


def test_a_book_that_crosses_a_resting_order_fills_it_with_what_is_there_and_only_once() -> None:
    owner, made = resting()
    crossing = view(bids="97x1", asks="98x0.5 99x0.25 99.5x9")
    catch_up(owner, terms(), seen(crossing), LATER)
    assert (made.filled, owner.fills[0].price, owner.fills[0].maker) == (D("0.75"), D(99), True)
    catch_up(owner, terms(), seen(crossing), LATER)
    assert made.filled == D("0.75")
    catch_up(owner, terms(), seen(view(bids="97x1", asks="98x1")), LATER)
    assert made.filled == D(1)


def test_what_it_took_at_once_is_not_taken_again_from_the_same_book() -> None:
    made = order("buy", "4", "102")
    owner = placed(made)
    catch_up(owner, terms(), seen(BOOK), LATER)
    assert made.filled == D(3)


def test_missing_trades_are_said() -> None:
    owner, made = resting()
    catch_up(owner, terms(), seen(BOOK, gap=True), LATER)
    assert made.reason == GAP


# --- stops -----------------------------------------------------------------------------------------------------------


def test_a_stop_fires_on_the_last_trade_and_gets_no_better_price_than_that() -> None:
    made = order("sell", "1", type="stop", stop_price="95")
    owner = placed(made)
    catch_up(owner, terms(), seen(BOOK, trade("95.1", "1", NOW + 1)), LATER)
    assert (made.status, made.waits) == (OPEN, True)
    catch_up(owner, terms(), seen(BOOK, trade("94", "1", NOW + 2)), LATER)  # the book has recovered to 100
    assert (made.status, made.average_price) == (FILLED, D(94))
    assert owner.fills[-1].maker is False


def test_a_stop_limit_becomes_a_limit_order_when_it_fires() -> None:
    made = order("buy", "1", "105", type="stop-limit", stop_price="104")
    owner = placed(made)
    fired = seen(view(bids="104x1", asks="105.5x1"), trade("104", "1", NOW + 1, side="buy"))
    catch_up(owner, terms(), fired, LATER)
    assert (made.status, made.triggered, made.filled) == (OPEN, True, 0)
    catch_up(owner, terms(), seen(view(bids="104x1", asks="105x3")), LATER)
    assert (made.status, made.average_price) == (FILLED, D(105))


def test_a_stop_that_cannot_be_paid_for_when_it_fires_ends_instead_of_going_below_zero() -> None:
    owner = account(USDT=111)
    made = order("buy", "1", type="stop", stop_price="110")
    placed(made, BOOK, owner)
    catch_up(owner, terms(), seen(view(bids="150x1", asks="151x9"), trade("150", "1", NOW + 1, side="buy")), LATER)
    assert (made.status, made.filled) == (CANCELLED, 0)
    assert owner.balances == {"USDT": D(111)}


# --- positions -------------------------------------------------------------------------------------------------------


def test_a_linear_position_gains_what_its_price_moved_and_holds_its_margin() -> None:
    owner, of = account(USDT=1000), terms(SWAP)
    placed(order("buy", "2", instrument=SWAP), view(asks="100x5"), owner, of)
    assert owner.positions[SWAP.symbol].size == 2
    assert owner.free("USDT") == D(1000) - D("0.4") - D(40)
    placed(order("sell", "3", instrument=SWAP), view(bids="110x5"), owner, of)
    assert (owner.positions[SWAP.symbol].size, owner.positions[SWAP.symbol].entry) == (D(-1), D(110))
    assert owner.balances["USDT"] == D(1000) - D("0.4") + 20 - D("0.66")
    assert owner.positions[SWAP.symbol].margin == 22


def test_an_inverse_position_counts_in_quote_and_gains_in_its_coin() -> None:
    owner, of = account(BTC=1), terms(INVERSE, "0", "0")
    placed(order("buy", "100", instrument=INVERSE), view(asks="100x5000"), owner, of)
    placed(order("sell", "100", instrument=INVERSE), view(bids="125x5000"), owner, of)
    assert owner.balances["BTC"] == D(1) + D(1) - D(100) / 125
    assert owner.positions[INVERSE.symbol].size == 0
    assert not any(owner.held().values())


def test_margin_limits_how_much_can_be_opened_and_closing_needs_none() -> None:
    owner, of = account(USDT=100), terms(SWAP, "0", "0")
    with pytest.raises(Refused, match="free"):
        placed(order("sell", "6", instrument=SWAP), view(bids="100x50"), owner, of)
    placed(order("sell", "5", instrument=SWAP), view(bids="100x50"), owner, of)
    assert owner.free("USDT") == 0
    placed(order("buy", "5", instrument=SWAP), view(asks="99x50"), owner, of)
    assert owner.balances["USDT"] == 105


def test_a_reduce_only_order_never_opens() -> None:
    owner, of = account(USDT=1000), terms(SWAP)
    placed(order("buy", "1", instrument=SWAP), view(asks="100x5"), owner, of)
    made = order("sell", "3", instrument=SWAP, reduce_only=True)
    placed(made, view(bids="100x5"), owner, of)
    assert (made.status, made.filled) == (EXPIRED, D(1))
    assert owner.positions[SWAP.symbol].size == 0
    rests = order("sell", "1", "120", instrument=SWAP, reduce_only=True)
    with pytest.raises(Refused, match="no position"):
        placed(rests, view(bids="100x5"), owner, of)


def test_a_resting_reduce_only_order_ends_with_the_position() -> None:
    owner, of = account(USDT=1000), terms(SWAP)
    market = view(bids="100x5", asks="101x5")
    placed(order("buy", "1", instrument=SWAP), market, owner, of)
    rests = order("sell", "1", "120", instrument=SWAP, reduce_only=True)
    placed(rests, market, owner, of)
    placed(order("sell", "1", instrument=SWAP), market, owner, of)
    catch_up(owner, of, seen(market, trade("130", "5", NOW + 1, side="buy")), LATER)
    assert (rests.status, rests.filled) == (CANCELLED, 0)
    assert owner.positions[SWAP.symbol].size == 0


def test_options_are_bought_for_their_premium_and_only_holders_sell_them() -> None:
    owner, of = account(BTC=1), terms(OPTION)
    with pytest.raises(Refused, match="hold them"):
        placed(order("sell", "1", "0.05", instrument=OPTION), view(bids="0.05x5"), owner, of)
    placed(order("buy", "2", "0.05", instrument=OPTION), view(asks="0.05x5"), owner, of)
    assert owner.balances["BTC"] == D("0.9")
    assert owner.fills[0].fee is None
    placed(order("sell", "2", "0.06", instrument=OPTION), view(bids="0.06x5"), owner, of)
    assert owner.balances["BTC"] == D("1.02")


def test_funding_is_paid_by_longs_at_each_settlement_once_and_in_the_order_of_time() -> None:
    owner, of = account(USDT=1000), terms(SWAP, "0", "0")
    market = view(bids="99x9", asks="101x9")
    placed(order("buy", "1", instrument=SWAP), market, owner, of)
    rests = order("buy", "1", "90", instrument=SWAP)
    placed(rests, market, owner, of)
    points = (FundingPoint(NOW - 1, D(1)), FundingPoint(NOW + 10, D("0.01")), FundingPoint(NOW + 30, D("-0.02")))
    look = seen(market, trade("89", "5", NOW + 20), funding=points, funded_until_ms=NOW + 40)
    before = owner.balances["USDT"]
    catch_up(owner, of, look, LATER)
    assert [(payment.time_ms, payment.amount) for payment in owner.payments] == [
        (NOW + 10, D(-1)),  # one BTC at the middle of 100
        (NOW + 30, D(4)),  # two, since the trade
    ]
    assert owner.balances["USDT"] == before + 3
    catch_up(owner, of, look, LATER)
    assert len(owner.payments) == 2


def test_funding_takes_no_more_than_there_is() -> None:
    owner, of = account(USDT=100), terms(SWAP, "0", "0")
    market = view(bids="100x50", asks="100x50")
    placed(order("buy", "5", instrument=SWAP), market, owner, of)
    point = FundingPoint(NOW + 10, D("0.5"))
    catch_up(owner, of, seen(market, funding=(point,), funded_until_ms=NOW + 20), LATER)
    assert [payment.amount for payment in owner.payments] == [D(-100)]
    assert owner.balances["USDT"] == 0


def test_losses_that_use_the_balance_up_close_the_position_at_zero() -> None:
    owner, of = account(USDT=100), terms(SWAP, "0", "0")
    placed(order("buy", "5", instrument=SWAP), view(asks="100x50"), owner, of)
    liquidate(owner, {SWAP.symbol: (of, D("80.1"))}, LATER)
    assert owner.positions[SWAP.symbol].size == 5
    liquidate(owner, {SWAP.symbol: (of, D(70))}, LATER)
    assert owner.positions[SWAP.symbol].size == 0
    assert owner.balances["USDT"] == 0
    assert owner.fills[-1].order is None


# --- amending --------------------------------------------------------------------------------------------------------


def test_an_amended_order_keeps_its_place_only_where_it_shrinks() -> None:
    owner, made = resting()
    made.ahead = D("0.1")
    amend(owner, terms(), made, BOOK, LATER, size=D(1), price=None)
    assert (made.size, made.ahead, made.held) == (D(1), D("0.1"), D(99) * D("1.002"))
    amend(owner, terms(), made, BOOK, LATER, size=D(3), price=None)
    assert made.ahead == 2
    amend(owner, terms(), made, BOOK, LATER, size=None, price=D(101))
    assert (made.filled, made.status) == (D(1), OPEN)


@pytest.mark.parametrize(("size", "price"), [("0.0001", None), (None, "100.05"), ("500", None)])
def test_an_amendment_that_may_not_stand_is_refused(size: str | None, price: str | None) -> None:
    owner, made = resting()
    with pytest.raises(Refused):
        amend(
            owner, terms(), made, BOOK, LATER, size=None if size is None else D(size),
            price=None if price is None else D(price),
        )  # fmt: skip
