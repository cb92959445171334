"""What the ledger keeps, as rows and back, exactly: decimals as plain text, what is absent NULL."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.instruments import Instrument
from domain.money import plain
from domain.movements import Delivery, Transfer
from domain.orders import BUY, SELL, Fill, FundingPayment

if TYPE_CHECKING:
    from monitoring.accounting.entries import Opening

Row = tuple[Any, ...]


class Cursor(NamedTuple):
    """How far a list of a venue's has been read: `stream` is what (`fills`, `funding`…), `name` whose (a symbol).

    All between `from_ms` and `until_ms` (both included) is in the ledger; None: only that end is known.
    """

    venue: str
    stream: str
    name: str
    until_ms: int
    from_ms: int | None = None


class KnownRate(NamedTuple):
    """What one unit of a currency was worth in another at a venue, in the minute that begins at `minute_ms`."""

    venue: str
    currency: str
    into: str
    minute_ms: int
    rate: Decimal
    source: str


UNLISTED, BLIND, UNSUPPORTED, RATE, BUSY, CONTRADICTION = (
    *("unlisted", "blind", "unsupported", "rate", "busy", "contradiction"),
)
"""Kinds of gaps: traded and not listed any more; trades that the venue does not tell of, or no longer; no such list; no
rate for a fee; the account never stood still; what a venue says twice, differently."""


class Gap(NamedTuple):
    """What is known to be missing in the ledger, in one sentence; `symbol` None: not of one symbol only."""

    venue: str
    symbol: str | None
    kind: str
    text: str
    since_ms: int
    until_ms: int


class Anchor(NamedTuple):
    """What a venue said at one moment: signed sizes and entry prices of positions, and cash by currency."""

    venue: str
    at_ms: int
    positions: Mapping[str, tuple[Decimal, Decimal | None]]
    cash: Mapping[str, Decimal]


FILL = "book, trade_id, order_id, client_id, side, price, size, fee, fee_currency, maker, time_ms"
PAYMENT = "venue, symbol, payment_id, time_ms, amount, currency, rate"
DELIVERY = "venue, symbol, delivery_id, time_ms, size, price, currency, amount, fee"
TRANSFER = "venue, transfer_id, time_ms, kind, currency, amount, fee"


def fill_row(fill: Fill, book: int, source: str) -> Row:
    """Lay a fill out in the order of `FILL`, and where it comes from; `book` is the number of venue and symbol."""
    maker = None if fill.maker is None else int(fill.maker)
    return (
        book, fill.trade_id, fill.order_id, fill.client_id, int(fill.side == BUY), plain(fill.price), plain(fill.size),
        _text(fill.fee), fill.fee_currency, maker, fill.time_ms, source,
    )  # fmt: skip


def fills_of(found: Iterable[Row], books: Mapping[int, tuple[str, str]]) -> list[Fill]:
    """Read rows of `FILL`; `books` gives venue and symbol of a number.

    Many are read at once: the fields are set as they are, past the frozen class's own way.
    """
    made: list[Fill] = []
    new, codes = object.__new__, dict[str | None, str | None]()
    for book, trade_id, order_id, client_id, side, price, size, fee, currency, maker, time_ms in found:
        fill = new(Fill)
        values = fill.__dict__
        values["venue"], values["symbol"] = books[book]
        values["trade_id"], values["order_id"], values["client_id"] = trade_id, order_id, client_id
        values["side"] = BUY if side else SELL
        values["price"], values["size"] = Decimal(price), Decimal(size)
        values["fee"] = None if fee is None else Decimal(fee)
        values["fee_currency"] = codes.setdefault(currency, currency)
        values["maker"] = None if maker is None else maker == 1
        values["time_ms"] = time_ms
        made.append(fill)
    return made


def payment_row(payment: FundingPayment) -> Row:
    """Lay a funding payment out in the order of `PAYMENT`."""
    return (*payment[:4], plain(payment.amount), payment.currency, _text(payment.rate))


def payment_of(row: Row) -> FundingPayment:
    """Read a row of `PAYMENT`."""
    venue, symbol, payment_id, time_ms, amount, currency, rate = row
    return FundingPayment(venue, symbol, payment_id, time_ms, Decimal(amount), currency, _money(rate))


def delivery_row(delivery: Delivery) -> Row:
    """Lay a delivery out in the order of `DELIVERY`."""
    size, price = plain(delivery.size), plain(delivery.price)
    return (*delivery[:4], size, price, delivery.currency, _text(delivery.amount), _text(delivery.fee))


def delivery_of(row: Row) -> Delivery:
    """Read a row of `DELIVERY`."""
    venue, symbol, delivery_id, time_ms, size, price, currency, amount, fee = row
    numbers = Decimal(size), Decimal(price)
    return Delivery(venue, symbol, delivery_id, time_ms, *numbers, currency, _money(amount), _money(fee))


def transfer_row(transfer: Transfer) -> Row:
    """Lay a transfer out in the order of `TRANSFER`."""
    return (*transfer[:5], plain(transfer.amount), _text(transfer.fee))


def transfer_of(row: Row) -> Transfer:
    """Read a row of `TRANSFER`."""
    venue, transfer_id, time_ms, kind, currency, amount, fee = row
    return Transfer(venue, transfer_id, time_ms, kind, currency, Decimal(amount), _money(fee))


def instrument_text(instrument: Instrument) -> str:
    """Write an instrument as JSON; what is as usual is left out."""
    body = {}
    for item in fields(Instrument):
        value = getattr(instrument, item.name)
        if value != item.default:
            body[item.name] = {"d": plain(value)} if isinstance(value, Decimal) else value
    return json.dumps(body, separators=(",", ":"))


_FIELDS = frozenset(item.name for item in fields(Instrument))


def instrument_of(text: str) -> Instrument:
    """Read what `instrument_text` wrote; fields that are no more are left out."""
    body: dict[str, Any] = {name: value for name, value in json.loads(text).items() if name in _FIELDS}
    for name, value in body.items():
        if isinstance(value, dict):
            body[name] = Decimal(value["d"])
    return Instrument(**body)


def anchor_text(anchor: Anchor) -> str:
    """Write what a venue said as JSON."""
    positions = {symbol: [plain(size), _text(entry)] for symbol, (size, entry) in anchor.positions.items()}
    cash = {currency: plain(amount) for currency, amount in anchor.cash.items()}
    return json.dumps({"positions": positions, "cash": cash}, separators=(",", ":"))


def anchor_of(venue: str, at_ms: int, text: str) -> Anchor:
    """Read what `anchor_text` wrote."""
    body = json.loads(text)
    positions = {symbol: (Decimal(size), _money(entry)) for symbol, (size, entry) in body["positions"].items()}
    return Anchor(venue, at_ms, positions, {currency: Decimal(text) for currency, text in body["cash"].items()})


def opening_text(positions: "Sequence[Opening]", balances: Mapping[str, Decimal], basis: str) -> str:
    """Write what was there at first as JSON."""
    rows = [[item.symbol, item.time_ms, plain(item.size), _text(item.entry_price)] for item in positions]
    cash = {currency: plain(amount) for currency, amount in balances.items()}
    return json.dumps({"positions": rows, "cash": cash, "basis": basis}, separators=(",", ":"))


def opening_basis(text: str) -> str:
    """Read the basis of what `opening_text` wrote."""
    return str(json.loads(text)["basis"])


def openings_of(venue: str, text: str) -> "list[Opening]":
    """Read the positions of what `opening_text` wrote."""
    from monitoring.accounting.entries import Opening

    rows: Iterable[Row] = json.loads(text)["positions"]
    return [Opening(venue, symbol, at, Decimal(size), _money(entry)) for symbol, at, size, entry in rows]


def opening_cash(text: str) -> dict[str, Decimal]:
    """Read the cash of what `opening_text` wrote."""
    return {currency: Decimal(amount) for currency, amount in json.loads(text)["cash"].items()}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
