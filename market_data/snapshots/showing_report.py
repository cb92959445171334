"""The answer to `snapshot show`."""

from decimal import Decimal
from itertools import zip_longest
from typing import Any

from domain.money import plain, rounded
from domain.snapshots import Level
from domain.time import NS_PER_MS, rfc3339
from market_data.snapshots.coverage import second_text
from market_data.snapshots.showing import Shown
from utils.rendering import Report, Table


def show_report(shown: Shown, store: str, depth: int) -> Report:
    """Put a recorded second into a report, `depth` levels a side; a gap is shown as what it is, and is no failure."""
    facts, row = shown.facts, shown.snapshot
    bids, asks = row.bids[:depth], row.asks[:depth]
    mid, spread_bps = _middle(row.bids, row.asks)
    record = {
        "store": store,
        "key": shown.key,
        "venue": facts.venue,
        "symbol": facts.symbol,
        "asked_at": second_text(shown.at_ns),
        "time": second_text(row.time_ns),
        "age_s": shown.age_s,
        "status": row.status,
        "reason": row.reason,
        "received_at_ns": row.received_at_ns,
        "venue_time_ns": row.venue_time_ns,
        "sequence": row.sequence,
        "size_unit": facts.size_unit,
        "levels": [len(row.bids), len(row.asks)],
        "mid": mid,
        "spread_bps": spread_bps,
        "bids": [{"price": price, "size": size} for price, size in bids],
        "asks": [{"price": price, "size": size} for price, size in asks],
    }
    title = f"{facts.symbol} at {facts.venue}, {second_text(row.time_ns)}  {store}"
    cells = [_cells(bid, ask) for bid, ask in zip_longest(bids, asks)]
    summary = [_state(shown), *([_figures(shown, mid, spread_bps)] if mid is not None else [])]
    return Report(record, [Table(("bid size", "bid", "ask", "ask size"), cells, title, "rrll")], summary)


def _cells(bid: Level | None, ask: Level | None) -> list[Any]:
    return [bid[1] if bid else None, bid[0] if bid else None, ask[0] if ask else None, ask[1] if ask else None]


def _state(shown: Shown) -> str:
    row = shown.snapshot
    told = f"Status {row.status}{f' ({row.reason})' if row.reason else ''}"
    if shown.age_s:
        told += f"; {shown.age_s:,} s before what was asked for: nothing was recorded since"
    if row.received_at_ns is not None:
        told += f"; received at {rfc3339(row.received_at_ns // NS_PER_MS)}"
    if row.venue_time_ns is not None:
        told += f", the venue's time {rfc3339(row.venue_time_ns // NS_PER_MS)}"
    return f"{told}."


def _figures(shown: Shown, mid: Decimal | None, spread_bps: Decimal | None) -> str:
    row = shown.snapshot
    told = f"Mid {plain(mid or Decimal(0))}, spread {plain(spread_bps or Decimal(0))} bps; sizes in "
    told += f"{shown.facts.size_unit}; {len(row.bids)} bids and {len(row.asks)} asks were kept"
    return f"{told}{f', sequence {row.sequence}' if row.sequence is not None else ''}."


def _middle(bids: tuple[Level, ...], asks: tuple[Level, ...]) -> tuple[Decimal | None, Decimal | None]:
    if not bids or not asks:
        return None, None
    bid, ask = Decimal(bids[0][0]), Decimal(asks[0][0])
    mid = (bid + ask) / 2
    return mid, rounded((ask - bid) / mid * 10_000, 4) if mid else None
