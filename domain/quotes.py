"""Best bid and ask of one venue, and the states a venue's row can be in."""

from decimal import Decimal
from typing import NamedTuple

OK = "ok"
STALE = "stale"
CROSSED = "crossed"
EMPTY = "empty"
NOT_LISTED = "not_listed"
UNSUPPORTED = "unsupported"
UNAVAILABLE = "unavailable"
RATE_LIMITED = "rate_limited"
MAINTENANCE = "maintenance"
GEO_BLOCKED = "geo_blocked"
UNAUTHORIZED = "unauthorized"
RETIRED = "retired"


class Quote(NamedTuple):
    """Top of one venue's market. Prices in quote per base, sizes in base units (None: the venue gives none)."""

    venue: str
    symbol: str
    bid: Decimal | None
    bid_size: Decimal | None
    ask: Decimal | None
    ask_size: Decimal | None
    received_at_ns: int
    venue_time_ns: int | None
    source: str
