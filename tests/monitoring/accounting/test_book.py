from decimal import Decimal, localcontext

import pytest

from domain.instruments import Instrument
from domain.orders import BUY, SELL
from monitoring.accounting.book import AVERAGE, DELIVERY, FIFO, FUNDING, METHODS, OPENING, Book
from monitoring.accounting.contract import Contract
from monitoring.accounting.entries import own_fee_value
from monitoring.accounting.exact import quotient, total
from tests.monitoring.accounting.made import (
    COIN_OPTION,
    CONTRACTS,
    DOLLAR_OPTION,
    INVERSE,
    LINEAR,
    SPOT_BTC,
    book,
    dec,
    delivery,
    fill,
    funding,
    opening,
)

# --- contracts -----------------------------------------------------------------------------------------------------


def test_gains_count_in_quote_for_spot_and_in_the_settle_currency_otherwise() -> None:
    assert [contract.currency for contract in CONTRACTS] == ["USDT", "USDT", "BTC", "BTC", "USDC"]
    assert INVERSE._replace(settle=None).currency == "BTC"
    assert LINEAR._replace(settle=None).currency == "USDT"


def test_a_contract_is_made_of_an_instrument_and_options_are_never_inverse() -> None:
    swap = Instrument("v", "BTC/USD:BTC", "x", "perpetual", "BTC", "USD", "BTC", "BTC", inverse=True)
    option = Instrument("v", "BTC/USD:BTC-1-C", "x", "option", "BTC", "USD", "BTC", "BTC", inverse=True)
    assert Contract.of(swap) == Contract("v", "BTC/USD:BTC", "perpetual", "BTC", "USD", "BTC", True)
    assert Contract.of(option).value(dec(2), dec("0.05")) == dec("0.10")


def test_inverse_values_are_rounded_to_eighteen_decimals_half_even() -> None:
    assert INVERSE.value(dec(100), dec(3)) == dec("33.333333333333333333")
    assert quotient(dec(5), dec(10) ** 19) == 0
    assert quotient(dec(15), dec(10) ** 19) == dec("2E-18")


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="lifo"):
        Book(LINEAR, "lifo")


# --- closing and opening -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_partial_close_realizes_its_part_and_leaves_the_entry_price(method: str) -> None:
    made = book(LINEAR, (BUY, 2, 60_000), method=method)
    line = made.add(fill(LINEAR, SELL, "0.5", 61_250))
    assert (line.realized, line.closed, line.opened, line.closed_cost) == (625, dec("0.5"), 0, 30_000)
    assert (made.position, made.entry_price, made.cost) == (dec("1.5"), 60_000, 90_000)
    assert made.unrealized(dec(61_000)) == 1500
    assert made.net(dec(61_000)) == 2125


def test_average_and_fifo_differ_while_open_and_agree_once_flat() -> None:
    trades = [(BUY, 1, 100), (BUY, 1, 200), (SELL, 1, 300)]
    average, fifo = book(LINEAR, *trades), book(LINEAR, *trades, method=FIFO)
    assert (average.realized, average.entry_price) == (150, 150)
    assert (fifo.realized, fifo.entry_price) == (200, 200)
    for made in (average, fifo):
        made.add(fill(LINEAR, SELL, 1, 400))
        assert (made.realized, made.position, made.cost, made.entry_price, made.opened_ms) == (400, 0, 0, None, None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("first", "second", "gain"), [(BUY, SELL, 20), (SELL, BUY, -20)])
def test_a_flip_realizes_on_what_it_closes_only_and_starts_a_new_position(
    method: str, first: str, second: str, gain: int
) -> None:
    made = Book(LINEAR, method)
    made.add(fill(LINEAR, first, 2, 100, time_ms=1))
    line = made.add(fill(LINEAR, second, 5, 110, time_ms=2))
    assert (line.realized, line.closed, line.opened) == (gain, 2, 3)
    assert (made.position, made.entry_price, made.opened_ms) == (3 if second == BUY else -3, 110, 2)
    assert made.unrealized(dec(110)) == 0


def test_adding_to_a_position_keeps_when_it_was_opened() -> None:
    made = Book(LINEAR)
    for time_ms in (1, 2):
        made.add(fill(LINEAR, BUY, 1, 100, time_ms=time_ms))
    assert made.opened_ms == 1


def test_inverse_positions_average_harmonically_and_gain_in_the_coin() -> None:
    made = book(INVERSE, (BUY, 300, 100), (BUY, 300, 300))
    assert made.entry_price == 150  # 600 / (300/100 + 300/300), where the arithmetic mean is 200
    assert made.unrealized(dec(300)) == 2
    line = made.add(fill(INVERSE, SELL, 900, 300))
    assert (line.realized, line.closed, line.opened) == (2, 600, 300)
    assert (made.position, made.entry_price) == (-300, 300)
    assert made.unrealized(dec(150)) == 1


def test_a_line_tells_which_lots_a_fifo_closing_took() -> None:
    made = Book(LINEAR, FIFO)
    first, second = fill(LINEAR, BUY, 1, 100), fill(LINEAR, BUY, 2, 200)
    made.add(first)
    made.add(second)
    line = made.add(fill(LINEAR, SELL, 2, 250))
    assert [(c.entry, c.size, c.cost, c.realized) for c in line.closings] == [
        (first, 1, 100, 150),
        (second, 1, 200, 50),
    ]
    assert [(lot.entry, lot.size, lot.cost) for lot in made.lots] == [(second, 1, 200)]
    assert book(LINEAR, (BUY, 1, 100)).lots == ()


def test_the_shares_of_an_inverse_closings_lots_sum_to_its_gain() -> None:
    made = book(INVERSE, (BUY, 1, 3), (BUY, 1, 7), (BUY, 5, 11), method=FIFO)
    line = made.add(fill(INVERSE, SELL, 7, 13))  # 0.538461538461538462 to share as 1, 1 and 5 of 7
    assert len(line.closings) == 3
    assert total(closing.realized for closing in line.closings) == line.realized
    assert line.realized == made.realized != 0


def test_sums_are_exact_whatever_the_context_of_the_caller() -> None:
    with localcontext() as context:
        context.prec = 5
        made = book(LINEAR, (BUY, "0.123456789", "60123.45"), (SELL, "0.023456789", "60999.99"))
    assert made.cost is not None
    assert total([made.cost, made.realized.copy_negate()]) == dec("0.123456789") * dec("60123.45") - dec(
        "0.023456789"
    ) * dec("60999.99")
    assert made.position == dec("0.1")


def test_a_fill_of_size_zero_moves_nothing() -> None:
    made = book(LINEAR, (BUY, 1, 100))
    line = made.add(fill(LINEAR, SELL, 0, 120))
    assert (line.realized, line.closed, line.opened, made.position) == (0, 0, 0, 1)


# --- fees ----------------------------------------------------------------------------------------------------------


def test_fees_and_rebates_count_in_the_contracts_currency() -> None:
    made = Book(LINEAR)
    assert made.add(fill(LINEAR, BUY, 1, 100, fee="0.05")).fee == dec("0.05")
    assert made.add(fill(LINEAR, SELL, 1, 100, fee="-0.01")).fee == dec("-0.01")
    assert (made.fees, made.unvalued) == (dec("0.04"), [])


def test_a_fee_that_is_unknown_or_needs_a_rate_is_none_and_counted_never_zero() -> None:
    made = Book(LINEAR)
    unknown, foreign = fill(LINEAR, BUY, 1, 100, fee=None), fill(LINEAR, BUY, 1, 100, "0.001", "BNB")
    assert [made.add(unknown).fee, made.add(foreign).fee] == [None, None]
    assert (made.fees, made.unvalued) == (0, [unknown, foreign])


def test_a_fee_in_a_third_currency_counts_by_the_value_given() -> None:
    made = Book(LINEAR)
    assert made.add(fill(LINEAR, BUY, 1, 100, "0.001", "BNB"), dec("0.6")).fee == dec("0.6")
    assert (made.fees, made.unvalued, made.position) == (dec("0.6"), [], 1)


def test_own_fee_value_needs_no_rate_for_the_contracts_currency_spot_base_and_zero() -> None:
    assert own_fee_value(SPOT_BTC, fill(SPOT_BTC, BUY, 1, 60_000, "0.001", "BTC")) == 60
    assert own_fee_value(SPOT_BTC, fill(SPOT_BTC, BUY, 1, 60_000, "60", "USDT")) == 60
    assert own_fee_value(SPOT_BTC, fill(SPOT_BTC, BUY, 1, 60_000, "0", "KCS")) == 0
    assert own_fee_value(SPOT_BTC, fill(SPOT_BTC, BUY, 1, 60_000, "1", "KCS")) is None
    assert own_fee_value(INVERSE, fill(INVERSE, BUY, 100, 60_000, "0.001", "BTC")) == dec("0.001")
    assert own_fee_value(INVERSE, fill(INVERSE, BUY, 100, 60_000, "1", "USD")) is None
    assert own_fee_value(LINEAR, fill(LINEAR, BUY, 1, 60_000, "0.001", "BTC")) is None


@pytest.mark.parametrize("method", METHODS)
def test_a_spot_fee_in_base_leaves_the_inventory_at_the_fills_price(method: str) -> None:
    made = book(SPOT_BTC, (BUY, 1, 50_000), method=method)
    line = made.add(fill(SPOT_BTC, BUY, 1, 60_000, "0.001", "BTC"))
    assert (line.fee, line.realized, line.opened) == (60, 0, dec("0.999"))
    assert (made.position, made.cost) == (dec("1.999"), 50_000 + 59_940)
    # Paid 110,000, holds 1.999: at a mark of 60,000 that is 119,940, so 9,940 were made.
    assert made.net(dec(60_000)) == 9_940


def test_a_rebate_in_base_adds_to_the_inventory() -> None:
    made = Book(SPOT_BTC)
    made.add(fill(SPOT_BTC, BUY, 1, 60_000, "-0.001", "BTC"))
    assert (made.position, made.fees, made.net(dec(60_000))) == (dec("1.001"), -60, 60)


def test_selling_coins_that_were_never_bought_here_is_a_short_without_a_made_up_cost() -> None:
    made = book(SPOT_BTC, (SELL, 1, 60_000))
    assert (made.position, made.realized, made.unrealized(dec(61_000))) == (-1, 0, -1_000)


# --- funding -------------------------------------------------------------------------------------------------------


def test_funding_counts_even_after_the_position_is_flat() -> None:
    made = book(LINEAR, (BUY, 1, 100), (SELL, 1, 110))
    line = made.add(funding(LINEAR, "-0.5"))
    assert (line.kind, line.funding, line.realized, line.fee) == (FUNDING, dec("-0.5"), 0, 0)
    assert (made.funding, made.net(dec(1))) == (dec("-0.5"), dec("9.5"))


def test_funding_in_another_currency_is_unvalued_until_its_value_is_given() -> None:
    made = Book(LINEAR)
    payment = funding(LINEAR, "-0.001", "BTC")
    assert made.add(payment).funding is None
    assert (made.funding, made.unvalued) == (0, [payment])
    assert made.add(payment, dec(-60)).funding == -60
    assert made.add(funding(LINEAR, "0", "BTC")).funding == 0


# --- openings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_an_opening_with_an_entry_price_is_where_the_position_starts(method: str) -> None:
    made = Book(LINEAR, method)
    line = made.add(opening(LINEAR, -2, "100"))
    assert (line.kind, line.opened, line.realized) == (OPENING, 2, 0)
    assert made.add(fill(LINEAR, BUY, 1, 90)).realized == 10
    assert (made.position, made.entry_price, made.realized_unknown) == (-1, 100, 0)


def test_with_averages_an_opening_without_entry_price_leaves_all_unknown_until_flat() -> None:
    made = Book(LINEAR)
    made.add(opening(LINEAR, 2, None))
    made.add(fill(LINEAR, BUY, 2, 100))
    line = made.add(fill(LINEAR, SELL, 1, 120))
    assert (line.realized, line.cost, line.closed_cost) == (None, None, None)
    assert (made.entry_price, made.cost, made.unrealized(dec(120)), made.net(dec(120))) == (None, None, None, None)
    assert (made.realized, made.realized_unknown) == (0, 1)
    turning = made.add(fill(LINEAR, SELL, 4, 120))
    assert (turning.realized, turning.closed, turning.opened) == (None, 3, 1)
    assert (made.realized_unknown, made.entry_price, made.unrealized(dec(110))) == (4, 120, 10)


def test_with_fifo_only_the_opening_itself_stays_unknown() -> None:
    made = Book(LINEAR, FIFO)
    made.add(opening(LINEAR, 2, None))
    made.add(fill(LINEAR, BUY, 2, 100))
    line = made.add(fill(LINEAR, SELL, 3, 120))
    assert (line.realized, [closing.realized for closing in line.closings]) == (None, [None, 20])
    assert (made.realized, made.realized_unknown, made.entry_price, made.cost) == (0, 3, 100, 100)
    assert made.add(fill(LINEAR, SELL, 1, 130)).realized == 30
    assert made.realized == 30


def test_flat_again_an_unknown_past_is_forgotten() -> None:
    made = Book(LINEAR)
    made.add(opening(LINEAR, 1, None))
    made.add(fill(LINEAR, SELL, 1, 100))
    assert (made.unrealized(dec(5)), made.cost, made.realized_unknown) == (0, 0, 1)
    made.add(fill(LINEAR, BUY, 1, 100))
    assert made.unrealized(dec(105)) == 5


# --- deliveries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_future_is_delivered_at_its_settlement_price(method: str) -> None:
    made = book(INVERSE, (SELL, 1000, 50_000), method=method)
    line = made.add(delivery(INVERSE, -1000, 40_000))
    assert (line.kind, line.realized, line.closed, line.unmatched) == (DELIVERY, dec("0.005"), 1000, 0)
    assert (made.position, made.cost, made.opened_ms, made.unmatched) == (0, 0, None, [])


def test_an_option_that_lapses_loses_its_premium() -> None:
    made = book(COIN_OPTION, (BUY, 2, "0.05"))
    assert made.add(delivery(COIN_OPTION, 2, 0)).realized == dec("-0.10")
    written = book(DOLLAR_OPTION, (SELL, 10, 3))
    assert written.add(delivery(DOLLAR_OPTION, -10, 0)).realized == 30


@pytest.mark.parametrize(
    ("held", "size", "position", "closed", "unmatched"),
    [(2, 5, 0, 2, 3), (5, 2, 3, 2, 0), (2, -2, 2, 0, -2), (0, 2, 0, 0, 2)],
    ids=["more than held", "less than held", "the other way", "nothing held"],
)
def test_a_delivery_closes_at_most_what_is_held_and_says_what_does_not_match(
    held: int, size: int, position: int, closed: int, unmatched: int
) -> None:
    made = book(LINEAR, (BUY, held, 100))
    told = delivery(LINEAR, size, 110)
    line = made.add(told)
    assert (line.closed, line.realized, line.unmatched) == (closed, closed * 10, unmatched)
    assert (made.position, made.unmatched) == (position, [told])


def test_an_inverse_delivery_without_a_price_leaves_its_gain_unknown() -> None:
    made = book(INVERSE, (BUY, 1000, 50_000))
    line = made.add(delivery(INVERSE, 1000, 0))
    assert (line.realized, made.realized, made.realized_unknown, made.position) == (None, 0, 1000, 0)


def test_options_have_premium_as_their_value() -> None:
    made = book(COIN_OPTION, (BUY, 3, "0.05"))
    assert made.unrealized(dec("0.07")) == dec("0.06")
    made = book(DOLLAR_OPTION, (BUY, 10, 10), method=AVERAGE)
    assert (made.cost, made.unrealized(dec("12.5"))) == (100, 25)


def test_figures_are_decimals_of_the_entries_and_never_floats() -> None:
    made = book(INVERSE, (BUY, 1, 3), (SELL, 1, 7))
    assert isinstance(made.realized, Decimal)
    assert made.realized == dec("0.333333333333333333") - dec("0.142857142857142857")
