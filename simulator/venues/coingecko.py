"""CoinGecko's public API v3: reference prices, cached for a minute as there, of coins nobody can trade at CoinGecko.

Wire facts: docs.coingecko.com; the 429 body as quoted in cryptgo issue 30. Unknown ids and currencies are left out of
an answer without a word. Supplies (for market caps) are round figures.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import floor, log10
from typing import Any, ClassVar

from simulator.market.calendar import DAY_MS, MINUTE_MS
from simulator.market.model import Listing, Market, NotRecorded
from simulator.venue import SimReply, SimRequest, SimVenue, json_reply

Row = dict[str, object]
CACHE_MS = MINUTE_MS
_BASE = "/api/v3"
_COIN_CURRENCIES = ("btc", "eth", "ltc", "bch", "bnb", "xrp", "link", "dot", "sol")
_SUPPLIES = {"bitcoin": 19_950_000.0, "ethereum": 120_700_000.0}
_RATE_LIMIT = (
    "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing to subscribe to our API "
    "plans for higher rate limits."
)
_PRO_KEY = "If you are using Pro API key, please change your root URL from api.coingecko.com to pro-api.coingecko.com"
_HEADERS = {"cache-control": "max-age=30, public, must-revalidate, s-maxage=60", "vary": "Accept-Encoding, Origin"}


class _RefusedError(Exception):
    def __init__(self, status: int, payload: Row) -> None:
        super().__init__(payload)
        self.reply = json_reply(payload, status)


def rounded(price: float, precision: str) -> float:
    """Round as asked: `full`, a number of decimals, or as CoinGecko does by itself (none for large prices)."""
    if precision == "full" or not price:
        return float(f"{price:.15g}")
    if precision.isdecimal() and int(precision) <= 18:
        return round(price, int(precision))
    digits = 0 if price >= 10_000 else 2 if price >= 1 else 5 - floor(log10(price))
    return round(price, digits)


def _positive(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and int(text) else default


def _status(code: int, message: str) -> Row:
    return {"status": {"error_code": code, "error_message": message}}


class Coingecko(SimVenue):
    """api.coingecko.com. Its coins come from the market's listings for it, its prices from the market's index."""

    name = "coingecko"
    ports: ClassVar[Mapping[str, tuple[str, ...]]] = {"coingecko": ("api.coingecko.com",)}

    def __init__(self, market: Market, clock: Callable[[], int]) -> None:
        """Index the coins and the currencies."""
        super().__init__(market, clock)
        self.coins = {listing.native_id: listing for listing in self.by_id.values() if listing.product == "coin"}
        symbols = {str(dict(i.extra)["symbol"]): i for i in reversed(self.coins.values())}
        fiat = {i.native_id: i for i in self.by_id.values() if i.product == "currency"}
        self.currencies = {c: symbols[c] for c in _COIN_CURRENCIES if c in symbols} | fiat
        self.routes: dict[str, Callable[[Mapping[str, str], int], object]] = {
            "/ping": lambda _query, _now_ms: {"gecko_says": "(V3) To the Moon!"},
            "/simple/price": self._simple_price,
            "/simple/supported_vs_currencies": lambda _query, _now_ms: list(self.currencies),
            "/coins/list": self._coins_list,
            "/coins/markets": self._coins_markets,
        }

    def handle(self, port: str, request: SimRequest) -> SimReply:
        """Answer the routes under /api/v3; a paid key is refused at this host."""
        query = request.query
        if "x-cg-pro-api-key" in request.headers or "x_cg_pro_api_key" in query:
            return json_reply({"error_code": 10010} | _status(10010, _PRO_KEY), 400)
        route = self.routes.get(request.path.removeprefix(_BASE)) if request.path.startswith(_BASE) else None
        if route is None:
            return json_reply({"error": "Incorrect path. Please check https://www.coingecko.com/api/"}, 404)
        try:
            return json_reply(route(query, request.now_ms), 200, _HEADERS)
        except _RefusedError as refusal:
            return refusal.reply

    def fault(self, kind: str, request: SimRequest, args: Mapping[str, Any]) -> SimReply:
        """Put a fault in CoinGecko's error object, or in the words of the Cloudflare edge before it."""
        retry = {"retry-after": str(args.get("retry_after_s", 60))}
        if kind == "rate_limited":
            return json_reply(_status(429, _RATE_LIMIT), 429, retry)
        if kind == "banned":
            return SimReply(b"error code: 1020", 403, retry, "text/plain; charset=UTF-8")
        if kind == "geo_blocked":
            return SimReply(b"<html><body>451 Unavailable For Legal Reasons</body></html>", 451, {}, "text/html")
        if kind == "maintenance":
            return json_reply(_status(503, "Service Unavailable"), 503)
        status = int(args.get("status", 500))
        return json_reply(_status(status, "Internal Server Error"), status)

    def _usd(self, listing: Listing, at_ms: int) -> float | None:
        """Return the price in USD, or None where the market (a tape) knows none."""
        try:
            return float(self.market.index_price(listing, at_ms))
        except NotRecorded:
            return None

    def _price(self, coin: Listing, currency: str, at_ms: int) -> float | None:
        usd, unit = self._usd(coin, at_ms), self._usd(self.currencies[currency], at_ms)
        return usd / unit if usd is not None and unit else None

    def _simple_price(self, query: Mapping[str, str], now_ms: int) -> object:
        wanted = {name: query.get(name, "") for name in ("ids", "vs_currencies")}
        for name, value in wanted.items():
            if not value:
                raise _RefusedError(422, {"error": f"Missing parameter {name}"})
        ids, currencies = (list(map(str.strip, text.lower().split(","))) for text in wanted.values())
        coins = [self.coins[identity] for identity in ids if identity in self.coins]
        return {coin.native_id: self._simple_row(coin, currencies, query, now_ms) for coin in coins}

    def _simple_row(self, coin: Listing, currencies: list[str], query: Mapping[str, str], now_ms: int) -> Row:
        at_ms = now_ms // CACHE_MS * CACHE_MS
        precision = query.get("precision", "")
        row: Row = {}
        for currency in currencies:
            price = self._price(coin, currency, at_ms) if currency in self.currencies else None
            if price is None:
                continue
            row[currency] = rounded(price, precision)
            if query.get("include_market_cap") == "true":
                row[f"{currency}_market_cap"] = price * _SUPPLIES.get(coin.native_id, 1e9)
            if query.get("include_24hr_vol") == "true":
                row[f"{currency}_24h_vol"] = self._figures(coin, currency, at_ms)["total_volume"]
            if query.get("include_24hr_change") == "true":
                row[f"{currency}_24h_change"] = self._figures(coin, currency, at_ms)["price_change_percentage_24h"]
        if row and query.get("include_last_updated_at") == "true":
            row["last_updated_at"] = at_ms // 1000
        return row

    def _figures(self, coin: Listing, currency: str, at_ms: int) -> Row:
        """Return the 24-hour figures in a currency; the change compares prices in it."""
        stats, unit = self.market.stats(coin, at_ms), self._usd(self.currencies[currency], at_ms) or 1.0
        price, before = self._price(coin, currency, at_ms), self._price(coin, currency, at_ms - DAY_MS)
        return {
            "total_volume": round(float(stats.turnover) / unit, 2),
            "high_24h": float(stats.high) / unit,
            "low_24h": float(stats.low) / unit,
            "price_change_24h": price - before if price and before else None,
            "price_change_percentage_24h": round((price / before - 1) * 100, 5) if price and before else None,
        }

    def _coins_list(self, query: Mapping[str, str], now_ms: int) -> object:
        rows = [{"id": identity} | dict(coin.extra) for identity, coin in sorted(self.coins.items())]
        extra: Row = {"platforms": {}} if query.get("include_platform") == "true" else {}
        return [{"id": row["id"], "symbol": row["symbol"], "name": row["name"]} | extra for row in rows]

    def _coins_markets(self, query: Mapping[str, str], now_ms: int) -> object:
        currency = query.get("vs_currency", "").lower()
        if currency not in self.currencies:
            text = "invalid vs_currency" if currency else "Missing parameter vs_currency"
            raise _RefusedError(422, {"error": text})
        ids = [identity for identity in query.get("ids", "").split(",") if identity]
        per_page, page = _positive(query.get("per_page"), 100), _positive(query.get("page"), 1)
        chosen = [coin for identity, coin in self.coins.items() if not ids or identity in ids]
        at_ms = now_ms // CACHE_MS * CACHE_MS
        updated = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        rows: list[Row] = []
        for coin in chosen[(page - 1) * per_page : page * per_page]:
            price = self._price(coin, currency, at_ms)
            if price is not None:
                rows.append(self._market_row(coin, currency, price, at_ms) | {"last_updated": updated})
        return rows

    def _market_row(self, coin: Listing, currency: str, price: float, at_ms: int) -> Row:
        supply = _SUPPLIES.get(coin.native_id, 1e9)
        row: Row = {"id": coin.native_id, "symbol": coin.base.lower(), "name": dict(coin.extra)["name"]}
        row |= {"image": f"https://coin-images.coingecko.com/coins/images/1/large/{coin.native_id}.png"}
        row |= {"current_price": rounded(price, ""), "market_cap": round(price * supply)}
        row |= {"market_cap_rank": list(self.coins).index(coin.native_id) + 1, "circulating_supply": supply}
        return row | self._figures(coin, currency, at_ms)
