"""Public trades through ccxt: the newest page first, then what is missing between it and the asked moment.

Some venues list trades from a moment on, some only the newest few: which one it is shows in what comes back. Nothing is
called complete that is not: only a trade from before the asked moment, or pages that join, prove that none is missing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain.errors import Unavailable
from domain.instruments import Instrument
from domain.money import to_decimal
from domain.time import MS_PER_HOUR, read_ms
from domain.trades import PublicTrade, Trades

PAGE = 500
"""How many are asked for at once: all venues that take a number take this one."""
MAX_PAGES = 10
"""How many pages are asked for beside the newest: one look may not eat the time that a command has."""

Ask = Callable[[int | None], list[PublicTrade]]
"""Asks for one page: from a moment on (epoch milliseconds), or for the newest (None)."""
AskOlder = Callable[[int], list[PublicTrade]]
"""Asks for the page that ends at a moment (epoch milliseconds)."""


def read_trade(raw: Mapping[str, Any], instrument: Instrument) -> PublicTrade:
    """Read one unified trade. One without an id is known by its time, price and size."""
    price, time_ms = to_decimal(raw["price"]), read_ms(raw["timestamp"])
    size = to_decimal(raw["amount"]) * instrument.unit_size
    if price <= 0 or size < 0:
        raise ValueError("a trade without price or size")
    return PublicTrade(
        trade_id=str(raw.get("id") or f"{time_ms}/{price}/{raw['amount']}"),
        time_ms=time_ms,
        price=price,
        size=size / price if instrument.inverse else size,
        side=raw.get("side"),
    )


def collect(since_ms: int, ask: Ask, older: AskOlder | None = None) -> Trades:
    """Collect all trades since `since_ms`, as far as the venue gives them."""
    newest = _sorted(ask(None))
    if not newest or newest[0].time_ms < since_ms:
        return _since(newest, since_ms, complete=bool(newest))
    found = list(newest)
    try:
        complete = _backwards(found, since_ms, older) if older is not None else _forwards(found, since_ms, ask)
    except Unavailable:
        complete = False  # what was there before is no less true
    return _since(found, since_ms, complete=complete)


def _backwards(found: list[PublicTrade], since_ms: int, older: AskOlder) -> bool:
    """Add what was before, page by page; answer whether a page reached beyond the asked moment."""
    known = {trade.trade_id for trade in found}
    first_ms = found[0].time_ms
    for _ in range(MAX_PAGES):
        fresh = [trade for trade in older(first_ms) if trade.trade_id not in known]
        if not fresh:
            return False
        known |= {trade.trade_id for trade in fresh}
        found += fresh
        first_ms = min(trade.time_ms for trade in fresh)
        if first_ms < since_ms:
            return True
    return False


def _forwards(collected: list[PublicTrade], since_ms: int, ask: Ask) -> bool:
    """Add what was between the asked moment and the newest page; answer whether the pages join.

    Venues that answer for an hour at most are asked hour by hour.
    """
    found: dict[str, PublicTrade] = {}
    start_ms, goal_ms = since_ms, collected[0].time_ms
    complete = True
    for _ in range(MAX_PAGES):
        page = _sorted(ask(start_ms))
        if not found and page and page[0].time_ms >= goal_ms:
            # It lists the newest only, whatever is asked for; or there was nothing: which of the two cannot be told.
            return False
        fresh = [trade for trade in page if trade.trade_id not in found]
        found |= {trade.trade_id: trade for trade in fresh}
        collected += fresh
        if page and page[-1].time_ms > start_ms:
            start_ms = page[-1].time_ms
        else:  # a whole page of one millisecond, or nothing in an hour: whether there was anything cannot be told
            complete = False
            start_ms += 1 if page else MS_PER_HOUR
        if start_ms >= goal_ms:
            return complete
    return False


def _since(trades: list[PublicTrade], since_ms: int, *, complete: bool) -> Trades:
    unique = {trade.trade_id: trade for trade in trades if trade.time_ms >= since_ms}
    return Trades(_sorted(list(unique.values())), complete=complete)


def _sorted(trades: list[PublicTrade]) -> list[PublicTrade]:
    return sorted(trades, key=lambda trade: trade.time_ms)
