"""From the ledger to the books: every entry in the order of time through the book of its venue and symbol.

What the ledger lacks is said as a sentence beside the figures, and never taken for nothing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import UnknownSymbol
from domain.instruments import FUTURE, OPTION, PERPETUAL, SPOT
from domain.movements import Delivery
from domain.orders import Fill, FundingPayment
from monitoring.accounting.book import AVERAGE, Book, Line
from monitoring.accounting.contract import Contract
from monitoring.accounting.entries import Entry, Opening, own_fee_value
from monitoring.accounting.exact import times
from monitoring.ledger.rows import BLIND, BUSY, RATE, UNLISTED, UNSUPPORTED
from utils.symbols.parts import canonical, parts_of

if TYPE_CHECKING:
    from monitoring.ledger.store import Ledger

Key = tuple[str, str]
"""A venue and a symbol."""
Rates = Mapping[tuple[str, str, str, int], Decimal]
Sink = Callable[[Book, Line], None]

REALIZED, FEES, FUNDING, UNREALIZED, NET = "realized", "fees", "funding", "unrealized", "net"
FIGURES = (REALIZED, FEES, FUNDING, UNREALIZED, NET)
MINUTE_MS = 60_000
_EVERY = frozenset({REALIZED, FEES, FUNDING, UNREALIZED})
_SAID_ELSEWHERE = frozenset({RATE})
"""Gaps that the fees without a value tell of, one by one."""


class Lack(NamedTuple):
    """What is missing, in one sentence, and which figures of whom are therefore not whole (symbol None: of a venue).

    `others`: it is about symbols that there may be nothing of here; those that there are entries of are whole.
    """

    text: str
    venue: str
    symbol: str | None
    figures: frozenset[str]
    others: bool = False

    def concerns(self, venue: str, symbols: Collection[str]) -> bool:
        """Tell whether figures of these symbols at this venue are not whole for it."""
        return self.venue == venue and (self.symbol is None or self.symbol in symbols)


class FeeValue(NamedTuple):
    """What a fee (or a payment in a third currency) is worth in the contract's currency, and by which rate."""

    value: Decimal | None
    rate: Decimal | None = None


class Statement:
    """The books of what was asked for, and what they lack.

    Attributes:
        books: by (venue, symbol); each has its contract. entries: how many were booked.
        lacks: what entries leave unknown, which their lines have as None. gaps: what is not in the ledger at all.
        left_out: symbols that are neither among the ledger's instruments nor of a known form: their entries are booked
            nowhere (said in `gaps`).
    """

    def __init__(self, method: str) -> None:
        self.method = method
        self.books: dict[Key, Book] = {}
        self.lacks: list[Lack] = []
        self.gaps: list[Lack] = []
        self.left_out: set[Key] = set()
        self.entries = 0

    def open_books(self) -> list[Book]:
        """List the books that hold something."""
        return [book for book in self.books.values() if book.position]


def read_statement(
    ledger: "Ledger",
    *,
    method: str = AVERAGE,
    venues: Sequence[str] = (),
    symbols: Sequence[str] = (),
    sink: Sink | None = None,
) -> Statement:
    """Book everything that the ledger has of these venues and (canonical) symbols; none means all.

    Args:
        sink: told every line as it is booked, with its book; lines are kept nowhere else.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    statement = Statement(method)
    contracts = _Contracts(ledger, statement)
    rates = ledger.rates()
    books = statement.books
    for entry in _entries(ledger, venues, frozenset(symbols)):
        book = books.get((entry.venue, entry.symbol))
        if book is None:
            contract = contracts.of(entry.venue, entry.symbol)
            if contract is None:
                continue
            book = books[entry.venue, entry.symbol] = Book(contract, method)
        line = book.add(entry, _value(book.contract, entry, rates))
        statement.entries += 1
        if sink is not None:
            sink(book, line)
    for book in books.values():
        statement.lacks += _lacks_of(book)
    statement.gaps += gaps_of(ledger, venues, symbols)
    return statement


def fee_value(contract: Contract, entry: Fill | FundingPayment, rates: Rates) -> FeeValue:
    """Value a fee, or a payment in a third currency, in the contract's currency, by the ledger's rate of its minute."""
    if isinstance(entry, Fill):
        own = own_fee_value(contract, entry)
        if own is not None or entry.fee is None or entry.fee_currency is None:
            return FeeValue(own)
        amount, currency = entry.fee, entry.fee_currency
    else:
        amount, currency = entry.amount, entry.currency
        if currency == contract.currency:
            return FeeValue(amount)
    rate = rates.get((entry.venue, currency, contract.currency, entry.time_ms // MINUTE_MS * MINUTE_MS))
    return FeeValue(None) if rate is None else FeeValue(times(amount, rate), rate)


def symbol_of(ledger: "Ledger", text: str) -> str:
    """Find the canonical symbol that a text means among what the ledger knows (canonical, or a venue's own id).

    Raises:
        UnknownSymbol: the ledger knows no such symbol; the nearest ones are named.
    """
    known = ledger.instruments()
    symbols = {symbol for _, symbol in (*known, *ledger.undescribed())}
    wanted = canonical(text) or text.strip()
    if wanted in symbols:
        return wanted
    native = {instrument.symbol for instrument in known.values() if instrument.native_id == text.strip()}
    if len(native) == 1:
        return native.pop()
    from difflib import get_close_matches

    near = sorted(native) or get_close_matches(wanted, sorted(symbols), n=3, cutoff=0.4)
    raise UnknownSymbol(f"The ledger knows nothing of {text}.", nearest=near)


def gaps_of(ledger: "Ledger", venues: Sequence[str], symbols: Sequence[str]) -> list[Lack]:
    """List what the ledger knows to be missing, for these venues and symbols (none: all)."""
    found = []
    for gap in ledger.gaps():
        elsewhere = (venues and gap.venue not in venues) or (symbols and gap.symbol and gap.symbol not in symbols)
        if elsewhere or gap.kind in _SAID_ELSEWHERE:
            continue
        # What a venue never tells as a whole (transfers) moves money, but earns nothing.
        touches = _EVERY if gap.kind != UNSUPPORTED or gap.symbol else frozenset[str]()
        touched = frozenset({REALIZED, UNREALIZED}) if gap.kind == BUSY else touches
        others = gap.symbol is None and gap.kind in (BLIND, UNLISTED)
        found.append(Lack(gap.text, gap.venue, gap.symbol, touched, others))
    return found


class _Contracts:
    """The contract of each venue's symbol: of its instrument, or of the symbol itself where that is gone."""

    def __init__(self, ledger: "Ledger", statement: Statement) -> None:
        self._instruments = ledger.instruments()
        self._statement = statement

    def of(self, venue: str, symbol: str) -> Contract | None:
        """Give it; None where nobody knows what the symbol is, which the statement then says."""
        instrument = self._instruments.get((venue, symbol))
        if instrument is not None:
            return Contract.of(instrument)
        contract = _by_its_symbol(venue, symbol)
        if contract is None and (venue, symbol) not in self._statement.left_out:
            self._statement.left_out.add((venue, symbol))
            text = f"{venue} {symbol} is no instrument that is known: what was traded of it is left out."
            self._statement.gaps.append(Lack(text, venue, None, _EVERY, others=True))
        return contract


def _by_its_symbol(venue: str, symbol: str) -> Contract | None:
    parts = parts_of(symbol)
    if parts is None:
        return None
    kind = OPTION if parts.option else FUTURE if parts.expiry else PERPETUAL if parts.settle else SPOT
    inverse = kind in (PERPETUAL, FUTURE) and parts.settle == parts.base
    return Contract(venue, symbol, kind, parts.base, parts.quote, parts.settle, inverse)


def _entries(ledger: "Ledger", venues: Sequence[str], symbols: frozenset[str]) -> Iterator[Entry]:
    """Yield what was asked for by time; what was there before comes first, and fills before what pays at their time."""
    one = venues[0] if len(venues) == 1 else None

    def asked(entry: Entry | Opening) -> bool:
        return (not venues or entry.venue in venues) and (not symbols or entry.symbol in symbols)

    yield from filter(asked, ledger.openings())
    rest: list[Entry] = [*filter(asked, ledger.payments(venue=one)), *filter(asked, ledger.deliveries(venue=one))]
    rest.sort(key=lambda entry: entry.time_ms)
    place, next_ms = 0, rest[0].time_ms if rest else None
    filtered = bool(symbols) or len(venues) > 1
    symbol = next(iter(symbols)) if len(symbols) == 1 and one else None
    for fill in ledger.fills(venue=one, symbol=symbol):
        if filtered and not asked(fill):
            continue
        while next_ms is not None and next_ms < fill.time_ms:
            yield rest[place]
            place += 1
            next_ms = rest[place].time_ms if place < len(rest) else None
        yield fill
    yield from rest[place:]


def _value(contract: Contract, entry: Entry, rates: Rates) -> Decimal | None:
    if isinstance(entry, Fill):
        # Nearly every fill: its book values it without a rate.
        if entry.fee is None or entry.fee_currency == contract.currency:
            return None
        return fee_value(contract, entry, rates).value
    return fee_value(contract, entry, rates).value if isinstance(entry, FundingPayment) else None


def _lacks_of(book: Book) -> Iterator[Lack]:
    contract = book.contract
    where = f"{contract.venue} {contract.symbol}"
    unknown, unvalued = dict[str, int](), dict[str, int]()
    for entry in book.unvalued:
        what = "delivery" if isinstance(entry, Delivery) else "trade"
        if not isinstance(entry, FundingPayment) and (entry.fee is None or _fee_currency(entry) is None):
            unknown[what] = unknown.get(what, 0) + 1
        else:
            currency = _fee_currency(entry)
            unvalued[f"{currency}"] = unvalued.get(f"{currency}", 0) + 1
    for what, count in unknown.items():
        yield _lack(contract, FEES, f"{where}: the fees of {_many(count, what)} are unknown.")
    for currency, count in unvalued.items():
        text = f"{where}: {_many(count, 'amount')} in {currency} {_have(count)} no rate to {contract.currency}."
        figures = {FUNDING if isinstance(entry, FundingPayment) else FEES for entry in book.unvalued}
        yield Lack(text, contract.venue, contract.symbol, frozenset(figures))
    if book.realized_unknown:
        text = f"{where}: {book.realized_unknown:f} was closed that had been bought or sold before the ledger begins, "
        yield _lack(contract, REALIZED, f"{text}at a price that is unknown.")
    if book.position and book.cost is None:
        text = f"{where}: what is open was bought or sold, in part, before the ledger begins, at an unknown price."
        yield _lack(contract, UNREALIZED, text)
    if book.unmatched:
        text = f"{where}: {_many(len(book.unmatched), 'delivery')} {_have(len(book.unmatched))} another size than held."
        yield Lack(text, contract.venue, contract.symbol, frozenset({REALIZED, UNREALIZED}))


def _fee_currency(entry: Fill | FundingPayment | Delivery) -> str | None:
    return entry.fee_currency if isinstance(entry, Fill) else entry.currency


def _lack(contract: Contract, figure: str, text: str) -> Lack:
    return Lack(text, contract.venue, contract.symbol, frozenset({figure}))


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _many(count: int, what: str) -> str:
    if count == 1:
        return f"1 {what}"
    return f"{count:,} {what[:-1]}ies" if what.endswith("y") else f"{count:,} {what}s"
