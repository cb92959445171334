"""Two accountings of one account, side by side: what our ledger makes of a venue's wire, and the simulator's own."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from domain.instruments import OPTION, SPOT, Instrument
from domain.orders import SELL, OrderReport
from monitoring.accounting.book import AVERAGE, Book, Line
from monitoring.accounting.exact import ZERO, minus
from monitoring.cash import holds_cash
from monitoring.ledger.store import Ledger
from monitoring.residuals import expected
from monitoring.statement import read_statement

TOLERANCE = Decimal("1E-8")
"""What two figures may differ by and be the same, in units of their currency (entry prices: of the quote currency).

It is not for errors that add up: both sides sum without rounding. But the simulator rounds each gain of an inverse
contract to 15 decimals and keeps entry prices of 28 digits, where ours round each cost to 18 decimals; and venues tell
balances and gains with 8 decimals (the smallest unit of a Bitcoin), so that nothing smaller could be seen at all.
"""


@dataclass
class Figures:
    """One instrument's account: sizes in lot units, money in the currency that its gains count in, fees by theirs."""

    size: Decimal = ZERO
    entry: Decimal | None = None
    realized: Decimal = ZERO
    funding: Decimal = ZERO
    fees: dict[str, Decimal] = field(default_factory=dict)


@dataclass
class Account:
    """All instruments of one venue by symbol, and cash by currency, all wallets together."""

    books: dict[str, Figures]
    cash: dict[str, Decimal]


def theirs(sim: Any, venue: str, instruments: Iterable[Instrument], owner: str = "main") -> Account:
    """Read what the simulator has booked, in our units and symbols."""
    told = sim.accounts(venue, owner)
    known: dict[tuple[str, str], Instrument] = {}
    for item in instruments:
        known[item.product or "", item.native_id] = known["", item.native_id] = item
    books, cash = {}, defaultdict[str, Decimal](Decimal)
    for row in told["listings"]:
        item = known[row["product"], row["symbol"]]
        entry = row["entry_price"]
        books[item.symbol] = Figures(
            Decimal(row["size"]) * item.unit_size,
            None if entry is None else Decimal(entry),
            Decimal(row["realized"]),
            Decimal(row["funding"]),
            {currency: Decimal(fee) for currency, fee in row["fees"].items()},
        )
    for row in told["wallets"]:
        cash[row["currency"]] += Decimal(row["total"])
    return Account(books, dict(cash))


def ours(ledger: Ledger, venue: str) -> Account:
    """Make the books of a venue, by averages, which is how the simulator counts."""
    statement = read_statement(ledger, method=AVERAGE, venues=[venue])
    fees: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for fill in ledger.fills(venue):
        assert fill.fee is not None, fill
        assert fill.fee_currency is not None, fill
        fees[fill.symbol][fill.fee_currency] += fill.fee
    books = {}
    for (_, symbol), book in statement.books.items():
        if holds_cash(book.contract):
            book = with_fees_sold(ledger, book)
        books[symbol] = Figures(book.position, book.entry_price, book.realized, book.funding, dict(fees[symbol]))
    should = expected(ledger, [venue])[venue]
    assert should is not None, f"{venue} was not read as a whole"
    assert not should.lacks, should.lacks
    return Account(books, should.cash)


def with_fees_sold(ledger: Ledger, book: Book) -> Book:
    """Book spot as the simulator does: all that was bought is in the average, and a fee in base is sold out of it.

    Ours is a purchase of what is left after the fee. That shares the same money out otherwise between what was realized
    and what is open, so both are held against each other here: the size, and realized − cost, which is what was paid.
    """
    contract, other = book.contract, Book(book.contract)
    for fill in ledger.fills(contract.venue, contract.symbol):
        if fill.fee and fill.fee_currency == contract.base:
            other.add(replace(fill, fee=ZERO))
            other.add(replace(fill, side=SELL, size=fill.fee, fee=ZERO))
        else:
            other.add(fill)
    assert other.position == book.position
    assert book.cost is not None
    assert other.cost is not None
    assert abs(minus(other.realized, other.cost) - minus(book.realized, book.cost)) <= TOLERANCE
    return other


def differences(mine: Account, other: Account) -> list[str]:
    """Say in what two accounts of one venue differ."""
    found = [*_apart("cash", mine.cash, other.cash)]
    for symbol in sorted({*mine.books, *other.books}):
        left, right = mine.books.get(symbol, Figures()), other.books.get(symbol, Figures())
        found += _apart(f"{symbol} fees", left.fees, right.fees)
        for name in ("size", "entry", "realized", "funding"):
            one, two = getattr(left, name), getattr(right, name)
            if (one is None) != (two is None) or (one is not None and abs(one - two) > TOLERANCE):
                found.append(f"{symbol} {name}: ours {one}, theirs {two}")
    return found


def contracts_apart(
    ledger: Ledger, sim: Any, instrument: Instrument, held: Sequence[OrderReport], mixed: bool
) -> list[str]:
    """Say in what the contracts of the venue without books differ, of which these are held now.

    Its commission is a part of the stake, and ours a fee of the purchase, so that cash is held against deposits and
    gains less all fees. It pays whole cents: only gains and fees together are known exactly. It closes contracts one by
    one, ours is an average: from when two are held until none is (`mixed`), gains are shared out otherwise.
    """
    venue, symbol = instrument.venue, instrument.symbol
    mine, other = ours(ledger, venue), theirs(sim, venue, [instrument])
    left, right = mine.books.get(symbol, Figures()), other.books.get(symbol, Figures())
    (wallet,) = sim.accounts(venue)["wallets"]
    currency = wallet["currency"]
    one, two = (each.realized - each.fees.get(currency, ZERO) for each in (left, right))
    cents = {"gains less fees": (one, two)}
    cents["cash"] = mine.cash[currency], Decimal(wallet["deposits"]) + two
    if not held:
        cents["wallet"] = mine.cash[currency], Decimal(wallet["total"])
    found = [f"{what}: ours {a}, theirs {b}" for what, (a, b) in cents.items() if not mixed and abs(a - b) > TOLERANCE]
    if abs(left.size - right.size) > TOLERANCE:
        found.append(f"size: ours {left.size}, theirs {right.size}")
    if len(held) == 1 and not mixed and left.entry != right.entry:
        found.append(f"entry: ours {left.entry}, theirs {right.entry}")
    return found


def _apart(what: str, one: Mapping[str, Decimal], two: Mapping[str, Decimal]) -> Iterator[str]:
    for currency in sorted({*one, *two}):
        left, right = one.get(currency, ZERO), two.get(currency, ZERO)
        if abs(left - right) > TOLERANCE:
            yield f"{what} {currency}: ours {left:f}, theirs {right:f}"


def wallet_of(ledger: Ledger, venue: str) -> dict[str, Decimal]:
    """Work out what a wallet must have changed by, from what `pnl` says was earned: realized − fees + funding.

    Coins that spot trades have left are in the wallet at their cost. A fee in a third coin left the wallet as that
    coin, though `pnl` counts its value in the contract's currency.
    """
    moved: dict[str, Decimal] = defaultdict(Decimal)

    def look(book: Book, line: Line) -> None:
        entry, contract = line.entry, book.contract
        third = getattr(entry, "fee_currency", None)
        if third not in (None, contract.currency, contract.base if contract.kind == SPOT else None) and entry.fee:
            assert line.fee is not None, f"{third} has no value in {contract.currency}"
            moved[contract.currency] += line.fee
            moved[third] -= entry.fee

    statement = read_statement(ledger, venues=[venue], sink=look)
    assert statement.lacks == []
    for book in statement.books.values():
        contract = book.contract
        assert book.cost is not None
        moved[contract.currency] += book.realized - book.fees + book.funding
        if holds_cash(contract):
            moved[contract.currency] -= book.cost
            moved[contract.base] += book.position
        elif contract.kind == OPTION:
            moved[contract.currency] -= book.cost
    return dict(moved)
