"""A look of the watch drawn on a terminal: what answers, what we hold, what it earns; what is not known is grey."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from domain.money import plain
from domain.quotes import OK
from domain.time import rfc3339
from market_data.figures import size_text
from market_data.quotes import rounded_like, spread_bps
from monitoring.statement import FEES, FUNDING, NET, REALIZED, UNREALIZED
from utils.rendering.report import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.orders import OrderReport
    from monitoring.positions import Mark
    from monitoring.watching import Look

_GREY, _GOOD, _BAD = "bright_black", "green", "red"
_MOST_ORDERS = 12
_PLACES = 2


def draw(look: "Look", alerts: Sequence[str], every: str) -> Group:
    """Draw a look; `alerts` are those that are true now, in words, `every` is the interval as the user gave it."""
    header = Text(
        f"Crossbook monitor  [{look.environment}]  {rfc3339(look.time_ms)}  look {look.number}, every {every}"
    )
    header.stylize("bold")
    parts: list[Any] = [header, _gains(look), _venues(look)]
    if look.rows:
        parts.append(_positions(look))
    if any(look.orders.values()):
        parts.append(_orders(look.orders))
    if look.quotes:
        parts.append(_quotes(look))
    parts += [Text(f"ALERT {text}", style=f"bold {_BAD}") for text in alerts]
    parts += [Text(note, style=_GREY) for note in look.notes[:3]]
    return Group(*parts)


def _gains(look: "Look") -> Table:
    names = {REALIZED: "realized", UNREALIZED: "unrealized", FEES: "fees", FUNDING: "funding", NET: "net PnL"}
    table = _table(f"PnL in {look.earnings.asked.numeraire}", [*names.values(), "equity"], "r" * 6)
    lacking = look.earnings.lacking
    cells = [_gain(look.earnings.total(name), part_missing=name in lacking, cost=name == FEES) for name in names]
    table.add_row(*cells, _cell(_money(look.equity.value)))
    return table


def _venues(look: "Look") -> Table:
    table = _table("Venues", ["venue", "state", "last answer", "positions", "orders", "equity", ""], "lllrrrl")
    for venue in look.venues:
        ago = None if venue.answered_ms is None else f"{max(0, look.time_ms - venue.answered_ms) // 1000} s ago"
        cells = [
            venue.venue,
            venue.status,
            ago,
            venue.positions,
            venue.open_orders,
            _money(venue.equity),
            venue.reason or "",
        ]
        _add(table, cells, grey=venue.status != OK)
    return table


def _positions(look: "Look") -> Table:
    headers = ["venue", "symbol", "side", "quantity", "entry", "mark", "unrealized", "funding", "in", "differs by", ""]
    table = _table("Positions", headers, "lllrrrrrlrl")
    for row in look.rows:
        quantity = None if row.quantity is None else abs(row.quantity)
        cells = [
            row.venue, row.symbol, row.side, size_text(quantity), _like(row.entry_price, row.mark),
            _price(row.mark.price if row.mark else None), _gain(row.unrealized), size_text(row.funding),
            row.currency, size_text(row.difference) if row.difference else "", row.reason if not row.known else "",
        ]  # fmt: skip
        _add(table, cells, grey=not row.known)
    return table


def _orders(orders: "Mapping[str, Sequence[OrderReport] | None]") -> Table:
    every = [order for found in orders.values() for order in found or ()]
    title = "Open orders" if len(every) <= _MOST_ORDERS else f"Open orders ({_MOST_ORDERS} of {len(every)})"
    table = _table(title, ["venue", "symbol", "side", "type", "size", "filled", "price"], "llllrrr")
    for order in every[:_MOST_ORDERS]:
        price = order.price if order.price is not None else order.stop_price
        cells = [order.venue, order.symbol, order.side, order.type, size_text(order.size), size_text(order.filled)]
        _add(table, [*cells, _price(price)])
    return table


def _quotes(look: "Look") -> Table:
    table = _table("Quotes", ["venue", "symbol", "bid", "ask", "spread bps", "age"], "llrrrr")
    for quote in look.quotes:
        age = None if quote.age_ms is None else f"{quote.age_ms / 1000:.1f} s"
        spread = size_text(spread_bps(quote.bid, quote.ask), 2)
        cells = [quote.venue, quote.symbol, _price(quote.bid), _price(quote.ask), spread]
        _add(table, [*cells, age if quote.status == OK else quote.status], grey=quote.status != OK)
    return table


def _table(title: str, headers: Sequence[str], align: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for header, letter in zip(headers, align, strict=True):
        table.add_column(header, justify="right" if letter == "r" else "left", overflow="ellipsis")
    return table


def _add(table: Table, cells: Iterable[object], *, grey: bool = False) -> None:
    table.add_row(*(_cell(cell) for cell in cells), style=_GREY if grey else None)


def _cell(value: object) -> Text:
    """Make a cell of plain text: what a venue sends is never read as markup."""
    if isinstance(value, Text):
        return value
    return Text(ABSENT if value is None else str(value))


def _gain(value: Decimal | None, *, part_missing: bool = False, cost: bool = False) -> Text:
    if value is None:
        return Text(ABSENT, style=_GREY)
    text = f"{_money(value)}{'*' if part_missing else ''}"
    return Text(text, style="" if cost or not value else _GOOD if value > 0 else _BAD)


def _price(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def _like(entry: Decimal | None, mark: "Mark | None") -> str | None:
    """Write an average price with two decimals more than the mark has."""
    return _price(None if entry is None else rounded_like(entry, mark.price if mark else None, None, 2))


def _money(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:,.{_PLACES}f}"
