"""Trading at Deriv over the simulator's wire: contracts opened, found again when the answer was lost, and closed."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.base import VenueContext
from connectors.guard import Guard, Policy
from connectors.http import Endpoints, HttpClient
from connectors.trading import OrderRef
from connectors.venues.deriv import Deriv
from connectors.venues.deriv_contracts import Terms, exposure, read_terms, stake_for
from connectors.venues.deriv_orders import DerivTrading
from domain.errors import (
    ConfigError,
    CredentialsError,
    CrossbookError,
    NotListed,
    NotSent,
    OutcomeUnknown,
    Refused,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from domain.instruments import Instrument
from domain.orders import BUY, FILLED, LIMIT, MARKET, SELL, STOP, OrderSpec
from simulator.venues.deriv import Deriv as SimulatedDeriv
from tests.connectors.venues.test_deriv import Fake, say
from utils.config.settings import VenueSettings
from utils.resilience.breaker import Breaker
from utils.resilience.budget import Budget
from utils.resilience.store import Store
from utils.secrets.credentials import Credentials

FULL, READ_ONLY, PAYING, OTHER = SimulatedDeriv.accounts
PATH = "/websockets/v3"


class Listed:
    """Instruments as the market cache offers them."""

    def __init__(self, found: list[Instrument]) -> None:
        self._found = found

    def find(self, symbol: str) -> Instrument | None:
        return next((each for each in self._found if each.symbol == symbol), None)

    def by_native(self, native_id: str) -> list[Instrument]:
        return [each for each in self._found if each.native_id == native_id]

    def all(self) -> list[Instrument]:
        return self._found


Connect = Callable[..., DerivTrading]


@pytest.fixture
def connect(sim: Any, tmp_path: Path) -> Iterator[Connect]:
    """Make trading halves of connectors to the simulator, or to a URL."""
    made: list[tuple[Deriv, DerivTrading]] = []

    def make(
        account: Any = FULL, url: str | None = None, patience_s: float = 5.0, key: str | None = None, **options: Any
    ) -> DerivTrading:
        store = Store(tmp_path / "resilience.sqlite")
        context = VenueContext(
            environment="sim",
            settings=VenueSettings(name="deriv", class_path="", options=options),
            http=HttpClient(Endpoints({"ws.derivws.com": url or sim.hosts["ws.derivws.com"]}, closed=True), str),
            guard=Guard("deriv", Budget(store), Breaker(store), Policy(1e6, attempts=1)),
            credentials=lambda: account and Credentials(key or account.key, account.secret, None, "a test"),
            deadline=lambda: time.monotonic() + patience_s,
            clock_offset_ms=lambda: 0,
        )
        connector = Deriv("deriv", context)
        listed = connector.fetch_instruments() if url is None else []
        made.append((connector, DerivTrading(connector, Listed(listed))))
        return made[-1][1]

    yield make
    for connector, trading in made:
        trading.close()
        connector.close()


def instrument(trading: DerivTrading, native_id: str = "R_100") -> Instrument:
    (found,) = trading._instruments.by_native(native_id)
    return found


_numbers = iter(range(1, 10_000))


def spec(side: str = BUY, size: str = "1", **changes: Any) -> OrderSpec:
    return OrderSpec(f"c{next(_numbers)}", side, changes.pop("type", MARKET), Decimal(size), **changes)


def opened(trading: DerivTrading, side: str = BUY, size: str = "1", native_id: str = "R_100") -> Any:
    """Open a contract and look it up."""
    item, order = instrument(trading, native_id), spec(side, size)
    report = trading.submit(item, order)
    found = trading.find(OrderRef(item, report.order_id, order.client_id))
    assert found is not None
    return found


def close(trading: DerivTrading, item: Instrument, report: Any) -> Any:
    side = SELL if report.side == BUY else BUY
    return trading.submit(item, spec(side, str(report.size), reduce_only=True))


# --- sizes -----------------------------------------------------------------------------------------------------------


def test_a_size_is_an_exposure_and_its_stake_never_more_than_that() -> None:
    assert stake_for(Decimal("0.5"), 40, Decimal("690.12")) == Decimal("8.62")  # 8.6265
    assert exposure(Decimal("8.62"), 40, Decimal("690.12")) == Decimal("0.49962325")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MULTUP_R_100_10.00_30_1718717545_4872355199_60m_0.00_N1", ("MULTUP", "R_100", "10.00", 30)),
        ("MULTUP_1HZ100V_10.00_10_1717184563_4870799999_0_33.00_N1", ("MULTUP", "1HZ100V", "10.00", 10)),
        ("MULTDOWN_FRXEURUSD_2.50_100_1717184563_4870799999", ("MULTDOWN", "FRXEURUSD", "2.50", 100)),
        ("CALL_R_100_19.54_1717184563_5T_S0P_0", None),
        ("MULTUP_R_100_0_18000_S0P_0", None),
        (None, None),
    ],
)
def test_short_codes_of_real_statements_are_read(text: str | None, expected: tuple[Any, ...] | None) -> None:
    wanted = expected and Terms(expected[0], expected[1], Decimal(expected[2]), expected[3])
    assert read_terms(text) == wanted


# --- opening and closing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "native_id"), [(BUY, "R_100"), (SELL, "cryBTCUSD"), (BUY, "stpRNG")])
def test_an_order_opens_a_contract_of_its_size(connect: Connect, side: str, native_id: str) -> None:
    trading = connect()
    item = instrument(trading, native_id)
    quote = trading.calls.read({"contracts_for": native_id}, lambda answer: answer["contracts_for"])
    size = Decimal(500) * 8 / Decimal(quote["spot"])
    order = spec(side, str(size))
    acknowledged = trading.submit(item, order)
    assert (acknowledged.status, acknowledged.client_id, acknowledged.side) == (None, order.client_id, side)
    found = trading.find(OrderRef(item, acknowledged.order_id, order.client_id))
    assert found is not None
    assert (found.status, found.side, found.type, found.client_id) == (FILLED, side, MARKET, order.client_id)
    assert found.filled == found.size
    # The stake is cut to cents and the spot may tick between offer and purchase.
    assert abs(found.size / size - 1) < Decimal("0.02")
    assert found.average_price is not None
    assert abs(found.average_price / Decimal(quote["spot"]) - 1) < Decimal("0.01")


def test_the_multiplier_is_the_smallest_or_the_configured_one(connect: Connect) -> None:
    trading = connect(multiplier=300)
    item = instrument(trading)
    assert trading.prepare(item, spec())["multiplier"] == "300"
    plain_one = connect()
    facts = plain_one.prepare(item, spec())
    assert facts["multiplier"] == "40"
    assert facts["contract_type"] == "MULTUP"
    assert set(facts) == {
        "contract_type", "symbol", "stake", "multiplier", "proposal_id", "at_ms", "last_transaction_id", "loginid",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="no multiplier 7") as caught:
        connect(multiplier=7).prepare(item, spec())
    assert "40, 100, 200, 300, 400" in (caught.value.hint or "")


def test_a_reduce_only_order_sells_the_whole_contract(connect: Connect) -> None:
    trading = connect(OTHER)
    item = instrument(trading, "R_75")
    first = opened(trading, BUY, "0.2", "R_75")
    second = opened(trading, BUY, "0.1", "R_75")
    acknowledged = close(trading, item, second)
    assert acknowledged.order_id == f"{second.order_id}:sell"
    found = trading.find(OrderRef(item, acknowledged.order_id, acknowledged.client_id))
    assert found is not None
    assert (found.status, found.side, found.reduce_only, found.size) == (FILLED, SELL, True, second.size)
    assert [c.id for c in trading.history.open("R_75")] == [int(first.order_id)]
    close(trading, item, first)
    assert trading.history.open("R_75") == []


def test_the_oldest_of_two_equal_contracts_is_sold_first(connect: Connect) -> None:
    trading = connect(OTHER)
    item = instrument(trading, "1HZ100V")
    reports = [opened(trading, SELL, "1", "1HZ100V") for _ in range(2)]
    same = replace(reports[1], size=reports[0].size)
    acknowledged = close(trading, item, same)
    assert acknowledged.order_id == f"{reports[0].order_id}:sell"
    (left,) = trading.history.open("1HZ100V")
    close(trading, item, replace(reports[1], size=left.size))


@pytest.mark.parametrize(("side", "size", "words"), [(BUY, "1", "no open MULTDOWN"), (SELL, "0.4", "of this size")])
def test_nothing_is_reduced_that_is_not_whole(connect: Connect, side: str, size: str, words: str) -> None:
    trading = connect(OTHER)
    item = instrument(trading, "R_25")
    report = opened(trading, BUY, "1", "R_25")
    try:
        with pytest.raises(Refused, match=words):
            trading.submit(item, spec(side, size, reduce_only=True))
        assert len(trading.history.open("R_25")) == 1
    finally:
        close(trading, item, report)


@pytest.mark.parametrize("changes", [{"type": LIMIT, "price": Decimal(1)}, {"type": STOP}, {"post_only": True}])
def test_what_deriv_has_not_is_refused_before_anything_is_sent(
    sim: Any, connect: Connect, changes: dict[str, Any]
) -> None:
    trading = connect()
    sim.reset_requests()
    with pytest.raises(Unsupported):
        trading.submit(instrument(trading), spec(**changes))
    assert not sim.requests("deriv")


@pytest.mark.parametrize(
    ("native_id", "size", "expected", "words"),
    [
        ("R_100", "0.0000001", Refused, "less than a cent"),
        ("R_100", "0.001", Refused, "stake amount that's at least 1.00"),
        ("R_100", "1000000", Refused, "Maximum stake allowed is 2000.00"),
        ("WLDUSD", "1", Unsupported, "no multipliers on WLDUSD/USD"),
    ],
)
def test_offers_that_the_venue_does_not_make_are_refusals(
    connect: Connect, native_id: str, size: str, expected: type[CrossbookError], words: str
) -> None:
    trading = connect()
    with pytest.raises(expected, match=words):
        trading.submit(instrument(trading, native_id), spec(BUY, size))


def test_an_instrument_that_is_not_listed_is_refused(connect: Connect) -> None:
    trading = connect()
    unknown = replace(instrument(trading), native_id="R_12")
    with pytest.raises(NotListed):
        trading.submit(unknown, spec())


def test_a_cancel_is_refused_with_what_to_do_instead(connect: Connect) -> None:
    trading = connect()
    with pytest.raises(Refused, match="no open orders") as caught:
        trading.cancel(OrderRef(instrument(trading), "244000000008", None))
    assert "reduce-only" in (caught.value.hint or "")
    assert trading.open_orders() == []


# --- keys ------------------------------------------------------------------------------------------------------------


def test_scopes_are_told(connect: Connect) -> None:
    assert connect(FULL).permissions() == (True, True, False)
    assert connect(READ_ONLY).permissions() == (True, False, False)
    assert connect(PAYING).permissions() == (True, True, True)


def test_a_token_without_the_trade_scope_is_refused_at_the_purchase(connect: Connect) -> None:
    trading = connect(READ_ONLY)
    with pytest.raises(Unauthorized, match="requires trade scope"):
        trading.submit(instrument(trading), spec())
    assert trading.balances()[0].currency == "USD"


def test_a_wrong_token_and_one_of_another_account_buy_nothing(connect: Connect) -> None:
    with pytest.raises(CredentialsError, match="no keys"):
        connect(None).balances()
    wrong = replace(FULL, secret="a1-wrong")
    with pytest.raises(Unauthorized, match="The token is invalid") as caught:
        connect(wrong).balances()
    assert "a1-wrong" not in caught.value.message
    trading = connect(FULL, key="CR1111111")
    with pytest.raises(CredentialsError, match="CR9001234"):
        trading.submit(instrument(trading), spec())


# --- lost answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["timeout", "reset", "drop_request"])
@pytest.mark.parametrize("handled", [True, False])
def test_an_order_whose_answer_is_lost_is_found_exactly_where_it_was_carried_out(
    sim: Any, connect: Connect, kind: str, handled: bool
) -> None:
    trading = connect(patience_s=1.0)
    item, order = instrument(trading), spec(SELL, "2")
    facts = trading.prepare(item, order)
    sim.set_fault("deriv", kind, path=f"{PATH}#buy", handled=handled, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(item, order)
    # Another process looks: it knows what the journal kept, and nothing else.
    found = connect().find(OrderRef(item, None, order.client_id, facts=facts))
    if not handled:
        assert found is None
        return
    assert found is not None
    assert (found.status, found.side, found.client_id) == (FILLED, SELL, order.client_id)
    assert sim.requests("deriv").get(f"{PATH}#buy") is not None


def test_a_purchase_that_the_network_delivers_twice_is_one_contract(sim: Any, connect: Connect) -> None:
    trading = connect(multiplier=200)
    item, order = instrument(trading), spec(BUY, "4")
    facts = trading.prepare(item, order)
    sim.set_fault("deriv", "twice", path=f"{PATH}#buy", times=1)
    with pytest.raises(OutcomeUnknown, match="InvalidContractProposal"):
        trading.submit(item, order)
    found = connect().find(OrderRef(item, None, order.client_id, facts=facts))
    assert found is not None
    assert found.status == FILLED


def test_a_purchase_that_arrives_late_is_found_once_it_has(sim: Any, connect: Connect) -> None:
    trading = connect(multiplier=400)
    item, order = instrument(trading), spec(BUY, "6")
    facts = trading.prepare(item, order)
    ref = OrderRef(item, None, order.client_id, facts=facts)
    sim.set_fault("deriv", "late", path=f"{PATH}#buy", ms=400, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(item, order)
    look = connect()
    until = time.monotonic() + trading.rules.acceptance_ms / 1000
    while (found := look.find(ref)) is None and time.monotonic() < until:
        time.sleep(0.1)
    assert found is not None
    assert found.client_id == order.client_id


def test_lists_that_lag_hide_a_purchase_for_a_while(sim: Any, connect: Connect) -> None:
    trading = connect(patience_s=1.0, multiplier=300)
    item, order = instrument(trading), spec(BUY, "7")
    facts = trading.prepare(item, order)
    ref = OrderRef(item, None, order.client_id, facts=facts)
    sim.set_fault("deriv", "timeout", path=f"{PATH}#buy", handled=True, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(item, order)
    sim.set_fault("deriv", "lagging_orders", ms=60_000)
    assert connect().find(ref) is None
    sim.clear_faults()
    assert connect().find(ref) is not None


def test_a_lost_answer_is_told_apart_from_earlier_and_other_contracts(sim: Any, connect: Connect) -> None:
    trading = connect(patience_s=1.0)
    item = instrument(trading)
    opened(trading, BUY, "3")
    order = spec(BUY, "3")
    facts = trading.prepare(item, order)
    opened(connect(), SELL, "3")
    opened(connect(), BUY, "5")
    sim.set_fault("deriv", "reset", path=f"{PATH}#buy", times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(item, order)
    assert connect().find(OrderRef(item, None, order.client_id, facts=facts)) is None


def test_two_purchases_alike_cannot_be_told_apart_unless_one_is_known(sim: Any, connect: Connect) -> None:
    trading = connect(patience_s=1.0, multiplier=100)
    item, order = instrument(trading, "R_75"), spec(BUY, "0.3")
    facts = trading.prepare(item, order)
    stake, request = facts["stake"], {"currency": "USD", "symbol": "R_75", "contract_type": "MULTUP"}
    request |= {"amount": float(stake), "basis": "stake", "multiplier": 100}
    sim.set_fault("deriv", "timeout", path=f"{PATH}#buy", handled=True, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(item, order)
    other = connect().calls.read(
        {"buy": "1", "price": float(stake), "parameters": request}, lambda answer: answer["buy"]["contract_id"]
    )
    ref = OrderRef(item, None, order.client_id, facts=facts)
    with pytest.raises(OutcomeUnknown, match=str(other)):
        connect().find(ref)
    known = ref._replace(facts={**facts, "claimed": str(other)})
    found = connect().find(known)
    assert found is not None
    assert found.order_id != str(other)


def test_a_second_attempt_under_the_same_id_is_found_by_its_own_facts(sim: Any, connect: Connect) -> None:
    trading = connect(patience_s=1.0, multiplier=200)
    item, order = instrument(trading), spec(SELL, "6")
    first = trading.prepare(item, order)
    sim.set_fault("deriv", "reset", path=f"{PATH}#buy", times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(item, order)
    other = opened(connect(multiplier=200), SELL, "6")
    second = trading.prepare(item, order)
    assert int(second["last_transaction_id"]) > int(first["last_transaction_id"])
    sim.set_fault("deriv", "reset", path=f"{PATH}#buy", handled=True, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(item, order)
    found = trading.find(OrderRef(item, None, order.client_id, facts=first))
    assert found is not None
    assert found.order_id != other.order_id


def test_a_purchase_that_only_the_portfolio_shows_yet_is_found(connect: Connect) -> None:
    shortcode = "MULTUP_R_100_17.26_40_1795014001_4948905599_0_0.00_N1"
    bought = {"contract_id": 77, "transaction_id": 90, "purchase_time": 1_795_014_001, "shortcode": shortcode}
    state = {
        "contract_id": 77, "underlying": "R_100", "status": "open", "transaction_ids": {"buy": 90}, "currency": "USD",
        "purchase_time": 1_795_014_001, "entry_spot": 690.5, "shortcode": shortcode, "is_sold": 0,
    }  # fmt: skip

    def answer(request: dict[str, Any]) -> list[str | bytes]:
        call = next(iter(request))
        told: dict[str, Any] = {
            "authorize": {"loginid": FULL.key, "currency": "USD"},
            "statement": {"transactions": []},
            "portfolio": {"contracts": [{**bought, "app_id": 1089}]},
            "profit_table": {"transactions": []},
            "proposal_open_contract": state,
        }
        return [say(request, **{call: told[call]}, msg_type=call)]

    server = Fake(answer)
    try:
        trading = connect(url=server.url)
        item = Instrument("deriv", "R_100/USD", "R_100", "spot", "R_100", "USD", None, "R_100")
        facts = {"contract_type": "MULTUP", "symbol": "R_100", "stake": "17.26", "multiplier": "40"}
        facts |= {"last_transaction_id": "80", "at_ms": "1795014000000"}
        found = trading.find(OrderRef(item, None, "c", facts=facts))
        assert found is not None
        assert (found.order_id, found.size) == ("77", Decimal("0.99985518"))
        assert trading.find(OrderRef(item, None, "c", facts={**facts, "last_transaction_id": "90"})) is None
        with pytest.raises(OutcomeUnknown, match="77"):  # bought half a minute later: by whom?
            trading.find(OrderRef(item, None, "c", facts={**facts, "at_ms": "1795013970000"}))
        trading.close()
    finally:
        server.close()


def test_a_lost_answer_to_a_closing_order_is_found_by_its_contract(sim: Any, connect: Connect) -> None:
    trading = connect(OTHER, patience_s=1.0)
    item = instrument(trading, "JD100")
    report = opened(trading, BUY, "2", "JD100")
    order = spec(SELL, str(report.size), reduce_only=True)
    facts = trading.prepare(item, order)
    ref = OrderRef(item, None, order.client_id, facts=facts)
    assert facts["contract_id"] == report.order_id
    sim.set_fault("deriv", "reset", path=f"{PATH}#sell", times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(item, order)
    assert connect(OTHER).find(ref) is None
    again = order._replace(client_id=order.client_id + "b")
    trading.prepare(item, again)
    sim.set_fault("deriv", "reset", path=f"{PATH}#sell", handled=True, times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(item, again)
    found = connect(OTHER).find(ref)
    assert found is not None
    assert (found.status, found.side, found.size) == (FILLED, SELL, report.size)


def test_without_facts_or_an_id_nothing_is_said_about_an_order(connect: Connect) -> None:
    trading = connect()
    with pytest.raises(OutcomeUnknown):
        trading.find(OrderRef(instrument(trading), None, "c1"))
    assert trading.find(OrderRef(instrument(trading), "999", "c1")) is None


def test_a_look_up_without_an_answer_says_nothing(sim: Any, connect: Connect) -> None:
    trading = connect(patience_s=0.5)
    item, order = instrument(trading), spec()
    facts = trading.prepare(item, order)
    sim.set_fault("deriv", "drop_request", path=f"{PATH}#statement")
    with pytest.raises(Unavailable):
        trading.find(OrderRef(item, None, order.client_id, facts=facts))


@pytest.mark.parametrize("kind", ["server_error", "maintenance", "malformed_json", "truncated_json", "html_error"])
def test_answers_that_do_not_say_no_leave_it_open(sim: Any, connect: Connect, kind: str) -> None:
    trading = connect(patience_s=1.0)
    item, order = instrument(trading), spec()
    trading.prepare(item, order)
    sim.set_fault("deriv", kind, path=f"{PATH}#buy", times=1)
    with pytest.raises(OutcomeUnknown):
        trading.submit(item, order)


def test_a_rate_limit_is_a_refusal(sim: Any, connect: Connect) -> None:
    trading = connect()
    item, order = instrument(trading), spec()
    trading.prepare(item, order)
    sim.set_fault("deriv", "rate_limited", path=f"{PATH}#buy", times=1)
    with pytest.raises(Refused, match="RateLimit"):
        trading.submit(item, order)


@pytest.mark.parametrize("path", ["authorize", "statement", "contracts_for", "proposal"])
def test_trouble_before_the_purchase_buys_nothing(sim: Any, connect: Connect, path: str) -> None:
    trading = connect(patience_s=0.5)
    item, order = instrument(trading), spec()
    sim.reset_requests()
    sim.set_fault("deriv", "drop_request", path=f"{PATH}#{path}")
    with pytest.raises(Unavailable):
        trading.prepare(item, order)
    assert f"{PATH}#buy" not in sim.requests("deriv")


def test_an_order_is_one_frame_and_an_offer_that_waited_too_long_is_not_sent(sim: Any, connect: Connect) -> None:
    trading = connect()
    item, order = instrument(trading), spec()
    trading.prepare(item, order)
    sim.reset_requests()
    trading.submit(item, order)
    assert sim.requests("deriv") == {f"{PATH}#buy": 1}
    trading.prepare(item, order)
    trading._ready[order.client_id].line._connection.used_at -= 200
    sim.reset_requests()
    with pytest.raises(NotSent):
        trading.submit(item, order)
    assert f"{PATH}#buy" not in sim.requests("deriv")


# --- lists -----------------------------------------------------------------------------------------------------------


def test_orders_and_fills_are_the_statement(connect: Connect) -> None:
    trading = connect(OTHER)
    item = instrument(trading, "R_10")
    since_ms = trading.calls.read({"time": 1}, lambda answer: int(answer["time"]) * 1000)
    report = opened(trading, BUY, "0.1", "R_10")
    closing = close(trading, item, report)
    orders = trading.closed_orders(item, since_ms)
    assert [order.order_id for order in orders] == [report.order_id, closing.order_id]
    bought, sold = trading.fills(item, since_ms)
    assert (bought.order_id, bought.side, bought.size, bought.price) == (
        report.order_id, BUY, report.size, report.average_price,
    )  # fmt: skip
    assert (sold.order_id, sold.side, sold.size, sold.fee) == (closing.order_id, SELL, report.size, 0)
    assert bought.fee is not None
    assert bought.fee >= Decimal("0.02")
    assert bought.fee_currency == "USD"
    assert bought.trade_id != sold.trade_id
    assert trading.fills(item, since_ms + 60_000) == []
    assert trading.closed_orders(instrument(trading, "R_50"), since_ms) == []


def test_positions_are_the_open_contracts_of_each_way(connect: Connect) -> None:
    trading = connect(OTHER)
    item = instrument(trading, "1HZ50V")
    reports = [
        opened(trading, side, size, "1HZ50V") for side, size in ((BUY, "0.002"), (BUY, "0.003"), (SELL, "0.004"))
    ]
    mine = {position.size > 0: position for position in trading.positions() if position.symbol == item.symbol}
    up, down = mine[True], mine[False]
    assert up.size == reports[0].size + reports[1].size
    assert down.size == -reports[2].size
    assert up.entry_price is not None
    assert min(r.average_price for r in reports) <= up.entry_price <= max(r.average_price for r in reports)
    assert up.liquidation_price is not None
    assert down.liquidation_price is not None
    assert up.liquidation_price < up.entry_price < down.liquidation_price
    assert up.leverage == 80
    assert up.unrealized is None  # its profit is after the commission
    for report in reports:
        close(trading, item, report)


def test_the_cash_is_the_balance_and_falls_by_the_stake(connect: Connect) -> None:
    trading = connect(OTHER)
    (before,) = trading.balances()
    item, order = instrument(trading, "R_50"), spec(BUY, "10")
    facts = trading.prepare(item, order)
    trading.submit(item, order)
    (after,) = trading.balances()
    assert before.total - after.total == Decimal(facts["stake"])
    assert (after.currency, after.free, after.venue) == ("USD", after.total, "deriv")


# --- a server of the test's own --------------------------------------------------------------------------------------


def test_a_purchase_that_was_delivered_twice_is_not_taken_for_a_refusal(connect: Connect) -> None:
    def answer(request: dict[str, Any]) -> list[str | bytes]:
        call = next(iter(request))
        if call == "authorize":
            told = {"loginid": FULL.key, "currency": "USD", "scopes": ["read", "trade"]}
            return [say(request, authorize=told, msg_type=call)]
        if call == "statement":
            return [say(request, statement={"transactions": []}, msg_type=call)]
        if call == "contracts_for":
            row = {"contract_type": "MULTUP", "multiplier_range": [40]}
            return [say(request, contracts_for={"available": [row], "spot": 690.5}, msg_type=call)]
        if call == "proposal":
            offer = {"id": "x" * 36, "ask_price": request["amount"], "date_start": 1_795_014_000}
            return [say(request, proposal=offer, msg_type=call)]
        error = {"code": "InvalidContractProposal", "message": "Unknown contract proposal"}
        return [say(request, error=error, msg_type=call)]

    server = Fake(answer)
    try:
        trading = connect(url=server.url)
        item = Instrument("deriv", "R_100/USD", "R_100", "spot", "R_100", "USD", None, "R_100")
        with pytest.raises(OutcomeUnknown, match="InvalidContractProposal"):
            trading.submit(item, spec())
        (sent,) = [request for request in server.requests if "buy" in request]
        assert json.dumps(sent["price"]) == "17.26"
        trading.close()
    finally:
        server.close()
