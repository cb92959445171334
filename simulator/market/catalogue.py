"""The assets of the synthetic market: reference prices, volatilities and how deep their books are."""

import re
from typing import NamedTuple


class UnknownAsset(LookupError):
    """The catalogue has no such asset; the message names the listing that asked for it."""


class Asset(NamedTuple):
    """`usd` is the reference price, `volatility` annual (0.6 = 60 %), `liquidity` 1 for BTC and less for the rest."""

    usd: float
    volatility: float
    liquidity: float


def _group(volatility: float, liquidity: float, **usd: float) -> dict[str, Asset]:
    return {code: Asset(price, volatility, liquidity) for code, price in usd.items()}


_SYNTHETIC_INDICES = {
    "R_10": (5_480.0, 0.10), "R_25": (2_790.0, 0.25), "R_50": (118.0, 0.50), "R_75": (37_600.0, 0.75),
    "R_100": (690.0, 1.00), "1HZ10V": (8_960.0, 0.10), "1HZ15V": (10_600.0, 0.15), "1HZ25V": (742_000.0, 0.25),
    "1HZ30V": (6_210.0, 0.30), "1HZ50V": (171_000.0, 0.50), "1HZ75V": (4_830.0, 0.75), "1HZ90V": (11_400.0, 0.90),
    "1HZ100V": (1_240.0, 1.00), "1HZ150V": (640.0, 1.50), "1HZ250V": (390.0, 2.50),
    "BOOM300N": (2_060.0, 0.30), "BOOM500": (4_930.0, 0.25), "BOOM1000": (15_800.0, 0.20),
    "CRASH300N": (3_820.0, 0.30), "CRASH500": (3_410.0, 0.25), "CRASH1000": (5_720.0, 0.20),
    "BOOM600": (5_700.0, 0.25), "BOOM900": (9_400.0, 0.22), "CRASH600": (6_900.0, 0.25), "CRASH900": (7_200.0, 0.22),
    "JD10": (138_000.0, 0.10), "JD25": (64_500.0, 0.25), "JD50": (39_700.0, 0.50), "JD75": (22_300.0, 0.75),
    "JD100": (7_150.0, 1.00), "STPRNG": (8_320.0, 0.10), "RDBULL": (1_130.0, 0.30), "RDBEAR": (940.0, 0.30),
    "RB100": (28_400.0, 0.30), "RB200": (19_700.0, 0.30), "WLDUSD": (1_000.0, 0.05), "WLDEUR": (1_000.0, 0.05),
    "WLDGBP": (1_000.0, 0.05), "WLDAUD": (1_000.0, 0.05), "WLDXAU": (1_200.0, 0.10),
}  # fmt: skip

_STOCK_INDICES = {
    "AEX": 940.0, "AS51": 8_720.0, "DJI": 48_100.0, "FCHI": 8_120.0, "FTSE": 9_870.0, "GDAXI": 24_300.0,
    "HSI": 25_900.0, "N225": 50_300.0, "NDX": 25_400.0, "SPC": 6_840.0, "SSMI": 13_100.0, "STOXX50E": 5_740.0,
}  # fmt: skip

ASSETS: dict[str, Asset] = {
    "USD": Asset(1.0, 0.0, 1.0),
    **_group(0.0016, 0.6, USDT=0.9995, USDC=0.9999),
    **_group(0.0020, 0.1, DAI=0.9997, FDUSD=0.9984, TUSD=0.9979, USDE=0.9992, USDG=0.9998, PYUSD=0.9996, USD1=0.9991,
             RLUSD=0.9998, BUSD=0.9999, USDS=0.9998, EURC=1.171, EURT=1.168),
    **_group(0.07, 0.3, EUR=1.172, GBP=1.338, CHF=1.252, CAD=0.716, AUD=0.664, NZD=0.579, SGD=0.772),
    **_group(0.09, 0.3, JPY=0.00643, SEK=0.1063, NOK=0.0991, PLN=0.2765, MXN=0.0546, CNH=0.1405, HKD=0.1285),
    **_group(0.14, 0.1, BRL=0.187, TRY=0.0236, ZAR=0.0585, UAH=0.0237, ARS=0.00069, CZK=0.0482, RON=0.2304, IDR=6.0e-5,
             AED=0.27229, COP=0.000262, KZT=0.00193, INR=0.01112, KRW=0.000682),
    **_group(0.18, 0.2, XAU=4_180.0, PAXG=4_176.0, XAUT=4_171.0),
    **_group(0.32, 0.1, XAG=52.4, XPT=1_580.0, XPD=1_420.0),
    "BTC": Asset(94_200.0, 0.48, 1.0),
    "ETH": Asset(3_240.0, 0.66, 0.7),
    **_group(0.48, 0.1, WBTC=94_150.0, CBBTC=94_180.0, TBTC=94_050.0),
    **_group(0.66, 0.1, STETH=3_237.0, WSTETH=3_960.0, WETH=3_240.0, BETH=3_230.0),
    **_group(0.80, 0.35, SOL=142.0, XRP=2.14, BNB=884.0, DOGE=0.148),
    **_group(0.82, 0.15, ADA=0.431, LTC=81.7, AVAX=14.3, LINK=13.6, DOT=2.18, TRX=0.279, BCH=604.0, UNI=6.05,
             AAVE=172.0, SUI=1.63, TON=1.61, NEAR=1.74, XLM=0.243, HBAR=0.137, HYPE=28.4, ETC=13.4, ATOM=2.31,
             FIL=1.52, APT=1.86, ARB=0.214, OP=0.316, ICP=3.61, INJ=5.42, POL=0.128, MATIC=0.128, XMR=402.0, ZEC=418.0,
             DASH=48.9),
    **_group(0.78, 0.06, KCS=11.3, OKB=109.0, MNT=1.07, BGB=3.6, CRO=0.101, LEO=9.4, GT=10.2, HT=0.21, FTT=0.62,
             MX=2.1),
    **_group(0.98, 0.04, SUSHI=0.312, CRV=0.391, COMP=27.4, MKR=1_490.0, SNX=0.482, YFI=3_560.0, LDO=0.618, RUNE=0.642,
             ALGO=0.131, VET=0.0119, GRT=0.0432, SAND=0.132, MANA=0.149, AXS=0.91, THETA=0.292, XTZ=0.472, NEO=4.02,
             EOS=0.216, BSV=20.3, QTUM=1.33, ENJ=0.0302, CHZ=0.0341, GALA=0.0069, APE=0.214, DYDX=0.187, GMX=8.7,
             IMX=0.274, STX=0.291, SEI=0.128, TIA=0.562, JUP=0.212, PYTH=0.0671, WLD=0.581, ENA=0.241, ONDO=0.452,
             PENDLE=1.96, FET=0.231, RENDER=1.52, ORDI=3.87, CAKE=2.21, JTO=0.384, ETHFI=0.742, EIGEN=0.431,
             STRK=0.104, ZK=0.0311, ZRO=1.31, W=0.0387, BLUR=0.0268, ENS=10.4, ZRX=0.137, BAT=0.211, ANKR=0.0061,
             NKN=0.0132, BLZ=0.0268, LRC=0.0571, AKRO=0.00031, CTK=0.291, KEEP=0.0721, IOTA=0.0964, ONE=0.0034,
             ZIL=0.0051, ONT=0.0593, KAVA=0.091, FLOW=0.172, MINA=0.0831, EGLD=7.3, KSM=8.1, AR=3.6, STORJ=0.132,
             SKL=0.0094, CELO=0.121, ROSE=0.0113, MASK=0.61, LPT=3.4, BAND=0.35, AUDIO=0.028, PEOPLE=0.0096,
             TRUMP=5.4, VIRTUAL=0.79, AERO=0.61, KAS=0.046, BERA=0.79, IP=1.9, MOVE=0.041, WIF=0.362, POPCAT=0.091,
             NOT=0.00056, DOGS=0.000041, HMSTR=0.00021, NEIRO=0.000121, TURBO=0.00161, MEME=0.00102, PUMP=0.0026),
    **_group(1.10, 0.05, PEPE=4.52e-6, SHIB=8.11e-6, BONK=8.93e-6, FLOKI=4.35e-5, SATS=1.62e-8, RATS=2.2e-5,
             LUNC=3.9e-5, XEC=1.1e-5, CAT=3.1e-6, CHEEMS=9.6e-7, MOG=2.7e-7, BABYDOGE=6.1e-10, BTTC=4.3e-7,
             WHY=2.1e-8, X=2.3e-5, TOSHI=4.2e-4, LADYS=1.1e-8, BTT=4.3e-7),
    **{code: Asset(usd, volatility, 0.1) for code, (usd, volatility) in _SYNTHETIC_INDICES.items()},
    **{code: Asset(usd, 0.16, 0.2) for code, usd in _STOCK_INDICES.items()},
}  # fmt: skip

ALIASES: dict[str, str] = {
    "XBT": "BTC",
    "BCHSV": "BSV",
    "BCHABC": "BCH",
    "XDG": "DOGE",
    "LUNA1": "LUNC",
    "USDTE": "USDT",
}
"""Venues' own codes for assets that have another name here."""

_PREFIXED = re.compile(r"(?P<million>1M)?(?P<prefix>10+|k)?(?P<asset>[A-Za-z0-9_]+?)(?P<suffix>10{2,})?")


def _plain(code: str) -> str | None:
    if code in ASSETS:
        return code
    alias = ALIASES.get(code)
    return alias if alias is not None else code.upper() if code.upper() in ASSETS else None


def resolve(code: str) -> tuple[str, int]:
    """Return the asset a venue's code stands for and the multiplier in it: `1000PEPE` -> (`PEPE`, 1000).

    Raises UnknownAsset.
    """
    if plain := _plain(code):
        return plain, 1
    match = _PREFIXED.fullmatch(code)
    if match and (plain := _plain(match["asset"])):
        prefix = match["prefix"]
        multiplier = 1000 if prefix == "k" else int(prefix or 1)
        return plain, multiplier * (1_000_000 if match["million"] else 1) * int(match["suffix"] or 1)
    raise UnknownAsset(f"the catalogue has no asset {code!r}")
