"""What the simulated OKX lists: names, tick and lot sizes and contract values as of 2026.

`PEPE-USDT-SWAP` and its kin carry no `1000` prefix: the multiplier sits in `ctVal`.
"""

from dataclasses import replace

from simulator.market.calendar import fridays, month_ends, quarter_ends, yymmdd
from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing
from simulator.market.table import rows_of

VENUE = "okx"

SPOTS = """
BTC-USDT 0.1 0.00000001 0.00001
ETH-USDT 0.01 0.000001 0.0001
SOL-USDT 0.01 0.000001 0.01
XRP-USDT 0.0001 0.000001 1
DOGE-USDT 0.00001 0.000001 10
ADA-USDT 0.0001 0.0001 1
LTC-USDT 0.01 0.000001 0.01
AVAX-USDT 0.001 0.000001 0.1
LINK-USDT 0.001 0.000001 0.1
DOT-USDT 0.001 0.000001 0.1
TRX-USDT 0.00001 0.000001 10
BCH-USDT 0.1 0.00001 0.001
UNI-USDT 0.001 0.000001 0.1
AAVE-USDT 0.01 0.000001 0.01
SUSHI-USDT 0.0001 0.000001 1
PEPE-USDT 0.000000001 1 100000
SHIB-USDT 0.000000001 1 100000
BONK-USDT 0.000000001 1 100000
SATS-USDT 0.00000000001 1 10000000
USDC-USDT 0.0001 0.000001 1
BTC-USDC 0.1 0.00000001 0.00001
ETH-USDC 0.01 0.000001 0.0001
SOL-USDC 0.01 0.000001 0.01
XRP-USDC 0.0001 0.000001 1
DOGE-USDC 0.00001 0.000001 10
ETH-BTC 0.00001 0.000001 0.001
SOL-BTC 0.0000001 0.000001 0.01
LTC-BTC 0.000001 0.000001 0.01
XRP-BTC 0.00000001 0.000001 1
BTC-EUR 0.1 0.00000001 0.00001
ETH-EUR 0.01 0.000001 0.0001
"""
"""instId, tickSz, lotSz, minSz."""

SWAPS = """
BTC-USDT 0.01 0.1 0.01 8
ETH-USDT 0.1 0.01 0.01 8
SOL-USDT 1 0.01 0.01 8
XRP-USDT 100 0.0001 0.01 8
DOGE-USDT 1000 0.00001 0.01 8
ADA-USDT 100 0.0001 0.1 8
LTC-USDT 1 0.01 0.1 8
AVAX-USDT 1 0.001 0.1 8
LINK-USDT 1 0.001 0.1 8
DOT-USDT 1 0.001 0.1 8
TRX-USDT 1000 0.00001 0.01 8
BCH-USDT 0.1 0.1 0.1 8
UNI-USDT 1 0.001 1 8
AAVE-USDT 0.1 0.01 0.1 8
SUSHI-USDT 1 0.0001 1 4
PEPE-USDT 10000000 0.000000001 0.1 8
SHIB-USDT 1000000 0.000000001 0.1 8
BONK-USDT 100000 0.000000001 0.1 4
SATS-USDT 10000000 0.00000000001 0.1 4
BTC-USDC 0.0001 0.1 1 8
ETH-USDC 0.001 0.01 1 8
BTC-USD 100 0.1 0.1 8
ETH-USD 10 0.01 0.1 8
SOL-USD 10 0.01 0.1 8
XRP-USD 10 0.0001 1 8
DOGE-USD 10 0.00001 1 8
LTC-USD 10 0.01 1 8
ADA-USD 10 0.0001 1 8
LINK-USD 10 0.001 1 8
UNI-USD 10 0.001 1 8
"""
"""instFamily, ctVal, tickSz, lotSz, hours between fundings."""

FUTURES = """
BTC-USDT 0.01 0.1 0.01
ETH-USDT 0.1 0.01 0.01
BTC-USD 100 0.1 1
ETH-USD 10 0.01 1
"""
"""instFamily, ctVal, tickSz, lotSz."""

OPTIONS = (
    ("BTC-USD", "0.01", (60000, 70000, 80000, 90000, 100000, 110000, 120000, 140000)),
    ("ETH-USD", "0.1", (1500, 2000, 2500, 3000, 3500, 4000, 5000)),
)
"""instFamily, coins a contract (ctVal × ctMult), strikes."""


def listings(now_ms: int) -> list[Listing]:
    """List everything OKX trades at `now_ms`; dated contracts expire after it."""
    return [*_spots(), *_swaps(), *_futures(now_ms), *_options(now_ms)]


def future_dates(now_ms: int) -> dict[int, str]:
    """Map expiries (ms) to OKX's aliases; where two fall on one day weeks win, then quarters."""
    weeks, months, quarters = fridays(now_ms, 2), month_ends(now_ms, 2), quarter_ends(now_ms, 2)
    named = zip(
        [*weeks, *quarters, *months],
        ["this_week", "next_week", "quarter", "next_quarter", "this_month", "next_month"],
        strict=True,
    )
    dates: dict[int, str] = {}
    for expiry_ms, alias in named:
        dates.setdefault(expiry_ms, alias)
    return dict(sorted(dates.items()))


def _spots() -> list[Listing]:
    found = []
    for native_id, tick, lot, minimum in rows_of(SPOTS):
        base, quote = native_id.split("-")
        found.append(
            Listing(
                VENUE,
                "SPOT",
                native_id,
                SPOT,
                base,
                quote,
                "",
                tick,
                lot,
                minimum,
                maker_fee="0.0008",
                taker_fee="0.001",
            )
        )
    return found


def _contract(family: str, suffix: str, product: str, kind: str, size: str, tick: str, lot: str) -> Listing:
    base, quote = family.split("-")
    inverse = quote == "USD"
    return Listing(
        VENUE,
        product,
        f"{family}-{suffix}",
        kind,
        base,
        quote,
        base if inverse else quote,
        tick,
        lot,
        lot,
        contract_size=size,
        inverse=inverse,
        maker_fee="0.0002",
        taker_fee="0.0005",
    )


def _swaps() -> list[Listing]:
    return [
        replace(_contract(family, "SWAP", "SWAP", PERPETUAL, size, tick, lot), funding_interval_h=int(hours))
        for family, size, tick, lot, hours in rows_of(SWAPS)
    ]


def _futures(now_ms: int) -> list[Listing]:
    return [
        replace(
            _contract(family, yymmdd(expiry_ms), "FUTURES", FUTURE, size, tick, lot),
            expiry_ms=expiry_ms,
            extra=(("alias", alias),),
        )
        for family, size, tick, lot in rows_of(FUTURES)
        for expiry_ms, alias in future_dates(now_ms).items()
    ]


def _options(now_ms: int) -> list[Listing]:
    dates = sorted({*fridays(now_ms, 1), *month_ends(now_ms, 1), *quarter_ends(now_ms, 1)})
    found = []
    for family, size, strikes in OPTIONS:
        base, quote = family.split("-")
        for expiry_ms in dates:
            for strike in strikes:
                for side in ("C", "P"):
                    found.append(
                        Listing(
                            VENUE,
                            "OPTION",
                            f"{family}-{yymmdd(expiry_ms)}-{strike}-{side}",
                            OPTION,
                            base,
                            quote,
                            base,
                            "0.0001",
                            "1",
                            "1",
                            contract_size=size,
                            expiry_ms=expiry_ms,
                            strike=str(strike),
                            option_type="call" if side == "C" else "put",
                            maker_fee="0.0002",
                            taker_fee="0.0003",
                        )
                    )
    return found
