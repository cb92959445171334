"""Orders as the policy's checks are given them; nothing is asked unless a test lets it be."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from domain.books import Book, Levels
from domain.instruments import PERPETUAL, SPOT, Instrument
from order_management.costs import Look
from order_management.journal import Journal, OrderRecord
from order_management.journal_sent import JournalView
from order_management.policy.contract import CountingCheck, Subject
from order_management.sizing import sized
from order_management.tickets import Ticket
from utils.symbols.parts import DOLLARS

NOW_NS = 1_795_000_000 * 1_000_000_000
SPOT_BTC = Instrument(
    "somewhere", "BTC/USDT", "BTCUSDT", SPOT, "BTC", "USDT", None, "BTC",
    tick_size=Decimal("0.1"), lot_size=Decimal("0.001"),
)  # fmt: skip
SWAP_BTC = Instrument(
    "somewhere", "BTC/USDT:USDT", "BTCUSDT", PERPETUAL, "BTC", "USDT", "USDT", "BTC",
    tick_size=Decimal("0.1"), lot_size=Decimal("0.001"),
)  # fmt: skip
INVERSE_BTC = Instrument(
    "somewhere", "BTC/USD:BTC", "BTC-PERPETUAL", PERPETUAL, "BTC", "USD", "BTC", "BTC", inverse=True,
    tick_size=Decimal("0.5"), lot_size=Decimal(10),
)  # fmt: skip
SPOT_ETH_BTC = Instrument("somewhere", "ETH/BTC", "ETHBTC", SPOT, "ETH", "BTC", None, "ETH")
KNOWN = {instrument.symbol: instrument for instrument in (SPOT_BTC, SWAP_BTC, INVERSE_BTC, SPOT_ETH_BTC)}


def never_asked(*_: object) -> Any:
    raise AssertionError("the check asked a venue")


def dollars_only(currency: str) -> Decimal | None:
    return Decimal(1) if currency in DOLLARS else None


def subject(
    instrument: Instrument = SPOT_BTC,
    side: str = "buy",
    amount: str = "1",
    price: str | None = "100",
    *,
    market: str | None = None,
    client_id: str = "mine1",
    now_ns: int = NOW_NS,
    **other: Any,
) -> Subject:
    """Make a subject; what is no field of Subject goes into the ticket."""
    fields = {name: other.pop(name) for name in list(other) if name in Subject._fields}
    ticket = Ticket(
        "somewhere", instrument.symbol, side, Decimal(amount), price=None if price is None else Decimal(price), **other
    ).checked()
    found = sized(ticket, instrument, client_id, None if market is None else Decimal(market))
    record = OrderRecord(client_id, "somewhere", instrument.symbol, "sim", found.spec)
    made = Subject(
        ticket=ticket,
        sized=found,
        instrument=instrument,
        environment="sim",
        fingerprint=record.fingerprint,
        more=found.sent_notional,
        amends=False,
        now_ns=now_ns,
        look=None,
        expected=None,
        clock_offset_ms=lambda: 0,
        dollar_price=dollars_only,
        consolidated_mid=never_asked,
        balances=never_asked,
        positions=never_asked,
        find=KNOWN.get,
    )
    return made._replace(**fields)


Rows = Sequence[tuple[str, str]]


def look(bids: Rows = (("99", "1"),), asks: Rows = (("101", "1"),), **times: Any) -> Look:
    """Make a look at a book; its times default to now."""
    received = times.pop("received_at_ns", NOW_NS)
    book = Book("somewhere", "BTC/USDT", Levels(list(bids)), Levels(list(asks)), received, **times)
    return Look(book.quote(), book)


def record(order: Subject, client_id: str, created_ns: int = NOW_NS) -> OrderRecord:
    """Make the record of an order that was sent before."""
    return OrderRecord(
        client_id,
        "somewhere",
        order.instrument.symbol,
        "sim",
        order.sized.spec._replace(client_id=client_id),
        created_ns=created_ns,
        notional_quote=order.sized.sent_notional,
    )


def journal_at(folder: Path, now_ns: int = NOW_NS) -> Journal:
    return Journal(folder / "journal" / "test.sqlite", lambda: now_ns)


def counted(check: CountingCheck, order: Subject, journal: Journal) -> None:
    """Ask a check as the chain does: what it asks of venues, and then the journal."""
    check.check(order)

    def ask(view: JournalView) -> None:
        check.count(order, view)

    journal.ask(ask)
