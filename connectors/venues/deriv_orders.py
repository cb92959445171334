"""Trading at Deriv: an order opens a multiplier contract, a reduce-only order sells one back.

`buy` opens MULTUP and `sell` MULTDOWN. A size is the exposure in base units: the stake is size × spot / multiplier,
rounded down to cents. There are no client ids, no resting orders and no prices to name. What is offered is bought once
at most: a proposal belongs to its connection and is used up by the purchase (Binary WebSocketAPI, Transaction: buy).

An order whose answer was lost is looked for among the purchases after the last transaction known before it: the same
type, symbol, stake and multiplier, bought with our app_id, and not known as another order of ours.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.trading import NO_IDS, FillSpan, Instruments, OrderRate, OrderRef, Traded, Trading, TradingRules
from connectors.venues import deriv_contracts as contracts
from connectors.venues.deriv import TEST_APP_ID
from connectors.venues.deriv_contracts import CLOSING, OPPOSITE, TYPE_OF
from connectors.venues.deriv_history import History
from connectors.venues.deriv_session import Line, PrivateCalls, read_offer, read_receipt
from connectors.venues.deriv_statement import Statement
from domain.errors import ConfigError, NotSent, Refused, Unavailable, Unsupported
from domain.instruments import SPOT, Instrument
from domain.money import plain, to_decimal
from domain.movements import Delivery, Transfer
from domain.orders import MARKET, Balance, Fill, KeyPermissions, OrderReport, OrderSpec, Position
from domain.time import read_ms

if TYPE_CHECKING:
    from connectors.venues.deriv import Deriv


class _Ready(NamedTuple):
    """A frame that is ready to be sent, and the connection that it has to go out on."""

    line: Line
    frame: Mapping[str, Any]


class DerivTrading(Trading):
    """Option `multiplier`: which one to use, instead of the smallest that a symbol offers.

    Args:
        connector: the venue's public half, whose transport, guard and keys are used.
        instruments: the venue's instruments, from the cache.
    """

    rules = TradingRules(
        types={SPOT: frozenset({MARKET})},
        tifs={},
        reduce_only=frozenset({SPOT}),
        client_id=r"[A-Za-z0-9._:-]{1,64}",
        client_id_unique=NO_IDS,
        client_id_note=(
            "Deriv keeps no client ids. An offer can be bought once only, so that an order is never doubled by its "
            "transport; one whose answer was lost is found by type, symbol, stake, multiplier and time. Two purchases "
            "alike at the same time, or one made elsewhere with the same app_id, cannot be told apart: the outcome "
            "then stays unknown."
        ),
        # Nothing is published. A purchase needs its connection; only what the server had read already can come later.
        acceptance_ms=10_000,
        settling_ms=2_000,
        # website_status: 25 statements a minute (max_requests_outcome), of which an order needs one.
        order_rate=OrderRate(0.4, 10),
        cancel_all=False,
        notes={
            "limit": "Deriv has no book to rest in: only market orders.",
            "stop": "Deriv has no trigger orders: only market orders.",
            "size": (
                "The size is the exposure in base units: stake × multiplier / spot. The stake is rounded down to "
                "cents, so that a little less than asked may be opened; the least is a stake of 1."
            ),
            "reduce-only": "A reduce-only order sells one whole contract back: its size has to be that contract's.",
        },
    )

    def __init__(self, connector: "Deriv", instruments: Instruments) -> None:
        super().__init__(connector.venue)
        self.context = connector.context
        self.calls = PrivateCalls(connector)
        app_id = str(connector.context.settings.options.get("app_id", TEST_APP_ID))
        self.history = History(self.calls, app_id)
        self.statement = Statement(self.calls, self.history)
        self._instruments = instruments
        self._ready: dict[str, _Ready] = {}
        self._facts: dict[str, Mapping[str, str]] = {}

    def close(self) -> None:
        """Close the connections."""
        for ready in self._ready.values():
            ready.line.close()
        self._ready.clear()
        self.calls.close()

    # --- orders ------------------------------------------------------------------------------------------------------

    def admit(self) -> None:
        """Take an order's share of the budgets."""
        rules, deadline = self.rules, self.context.deadline()
        self.context.guard.admit_once(cost=rules.order_cost, deadline=deadline, rate=rules.order_rate)

    def prepare(self, instrument: Instrument, spec: OrderSpec) -> Mapping[str, str]:
        """Have the contract offered, or choose the one to sell, and say how it could be found later.

        Raises:
            Refused: the venue offers no such contract, or there is none to reduce.
            MarketClosed, Unavailable: it cannot be offered now.
        """
        if spec.type != MARKET or spec.post_only:
            raise self._unsupported(f"{'post-only' if spec.post_only else spec.type} orders")
        last = self.history.last_transaction()
        facts, ready = (self._closing if spec.reduce_only else self._opening)(instrument, spec)
        if (abandoned := self._ready.pop(spec.client_id, None)) is not None:
            abandoned.line.close()
        self._ready[spec.client_id] = ready
        facts |= {"last_transaction_id": str(last), "loginid": str(ready.line.account["loginid"])}
        self._facts[spec.client_id] = facts
        return facts

    def submit(self, instrument: Instrument, spec: OrderSpec) -> OrderReport:
        """Buy what was offered, or sell the chosen contract: one frame, sent once. Only its id is known then."""
        if spec.client_id not in self._ready:
            self.prepare(instrument, spec)
        line, frame = self._ready.pop(spec.client_id)
        if not line.is_fresh:
            line.close()
            raise NotSent(f"The offer of {self.venue} was not taken in time; nothing was sent.", venue=self.venue)
        call = next(iter(frame))
        number, time_ms = self.calls.once(line, frame, lambda answer: read_receipt(answer[call]))
        if not spec.reduce_only:
            self.history.claims[number] = spec.client_id
        return OrderReport(
            venue=self.venue,
            symbol=instrument.symbol,
            order_id=f"{number}{CLOSING}" if spec.reduce_only else str(number),
            client_id=spec.client_id,
            side=spec.side,
            type=MARKET,
            reduce_only=spec.reduce_only,
            created_ms=time_ms,
        )

    def cancel(self, ref: OrderRef) -> None:
        """Refuse: an order is a contract at once, or nothing."""
        raise Refused(
            f"{self.venue} has no open orders: {ref.order_id or ref.client_id} is a contract, or was never accepted.",
            venue=self.venue,
            hint="Close it with a reduce-only market order of its size on the other side.",
        )

    def find(self, ref: OrderRef) -> OrderReport | None:
        """Look an order up by its contract, or by the facts of `prepare`.

        Raises:
            OutcomeUnknown: purchases cannot be told apart, or there are no facts to tell by.
        """
        # An attempt of this process is newer than what is journaled of an earlier one under the same id.
        ref = ref._replace(facts={**ref.facts, **self._facts.get(ref.client_id or "", {})})
        order_id = ref.order_id
        if order_id is None and "contract_id" in ref.facts:
            order_id = f"{ref.facts['contract_id']}{CLOSING}"
        number = int(order_id.removesuffix(CLOSING)) if order_id is not None else self.history.purchase_of(ref)
        contract = None if number is None else self.history.contract(number)
        if contract is None:
            return None
        if order_id is None or not order_id.endswith(CLOSING):
            return contracts.opening_of(contract, ref.instrument, ref.client_id)
        after = int(ref.facts.get("last_transaction_id", "0"))
        # A contract that the venue closed, or that was sold before, is not what our order did.
        if contract.status != "sold" or contract.sell_id is None or contract.sell_id <= after:
            return None
        return contracts.closing_of(contract, ref.instrument, ref.client_id)

    # --- lists -------------------------------------------------------------------------------------------------------

    def open_orders(self, instrument: Instrument | None = None) -> list[OrderReport]:
        """List nothing: no order rests here."""
        return []

    def closed_orders(self, instrument: Instrument, since_ms: int) -> list[OrderReport]:
        """List purchases and sales of multipliers, oldest first."""
        found: list[OrderReport] = []
        for contract in self.history.traded(instrument.native_id, since_ms):
            found.append(contracts.opening_of(contract, instrument))
            if contract.sold_ms is not None:
                found.append(contracts.closing_of(contract, instrument))
        recent = [report for report in found if (report.created_ms or 0) >= since_ms // 1000 * 1000]
        return sorted(recent, key=lambda report: report.created_ms or 0)

    def fills(self, instrument: Instrument, since_ms: int) -> list[Fill]:
        """List purchases and sales of multipliers as trades at the spot, oldest first."""
        return [fill for span in self.fill_spans(instrument, since_ms) for fill in span.fills]

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        """Yield them span by span: the statement is read at once, each contract when its turn comes."""
        return self.statement.fill_spans(instrument, since_ms)

    def traded(self, since_ms: int) -> Traded:
        """Name what multipliers were bought and sold on since, wherever that was done."""
        return self.statement.traded(since_ms, self._instruments.all())

    def deliveries(self, instrument: Instrument, since_ms: int) -> list[Delivery]:
        """List nothing: a multiplier that the venue closes is a sale."""
        return []

    def transfers(self, since_ms: int) -> list[Transfer]:
        """List what moved the cash beside multipliers."""
        return self.statement.transfers(since_ms)

    def balances(self) -> list[Balance]:
        """Tell the cash; the stakes of open contracts have left it, which `positions_value` tells (below zero)."""
        row = self.calls.read({"balance": 1}, lambda answer: answer["balance"])
        cash, staked = to_decimal(row["balance"]), self.statement.staked()
        found = Balance(self.venue, str(row["currency"]), cash, None, cash, positions_value=-staked)
        return [found] if cash or staked else []

    def positions(self) -> list[Position]:
        """Sum open multipliers per symbol, those that win upwards and downwards apart."""
        held = self.history.open()
        found: list[Position] = []
        for symbol, side in sorted({(contract.symbol, contract.side) for contract in held}):
            mine = [contract for contract in held if (contract.symbol, contract.side) == (symbol, side)]
            for instrument in self._instruments.by_native(symbol)[:1]:
                found += filter(None, [contracts.position_of(mine, instrument)])
        return found

    def closing_sizes(self, position: Position) -> list[Decimal]:
        """List the sizes of a position's contracts: each is sold as a whole."""
        return contracts.sizes_of(self.history.open(), position, self._instruments.find(position.symbol))

    def permissions(self) -> KeyPermissions:
        """Tell the token's scopes; `payments` may withdraw."""
        scopes = self.calls.account().get("scopes") or ()
        return KeyPermissions("read" in scopes, "trade" in scopes, "payments" in scopes)

    # --- how orders are made and found -------------------------------------------------------------------------------

    def _opening(self, instrument: Instrument, spec: OrderSpec) -> tuple[dict[str, str], _Ready]:
        kind, symbol = TYPE_OF[spec.side], instrument.native_id
        offered = self.calls.read({"contracts_for": symbol}, lambda answer: answer["contracts_for"])
        multiplier = self._multiplier(instrument, contracts.multipliers_of(offered["available"], kind))
        if offered.get("spot") is None:
            raise Unavailable(f"{self.venue} shows no price of {instrument.symbol} now.", venue=self.venue)
        stake = contracts.stake_for(spec.size, multiplier, to_decimal(offered["spot"]))
        asked = {"contract_type": kind, "symbol": symbol, "basis": "stake", "multiplier": multiplier}
        if stake <= 0:
            least = contracts.exposure(Decimal(1), multiplier, to_decimal(offered["spot"]))
            raise Refused(
                f"{plain(spec.size)} of {instrument.symbol} is a stake of less than a cent at {self.venue}.",
                venue=self.venue,
                hint=f"A stake of 1 opens about {plain(least)}.",
            )
        request = {"proposal": 1, "amount": float(stake), "currency": self.calls.currency, **asked}
        line, offer = self.calls.read_on(request, lambda answer: read_offer(answer["proposal"]))
        if offer.price > stake:
            line.close()
            raise Refused(f"{self.venue} asks {offer.price} for a stake of {stake}.", venue=self.venue)
        facts = {"contract_type": kind, "symbol": symbol, "stake": plain(stake), "multiplier": str(multiplier)}
        facts |= {"proposal_id": offer.id, "at_ms": str(offer.at_ms)}
        return facts, _Ready(line, {"buy": offer.id, "price": float(offer.price)})

    def _closing(self, instrument: Instrument, spec: OrderSpec) -> tuple[dict[str, str], _Ready]:
        side = OPPOSITE[spec.side]
        held = [contract for contract in self.history.open(instrument.native_id) if contract.side == side]
        chosen = next((contract for contract in held if contracts.fits(spec.size, contract)), None)
        if chosen is None:
            reason = "has no contract of this size" if held else f"has no open {TYPE_OF[side]} contract"
            raise Refused(
                f"{self.venue} {reason}: {plain(spec.size)} of {instrument.symbol} cannot be reduced.",
                venue=self.venue,
                hint=f"Each order sells one whole contract; sizes of the open ones: {contracts.sizes_text(held)}.",
            )
        line, now_ms = self.calls.read_on({"time": 1}, lambda answer: read_ms(answer["time"]) * 1000)
        return {"contract_id": str(chosen.id), "at_ms": str(now_ms)}, _Ready(line, {"sell": chosen.id, "price": 0})

    def _multiplier(self, instrument: Instrument, offered: list[int]) -> int:
        """Choose the configured multiplier, else the smallest."""
        wanted = self.context.settings.options.get("multiplier")
        if not offered:
            raise Unsupported(f"{self.venue} has no multipliers on {instrument.symbol}.", venue=self.venue)
        if wanted is None:
            return min(offered)
        if wanted not in offered:
            raise ConfigError(
                f"{self.venue} has no multiplier {wanted} on {instrument.symbol}.",
                venue=self.venue,
                hint=f"Set venues.{self.venue}.options.multiplier to one of {', '.join(map(str, offered))}.",
            )
        return int(wanted)
