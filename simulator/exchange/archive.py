"""What of an exchange is stored, and how it is read back."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from decimal import Decimal
from typing import Any

from simulator.exchange.desk import Desk
from simulator.exchange.model import Fill, FundingPayment, Order, PositionState, Trigger
from simulator.exchange.roll import DELIVERY, FUNDING
from simulator.exchange.store import Row, Store
from simulator.exchange.terms import Key
from simulator.market.model import Listing

NUMBERS = "numbers"
_ORDER, _FILL = "order", "fill"
_TOTAL, _POSITION, _LEVERAGE, _LISTING, _LOOK, _TIMER = "total", "position", "leverage", "listing", "look", "timer"
_DECIMALS = frozenset(
    {"size", "price", "filled", "filled_quote", "quote_amount", "fee", "realized", "entry_price", "amount", "rate"}
)


class Archive:
    """Write the changes of one venue's desk, and read them all at the start. Without a store nothing is kept."""

    def __init__(self, venue: str, desk: Desk, store: Store | None) -> None:
        self._venue = venue
        self._desk = desk
        self.store = store
        self._stored_listings: set[Key] = set()
        self.looks: dict[Key, tuple[int, int]] = {}
        """Up to where the market was met per listing: the last trade's id, and the next funding."""
        self.timers: dict[tuple[str, str], int] = {}
        """Dead-man deadlines in epoch ms by owner and product (empty: all products)."""
        self.changed_timers: set[tuple[str, str]] = set()
        self.changed_leverages: set[tuple[str, Key]] = set()
        self.changed_looks: set[Key] = set()

    def load(self) -> None:
        """Read everything back that the store has."""
        store, desk, venue = self.store, self._desk, self._venue
        if store is None:
            return
        for row in store.records(venue, NUMBERS):
            desk.numbers.order, desk.numbers.fill, desk.numbers.payment = row["order"], row["fill"], row["payment"]
        for row in store.records(venue, _LISTING):
            listing = Listing(**row | {"extra": tuple((name, value) for name, value in row["extra"])})
            desk.listings[(listing.product, listing.native_id)] = listing
            self._stored_listings.add((listing.product, listing.native_id))
        desk.ledger.restore({(*row["purse"],): Decimal(row["total"]) for row in store.records(venue, _TOTAL)})
        for row in store.records(venue, _LEVERAGE):
            desk.ledger.leverages[(row["owner"], (*row["key"],))] = row["leverage"]
        for row in store.records(venue, _POSITION):
            held = PositionState(**_exact(row))
            desk.ledger.positions[(held.owner, (held.product, held.native_id))] = held
        for row in store.records(venue, _LOOK):
            self.looks[(*row["key"],)] = (row["trade"], row["funding"])
        for row in store.records(venue, _TIMER):
            self.timers[(row["owner"], row["product"])] = row["at"]
        for row in store.entries(venue, _ORDER):
            rank = row.pop("rank")
            desk.roll.add(_order(row), rank)
        for row in store.entries(venue, _FILL):
            fill = Fill(**_exact(row))
            desk.roll.fills[fill.owner].append(fill)
        for kind in (FUNDING, DELIVERY):
            for row in store.entries(venue, kind):
                payment = FundingPayment(**_exact(row))
                desk.roll.payments[(kind, payment.owner)].append(payment)

    def commit(self) -> None:
        """Store what changed since the last time, in one transaction."""
        desk, roll, ledger = self._desk, self._desk.roll, self._desk.ledger
        if self.store is not None and self._dirty():
            entries: list[tuple[str, int, Row]] = []
            for number in roll.changed:
                entries.append((_ORDER, number, vars(roll.orders[number]) | _parts(roll.orders[number], roll.ranks)))
            entries += [(_FILL, fill.number, vars(fill)) for fill in roll.added_fills]
            entries += [(kind, payment.number, vars(payment)) for kind, payment in roll.added_payments]
            records: list[tuple[str, str, Row | None]] = [(NUMBERS, "", vars(desk.numbers))]
            records += self._listings()
            records += [
                (_TOTAL, "\n".join(purse), {"purse": purse, "total": ledger.totals[purse]})
                for purse in ledger.changed_totals
            ]
            records += [(_POSITION, _name(*place), self._position(place)) for place in ledger.changed_positions]
            records += [
                (_LEVERAGE, _name(owner, key), {"owner": owner, "key": key, "leverage": ledger.leverages[(owner, key)]})
                for owner, key in self.changed_leverages
            ]
            records += [(_LOOK, "\n".join(key), self._look(key)) for key in self.changed_looks]
            records += [(_TIMER, "\n".join(name), self._timer(name)) for name in self.changed_timers]
            self.store.save(self._venue, entries, records)
            self.changed_looks.clear()
        for changes in (
            roll.changed,
            ledger.changed_totals,
            ledger.changed_positions,
            self.changed_leverages,
            self.changed_timers,
        ):
            changes.clear()
        roll.added_fills.clear()
        roll.added_payments.clear()

    def clear(self) -> None:
        """Forget everything but the numbers."""
        self._desk.roll.clear()
        self._desk.ledger.clear()
        self._desk.printed.clear()
        self.looks.clear()
        self.timers.clear()
        self._stored_listings.clear()
        if self.store is not None:
            self.store.clear(self._venue, NUMBERS)

    def _dirty(self) -> bool:
        roll, ledger = self._desk.roll, self._desk.ledger
        return bool(
            roll.changed
            or roll.added_payments
            or ledger.changed_totals
            or ledger.changed_positions
            or self.changed_leverages
            or self.changed_timers
        )

    def _listings(self) -> Iterable[tuple[str, str, Row | None]]:
        touched = {(o.product, o.native_id) for o in map(self._desk.roll.orders.__getitem__, self._desk.roll.changed)}
        for key in touched - self._stored_listings:
            self._stored_listings.add(key)
            yield _LISTING, "\n".join(key), asdict(self._desk.listings[key])

    def _position(self, place: tuple[str, Key]) -> Row | None:
        held = self._desk.ledger.positions.get(place)
        return vars(held) if held else None

    def _look(self, key: Key) -> Row | None:
        look = self.looks.get(key)
        return {"key": key, "trade": look[0], "funding": look[1]} if look else None

    def _timer(self, name: tuple[str, str]) -> Row | None:
        at = self.timers.get(name)
        return None if at is None else {"owner": name[0], "product": name[1], "at": at}


def _name(owner: str, key: Key) -> str:
    return "\n".join((owner, *key))


def _parts(order: Order, ranks: dict[int, int]) -> Row:
    return {"trigger": vars(order.trigger) if order.trigger else None, "rank": ranks.get(order.number, order.number)}


def _exact(row: Row) -> dict[str, Any]:
    return {name: Decimal(value) if name in _DECIMALS and value is not None else value for name, value in row.items()}


def _order(row: Row) -> Order:
    known = {field.name for field in fields(Order)}
    values = {name: value for name, value in _exact(row).items() if name in known}
    trigger = values["trigger"]
    values["trigger"] = Trigger(Decimal(trigger["price"]), trigger["rising"], trigger["source"]) if trigger else None
    values["fees"] = {currency: Decimal(fee) for currency, fee in values["fees"].items()}
    return Order(**values)
