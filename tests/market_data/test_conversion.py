from decimal import Decimal

import pytest

from domain.errors import GeoBlocked, UsageError
from market_data.conversion import SPOT_THEN_PERPETUAL, Conversion, numeraire_of, pairs
from tests.market_data.fakes import FakeVenues, config, instrument, soon

D = Decimal


class Listing(FakeVenues):
    """Fake venues, whose instruments can be found one by one, and which say how often they were asked."""

    def find(self, venue, symbol):
        return self.find_everywhere([venue], symbol).get(venue)

    def start(self, deadline):
        pass

    def market(self, venue, symbol, bid, ask):
        return self.add_book(venue, symbol, [[bid, "1"]], [[ask, "1"]])

    def asked(self, venue):
        return len(self.connectors[venue].depths)


@pytest.fixture
def venues():
    made = Listing()
    made.market("one", "BTC/USDT", "60000", "60002")
    made.market("two", "BTC/USDT", "60001", "60003")
    return made


def conversion(venues, numeraire="USDT"):
    return Conversion(venues, config(), soon(), numeraire)


def test_the_numeraire_itself_is_one_and_nobody_is_asked(venues):
    rate = conversion(venues).rate("USDT", "one")
    assert (rate.price, rate.source) == (1, "same currency")
    assert venues.asked("one") == venues.asked("two") == 0


def test_the_venues_own_mid_decides_and_is_asked_for_once(venues):
    rates = conversion(venues)
    rate = rates.rate("BTC", "two")
    assert (rate.price, rate.source, rate.symbol) == (D("60002"), "two", "BTC/USDT")
    assert rate.age_ms >= 5
    assert rates.rate("BTC", "two") is rate
    assert (venues.asked("one"), venues.asked("two")) == (0, 1)


def test_without_a_venue_the_middle_over_all_decides(venues):
    rate = conversion(venues).rate("BTC")
    assert rate.price == D("60001.5")
    assert set(rate.source.split(", ")) == {"one", "two"}


def test_a_venue_without_the_pair_leaves_it_to_the_others(venues):
    venues.market("three", "ETH/USDT", "3000", "3002")
    assert conversion(venues).rate("BTC", "three").price == D("60001.5")


def test_a_pair_the_other_way_round_is_inverted(venues):
    rate = conversion(venues, "BTC").rate("USDT", "one")
    assert rate.price == (1 / D("60001")).quantize(D("1e-18"))
    assert rate.symbol == "BTC/USDT"


def test_what_has_no_market_against_the_numeraire_goes_over_a_dollar(venues):
    venues.market("one", "USDC/USDT", "0.9990", "1.0010")
    venues.market("one", "KCS/USDC", "10", "12")
    rate = conversion(venues).rate("KCS", "one")
    assert rate.price == 11
    assert rate.symbol == "KCS/USDC × USDC/USDT"
    assert not rate.assumed


def test_two_dollars_without_a_market_are_taken_as_equal_and_it_is_said(venues):
    rate = conversion(venues).rate("USD", "one")
    assert (rate.price, rate.assumed) == (1, True)
    assert "taken as equal" in rate.text
    through = conversion(venues, "USD").rate("BTC", "one")
    assert (through.price, through.assumed) == (D("60001"), True)


def test_two_dollars_with_a_market_are_not_taken_as_equal(venues):
    venues.market("two", "USDC/USDT", "0.9980", "0.9990")
    rate = conversion(venues).rate("USDC", "one")
    assert (rate.price, rate.assumed, rate.source) == (D("0.9985"), False, "two")


def test_what_nobody_lists_has_no_rate(venues):
    rates = conversion(venues)
    assert rates.rate("NOSUCHCOIN", "one") is None
    assert rates.failures == []


def test_a_venue_that_does_not_answer_is_named_and_the_others_decide(venues):
    venues.add_book("three", "BTC/USDT", GeoBlocked("not served from here", venue="three"))
    rates = conversion(venues)
    assert rates.rate("BTC", "three").price == D("60001.5")
    assert rates.failures == ["three does not tell the price of BTC/USDT: not served from here"]


def test_a_stale_or_one_sided_price_is_no_rate(venues):
    venues.market("old", "XYZ/USDT", "5", "6").age_ms = 60_000
    venues.add_book("half", "ABC/USDT", [["5", "1"]], [])
    rates = conversion(venues)
    assert rates.rate("XYZ", "old") is None
    assert rates.rate("ABC", "half") is None
    assert any("60." in failure and "old XYZ/USDT" in failure for failure in rates.failures)


def test_loading_asks_for_all_and_answers_at_once(venues):
    venues.market("one", "ETH/USDT", "3000", "3002")
    rates = conversion(venues)
    rates.load([("BTC", "one"), ("ETH", "one"), ("BTC", "one"), ("USDT", "one")])
    asked = venues.asked("one")
    assert asked == 2
    assert rates.rate("ETH", "one").price == 3001
    assert venues.asked("one") == asked


def test_pairs_are_spot_first_and_never_inverse(venues):
    venues.listed += [
        instrument("one", "BTC/USDC:USDC"),
        instrument("one", "BTC/USD:BTC", inverse=True),
        instrument("one", "USDT/USD:USD"),
    ]
    found = [(pair.instrument.symbol, pair.turned) for pair in pairs(venues, "one", "BTC", ("USDT", "USDC", "USD"),
                                                                     SPOT_THEN_PERPETUAL)]  # fmt: skip
    assert found == [("BTC/USDT", False), ("BTC/USDC:USDC", False)]
    assert [pair.turned for pair in pairs(venues, "one", "USDT", ("BTC", "USD"))] == [True]


def test_renewed_rates_are_asked_for_anew_at_the_venues_that_are_open_already(venues, monkeypatch):
    opened, deadlines = [], []
    venues.start = deadlines.append
    monkeypatch.setattr("market_data.consolidated.all_venues", lambda *_: opened.append(venues) or venues)
    rates = conversion(venues)
    assert rates.rate("BTC").price == D("60001.5")
    venues.market("one", "BTC/USDT", "61000", "61002")
    venues.market("two", "BTC/USDT", "61001", "61003")
    assert rates.rate("BTC").price == D("60001.5")
    later = soon()
    rates.renew(later)
    assert rates.rate("BTC").price == D("61001.5")
    assert (len(opened), deadlines[-1]) == (1, later)


def test_dollars_that_nothing_compares_with_the_numeraire_are_all_equal_to_it(venues):
    venues.market("one", "USDC/USDT", "1.0003", "1.0004")
    rates = conversion(venues, "USD")
    assert [rates.rate(dollar, "one").price for dollar in ("USDT", "USDC")] == [1, 1]
    assert all(rates.rate(dollar, "one").assumed for dollar in ("USDT", "USDC", "BTC"))
    assert rates.rate("BTC", "one").price == D("60001")
    assert conversion(venues, "USDT").rate("USDC", "one").price == D("1.00035")


def test_a_numeraire_is_a_currency():
    assert numeraire_of(" usdt ") == "USDT"
    for text in ("", " ", "BTC/USDT", "a b", "\u20ac"):
        with pytest.raises(UsageError, match="is no currency"):
            numeraire_of(text)
