"""The answer to `book` as JSON and as tables."""

from decimal import Decimal
from itertools import zip_longest
from typing import Any

from domain.money import plain
from domain.quotes import OK
from market_data.book import BookAnswer, BookView
from market_data.figures import heading, price_text, size_text
from market_data.merge import MergedLevel, imbalance
from market_data.quotes import priced_in_text
from utils.rendering import Report, Table

NAMES_SHOWN = 3


def book_report(answer: BookAnswer, environment: str) -> Report:
    """Put the books into a report: an object for one book, an array for several."""
    records = [_record(answer, view, environment) for view in answer.views] or [_record(answer, None, environment)]
    tables = [_table(view, environment, answer) for view in answer.views]
    unusable = [row for row in answer.rows if row.status != OK]
    if unusable:
        cells = [(row.venue, row.status, row.reason) for row in unusable]
        tables.append(Table(("venue", "status", "reason"), cells, "Not in the book" if answer.consolidated else ""))
    summary = [line for view in answer.views for line in _summary(view)]
    return Report(records[0] if len(records) == 1 else records, tables, summary, answer.notes, answer.exit_code)


def _record(answer: BookAnswer, view: BookView | None, environment: str) -> dict[str, Any]:
    rows = [row for row in answer.rows if view is None or view.venue in (None, row.venue)]
    bids, asks = (view.bids, view.asks) if view else ((), ())
    return {
        "environment": environment,
        "symbol": answer.symbol,
        "venue": view.venue if view else None,
        "consolidated": answer.consolidated,
        "depth": answer.depth,
        "mid": view.mid if view else None,
        "spread_bps": view.spread_bps if view else None,
        "imbalance": imbalance(bids, asks),
        "bids": [_level(level, answer.consolidated) for level in bids],
        "asks": [_level(level, answer.consolidated) for level in asks],
        "venues": [row.record() for row in rows],
    }


def _level(level: MergedLevel, consolidated: bool) -> dict[str, Any]:
    return level.record() if consolidated else {"price": level.price, "size": level.size}


def _table(view: BookView, environment: str, answer: BookAnswer) -> Table:
    pairs = list(zip_longest(view.bids, view.asks))
    if view.venue is None:
        headers: tuple[str, ...] = ("bid venues", "bid size", "bid", "ask", "ask size", "ask venues")
        tick = min((row.tick_size for row in answer.rows if row.tick_size), default=None)
        rows = [[_who(bid), *_middle(bid, ask, tick), _who(ask)] for bid, ask in pairs]
        what = f"{view.symbol}{priced_in_text(answer.rows)}, all venues in one book, {answer.depth} levels"
        title = heading(what, environment)
        return Table(headers, rows, title, "rrrlll")
    rows = [_middle(bid, ask, view.row.tick_size if view.row else None) for bid, ask in pairs]
    age = f", {view.row.age_ms} ms old" if view.row and view.row.age_ms is not None else ""
    title = heading(f"{view.symbol}{priced_in_text(answer.rows)} at {view.venue}{age}", environment)
    return Table(("bid size", "bid", "ask", "ask size"), rows, title, "rrll")


def _middle(bid: MergedLevel | None, ask: MergedLevel | None, tick_size: Decimal | None) -> list[Any]:
    return [
        size_text(bid.size) if bid else None,
        price_text(bid.price, tick_size) if bid else None,
        price_text(ask.price, tick_size) if ask else None,
        size_text(ask.size) if ask else None,
    ]


def _who(level: MergedLevel | None) -> str:
    if level is None:
        return ""
    parts = sorted(level.venues.items(), key=lambda item: -item[1])
    if len(parts) == 1:
        return parts[0][0]
    shown = ", ".join(f"{name} {size_text(size, 4)}" for name, size in parts[:NAMES_SHOWN])
    return shown + (f" +{len(parts) - NAMES_SHOWN}" if len(parts) > NAMES_SHOWN else "")


def _summary(view: BookView) -> list[str]:
    if view.mid is None:
        return [f"{view.venue or 'All venues'}: one side is empty."]
    line = f"{view.venue or 'All venues'}: mid {plain(view.mid)}, spread {plain(view.spread_bps or Decimal(0))} bps"
    lean = imbalance(view.bids, view.asks)
    line += f", imbalance {plain(lean)} (1: only bids, -1: only asks)." if lean is not None else "."
    bid, ask = view.top
    if view.venue is None and bid is not None and ask is not None and bid > ask:
        line += " CROSSED: bids of one venue stand above asks of another; see bbo."
    return [line]
