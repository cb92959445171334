"""What the synthetic Deribit lists. Names, sizes and fees follow public/get_instruments of 2025 and 2026.

Sizes are Deribit's `amount`: USD for inverse contracts, the base coin for everything else. Deribit lists no contract
on a multiple of a coin (no `1000PEPE`), so there is none here.
"""

from math import log10

from simulator.market.calendar import dmmmyy, fridays, month_ends, quarter_ends
from simulator.market.catalogue import ASSETS
from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing

_FOREVER_MS = 32_503_708_800_000
_VENUE = "deribit"

_LINEAR = {  # coin: (tick, smallest amount)
    "BTC": ("1", "0.001"), "ETH": ("0.05", "0.01"), "SOL": ("0.01", "0.1"), "XRP": ("0.0001", "1"),
    "ADA": ("0.0001", "1"), "AVAX": ("0.001", "1"), "BCH": ("0.01", "0.01"), "BNB": ("0.01", "0.01"),
    "DOGE": ("0.00001", "10"), "DOT": ("0.001", "1"), "LINK": ("0.001", "1"), "LTC": ("0.01", "0.1"),
    "TRX": ("0.00001", "10"), "UNI": ("0.001", "1"),
}  # fmt: skip
_SPOT = {  # pair: (tick, smallest amount); BTC_USDT seen on the venue's ticker stream in September 2026
    "BTC_USDC": ("1", "0.0001"), "ETH_USDC": ("0.1", "0.001"), "SOL_USDC": ("0.01", "0.01"),
    "XRP_USDC": ("0.0001", "1"), "BTC_USDT": ("1", "0.0001"), "ETH_USDT": ("0.1", "0.001"),
    "USDC_USDT": ("0.0001", "1"), "ETH_BTC": ("0.00001", "0.001"),
}  # fmt: skip
_INVERSE = {"BTC": ("0.5", "2.5", "10"), "ETH": ("0.05", "0.25", "1")}  # coin: (perpetual's tick, future's, amount)


def _dated(now_ms: int) -> dict[int, str]:
    """Map the expiries of dated futures to their settlement periods: two weeks, two months, then four quarters."""
    ends = [*month_ends(now_ms, 2), *quarter_ends(now_ms, 4)]
    return dict(sorted((dict.fromkeys(fridays(now_ms, 2), "week") | dict.fromkeys(ends, "month")).items()))


def _perpetuals() -> list[Listing]:
    rows = []
    for coin, (tick, _, amount) in _INVERSE.items():
        rows.append(_future(f"{coin}-PERPETUAL", coin, "USD", tick, amount, None, "perpetual"))
    for coin, (tick, amount) in _LINEAR.items():
        rows.append(_future(f"{coin}_USDC-PERPETUAL", coin, "USDC", tick, amount, None, "perpetual"))
    return rows


def _futures(now_ms: int) -> list[Listing]:
    rows = []
    dated = _dated(now_ms)
    for expiry_ms, period in dated.items():
        for coin, (_, tick, amount) in _INVERSE.items():
            name = f"{coin}-{dmmmyy(expiry_ms)}"
            rows.append(_future(name, coin, "USD", tick, amount, expiry_ms, period))
    nearest_month = next(ms for ms, period in dated.items() if period == "month")
    for coin in _INVERSE:
        tick, amount = _LINEAR[coin]
        name = f"{coin}_USDC-{dmmmyy(nearest_month)}"
        rows.append(_future(name, coin, "USDC", tick, amount, nearest_month, "month"))
    return rows


def _future(name: str, coin: str, quote: str, tick: str, amount: str, expiry_ms: int | None, period: str) -> Listing:
    inverse = quote == "USD"
    leverage = 50 if coin in _INVERSE else 25
    extra: tuple[tuple[str, object], ...] = (
        ("settlement_period", period),
        ("contract_size", float(amount)),
        ("max_leverage", leverage),
        ("max_liquidation_commission", 0.0075 if coin in _INVERSE else 0.009),
        ("block_trade_commission", 0.00025 if expiry_ms else 0.0001),
        ("block_trade_min_trade_amount", 200_000 if coin == "BTC" else 100_000),
        ("block_trade_tick_size", 0.01 if inverse else float(tick)),
    )
    kind = FUTURE if expiry_ms else PERPETUAL
    # Funding accrues all the time and is published by the hour (interest_1h of get_funding_rate_history).
    return Listing(
        _VENUE, "future", name, kind, coin, quote, coin if inverse else quote, tick, amount, amount,
        inverse=inverse, expiry_ms=expiry_ms, maker_fee="0", taker_fee="0.0005", funding_interval_h=1,
        extra=extra,
    )  # fmt: skip


def _strikes(coin: str, factors: tuple[float, ...]) -> list[float]:
    """Choose round strikes around the catalogue's price: two and a half significant digits."""
    usd = ASSETS[coin].usd
    step = 10 ** int(log10(usd) // 1) / (40 if usd < 10 else 20)
    return sorted({round(usd * factor / step) * step for factor in factors})


def _options(now_ms: int) -> list[Listing]:
    near: tuple[float, ...] = (0.95, 1.0, 1.05)
    wide: tuple[float, ...] = (0.7, 0.85, 1.0, 1.15, 1.4)
    weeks, months = fridays(now_ms, 1), month_ends(now_ms, 2)
    chains = dict.fromkeys(weeks, ("week", near)) | dict.fromkeys([*months, *quarter_ends(now_ms, 2)], ("month", wide))
    rows = []
    for expiry_ms, (period, factors) in sorted(chains.items()):
        for coin, amount in (("BTC", "0.1"), ("ETH", "1")):
            for strike in _strikes(coin, factors):
                rows += [_option(coin, "", expiry_ms, period, strike, side, "0.0005", amount) for side in "CP"]
    for coin, tick, amount in (("XRP", "0.0005", "1000"), ("SOL", "0.01", "10")):
        for strike in _strikes(coin, near):
            rows += [_option(coin, "_USDC", months[0], "month", strike, side, tick, amount) for side in "CP"]
    return rows


def _option(
    coin: str, pair: str, expiry_ms: int, period: str, strike: float, side: str, tick: str, amount: str
) -> Listing:
    """Describe one option. Of the coin-settled ones a tick is 0.0005 coins above a price of 0.005, 0.0001 below."""
    linear = bool(pair)
    text = f"{strike:g}" if strike < 100_000 else f"{strike:.0f}"
    extra: tuple[tuple[str, object], ...] = (
        ("settlement_period", period),
        ("contract_size", float(amount) if linear else 1.0),
        ("block_trade_commission", 0.0003),
        ("block_trade_min_trade_amount", {"BTC": 25, "ETH": 250}.get(coin, 10_000)),
        ("block_trade_tick_size", float(tick) if linear else 0.0001),
        ("tick_size", float(tick) if linear else 0.0001),
        ("tick_size_steps", [] if linear else [{"tick_size": 0.0005, "above_price": 0.005}]),
    )
    return Listing(
        _VENUE, "option", f"{coin}{pair}-{dmmmyy(expiry_ms)}-{text.replace('.', 'd')}-{side}", OPTION, coin,
        "USDC" if linear else "USD", "USDC" if linear else coin, tick, amount, amount, expiry_ms=expiry_ms,
        strike=text, option_type="call" if side == "C" else "put", maker_fee="0.0003", taker_fee="0.0003", extra=extra,
    )  # fmt: skip


def _spots() -> list[Listing]:
    rows = []
    for name, (tick, amount) in _SPOT.items():
        base, quote = name.split("_")
        extra = (("contract_size", float(amount)), ("expiration_timestamp", _FOREVER_MS))
        rows.append(
            Listing(
                _VENUE, "spot", name, SPOT, base, quote, "", tick, amount, amount, maker_fee="0", taker_fee="0",
                extra=extra,
            )
        )  # fmt: skip
    return rows


def listings(now_ms: int) -> list[Listing]:
    """List everything Deribit trades at `now_ms` (its expiries lie after that)."""
    return [*_perpetuals(), *_futures(now_ms), *_options(now_ms), *_spots()]
