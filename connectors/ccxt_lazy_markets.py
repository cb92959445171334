"""Give a ccxt object all markets of its venue without loading them: each is read from our store when it is asked for.

Setting thousands of markets costs ccxt hundreds of milliseconds; an order needs one, a list of orders a few.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

    from connectors.ccxt_market_store import MarketStore

Market = dict[str, Any]


class _Lazy(dict[str, Any]):
    """A dict that looks for what it lacks. It is never empty in a boolean sense: ccxt would load markets then."""

    def __init__(self, look_up: Callable[[str], Any]) -> None:
        super().__init__()
        self._look_up = look_up

    def __bool__(self) -> bool:
        return True

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or (isinstance(key, str) and self._found(key))

    def __missing__(self, key: str) -> Any:
        if self._found(key):
            return super().__getitem__(key)
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Answer what there is, looked up where needed."""
        return self[key] if key in self else default  # noqa: SIM401 – this is `get`

    def _found(self, key: str) -> bool:
        found = self._look_up(key)
        if found is None:
            return False
        self[key] = found
        return True


def install(exchange: "Exchange", store: "MarketStore") -> None:
    """Let `exchange` find the markets of `store` by symbol and by the venue's id; what it lacks is asked for once."""
    known: dict[str, Market] = {}
    asked = False

    def completed(raw: Market) -> Market:
        symbol = str(raw["symbol"])
        if symbol not in known:
            known[symbol] = _completed(exchange, raw)
        return known[symbol]

    def by_symbol(symbol: str) -> Market | None:
        nonlocal asked
        raw = store.find(symbol)
        if raw is None and "/" in symbol and not asked:
            asked = True  # the store may be older than the instruments that we work with
            store.replace(exchange.fetch_markets())
            raw = store.find(symbol)
        raw = raw or store.find_former(symbol)
        return None if raw is None else completed(raw)

    def by_id(native_id: str) -> list[Market] | None:
        # Spot first, as ccxt itself orders markets that share an id.
        rows = sorted(store.find_by_id(native_id), key=lambda raw: not raw.get("spot"))
        return [completed(raw) for raw in rows] or None

    exchange.set_markets([])
    exchange.markets = _Lazy(by_symbol)
    exchange.markets_by_id = _Lazy(by_id)


def _completed(exchange: "Exchange", raw: Market) -> Market:
    """Fill a market up as ccxt's `set_markets` does."""
    defined = {key: value for key, value in raw.items() if value is not None}
    base = {"precision": exchange.precision, "limits": exchange.limits}
    market: Market = exchange.deep_extend(exchange.safe_market_structure(), base, exchange.fees["trading"], defined)
    market["subType"] = "linear" if market.get("linear") else "inverse" if market.get("inverse") else None
    return market
