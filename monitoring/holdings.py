"""What our ledger says that we hold: positions by our own trades."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import UnknownSymbol
from domain.instruments import Instrument
from domain.time import rfc3339
from monitoring.accounting.book import FUNDING, OPENING
from monitoring.accounting.exact import ZERO, plus

if TYPE_CHECKING:
    from connectors.market_cache import MarketCache
    from monitoring.accounting.book import Book, Line
    from monitoring.ledger.store import Ledger
    from monitoring.statement import Key, Lack

_OLD_MS = 60_000


class Holding(NamedTuple):
    """What our ledger makes of one instrument.

    `instrument` is None where it is not listed any more and the ledger does not have it. `funding` is what the present
    position has got (below zero: paid); None: a part of it has no value in the contract's currency.
    """

    book: "Book"
    instrument: Instrument | None
    funding: Decimal | None = ZERO
    before: bool = False
    """The position was there before our history began, so that it is older than its `opened_ms`."""

    @property
    def open(self) -> bool:
        """Tell whether our trades leave something open."""
        return bool(self.book.position)


class Ours(NamedTuple):
    """What the ledger says: holdings by (venue, symbol), and what they lack."""

    holdings: "Mapping[Key, Holding]"
    lacks: "Sequence[Lack]" = ()


def read_holdings(ledger: "Ledger", venues: Sequence[str], symbols: Sequence[str] = ()) -> Ours:
    """Make the books of these venues and symbols (none: all of them), by average cost, which is how venues count.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    from monitoring.statement import read_statement

    funding: dict[Key, Decimal | None] = {}
    before: dict[Key, bool] = {}

    def look(book: "Book", line: "Line") -> None:
        key = book.contract.venue, book.contract.symbol
        if line.opened and line.position.copy_abs() == line.opened:
            funding[key] = ZERO
            before[key] = line.kind == OPENING
        elif line.kind == FUNDING:
            so_far = funding.get(key, ZERO)
            funding[key] = None if so_far is None or line.funding is None else plus(so_far, line.funding)

    statement = read_statement(ledger, venues=venues, symbols=symbols, sink=look)
    listed = ledger.instruments()
    holdings = {
        key: Holding(book, listed.get(key), funding.get(key, ZERO), before.get(key, False))
        for key, book in statement.books.items()
    }
    return Ours(holdings, [*statement.lacks, *statement.gaps])


def wanted_symbols(ledger: "Ledger", lists: "MarketCache", names: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Find the canonical symbols that texts mean, in the ledger, else in the venues' lists of instruments.

    Raises:
        UnknownSymbol, AmbiguousSymbol: naming what is near.
    """
    from market_data.listing import locate, unknown
    from monitoring.statement import symbol_of

    found: list[str] = []
    for text in texts:
        try:
            found.append(symbol_of(ledger, text))
        except UnknownSymbol:
            target = locate(lists, names, text)
            if not target.listed:
                raise unknown(lists, names, target) from None
            found += [listed.instrument.symbol for listed in target.listed.values()]
    return list(dict.fromkeys(found))


def sync_notes(ledger: "Ledger", names: Sequence[str], environment: str, now_ms: int) -> list[str]:
    """Say which venues were never read into the ledger, or longer ago than a minute, and how to do it."""
    never = [name for name in names if ledger.synced_ms(name) is None]
    old = {name: synced for name in names if (synced := ledger.synced_ms(name)) is not None}
    old = {name: synced for name, synced in old.items() if now_ms - synced > _OLD_MS}
    told = []
    if never:
        told.append(f"Never synced: {', '.join(never)}. Trades made there may be missing.")
    if old:
        oldest = rfc3339(min(old.values()))[:19].replace("T", " ")
        told.append(f"Last synced {oldest} UTC or later: {', '.join(old)}. What was traded since may be missing.")
    if not told:
        return []
    which = "".join(f" --venue {name}" for name in [*never, *old]) if len(never) + len(old) < len(names) else ""
    return [*told, f"Read it with: python main.py position sync{which} --env {environment}"]
