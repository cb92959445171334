from decimal import Decimal

from market_data.basis import find_rates
from market_data.quotes import VenueRow

D = Decimal


def book(venue, symbol, bid, ask, wins=True):
    row = VenueRow(venue, symbol)
    row.bid, row.ask, row.bid_wins, row.ask_wins, row.age_ms = D(bid), D(ask), wins, wins, 4
    return row


def nothing(currency):
    return None


def test_the_tightest_book_decides():
    rows = [book("wide", "USDC/USDT", "0.99", "1.01"), book("tight", "USDC/USDT", "0.9990", "0.9992")]
    rate = find_rates(["USDC"], "USDT", rows, nothing)["USDC"]
    assert (rate.rate, rate.source, rate.symbol, rate.age_ms) == (D("0.9991"), "tight", "USDC/USDT", 4)


def test_a_book_the_other_way_round_is_turned():
    rate = find_rates(["USDT"], "USDC", [book("v", "USDC/USDT", "0.8", "0.8")], nothing)["USDT"]
    assert rate.rate == D("1.25")


def test_two_books_lead_over_the_third_dollar():
    rows = [book("a", "USDC/USD", "2", "2"), book("b", "USDT/USD", "4", "4")]
    rate = find_rates(["USDC"], "USDT", rows, nothing)["USDC"]
    assert rate.rate == D("0.5")
    assert rate.source == "a and b"


def test_a_stale_or_crossed_book_is_no_basis_and_the_reference_is_labelled():
    rows = [book("v", "USDC/USDT", "0.9", "0.9", wins=False)]
    assert find_rates(["USDC"], "USDT", rows, nothing) == {}
    usd = {"USDC": (D("0.999"), "coingecko"), "USDT": (D("1"), "coingecko")}
    rate = find_rates(["USDC"], "USDT", rows, usd.get)["USDC"]
    assert (rate.rate, rate.source) == (D("0.999"), "coingecko reference")


def test_the_numeraire_itself_is_one():
    assert find_rates(["USDT"], "USDT", [], nothing)["USDT"].rate == 1
