"""Deribit's JSON objects: instruments, books, tickers, summaries and trades, made of a market's figures.

Field names follow docs.deribit.com (public/get_instruments, public/get_order_book, public/get_book_summary_by_currency,
public/get_last_trades_by_instrument) and the raw recordings of 2021. Numbers are JSON numbers.
"""

from collections.abc import Mapping, Sequence
from math import exp, log, pi, sqrt
from typing import TypeVar

from simulator.market.calendar import HOUR_MS
from simulator.market.known import known
from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, BookView, Listing, Market, Stats, Trade
from simulator.market.options import YEAR_MS, black

Row = dict[str, object]
T = TypeVar("T")

FOREVER_MS = 32_503_708_800_000
_ALSO_IN_SUMMARY = (
    "open_interest", "estimated_delivery_price", "current_funding", "funding_8h", "underlying_price",
    "underlying_index", "interest_rate", "mark_iv",
)  # fmt: skip


_LONG = {
    "BTC": "Bitcoin", "ETH": "Ethereum", "USDC": "USD Coin", "USDT": "Tether USD", "EURR": "StablR Euro",
    "SOL": "Solana", "XRP": "XRP", "BNB": "BNB", "PAXG": "PAX Gold", "STETH": "Lido Staked ETH",
}  # fmt: skip
_COIN_TYPES = {"BTC": "BITCOIN", "USDC": "ETHEREUM", "USDT": "ETHEREUM", "EURR": "ETHEREUM", "ETH": "ETHEREUM"}


def number(text: str) -> float:
    """Turn a figure of the market into a JSON number."""
    return float(text)


def index_name(listing: Listing) -> str:
    """Name the price index of an instrument: `btc_usd`, `sol_usdc`."""
    return f"{listing.base}_{listing.quote}".lower()


def in_base(listing: Listing) -> bool:
    """Tell whether prices are in the base coin: options that settle in it."""
    return listing.kind == OPTION and listing.settle == listing.base


def wire_kind(listing: Listing) -> str:
    """Give Deribit's `kind`: perpetuals are futures there."""
    return "future" if listing.kind == PERPETUAL else listing.kind


def instrument(listing: Listing, number_id: int, now_ms: int) -> Row:
    """Describe one instrument as public/get_instruments does; `extra` of the listing overrides what is derived."""
    amount = number(listing.min_size)
    row: Row = {
        "price_index": index_name(listing),
        "rfq": False,
        "kind": wire_kind(listing),
        "instrument_name": listing.native_id,
        "maker_commission": number(listing.maker_fee),
        "taker_commission": number(listing.taker_fee),
        "instrument_type": "reversed" if listing.settle == listing.base else "linear",
        "expiration_timestamp": listing.expiry_ms or FOREVER_MS,
        "creation_timestamp": listing.listed_ms,
        "is_active": (listing.expiry_ms or FOREVER_MS) > now_ms,
        "contract_size": 1.0 if listing.kind == OPTION else amount,
        "tick_size": number(listing.tick_size),
        "tick_size_steps": [],
        "instrument_id": number_id,
        "min_trade_amount": amount,
        "base_currency": listing.base,
        "counter_currency": listing.quote,
        "quote_currency": listing.base if in_base(listing) else listing.quote,
    }
    if listing.kind != SPOT:
        row["settlement_currency"] = listing.settle
        row["settlement_period"] = "perpetual" if listing.kind == PERPETUAL else "month"
    if listing.kind in (PERPETUAL, FUTURE):
        row["future_type"] = row["instrument_type"]
    if listing.kind == OPTION:
        row["strike"] = number(listing.strike or "0")
        row["option_type"] = listing.option_type
    return row | dict(listing.extra)


def _volumes(listing: Listing, stats: Stats, index: float | None) -> Row:
    volume, turnover, last = number(stats.volume), number(stats.turnover), number(stats.last)
    if listing.inverse:
        return {"volume": volume / last, "volume_usd": volume, "volume_notional": volume}
    if in_base(listing):
        return {"volume": volume, "volume_usd": turnover * (index or 0.0)}
    return {"volume": volume, "volume_usd": turnover, "volume_notional": turnover}


def _change(stats: Stats) -> float | None:
    opened = number(stats.open)
    return round((number(stats.last) / opened - 1.0) * 100.0, 4) if opened else None


def funding_figures(market: Market, listing: Listing, now_ms: int) -> Row:
    """Give `current_funding` and `funding_8h`: the running hour's rate for 8 hours, and what the last 8 hours paid."""
    running = market.funding(listing, now_ms)
    settled = market.funding_history(listing, now_ms - 8 * HOUR_MS + 1, now_ms)
    return {
        "current_funding": round(number(running.rate) * 8 / running.interval_h, 8),
        "funding_8h": round(sum(number(rate) for _, rate in settled), 8),
    }


def _best(side: Sequence[tuple[str, str]]) -> tuple[float | None, float]:
    return (number(side[0][0]), number(side[0][1])) if side else (None, 0.0)


def ticker(market: Market, listing: Listing, book: BookView, now_ms: int, future: Listing | None) -> Row:
    """Give what public/ticker and public/get_order_book have in common; `future` is an option's underlying."""
    stats = known(lambda: market.stats(listing, now_ms))
    index = known(lambda: number(market.index_price(listing, now_ms)))
    mark = known(lambda: number(market.mark_price(listing, now_ms)))
    (bid, bid_amount), (ask, ask_amount) = _best(book.bids), _best(book.asks)
    row: Row = {"timestamp": book.time_ms, "state": "open"}
    row["stats"] = {
        "high": number(stats.high) if stats else None,
        "low": number(stats.low) if stats else None,
        "price_change": _change(stats) if stats else None,
        **(_volumes(listing, stats, index) if stats else {"volume": None}),
    }
    row |= {"index_price": index, "instrument_name": listing.native_id}
    row |= {"last_price": number(stats.last) if stats else None, "mark_price": mark}
    row |= _limits(listing, mark)
    row |= {"best_ask_price": ask, "best_bid_price": bid, "best_ask_amount": ask_amount, "best_bid_amount": bid_amount}
    if listing.kind == SPOT:
        return row
    row |= {"open_interest": number(stats.open_interest) if stats else None, "estimated_delivery_price": index}
    row["settlement_price"] = number(stats.open) if stats else None
    if listing.kind == PERPETUAL:
        row |= {"interest_value": 0.0} | (known(lambda: funding_figures(market, listing, now_ms)) or {})
    if listing.kind == OPTION and index:
        row |= _option_figures(listing, mark, (bid, ask), now_ms, underlying(market, future, index, now_ms))
    return row


def _limits(listing: Listing, mark: float | None) -> Row:
    """Give the price band orders are held to: some per cent around the mark, of options their worth."""
    if mark is None:
        return {"min_price": None, "max_price": None}
    if listing.kind == OPTION:
        least = 0.0001 if in_base(listing) else number(listing.tick_size)
        return {"min_price": max(least, round(mark * 0.6, 4)), "max_price": max(least, round(mark * 1.5 + least, 4))}
    decimals = len(listing.tick_size.partition(".")[2])
    return {"min_price": round(mark * 0.985, decimals), "max_price": round(mark * 1.015, decimals)}


def underlying(market: Market, future: Listing | None, index: float, now_ms: int) -> tuple[str, float]:
    """Name the future an option is priced by, and its price; the index stands in where no such future is listed."""
    if future is None:
        return "index_price", index
    return future.native_id, known(lambda: number(market.mark_price(future, now_ms))) or index


def _option_figures(
    listing: Listing,
    mark: float | None,
    touch: tuple[float | None, float | None],
    now_ms: int,
    forward: tuple[str, float],
) -> Row:
    name, price = forward
    years = ((listing.expiry_ms or 0) - now_ms) / YEAR_MS
    strike, is_call = number(listing.strike or "0"), listing.option_type == "call"
    unit = price if in_base(listing) else 1.0
    # A tape's options have expired by today's clock: no volatility explains their prices then.
    implied = [
        implied_volatility(value * unit, price, strike, years, is_call) if value and years > 0 else 0.0
        for value in (mark, *touch)
    ]
    return {
        "underlying_price": price,
        "underlying_index": name,
        "interest_rate": 0.0,
        "mark_iv": round(implied[0] * 100, 2),
        "bid_iv": round(implied[1] * 100, 2),
        "ask_iv": round(implied[2] * 100, 2),
        "greeks": _greeks(price, strike, years, implied[0], is_call),
    }


def implied_volatility(price: float, forward: float, strike: float, years: float, is_call: bool) -> float:
    """Find the volatility that explains `price` (in the forward's currency) by bisection; 0 where none does."""
    low, high = 1e-4, 10.0
    if price <= black(forward, strike, years, low, is_call):
        return 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if black(forward, strike, years, middle, is_call) < price else (low, middle)
    return (low + high) / 2


def _greeks(forward: float, strike: float, years: float, volatility: float, is_call: bool) -> Row:
    if not volatility:
        return {"delta": 0.0, "gamma": 0.0, "vega": 0.0, "theta": 0.0, "rho": 0.0}
    deviation = volatility * sqrt(years)
    d1 = log(forward / strike) / deviation + deviation / 2
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    step = forward * 1e-4
    worth = [black(forward + move, strike, years, volatility, is_call) for move in (-step, step)]
    return {
        "delta": round((worth[1] - worth[0]) / (2 * step), 5),
        "gamma": round(density / (forward * deviation), 8),
        "vega": round(forward * density * sqrt(years) / 100, 5),
        "theta": round(-forward * density * volatility / (2 * sqrt(years)) / 365, 5),
        "rho": round(-years * (worth[0] + worth[1]) / 2 / 100, 5),
    }


def summary(market: Market, listing: Listing, now_ms: int, future: Listing | None) -> Row:
    """Give one row of public/get_book_summary_by_currency: prices without sizes."""
    full = ticker(market, listing, market.book(listing, 1, now_ms), now_ms, future)
    bid, ask, stats = full["best_bid_price"], full["best_ask_price"], full["stats"]
    assert isinstance(stats, dict)
    middle = (bid + ask) / 2 if isinstance(bid, float) and isinstance(ask, float) else None
    row: Row = {"instrument_name": listing.native_id, "creation_timestamp": now_ms, "base_currency": listing.base}
    row |= {"quote_currency": listing.base if in_base(listing) else listing.quote, "bid_price": bid, "ask_price": ask}
    row |= {"mid_price": middle, "mark_price": full["mark_price"], "last": full["last_price"]} | stats
    return row | {name: full[name] for name in _ALSO_IN_SUMMARY if name in full}


def trade(market: Market, listing: Listing, done: Trade, before: Trade | None, contract: float) -> Row:
    """Describe one public trade; `before` is the older one, by which the tick direction is told (0–3)."""
    price, amount = number(done.price), number(done.size)
    last = number(before.price) if before else price
    prefix = "" if listing.native_id.startswith("BTC-") else f"{listing.native_id.split('-')[0]}-"
    row: Row = {
        "timestamp": done.time_ms,
        "price": price,
        "amount": amount,
        "direction": done.side,
        "index_price": known(lambda: number(market.index_price(listing, done.time_ms))),
        "instrument_name": listing.native_id,
        "trade_seq": done.trade_id,
        "mark_price": known(lambda: number(market.mark_price(listing, done.time_ms))),
        "tick_direction": 0 if price > last else 2 if price < last else 1,
        "trade_id": f"{prefix}{done.trade_id}",
    }
    if contract and listing.kind != SPOT:
        row["contracts"] = amount / contract
    return row


def currency(coin: str) -> Row:
    """Describe a currency as public/get_currencies does."""
    return {
        "currency": coin,
        "currency_long": _LONG.get(coin, coin),
        "coin_type": _COIN_TYPES.get(coin, coin),
        "network_currency": "BTC" if coin == "BTC" else "ETH" if coin in _COIN_TYPES else coin,
        "decimals": 8 if coin == "BTC" else 6,
        "min_confirmations": 1,
        "min_withdrawal_fee": 0.0001,
        "withdrawal_fee": 0.0001,
        "network_fee": 0.000015,
        "withdrawal_priorities": [],
        "in_cross_collateral_pool": coin in ("BTC", "ETH", "USDC", "USDT"),
        "apr": 0.0,
    }


def option_future(listing: Listing, by_name: Mapping[str, Listing]) -> Listing | None:
    """Find the dated future with the base and the expiry of an option."""
    if listing.kind != OPTION:
        return None
    name = "-".join(listing.native_id.split("-")[:2])
    return by_name.get(name)
