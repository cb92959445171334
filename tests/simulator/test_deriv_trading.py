"""The simulated Deriv with a token: contracts bought and sold over sessions in this process.

Codes and words are those of the real server's published tests and sources (BOM-RPC, BOM-Product, BOM-Transaction) and
of Deriv's own apps; formulas of multipliers are recomputed here from their definition.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from simulator.exchange.store import Store
from simulator.market.listings.deriv import listings
from simulator.market.synthetic import SyntheticMarket
from simulator.venue import SimRequest
from simulator.venues import deriv_quotes as quotes
from simulator.venues.deriv import Deriv
from tests.simfixture import start_simulator

WEDNESDAY_MS = 1_795_014_000_000  # 2026-11-18 15:00:00 UTC
SATURDAY_MS = WEDNESDAY_MS + 3 * 86_400_000
LISTINGS = listings(WEDNESDAY_MS)
FULL, READ_ONLY, PAYING, OTHER = (account.secret for account in Deriv.accounts)
MULT = {"amount": 10, "basis": "stake", "contract_type": "MULTUP", "currency": "USD", "symbol": "R_100",
        "multiplier": 40}  # fmt: skip
CALL = {"amount": 10, "basis": "stake", "contract_type": "CALL", "currency": "USD", "symbol": "R_50", "duration": 30,
        "duration_unit": "s"}  # fmt: skip


class World:
    """A Deriv whose clock a test moves, and connections to it."""

    def __init__(self, now_ms: int = WEDNESDAY_MS, store: Store | None = None) -> None:
        self.now_ms = now_ms
        # A market that is ahead of the venue's clock knows all that the clock may be moved to.
        market = SyntheticMarket(7, start_ms=WEDNESDAY_MS + 30 * 86_400_000, listings=LISTINGS)
        self.venue = Deriv(market, lambda: self.now_ms, store)

    def wait(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)

    @property
    def now_s(self) -> int:
        return self.now_ms // 1000

    def spot(self, symbol: str, epoch: int | None = None) -> Decimal:
        found = self.venue.by_symbol[symbol]
        tick = quotes.tick_at(self.venue.market, found, epoch or self.now_s)
        assert tick is not None
        return Decimal(tick.quote)

    def connect(self) -> "Line":
        return Line(self)


class Line:
    """One connection; `ask` returns the answer to a frame, with money read as Decimal."""

    def __init__(self, world: World) -> None:
        self._said: list[dict[str, Any]] = []
        request = SimRequest("GET", "ws.derivws.com", "/websockets/v3?app_id=4711", {"upgrade": "websocket"}, b"", 0)

        async def send(text: str) -> None:
            self._said.append(json.loads(text, parse_float=Decimal))

        session = world.venue.open_websocket("deriv", request, send)
        assert session is not None
        self.session = session

    async def ask(self, **frame: Any) -> dict[str, Any]:
        await self.session.on_text(json.dumps(frame))
        return self._said.pop(0)

    async def login(self, token: str = FULL) -> dict[str, Any]:
        return await self.ask(authorize=token)

    async def code(self, **frame: Any) -> tuple[str, str]:
        error = (await self.ask(**frame))["error"]
        return error["code"], error["message"]

    def pushed(self) -> list[dict[str, Any]]:
        said, self._said = self._said, []
        return said


def run(talk: Callable[[World, Line], Coroutine[Any, Any, None]], world: World | None = None) -> None:
    """Talk over one connection."""

    async def go() -> None:
        place = world or World()
        line = place.connect()
        try:
            await talk(place, line)
        finally:
            await line.session.on_close()

    asyncio.run(go())


async def buy(line: Line, **terms: Any) -> dict[str, Any]:
    offer = await line.ask(proposal=1, **(MULT | terms))
    bought = await line.ask(buy=offer["proposal"]["id"], price=offer["proposal"]["ask_price"].__float__())
    assert "error" not in bought, bought
    return bought["buy"]


# --- accounts --------------------------------------------------------------------------------------------------------


def test_a_token_logs_in_and_tells_scopes_and_cash() -> None:
    async def talk(world: World, line: Line) -> None:
        answer = await line.login()
        told = answer["authorize"]
        assert (answer["msg_type"], told["loginid"], told["currency"]) == ("authorize", "CR9001234", "USD")
        assert told["scopes"] == ["read", "trading_information", "trade"]
        assert told["balance"] == Decimal(100000)
        assert (await line.login(PAYING))["authorize"]["scopes"][-1] == "payments"
        assert (await line.login(READ_ONLY))["authorize"]["scopes"] == ["read", "trading_information"]

    run(talk)


def test_without_a_token_nothing_private_is_told_and_a_wrong_one_is_refused() -> None:
    async def talk(world: World, line: Line) -> None:
        for frame in ({"balance": 1}, {"buy": "1", "price": 1}, {"portfolio": 1}, {"statement": 1}):
            assert await line.code(**frame) == ("AuthorizationRequired", "Please log in.")
        assert await line.code(authorize="a1-nobody") == ("InvalidToken", "The token is invalid.")

    run(talk)


def test_a_token_without_the_trade_scope_may_look_and_not_buy() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login(READ_ONLY)
        assert (await line.ask(balance=1))["balance"]["balance"] == Decimal(100000)
        refused = ("PermissionDenied", "Permission denied, requires trade scope.")
        assert await line.code(buy="1", price=10, parameters=MULT) == refused
        assert await line.code(sell=1, price=0) == refused

    run(talk)


def test_logging_out_ends_it() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        assert (await line.ask(logout=1))["logout"] == 1
        assert (await line.code(balance=1))[0] == "AuthorizationRequired"

    run(talk)


def test_accounts_do_not_see_each_other() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        mine = await buy(line)
        await line.login(OTHER)
        assert (await line.ask(portfolio=1))["portfolio"]["contracts"] == []
        assert (await line.code(sell=mine["contract_id"], price=0))[0] == "InvalidSellContractProposal"
        assert (await line.code(proposal_open_contract=1, contract_id=mine["contract_id"]))[0] == "ContractNotFound"
        assert (await line.ask(balance=1))["balance"]["balance"] == Decimal(100000)

    run(talk)


# --- offers ----------------------------------------------------------------------------------------------------------


def test_what_can_be_bought_is_listed_with_its_multipliers() -> None:
    async def talk(world: World, line: Line) -> None:
        offered = (await line.ask(contracts_for="R_100"))["contracts_for"]
        ups = [row for row in offered["available"] if row["contract_type"] == "MULTUP"]
        assert [row["multiplier_range"] for row in ups] == [[40, 100, 200, 300, 400]]
        assert offered["spot"] == world.spot("R_100")
        assert offered["hit_count"] == len(offered["available"])
        baskets = (await line.ask(contracts_for="WLDUSD"))["contracts_for"]["available"]
        assert {row["contract_type"] for row in baskets} == {"CALL", "PUT"}

    run(talk)


def test_a_multipliers_offer_costs_the_stake_and_says_where_it_stops_out() -> None:
    async def talk(world: World, line: Line) -> None:
        offer = (await line.ask(proposal=1, **MULT))["proposal"]
        spot = world.spot("R_100")
        assert (offer["ask_price"], offer["payout"], offer["spot"]) == (Decimal(10), 0, spot)
        commission = Decimal(str(offer["commission"]))
        # 0.00035 of an exposure of 400
        assert commission == Decimal("0.14")
        stop_out = offer["limit_order"]["stop_out"]
        assert stop_out["order_amount"] == -10
        expected = spot * (1 - (10 - commission) / 400)
        assert Decimal(stop_out["value"]) == expected.quantize(Decimal("0.01"))
        assert offer["validation_params"]["stake"] == {"min": "1.00", "max": "2000.00"}

    run(talk)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"amount": 0.5}, "ContractBuyValidationError", "Please enter a stake amount that's at least 1.00."),
        ({"amount": 2000.01}, "ContractBuyValidationError", "Maximum stake allowed is 2000.00."),
        ({"amount": 1.234}, "ContractCreationFailure", "Stake can not have more than 2 decimal places."),
        ({"multiplier": 5}, "ContractBuyValidationError",
         "Multiplier is not in acceptable range. Accepts 40,100,200,300,400."),
        ({"basis": "payout"}, "ContractCreationFailure", "Basis must be stake for this contract."),
        ({"duration": 60}, "ContractCreationFailure",
         "Invalid input (duration or date_expiry) for this contract type (MULTUP)."),
        ({"symbol": "WLDUSD"}, "OfferingsValidationError", "Trading is not offered for this asset."),
        ({"symbol": "R_12312"}, "InvalidSymbol", "Symbol R_12312 invalid."),
        ({"contract_type": "ACCU"}, "OfferingsValidationError", "Trading is not offered for this asset."),
        ({"currency": "EUR"}, "NotDefaultCurrency", "The provided currency EUR is not the default currency."),
        ({"limit_order": {"stop_loss": 0.1}}, "ContractBuyValidationError",
         "Enter an amount equal to or higher than 0.15."),
        ({"limit_order": {"take_profit": 1000.01}}, "ContractBuyValidationError",
         "Enter an amount equal to or lower than 1000.00."),
        ({"limit_order": {"something": 1}}, "InputValidationFailed", "Input validation failed: limit_order"),
        ({"contract_type": "INVALID"}, "InputValidationFailed", "Input validation failed: contract_type"),
        ({"amount": "much"}, "InputValidationFailed", "Input validation failed: amount"),
    ],
)  # fmt: skip
def test_offers_are_refused_in_the_venues_words(changes: dict[str, Any], code: str, message: str) -> None:
    async def talk(world: World, line: Line) -> None:
        assert await line.code(proposal=1, **(MULT | changes)) == (code, message)

    run(talk)


def test_a_missing_field_is_named_by_its_path() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        error = (await line.ask(buy="1", price=1, parameters={"amount": -1, "symbol": "R_50"}))["error"]
        assert error["code"] == "InputValidationFailed"
        assert error["details"] == {
            "parameters/contract_type": "Missing property.",
            "parameters/currency": "Missing property.",
            "parameters/amount": "-1 < minimum(0)",
        }

    run(talk)


# --- buying ----------------------------------------------------------------------------------------------------------


def test_a_bought_multiplier_is_confirmed_and_listed_everywhere() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        bought = await buy(line)
        assert all(isinstance(bought[name], int) for name in ("contract_id", "transaction_id", "purchase_time"))
        assert (bought["buy_price"], bought["balance_after"]) == (Decimal(10), Decimal(99990))
        start, expiry = WEDNESDAY_MS // 1000, bought["shortcode"].split("_")[6]
        assert bought["shortcode"] == f"MULTUP_R_100_10.00_40_{start}_{expiry}_0_0.00_N1"
        (held,) = (await line.ask(portfolio=1))["portfolio"]["contracts"]
        for name in ("contract_id", "transaction_id", "buy_price", "shortcode", "purchase_time"):
            assert held[name] == bought[name]
        assert (held["symbol"], held["contract_type"], held["app_id"]) == ("R_100", "MULTUP", 4711)
        (first, deposit) = (await line.ask(statement=1, description=1))["statement"]["transactions"]
        assert (first["action_type"], first["amount"], first["transaction_id"]) == (
            "buy", Decimal(-10), bought["transaction_id"],
        )  # fmt: skip
        assert (first["shortcode"], first["reference_id"]) == (bought["shortcode"], None)
        assert (deposit["action_type"], deposit["amount"]) == ("deposit", Decimal(100000))
        assert (await line.ask(profit_table=1))["profit_table"]["transactions"] == []

    run(talk)


def test_an_offer_can_be_bought_once_and_only_where_it_was_made() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        offer = (await line.ask(proposal=1, **MULT))["proposal"]["id"]
        elsewhere = world.connect()
        await elsewhere.login()
        unknown = ("InvalidContractProposal", "Unknown contract proposal")
        assert await elsewhere.code(buy=offer, price=10) == unknown
        assert "buy" in await line.ask(buy=offer, price=10)
        assert await line.code(buy=offer, price=10) == unknown
        assert len((await line.ask(portfolio=1))["portfolio"]["contracts"]) == 1
        await elsewhere.session.on_close()

    run(talk)


def test_a_forgotten_offer_cannot_be_bought_and_a_refused_purchase_uses_it_up() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        offer = (await line.ask(proposal=1, **MULT))["proposal"]["id"]
        assert (await line.ask(forget=offer))["forget"] == 1
        assert (await line.code(buy=offer, price=10))[0] == "InvalidContractProposal"
        offer = (await line.ask(proposal=1, **MULT))["proposal"]["id"]
        assert await line.code(buy=offer, price=9.99) == (
            "ContractCreationFailure", "Contract's stake amount is more than the maximum purchase price.",
        )  # fmt: skip
        assert (await line.code(buy=offer, price=10))[0] == "InvalidContractProposal"

    run(talk)


def test_buying_by_parameters_buys_each_time() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        for _ in range(2):
            assert "buy" in await line.ask(buy="1", price=10, parameters=MULT, passthrough={"mine": 1}, req_id=3)
        assert len((await line.ask(portfolio=1))["portfolio"]["contracts"]) == 2

    run(talk)


def test_a_price_below_what_a_payout_costs_has_moved() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        terms = CALL | {"basis": "payout", "amount": 100}
        assert (await line.ask(proposal=1, **terms))["proposal"]["ask_price"] == Decimal("51.49")
        code, message = await line.code(buy="1", price=1, parameters=terms)
        assert code == "PriceMoved"
        assert message == (
            "The underlying market has moved too much since you priced the contract. "
            "The contract price has changed from USD1.00 to USD51.49."
        )

    run(talk)


def test_who_is_too_poor_is_told_by_how_much() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        for _ in range(50):
            await line.ask(buy="1", price=2000, parameters=MULT | {"amount": 2000})
        code, message = await line.code(buy="1", price=10, parameters=MULT)
        assert code == "InsufficientBalance"
        assert message == "Your account balance (0.00 USD) is insufficient to buy this contract (10.00 USD)."

    run(talk)


def test_a_closed_market_sells_nothing() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        forex = MULT | {"symbol": "frxEURUSD", "multiplier": 30}
        closed = ("MarketIsClosed", "This market is presently closed.")
        assert await line.code(proposal=1, **forex) == closed
        assert await line.code(buy="1", price=10, parameters=forex) == closed

    run(talk, World(SATURDAY_MS))


# --- what becomes of it ----------------------------------------------------------------------------------------------


def test_a_multipliers_profit_follows_the_spot() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        bought = await buy(line, contract_type="MULTDOWN")
        entry = world.spot("R_100")
        world.wait(30)
        row = (await line.ask(proposal_open_contract=1, contract_id=bought["contract_id"]))["proposal_open_contract"]
        moved = -(world.spot("R_100") - entry) / entry * 400 - Decimal("0.14")
        assert row["profit"] == moved.quantize(Decimal("0.01"))
        assert row["bid_price"] == row["profit"] + 10
        assert (row["entry_spot"], row["current_spot"]) == (entry, world.spot("R_100"))
        assert (row["status"], row["is_sold"], row["is_valid_to_sell"], row["underlying"]) == ("open", 0, 1, "R_100")
        assert row["transaction_ids"] == {"buy": bought["transaction_id"]}

    run(talk)


def test_a_sold_contract_pays_its_bid_and_cannot_be_sold_again() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        bought = await buy(line)
        number = bought["contract_id"]
        world.wait(10)
        bid = (await line.ask(proposal_open_contract=1, contract_id=number))["proposal_open_contract"]["bid_price"]
        code, message = await line.code(sell=number, price=float(bid) + 1)
        assert code == "PriceMoved"
        assert message.endswith(f"The contract sell price has changed from USD{bid + 1:.2f} to USD{bid:.2f}.")
        sold = (await line.ask(sell=number, price=0))["sell"]
        assert (sold["sold_for"], sold["reference_id"]) == (bid, bought["transaction_id"])
        assert sold["balance_after"] == 99990 + bid
        assert await line.code(sell=number, price=0) == (
            "InvalidSellContractProposal", "Unknown contract sell proposal",
        )  # fmt: skip
        row = (await line.ask(proposal_open_contract=1, contract_id=number))["proposal_open_contract"]
        assert (row["status"], row["sell_price"], row["is_valid_to_sell"]) == ("sold", bid, 0)
        assert row["transaction_ids"]["sell"] == sold["transaction_id"]
        (closed,) = (await line.ask(profit_table=1, description=1))["profit_table"]["transactions"]
        assert (closed["contract_id"], closed["sell_price"], closed["buy_price"]) == (number, bid, 10)
        assert closed["shortcode"] == bought["shortcode"]

    run(talk)


def test_a_multiplier_stops_out_when_its_loss_reaches_the_stake() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        up, down = [await buy(line, symbol="R_75", multiplier=500, contract_type=t) for t in ("MULTUP", "MULTDOWN")]
        entry = world.spot("R_75")
        world.wait(6 * 3600)
        rows = [
            (await line.ask(proposal_open_contract=1, contract_id=each["contract_id"]))["proposal_open_contract"]
            for each in (up, down)
        ]
        lost = [row for row in rows if row["status"] == "lost"]
        assert lost, "six hours of R_75 move by more than 0.2 %"
        for row in lost:
            assert (row["sell_price"], row["profit"], row["is_expired"]) == (0, -10, 1)
            sign = 1 if row["contract_type"] == "MULTUP" else -1
            at = world.spot("R_75", row["exit_tick_time"])
            assert row["exit_tick"] == at
            assert sign * (at - entry) / entry * 5000 - Decimal(str(row["commission"])) <= Decimal("-9.995")
            before = world.spot("R_75", row["exit_tick_time"] - 2)
            assert sign * (before - entry) / entry * 5000 - Decimal(str(row["commission"])) > Decimal("-9.995")

    run(talk)


def test_take_profit_closes_a_multiplier_by_itself() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        both = [
            await buy(line, contract_type=t, limit_order={"take_profit": 0.2, "stop_loss": 5})
            for t in ("MULTUP", "MULTDOWN")
        ]
        world.wait(900)
        rows = [
            (await line.ask(proposal_open_contract=1, contract_id=each["contract_id"]))["proposal_open_contract"]
            for each in both
        ]
        won = [row for row in rows if row["status"] == "won"]
        assert won
        assert all(row["profit"] >= Decimal("0.2") and row["sell_time"] <= world.now_s for row in won)

    run(talk)


@pytest.mark.parametrize("kind", ["CALL", "PUT"])
@pytest.mark.parametrize("duration", [{"duration": 30, "duration_unit": "s"}, {"duration": 5, "duration_unit": "t"}])
def test_an_option_settles_by_the_price_at_its_expiry(kind: str, duration: dict[str, Any]) -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        offer = (await line.ask(proposal=1, **(CALL | duration | {"contract_type": kind})))["proposal"]
        assert offer["payout"] == Decimal("19.42")
        bought = (await line.ask(buy=offer["id"], price=10))["buy"]
        number = bought["contract_id"]
        assert bought["payout"] == Decimal("19.42")
        assert await line.code(sell=number, price=0) == ("InvalidtoSell", "Waiting for entry tick.")
        world.wait(4)
        row = (await line.ask(proposal_open_contract=1, contract_id=number))["proposal_open_contract"]
        assert (row["status"], row["entry_tick"]) == ("open", world.spot("R_50", WEDNESDAY_MS // 1000 + 2))
        assert 0 < row["bid_price"] < Decimal("19.42")
        world.wait(60)
        row = (await line.ask(proposal_open_contract=1, contract_id=number))["proposal_open_contract"]
        expiry = WEDNESDAY_MS // 1000 + (30 if duration["duration_unit"] == "s" else 12)
        entry, end = world.spot("R_50", WEDNESDAY_MS // 1000 + 2), world.spot("R_50", expiry)
        won = end > entry if kind == "CALL" else end < entry
        assert (row["status"], row["sell_time"]) == ("won" if won else "lost", expiry)
        assert row["sell_price"] == (Decimal("19.42") if won else 0)
        assert (await line.ask(balance=1))["balance"]["balance"] == 99990 + row["sell_price"]

    run(talk)


def test_a_duration_that_is_not_offered_is_refused() -> None:
    async def talk(world: World, line: Line) -> None:
        refused = ("OfferingsValidationError", "Trading is not offered for this duration.")
        assert await line.code(proposal=1, **(CALL | {"duration": 5})) == refused
        assert await line.code(proposal=1, **(CALL | {"symbol": "frxEURUSD", "duration": 60})) == refused
        missing = {name: value for name, value in CALL.items() if name != "duration"}
        assert (await line.code(proposal=1, **missing))[0] == "ContractCreationFailure"

    run(talk)


def test_statement_and_profit_table_are_cut_by_limit_offset_and_dates() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        numbers = []
        for _ in range(3):
            bought = await buy(line)
            world.wait(10)
            await line.ask(sell=bought["contract_id"], price=0)
            numbers.append(bought["contract_id"])
        whole = (await line.ask(statement=1))["statement"]
        assert whole["count"] == 7
        ids = [row["transaction_id"] for row in whole["transactions"]]
        assert ids == sorted(ids, reverse=True)
        part = (await line.ask(statement=1, limit=2, offset=1))["statement"]["transactions"]
        assert [row["transaction_id"] for row in part] == ids[1:3]
        sells = (await line.ask(statement=1, action_type="sell"))["statement"]["transactions"]
        assert [row["contract_id"] for row in sells] == numbers[::-1]
        late = (await line.ask(statement=1, date_from=world.now_s))["statement"]["transactions"]
        assert [row["contract_id"] for row in late] == numbers[-1:]
        table = (await line.ask(profit_table=1, sort="ASC", limit=2))["profit_table"]
        assert [row["contract_id"] for row in table["transactions"]] == numbers[:2]

    run(talk)


def test_streams_tell_what_is_new() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        cash = await line.ask(balance=1, subscribe=1, req_id=1)
        moves = await line.ask(transaction=1, subscribe=1, req_id=2)
        assert (await line.code(balance=1, subscribe=1))[0] == "AlreadySubscribed"
        bought = await line.ask(buy="1", price=10, parameters=MULT, subscribe=1, req_id=3)
        await line.session._push_private()  # type: ignore[attr-defined]
        said = {row["msg_type"]: row for row in line.pushed()}
        assert said["balance"]["balance"]["balance"] == 99990
        assert said["balance"]["subscription"]["id"] == cash["balance"]["id"]
        assert said["transaction"]["transaction"]["contract_id"] == bought["buy"]["contract_id"]
        assert said["transaction"]["req_id"] == 2
        world.wait(2)
        await line.session._push_private()  # type: ignore[attr-defined]
        (row,) = line.pushed()
        assert row["proposal_open_contract"]["contract_id"] == bought["buy"]["contract_id"]
        assert row["subscription"] == bought["subscription"]
        assert (await line.ask(forget=moves["subscription"]["id"]))["forget"] == 1
        assert len((await line.ask(forget_all=["balance", "proposal_open_contract"]))["forget_all"]) == 2

    run(talk)


def test_a_streamed_offer_is_priced_anew_and_ends_when_it_is_bought() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        offer = await line.ask(proposal=1, subscribe=1, req_id=9, **MULT)
        identity = offer["proposal"]["id"]
        assert offer["subscription"] == {"id": identity}
        world.wait(4)
        await line.session._push_private()  # type: ignore[attr-defined]
        (pushed,) = line.pushed()
        assert (pushed["proposal"]["id"], pushed["req_id"]) == (identity, 9)
        assert pushed["proposal"]["spot"] == world.spot("R_100")
        bought = (await line.ask(buy=identity, price=10))["buy"]
        row = await line.ask(proposal_open_contract=1, contract_id=bought["contract_id"])
        assert row["proposal_open_contract"]["entry_spot"] == world.spot("R_100")
        world.wait(4)
        await line.session._push_private()  # type: ignore[attr-defined]
        assert line.pushed() == []

    run(talk)


def test_contracts_and_money_survive_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "accounts.sqlite")
    numbers: list[int] = []

    async def before(world: World, line: Line) -> None:
        await line.login()
        numbers.append((await buy(line))["contract_id"])
        numbers.append((await buy(line, limit_order={"take_profit": 3}))["contract_id"])
        world.wait(10)
        await line.ask(sell=numbers[0], price=0)
        option = await line.ask(buy="1", price=10, parameters=CALL)
        numbers.append(option["buy"]["contract_id"])

    async def after(world: World, line: Line) -> None:
        told = await line.login()
        statement = (await line.ask(statement=1))["statement"]["transactions"]
        assert told["authorize"]["balance"] == statement[0]["balance_after"]
        row = (await line.ask(proposal_open_contract=1, contract_id=numbers[1]))["proposal_open_contract"]
        assert (row["status"], row["entry_tick_time"]) == ("open", WEDNESDAY_MS // 1000)
        settled = (await line.ask(proposal_open_contract=1, contract_id=numbers[2]))["proposal_open_contract"]
        assert settled["status"] in ("won", "lost")
        closed = (await line.ask(profit_table=1))["profit_table"]["transactions"]
        assert {row["contract_id"] for row in closed} == {numbers[0], numbers[2]}
        fresh = await buy(line)
        assert fresh["contract_id"] > max(numbers)
        assert fresh["transaction_id"] > max(row["transaction_id"] for row in statement)

    run(before, World(store=store))
    run(after, World(WEDNESDAY_MS + 100_000, store))
    store.close()


def test_a_reset_gives_everybody_the_deposit_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "accounts.sqlite")
    world = World(store=store)

    async def talk(world: World, line: Line) -> None:
        await line.login()
        await buy(line)
        world.venue.desk.reset()
        assert (await line.ask(balance=1))["balance"]["balance"] == 100000
        assert (await line.ask(portfolio=1))["portfolio"]["contracts"] == []

    run(talk, world)
    store.close()


def test_limits_are_counted_per_account_and_kind() -> None:
    async def talk(world: World, line: Line) -> None:
        await line.login()
        world.venue.set_limits(1.0, lambda: 0.0)
        for _ in range(25):
            await line.ask(portfolio=1)
        assert await line.code(statement=1) == ("RateLimit", "You have reached the rate limit for statement.")
        assert "proposal" in await line.ask(proposal=1, **MULT)
        await line.login(OTHER)
        assert "portfolio" in await line.ask(portfolio=1)

    run(talk)


def test_a_simulator_that_is_started_again_still_has_the_contracts(tmp_path: Path) -> None:
    def talk(hosts: dict[str, str], *frames: dict[str, Any]) -> list[dict[str, Any]]:
        url = hosts["ws.derivws.com"].replace("http", "ws", 1) + "/websockets/v3?app_id=1089"
        with connect(url) as socket:
            answers = []
            for frame in ({"authorize": FULL}, *frames):
                socket.send(json.dumps(frame))
                answers.append(json.loads(socket.recv(timeout=10)))
            return answers

    with start_simulator(tmp_path, seed=7) as first:
        _, bought = talk(first.hosts, {"buy": "1", "price": 10, "parameters": MULT})
    with start_simulator(tmp_path, seed=7) as second:
        told, portfolio = talk(second.hosts, {"portfolio": 1})
        assert told["authorize"]["balance"] == 99990
        (held,) = portfolio["portfolio"]["contracts"]
        assert held["shortcode"] == bought["buy"]["shortcode"]
