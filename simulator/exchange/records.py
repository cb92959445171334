"""What an account may ask of its exchange: orders, trades, money, positions, and how they came about."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from simulator.distortion import order_lag_ms
from simulator.exchange.archive import Archive
from simulator.exchange.desk import Desk
from simulator.exchange.model import Account, Balance, Fill, FundingPayment, Order, PositionState, Transfer
from simulator.exchange.roll import DELIVERY, FUNDING
from simulator.exchange.terms import ONE, ZERO
from simulator.market.model import Listing

_MAINTENANCE = Decimal("0.005")


class Records(ABC):
    """The reading half of an exchange."""

    _desk: Desk
    _archive: Archive

    @abstractmethod
    def settle(self, now_ms: int) -> None:
        """Let everything happen that happened until `now_ms`. All other methods do so first."""

    def find(
        self,
        account: Account,
        now_ms: int,
        *,
        order_id: str | None = None,
        client_id: str | None = None,
        product: str | None = None,
        native_id: str | None = None,
    ) -> Order | None:
        """Find an order by either id, of a client id the latest; a `lagging_orders` fault hides it from the latter."""
        self.settle(now_ms)
        if order_id is not None:
            found = self._desk.roll.by_id(order_id)
            orders = [found] if found is not None and found.owner == account.owner else []
        else:
            orders = self._shown(self._desk.roll.by_client_id(account.owner, client_id or ""), now_ms)
        return next((order for order in reversed(orders) if _is_of(order, product, native_id)), None)

    def orders(
        self,
        account: Account,
        now_ms: int,
        *,
        live: bool | None = None,
        product: str | None = None,
        native_id: str | None = None,
        since_ms: int | None = None,
    ) -> list[Order]:
        """List orders, oldest first; `live` None: those that ended as well. A `lagging_orders` fault hides some."""
        self.settle(now_ms)
        found = list(self._desk.roll.of_owner(account.owner, live))
        return [
            order
            for order in (found if live is False else self._shown(found, now_ms))
            if _is_of(order, product, native_id) and (since_ms is None or order.created_ms >= since_ms)
        ]

    def _shown(self, orders: list[Order], now_ms: int) -> list[Order]:
        lag_ms = order_lag_ms()
        return [order for order in orders if now_ms - order.created_ms >= lag_ms] if lag_ms else orders

    def everything(self) -> list[Order]:
        """List every order of every account, as it stands at the last look; faults hide none."""
        return list(self._desk.roll.orders.values())

    def fills(
        self,
        account: Account,
        now_ms: int,
        *,
        order_id: str | None = None,
        product: str | None = None,
        native_id: str | None = None,
        since_ms: int | None = None,
    ) -> list[Fill]:
        """List an account's trades, oldest first."""
        self.settle(now_ms)
        return [
            fill
            for fill in self._desk.roll.fills.get(account.owner, ())
            if order_id in (None, fill.order_id)
            and _is_of(fill, product, native_id)
            and (since_ms is None or fill.time_ms >= since_ms)
        ]

    def balances(self, account: Account, wallet: str, now_ms: int) -> dict[str, Balance]:
        """Return what is in a wallet, by currency."""
        self.settle(now_ms)
        return self._desk.ledger.balances(account.owner, wallet)

    def positions(self, account: Account, now_ms: int, *, product: str | None = None) -> list[PositionState]:
        """List open positions."""
        self.settle(now_ms)
        held = self._desk.ledger.positions.items()
        return [each for (owner, key), each in held if owner == account.owner and product in (None, key[0])]

    def funding_payments(
        self,
        account: Account,
        now_ms: int,
        *,
        product: str | None = None,
        native_id: str | None = None,
        since_ms: int | None = None,
    ) -> list[FundingPayment]:
        """List what positions paid and received, oldest first."""
        return self._paid(FUNDING, account, now_ms, product, native_id, since_ms)

    def deliveries(
        self,
        account: Account,
        now_ms: int,
        *,
        product: str | None = None,
        native_id: str | None = None,
        since_ms: int | None = None,
    ) -> list[FundingPayment]:
        """List how positions ended by expiry, oldest first: `rate` is the price, `size` what was held (signed)."""
        return self._paid(DELIVERY, account, now_ms, product, native_id, since_ms)

    def _paid(
        self,
        kind: str,
        account: Account,
        now_ms: int,
        product: str | None,
        native_id: str | None,
        since_ms: int | None,
    ) -> list[FundingPayment]:
        self.settle(now_ms)
        return [
            each
            for each in self._desk.roll.payments.get((kind, account.owner), ())
            if _is_of(each, product, native_id) and (since_ms is None or each.time_ms >= since_ms)
        ]

    def _payments_after(self, number: int) -> list[FundingPayment]:
        every = (each for payments in self._desk.roll.payments.values() for each in payments if each.number > number)
        return sorted(every, key=lambda each: each.number)

    def transfers(self, account: Account, now_ms: int, *, since_ms: int | None = None) -> list[Transfer]:
        """List what came in from outside and left, oldest first: an account begins with deposits, one per balance."""
        self.settle(now_ms)
        self._desk.ledger.open(account.owner)
        self._archive.commit()
        moved = self._desk.ledger.transfers[account.owner]
        return [each for each in moved if since_ms is None or each.time_ms >= since_ms]

    def accounts(self, owners: Iterable[str], now_ms: int) -> list[dict[str, Any]]:
        """Tell the exchange's own accounting of each owner, amounts as text; see docs/simulator.md."""
        self.settle(now_ms)
        return [self._account_of(owner) for owner in owners]

    def _account_of(self, owner: str) -> dict[str, Any]:
        desk = self._desk
        desk.ledger.open(owner)
        deposits: dict[tuple[str, str], Decimal] = {}
        for moved in desk.ledger.transfers[owner]:
            place = (moved.wallet, moved.currency)
            deposits[place] = deposits.get(place, ZERO) + moved.amount
        wallets = [
            {
                "wallet": wallet,
                "currency": currency,
                "total": f"{total:f}",
                "deposits": f"{deposits.get((wallet, currency), ZERO):f}",
            }
            for (of, wallet, currency), total in desk.ledger.totals.items()
            if of == owner
        ]
        listings = [
            {
                "product": product,
                "symbol": native_id,
                "currency": own.currency,
                "size": f"{own.size:f}",
                "entry_price": f"{own.entry:f}" if own.size else None,
                "realized": f"{own.realized:f}",
                "fees": {currency: f"{fee:f}" for currency, fee in own.fees.items()},
                "funding": f"{own.funding:f}",
                "delivered": f"{own.delivered:f}",
            }
            for (of, (product, native_id)), own in desk.tally.accounts.items()
            if of == owner
        ]
        return {"owner": owner, "wallets": wallets, "listings": listings}

    def mark_price(self, listing: Listing, now_ms: int) -> Decimal:
        """Return the mark price, or what stands in for it; 0 where there is nothing."""
        return self._desk.liquidity.mark(self._desk.terms(listing), now_ms)

    def unrealized(self, position: PositionState, now_ms: int) -> Decimal:
        """Return what a position would gain at the mark price, in the settle currency."""
        terms = self._desk.terms_of((position.product, position.native_id))
        return terms.gain(position.size, position.entry_price, self._desk.liquidity.mark(terms, now_ms))

    def margin(self, position: PositionState, now_ms: int) -> Decimal:
        """Return what a position locks, in the settle currency."""
        return self._desk.ledger.claimed((position.owner, (position.product, position.native_id)))

    def liquidation_price(self, position: PositionState) -> Decimal | None:
        """Estimate where the wallet is used up but for 0.5 % of the position; None where nowhere, and of options."""
        terms = self._desk.terms_of((position.product, position.native_id))
        wallet = self._desk.ledger.balances(position.owner, terms.wallet).get(terms.currency)
        if terms.option or wallet is None:
            return None
        sign = ONE if position.size > 0 else -ONE
        size = abs(position.size) * terms.unit
        if terms.inverse:
            inverted = ONE / position.entry_price + sign * wallet.total / size
            price = (ONE + sign * _MAINTENANCE) / inverted if inverted > 0 else ZERO
        else:
            price = (position.entry_price - sign * wallet.total / size) / (ONE - sign * _MAINTENANCE)
        return price - price % terms.tick if price > terms.tick else None


def _is_of(item: Any, product: str | None, native_id: str | None) -> bool:
    return product in (None, item.product) and native_id in (None, item.native_id)
