"""Bybit's public endpoints (v5): what each answers in `result`, and the refusals it has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import quote, unquote
from uuid import UUID

from simulator.market.bars import MONTH, WEEK, Bar
from simulator.market.bars import candles as on_grid
from simulator.market.calendar import HOUR_MS, MINUTE_MS
from simulator.market.known import each_known
from simulator.market.model import PERPETUAL, Candle, Listing, Market
from simulator.rows import text_rows
from simulator.venues import bybit_shapes as shapes

CATEGORIES = ("spot", "linear", "inverse", "option")
BAD_PARAMETER = 10001
_DEPTHS = {"spot": (1, 200), "linear": (25, 500), "inverse": (25, 500), "option": (1, 25)}
"""Levels by default and at most, by category."""
_MINUTES = {name: int(name) for name in ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720")} | {"D": 1440}
_BARS = {name: Bar(minutes * MINUTE_MS) for name, minutes in _MINUTES.items()} | {"W": WEEK, "M": MONTH}
_OPEN_INTEREST = {"5min": 5, "15min": 15, "30min": 30, "1h": 60, "4h": 240, "1d": 1440}


class Refusal(Exception):
    """An error as Bybit reports it, with HTTP 200: `retCode` and `retMsg`."""

    def __init__(self, code: int, message: str, result: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.result = {} if result is None else result


def invalid(name: str) -> Refusal:
    """Refuse a parameter."""
    return Refusal(BAD_PARAMETER, f"params error: {name} invalid")


@dataclass(frozen=True)
class Call:
    """What was asked, and whom to ask for the answer."""

    params: Mapping[str, str]
    market: Market
    listings: Mapping[str, Mapping[str, Listing]]
    now_ms: int

    @property
    def category(self) -> str:
        """Return the category asked for."""
        category = self.params.get("category", "")
        if category not in CATEGORIES:
            raise invalid("category")
        return category

    def listing(self) -> Listing:
        """Return the instrument asked for."""
        listing = self.listings[self.category].get(self.params.get("symbol", ""))
        if listing is None:
            raise Refusal(BAD_PARAMETER, "Not supported symbols") if self.category == "spot" else invalid("symbol")
        return listing

    def contract(self) -> Listing:
        """Return the linear or inverse contract asked for."""
        if self.category not in ("linear", "inverse"):
            raise invalid("category")
        return self.listing()

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        value = self.params.get(name, "")
        if not value:
            return default
        if not value.isascii() or not value.isdigit():
            raise invalid(name)
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """Return how many rows are wanted, `most` where more are."""
        return min(max(self.number("limit", default), 1), most)


def server_time(call: Call) -> object:
    """Tell the time; clients read the envelope's."""
    return {"timeSecond": str(call.now_ms // 1000), "timeNano": str(call.now_ms * 1_000_000)}


def system_status(_: Call) -> object:
    """List maintenance: none."""
    return {"list": []}


def instruments(call: Call) -> object:
    """List the instruments page by page; nothing is before its launch here."""
    category = call.category
    found = [*call.listings[category].values()]
    base = call.params.get("baseCoin") or ("BTC" if category == "option" and "symbol" not in call.params else "")
    if base and category != "spot":
        both = ("linear", "inverse") if category != "option" else ("option",)
        found = [i for name in both for i in call.listings[name].values() if i.base == base]
    if symbol := call.params.get("symbol"):
        found = [i for i in found if i.native_id == symbol]
        if not found and category in ("linear", "inverse"):
            empty = {"category": "", "list": [], "nextPageCursor": ""}
            raise Refusal(BAD_PARAMETER, "params error: symbol invalid", empty)
    if call.params.get("status") not in (None, "", "Trading"):
        found = []
    if category == "spot":
        return {"category": category, "list": [shapes.instrument(i) for i in found], "nextPageCursor": ""}
    page, cursor = _page(call, found, call.limit(500, 1000))
    rows = [shapes.instrument(i) for i in page]
    if category == "option":
        return {"category": category, "nextPageCursor": cursor, "list": rows}
    return {"category": category, "list": rows, "nextPageCursor": cursor}


def _page(call: Call, found: list[Listing], limit: int) -> tuple[list[Listing], str]:
    """Cut out the page the cursor names; it carries the symbol it ended with."""
    start = 0
    if cursor := call.params.get("cursor"):
        last = unquote(unquote(cursor)).rpartition("last=")[2]
        start = next((number + 1 for number, i in enumerate(found) if i.native_id == last), -1)
        if start < 0:
            raise invalid("cursor")
    page = found[start : start + limit]
    more = start + limit < len(found)
    return page, quote(f"first={page[0].native_id}&last={page[-1].native_id}", safe="") if more else ""


def order_book(call: Call) -> object:
    """Answer the book with as many levels as the category allows."""
    listing = call.listing()
    book = call.market.book(listing, call.limit(*_DEPTHS[call.category]), call.now_ms)
    sides = {
        name: text_rows((shapes.price(listing, price), shapes.size(listing, size)) for price, size in levels)
        for name, levels in (("b", book.bids), ("a", book.asks))
    }
    stamps = {"ts": max(call.now_ms, book.time_ms), "u": book.sequence, "seq": book.sequence, "cts": book.time_ms}
    return {"s": listing.native_id, **sides, **stamps}


def tickers(call: Call) -> object:
    """Answer one instrument's ticker or those of the category."""
    category = call.category
    if "symbol" in call.params:
        return {"category": category, "list": [shapes.ticker(call.listing(), call.market, call.now_ms)]}
    wanted = [*call.listings[category].values()]
    if category == "option":
        base = call.params.get("baseCoin")
        if not base:
            raise Refusal(BAD_PARAMETER, "params error: baseCoin or symbol must be provided")
        wanted = [i for i in wanted if i.base == base and f"-{call.params.get('expDate', '')}" in i.native_id]
    rows = each_known(wanted, lambda listing: shapes.ticker(listing, call.market, call.now_ms))
    return {"category": category, "list": rows}


def recent_trades(call: Call) -> object:
    """Answer the last trades, newest first."""
    listing = call.listing()
    limit = call.limit(60, 60) if call.category == "spot" else call.limit(500, 1000)
    rows = []
    for trade in call.market.trades(listing, limit, call.now_ms):
        number = 2_290_000_000_000_000_000 + trade.trade_id
        row: shapes.Row = {
            "execId": str(number) if call.category == "spot" else str(UUID(int=number << 58 | trade.time_ms)),
            "symbol": listing.native_id, "price": shapes.price(listing, trade.price),
            "size": shapes.size(listing, trade.size), "side": trade.side.capitalize(), "time": str(trade.time_ms),
            "isBlockTrade": False, "isRPITrade": False, "seq": str(trade.trade_id),
        }  # fmt: skip
        if call.category == "option":
            mark, index = call.market.mark_price(listing, call.now_ms), call.market.index_price(listing, call.now_ms)
            row |= {"mP": mark, "iP": index, "mIv": "", "iv": ""}
        rows.append(row)
    return {"category": call.category, "list": rows}


def _candles(call: Call, listing: Listing) -> list[Candle]:
    bar = _BARS.get(call.params.get("interval", ""))
    if bar is None:
        raise Refusal(BAD_PARAMETER, "Invalid period!")
    limit = call.limit(200, 1000)
    end_ms = min(call.number("end", call.now_ms), call.now_ms)
    start_ms = call.number("start", end_ms - limit * bar.length_ms + 1)
    if call.params.get("start") and not call.params.get("end"):
        end_ms = min(end_ms, start_ms + limit * bar.length_ms - 1)
    found = on_grid(call.market, listing, bar, max(start_ms, end_ms - limit * bar.length_ms), end_ms)
    return found[-limit:][::-1]


def _ohlc(listing: Listing, candle: Candle) -> list[str]:
    prices = (candle.open, candle.high, candle.low, candle.close)
    return [str(candle.start_ms), *(shapes.price(listing, number) for number in prices)]


def klines(call: Call) -> object:
    """Answer candles, newest first; turnover of inverse contracts is in the base coin."""
    if call.category == "option":
        raise invalid("category")
    listing = call.listing()
    rows = []
    for candle in _candles(call, listing):
        worth = shapes.turnover(listing, candle.volume, candle.turnover, Decimal(candle.close))
        rows.append([*_ohlc(listing, candle), shapes.size(listing, candle.volume), worth])
    return {"category": call.category, "symbol": listing.native_id, "list": rows}


def unpriced_klines(call: Call) -> object:
    """Answer candles of the mark or index price, which have no volume; here they follow the traded price."""
    listing = call.contract()
    rows = [_ohlc(listing, candle) for candle in _candles(call, listing)]
    return {"category": call.category, "symbol": listing.native_id, "list": rows}


def funding_history(call: Call) -> object:
    """Answer settled funding rates, newest first."""
    listing = call.contract()
    if listing.kind != PERPETUAL:
        raise invalid("symbol")
    if call.params.get("startTime") and not call.params.get("endTime"):
        raise Refusal(BAD_PARAMETER, "params error: endTime must be provided with startTime")
    limit = call.limit(200, 200)
    end_ms = min(call.number("endTime", call.now_ms), call.now_ms)
    start_ms = call.number("startTime", end_ms - (limit + 1) * listing.funding_interval_h * HOUR_MS)
    settled = list(call.market.funding_history(listing, start_ms, end_ms))[-limit:][::-1]
    rows = [
        {"symbol": listing.native_id, "fundingRate": rate, "fundingRateTimestamp": str(time_ms)}
        for time_ms, rate in settled
    ]
    return {"category": call.category, "list": rows}


def open_interest(call: Call) -> object:
    """Answer the contracts that are open, newest first; here they were as many all the time."""
    listing = call.contract()
    step_ms = _OPEN_INTEREST.get(call.params.get("intervalTime", ""), 0) * MINUTE_MS
    if not step_ms:
        raise invalid("intervalTime")
    end_ms = min(call.number("endTime", call.now_ms), call.now_ms) // step_ms * step_ms
    count = call.limit(50, 200)
    first_ms = max(call.number("startTime", 0), end_ms - (count - 1) * step_ms)
    held = shapes.size(listing, call.market.stats(listing, call.now_ms).open_interest)
    rows = [{"openInterest": held, "timestamp": str(at)} for at in range(end_ms, first_ms - 1, -step_ms)]
    return {"symbol": listing.native_id, "category": call.category, "list": rows, "nextPageCursor": ""}


def delivery_prices(call: Call) -> object:
    """Answer the contracts that were delivered: none yet."""
    return {"category": call.category, "nextPageCursor": "", "list": []}


Answer = Callable[[Call], object]

PUBLIC: dict[tuple[str, str], Answer] = {
    ("GET", "/v5/market/time"): server_time,
    ("GET", "/v5/system/status"): system_status,
    ("GET", "/v5/market/instruments-info"): instruments,
    ("GET", "/v5/market/orderbook"): order_book,
    ("GET", "/v5/market/rpi_orderbook"): order_book,
    ("GET", "/v5/market/tickers"): tickers,
    ("GET", "/v5/market/recent-trade"): recent_trades,
    ("GET", "/v5/market/kline"): klines,
    ("GET", "/v5/market/mark-price-kline"): unpriced_klines,
    ("GET", "/v5/market/index-price-kline"): unpriced_klines,
    ("GET", "/v5/market/funding/history"): funding_history,
    ("GET", "/v5/market/open-interest"): open_interest,
    ("GET", "/v5/market/delivery-price"): delivery_prices,
}
