"""The orders of one venue: found by id, by client id, by owner, and by the listing they rest on."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from simulator.exchange.model import BUY, EVER, NEVER_CHECKED, UNTRIGGERED, Fill, FundingPayment, Order
from simulator.exchange.terms import Key

FUNDING, DELIVERY = "payment", "delivery"
"""What an account is paid for: holding a perpetual over a settlement, or anything until it expires."""


class Roll:
    """Every order and fill. `changed` and `added_*` collect what is not stored yet."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.fills: dict[str, list[Fill]] = defaultdict(list)
        self.payments: dict[tuple[str, str], list[FundingPayment]] = defaultdict(list)
        """Payments by kind and owner."""
        self.live: dict[Key, dict[int, Order]] = {}
        """Live orders per listing, in the order in which they came."""
        self.ranks: dict[int, int] = {}
        """The queue place of live orders: lower is earlier."""
        self.changed: set[int] = set()
        self.added_fills: list[Fill] = []
        self.added_payments: list[tuple[str, FundingPayment]] = []
        self._ids: dict[str, int] = {}
        self._of_owner: dict[str, list[Order]] = defaultdict(list)
        self._live_of_owner: dict[str, dict[int, Order]] = defaultdict(dict)
        self._of_client: dict[tuple[str, str], list[Order]] = defaultdict(list)

    def add(self, order: Order, rank: int | None = None) -> None:
        """Take in a new or a stored order."""
        self.orders[order.number] = order
        self._ids[order.id] = order.number
        self._of_owner[order.owner].append(order)
        if order.client_id:
            self._of_client[(order.owner, order.client_id)].append(order)
        if order.live:
            self.live.setdefault((order.product, order.native_id), {})[order.number] = order
            self._live_of_owner[order.owner][order.number] = order
            self.ranks[order.number] = order.number if rank is None else rank

    def touch(self, order: Order) -> None:
        """Note that an order changed; one that ended rests no longer."""
        self.changed.add(order.number)
        if order.live:
            return
        self._live_of_owner[order.owner].pop(order.number, None)
        self.ranks.pop(order.number, None)
        resting = self.live.get((order.product, order.native_id))
        if resting and resting.pop(order.number, None) and not resting:
            del self.live[(order.product, order.native_id)]

    def add_fill(self, fill: Fill) -> None:
        """Take in a new fill."""
        self.fills[fill.owner].append(fill)
        self.added_fills.append(fill)

    def add_payment(self, kind: str, payment: FundingPayment) -> None:
        """Take in a new payment."""
        self.payments[(kind, payment.owner)].append(payment)
        self.added_payments.append((kind, payment))

    def clear(self) -> None:
        """Forget everything."""
        for mapping in (self.orders, self.fills, self.payments, self.live, self.ranks):
            mapping.clear()
        for index in (self._ids, self._of_owner, self._live_of_owner, self._of_client):
            index.clear()
        self.changed.clear()
        self.added_fills.clear()
        self.added_payments.clear()

    def by_id(self, order_id: str) -> Order | None:
        """Find an order by the venue's id."""
        number = self._ids.get(order_id)
        return None if number is None else self.orders[number]

    def by_client_id(self, owner: str, client_id: str) -> list[Order]:
        """List an owner's orders with this client id, oldest first."""
        return self._of_client.get((owner, client_id), [])

    def of_owner(self, owner: str, live: bool | None) -> Iterable[Order]:
        """Return an owner's orders, oldest first."""
        if live:
            return list(self._live_of_owner.get(owner, {}).values())
        orders = self._of_owner.get(owner, [])
        return list(orders) if live is None else [order for order in orders if not order.live]

    def count_live(self, owner: str) -> int:
        """Count an owner's live orders."""
        return len(self._live_of_owner.get(owner, ()))

    def live_on(self, owner: str, key: Key) -> list[Order]:
        """List an owner's live orders of one listing, oldest first."""
        return [order for order in self.live.get(key, {}).values() if order.owner == owner]

    def taken(self, owner: str, client_id: str, among: str) -> Order | None:
        """Return the order that has this client id already, as far as the venue minds."""
        if not client_id or among == NEVER_CHECKED:
            return None
        for order in reversed(self.by_client_id(owner, client_id)):
            if among == EVER or order.live:
                return order
        return None

    def resting(self, key: Key, side: str, price: Decimal) -> list[Order]:
        """List the orders that a trade at `price` reaches, best price and earliest place first."""
        met = [
            (-order.price if side == BUY else order.price, self.ranks[order.number], order)
            for order in self.live.get(key, {}).values()
            if order.side == side
            and order.state != UNTRIGGERED
            and order.price is not None
            and (order.price >= price if side == BUY else order.price <= price)
        ]
        return [order for _, _, order in sorted(met, key=lambda row: row[:2])]
