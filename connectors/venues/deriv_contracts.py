"""Deriv's multiplier contracts as orders, fills and positions; pure readers of its rows.

A contract is an exposure of stake × multiplier at the spot it began at: its size in base units is that, divided by the
spot. Short codes (`MULTUP_R_100_10.00_40_<start>_<expiry>_…`, the symbol in capitals) are those of the server's
published code (BOM-Product, Role::Multiplier) and of statements in Deriv's own apps.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import Any, NamedTuple

from domain.instruments import Instrument
from domain.money import plain, to_decimal
from domain.orders import BUY, FILLED, MARKET, SELL, Fill, OrderReport, Position
from domain.time import read_ms

Row = Mapping[str, Any]

UP, DOWN = "MULTUP", "MULTDOWN"
TYPE_OF = {BUY: UP, SELL: DOWN}
SIDE_OF = {UP: BUY, DOWN: SELL}
OPPOSITE = {BUY: SELL, SELL: BUY}
CLOSING = ":sell"
"""Marks the id of an order that closed the contract before it."""
_CENT = Decimal("0.01")
_NOTHING = Decimal(0)
_SIZE_STEP = Decimal("1E-8")
_SHORTCODE = re.compile(r"(MULTUP|MULTDOWN)_(\w+?)_(\d+(?:\.\d+)?)_(\d+)_(\d{9,11})_(\d{9,11})(?:_.*)?", re.ASCII)


class Terms(NamedTuple):
    """What can be compared of two contracts; `symbol` is in capitals, as short codes have it."""

    type: str
    symbol: str
    stake: Decimal
    multiplier: int


class Bought(NamedTuple):
    """A purchase as lists tell it."""

    contract_id: int
    transaction_id: int
    time_ms: int
    terms: Terms
    app_id: str


@dataclass(frozen=True)
class Contract:
    """One multiplier contract as `proposal_open_contract` tells it. Times are epoch milliseconds.

    `status` is the venue's (`open`, `sold`, or `won` and `lost` where it closed by itself); `entry` is None until the
    contract has begun, all about the sale None until it is closed.
    """

    id: int
    symbol: str
    terms: Terms
    status: str
    buy_id: int
    bought_ms: int
    entry: Decimal | None
    commission: Decimal | None
    currency: str
    spot: Decimal | None = None
    profit: Decimal | None = None
    stop_out: Decimal | None = None
    sell_id: int | None = None
    sold_ms: int | None = None
    exit: Decimal | None = None

    @property
    def side(self) -> str:
        """Tell which side opened it."""
        return SIDE_OF[self.terms.type]

    @property
    def size(self) -> Decimal | None:
        """Return its exposure in base units, to eight decimals; None until it has begun."""
        return None if self.entry is None else exposure(self.terms.stake, self.terms.multiplier, self.entry)


def exposure(stake: Decimal, multiplier: int, spot: Decimal) -> Decimal:
    """Return the base units that a stake with a multiplier moves like."""
    return (stake * multiplier / spot).quantize(_SIZE_STEP)


def stake_for(size: Decimal, multiplier: int, spot: Decimal) -> Decimal:
    """Return the stake of an exposure, rounded down to cents."""
    return (size * spot / multiplier).quantize(_CENT, rounding=ROUND_DOWN)


def read_terms(shortcode: object) -> Terms | None:
    """Read a short code; None where it is not a multiplier's."""
    match = _SHORTCODE.fullmatch(str(shortcode))
    return Terms(match[1], match[2], to_decimal(match[3]), int(match[4])) if match else None


def read_bought(row: Row) -> Bought | None:
    """Read a purchase from a row of `statement`, `portfolio` or `profit_table`; None where it is no multiplier's.

    Raises ValueError where a row has no description: without one nobody can tell what it was.
    """
    if not row.get("shortcode"):
        raise ValueError("a purchase without a short code")
    terms = read_terms(row["shortcode"])
    if terms is None:
        return None
    time_ms = _ms(row["purchase_time"] if "purchase_time" in row else row["transaction_time"])
    return Bought(int(row["contract_id"]), int(row["transaction_id"]), time_ms, terms, str(row.get("app_id")))


def read_contract(answer: Row) -> Contract | None:
    """Read `proposal_open_contract`; None where it is empty or not a multiplier."""
    row = answer["proposal_open_contract"]
    terms = read_terms(row.get("shortcode")) if row else None
    if terms is None:
        return None
    ids, limits = row["transaction_ids"], row.get("limit_order") or {}
    closed = bool(int(row.get("is_sold", 0)))
    return Contract(
        id=int(row["contract_id"]),
        symbol=str(row["underlying"]),
        terms=terms,
        status=str(row["status"]),
        buy_id=int(ids["buy"]),
        bought_ms=_ms(row["purchase_time"]),
        entry=_number(row, "entry_spot", "entry_tick"),
        commission=_number(row, "commission", "commision"),
        currency=str(row["currency"]),
        spot=_number(row, "current_spot"),
        profit=_number(row, "profit"),
        stop_out=_number(limits.get("stop_out") or {}, "value"),
        sell_id=int(ids["sell"]) if closed else None,
        sold_ms=_ms(row["sell_time"]) if closed else None,
        exit=_number(row, "exit_tick", "sell_spot") if closed else None,
    )


def opening_of(contract: Contract, instrument: Instrument, client_id: str | None = None) -> OrderReport:
    """Describe the order that bought a contract: what the venue bought is the order's size."""
    return OrderReport(
        venue=instrument.venue,
        symbol=instrument.symbol,
        order_id=str(contract.id),
        client_id=client_id,
        status=FILLED,
        side=contract.side,
        type=MARKET,
        size=contract.size,
        filled=contract.size,
        average_price=contract.entry,
        reduce_only=False,
        created_ms=contract.bought_ms,
        updated_ms=contract.bought_ms,
    )


def closing_of(contract: Contract, instrument: Instrument, client_id: str | None = None) -> OrderReport:
    """Describe the order that sold a contract back, or the venue's own closing of it (`reason`)."""
    return replace(
        opening_of(contract, instrument, client_id),
        order_id=f"{contract.id}{CLOSING}",
        side=OPPOSITE[contract.side],
        average_price=contract.exit,
        reduce_only=True,
        created_ms=contract.sold_ms,
        updated_ms=contract.sold_ms,
        reason=None if contract.status == "sold" else f"closed by the venue ({contract.status})",
    )


def gained(contract: Contract) -> Decimal | None:
    """Return what a closed contract's exposure has moved by, before its commission; None where it is not known."""
    if contract.size is None or contract.entry is None or contract.exit is None:
        return None
    moved = contract.size * (contract.exit - contract.entry)
    return moved if contract.side == BUY else -moved


def settling_fee(contract: Contract) -> Decimal | None:
    """Return what the venue kept of a closed contract beside its commission; below zero it paid more.

    The venue pays in whole cents and lets nobody lose more than the stake, while a fill is an exposure to eight
    decimals at a spot. With this difference as the fee of the sale, gains less fees are what was paid, to the cent.
    """
    moved = gained(contract)
    if moved is None or contract.profit is None:
        return None
    return moved - (contract.commission or _NOTHING) - contract.profit


def fills_of(contract: Contract, instrument: Instrument) -> list[Fill]:
    """List the trades of a contract: its purchase, which carries the commission, and its sale (`settling_fee`)."""
    size, found = contract.size, []
    if size is None or contract.entry is None:
        return []
    opened = Fill(
        venue=instrument.venue,
        symbol=instrument.symbol,
        trade_id=str(contract.buy_id),
        order_id=str(contract.id),
        client_id=None,
        side=contract.side,
        price=contract.entry,
        size=size,
        fee=contract.commission,
        fee_currency=contract.currency,
        maker=False,
        time_ms=contract.bought_ms,
    )
    found.append(opened)
    if contract.exit is not None and contract.sold_ms is not None:
        sold = {"trade_id": str(contract.sell_id), "order_id": f"{contract.id}{CLOSING}"}
        kept = settling_fee(contract)
        shown = {"side": OPPOSITE[contract.side], "price": contract.exit, "time_ms": contract.sold_ms}
        found.append(replace(opened, **sold, **shown, fee=kept))  # type: ignore[arg-type]
    return found


def position_of(contracts: Sequence[Contract], instrument: Instrument) -> Position | None:
    """Sum contracts of one symbol and one way; None where none has begun.

    The liquidation price is the stop-out that comes first. What the venue tells as profit is after the commission and
    in whole cents, so that it is no unrealised gain as other venues mean it: that is left None.
    """
    begun = [(contract, size) for contract in contracts if (size := contract.size)]
    if not begun:
        return None
    total = sum((size for _, size in begun), Decimal(0))
    value = sum((size * contract.entry for contract, size in begun if contract.entry), Decimal(0))
    is_long = begun[0][0].side == BUY
    stops = [contract.stop_out for contract, _ in begun if contract.stop_out is not None]
    multipliers = {contract.terms.multiplier for contract, _ in begun}
    return Position(
        venue=instrument.venue,
        symbol=instrument.symbol,
        size=total if is_long else -total,
        entry_price=value / total,
        mark_price=begun[-1][0].spot,
        liquidation_price=(max(stops) if is_long else min(stops)) if stops else None,
        leverage=Decimal(multipliers.pop()) if len(multipliers) == 1 else None,
        margin_mode="isolated",
        updated_ms=max(contract.bought_ms for contract, _ in begun),
    )


def sizes_of(contracts: Iterable[Contract], position: Position, instrument: Instrument | None) -> list[Decimal]:
    """List the sizes of the contracts that make up a position."""
    side = BUY if position.size > 0 else SELL
    symbol = None if instrument is None else instrument.native_id
    return [
        contract.size for contract in contracts if (contract.symbol, contract.side) == (symbol, side) and contract.size
    ]


def multipliers_of(available: Iterable[Row], kind: str) -> list[int]:
    """List the multipliers that a kind of contract is offered with (rows of `contracts_for`)."""
    ranges = [row.get("multiplier_range") or [] for row in available if row["contract_type"] == kind]
    return sorted({int(number) for numbers in ranges for number in numbers})


def fits(size: Decimal, contract: Contract) -> bool:
    """Tell whether a size is that of a contract, to what a cent of its stake is worth."""
    if contract.size is None or contract.entry is None:
        return False
    return abs(size - contract.size) <= exposure(_CENT, contract.terms.multiplier, contract.entry)


def sizes_text(contracts: Iterable[Contract]) -> str:
    """List sizes for a hint."""
    return ", ".join(plain(contract.size) for contract in contracts if contract.size) or "none"


def _number(row: Row, *names: str) -> Decimal | None:
    return next((to_decimal(row[name]) for name in names if row.get(name) is not None), None)


def _ms(value: object) -> int:
    """Read epoch seconds as milliseconds."""
    return read_ms(value) * 1000
