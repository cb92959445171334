"""What KuCoin's endpoints share: refusals with KuCoin's codes, parameters, numbers, names and the gateway's headers."""

from collections.abc import Mapping
from decimal import Decimal

from simulator.market.bars import MONTH, WEEK, Bar
from simulator.market.calendar import DAY_MS, HOUR_MS, MINUTE_MS
from simulator.market.model import Listing
from simulator.rows import Rows
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
    return [*venue.by_product.get(product, {}).values()]


def number(amount: str | Decimal) -> int | float:
    """Turn an amount into the JSON number futures endpoints send: whole where it is whole."""
    if isinstance(amount, str) and "." not in amount:
        return int(amount)
    value = float(amount)
    return int(value) if value.is_integer() else value


def exact(value: Decimal) -> Rows:
    """Write an amount as a JSON number with all its decimals, so that sums of what is told are exact."""
    return Rows(plain(value))


def plain(value: Decimal) -> str:
    """Print an amount without exponent and trailing zeros."""
    return format(value.normalize(), "f") if value else "0"


def futures_code(asset: str) -> str:
    """Return what futures call an asset: `XBT` for Bitcoin."""
    return "XBT" if asset == "BTC" else asset


def pool_headers(limit: int, left: int, left_s: float) -> dict[str, str]:
    """Write the headers KuCoin's gateway sends with every answer: what is left of a pool, and for how long (ms)."""
    return {
        "gw-ratelimit-limit": str(limit),
        "gw-ratelimit-remaining": str(left),
        "gw-ratelimit-reset": str(int(left_s * 1000)),
    }
