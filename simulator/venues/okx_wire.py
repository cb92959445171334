"""What OKX's endpoints share: refusals with OKX's codes, parameters and amounts."""

from collections.abc import Mapping
from decimal import Decimal

from simulator.market.model import Listing
from simulator.venue import SimVenue

Row = dict[str, object]
Query = Mapping[str, str]
OPTION_INDICES = ("BTC-USD", "ETH-USD")
"""Indices that exist at OKX whatever is listed: clients ask for their options without looking."""
INST_TYPES = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")


class OkxError(Exception):
    """A refusal: OKX's code, its text and the HTTP status that goes with it."""

    def __init__(self, code: str, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def required(query: Query, name: str) -> str:
    """Return a parameter. Raises OkxError 50014 where it is absent or empty."""
    value = query.get(name)
    if not value:
        raise OkxError("50014", f"Parameter {name} can not be empty", 400)
    return value


def whole_number(query: Query, name: str, default: int, most: int | None = None) -> int:
    """Return a whole number from 1 to `most`; above it `most` counts. Raises OkxError 51000."""
    text = query.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise OkxError("51000", f"Parameter {name} error", 400)
    return int(text) if most is None else min(int(text), most)


def moment(query: Query, name: str) -> int | None:
    """Return a page mark (epoch ms or an id), None where it is absent. Raises OkxError 51000."""
    text = query.get(name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise OkxError("51000", f"Parameter {name} error", 400)
    return int(text)


def inst_type(query: Query, *allowed: str) -> str:
    """Return `instType`. Raises OkxError 50014 where it is absent, 51000 where it is none of `allowed`."""
    value = required(query, "instType")
    if value not in (allowed or INST_TYPES):
        raise OkxError("51000", "Parameter instType error", 400)
    return value


def instrument(venue: SimVenue, query: Query, *products: str) -> Listing:
    """Return the listing that `instId` names, of one of `products`. Raises OkxError 50014 or 51001."""
    name = required(query, "instId")
    for product in products or ("SPOT", "SWAP", "FUTURES", "OPTION"):
        if found := venue.by_id.get((product, name)):
            return found
    raise OkxError("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")


def underlying(listing: Listing) -> str:
    """Return the index a contract follows, `BTC-USD`; OKX calls it `uly`, and its family mostly alike."""
    return f"{listing.base}-{listing.quote}"


def of_family(venue: SimVenue, product: str, query: Query) -> list[Listing]:
    """Return a product's listings, narrowed by `uly`, `instFamily` and `instId`. Raises OkxError 51001 or 51014."""
    family = query.get("instFamily") or query.get("uly")
    found = [*venue.by_product.get(product, {}).values()]
    if family and product != "SPOT":
        found = [i for i in found if underlying(i) == family]
        if not found and family not in OPTION_INDICES and all(underlying(i) != family for i in venue.by_id.values()):
            raise OkxError("51014", "Index doesn't exist.", 400)
    if name := query.get("instId"):
        found = [i for i in found if i.native_id == name]
        if not found:
            raise OkxError("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
    return found


def text(amount: Decimal) -> str:
    """Print an amount as OKX does: plain, without trailing zeros, at most 16 significant digits."""
    if not amount:
        return "0"
    return format((+amount).normalize(), "f") if len(amount.as_tuple().digits) <= 16 else _shortened(amount)


def _shortened(amount: Decimal) -> str:
    exponent = max(-18, amount.adjusted() - 15)
    return format(amount.quantize(Decimal(1).scaleb(exponent)).normalize(), "f")


def exact(amount: Decimal) -> str:
    """Print money as OKX does in balances, fees and bills: plain and with all its digits."""
    return format(amount.normalize(), "f") if amount else "0"
