"""Deriv's statement read for accounting: trades, transfers, what was traded, and cash that adds up to the cent."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from connectors.venues.deriv import Deriv
from connectors.venues.deriv_contracts import gained, read_contract
from connectors.venues.deriv_history import History
from connectors.venues.deriv_statement import Statement
from domain.errors import Unsupported
from domain.instruments import Instrument
from domain.movements import DEPOSIT, OTHER
from domain.orders import BUY, SELL, Fill
from monitoring.accounting.contract import Contract
from monitoring.cash import flows
from simulator.market.synthetic import SyntheticMarket
from simulator.venues.deriv import Deriv as SimulatedDeriv
from simulator.venues.deriv_dealer import Dealer
from tests.connectors.venues.test_deriv_orders import Connect, close, connect, instrument, opened

__all__ = ["connect"]

T = TypeVar("T")
DEPOSITED = Decimal(100_000)
CENT = Decimal("0.01")


class Direct:
    """Private calls to a simulated Deriv whose clock a test sets, without a socket between."""

    venue, currency = "deriv", "USD"

    def __init__(self) -> None:
        self.now_s = time.time_ns() // 1_000_000_000 - 8 * 86_400
        market = SyntheticMarket(7)
        self._dealer = Dealer(SimulatedDeriv(market, lambda: self.now_s * 1000), 1)
        self._dealer.calls["authorize"]({"authorize": SimulatedDeriv.accounts[0].secret})
        self.asked: list[str] = []

    def call(self, **frame: Any) -> Any:
        name = next(iter(frame))
        self.asked.append(name)
        return json.loads(json.dumps(self._dealer.calls[name](frame)), parse_float=str)

    def read(self, request: dict[str, Any], parse: Callable[[Any], T]) -> T:
        return parse(self.call(**request))

    def buy(self, symbol: str, kind: str = "MULTUP", stake: int = 10, **terms: Any) -> int:
        asked = {"amount": stake, "basis": "stake", "contract_type": kind, "currency": "USD", "symbol": symbol}
        asked |= {"multiplier": 80 if symbol == "1HZ50V" else 100} if kind.startswith("MULT") else {}
        return int(self.call(buy="1", price=stake, parameters=asked | terms)["buy"]["contract_id"])

    def sell(self, number: int) -> None:
        self.call(sell=number, price=0)

    def cash(self) -> Decimal:
        return Decimal(self.call(balance=1)["balance"]["balance"])


@pytest.fixture
def direct() -> Direct:
    return Direct()


@pytest.fixture
def statement(direct: Direct) -> Statement:
    return Statement(direct, History(direct, "1"))  # type: ignore[arg-type]


def listed(native_id: str) -> Instrument:
    return Instrument(
        "deriv", f"{native_id}/USD", native_id, "spot", native_id, "USD", "USD", native_id, Decimal("0.01")
    )


def fills_of(statement: Statement, *items: Instrument) -> list[Fill]:
    return [fill for item in items for span in statement.fill_spans(item, 0) for fill in span.fills]


@pytest.mark.parametrize("seed", range(4))
def test_deposits_gains_and_fees_are_the_cash_however_contracts_overlap(
    direct: Direct, statement: Statement, seed: int
) -> None:
    chance = random.Random(seed)
    items = [listed("R_100"), listed("1HZ50V")]
    contracts = {(item.venue, item.symbol): Contract.of(item) for item in items}
    held: list[int] = []
    for _ in range(12):
        if held and chance.random() < 0.45:
            number = held.pop(chance.randrange(len(held)))
            state = direct.call(proposal_open_contract=1, contract_id=number)["proposal_open_contract"]
            if not int(state["is_sold"]):
                direct.sell(number)
        else:
            symbol, kind = chance.choice(items).native_id, chance.choice(["MULTUP", "MULTUP", "MULTDOWN"])
            held.append(direct.buy(symbol, kind, chance.randint(1, 50)))
        direct.now_s += chance.choice([0, 2, 2, 45])
        ours = flows(contracts, fills_of(statement, *items), (), (), statement.transfers(0))["deriv", "USD"]
        assert abs(direct.cash() + statement.staked() - ours) < Decimal("1E-12")


def price_has_moved(state: dict[str, Any]) -> bool:
    return state.get("entry_spot") not in (None, state["current_spot"])


def test_gains_less_fees_of_a_contract_are_its_profit(direct: Direct, statement: Statement) -> None:
    number = direct.buy("R_100", stake=33)
    while not price_has_moved(direct.call(proposal_open_contract=1, contract_id=number)["proposal_open_contract"]):
        direct.now_s += 20
    direct.sell(number)
    contract = read_contract(direct.call(proposal_open_contract=1, contract_id=number))
    assert contract is not None
    bought, sold = fills_of(statement, listed("R_100"))
    assert (bought.side, sold.side, bought.size) == (BUY, SELL, sold.size)
    assert None not in (moved := gained(contract), bought.fee, sold.fee, contract.profit)
    assert moved != 0
    assert moved - bought.fee - sold.fee == contract.profit == direct.cash() - DEPOSITED
    assert abs(sold.fee) < CENT


def test_a_contract_that_was_stopped_out_cost_its_stake(direct: Direct, statement: Statement) -> None:
    stake, most = 1, 0
    for kind in ("MULTUP", "MULTDOWN"):
        direct.buy("R_100", kind, stake)
        most += stake
    direct.now_s += 7 * 86_400
    fills = fills_of(statement, listed("R_100"))
    contracts = {("deriv", "R_100/USD"): Contract.of(listed("R_100"))}
    lost = [fill for fill in fills if (fill.order_id or "").endswith(":sell")]
    assert lost
    ours = flows(contracts, fills, (), (), statement.transfers(0))["deriv", "USD"]
    assert abs(direct.cash() + statement.staked() - ours) < Decimal("1E-12")


def test_spans_are_whole_and_in_order_and_end_now(
    direct: Direct, statement: Statement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.venues.deriv_statement._SPAN", 3)
    for _ in range(5):
        number = direct.buy("R_100")
        direct.now_s += 2
        direct.sell(number)
    spans = list(statement.fill_spans(listed("R_100"), 0))
    assert len(spans) == 3
    fills = [fill for span in spans for fill in span.fills]
    assert len({fill.trade_id for fill in fills}) == 10
    assert fills == sorted(fills, key=lambda fill: (fill.time_ms, int(fill.trade_id)))
    until_ms = 0
    for span in spans:
        assert all(until_ms < fill.time_ms <= span.until_ms for fill in span.fills[1:])
        until_ms = span.until_ms
    assert until_ms >= time.time_ns() // 1_000_000 - 60_000
    again = [fill for span in statement.fill_spans(listed("R_100"), spans[0].until_ms + 1) for fill in span.fills]
    assert again == [fill for fill in fills if fill.time_ms >= spans[0].until_ms // 1000 * 1000]


def test_a_reader_that_stops_early_has_not_asked_for_later_contracts(
    direct: Direct, statement: Statement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.venues.deriv_statement._SPAN", 1)
    for _ in range(4):
        direct.buy("R_100")
        direct.now_s += 2
    direct.asked.clear()
    next(iter(statement.fill_spans(listed("R_100"), 0)))
    assert direct.asked == ["statement", "proposal_open_contract"]


def test_what_was_traded_is_named_by_our_instruments(direct: Direct, statement: Statement) -> None:
    direct.buy("R_100")
    direct.buy("cryBTCUSD")
    direct.buy("1HZ50V")
    known = [listed("R_100"), listed("frxEURUSD"), listed("cryBTCUSD")]
    told = statement.traded(0, known)
    assert [item.native_id for item in told.instruments] == ["R_100", "cryBTCUSD"]
    assert (told.unlisted, told.blind) == (["1HZ50V"], None)
    assert statement.traded(direct.now_s * 1000 + 1_000, known).instruments == []


def test_an_account_begins_with_a_deposit_and_other_contracts_move_cash_as_transfers(
    direct: Direct, statement: Statement
) -> None:
    assert direct.cash() == DEPOSITED
    (deposit,) = statement.transfers(0)
    assert (deposit.kind, deposit.amount, deposit.currency, deposit.fee) == (DEPOSIT, DEPOSITED, "USD", 0)
    direct.now_s += 10
    direct.buy("R_100", "CALL", 5, duration=5, duration_unit="t")
    direct.now_s += 60
    told = statement.transfers(0)
    assert [each.kind for each in told] == [DEPOSIT, OTHER, *[OTHER] * (len(told) - 2)]
    assert sum(each.amount for each in told) == direct.cash()
    assert fills_of(statement, listed("R_100")) == []
    assert "other than multipliers" in (statement.traded(0, [listed("R_100")]).blind or "")
    assert statement.transfers(deposit.time_ms + 1_000) == told[1:]
    assert statement.staked() == 0


def test_a_contract_that_the_venue_tells_no_more_of_is_not_left_out_in_silence(
    direct: Direct, statement: Statement, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = direct.buy("R_100")
    monkeypatch.setattr(History, "contract", lambda *_: None)
    with pytest.raises(Unsupported, match=f"no more of the contract {number}"):
        fills_of(statement, listed("R_100"))


def test_a_reset_gives_a_deposit_of_another_id(connect: Connect, sim: Any) -> None:
    sim.reset_accounts("deriv")
    (before,) = connect().transfers(0)
    sim.reset_accounts("deriv")
    (after,) = connect().transfers(0)
    assert (before.amount, before.transfer_id != after.transfer_id) == (after.amount, True)


# --- over the wire ---------------------------------------------------------------------------------------------------


def test_the_wire_tells_the_same_as_the_simulators_own_accounting(connect: Connect, sim: Any) -> None:
    sim.reset_accounts("deriv")
    trading = connect()
    item, began_ms = instrument(trading), time.time_ns() // 1_000_000 - 2_000
    kept = opened(trading, BUY, "1")
    close(trading, item, opened(trading, SELL, "2"))
    assert [each.symbol for each in trading.traded(began_ms).instruments] == [item.symbol]
    spans = list(trading.fill_spans(item, began_ms))
    fills = [fill for span in spans for fill in span.fills]
    assert [fill.side for fill in fills] == [BUY, SELL, BUY]
    assert trading.fills(item, began_ms) == fills
    assert trading.deliveries(item, began_ms) == []
    (balance,) = trading.balances()
    own = sim.accounts("deriv")
    (wallet,), (row,) = own["wallets"], own["listings"]
    assert (balance.total, balance.free) == (Decimal(wallet["total"]), Decimal(wallet["total"]))
    assert Decimal(row["size"]) == kept.size
    assert sum(each.amount for each in trading.transfers(0)) == Decimal(wallet["deposits"])
    contracts = {(item.venue, item.symbol): Contract.of(replace(item, settle="USD"))}
    ours = flows(contracts, fills, (), (), trading.transfers(0))[item.venue, "USD"]
    assert abs(balance.cash - ours) < Decimal("1E-12")
    assert Decimal(wallet["total"]) == Decimal(wallet["deposits"]) - Decimal(row["staked"]) + (
        Decimal(row["realized"]) - sum(fill.fee or 0 for fill in fills[1:2])
    )
    assert trading.positions()[0].unrealized is None


def test_closes_are_those_of_the_venues_candles(connect: Connect) -> None:
    trading = connect()
    connector, item = Deriv("deriv", trading.context), instrument(trading)
    until_ms = time.time_ns() // 60_000_000_000 * 60_000 - 60_000
    closes = connector.fetch_closes(item, until_ms - 9 * 60_000 - 1, until_ms)
    assert list(closes) == [until_ms - minutes * 60_000 for minutes in range(9, -1, -1)]
    assert all(isinstance(price, Decimal) and price > 0 for price in closes.values())
    assert connector.fetch_closes(item, until_ms + 1, until_ms + 2) == {}
    connector.close()
