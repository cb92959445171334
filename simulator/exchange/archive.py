"""What of an exchange is stored, and how it is read back."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from decimal import Decimal
from typing import Any

from simulator.exchange.desk import Desk
from simulator.exchange.ledger import Purse
from simulator.exchange.model import FeeCoin, Fill, FundingPayment, Order, PositionState, Transfer, Trigger
from simulator.exchange.roll import DELIVERY, FUNDING
from simulator.exchange.store import Row, Store
from simulator.exchange.terms import Key
from simulator.market.model import Listing

NUMBERS = "numbers"
_ORDER, _FILL = "order", "fill"
_FEE_COIN, _TRANSFER, _CLOSED = "fee_coin", "transfer", "closed"
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
            for counted, number in row.items():
                setattr(desk.numbers, counted, number)
        for row in store.records(venue, _LISTING):
            listing = Listing(**row | {"extra": tuple((name, value) for name, value in row["extra"])})
            desk.listings[(listing.product, listing.native_id)] = listing
            self._stored_listings.add((listing.product, listing.native_id))
        for row in store.records(venue, _CLOSED):
            desk.closed[(*row["key"],)] = row["at"]
        for row in store.records(venue, _LEVERAGE):
            desk.ledger.leverages[(row["owner"], (*row["key"],))] = row["leverage"]
        for row in store.records(venue, _FEE_COIN):
            coin = FeeCoin(row["currency"], Decimal(row["share"])) if row["currency"] else None
            desk.fees.restore({(row["owner"], row["product"]): coin})
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
        self._load_money(store)
        self._count()

    def _load_money(self, store: Store) -> None:
        desk = self._desk
        totals: dict[Purse, Decimal] = {}
        for row in store.records(self._venue, _TOTAL):
            totals[(*row["purse"],)] = Decimal(row["total"])
        began_ms = min((order.created_ms for order in desk.roll.orders.values()), default=desk.ledger.opened_ms)
        transfers = (Transfer(**_exact(row)) for row in store.entries(self._venue, _TRANSFER))
        desk.ledger.restore(totals, transfers, began_ms)

    def _count(self) -> None:
        """Book what was stored, in the order in which it happened; an expiry is the last thing in its millisecond."""
        desk = self._desk
        booked: list[tuple[int, bool, int, Fill | FundingPayment]] = [
            (fill.time_ms, False, fill.number, fill) for fills in desk.roll.fills.values() for fill in fills
        ]
        for (kind, _), payments in desk.roll.payments.items():
            booked += [(each.time_ms, kind == DELIVERY, each.number, each) for each in payments]
        for _, delivers, _, each in sorted(booked, key=lambda row: row[:3]):
            terms = desk.terms_of((each.product, each.native_id))
            if isinstance(each, Fill):
                desk.tally.trade(terms, each)
            else:
                desk.tally.pay(terms, each, delivers=delivers)

    def commit(self) -> None:
        """Store what changed since the last time, in one transaction."""
        desk, roll, ledger = self._desk, self._desk.roll, self._desk.ledger
        if self.store is not None and self._dirty():
            entries: list[tuple[str, int, Row]] = []
            for number in roll.changed:
                entries.append((_ORDER, number, vars(roll.orders[number]) | _parts(roll.orders[number], roll.ranks)))
            entries += [(_FILL, fill.number, vars(fill)) for fill in roll.added_fills]
            entries += [(kind, payment.number, vars(payment)) for kind, payment in roll.added_payments]
            entries += [(_TRANSFER, moved.number, vars(moved)) for moved in ledger.added_transfers]
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
            records += [(_FEE_COIN, "\n".join(name), self._fee_coin(name)) for name in desk.fees.changed]
            records += [(_CLOSED, "\n".join(key), {"key": key, "at": at}) for key, at in desk.closed.items()]
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
            desk.fees.changed,
        ):
            changes.clear()
        roll.added_fills.clear()
        roll.added_payments.clear()
        ledger.added_transfers.clear()

    def clear(self) -> None:
        """Forget everything but the numbers."""
        self._desk.roll.clear()
        self._desk.ledger.clear()
        self._desk.fees.clear()
        self._desk.tally.clear()
        self._desk.closed.clear()
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
            or ledger.added_transfers
            or ledger.changed_positions
            or self.changed_leverages
            or self.changed_timers
            or self._desk.fees.changed
        )

    def _listings(self) -> Iterable[tuple[str, str, Row | None]]:
        touched = {(o.product, o.native_id) for o in map(self._desk.roll.orders.__getitem__, self._desk.roll.changed)}
        for key in touched - self._stored_listings:
            self._stored_listings.add(key)
            yield _LISTING, "\n".join(key), asdict(self._desk.listings[key])

    def _position(self, place: tuple[str, Key]) -> Row | None:
        held = self._desk.ledger.positions.get(place)
        return vars(held) if held else None

    def _fee_coin(self, name: tuple[str, str]) -> Row:
        owner, product = name
        coin = self._desk.fees.coin(owner, product)
        chosen = {"currency": coin.currency, "share": coin.share} if coin else {"currency": "", "share": "0"}
        return {"owner": owner, "product": product, **chosen}

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
