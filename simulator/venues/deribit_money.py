"""Deribit's account: summaries per currency, positions, API keys; what sessions are is in `deribit_sessions`.

Sources: docs.deribit.com (private/get_account_summaries, get_positions, list_api_keys). `floating_profit_loss` and
`realized_profit_loss` of a position count from the last daily settlement, `total_profit_loss` from its average price:
so do the figures of the example that the documentation gives.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import Account, Balance, PositionState
from simulator.market.known import known
from simulator.market.model import OPTION, PERPETUAL, SPOT, Listing
from simulator.venues import deribit_order_shapes as shapes
from simulator.venues.deribit_auth import scope_text
from simulator.venues.deribit_log import TransactionLog
from simulator.venues.deribit_order_shapes import exact
from simulator.venues.deribit_orders import Catalogue
from simulator.venues.deribit_rpc import Call, Row, flag_of, text_of
from simulator.venues.deribit_rules import WALLET
from simulator.venues.deribit_sessions import NOW, History, Step

_ZERO = Decimal(0)
_NOTHING = Step(NOW, 0, None, *[_ZERO] * 7)


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
            "private/get_account_summaries": self._summaries,
            "private/get_positions": self._positions,
            "private/get_position": self._position,
            "private/get_transaction_log": TransactionLog(exchange, catalogue, currencies).page,
            "private/list_api_keys": self._keys,
        }

    # --- money -------------------------------------------------------------------------------------------------------

    def _summary(self, call: Call) -> object:
        currency = text_of(call.params, "currency", self._currencies)
        row = self._summary_row(call, currency, self._standings(call))
        if flag_of(call.params, "extended"):
            row |= {"id": 1001, "type": "main", "username": call.caller.owner, "system_name": call.caller.owner}
        return row

    def _summaries(self, call: Call) -> object:
        standings = self._standings(call)
        return {"summaries": [self._summary_row(call, currency, standings) for currency in self._currencies]}

    def _standings(self, call: Call) -> dict[str, Step]:
        """Tell where the running session stands, by instrument."""
        history = History(self._exchange, call.caller, self._catalogue.by_name, call.now_ms)
        return {listing.native_id: history.standing(listing) for listing in history.listings()}

    def _summary_row(self, call: Call, currency: str, standings: dict[str, Step]) -> Row:
        exchange, now_ms = self._exchange, call.now_ms
        wallet = exchange.balances(call.caller, WALLET, now_ms).get(currency) or Balance(_ZERO, _ZERO)
        held = [(p, li) for p, li in self._held(call) if li.settle == currency]
        futures = sum((exchange.unrealized(p, now_ms) for p, li in held if li.kind != OPTION), _ZERO)
        options = sum((p.size * exchange.mark_price(li, now_ms) for p, li in held if li.kind == OPTION), _ZERO)
        margin = sum((exchange.margin(p, now_ms) for p, _ in held), _ZERO)
        mine = [each for name, each in standings.items() if self._catalogue.by_name[name].settle == currency]
        open_gain = sum((each.open_gain for each in mine), _ZERO)
        gained = sum((each.gained + each.funding for each in mine), _ZERO)
        equity, available = wallet.total + futures + options, wallet.free + futures
        options_gain = sum((exchange.unrealized(p, now_ms) for p, li in held if li.kind == OPTION), _ZERO)
        figures = {
            "balance": equity - options - open_gain - gained,
            "equity": equity,
            "margin_balance": equity - options,
            "available_funds": available,
            "available_withdrawal_funds": min(available, wallet.free),
            "initial_margin": wallet.locked,
            "maintenance_margin": margin / 2,
            **dict.fromkeys(("session_upl", "futures_session_upl"), open_gain),
            **dict.fromkeys(("session_rpl", "futures_session_rpl"), gained),
            "futures_pl": futures,
            "options_value": options,
            "options_pl": options_gain,
            "total_pl": futures + options_gain,
            "spot_reserve": self._spot_reserve(call, currency),
            "fee_balance": _ZERO,
        }
        limits = {"trading": {"total": {"rate": 5, "burst": 20}}, "cancel_all": {"rate": 5, "burst": 20}}
        row: Row = {"currency": currency, "margin_model": "segregated_sm", "cross_collateral_enabled": False}
        row |= {name: exact(value) for name, value in figures.items()}
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
        """List positions; flat ones as well, as long as the session has funding of theirs to settle."""
        currency = text_of(call.params, "currency", (*self._currencies, "any"), "any")
        kind = text_of(call.params, "kind", default="any")
        standings = self._standings(call)
        found = {listing.native_id: (position, listing) for position, listing in self._held(call)}
        for name, step in standings.items():
            if step.funding and name not in found:
                listing = self._catalogue.by_name[name]
                found[name] = (self._flat(listing, call), listing)
        return [
            self._position_row(position, listing, call, standings.get(listing.native_id, _NOTHING))
            for position, listing in found.values()
            if currency in ("any", listing.settle) and kind in ("any", shapes.kind_row(listing))
        ]

    def _position(self, call: Call) -> object:
        wanted = self._catalogue.listing_of(call.params)
        held = [position for position, listing in self._held(call) if listing is wanted]
        step = self._standings(call).get(wanted.native_id, _NOTHING)
        return self._position_row(held[0] if held else self._flat(wanted, call), wanted, call, step)

    @staticmethod
    def _flat(listing: Listing, call: Call) -> PositionState:
        return PositionState(call.caller.owner, listing.product, listing.native_id, _ZERO, _ZERO, 1, _ZERO, 0, 0)

    def _position_row(self, position: PositionState, listing: Listing, call: Call, step: Step) -> Row:
        """Describe a position: `size` in USD on inverse futures, in coins elsewhere, below zero for shorts."""
        exchange, size, now_ms = self._exchange, position.size, call.now_ms
        mark = exchange.mark_price(listing, now_ms)
        gain = exchange.unrealized(position, now_ms) if size else _ZERO
        margin = exchange.margin(position, now_ms) if size else _ZERO
        option = listing.kind == OPTION
        row: Row = {
            "instrument_name": listing.native_id,
            "kind": shapes.kind_row(listing),
            "direction": "buy" if size > 0 else "sell" if size < 0 else "zero",
            "size": shapes.number(size),
            "average_price": exact(position.entry_price),
            "mark_price": shapes.number(mark),
            "index_price": known(lambda: float(exchange.market.index_price(listing, now_ms))),
            "settlement_price": shapes.number(step.base if size else mark),
            "floating_profit_loss": exact(gain if option else step.open_gain),
            "realized_profit_loss": exact(position.realized if option else step.gained + step.funding),
            "total_profit_loss": exact(gain),
            "initial_margin": shapes.number(margin),
            "maintenance_margin": shapes.number(margin / 2),
            "open_orders_margin": 0.0,
        }
        if option:
            return row | {"delta": 0.0, "gamma": 0.0, "theta": 0.0, "vega": 0.0}
        in_coins = (size / mark if mark else _ZERO) if listing.inverse else size
        row |= {"size_currency": shapes.number(in_coins), "delta": shapes.number(in_coins)}
        row["leverage"] = position.leverage
        row["estimated_liquidation_price"] = shapes.number(exchange.liquidation_price(position)) if size else None
        if listing.kind == PERPETUAL:
            row["realized_funding"] = exact(step.funding)
        return row

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
