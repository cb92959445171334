"""What was earned, from ledgers made by hand and markets that say what they are told to."""

import csv
import io
import json
from decimal import Decimal, localcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import Unavailable, UsageError
from domain.exit_codes import ExitCode
from domain.movements import DEPOSIT, Delivery, Transfer
from monitoring.accounting.entries import Opening
from monitoring.explaining import MOST_LINES, explain_tables, explanations
from monitoring.ledger.rows import BLIND, Gap, KnownRate
from monitoring.marks import Mark, Seen, listed
from monitoring.pnl import GROUPINGS, Asked, beginning, earnings, gather, value_gathered
from monitoring.pnl_picture import plot_pnl
from monitoring.pnl_report import pnl_report
from monitoring.statement import FIGURES
from tests.market_data.fakes import instrument
from tests.monitoring.earned import (
    DAY,
    HOUR,
    INVERSE,
    MINUTE,
    SPOT,
    SWAP,
    T0,
    Market,
    Trades,
    ledger_at,
    nobody,
    rows_of,
)  # fmt: skip
from utils.rendering.report import emit, to_json

D = Decimal


@pytest.fixture
def ledger(tmp_path):
    with ledger_at(tmp_path) as opened:
        yield opened


@pytest.fixture
def market():
    return Market()


def told(answer, **more):
    """The report's JSON, as a reader has it."""
    return json.loads(to_json(pnl_report(answer, "sim", **more).record))


def test_a_flat_ledger_in_the_numeraire_asks_nobody(ledger):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "0.5", "60000", "15")
    trades.add("sell", "0.5", "61250", "15.3")
    trades.pay("-2.5", T0 + HOUR)
    answer = earnings(ledger, Asked(), nobody)
    record = told(answer)
    row = rows_of(record)[SWAP.symbol]
    assert [row[name] for name in FIGURES] == ["625", "30.3", "-2.5", "0", "592.2"]
    assert [record["total"][name] for name in FIGURES] == ["625", "30.3", "-2.5", "0", "592.2"]
    assert record["incomplete"] == record["rates"] == record["marks"] == []
    assert record["unexplained"] is None, "nobody was asked, which is not the same as nothing unexplained"
    assert answer.exit_code is ExitCode.OK


def test_an_empty_ledger_says_how_to_fill_it(ledger):
    report = pnl_report(earnings(ledger, Asked(), nobody), "sim")
    assert report.summary == [
        "The ledger has no trades of what was asked for; position sync reads them from the venues."
    ]


def test_what_is_open_is_valued_at_the_mark_of_the_venues_position_and_spot_at_the_middle(ledger, market):
    Trades(ledger, SWAP).add("buy", "2", "60000", "10")
    Trades(ledger, SPOT).add("buy", "1", "50000", "5")
    market.holds("okx", SWAP.symbol, "2", "60500", "1000")
    market.price("okx", SPOT.symbol, "60000")
    answer = earnings(ledger, Asked(), market.open)
    rows = rows_of(told(answer))
    assert (rows[SWAP.symbol]["unrealized"], rows[SWAP.symbol]["net"]) == ("1000", "990")
    assert (rows[SPOT.symbol]["unrealized"], rows[SPOT.symbol]["net"]) == ("10000", "9995")
    assert market.opened == [["okx"]]
    sources = {mark["symbol"]: mark["source"] for mark in told(answer)["marks"]}
    assert sources == {SWAP.symbol: "mark price at okx", SPOT.symbol: "mid of the book at okx"}
    assert answer.exit_code is ExitCode.OK


def test_gains_in_a_coin_are_converted_and_the_rate_is_shown(ledger, market):
    trades = Trades(ledger, INVERSE)
    trades.add("buy", "60000", "50000", "0.001")
    trades.add("sell", "60000", "60000", "0.001")
    market.price("deribit", "BTC/USDT", "61000")
    answer = earnings(ledger, Asked(), market.open)
    record = told(answer)
    row = rows_of(record)[INVERSE.symbol]
    assert (row["realized"], row["fees"], row["net"]) == ("12200", "122", "12078")
    assert row["parts"] == [{"venue": "deribit", "currency": "BTC", "realized": "0.2", "fees": "0.002",
                             "funding": "0", "unrealized": "0"}]  # fmt: skip
    (rate,) = record["rates"]
    assert (rate["currency"], rate["price"], rate["source"], rate["symbol"]) == ("BTC", "61000", "deribit", "BTC/USDT")
    (line,) = [line for line in pnl_report(answer, "sim").summary if line.startswith("Rate: ")]
    assert line.startswith("Rate: 1 BTC = 61000 USDT  (deribit BTC/USDT, ")
    assert record["unexplained"] is None
    in_coin = told(earnings(ledger, Asked(numeraire="BTC"), nobody))
    assert in_coin["total"]["net"] == "0.198"


def test_what_no_market_values_is_not_known_rather_than_zero(ledger, market):
    odd = Trades(ledger, instrument("okx", "AAA/XYZ"))
    odd.add("buy", "1", "2", "0")
    odd.add("sell", "1", "5", "0")
    flat = Trades(ledger, SWAP)
    flat.add("buy", "1", "100", "1")
    flat.add("sell", "1", "110", "1")
    answer = earnings(ledger, Asked(), market.open)
    record = told(answer)
    row = rows_of(record)["AAA/XYZ"]
    assert (row["realized"], row["fees"], row["net"]) == (None, "0", None)
    assert row["incomplete"] == ["realized", "net"]
    assert record["total"]["net"] is None
    assert record["total"]["known"]["net"] == "8"
    summary = pnl_report(answer, "sim").summary
    assert "* okx: no market tells what XYZ is worth in USDT." in summary
    assert "The total of net is not known; of the rows where it is, it comes to 8.0000 USDT." in summary


def test_a_venue_that_does_not_answer_leaves_the_open_part_unknown(ledger, market):
    Trades(ledger, SWAP).add("buy", "2", "60000", "10")
    market.fails("okx", Unavailable("okx is down", venue="okx"))
    answer = earnings(ledger, Asked(), market.open)
    row = rows_of(told(answer))[SWAP.symbol]
    assert (row["realized"], row["fees"], row["unrealized"], row["net"]) == ("0", "10", None, None)
    assert answer.exit_code is ExitCode.UNAVAILABLE
    assert any("okx did not tell its positions: okx is down" in lack.text for lack in answer.lacks)
    (cash,) = [item for item in answer.unexplained if item.what == "cash"]
    assert (cash.difference, cash.reason) == (None, "okx: okx is down")
    other = instrument("bybit", SWAP.symbol)
    Trades(ledger, other).add("buy", "1", "60000", "0")
    market.venues.add("bybit", other)
    market.holds("bybit", SWAP.symbol, "1", "60001")
    assert earnings(ledger, Asked(), market.open).exit_code is ExitCode.PARTIAL


def test_a_position_that_the_venue_does_not_have_has_no_mark(ledger, market):
    Trades(ledger, SWAP).add("buy", "2", "60000", "10")
    answer = earnings(ledger, Asked(), market.open)
    assert rows_of(told(answer))[SWAP.symbol]["unrealized"] is None
    assert any("position reconcile" in lack.text for lack in answer.lacks)


def test_where_a_venue_tells_no_mark_price_the_middle_of_its_book_is_taken_and_said(ledger, market):
    Trades(ledger, SWAP).add("sell", "2", "60000", "0")
    market.holds("okx", SWAP.symbol, "-2", None)
    market.price("okx", SWAP.symbol, "59000")
    answer = earnings(ledger, Asked(), market.open)
    record = told(answer)
    assert record["total"]["unrealized"] == "2000"
    assert record["marks"][0]["source"] == "mid of the book at okx, which tells no mark price"


def test_since_counts_what_came_later_at_the_cost_of_what_came_before(ledger):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "1", "100", None, at=T0)
    trades.pay("-7", T0 + HOUR)
    trades.add("sell", "1", "130", "1", at=T0 + DAY)
    record = told(earnings(ledger, Asked(since_ms=T0 + DAY), nobody))
    assert [record["total"][name] for name in FIGURES] == ["30", "1", "0", "0", "29"]
    assert record["total"]["incomplete"] == [], "the fee that is unknown was paid before"
    assert record["since"] == "2026-09-22T00:00:00.000Z"
    whole = told(earnings(ledger, Asked(), nobody))
    assert whole["total"]["incomplete"] == ["fees", "net"]


def test_by_day_what_is_open_stands_apart(ledger, market):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "2", "100", "1", at=T0 + HOUR)
    trades.add("sell", "1", "120", "1", at=T0 + DAY)
    trades.pay("-3", T0 + DAY + HOUR)
    market.holds("okx", SWAP.symbol, "1", "150", "50")
    record = told(earnings(ledger, Asked(by="day"), market.open))
    rows = [(row["day"] or row["kind"], *(row[name] for name in FIGURES)) for row in record["rows"]]
    assert rows == [
        ("2026-09-21", "0", "1", "0", "0", "-1"),
        ("2026-09-22", "20", "1", "-3", "0", "16"),
        ("open", "0", "0", "0", "50", "50"),
    ]
    assert record["total"]["net"] == "65"


def test_by_order_what_no_order_explains_stands_apart(ledger, market):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "2", "100", "1", order="A", client="cb1")
    trades.add("sell", "1", "120", "1", order="B")
    trades.add("sell", "0.5", "120", "1")
    trades.pay("-3", T0 + HOUR)
    market.holds("okx", SWAP.symbol, "0.5", "150")
    record = told(earnings(ledger, Asked(by="order"), market.open))
    rows = [(row.get("order", row["kind"]), *(row[name] for name in FIGURES)) for row in record["rows"]]
    assert rows == [
        ("cb1", "0", "1", "0", "0", "-1"),
        ("B", "20", "1", "0", "0", "19"),
        ("no order", "10", "1", "0", "0", "9"),
        ("open", "0", "0", "-3", "25", "22"),
    ]
    assert record["rows"][0]["order_id"] == "A"


def test_a_delivery_is_no_order_of_anybodys(ledger):
    future = instrument("okx", "BTC/USDT:USDT-261225")
    Trades(ledger, future).add("buy", "1", "100", "0", order="A")
    ledger.add_deliveries([Delivery("okx", future.symbol, "d", T0 + HOUR, D(1), D(120), "USDT")])
    record = told(earnings(ledger, Asked(by="order"), nobody))
    assert [(row["kind"], row["realized"]) for row in record["rows"]] == [("group", "0"), ("delivery", "20")]


moves = st.lists(
    st.tuples(
        st.sampled_from([SPOT, SWAP, INVERSE, instrument("okx", "ETH/USDT:USDT")]),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 5000).map(lambda n: D(n) / 1000),
        st.integers(10_000, 9_999_999).map(lambda n: D(n) / 100),
        st.integers(-300, 900).map(lambda n: D(n) / 777_000),
        st.sampled_from([None, "A", "B"]),
        st.integers(0, 3 * DAY),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves, st.sampled_from(["average", "fifo"]))
def test_every_grouping_has_the_same_total_to_the_last_digit(tmp_path_factory, market, made, method):
    with ledger_at(tmp_path_factory.mktemp("ledger")) as ledger:
        writers = {item: Trades(ledger, item) for item, *_ in made}
        for item, side, size, price, fee, order, at in made:
            writers[item].add(side, str(size), str(price), str(fee), order=order, at=T0 + at)
        market.venues.held.clear()
        for item in writers:
            if item is SPOT:
                market.price("okx", item.symbol, "61234.5")
            else:
                market.holds(item.venue, item.symbol, "1", "61234.5")
        market.price("deribit", "BTC/USDT", "60000.7")
        totals = {}
        for by in GROUPINGS:
            answer = earnings(ledger, Asked(by=by, method=method), market.open)
            total = {figure: answer.total(figure) for figure in FIGURES}
            with localcontext(prec=200):
                parts = total["realized"] + total["unrealized"] - total["fees"] + total["funding"]
                assert total["net"] == parts == sum(row.figures["net"] for row in answer.rows)
            assert not answer.lacking
            totals[by] = total
        assert len({tuple(total.values()) for total in totals.values()}) == 1


def test_incomplete_figures_are_starred_and_each_has_its_sentence(ledger, capsys):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "1", "100", None)
    trades.add("sell", "1", "110", "1")
    ledger.add_gap(Gap("okx", None, BLIND, "okx lists trades by symbol only.", T0, T0 + DAY))
    report = pnl_report(earnings(ledger, Asked(), nobody), "sim")
    emit(report, "table")
    out = capsys.readouterr().out
    assert [line.split()[2:] for line in out.splitlines() if line.startswith(("okx", "total"))] == [
        ["10.0000", "1.0000*", "0.0000", "0.0000", "9.0000*"],
        ["1.0000*", "0.0000*", "0.0000*", "9.0000*"],
    ], "trades that only a symbol's list tells are of other symbols: they are missing in the total"
    assert "* okx BTC/USDT:USDT: the fees of 1 trade are unknown." in out
    assert "* okx lists trades by symbol only." in out
    assert [item["reason"] for item in report.record["incomplete"]] == [
        "okx BTC/USDT:USDT: the fees of 1 trade are unknown.",
        "okx lists trades by symbol only.",
    ]


def test_csv_has_every_digit_and_names_what_is_not_whole(ledger, capsys):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "1", "100.123456789", None)
    trades.add("sell", "1", "110", "1")
    emit(pnl_report(earnings(ledger, Asked(), nobody), "sim", csv=True), "csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[0]["realized"] == "9.876543211"
    assert rows[0]["incomplete"] == "fees net"
    assert rows[-1]["venue"] == "total"


def test_what_the_books_do_not_explain_is_shown(ledger, market):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "2", "60000", "10")
    ledger.set_opening("okx", [], {"USDT": D(1000)}, T0)
    ledger.add_transfers([Transfer("okx", "x", T0 + HOUR, DEPOSIT, "USDT", D(500))])
    market.holds("okx", SWAP.symbol, "2", "60500", "999.5")
    market.owns("okx", USDT="1493", BTC="1")
    found = {(item.what, item.currency): item for item in earnings(ledger, Asked(), market.open).unexplained}
    assert found["unrealized", "USDT"].difference == D("-0.5")
    assert (found["cash", "USDT"].ours, found["cash", "USDT"].difference) == (1490, 3)
    assert found["cash", "BTC"].difference == 1
    summary = pnl_report(earnings(ledger, Asked(), market.open), "sim").summary
    assert "Unexplained: okx USDT cash: the venue has 3.00000000 USDT more than our books explain." in summary
    market.owns("okx", USDT="1490.000000001")
    lines = pnl_report(earnings(ledger, Asked(), market.open), "sim").summary
    assert "Unexplained: 0 in okx cash (USDT)." in lines


def test_of_some_symbols_cash_is_not_compared_and_it_is_said(ledger, market):
    Trades(ledger, SWAP).add("buy", "2", "60000", "10")
    market.holds("okx", SWAP.symbol, "2", "60500", "1000")
    answer = earnings(ledger, Asked(symbols=(SWAP.symbol,)), market.open)
    assert [item.what for item in answer.unexplained] == ["unrealized"]
    assert pnl_report(answer, "sim").summary[-1] == (
        "The venues' cash is of all symbols: leave --symbol out to compare it."
    )


def explained(ledger, answer):
    return explanations(answer, ledger.rates(), ledger.rate_sources())


def test_a_closing_is_explained_with_the_formula_filled_in(ledger):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "0.5", "60000", "15", order="A")
    trades.add("sell", "0.5", "61250", "15")
    trades.add("sell", "0.5", "60000", "15")
    trades.add("buy", "0.5", "61250", "15")
    trades.pay("-2.5", T0 + 2 * MINUTE, "0.0001")
    (group,) = explained(ledger, earnings(ledger, Asked(keep=True), nobody))
    assert group["group"] == {"venue": "okx", "symbol": SWAP.symbol}
    how = [line["how"] for line in group["lines"]]
    assert how[:3] == [
        None, "(61,250 − 60,000) × 0.5 = 625", "paid 2.5 USDT for holding 0 at a rate of 0.0001",
    ]  # fmt: skip
    assert how[4] == "(60,000 − 61,250) × 0.5 = -625"
    assert group["lines"][0] | {"order_id": "A", "side": "buy", "size": D("0.5"), "value": 30000} == group["lines"][0]


def test_an_entry_price_that_never_ends_is_explained_by_what_was_paid(ledger):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "1", "100")
    trades.add("buy", "2", "101")
    trades.add("sell", "3", "103")
    (group,) = explained(ledger, earnings(ledger, Asked(keep=True), nobody))
    assert group["lines"][2]["how"] == "103 × 3 − 302 paid = 7"


def test_inverse_closings_fees_in_coins_marks_and_rates_are_explained(ledger, market):
    trades = Trades(ledger, INVERSE)
    trades.add("buy", "100000", "50000", "0")
    trades.add("sell", "60000", "60000", "0")
    spot = Trades(ledger, SPOT)
    spot.add("buy", "1", "100", "0.01", currency="BNB")
    spot.add("buy", "1", "100", "0.01", currency="BTC")
    spot.add("sell", "1.99", "100", "0")
    ledger.add_rates([KnownRate("okx", "BNB", "USDT", T0 + MINUTE, D(600), "BNB/USDT candles")])
    market.holds("deribit", INVERSE.symbol, "40000", "62500")
    market.price("deribit", "BTC/USDT", "61000")
    coin, dollars = explained(ledger, earnings(ledger, Asked(keep=True), market.open))
    texts = [line["how"] for line in coin["lines"]]
    assert texts[1] == "(1/50,000 − 1/60,000) × 60,000 = 0.2"
    assert texts[2] == "(1/50,000 − 1/62,500) × 40,000 = 0.16; mark price at deribit"
    assert texts[3].startswith("realized: 0.2 BTC × 61,000 = 12,200 USDT; 1 BTC = 61000 USDT  (deribit BTC/USDT, ")
    fees = [(line["fee_value"], line["fee_rate"], line["fee_rate_source"]) for line in dollars["lines"][:2]]
    assert fees == [(6, 600, "BNB/USDT candles"), (1, 100, "the trade's own price")]


def test_fifo_names_the_lots_that_a_closing_took(ledger):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "1", "100")
    trades.add("buy", "2", "110")
    trades.add("sell", "2", "120")
    trades.add("sell", "1", "110")
    (group,) = explained(ledger, earnings(ledger, Asked(method="fifo", keep=True), nobody))
    assert [(lot["trade_id"], lot["size"], lot["realized"]) for lot in group["lines"][2]["lots"]] == [
        ("t1", 1, 20), ("t2", 1, 10)
    ]  # fmt: skip


def test_a_table_explains_a_thousand_lines_a_group_and_says_how_many_there_are(ledger):
    found = [{"group": {"venue": "okx"}, "lines": [{"kind": "fill", "side": "buy"}] * (MOST_LINES + 5)}]
    (table,) = explain_tables(found)
    assert len(table.rows) == MOST_LINES + 1
    assert table.rows[-1][-1] == "… 5 lines more: --json has all"


def test_the_opening_is_part_of_the_cost_but_no_entry_of_its_own(ledger):
    trades = Trades(ledger, SWAP)
    trades.add("sell", "3", "110", "0", at=T0 + MINUTE)
    ledger.set_opening("okx", [Opening("okx", SWAP.symbol, T0, D(3), D(100))], {}, T0)
    answer = earnings(ledger, Asked(keep=True), nobody)
    assert answer.total("realized") == 30
    assert [line["kind"] for line in explained(ledger, answer)[0]["lines"]] == ["fill"]


def test_a_picture_is_drawn(ledger, tmp_path):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "0.5", "60000", "15")
    trades.add("sell", "0.5", "61250", "15")
    target = tmp_path / "pnl.png"
    sentence = plot_pnl(earnings(ledger, Asked(keep=True), nobody), "sim", str(target))
    assert target.read_bytes().startswith(b"\x89PNG")
    assert sentence == f"The picture is in {target}."
    with pytest.raises(UsageError):
        plot_pnl(earnings(ledger, Asked(keep=True, since_ms=T0 + DAY), nobody), "sim", str(target))


@pytest.mark.parametrize(
    ("text", "before_ms"),
    [("1d", DAY), ("2026-09-20", DAY), ("2026-09-20T23:00:00Z", HOUR), ("2026-09-21T01:00+02:00", HOUR)],
)
def test_a_period_begins_at_a_span_before_now_or_at_a_date(text, before_ms):
    assert beginning(text, T0) == T0 - before_ms


@pytest.mark.parametrize("text", ["yesterday", "2027-01-01", "", "0d"])
def test_what_is_no_beginning_is_refused(text):
    with pytest.raises(UsageError):
        beginning(text, T0)


def test_a_venue_that_was_taken_out_of_the_configuration_has_no_mark_and_the_rest_stands(ledger, market):
    Trades(ledger, instrument("gone", SWAP.symbol)).add("buy", "1", "60000", "0")
    Trades(ledger, SWAP).add("buy", "1", "60000", "0")
    market.holds("okx", SWAP.symbol, "1", "60001")
    answer = earnings(ledger, Asked(by="venue"), lambda names: market.open(listed(names, ["okx"])))
    assert rows_of(told(answer), "venue")["okx"]["net"] == "1"
    assert rows_of(told(answer), "venue")["gone"]["net"] is None
    (lack,) = answer.lacks
    assert "gone is not among the venues of the configuration" in lack.text
    assert answer.exit_code is ExitCode.PARTIAL
    assert market.opened == [["okx"]]


def test_what_was_gathered_can_be_valued_again_with_other_marks(ledger):
    Trades(ledger, SWAP).add("buy", "1", "60000", "1")
    gathered = gather(ledger, Asked())
    assert gathered.currencies() == [("USDT", "okx")]
    nets = []
    for price in ("60010", None, "60020"):
        seen = Seen("USDT", marks={("okx", SWAP.symbol): Mark(None if price is None else D(price), "told")})
        nets.append(value_gathered(gathered, seen).total("net"))
    assert nets == [9, None, 19]
