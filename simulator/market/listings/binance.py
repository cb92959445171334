"""What the simulated Binance lists: spot, USDⓈ-M, COIN-M and options, with tick and lot sizes as of late 2026."""

from simulator.market.calendar import DAY_MS, month_ends, quarter_ends, yymmdd
from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing
from simulator.market.table import rows_of

_VENUE = "binance"
_FIRST_FUTURE_MS = 1_569_398_400_000

# base, quote, tick, lot, least notional
_SPOT = """
BTC USDT 0.01 0.00001 5|ETH USDT 0.01 0.0001 5|SOL USDT 0.01 0.001 5|XRP USDT 0.0001 0.1 5|DOGE USDT 0.00001 1 1
ADA USDT 0.0001 0.1 5|LTC USDT 0.01 0.001 5|BNB USDT 0.01 0.001 5|AVAX USDT 0.01 0.01 5|LINK USDT 0.01 0.01 5
DOT USDT 0.001 0.01 5|TRX USDT 0.0001 0.1 5|BCH USDT 0.1 0.001 5|UNI USDT 0.001 0.01 5|AAVE USDT 0.01 0.001 5
SUSHI USDT 0.0001 0.1 5|SUI USDT 0.0001 0.1 5|NEAR USDT 0.001 0.1 5|PEPE USDT 0.00000001 1 1
SHIB USDT 0.00000001 1 1|BONK USDT 0.00000001 1 1|1000SATS USDT 0.00000001 1 1
USDC USDT 0.00001 1 5|EUR USDT 0.0001 0.1 5
BTC USDC 0.01 0.00001 5|ETH USDC 0.01 0.0001 5|SOL USDC 0.01 0.001 5|XRP USDC 0.0001 0.1 5|DOGE USDC 0.00001 1 1
BNB USDC 0.01 0.001 5|ETH BTC 0.00001 0.0001 0.0001|SOL BTC 0.0000001 0.001 0.0001
BNB BTC 0.000001 0.001 0.0001|XRP BTC 0.00000001 0.1 0.0001|LTC BTC 0.000001 0.001 0.0001
BTC EUR 0.01 0.00001 5|ETH EUR 0.01 0.0001 5|SOL EUR 0.01 0.001 5|XRP EUR 0.0001 0.1 5
"""

# base, quote, tick, lot, least notional, hours between fundings, units of the asset in one base unit
_LINEAR = """
BTC USDT 0.10 0.001 50 8 1|ETH USDT 0.01 0.001 20 8 1|SOL USDT 0.0100 0.01 5 8 1|XRP USDT 0.0001 0.1 5 8 1
DOGE USDT 0.000010 1 5 8 1|ADA USDT 0.00010 1 5 8 1|LTC USDT 0.01 0.001 20 8 1|BNB USDT 0.010 0.01 5 8 1
AVAX USDT 0.0010 1 5 8 1|LINK USDT 0.001 0.01 20 8 1|DOT USDT 0.001 0.1 5 8 1|TRX USDT 0.00001 1 5 8 1
BCH USDT 0.01 0.001 20 8 1|UNI USDT 0.0010 1 5 8 1|AAVE USDT 0.010 0.1 5 8 1|SUSHI USDT 0.0001 1 5 4 1
SUI USDT 0.000100 0.1 5 8 1|NEAR USDT 0.0010 1 5 8 1|BERA USDT 0.000100 0.1 5 1 1|HYPE USDT 0.001000 0.01 5 4 1
1000PEPE USDT 0.0000001 1 5 8 1000|1000SHIB USDT 0.000001 1 5 8 1000|1000BONK USDT 0.0000010 1 5 4 1000
1000SATS USDT 0.00000001 1 5 4 1000|BTC USDC 0.1 0.001 50 8 1|ETH USDC 0.01 0.001 20 8 1|SOL USDC 0.0100 0.01 5 8 1
XRP USDC 0.0001 0.1 5 8 1
"""

# base, tick, worth of one contract in USD
_INVERSE = """
BTC 0.1 100|ETH 0.01 10|SOL 0.001 10|XRP 0.0001 10|BNB 0.001 10|DOGE 0.00001 10|ADA 0.00001 10|LTC 0.01 10
LINK 0.001 10|AVAX 0.001 10|DOT 0.001 10|BCH 0.01 10
"""

# base, tick, lot, strikes
_OPTIONS = (
    ("BTC", "5", "0.01", ("80000", "90000", "95000", "100000", "120000")),
    ("ETH", "0.2", "0.01", ("2600", "3000", "3200", "3600", "4200")),
)


def listings(now_ms: int) -> list[Listing]:
    """List everything; expiries are those ahead of `now_ms`."""
    return [*_spot(), *_linear(now_ms), *_inverse(now_ms), *_options(now_ms)]


def _spot() -> list[Listing]:
    return [
        Listing(_VENUE, "spot", base + quote, SPOT, base, quote, quote, tick, lot, lot, notional, maker_fee="0.001")
        for base, quote, tick, lot, notional in rows_of(_SPOT)
    ]


def _linear(now_ms: int) -> list[Listing]:
    perpetuals = [
        Listing(
            _VENUE,
            "linear",
            base + quote,
            PERPETUAL,
            base,
            quote,
            quote,
            tick,
            lot,
            lot,
            notional,
            multiplier=int(units),
            funding_interval_h=int(hours),
            maker_fee="0.0002",
            taker_fee="0.0005",
            listed_ms=_FIRST_FUTURE_MS,
        )
        for base, quote, tick, lot, notional, hours, units in rows_of(_LINEAR)
    ]
    dated = [
        Listing(
            _VENUE,
            "linear",
            f"{base}USDT_{yymmdd(expiry_ms)}",
            FUTURE,
            base,
            "USDT",
            "USDT",
            tick,
            "0.001",
            "0.001",
            "5",
            expiry_ms=expiry_ms,
            maker_fee="0.0002",
            taker_fee="0.0005",
            listed_ms=expiry_ms - 182 * DAY_MS,
        )
        for base, tick in (("BTC", "0.1"), ("ETH", "0.01"))
        for expiry_ms in quarter_ends(now_ms, 2)
    ]
    return perpetuals + dated


def _inverse(now_ms: int) -> list[Listing]:
    contracts: list[tuple[str, str, str, int | None]]
    contracts = [(base, tick, worth, None) for base, tick, worth in rows_of(_INVERSE)]
    contracts += [
        (base, tick, worth, expiry_ms)
        for base, tick, worth in (("BTC", "0.1", "100"), ("ETH", "0.01", "10"))
        for expiry_ms in quarter_ends(now_ms, 2)
    ]
    return [
        Listing(
            _VENUE,
            "inverse",
            f"{base}USD_{yymmdd(expiry_ms) if expiry_ms else 'PERP'}",
            FUTURE if expiry_ms else PERPETUAL,
            base,
            "USD",
            base,
            tick,
            "1",
            "1",
            contract_size=worth,
            inverse=True,
            expiry_ms=expiry_ms,
            maker_fee="0.0002",
            taker_fee="0.0005",
            listed_ms=expiry_ms - 182 * DAY_MS if expiry_ms else 1_597_042_800_000,
        )
        for base, tick, worth, expiry_ms in contracts
    ]


def _options(now_ms: int) -> list[Listing]:
    expiries = sorted({*month_ends(now_ms, 2), *quarter_ends(now_ms, 2)})
    return [
        Listing(
            _VENUE,
            "option",
            f"{base}-{yymmdd(expiry_ms)}-{strike}-{side[0].upper()}",
            OPTION,
            base,
            "USDT",
            "USDT",
            tick,
            lot,
            lot,
            expiry_ms=expiry_ms,
            strike=strike,
            option_type=side,
            maker_fee="0.00024",
            taker_fee="0.0003",
            listed_ms=expiry_ms - 90 * DAY_MS,
        )
        for base, tick, lot, strikes in _OPTIONS
        for expiry_ms in expiries
        for strike in strikes
        for side in ("call", "put")
    ]
