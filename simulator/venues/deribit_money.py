"""Deribit's account: summaries per currency, positions, the transaction log, API keys.

Sources: docs.deribit.com (private/get_account_summaries, get_positions, get_transaction_log, list_api_keys). Funding
accrues all the time; it reaches the balance with the daily settlement at 08:00 UTC, and the log with it or with the
trade that changes the position before (`interest_pl`; `total_interest_pl` is the session's sum).
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import Account, Balance, Fill, FundingPayment, PositionState
from simulator.market.calendar import DAY_MS, HOUR_MS
from simulator.market.known import known
from simulator.market.model import OPTION, PERPETUAL, SPOT, Listing
from simulator.venues import deribit_order_shapes as shapes
from simulator.venues.deribit_auth import scope_text
from simulator.venues.deribit_orders import Catalogue
from simulator.venues.deribit_rpc import Call, Row, flag_of, integer_of, invalid, text_of
from simulator.venues.deribit_rules import WALLET

SETTLEMENT_MS = 8 * HOUR_MS
"""When in a day (UTC) funding and session gains are paid out."""
_ZERO = Decimal(0)


class MoneyDesk:
    """The methods about balances and positions; each takes a call and answers its result."""

    def __init__(
        self, exchange: Exchange, catalogue: Catalogue, currencies: list[str], accounts: Iterable[Account]
    ) -> None:
        """`currencies` are those that a summary is given of; `accounts` all keys there are."""
        self._exchange = exchange
        self._catalogue = catalogue
        self._currencies = currencies
        self._accounts = tuple(accounts)
        self.methods: dict[str, Callable[[Call], object]] = {
            "private/get_account_summary": self._summary,
            "private/get_account_summaries": lambda call: {
                "summaries": [self._summary_row(call, currency) for currency in self._currencies]
            },
            "private/get_positions": self._positions,
            "private/get_position": self._position,
            "private/get_transaction_log": self._log,
            "private/list_api_keys": self._keys,
        }

    # --- money -------------------------------------------------------------------------------------------------------

    def _summary(self, call: Call) -> object:
        row = self._summary_row(call, text_of(call.params, "currency", self._currencies))
        if flag_of(call.params, "extended"):
            row |= {"id": 1001, "type": "main", "username": call.caller.owner, "system_name": call.caller.owner}
        return row

    def _summary_row(self, call: Call, currency: str) -> Row:
        exchange, now_ms = self._exchange, call.now_ms
        balance = exchange.balances(call.caller, WALLET, now_ms).get(currency) or Balance(_ZERO, _ZERO)
        held = [(p, li) for p, li in self._held(call) if li.settle == currency]
        gain = sum((exchange.unrealized(p, now_ms) for p, li in held if li.kind != OPTION), _ZERO)
        options = sum((p.size * exchange.mark_price(li, now_ms) for p, li in held if li.kind == OPTION), _ZERO)
        margin = sum((exchange.margin(p, now_ms) for p, _ in held), _ZERO)
        available = balance.free + gain
        figures = {
            "balance": balance.total,
            "equity": balance.total + gain + options,
            "margin_balance": balance.total + gain,
            "available_funds": available,
            "available_withdrawal_funds": min(available, balance.free),
            "initial_margin": balance.locked,
            "maintenance_margin": margin / 2,
            "session_upl": gain,
            "futures_session_upl": gain,
            "futures_pl": gain,
            "options_value": options,
            "total_pl": gain,
            "spot_reserve": self._spot_reserve(call, currency),
            "fee_balance": _ZERO,
        }
        limits = {"trading": {"total": {"rate": 5, "burst": 20}}, "cancel_all": {"rate": 5, "burst": 20}}
        row: Row = {"currency": currency, "margin_model": "segregated_sm", "cross_collateral_enabled": False}
        row |= {name: shapes.number(value) for name, value in figures.items()}
        row["portfolio_margining_enabled"] = False
        row["limits"] = {"matching_engine": limits, "non_matching_engine": {"rate": 20, "burst": 100}}
        return row

    def _spot_reserve(self, call: Call, currency: str) -> Decimal:
        total = _ZERO
        for order in self._exchange.orders(call.caller, call.now_ms, live=True, product=SPOT):
            listing = self._catalogue.by_name.get(order.native_id)
            if listing is not None and currency == (listing.base if order.side == "sell" else listing.quote):
                price = order.price or (order.trigger.price if order.trigger else _ZERO)
                total += order.left if order.side == "sell" else order.left * price
        return total

    def _held(self, call: Call) -> list[tuple[PositionState, Listing]]:
        held = self._exchange.positions(call.caller, call.now_ms)
        return [(p, listing) for p in held if (listing := self._catalogue.by_name.get(p.native_id))]

    def _positions(self, call: Call) -> object:
        currency = text_of(call.params, "currency", (*self._currencies, "any"), "any")
        kind = text_of(call.params, "kind", default="any")
        return [
            self._position_row(position, listing, call)
            for position, listing in self._held(call)
            if currency in ("any", listing.settle) and kind in ("any", shapes.kind_row(listing))
        ]

    def _position(self, call: Call) -> object:
        wanted = self._catalogue.listing_of(call.params)
        for position, listing in self._held(call):
            if listing is wanted:
                return self._position_row(position, listing, call)
        empty = PositionState(call.caller.owner, wanted.product, wanted.native_id, _ZERO, _ZERO, 1, _ZERO, 0, 0)
        return self._position_row(empty, wanted, call)

    def _position_row(self, position: PositionState, listing: Listing, call: Call) -> Row:
        """Describe a position: `size` in USD on inverse futures, in coins elsewhere, below zero for shorts."""
        exchange, size, now_ms = self._exchange, position.size, call.now_ms
        mark = exchange.mark_price(listing, now_ms)
        gain = exchange.unrealized(position, now_ms) if size else _ZERO
        margin = exchange.margin(position, now_ms) if size else _ZERO
        row: Row = {
            "instrument_name": listing.native_id,
            "kind": shapes.kind_row(listing),
            "direction": "buy" if size > 0 else "sell" if size < 0 else "zero",
            "size": shapes.number(size),
            "average_price": shapes.number(position.entry_price),
            "mark_price": shapes.number(mark),
            "index_price": known(lambda: float(exchange.market.index_price(listing, now_ms))),
            "settlement_price": shapes.number(mark),
            "floating_profit_loss": shapes.number(gain),
            "realized_profit_loss": shapes.number(position.realized),
            "total_profit_loss": shapes.number(gain + position.realized),
            "initial_margin": shapes.number(margin),
            "maintenance_margin": shapes.number(margin / 2),
            "open_orders_margin": 0.0,
        }
        if listing.kind == OPTION:
            return row | {"delta": 0.0, "gamma": 0.0, "theta": 0.0, "vega": 0.0}
        in_coins = (size / mark if mark else _ZERO) if listing.inverse else size
        row |= {"size_currency": shapes.number(in_coins), "delta": shapes.number(in_coins)}
        row["leverage"] = position.leverage
        row["estimated_liquidation_price"] = shapes.number(exchange.liquidation_price(position)) if size else None
        if listing.kind == PERPETUAL:
            row["realized_funding"] = shapes.number(self._session_funding(position, call))
        return row

    def _session_funding(self, position: PositionState, call: Call) -> Decimal:
        since_ms = settled_at(call.now_ms) - DAY_MS + 1
        paid = self._exchange.funding_payments(
            call.caller, call.now_ms, native_id=position.native_id, since_ms=since_ms
        )
        return sum((payment.amount for payment in paid), _ZERO)

    # --- the log -----------------------------------------------------------------------------------------------------

    def _log(self, call: Call) -> object:
        """List trades and daily settlements of a currency, newest first; a continuation is the next entry's id."""
        currency = text_of(call.params, "currency", self._currencies)
        start_ms, end_ms = integer_of(call.params, "start_timestamp"), integer_of(call.params, "end_timestamp")
        count = integer_of(call.params, "count", 100)
        if not 1 <= count <= 250:
            raise invalid("count", "must be between 1 and 250")
        words = str(call.params.get("query") or "").split()
        rows = [
            row
            for row in self._entries(call, currency)
            if start_ms <= _whole(row["timestamp"]) <= end_ms and all(_speaks_of(row, word) for word in words)
        ]
        rows.sort(key=lambda row: (_whole(row["timestamp"]), _whole(row["id"])), reverse=True)
        first = integer_of(call.params, "continuation", 0)
        place = next((at for at, row in enumerate(rows) if row["id"] == first), 0 if not first else len(rows))
        following = rows[place + count : place + count + 1]
        return {
            "logs": rows[place : place + count],
            "continuation": following[0]["id"] if following else None,
        }

    def _entries(self, call: Call, currency: str) -> Iterator[Row]:
        fills: dict[str, list[Fill]] = {}
        for fill in self._exchange.fills(call.caller, call.now_ms):
            fills.setdefault(fill.native_id, []).append(fill)
        paid: dict[str, list[FundingPayment]] = {}
        for payment in self._exchange.funding_payments(call.caller, call.now_ms):
            paid.setdefault(payment.native_id, []).append(payment)
        for name in fills.keys() | paid.keys():
            listing = self._catalogue.by_name.get(name)
            if listing is not None and self._catalogue.settled_in(listing, currency):
                yield from _events(listing, fills.get(name, []), paid.get(name, []), call.now_ms)

    def _keys(self, call: Call) -> object:
        return [
            {
                "id": place + 1,
                "name": f"key-{place + 1}",
                "client_id": account.key,
                "client_secret": account.secret,
                "enabled": True,
                "default": place == 0,
                "max_scope": scope_text(account),
                "ip_whitelist": [],
                "enabled_features": [],
                "timestamp": call.now_ms,
            }
            for place, account in enumerate(a for a in self._accounts if a.owner == call.caller.owner)
        ]


def settled_at(time_ms: int) -> int:
    """Return when what happens at `time_ms` is settled: the next 08:00 UTC, or this very one."""
    return -(-(time_ms - SETTLEMENT_MS) // DAY_MS) * DAY_MS + SETTLEMENT_MS


def _events(listing: Listing, fills: list[Fill], paid: list[FundingPayment], now_ms: int) -> Iterator[Row]:
    """List the log's entries of one instrument: each trade, and the settlement of each session that had something."""
    position = _ZERO
    waiting = sorted(paid, key=lambda payment: payment.time_ms)
    sessions = {settled_at(each.time_ms) for each in fills} | {settled_at(each.time_ms) for each in paid}
    for settled_ms in sorted(sessions):
        total = gained = fees = _ZERO
        for fill in (each for each in fills if settled_at(each.time_ms) == settled_ms):
            interest, waiting = _taken(waiting, fill.time_ms)
            total, gained, fees = total + interest, gained + fill.realized, fees + fill.fee
            position += fill.size if fill.side == "buy" else -fill.size
            yield _trade_entry(listing, fill, position, interest, total)
        interest, waiting = _taken(waiting, min(settled_ms, now_ms))
        total += interest
        if settled_ms <= now_ms and listing.kind != SPOT:
            yield _settlement_entry(listing, settled_ms, position, (interest, total, gained))


def _taken(waiting: list[FundingPayment], until_ms: int) -> tuple[Decimal, list[FundingPayment]]:
    """Sum what was paid up to a time, and return what comes later."""
    due = [payment for payment in waiting if payment.time_ms <= until_ms]
    return sum((payment.amount for payment in due), _ZERO), waiting[len(due) :]


def _trade_entry(listing: Listing, fill: Fill, position: Decimal, interest: Decimal, total: Decimal) -> Row:
    opens = not position or abs(position) >= fill.size
    row: Row = {
        "id": fill.number * 1000,
        "type": "trade",
        "timestamp": fill.time_ms,
        "instrument_name": listing.native_id,
        "currency": fill.fee_currency if listing.kind == SPOT else listing.settle,
        "trade_id": shapes.trade_id(fill, listing),
        "order_id": shapes.plain_id(fill.order_id, listing),
        "side": f"{'open' if opens else 'close'} {fill.side}",
        "amount": shapes.number(fill.size),
        "price": shapes.number(fill.price),
        "position": shapes.number(position),
        "commission": shapes.number(fill.fee),
        "change": shapes.number(-fill.fee),
        "cashflow": shapes.number(fill.realized),
        "user_role": "maker" if fill.maker else "taker",
    }
    if listing.kind == PERPETUAL:
        row |= {"interest_pl": shapes.number(interest), "total_interest_pl": shapes.number(total)}
    return row


def _settlement_entry(
    listing: Listing, settled_ms: int, position: Decimal, figures: tuple[Decimal, Decimal, Decimal]
) -> Row:
    interest, total, gained = figures
    row: Row = {
        "id": settled_ms * 1000 + sum(listing.native_id.encode()) % 997,
        "type": "settlement",
        "timestamp": settled_ms,
        "instrument_name": listing.native_id,
        "currency": listing.settle,
        "side": "long" if position > 0 else "short",
        "position": shapes.number(position),
        "amount": shapes.number(abs(position)),
        "change": shapes.number(gained + total),
        "cashflow": shapes.number(gained),
        "session_rpl": shapes.number(gained),
        "trade_id": None,
        "order_id": None,
        "user_role": "-",
    }
    if listing.kind == PERPETUAL:
        row |= {"interest_pl": shapes.number(interest), "total_interest_pl": shapes.number(total)}
    return row


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def _speaks_of(row: Row, word: str) -> bool:
    return word in (row["type"], row["user_role"]) or word in str(row["side"]).split()
