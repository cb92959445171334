"""What the simulated Bybit lists: spot, linear, inverse and options, with tick and lot sizes as of late 2026."""

from simulator.market.calendar import DAY_MS, dmmmyy, fridays, month_ends, quarter_code, quarter_ends
from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing
from simulator.market.table import rows_of

_VENUE = "bybit"

# base, quote, tick, lot
_SPOT = """
BTC USDT 0.1 0.000001|ETH USDT 0.01 0.00001|SOL USDT 0.01 0.001|XRP USDT 0.0001 0.01|DOGE USDT 0.00001 0.1
ADA USDT 0.0001 0.01|LTC USDT 0.01 0.00001|BNB USDT 0.1 0.0001|AVAX USDT 0.01 0.001|LINK USDT 0.001 0.001
DOT USDT 0.001 0.001|TRX USDT 0.0001 0.01|BCH USDT 0.1 0.0001|UNI USDT 0.001 0.001|AAVE USDT 0.01 0.0001
SUSHI USDT 0.0001 0.01|SUI USDT 0.0001 0.01|MNT USDT 0.0001 0.01|NEAR USDT 0.0001 0.01|HYPE USDT 0.01 0.01
PEPE USDT 0.000000001 1|SHIB USDT 0.00000001 1|BONK USDT 0.00000001 1|USDC USDT 0.0001 0.01
BTC USDC 0.1 0.000001|ETH USDC 0.01 0.00001|SOL USDC 0.01 0.001|XRP USDC 0.0001 0.01|DOGE USDC 0.00001 0.1
LTC USDC 0.01 0.00001|MNT USDC 0.0001 0.01|ETH BTC 0.000001 0.00001|SOL BTC 0.0000001 0.001|XRP BTC 0.00000001 0.1
LTC BTC 0.000001 0.0001|BTC EUR 0.01 0.000001|ETH EUR 0.01 0.00001|XRP EUR 0.0001 0.01
"""

# base, quote, tick, lot, hours between fundings, units of the asset in one base unit
_LINEAR = """
BTC USDT 0.10 0.001 8 1|ETH USDT 0.01 0.01 8 1|SOL USDT 0.010 0.1 8 1|XRP USDT 0.0001 0.1 8 1|DOGE USDT 0.00001 1 8 1
ADA USDT 0.0001 1 8 1|LTC USDT 0.01 0.1 8 1|BNB USDT 0.10 0.01 8 1|AVAX USDT 0.001 0.1 8 1|LINK USDT 0.001 0.1 8 1
DOT USDT 0.0001 0.1 8 1|TRX USDT 0.00001 1 8 1|BCH USDT 0.10 0.01 8 1|UNI USDT 0.001 0.1 8 1|AAVE USDT 0.01 0.01 8 1
SUSHI USDT 0.0001 0.1 4 1|SUI USDT 0.00010 10 8 1|MNT USDT 0.0001 1 4 1|NEAR USDT 0.001 0.1 8 1
HYPE USDT 0.001 0.01 4 1|BERA USDT 0.0001 0.1 1 1|1000PEPE USDT 0.0000001 100 8 1000|SHIB1000 USDT 0.000001 10 8 1000
1000BONK USDT 0.000001 100 4 1000|10000SATS USDT 0.0000001 100 4 10000
BTC USDC 0.10 0.001 8 1|ETH USDC 0.01 0.01 8 1|SOL USDC 0.010 0.1 8 1|XRP USDC 0.0001 0.1 8 1|DOGE USDC 0.00001 1 8 1
"""

_INVERSE = """
BTC 0.10|ETH 0.01|SOL 0.010|XRP 0.0001|LTC 0.01|ADA 0.0001|DOT 0.001|DOGE 0.00001
"""

# base, tick, lot, strikes
_OPTIONS = (
    ("BTC", "5", "0.01", ("80000", "90000", "95000", "100000", "120000")),
    ("ETH", "0.1", "0.1", ("2600", "3000", "3200", "3600", "4200")),
    ("SOL", "0.01", "1", ("110", "130", "140", "160", "200")),
)


def listings(now_ms: int) -> list[Listing]:
    """List everything; expiries are those ahead of `now_ms`."""
    return [*_spot(), *_linear(now_ms), *_inverse(now_ms), *_options(now_ms)]


def _spot() -> list[Listing]:
    return [
        Listing(
            _VENUE, "spot", base + quote, SPOT, base, quote, quote, tick, lot, lot,
            min_notional="0.00005" if quote == "BTC" else "5", maker_fee="0.001",
        )
        for base, quote, tick, lot in rows_of(_SPOT)
    ]  # fmt: skip


def _linear(now_ms: int) -> list[Listing]:
    perpetuals = [
        Listing(
            _VENUE, "linear", base + ("PERP" if quote == "USDC" else quote), PERPETUAL, base, quote, quote, tick, lot,
            lot, "5", multiplier=int(units), funding_interval_h=int(hours), maker_fee="0.0002", taker_fee="0.00055",
        )
        for base, quote, tick, lot, hours, units in rows_of(_LINEAR)
    ]  # fmt: skip
    near = [*fridays(now_ms, 2), *month_ends(now_ms, 2)]
    return perpetuals + [
        Listing(
            _VENUE, "linear", f"{base}{'' if quote == 'USDC' else quote}-{dmmmyy(expiry_ms)}", FUTURE, base, quote,
            quote, tick, lot, lot, "5", expiry_ms=expiry_ms, maker_fee="0.0002", taker_fee="0.00055",
            listed_ms=expiry_ms - 273 * DAY_MS,
        )
        for base, tick, lot in (("BTC", "0.50", "0.001"), ("ETH", "0.05", "0.01"))
        for quote in ("USDT", "USDC")
        for expiry_ms in sorted({*near, *quarter_ends(now_ms, 2)})
    ]  # fmt: skip


def _inverse(now_ms: int) -> list[Listing]:
    def listing(symbol: str, base: str, tick: str, expiry_ms: int | None) -> Listing:
        return Listing(
            _VENUE, "inverse", symbol, FUTURE if expiry_ms else PERPETUAL, base, "USD", base, tick, "1", "1",
            inverse=True, expiry_ms=expiry_ms, maker_fee="0.0002", taker_fee="0.00055",
            listed_ms=expiry_ms - 273 * DAY_MS if expiry_ms else 1_542_211_200_000,
        )  # fmt: skip

    dated = [
        listing(f"{base}USD{quarter_code(expiry_ms)}", base, tick, expiry_ms)
        for base, tick in (("BTC", "0.50"), ("ETH", "0.05"))
        for expiry_ms in quarter_ends(now_ms, 2)
    ]
    return [listing(f"{base}USD", base, tick, None) for base, tick in rows_of(_INVERSE)] + dated


def _options(now_ms: int) -> list[Listing]:
    expiries = sorted({*fridays(now_ms, 1), *month_ends(now_ms, 2), *quarter_ends(now_ms, 2)})
    found = []
    for base, tick, lot, strikes in _OPTIONS:
        for settle in ("USDT", "USDC") if base == "BTC" else ("USDT",):
            tail, quote = ("", "USD") if settle == "USDC" else ("-USDT", "USDT")
            found += [
                Listing(
                    _VENUE, "option", f"{base}-{dmmmyy(expiry_ms)}-{strike}-{side[0].upper()}{tail}", OPTION, base,
                    quote, settle, tick, lot, lot, expiry_ms=expiry_ms, strike=strike, option_type=side,
                    maker_fee="0.0002", taker_fee="0.0003", listed_ms=expiry_ms - 90 * DAY_MS,
                )
                for expiry_ms in expiries
                for strike in strikes
                for side in ("call", "put")
            ]  # fmt: skip
    return found
