"""Deriv's private calls on one connection: who is logged in, which offers it was made, and what it follows.

Proposals belong to their connection and can be bought once (Binary WebSocketAPI, Wrapper::Transaction): buying takes
them away whatever comes of it, and the price is worked out anew.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from simulator.distortion import order_lag_ms
from simulator.exchange.model import READ, TRADE, WITHDRAW, Account
from simulator.venues import deriv_offers as offers
from simulator.venues import deriv_quotes as quotes
from simulator.venues import deriv_reports as reports
from simulator.venues.deriv_calls import SCOPES, CallError, Row
from simulator.venues.deriv_contracts import OPEN, Contract, Transaction

if TYPE_CHECKING:
    from simulator.venues.deriv import Deriv

CURRENCY = "USD"
_SCOPES = {READ: ("read", "trading_information"), TRADE: ("trade",), WITHDRAW: ("payments",)}


@dataclass
class Watch:
    """A private stream: `look` answers what is new, None when nothing is."""

    identity: str
    kind: str
    echo: Row
    look: Callable[[], Row | None]


class Dealer:
    """The private half of a session. Methods take a frame and answer the content of the reply, or raise CallError."""

    def __init__(self, venue: "Deriv", app_id: int) -> None:
        self._venue = venue
        self._app_id = app_id
        self._account: Account | None = None
        self._offers: dict[str, Row] = {}
        self.watches: dict[str, Watch] = {}
        self.calls: dict[str, Callable[[Row], Row]] = {
            "authorize": self._authorize,
            "logout": self._logout,
            "balance": self._balance,
            "proposal": self._proposal,
            "buy": self._buy,
            "sell": self._sell,
            "cancel": self._cancel,
            "portfolio": self._portfolio,
            "proposal_open_contract": self._open_contract,
            "profit_table": self._profit_table,
            "statement": self._statement,
            "transaction": self._transaction,
        }

    @property
    def loginid(self) -> str:
        """Name who is logged in; empty while nobody is."""
        return self._account.key if self._account else ""

    def check(self, call: str) -> None:
        """Check that somebody is logged in who may make this call. Raises CallError."""
        needed = SCOPES.get(call)
        if needed is None:
            return
        if self._account is None:
            raise CallError("AuthorizationRequired", "Please log in.", call)
        if needed and not set(needed) & set(self._scopes()):
            raise CallError("PermissionDenied", f"Permission denied, requires {needed[0]} scope.", call)

    def forget(self, identity: str) -> bool:
        """End a stream, or withdraw an offer."""
        was_offered = self._offers.pop(identity, None) is not None
        return self.watches.pop(identity, None) is not None or was_offered

    def forget_all(self, kinds: list[object]) -> list[str]:
        """End the streams of some kinds and name them."""
        gone = [watch.identity for watch in self.watches.values() if watch.kind in kinds]
        for identity in gone:
            self.forget(identity)
        return gone

    def _now(self) -> int:
        return self._venue.clock() // 1000

    def _scopes(self) -> list[str]:
        assert self._account is not None
        return [scope for may in (READ, TRADE, WITHDRAW) if may in self._account.permissions for scope in _SCOPES[may]]

    # --- account -----------------------------------------------------------------------------------------------------

    def _authorize(self, frame: Row) -> Row:
        self._account = self._venue.account_of(str(frame["authorize"]))
        cash = self._venue.desk.balance(self.loginid, self._now())
        return {"authorize": reports.login(self.loginid, CURRENCY, cash, self._scopes())}

    def _logout(self, frame: Row) -> Row:
        self.forget_all(["balance", "transaction", "proposal_open_contract"])
        self._account = None
        return {"logout": 1}

    def _balance(self, frame: Row) -> Row:
        login, last = self.loginid, [Decimal(-1)]

        def look() -> Row | None:
            cash = self._venue.desk.balance(login, self._now())
            if cash == last[0]:
                return None
            last[0] = cash
            return {"balance": {"balance": float(cash), "currency": CURRENCY, "loginid": login}}

        content = look() or {}
        if str(frame.get("account", "current")) == "all":
            cash = float(last[0])
            facts: Row = {"balance": cash, "converted_amount": cash, "currency": CURRENCY, "demo_account": 0}
            whole: Row = {"accounts": {login: facts | {"status": 1, "type": "deriv"}}}
            whole |= {"total": {"deriv": {"amount": cash, "currency": CURRENCY}}}
            content = {"balance": {"balance": cash, "currency": CURRENCY, "loginid": login} | whole}
        return self._watched(frame, "balance", content, look)

    # --- offers ------------------------------------------------------------------------------------------------------

    def _proposal(self, frame: Row) -> Row:
        identity = str(uuid.uuid4())
        last: list[Row] = [{}]

        def look() -> Row | None:
            shown = self._priced(identity, frame)
            if shown == last[0]:
                return None
            last[0] = shown
            return {"proposal": shown}

        content = look() or {}
        content = self._watched(frame, "proposal", content, look, identity)
        self._offers[identity] = frame
        return content

    def _priced(self, identity: str, frame: Row) -> Row:
        listing, now_s = self._venue.open_listing(str(frame["symbol"]), "proposal"), self._now()
        terms = offers.agreed(listing, frame, CURRENCY, now_s, "proposal")
        tick = quotes.tick_at(self._venue.market, listing, now_s)
        if tick is None:
            raise CallError("MarketIsClosed", "This market is presently closed.", "proposal")
        return reports.proposal(identity, listing, terms, tick, now_s)

    def _buy(self, frame: Row) -> Row:
        wanted = self._wanted(frame)
        listing, now_s = self._venue.open_listing(str(wanted["symbol"]), "buy"), self._now()
        terms = offers.agreed(listing, wanted, CURRENCY, now_s, "buy")
        limit = Decimal(str(frame["price"]))
        if terms.stake > limit and (terms.is_multiplier or wanted.get("basis") == "stake"):
            text = "Contract's stake amount is more than the maximum purchase price."
            raise CallError("ContractCreationFailure", text, "buy")
        if terms.stake > limit:
            text = "The underlying market has moved too much since you priced the contract. The contract price has "
            text += f"changed from {CURRENCY}{limit:.2f} to {CURRENCY}{terms.stake:.2f}."
            raise CallError("PriceMoved", text, "buy")
        contract = self._venue.desk.buy(self.loginid, listing, terms, self._app_id, now_s)
        content: Row = {"buy": reports.bought(contract, self._venue.desk.balance(self.loginid, now_s))}
        if "subscribe" in frame:
            request: Row = {"proposal_open_contract": 1, "contract_id": contract.id, "subscribe": 1}
            request |= {"req_id": frame["req_id"]} if "req_id" in frame else {}
            content["subscription"] = self._open_contract(request)["subscription"]
        return content

    def _wanted(self, frame: Row) -> Row:
        """Find what is to be bought: the frame's parameters win over its proposal, as at the venue."""
        parameters = frame.get("parameters")
        offer = self._offers.get(str(frame["buy"]))
        if isinstance(parameters, Mapping):
            return dict(parameters)
        if offer is None:
            raise CallError("InvalidContractProposal", "Unknown contract proposal", "buy")
        self.forget(str(frame["buy"]))
        return offer

    def _sell(self, frame: Row) -> Row:
        now_s = self._now()
        number, price = int(str(frame["sell"])), Decimal(str(frame["price"]))
        contract = self._venue.desk.sell(self.loginid, number, price, now_s)
        return {"sell": reports.sold(contract, self._venue.desk.balance(self.loginid, now_s))}

    def _cancel(self, frame: Row) -> Row:
        """Refuse: deal cancellation is not offered here. The code is not verified."""
        self._found(int(str(frame["cancel"])), "cancel")
        text = "This contract does not include deal cancellation. Your contract can only be cancelled when you select"
        raise CallError("InvalidtoCancel", f"{text} deal cancellation in your purchase.", "cancel")

    # --- reports -----------------------------------------------------------------------------------------------------

    def _found(self, number: int, call: str) -> Contract:
        contract = self._venue.desk.find(self.loginid, number, self._now())
        if contract is None:
            text = "This contract was not found among your open positions."
            raise CallError("ContractNotFound", text, call)
        return contract

    def _contracts(self) -> list[Contract]:
        """List what shows: a fault may hide what is too young."""
        newest = (self._venue.clock() - order_lag_ms()) / 1000
        found = self._venue.desk.of(self.loginid, self._now())
        return [contract for contract in found if contract.purchase_s <= newest]

    def _lines(self) -> list[Transaction]:
        newest = (self._venue.clock() - order_lag_ms()) / 1000
        return [line for line in self._venue.desk.lines(self.loginid, self._now()) if line.time_s <= newest]

    def _portfolio(self, frame: Row) -> Row:
        kinds = _listed(frame.get("contract_type"))
        rows = [c for c in self._contracts() if c.status == OPEN and (not kinds or c.terms.type in kinds)]
        if frame.get("sort") != "ASC":
            rows.reverse()
        return {"portfolio": {"contracts": [reports.held(contract) for contract in rows]}}

    def _open_contract(self, frame: Row) -> Row:
        number, last = frame.get("contract_id"), [""]

        def look() -> Row | None:
            chosen = [self._found(int(str(number)), "proposal_open_contract")] if number is not None else []
            if number is None:
                chosen = [contract for contract in self._contracts() if contract.status == OPEN][-1:]
            desk, now_s = self._venue.desk, self._now()
            rows = [reports.state(desk, c, self._venue.by_symbol[c.terms.symbol], now_s) for c in chosen]
            row: Row = rows[0] if rows else {}
            if str(row) == last[0]:
                return None
            last[0] = str(row)
            return {"proposal_open_contract": row}

        return self._watched(frame, "proposal_open_contract", look() or {}, look)

    def _profit_table(self, frame: Row) -> Row:
        kinds, described = _listed(frame.get("contract_type")), str(frame.get("description", 0)) == "1"
        start, end = reports.epoch(frame.get("date_from"), 0), reports.epoch(frame.get("date_to"), 10**10)
        closed = [c for c in self._contracts() if c.status != OPEN and start <= c.purchase_s <= end]
        closed.sort(key=lambda contract: contract.sell_id, reverse=frame.get("sort") != "ASC")
        rows = [reports.profit_row(c, described=described) for c in closed if not kinds or c.terms.type in kinds]
        shown = reports.page(rows, frame, 50)
        return {"profit_table": {"count": len(shown), "transactions": shown}}

    def _statement(self, frame: Row) -> Row:
        action, described = frame.get("action_type"), str(frame.get("description", 0)) == "1"
        start, end = int(str(frame.get("date_from", 0))), int(str(frame.get("date_to", 10**10)))
        known = self._venue.desk.contracts
        lines = [line for line in self._lines() if start <= line.time_s <= end and action in (None, line.action)]
        rows = [reports.statement_row(line, known, described=described) for line in lines]
        shown = reports.page(rows, frame, 100)
        return {"statement": {"count": len(shown), "transactions": shown}}

    def _transaction(self, frame: Row) -> Row:
        seen = [line.id for line in self._venue.desk.lines(self.loginid, self._now())[:1]] or [0]

        def look() -> Row | None:
            fresh = [line for line in self._venue.desk.lines(self.loginid, self._now()) if line.id > seen[0]]
            if not fresh:
                return None
            seen[0] = fresh[-1].id
            return {"transaction": reports.transaction_row(fresh[-1], self._venue.desk.contracts, CURRENCY)}

        return self._watched(frame, "transaction", {"transaction": {}}, look)

    def _watched(self, frame: Row, kind: str, content: Row, look: Callable[[], Row | None], identity: str = "") -> Row:
        """Begin a stream where `subscribe` asks for one; each row of it then carries its id."""
        if "subscribe" not in frame:
            return content
        asked = {name: value for name, value in frame.items() if name not in ("req_id", "passthrough")}
        for watch in self.watches.values():
            if asked == {name: value for name, value in watch.echo.items() if name not in ("req_id", "passthrough")}:
                raise CallError("AlreadySubscribed", f"You are already subscribed to {kind}.", kind)
        watch = Watch(identity or str(uuid.uuid4()), kind, frame, look)
        self.watches[watch.identity] = watch
        return marked(content, watch)


def marked(content: Row, watch: Watch) -> Row:
    """Put a stream's id into a row of it and beside it."""
    row = content.get(watch.kind)
    whole = {watch.kind: {**row, "id": watch.identity}} if isinstance(row, dict) and row else {}
    return content | whole | {"subscription": {"id": watch.identity}}


def _listed(value: object) -> list[object]:
    return [] if value is None else value if isinstance(value, list) else [value]
