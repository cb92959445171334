"""What people write on the command line about recorded books: a series, a day, how far back, an instant."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

from domain.errors import UsageError
from domain.snapshots import SECOND_NS, Series
from domain.spans import span_ms
from domain.time import MS_PER_DAY, epoch_ms
from utils.symbols.parts import canonical

_VENUE = re.compile(r"[a-z0-9_]+")


def series_of(*words: str) -> Series:
    """Read `venue:SYMBOL` or the two words `venue SYMBOL`; a symbol that is not canonical is taken as it is.

    Raises:
        UsageError: it is neither.
    """
    venue, _, symbol = words[0].partition(":") if len(words) == 1 else (words[0], "", " ".join(words[1:]))
    venue = venue.strip().lower()
    if not symbol.strip() or not _VENUE.fullmatch(venue):
        raise UsageError(f"'{' '.join(words)[:60]}' is no series.", hint="Write venue:SYMBOL, as in binance:BTC/USDT.")
    return Series(venue, canonical(symbol) or symbol.strip())


def wanted_series(texts: Sequence[str]) -> frozenset[Series]:
    """Read the series given with `--series`; none means all.

    Raises:
        UsageError: one is none.
    """
    return frozenset(series_of(text) for text in texts)


def first_day(text: str, now_ms: int) -> str:
    """Read the day with which a period begins (UTC): a span before now (`30d`), or a date or an instant.

    Raises:
        UsageError: it is neither, or lies ahead.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return _day(now_ms - span_ms(text))
        except UsageError as error:
            raise UsageError(error.message, hint=f"{error.hint} Or a date: 2026-11-01.") from None
    begun = epoch_ms(found if found.tzinfo else found.replace(tzinfo=UTC))
    if not 0 <= begun <= now_ms:
        raise UsageError(f"{text} is not in the past.")
    return _day(begun)


def last_day_before(text: str, now_ms: int) -> str:
    """Read a span (`90d`) as the last day that ended at least so long ago.

    Raises:
        UsageError: it is none, or shorter than a day.
    """
    span = span_ms(text, most="3660d")
    if span < MS_PER_DAY:
        raise UsageError(f"{text} is shorter than a day.", hint="Files are kept by the day: write 1d or more.")
    return _day(now_ms - span - MS_PER_DAY)


def one_day(text: str) -> str:
    """Read `2026-11-21`.

    Raises:
        UsageError: it is no date.
    """
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise UsageError(f"'{text[:20]}' is no date.", hint="Write it as 2026-11-21.") from None


def last_day_over(now_ms: int) -> str:
    """Name the last day that is over."""
    return _day(now_ms - MS_PER_DAY)


def day_is_over(day: str, now_ms: int) -> str:
    """Return the day.

    Raises:
        UsageError: it is not over: rows may still come.
    """
    if day > last_day_over(now_ms):
        raise UsageError(f"{day} is not over yet (UTC).", hint=f"The last day that is: {last_day_over(now_ms)}.")
    return day


def second_of(text: str) -> int:
    """Read an instant as the whole second it is in, in nanoseconds since the epoch; without a zone it is UTC.

    Raises:
        UsageError: it is none.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"'{text[:40]}' is no instant.", hint="Write it as 2026-11-21T01:02:03Z.") from None
    ms = epoch_ms(found if found.tzinfo else found.replace(tzinfo=UTC))
    if ms < 0:
        raise UsageError(f"{text} is before 1970.")
    return ms // 1000 * SECOND_NS


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).date().isoformat()
