"""What single orders earned: lots followed first in first out, fees and funding shared by size."""

import json
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Unavailable
from domain.exit_codes import ExitCode
from domain.movements import Delivery
from domain.orders import FundingPayment
from monitoring.accounting.book import FIFO
from monitoring.accounting.entries import Opening
from monitoring.ledger.rows import KnownRate
from monitoring.order_result import NoSuchOrder, OrderKnown, in_ledger, order_result
from monitoring.order_result_report import order_result_report
from monitoring.statement import read_statement
from tests.market_data.fakes import instrument
from tests.monitoring.earned import DAY, HOUR, INVERSE, MINUTE, SPOT, SWAP, T0, Market, Trades, ledger_at, nobody
from utils.rendering.report import emit, to_json

D = Decimal
MUST_HAVE = (
    "connector_name", "pair_name", "entry_timestamp", "entry_timestamp_ms", "entry_price", "quantity", "position_side",
    "NetPnL", "NetPnL_currency", "fees", "funding", "realized", "unrealized", "status",
)  # fmt: skip


@pytest.fixture
def ledger(tmp_path):
    with ledger_at(tmp_path) as opened:
        yield opened


@pytest.fixture
def market():
    return Market()


def known(order="A", item=SWAP, **more):
    return OrderKnown(item.venue, item.symbol, more.pop("client_id", None), frozenset({order}), **more)


def told(ledger, order, open_run=nobody, numeraire="USDT"):
    report = order_result_report(ledger, order, numeraire, "sim", open_run)
    return json.loads(to_json(report.record)), report


def figures(record):
    return [record[name] for name in ("realized", "fees", "funding", "unrealized", "NetPnL")]


def test_what_an_order_opened_earns_its_closings_and_its_mark_minus_its_share_of_fees_plus_of_funding(ledger, market):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "2", "100", "2", order="A", at=T0)
    trades.add("buy", "2", "110", "2", order="B", at=T0 + MINUTE)
    trades.pay("-4", T0 + HOUR, "0.0001")
    trades.add("sell", "3", "120", "3", order="C", at=T0 + 2 * HOUR)
    trades.pay("-5", T0 + 3 * HOUR)
    market.holds("okx", SWAP.symbol, "1", "130", "20")
    first, report = told(ledger, known("A", side="buy", size=D(2), filled=D(2), status="filled"))
    assert set(MUST_HAVE) <= set(first)
    assert figures(first) == ["40", "4", "-2", "0", "34"]
    assert (first["connector_name"], first["pair_name"], first["position_side"]) == ("okx", SWAP.symbol, "long")
    assert (first["entry_timestamp"], first["entry_timestamp_ms"]) == ("2026-09-21T00:00:00.000Z", T0)
    assert (first["entry_price"], first["quantity"], first["NetPnL_currency"]) == ("100", "2", "USDT")
    assert first["NetPnL_numeraire"] == "34"
    assert report.summary[0] == "It is filled."
    second, _ = told(ledger, known("B"), market.open)
    assert figures(second) == ["10", "3", "-7", "20", "20"]
    assert second["parts"][0]["open_size"] == "1"
    assert second["mark_source"] == "mark price at okx"
    closing, _ = told(ledger, known("C"))
    assert figures(closing) == ["50", "3", "0", "0", "47"]
    assert (closing["position_side"], closing["quantity"], closing["entry_timestamp_ms"]) == ("long", "3", T0)
    assert D(closing["entry_price"]).quantize(D("1e-9")) == D("103.333333333")


def test_a_flip_shows_what_it_closed_and_what_it_opened(ledger, market):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "1", "100", "1", order="A")
    trades.add("sell", "3", "120", "3", order="B")
    market.holds("okx", SWAP.symbol, "-2", "115")
    record, report = told(ledger, known("B"), market.open)
    opened, closed = record["parts"]
    assert (opened["kind"], opened["position_side"], opened["size"], opened["fees"]) == ("opened", "short", "2", "2")
    assert (closed["kind"], closed["position_side"], closed["size"], closed["fees"]) == ("closed", "long", "1", "1")
    assert (opened["NetPnL"], closed["NetPnL"], record["NetPnL"]) == ("8", "19", "27")
    assert (record["position_side"], record["entry_price"], record["quantity"]) == ("short", "120", "2")
    assert len(report.tables[0].rows) == 2


def test_an_inverse_order_counts_its_quantity_in_base_and_is_converted(ledger, market):
    trades = Trades(ledger, INVERSE)
    trades.add("buy", "100000", "50000", "0.001", order="A")
    trades.add("sell", "60000", "60000", "0.0006", order="B")
    market.holds("deribit", INVERSE.symbol, "40000", "62500")
    market.price("deribit", "BTC/USDT", "61000")
    record, report = told(ledger, known("A", INVERSE), market.open)
    assert figures(record) == ["0.2", "0.0016", "0", "0.16", "0.3584"]
    assert (record["quantity"], record["entry_price"], record["NetPnL_currency"]) == ("2", "50000", "BTC")
    assert record["parts"][0]["exit_price"] == "60000"
    assert record["NetPnL_numeraire"] == "21862.4"
    assert "Net PnL 0.35840000 BTC = 21862.4000 USDT." in report.summary


def test_spot_is_followed_too_and_a_fee_in_the_coin_makes_it_less(ledger, market):
    trades = Trades(ledger, SPOT)
    trades.add("buy", "1", "60000", "0.001", currency="BTC", order="A")
    market.price("okx", SPOT.symbol, "61000")
    record, _ = told(ledger, known("A", SPOT), market.open)
    assert (record["quantity"], record["fees"], record["unrealized"]) == ("0.999", "60", "999")


def test_a_fee_in_a_third_currency_is_valued_at_its_time_or_not_known(ledger):
    trades = Trades(ledger, SPOT)
    trades.add("buy", "1", "100", "0.01", currency="BNB", order="A", at=T0)
    trades.add("sell", "1", "130", "0.01", currency="BNB", order="B", at=T0 + MINUTE)
    ledger.add_rates([KnownRate("okx", "BNB", "USDT", T0, D(600), "candles")])
    record, report = told(ledger, known("A", SPOT))
    assert (record["fees"], record["NetPnL"]) == (None, None)
    assert record["incomplete"] == ["okx BTC/USDT: 1 amount in BNB has no rate to USDT."]
    assert "Net PnL not known." in report.summary
    ledger.add_rates([KnownRate("okx", "BNB", "USDT", T0 + MINUTE, D(500), "candles")])
    assert told(ledger, known("A", SPOT))[0]["fees"] == "11"


def test_expiry_closes_what_an_order_opened(ledger):
    future = instrument("okx", "BTC/USDT:USDT-261225")
    Trades(ledger, future).add("buy", "1", "100", "1", order="A")
    ledger.add_deliveries([Delivery("okx", future.symbol, "d", T0 + DAY, D(1), D(120), "USDT", None, D(0))])
    assert figures(told(ledger, known("A", future))[0]) == ["20", "1", "0", "0", "19"]


def test_closing_what_was_there_before_at_an_unknown_price_earns_what_is_not_known(ledger):
    Trades(ledger, SWAP).add("sell", "1", "110", "1", order="A", at=T0 + MINUTE)
    ledger.set_opening("okx", [Opening("okx", SWAP.symbol, T0, D(3), None)], {}, T0)
    record, _ = told(ledger, known("A"))
    assert figures(record) == [None, "1", "0", "0", None]
    assert (record["entry_timestamp"], record["entry_price"], record["quantity"]) == (None, None, "1")
    assert record["incomplete"]


def test_a_venue_that_does_not_answer_leaves_the_open_part_unknown(ledger, market):
    Trades(ledger, SWAP).add("buy", "1", "110", "1", order="A")
    market.fails("okx", Unavailable("okx is down", venue="okx"))
    record, report = told(ledger, known("A"), market.open)
    assert figures(record) == ["0", "1", "0", None, None]
    assert report.exit_code is ExitCode.PARTIAL
    assert record["incomplete"] == ["What is open has no mark: okx did not tell its positions: okx is down."]


@pytest.mark.parametrize(
    ("status", "reason", "said", "code", "net"),
    [
        ("open", None, "It is open and has not been filled: it earned nothing.", ExitCode.OK, "0"),
        ("cancelled", None, "It is cancelled and has not been filled: it earned nothing.", ExitCode.OK, "0"),
        ("rejected", "too small", "The venue rejected it (too small): it traded nothing.", ExitCode.OK, "0"),
        ("not_sent", None, "It was never sent: it traded nothing.", ExitCode.OK, "0"),
        ("absent", None, "It is proved that the venue never had it: it traded nothing.", ExitCode.OK, "0"),
        (
            "unknown",
            None,
            "Its outcome is unknown, nothing is known to be filled; settle it with: order resolve cb1.",
            ExitCode.OUTCOME_UNKNOWN,
            None,
        ),
    ],
)
def test_an_order_without_trades_says_so_in_one_sentence(ledger, capsys, status, reason, said, code, net):
    order = known("A", client_id="cb1", side="buy", size=D(1), filled=D(0), status=status, reason=reason)
    record, report = told(ledger, order)
    assert (record["note"], record["NetPnL"], record["status"]) == (said, net, status)
    assert record["quantity"] == (None if code else "0")
    assert report.exit_code is code
    emit(report, "table")
    assert capsys.readouterr().out.strip() == said


def test_a_part_that_is_filled_is_shown_with_how_much_it_is(ledger):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "0.3", "100", "1", order="A")
    trades.add("sell", "0.3", "110", "1")
    order = known("A", client_id="cb1", side="buy", size=D(1), filled=D("0.3"), status="cancelled")
    record, _ = told(ledger, order)
    assert (record["note"], record["NetPnL"]) == ("It is cancelled, 0.3 of 1 filled.", "1")
    behind = order._replace(filled=D("0.5"))
    assert told(ledger, behind)[0]["note"] == (
        "The journal knows of 0.5 filled, the ledger of trades of 0.3: position sync reads them."
    )


def test_an_order_of_the_ledger_is_found_by_any_id_or_its_beginning(ledger):
    trades = Trades(ledger, SWAP)
    trades.add("buy", "1", "100", order="abc1")
    trades.add("buy", "1", "100", order="abc12")
    trades.add("buy", "1", "100", order="xyz", client="mine-1")
    Trades(ledger, instrument("bybit", SWAP.symbol)).add("buy", "1", "100", order="xyz2")
    assert in_ledger(ledger.fills(), "abc1").ids == {"abc1"}, "exactly beats the beginning"
    assert in_ledger(ledger.fills(), "mine").client_id == "mine-1"
    assert in_ledger(ledger.fills(), "xyz", "bybit").venue == "bybit"
    assert in_ledger(ledger.fills(), "nothing") is None
    with pytest.raises(NoSuchOrder) as raised:
        in_ledger(ledger.fills(), "ab")
    assert raised.value.message == "'ab' means 2 orders: okx BTC/USDT:USDT abc1, okx BTC/USDT:USDT abc12."
    record, _ = told(ledger, in_ledger(ledger.fills(), "xyz", "bybit"), lambda names: Market().open(names))
    assert (record["status"], record["connector_name"], record["order_id"]) == (None, "bybit", "xyz2")


steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell", "pay"]),
        st.integers(1, 4000).map(lambda n: D(n) / 1000),
        st.integers(5_000, 20_000).map(lambda n: D(n) / 100),
        st.sampled_from(["A", "B", "C", "D"]),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=12, deadline=None)
@given(steps, st.sampled_from([SWAP, INVERSE]))
def test_what_all_orders_opened_adds_up_to_what_the_book_has(tmp_path_factory, made, item):
    """Fees of closings are shared among those who opened: the opened parts have every fee once."""
    with ledger_at(tmp_path_factory.mktemp("ledger")) as ledger:
        trades = Trades(ledger, item)
        for side, size, price, order in made:
            if side == "pay":
                trades.number += 1
                at = T0 + trades.number * MINUTE
                payment = FundingPayment(item.venue, item.symbol, f"p{at}", at, size - 2, item.settle)
                ledger.add_payments([payment])
            else:
                trades.add(side, str(size), str(price), str(price / 1000), order=f"{order} {side}")
        statement = read_statement(ledger, method=FIFO)
        book = statement.books[item.venue, item.symbol]
        idle = D(0)  # funding that came when nothing was open belongs to no order
        lines = []
        read_statement(ledger, method=FIFO, sink=lambda _, line: lines.append(line))
        for line in lines:
            if line.kind == "funding" and not line.position:
                idle += line.funding
        results = [order_result(ledger, known(f"{order} {side}", item)) for order in "ABCD" for side in ("buy", "sell")]
        for result in results:
            result.value_at(D(100))
        opened = [part for result in results for part in result.parts if part.kind == "opened"]
        with localcontext(prec=100):
            close = D("1e-15")
            assert sum(part.realized for part in opened) == book.realized
            assert abs(sum(part.unrealized for part in opened) - book.unrealized(D(100))) < close
            assert abs(sum(part.funding for part in opened) + idle - book.funding) < close
            assert abs(sum(part.fees for part in opened) - book.fees) < close
            assert sum(part.left for part in opened) == abs(book.position)
