"""What KuCoin's endpoints share: refusals with KuCoin's codes, parameters, numbers, names and request pools."""

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from simulator.market.bars import MONTH, WEEK, Bar
from simulator.market.calendar import DAY_MS, HOUR_MS, MINUTE_MS
from simulator.market.model import Listing
from simulator.venue import SimVenue

Row = dict[str, object]
Params = Mapping[str, str]
NS_PER_MS = 1_000_000

SPOT_BARS: dict[str, Bar] = {
    **{f"{count}min": Bar(count * MINUTE_MS) for count in (1, 3, 5, 15, 30)},
    **{f"{count}hour": Bar(count * HOUR_MS) for count in (1, 2, 4, 6, 8, 12)},
    "1day": Bar(DAY_MS),
    "1week": WEEK,
    "1month": MONTH,
}
FUTURES_BARS: dict[str, Bar] = {
    **{str(minutes): Bar(minutes * MINUTE_MS) for minutes in (1, 5, 15, 30, 60, 120, 240, 480, 720, 1440)},
    "10080": WEEK,
}


class KucoinError(Exception):
    """A refusal: KuCoin's code, its text and the HTTP status that goes with it."""

    def __init__(self, code: str, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def required(params: Params, name: str) -> str:
    """Return a parameter. Raises KucoinError 400100 where it is absent or empty."""
    value = params.get(name)
    if not value:
        raise KucoinError("400100", f"{name} can not be empty", 400)
    return value


def whole_number(params: Params, name: str, default: int) -> int:
    """Return a whole number from 0. Raises KucoinError 400100."""
    text = params.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise KucoinError("400100", f"{name} is invalid", 400)
    return int(text)


def spot_symbol(venue: SimVenue, params: Params) -> Listing:
    """Return the spot pair that `symbol` names. Raises KucoinError 400100 or 900001."""
    found = venue.by_id.get(("spot", required(params, "symbol")))
    if found is None:
        raise KucoinError("900001", "symbol not exists")
    return found


def contract(venue: SimVenue, params: Params) -> Listing:
    """Return the contract that `symbol` names. Raises KucoinError 400100 or 100003."""
    found = venue.by_id.get(("futures", required(params, "symbol")))
    if found is None:
        raise KucoinError("100003", "Contract parameter invalid")
    return found


def of_product(venue: SimVenue, product: str) -> list[Listing]:
    """Return everything listed in `spot` or `futures`."""
    return [listing for (section, _), listing in venue.by_id.items() if section == product]


def number(amount: str | Decimal) -> int | float:
    """Turn an amount into the JSON number futures endpoints send: whole where it is whole."""
    if isinstance(amount, str) and "." not in amount:
        return int(amount)
    value = float(amount)
    return int(value) if value.is_integer() else value


def plain(value: Decimal) -> str:
    """Print an amount without exponent and trailing zeros."""
    return format(value.normalize(), "f") if value else "0"


def coins(listing: Listing, contracts: str, price: str) -> Decimal:
    """Return what `contracts` are worth in the base currency (in priced units: thousands of PEPE)."""
    value = Decimal(contracts) * Decimal(listing.contract_size)
    return value / Decimal(price) if listing.inverse and Decimal(price) else value


def futures_code(asset: str) -> str:
    """Return what futures call an asset: `XBT` for Bitcoin."""
    return "XBT" if asset == "BTC" else asset


class Answered(NamedTuple):
    """What a request left of a pool: `remaining` of `limit` weight, for another `reset_ms`."""

    admitted: bool
    limit: int
    remaining: int
    reset_ms: int

    def headers(self) -> dict[str, str]:
        """Write the headers KuCoin's gateway sends with every answer."""
        return {
            "gw-ratelimit-limit": str(self.limit),
            "gw-ratelimit-remaining": str(self.remaining),
            "gw-ratelimit-reset": str(self.reset_ms),
        }


class Pools:
    """Weights counted in windows of 30 s; a pool's window begins with its first request. `clock` answers seconds."""

    WINDOW_S = 30.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pools: dict[str, tuple[float, int]] = {}

    def take(self, pool: str, limit: int, weight: int) -> Answered:
        """Take `weight` from a pool; what does not fit is refused and costs nothing."""
        now_s = self._clock()
        began_s, used = self._pools.get(pool, (now_s, 0))
        if now_s - began_s >= self.WINDOW_S:
            began_s, used = now_s, 0
        admitted = used + weight <= limit
        used += weight if admitted else 0
        self._pools[pool] = (began_s, used)
        reset_ms = int((began_s + self.WINDOW_S - now_s) * 1000)
        return Answered(admitted, limit, limit - used if admitted else 0, reset_ms)
