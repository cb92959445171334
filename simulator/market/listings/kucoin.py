"""What the simulated KuCoin lists, spot and futures: names, tick and lot sizes and contract values as of 2026.

Futures say `XBT` where spot says `BTC`; sizes of futures are whole contracts. A contract of `1000PEPEUSDTM` is
counted in units of 1000 PEPE, as its price is.
"""

from simulator.market.calendar import quarter_code, quarter_ends
from simulator.market.model import FUTURE, PERPETUAL, SPOT, Listing
from simulator.market.table import rows_of

VENUE = "kucoin"

SPOTS = """
BTC-USDT 0.1 0.00000001 0.00001
ETH-USDT 0.01 0.0000001 0.0001
SOL-USDT 0.01 0.0001 0.01
XRP-USDT 0.00001 0.0001 0.1
DOGE-USDT 0.00001 0.0001 1
ADA-USDT 0.0001 0.0001 1
LTC-USDT 0.01 0.000001 0.001
AVAX-USDT 0.001 0.0001 0.1
LINK-USDT 0.0001 0.0001 0.1
KCS-USDT 0.001 0.0001 0.01
BNB-USDT 0.001 0.0001 0.001
DOT-USDT 0.0001 0.0001 0.1
TRX-USDT 0.00001 0.0001 1
BCH-USDT 0.01 0.0001 0.001
UNI-USDT 0.0001 0.0001 0.1
AAVE-USDT 0.001 0.0001 0.01
SUSHI-USDT 0.0001 0.0001 0.1
PEPE-USDT 0.000000001 1 1000
SHIB-USDT 0.000000001 1 1000
BONK-USDT 0.000000001 1 1000
SATS-USDT 0.00000000001 1 100000
USDC-USDT 0.0001 0.0001 1
BTC-USDC 0.1 0.00000001 0.00001
ETH-USDC 0.01 0.0000001 0.0001
SOL-USDC 0.01 0.0001 0.01
XRP-USDC 0.0001 0.0001 0.1
KCS-USDC 0.001 0.0001 0.01
ETH-BTC 0.00001 0.0000001 0.0001
SOL-BTC 0.0000001 0.0001 0.01
XRP-BTC 0.00000001 0.0001 1
LTC-BTC 0.000001 0.0001 0.01
KCS-BTC 0.00000001 0.0001 0.1
KCS-ETH 0.000001 0.0001 0.1
"""
"""symbol, priceIncrement, baseIncrement, baseMinSize."""

LINEAR = """
XBTUSDTM BTC 1 0.001 0.1 8
ETHUSDTM ETH 1 0.01 0.01 8
SOLUSDTM SOL 1 0.1 0.001 8
XRPUSDTM XRP 1 10 0.0001 8
DOGEUSDTM DOGE 1 100 0.00001 8
ADAUSDTM ADA 1 10 0.0001 8
LTCUSDTM LTC 1 0.1 0.01 8
AVAXUSDTM AVAX 1 0.1 0.001 8
LINKUSDTM LINK 1 0.1 0.001 8
BNBUSDTM BNB 1 0.01 0.01 8
DOTUSDTM DOT 1 1 0.001 8
TRXUSDTM TRX 1 100 0.00001 8
BCHUSDTM BCH 1 0.01 0.01 8
UNIUSDTM UNI 1 1 0.001 8
AAVEUSDTM AAVE 1 0.01 0.01 8
SUSHIUSDTM SUSHI 1 1 0.0001 4
SHIBUSDTM SHIB 1 100000 0.000000001 8
1000PEPEUSDTM PEPE 1000 10 0.0000001 4
1000BONKUSDTM BONK 1000 10 0.000001 4
10000SATSUSDTM SATS 10000 10 0.0000001 4
XBTUSDCM BTC 1 0.001 0.1 8
ETHUSDCM ETH 1 0.01 0.01 8
"""
"""symbol, asset, coins a priced unit, multiplier, tickSize, hours between fundings."""

INVERSE = """
XBTUSDM BTC 0.1
ETHUSDM ETH 0.01
XRPUSDM XRP 0.0001
DOTUSDM DOT 0.001
"""
"""symbol, asset, tickSize; a contract is worth one USD."""


def listings(now_ms: int) -> list[Listing]:
    """List everything KuCoin trades at `now_ms`; dated contracts expire after it."""
    return [*_spots(), *_linear(), *_inverse(), *_quarterlies(now_ms)]


def _spots() -> list[Listing]:
    found = []
    for symbol, tick, lot, minimum in rows_of(SPOTS):
        base, quote = symbol.split("-")
        found.append(
            Listing(
                VENUE,
                "spot",
                symbol,
                SPOT,
                base,
                quote,
                "",
                tick,
                lot,
                minimum,
                min_notional="0.1" if quote.startswith("USD") else "0.000001",
                maker_fee="0.001",
                taker_fee="0.001",
            )
        )
    return found


def _linear() -> list[Listing]:
    found = []
    for symbol, asset, multiplier, size, tick, hours in rows_of(LINEAR):
        quote = "USDC" if symbol.endswith("USDCM") else "USDT"
        found.append(
            Listing(
                VENUE,
                "futures",
                symbol,
                PERPETUAL,
                asset,
                quote,
                quote,
                tick,
                "1",
                "1",
                contract_size=size,
                multiplier=int(multiplier),
                maker_fee="0.0002",
                taker_fee="0.0006",
                funding_interval_h=int(hours),
            )
        )
    return found


def _usd(symbol: str, asset: str, tick: str, expiry_ms: int | None) -> Listing:
    return Listing(
        VENUE,
        "futures",
        symbol,
        PERPETUAL if expiry_ms is None else FUTURE,
        asset,
        "USD",
        asset,
        tick,
        "1",
        "1",
        inverse=True,
        expiry_ms=expiry_ms,
        maker_fee="0.0002",
        taker_fee="0.0006",
    )


def _inverse() -> list[Listing]:
    return [_usd(symbol, asset, tick, None) for symbol, asset, tick in rows_of(INVERSE)]


def _quarterlies(now_ms: int) -> list[Listing]:
    return [_usd(f"XBTM{quarter_code(end)}", "BTC", "0.1", end) for end in quarter_ends(now_ms, 2)]
