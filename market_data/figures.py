"""Numbers and instants as people read them. Nothing here is for machines."""

import time
from decimal import Decimal

from domain.money import rounded
from domain.time import rfc3339
from market_data.quotes import decimals_of


def price_text(number: Decimal | None, tick_size: Decimal | None = None) -> str | None:
    """Write a price with the decimals it came with, never with an exponent.

    Zeros that a venue appends beyond its own tick size (93905.70000000 where the tick is 0.01) are left out.
    """
    if number is None:
        return None
    return format(number, "f") if tick_size is None else f"{number:.{decimals_of(number, tick_size)}f}"


def size_text(number: Decimal | None, digits: int = 8) -> str | None:
    """Write a size with at most `digits` decimals and no trailing zeros."""
    if number is None:
        return None
    text = f"{number:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def places_text(number: Decimal | float | None, places: int) -> str | None:
    """Write a number with a fixed count of decimals; a zero has no sign."""
    if number is None:
        return None
    text = format(rounded(Decimal(number), places), "f")
    return text.lstrip("-") if not text.strip("-0.") else text


def bps_text(number: Decimal | None) -> str | None:
    """Write basis points with two decimals at the most."""
    return size_text(number, 2)


def percent_text(fraction: Decimal | None, places: int = 4) -> str | None:
    """Write a fraction as a percentage with its sign."""
    if fraction is None:
        return None
    text = places_text(fraction * 100, places) or ""
    return f"{text}%" if text.startswith("-") else f"+{text}%"


def cut(text: str | None, most: int) -> str:
    """Shorten a table cell to `most` characters, visibly."""
    return "" if text is None else text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def heading(what: str, environment: str, now_ms: int | None = None) -> str:
    """Write a table's header: what it shows, in which environment, and when."""
    moment = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    return f"{what}  [{environment}]  {rfc3339(moment)}"
