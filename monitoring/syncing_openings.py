"""What was there before our history begins: what a venue said at one moment, less what is known to have led to it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from domain.orders import BUY, Fill, Position
from monitoring.accounting.contract import Contract
from monitoring.accounting.entries import Opening
from monitoring.accounting.exact import ZERO, minus, plus
from monitoring.cash import cash_of, entry_before, holds_cash
from monitoring.ledger.rows import Anchor

if TYPE_CHECKING:
    from connectors.trading import Trading
    from monitoring.ledger.store import Ledger

_GRAIN = Decimal("1E-8")
"""What balances may differ by and still be the same: venues that subtract gains from an equity round."""


def read_state(trading: "Trading", now_ms: int, *, cash: bool) -> Anchor:
    """Ask a venue for its positions, and its cash where wanted, all wallets together."""
    sizes: dict[str, tuple[Decimal, Decimal | None]] = {}
    for position in trading.positions():
        sizes[position.symbol] = _joined(sizes.get(position.symbol), position)
    sums: dict[str, Decimal] = {}
    for balance in trading.balances() if cash else ():
        sums[balance.currency] = plus(sums.get(balance.currency, ZERO), balance.cash)
    return Anchor(trading.venue, now_ms, sizes, sums)


def same_state(one: Anchor, other: Anchor) -> bool:
    """Tell whether a venue said the same twice."""
    if {symbol: size for symbol, (size, _) in one.positions.items()} != {
        symbol: size for symbol, (size, _) in other.positions.items()
    }:
        return False
    currencies = one.cash.keys() | other.cash.keys()
    return all(abs(one.cash.get(name, ZERO) - other.cash.get(name, ZERO)) <= _GRAIN for name in currencies)


def moved_opening(ledger: "Ledger", venue: str, since_ms: int) -> bool:
    """Work out anew what was there before, where more is known of what led to it; answer whether it was set."""
    anchor = ledger.anchor(venue)
    if anchor is None:
        return False
    before_ms = [moment for moment in (since_ms, ledger.first_ms(venue), ledger.opened_ms(venue)) if moment is not None]
    at_ms = min(before_ms)
    known = ledger.basis(venue, anchor.at_ms)
    basis = f"{at_ms} {known}"
    if ledger.opening_basis(venue) == basis:
        return False
    contracts = {key: Contract.of(item) for key, item in ledger.instruments().items() if key[0] == venue}
    positions = _openings(ledger, anchor, contracts, at_ms)
    cash = _opening_cash(ledger, anchor, contracts, positions)
    before = ledger.opened_ms(venue), _of(venue, ledger.openings()), ledger.opening_balances()
    ledger.set_opening(venue, positions, cash, at_ms, again=True, basis=basis)
    if ledger.basis(venue, anchor.at_ms) != known:  # another process has added to it meanwhile
        moved_opening(ledger, venue, at_ms)
    return before != (ledger.opened_ms(venue), _of(venue, ledger.openings()), ledger.opening_balances())


def _of(venue: str, openings: Iterable[Opening]) -> list[Opening]:
    return [opening for opening in openings if opening.venue == venue]


def _openings(
    ledger: "Ledger", anchor: Anchor, contracts: Mapping[tuple[str, str], Contract], at_ms: int
) -> list[Opening]:
    venue = anchor.venue
    ended: dict[str, Decimal] = {}
    for delivery in ledger.deliveries(venue, hidden=True):
        if delivery.time_ms <= anchor.at_ms:
            ended[delivery.symbol] = plus(ended.get(delivery.symbol, ZERO), delivery.size)
    openings = []
    for symbol in sorted({*anchor.positions, *ended, *ledger.symbols(venue)}):
        contract = contracts.get((venue, symbol))
        if contract is None or holds_cash(contract):
            continue
        held, entry = anchor.positions.get(symbol, (ZERO, None))
        fills = [fill for fill in ledger.fills(venue, symbol, hidden=True) if fill.time_ms <= anchor.at_ms]
        size = minus(plus(held, ended.get(symbol, ZERO)), _sum(fills))
        if size:
            known = _entry(contract, size, entry, fills) if symbol not in ended else None
            openings.append(Opening(venue, symbol, at_ms - 1, size, known))
    return openings


def _opening_cash(
    ledger: "Ledger", anchor: Anchor, contracts: Mapping[tuple[str, str], Contract], openings: Iterable[Opening]
) -> dict[str, Decimal]:
    venue, until_ms = anchor.venue, anchor.at_ms
    moved = cash_of(
        contracts,
        (item for item in ledger.fills(venue, hidden=True) if item.time_ms <= until_ms),
        (item for item in ledger.payments(venue, hidden=True) if item.time_ms <= until_ms),
        (item for item in ledger.deliveries(venue, hidden=True) if item.time_ms <= until_ms),
        (item for item in ledger.transfers(venue, hidden=True) if item.time_ms <= until_ms),
        openings,
    ).amounts
    currencies = {*anchor.cash, *(currency for _, currency in moved)}
    return {name: minus(anchor.cash.get(name, ZERO), moved.get((venue, name), ZERO)) for name in sorted(currencies)}


def _entry(contract: Contract, size: Decimal, entry: Decimal | None, fills: list[Fill]) -> Decimal | None:
    """Find the entry price of an opening; where the trades explain none of the position, it is the venue's."""
    return entry_before(contract, size, entry, fills) if fills else entry


def _sum(fills: Iterable[Fill]) -> Decimal:
    total = ZERO
    for fill in fills:
        total = plus(total, fill.size) if fill.side == BUY else minus(total, fill.size)
    return total


def _joined(known: tuple[Decimal, Decimal | None] | None, position: Position) -> tuple[Decimal, Decimal | None]:
    """Add parts of a position that a venue keeps apart; entry prices of several are not one."""
    if known is None:
        return position.size, position.entry_price
    return plus(known[0], position.size), None
