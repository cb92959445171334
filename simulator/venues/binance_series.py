"""Binance's series over time, and what only derivatives have: candles, funding, mark and index prices."""

from decimal import Decimal

from simulator.market.bars import MONTH, WEEK, Bar
from simulator.market.bars import candles as on_grid
from simulator.market.calendar import DAY_MS, MINUTE_MS
from simulator.market.model import PERPETUAL, Candle, Listing, NotRecorded
from simulator.venues import binance_shapes as shapes
from simulator.venues.binance_call import Call, Refusal

_MOST_ROWS = 1000
_MINUTES = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720,
    "1d": 1440, "3d": 4320,
}  # fmt: skip
_BARS = {name: Bar(minutes * MINUTE_MS) for name, minutes in _MINUTES.items()} | {"1w": WEEK, "1M": MONTH}


def _candles(call: Call, listing: Listing) -> list[tuple[Candle, int]]:
    """Return the candles asked for and when each closes."""
    interval = call.text("interval")
    limit = call.limit(500, _MOST_ROWS)
    bar = Bar(1000) if interval == "1s" and call.section == "spot" else _BARS.get(interval)
    if bar is None:
        raise Refusal(-1120, "Invalid interval.")
    end_ms = min(call.number("endTime", call.now_ms), call.now_ms)
    start_ms = call.number("startTime", end_ms - limit * bar.length_ms + 1)
    if "startTime" in call.params:
        end_ms = min(end_ms, start_ms + limit * bar.length_ms)
    found = on_grid(call.market, listing, bar, start_ms, end_ms)
    found = found[:limit] if "startTime" in call.params else found[-limit:]
    return [(candle, bar.next_start(candle.start_ms) - 1) for candle in found]


def klines(call: Call) -> object:
    """Answer candles."""
    listing = call.listing()
    rows = []
    for candle, close_ms in _candles(call, listing):
        prices = [call.price(listing, p) for p in (candle.open, candle.high, candle.low, candle.close)]
        amount = candle.turnover
        if listing.inverse:
            amount = f"{Decimal(candle.volume) * Decimal(listing.contract_size) / Decimal(candle.close):.8f}"
        halves = [f"{Decimal(number) / 2:.8f}" for number in (candle.volume, amount)]
        count = int(Decimal(candle.volume) / Decimal(listing.lot_size)) % 5000
        volume = call.size(listing, candle.volume)
        rows.append([candle.start_ms, *prices, volume, close_ms, shapes.padded(amount, 8), count, *halves, "0"])
    return rows


def unpriced_klines(call: Call) -> object:
    """Answer candles of the mark or index price, which have no volume; here they follow the traded price."""
    params = dict(call.params)
    if "pair" in params:
        suffix = "_PERP" if call.section == "inverse" else ""
        params["symbol"] = params.pop("pair") + suffix
    call = Call(call.section, params, call.market, call.listings, call.now_ms)
    listing = call.listing()
    return [
        [candle.start_ms, *(shapes.padded(p, 8) for p in (candle.open, candle.high, candle.low, candle.close)),
         "0", close_ms, "0", 60, "0", "0", "0"]
        for candle, close_ms in _candles(call, listing)
    ]  # fmt: skip


def premium_index(call: Call) -> object:
    """Answer mark and index price, and of perpetuals the running funding rate."""

    def row(call: Call, listing: Listing) -> object:
        mark, index = call.market.mark_price(listing, call.now_ms), call.market.index_price(listing, call.now_ms)
        rate, interest, next_ms = ("", "", 0) if listing.inverse else ("0.00000000", "0.00000000", 0)
        if listing.kind == PERPETUAL:
            funding = call.market.funding(listing, call.now_ms)
            rate, interest, next_ms = shapes.padded(funding.rate, 8), "0.00010000", funding.next_time_ms
        return shapes.named(listing) | {
            "markPrice": shapes.padded(mark, 8), "indexPrice": shapes.padded(index, 8),
            "estimatedSettlePrice": shapes.padded(index, 8), "lastFundingRate": rate, "interestRate": interest,
            "nextFundingTime": next_ms, "time": call.now_ms,
        }  # fmt: skip

    return call.one_or_each(row)


def funding_rate(call: Call) -> object:
    """Answer settled funding rates, oldest first; USDⓈ-M without a symbol those of all."""
    limit = call.limit(100, _MOST_ROWS)
    end_ms = min(call.number("endTime", call.now_ms), call.now_ms)
    start_ms = call.number("startTime", end_ms - 60 * DAY_MS)
    all_of_them = call.section == "linear" and "symbol" not in call.params
    wanted = call.listings.values() if all_of_them else [call.listing()]
    rows = [
        (time_ms, listing, rate)
        for listing in wanted if listing.kind == PERPETUAL
        for time_ms, rate in call.market.funding_history(listing, start_ms, end_ms)
    ]  # fmt: skip
    rows.sort(key=lambda row: row[0])
    rows = rows[:limit] if "startTime" in call.params else rows[-limit:]
    return [
        {"symbol": listing.native_id, "fundingTime": time_ms, "fundingRate": shapes.padded(rate, 8),
         "markPrice": shapes.padded(call.market.mark_price(listing, time_ms), 8), "rateType": "Regular"}
        for time_ms, listing, rate in rows
    ]  # fmt: skip


def funding_info(call: Call) -> object:
    """List the perpetuals whose interval or cap is not the usual one (8 h)."""
    return [
        {"symbol": listing.native_id, "adjustedFundingRateCap": "0.02000000",
         "adjustedFundingRateFloor": "-0.02000000", "fundingIntervalHours": listing.funding_interval_h,
         "disclaimer": False, "updateTime": listing.listed_ms}
        for listing in call.listings.values()
        if listing.kind == PERPETUAL and listing.funding_interval_h != 8
    ]  # fmt: skip


def open_interest(call: Call) -> object:
    """Answer the contracts that are open."""
    listing = call.listing()
    held = call.market.stats(listing, call.now_ms).open_interest
    if not held:
        raise NotRecorded(f"no open interest of {listing.native_id} was recorded")
    found = {"openInterest": call.size(listing, held)}
    kind = {"contractType": shapes.contract_type(listing, call.now_ms)} if listing.inverse else {}
    return shapes.named(listing) | found | kind | {"time": call.now_ms}


def option_mark(call: Call) -> object:
    """Answer the mark prices of options."""

    def row(call: Call, listing: Listing) -> object:
        return {"symbol": listing.native_id, "markPrice": call.market.mark_price(listing, call.now_ms)}

    return call.one_or_each(row)


def option_index(call: Call) -> object:
    """Answer the index of an underlying such as `BTCUSDT`."""
    underlying = call.text("underlying")
    listing = next((i for i in call.listings.values() if i.base + i.quote == underlying), None)
    if listing is None:
        raise Refusal(-1121, "Invalid symbol.")
    return {"time": call.now_ms, "indexPrice": call.market.index_price(listing, call.now_ms)}
