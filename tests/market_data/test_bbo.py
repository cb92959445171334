import threading
import time
from decimal import Decimal

import pytest

from domain.errors import GeoBlocked, RateLimited, Retired, UnknownSymbol, Unsupported, UsageError
from domain.exit_codes import ExitCode
from market_data.bbo import Wanted, best_prices
from market_data.bbo_report import bbo_report
from market_data.cross import find_cross
from market_data.impact import order_of, price_impact
from market_data.quotes import VenueRow
from market_data.references import Reference
from tests.market_data.fakes import FakeVenues, config, instrument, soon
from utils.config.settings import VenueSettings

D = Decimal


def ask(venues, *symbols, explicit=False, settings=None, seconds=5.0, **wanted):
    symbols = symbols or ("BTC/USDT",)
    return best_prices(venues, settings or config(), soon(seconds), symbols, Wanted(**wanted), explicit=explicit)


def two_venues():
    venues = FakeVenues()
    venues.add_book("one", "BTC/USDT", [["100.10", "1"], ["100.00", "4"]], [["100.30", "2"], ["100.50", "4"]])
    venues.add_book("two", "BTC/USDT", [["100.20", "1"], ["99.00", "4"]], [["100.40", "2"], ["100.50", "1"]], "0.0005")
    return venues


def by_venue(answer):
    return {row.venue: row for row in answer.rows}


def test_the_best_bid_and_ask_are_found_with_mid_and_spread():
    (answer,) = ask(two_venues())
    assert (answer.best_bid.venue, answer.best_bid.bid) == ("two", D("100.20"))
    assert (answer.best_ask.venue, answer.best_ask.ask) == ("one", D("100.30"))
    assert answer.mid == D("100.25")
    assert answer.spread_bps == D("9.975")
    assert not answer.crossed
    assert answer.exit_code is ExitCode.OK


def test_the_record_has_exactly_the_promised_keys():
    record = bbo_report(ask(two_venues()), "sim").record
    assert set(record) >= {"environment", "symbol", "best_bid", "best_ask", "mid", "spread_bps", "crossed", "venues"}
    assert set(record["best_bid"]) == {"venue", "price", "size"}
    assert list(record["venues"][0])[:14] == [
        "venue", "symbol", "status", "reason", "bid", "bid_size", "ask", "ask_size", "taker_fee_bps", "venue_time_ms",
        "received_at_ms", "age_ms", "latency_ms", "source",
    ]  # fmt: skip


def test_one_failing_venue_is_a_row_with_its_reason_and_the_rest_stands():
    venues = two_venues()
    venues.add_book("three", "BTC/USDT", GeoBlocked("not served from here", venue="three"))
    (answer,) = ask(venues)
    assert answer.exit_code is ExitCode.PARTIAL
    assert (by_venue(answer)["three"].status, by_venue(answer)["three"].reason) == (
        "geo_blocked",
        "not served from here",
    )
    assert answer.best_bid.venue == "two"


def test_a_hanging_venue_costs_the_deadline_and_no_more():
    venues = two_venues()
    slow = venues.add_book("slow", "BTC/USDT", [["1", "1"]], [["2", "1"]])
    slow.block = threading.Event()
    started = time.monotonic()
    (answer,) = ask(venues, seconds=0.3)
    slow.block.set()
    assert time.monotonic() - started < 3
    assert by_venue(answer)["slow"].status == "unavailable"
    assert "no answer within" in by_venue(answer)["slow"].reason
    assert answer.best_ask.venue == "one"


def test_when_nobody_answers_it_is_six_and_seven_when_all_are_rate_limited():
    venues = FakeVenues()
    venues.add_book("one", "BTC/USDT", RateLimited("wait"))
    assert ask(venues)[0].exit_code is ExitCode.RATE_LIMITED
    venues.add_book("two", "BTC/USDT", GeoBlocked("no"))
    (answer,) = ask(venues)
    assert answer.exit_code is ExitCode.UNAVAILABLE
    assert (answer.best_bid, answer.best_ask, answer.mid, answer.crossed) == (None, None, None, False)


def test_a_stale_quote_is_shown_and_never_wins():
    venues = two_venues()
    venues.connector("two").age_ms = 60_000
    (answer,) = ask(venues)
    assert by_venue(answer)["two"].status == "stale"
    assert by_venue(answer)["two"].bid == D("100.20")
    assert answer.best_bid.venue == "one"
    assert answer.exit_code is ExitCode.PARTIAL


def test_a_known_clock_offset_does_not_make_a_fresh_quote_stale():
    venues = two_venues()
    venues.connector("two").offset_ms = -60_000
    assert by_venue(ask(venues)[0])["two"].status == "ok"


def test_a_venue_crossed_in_itself_never_wins():
    venues = two_venues()
    venues.add_book("mad", "BTC/USDT", [["200", "1"]], [["1", "1"]])
    (answer,) = ask(venues)
    assert by_venue(answer)["mad"].status == "crossed"
    assert (answer.best_bid.venue, answer.best_ask.venue) == ("two", "one")


def test_a_price_that_is_no_number_fails_its_venue_only():
    venues = two_venues()
    venues.add_book("odd", "BTC/USDT", [["NaN", "1"]], [["1", "1"]])
    (answer,) = ask(venues)
    assert by_venue(answer)["odd"].status == "unavailable"
    assert answer.best_bid.venue == "two"


def test_venues_that_cross_tell_what_it_earns():
    venues = two_venues()
    venues.add_book("rich", "BTC/USDT", [["101", "3"]], [["102", "3"]], "0")
    (answer,) = ask(venues)
    assert answer.crossed
    assert (answer.cross.buy_venue, answer.cross.sell_venue) == ("one", "rich")
    assert answer.cross.net == (D(101) - D("100.30") * D("1.001")) * 2


def test_a_venue_that_does_not_list_it_names_its_near_match_and_is_not_counted():
    venues = two_venues()
    venues.add_book("dollar", "BTC/USDC", [["100", "1"]], [["101", "1"]])
    (answer,) = ask(venues)
    row = by_venue(answer)["dollar"]
    assert (row.status, row.extra["near"]) == ("not_listed", "BTC/USDC")
    assert "BTC/USDC" in row.reason
    assert answer.exit_code is ExitCode.OK
    assert ask(venues, explicit=True)[0].exit_code is ExitCode.PARTIAL


def test_a_symbol_that_nobody_lists_names_near_matches():
    venues = FakeVenues()
    venues.add_book("dollar", "BTC/USDC", [["100", "1"]], [["101", "1"]])
    with pytest.raises(UnknownSymbol) as caught:
        ask(venues)
    assert caught.value.exit_code is ExitCode.USAGE
    assert "BTC/USDC" in caught.value.hint
    with pytest.raises(UnknownSymbol) as caught:
        ask(venues, "BCT/USDC")
    assert "BTC/USDC" in caught.value.hint


def test_a_native_id_is_understood_and_said():
    (answer,) = ask(two_venues(), "BTC-USDT")
    assert answer.symbol == "BTC/USDT"
    assert "BTC-USDT was read as BTC/USDT." in answer.notes


def test_a_multiplied_listing_is_found_and_shown_per_asked_unit():
    venues = FakeVenues()
    venues.add_book("unit", "PEPE/USDT:USDT", [["0.0000100", "5000"]], [["0.0000102", "5000"]])
    venues.add_book("kilo", "1000PEPE/USDT:USDT", [["0.01010", "7"]], [["0.01020", "8"]])
    (answer,) = ask(venues, "PEPE/USDT:USDT")
    kilo = by_venue(answer)["kilo"]
    assert (kilo.bid, kilo.bid_size, kilo.ask_size) == (D("0.0000101"), 7000, 8000)
    assert kilo.extra["multiplier"] == 1000
    assert answer.best_bid is kilo
    (answer,) = ask(venues, "1000PEPE/USDT:USDT")
    assert by_venue(answer)["unit"].bid == D("0.01")
    assert by_venue(answer)["unit"].bid_size == 5


def test_a_size_is_priced_by_walking_the_book_after_the_taker_fee():
    (answer,) = ask(two_venues(), size=D(3))
    one, two = by_venue(answer)["one"], by_venue(answer)["two"]
    assert float(one.ask) == pytest.approx((200.6 + 100.5) / 3 * 1.001, abs=1e-5)
    assert float(two.ask) == pytest.approx((200.8 + 100.5) / 3 * 1.0005, abs=1e-5)
    assert float(one.bid) == pytest.approx((100.1 + 200) / 3 * 0.999, abs=1e-5)
    assert answer.best_ask is one
    assert one.extra["top_ask"] == D("100.30")
    assert float(one.extra["ask_before_fee"]) == pytest.approx((200.6 + 100.5) / 3, abs=1e-5)


def test_a_notional_is_priced_like_a_size():
    (answer,) = ask(two_venues(), quote_size=D("301.1"))
    assert by_venue(answer)["one"].ask_size == 3
    assert float(by_venue(answer)["one"].ask) == pytest.approx(301.1 / 3 * 1.001, abs=1e-5)


def test_a_book_too_thin_says_what_is_there_and_never_wins():
    (answer,) = ask(two_venues(), size=D(4))
    two = by_venue(answer)["two"]
    assert two.ask is None
    assert two.ask_size == 3
    assert "asks hold 3" in two.reason
    assert answer.best_ask.venue == "one"
    (none,) = ask(two_venues(), size=D(400))
    assert (none.best_bid, none.best_ask) == (None, None)


def test_a_thin_book_is_fetched_deeper_once():
    venues = FakeVenues()
    rows = [[str(1000 + level), "1"] for level in range(400)]
    deep = venues.add_book("deep", "BTC/USDT", [["999", "1000"]], rows)
    (answer,) = ask(venues, size=D(300))
    assert deep.depths == [100, 500]
    assert answer.best_ask.ask_size == 300
    ask(venues, size=D(50))
    assert deep.depths == [100, 500, 100]


def test_an_unknown_fee_does_not_win_a_comparison_after_fees():
    venues = two_venues()
    venues.add_book("free", "BTC/USDT", [["1", "9"]], [["50", "9"]], None)
    (answer,) = ask(venues, size=D(1))
    assert answer.best_ask.venue != "free"
    assert "taker fee unknown" in by_venue(answer)["free"].reason
    own = config(free=VenueSettings("free", "x:Y", taker_fee_bps=D(10)))
    assert ask(venues, size=D(1), settings=own)[0].best_ask.venue == "free"


def test_a_venue_without_a_book_is_unsupported_for_a_size():
    venues = two_venues()
    venues.add_book("ticks", "BTC/USDT", Unsupported("ticks has no order book."))
    assert by_venue(ask(venues, size=D(1))[0])["ticks"].status == "unsupported"


def test_both_sizes_at_once_are_refused():
    with pytest.raises(UsageError):
        Wanted.checked(D(1), D(2), None, False)


def test_several_symbols_give_an_array_and_the_exit_code_covers_all():
    venues = two_venues()
    venues.add_book("one", "ETH/USDT", GeoBlocked("no"))
    answers = ask(venues, "BTC/USDT", "ETH/USDT")
    report = bbo_report(answers, "sim")
    assert [record["symbol"] for record in report.record] == ["BTC/USDT", "ETH/USDT"]
    assert [answer.exit_code for answer in answers] == [ExitCode.OK, ExitCode.UNAVAILABLE]
    assert report.exit_code is ExitCode.PARTIAL


def test_a_retired_venue_is_a_row_that_does_not_count_and_alone_it_is_a_refusal():
    venues = two_venues()
    venues.retired["closed"] = "2026-07-26, wound down"
    (answer,) = ask(venues)
    assert by_venue(answer)["closed"].status == "retired"
    assert answer.exit_code is ExitCode.OK
    alone = FakeVenues()
    alone.retired["closed"] = "2026-07-26, wound down"
    with pytest.raises(Retired):
        ask(alone)


def test_a_venue_whose_list_could_not_be_had_is_not_taken_for_one_that_lists_nothing():
    venues = two_venues()
    venues.add("down")
    venues.failures["down"] = RateLimited("wait")
    (answer,) = ask(venues)
    assert by_venue(answer)["down"].status == "rate_limited"
    assert answer.exit_code is ExitCode.PARTIAL
    nobody = FakeVenues()
    nobody.add("down")
    nobody.failures["down"] = GeoBlocked("no")
    assert ask(nobody)[0].exit_code is ExitCode.UNAVAILABLE


def with_basis():
    venues = two_venues()
    venues.add_book("coin", "BTC/USDC", [["100.40", "9"], ["100", "9"]], [["100.60", "9"]], "0")
    venues.add_book("coin", "USDC/USDT", [["0.9980", "1"]], [["0.9982", "1"]])
    return venues


def test_a_numeraire_brings_other_dollars_in_with_the_basis_shown():
    (answer,) = ask(with_basis(), numeraire="USDT")
    coin = by_venue(answer)["coin"]
    assert float(coin.bid) == pytest.approx(100.40 * 0.9981, abs=1e-4)
    assert coin.status == "ok"
    record = bbo_report([answer], "sim").record
    assert record["numeraire"] == "USDT"
    (basis,) = record["basis"]
    assert (basis["currency"], basis["rate"], basis["source"]) == ("USDC", D("0.9981"), "coin")


def test_a_numeraire_other_than_the_symbols_converts_all():
    (answer,) = ask(with_basis(), numeraire="USDC")
    assert float(by_venue(answer)["one"].bid) == pytest.approx(100.10 / 0.9981, abs=1e-3)
    assert by_venue(answer)["coin"].bid == D("100.40")


def test_a_notional_is_counted_in_the_numeraire():
    (answer,) = ask(with_basis(), numeraire="USDT", quote_size=D("99.81"))
    assert float(by_venue(answer)["coin"].ask_size) == pytest.approx(100 / 100.6, rel=1e-9)


def test_a_book_without_a_basis_is_shown_and_never_wins():
    venues = two_venues()
    venues.add_book("coin", "BTC/USDC", [["500", "9"]], [["501", "9"]])
    (answer,) = ask(venues, numeraire="USDT")
    assert by_venue(answer)["coin"].bid == 500
    assert "no basis" in by_venue(answer)["coin"].reason
    assert answer.best_bid.venue == "two"


def test_a_numeraire_needs_a_symbol_in_dollars():
    venues = FakeVenues()
    venues.add_book("one", "ETH/BTC", [["0.05", "1"]], [["0.06", "1"]])
    with pytest.raises(UsageError, match="dollars"):
        ask(venues, "ETH/BTC", numeraire="USDT")


def test_options_have_no_numeraire():
    venues = FakeVenues()
    venues.add_book("one", "BTC/USD:BTC-261225-100000-C", [["0.05", "1"]], [["0.06", "1"]])
    with pytest.raises(UsageError, match="options"):
        ask(venues, "BTC/USD:BTC-261225-100000-C", numeraire="USDT")
    assert ask(venues, "BTC/USD:BTC-261225-100000-C")[0].best_bid.bid == D("0.05")


class Source:
    """A reference source that counts how often it is asked."""

    def __init__(self, price="100"):
        self.asked = []
        self.price = price

    def __call__(self, venues, config, asset, quote, deadline):
        self.asked.append(f"{asset}/{quote}")
        return Reference("source", f"{asset}/{quote}", D(self.price), 0, 5)


@pytest.fixture
def source(monkeypatch):
    made = Source()
    monkeypatch.setattr("market_data.bbo.reference_price", made)
    return made


def test_a_reference_is_asked_for_when_every_venue_has_failed(source):
    venues = FakeVenues()
    venues.add_book("one", "1000PEPE/USDT:USDT", GeoBlocked("no"))
    (answer,) = ask(venues, "1000PEPE/USDT:USDT")
    assert (answer.reference.price, source.asked) == (100_000, ["PEPE/USDT"])
    assert answer.exit_code is ExitCode.UNAVAILABLE
    record = bbo_report([answer], "sim").record["reference"]
    assert record["label"] == "reference – cannot be traded"


def test_a_reference_comes_within_the_deadline_when_venues_are_silent(source):
    venues = FakeVenues()
    slow = venues.add_book("slow", "BTC/USDT", [["1", "1"]], [["2", "1"]])
    slow.block = threading.Event()
    started = time.monotonic()
    (answer,) = ask(venues, seconds=0.5)
    slow.block.set()
    assert time.monotonic() - started < 3
    assert answer.reference.price == 100
    assert len(source.asked) == 1


def test_no_reference_is_asked_for_while_a_venue_answers(source):
    venues = two_venues()
    assert ask(venues)[0].reference is None
    assert source.asked == []
    assert ask(venues, reference=True)[0].reference.price == 100


def test_a_reference_is_asked_for_when_all_that_came_is_stale(source):
    venues = two_venues()
    for name in venues.names:
        venues.connector(name).age_ms = 60_000
    (answer,) = ask(venues)
    assert answer.reference.price == 100
    assert answer.exit_code is ExitCode.VERIFICATION_FAILED


def test_an_indication_that_crosses_a_one_sided_book_is_told_and_breaks_nothing():
    row = VenueRow("ticks", "BTC/USDT")
    row.bid, row.bid_wins = D(101), True
    book = VenueRow("book", "BTC/USDT", taker_fee_bps=D(10))
    book.ask, book.ask_size, book.ask_wins = D(100), D(1), True
    cross = find_cross([row, book])
    assert (cross.buy_venue, cross.sell_venue, cross.gross_per_unit) == ("book", "ticks", 1)
    assert (cross.net, cross.size) == (None, None)


def test_a_silent_venue_does_not_make_the_prices_of_the_others_stale():
    venues = two_venues()
    venues.add_book("hanging", "BTC/USDT", [["100", "1"]], [["101", "1"]])
    venues.connectors["hanging"].block = threading.Event()
    (answer,) = ask(venues, settings=config(stale_after_ms=600), seconds=10)
    venues.connectors["hanging"].block.set()
    rows = by_venue(answer)
    assert (rows["one"].status, rows["two"].status) == ("ok", "ok")
    assert rows["hanging"].status == "unavailable"
    assert answer.exit_code is ExitCode.PARTIAL


OPTION_SYMBOL = "BTC/USD:BTC-261225-100000-C"


def option_venues():
    venues = FakeVenues()
    listed = instrument(
        "deribit", OPTION_SYMBOL, "0.0003", kind="option", settle="BTC", option_type="call", strike=D(100000)
    )
    venues.add("deribit", listed).books[OPTION_SYMBOL] = ([["0.0500", "3"]], [["0.0520", "2"]])
    return venues


def test_an_option_priced_in_its_coin_says_so_and_its_fee_is_not_taken_for_a_share_of_the_price():
    (answer,) = ask(option_venues(), OPTION_SYMBOL, reference=True)
    row = answer.rows[0].record()
    assert (row["bid"], row["priced_in"], row["taker_fee_bps"]) == (D("0.0500"), "BTC", None)
    assert "priced in BTC" in bbo_report([answer], "sim").tables[0].title
    assert answer.reference.price is None


def test_an_option_has_no_price_after_fees_and_no_notional():
    for wanted in ({"size": D(1)}, {"quote_size": D(100)}, {"numeraire": "USDT"}):
        with pytest.raises(UsageError):
            ask(option_venues(), OPTION_SYMBOL, **wanted)
    with pytest.raises(UsageError, match="priced in BTC"):
        price_impact(option_venues(), config(), soon(), OPTION_SYMBOL, order_of("buy", D(100), None), curve=False,
                     explicit=False)  # fmt: skip
    answer = price_impact(
        option_venues(), config(), soon(), OPTION_SYMBOL, order_of("buy", None, D(1)), curve=False, explicit=False
    )
    cost = answer.costs["deribit"]
    assert (cost.average_price, cost.fee, cost.total) == (D("0.0520"), None, None)
    assert "underlying" in answer.left_out["deribit"]
