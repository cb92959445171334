"""Positions: ours beside the venues', on books made by hand."""

from decimal import Decimal

from domain.errors import TimedOut
from domain.exit_codes import ExitCode
from domain.orders import BUY, SELL, Position
from monitoring.marks import Seen
from monitoring.position_report import age_text, position_report
from monitoring.positions import FLAT, LONG, MARK, MID, SHORT, Mark, Sides, position_rows, sums
from monitoring.statement import Lack
from monitoring.venue_state import VenueState
from tests.monitoring.held import INVERSE, holding, ours, spot, states, swap

D = Decimal
DAY_MS = 86_400_000


def test_a_derivative_shows_base_units_contracts_and_gains_at_the_venues_mark() -> None:
    held_by_us = holding(swap(), (BUY, "0.3", "60000"), (SELL, "0.1", "61000"))
    held = Position(
        "okx", "BTC/USDT:USDT", D("0.2"), D("60000"), D("61500"), D("30000"), D(10), unrealized=D(300)
    )  # fmt: skip
    (row,) = position_rows(Sides(ours(held_by_us), states(held)))
    assert (row.side, row.quantity, row.contracts) == (LONG, D("0.2"), D(20))
    assert (row.ours, row.at_venue, row.difference) == (D("0.2"), D("0.2"), D(0))
    assert (row.entry_price, row.mark) == (D(60000), Mark(D(61500), MARK))
    assert (row.unrealized, row.venue_unrealized, row.unrealized_difference) == (D(300), D(300), D(0))
    assert (row.liquidation_price, row.leverage) == (D(30000), D(10))


def test_an_inverse_position_is_converted_to_base_at_its_mark() -> None:
    held = Position("okx", "BTC/USD:BTC", D(-60000), D(50000), D(60000))
    (row,) = position_rows(Sides(ours(holding(INVERSE, (SELL, "60000", "50000"))), states(held)))
    assert (row.side, row.quantity, row.size, row.size_unit) == (SHORT, D(-1), D(-60000), "USD")
    assert (row.contracts, row.currency) == (D(-600), "BTC")
    assert row.unrealized == D("-0.2")  # sold at 50000: 1.2 BTC; worth 1 BTC at 60000


def test_a_position_that_only_the_venue_has_is_shown_with_unknown_gains_of_ours() -> None:
    held = Position("okx", "BTC/USDT:USDT", D("0.2"), D("60000"), D("61500"), unrealized=D(300))
    sides = Sides({}, states(held), listed={("okx", "BTC/USDT:USDT"): swap()})
    (row,) = position_rows(sides)
    assert (row.ours, row.at_venue, row.difference, row.open) == (D(0), D("0.2"), D("0.2"), True)
    assert (row.entry_price, row.unrealized, row.funding) == (None, None, None)
    assert row.venue_entry_price == D(60000)
    assert sums([row]) == [("USDT", None, None)]


def test_a_position_in_something_delisted_is_shown_in_the_venues_own_words() -> None:
    held = Position("okx", "OLD/USDT:USDT", D(5), D(2))
    (row,) = position_rows(Sides({}, states(held)))
    assert (row.size, row.quantity, row.kind, row.currency) == (D(5), None, None, None)
    assert row.reason == "not in the venue's list of instruments any more"


def test_a_venue_that_does_not_answer_leaves_ours_and_is_never_flat() -> None:
    held_by_us = holding(swap(), (BUY, "0.3", "60000"))
    silent = {"okx": VenueState("okx", error=TimedOut("no answer within 5 s"))}
    (row,) = position_rows(Sides(ours(held_by_us), silent))
    assert (row.side, row.size, row.at_venue, row.difference, row.known) == (LONG, D("0.3"), None, None, False)
    assert (row.mark, row.unrealized) == (None, None)
    assert row.reason == "no answer within 5 s"
    report = position_report("sim", [row], silent)
    assert report.exit_code == ExitCode.UNAVAILABLE
    cells = dict(zip(report.tables[0].headers, report.tables[0].rows[0], strict=True))
    assert (cells["ours"], cells["venue's"]) == ("0.3", "not known")
    both = {**silent, "bybit": VenueState("bybit", (), ())}
    assert position_report("sim", [row], both).exit_code == ExitCode.PARTIAL


def test_where_a_venue_is_flat_and_we_are_not_the_venues_size_is_shown_and_ours_beside() -> None:
    held_by_us = holding(swap(), (BUY, "0.3", "60000"))
    (row,) = position_rows(Sides(ours(held_by_us), states()))
    assert (row.side, row.at_venue, row.ours, row.difference, row.open) == (FLAT, D(0), D("0.3"), D("-0.3"), True)
    assert row.unrealized_difference is None


def test_spot_inventory_is_held_against_the_balance_of_the_whole_currency_once() -> None:
    first = holding(spot("BTC/EUR"), (BUY, "0.5", "50000"))
    second = holding(spot("BTC/USDT"), (BUY, "0.25", "60000"))
    other = holding(spot("ETH/BTC"), (SELL, "1", "0.05"))
    cash = {"okx": {"BTC": D("100.8"), "ETH": D(9)}}  # opening 100, 0.5 + 0.25 bought, 0.05 got for 1 ETH
    marks = {("okx", "BTC/EUR"): D(52000), ("okx", "BTC/USDT"): D(61000), ("okx", "ETH/BTC"): D("0.04")}
    rows = position_rows(Sides(ours(first, second, other), states(BTC="100.9", ETH="9"), {}, marks, cash))
    eur, usdt, eth = rows
    assert (eur.ours, eur.at_venue, eur.elsewhere, eur.difference) == (D("0.5"), D("100.9"), D("100.3"), D("0.1"))
    assert (usdt.ours, usdt.at_venue, usdt.elsewhere, usdt.difference) == (D("0.25"), None, None, None)
    assert (eth.side, eth.at_venue, eth.elsewhere, eth.difference) == (SHORT, D(9), D(10), D(0))
    assert (eur.unrealized, eth.unrealized) == (D(1000), D("0.01"))
    assert eur.mark == Mark(D(52000), MID)


def test_without_an_opening_nothing_follows_from_a_balance() -> None:
    held_by_us = holding(spot(), (BUY, "0.5", "50000"))
    (row,) = position_rows(Sides(ours(held_by_us), states(BTC="100"), cash={"okx": None}))
    assert (row.at_venue, row.elsewhere, row.difference) == (D(100), None, None)


def test_long_and_short_that_a_venue_keeps_apart_are_netted() -> None:
    legs = [
        Position("okx", "BTC/USDT:USDT", D("0.5"), D(60000), D(61000), unrealized=D(500)),
        Position("okx", "BTC/USDT:USDT", D("-0.2"), D(62000), D(61000), unrealized=D(200)),
    ]
    held_by_us = holding(swap(), (BUY, "0.5", "60000"), (SELL, "0.2", "62000"))
    (row,) = position_rows(Sides(ours(held_by_us), states(*legs)))
    assert (row.at_venue, row.difference, row.venue_entry_price) == (D("0.3"), D(0), None)
    assert row.venue_unrealized == D(700)


def test_gains_at_the_middle_of_a_book_are_not_held_against_the_venues() -> None:
    held = Position("okx", "BTC/USDT:USDT", D("0.2"), D("60000"), unrealized=D(301))
    marks = {("okx", "BTC/USDT:USDT"): D(61500)}
    sides = Sides(ours(holding(swap(), (BUY, "0.2", "60000"))), states(held), marks=marks)
    (row,) = position_rows(sides)
    assert (row.mark, row.unrealized, row.unrealized_difference) == (Mark(D(61500), MID), D(300), None)
    assert [item.symbol for item in sides.unmarked()] == ["BTC/USDT:USDT"]


def test_totals_are_sums_per_currency() -> None:
    linear = holding(swap(), (BUY, "0.2", "60000"))._replace(funding=D("-1.5"))
    coins = holding(spot(), (BUY, "1", "60000"))
    inverse = holding(INVERSE, (BUY, "60000", "60000"))._replace(funding=None)
    held = (
        Position("okx", "BTC/USDT:USDT", D("0.2"), None, D(61000)),
        Position("okx", "BTC/USD:BTC", D(60000), None, D(60000)),
    )
    rows = position_rows(Sides(ours(linear, coins, inverse), states(*held), marks={("okx", "BTC/USDT"): D(60001)}))
    assert sums(rows) == [("BTC", D(0), None), ("USDT", D(201), D("-1.5"))]


def test_the_report_says_what_the_figures_lack_and_only_what_concerns_them() -> None:
    held = Position("okx", "BTC/USDT:USDT", D("0.2"), D("60000"), D("61500"), unrealized=D(310))
    told = states(held)
    rows = position_rows(Sides(ours(holding(swap(), (BUY, "0.2", "60000"))), told))
    lacks = [
        Lack("the price is unknown.", "okx", "BTC/USDT:USDT", frozenset({"unrealized"})),
        Lack("nothing to do with it.", "okx", "ETH/USDT", frozenset({"unrealized"})),
        Lack("fees are unknown.", "okx", "BTC/USDT:USDT", frozenset({"fees"})),
    ]
    report = position_report("sim", rows, told, lacks=lacks, notes=["Never synced: okx."])
    assert report.record["incomplete"] == ["the price is unknown."]
    assert report.record["notes"] == ["Never synced: okx."]
    (record,) = report.record["positions"]
    assert (record["unrealized"], record["venue_unrealized"], record["unrealized_difference"]) == (300, 310, 10)
    cells = dict(zip(report.tables[0].headers, report.tables[0].rows[0], strict=True))
    assert cells["venue's unr. −ours"] == "10"


def test_ages_are_told_in_the_two_largest_units() -> None:
    (row,) = position_rows(Sides(ours(holding(swap(), (BUY, "0.2", "60000"))), states()))
    assert row.opened_ms == 1
    assert age_text(row, 1 + 3 * DAY_MS + 4 * 3_600_000 + 59_000) == "3 d 4 h"
    assert age_text(row, 1 + 61_000) == "1 min 1 s"
    assert age_text(row, 1) == "0 s"


def test_a_long_and_a_short_that_a_venue_keeps_apart_are_one_for_gains_too() -> None:
    apart = [
        Position("okx", "BTC/USDT:USDT", D(size), D(price), D(120), unrealized=D(gain))
        for size, price, gain in ((2, 100, 40), (-1, 110, -10))
    ]
    (found,) = Seen("USDT", states=states(*apart)).positions.values()
    assert (found.size, found.unrealized, found.mark_price) == (D(1), D(30), D(120))
