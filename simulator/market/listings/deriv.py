"""What the synthetic Deriv lists: its synthetic indices, forex, metals, stock indices, crypto and baskets.

Symbols, display names, pips and markets follow the v3 `active_symbols` answers that Deriv's own apps keep as fixtures
(flutter-deriv-api, deriv-go). Prices are in pips, there are no sizes: `tick_size` is the pip.
"""

from typing import NamedTuple

from simulator.market.model import SPOT, Listing

_VENUE = "deriv"


class _Group(NamedTuple):
    """What symbols of one kind share; `hours` names their trading hours, `tick_s` how often they tick."""

    market: str
    market_name: str
    submarket: str
    submarket_name: str
    symbol_type: str
    exchange: str
    hours: str = "always"
    tick_s: int = 1
    subgroup: str = "none"
    subgroup_name: str = "None"


def _synthetic(submarket: str, name: str, symbol_type: str = "stockindex", tick_s: int = 1) -> _Group:
    market = ("synthetic_index", "Derived", submarket, name, symbol_type, "RANDOM")
    return _Group(*market, tick_s=tick_s, subgroup="synthetics", subgroup_name="Synthetics")


_VOLATILITY = _synthetic("random_index", "Continuous Indices", tick_s=2)
_VOLATILITY_1S = _synthetic("random_index", "Continuous Indices")
_DAILY = _synthetic("random_daily", "Daily Reset Indices", tick_s=2)
_CRASH = _synthetic("crash_index", "Crash/Boom Indices", "")
_JUMP = _synthetic("jump_index", "Jump Indices")
_STEP = _synthetic("step_index", "Step Indices")
_MAJOR = _Group("forex", "Forex", "major_pairs", "Major Pairs", "forex", "FOREX", "forex")
_MINOR = _Group("forex", "Forex", "minor_pairs", "Minor Pairs", "forex", "FOREX", "forex")
_CRYPTO = _Group(
    "cryptocurrency", "Cryptocurrencies", "non_stable_coin", "Cryptocurrencies", "cryptocurrency", "CRYPTOCURRENCY"
)
_METALS = _Group("commodities", "Commodities", "metals", "Metals", "commodities", "METAL", "forex")
_BASKET = _Group(
    "synthetic_index", "Derived", "forex_basket", "Forex Basket", "forex_basket", "FOREX", "forex", 1, "baskets",
    "Baskets",
)  # fmt: skip
_GOLD_BASKET = _BASKET._replace(
    submarket="commodity_basket", submarket_name="Commodities Basket", symbol_type="commodity_basket"
)
_OTC = {
    where: _Group("indices", "Stock Indices", f"{where}_OTC", name, "stockindex", exchange, where)
    for where, name, exchange in (
        ("americas", "American indices", "OTC_NYSE"),
        ("europe", "European indices", "OTC_LSE"),
        ("asia_oceania", "Asian indices", "OTC_TSE"),
    )
}

_INDEX_PIPS = {  # symbol: (display name, pip, group)
    **{f"R_{n}": (f"Volatility {n} Index", pip, _VOLATILITY)
       for n, pip in ((10, "0.001"), (25, "0.001"), (50, "0.0001"), (75, "0.0001"), (100, "0.01"))},
    **{f"1HZ{n}V": (f"Volatility {n} (1s) Index", "0.001" if n in (15, 30, 90) else "0.01", _VOLATILITY_1S)
       for n in (10, 15, 25, 30, 50, 75, 90, 100, 150, 250)},
    **{f"{way.upper()}{n}{'N' if n == 300 else ''}": (f"{way} {n} Index", "0.001", _CRASH)
       for way in ("Boom", "Crash") for n in (300, 500, 600, 900, 1000)},
    **{f"JD{n}": (f"Jump {n} Index", "0.01", _JUMP) for n in (10, 25, 50, 75, 100)},
    "stpRNG": ("Step Index", "0.1", _STEP),
    "RDBULL": ("Bull Market Index", "0.0001", _DAILY),
    "RDBEAR": ("Bear Market Index", "0.0001", _DAILY),
    "WLDAUD": ("AUD Basket", "0.001", _BASKET), "WLDEUR": ("EUR Basket", "0.001", _BASKET),
    "WLDGBP": ("GBP Basket", "0.001", _BASKET), "WLDUSD": ("USD Basket", "0.001", _BASKET),
    "WLDXAU": ("Gold Basket", "0.001", _GOLD_BASKET),
}  # fmt: skip
_MAJORS = "AUDJPY AUDUSD EURAUD EURCAD EURCHF EURGBP EURJPY EURUSD GBPAUD GBPJPY GBPUSD USDCAD USDCHF USDJPY"
_MINORS = "AUDCAD AUDCHF AUDNZD EURNZD GBPCAD GBPCHF GBPNZD NZDJPY NZDUSD USDMXN USDPLN"
_METAL_NAMES = {"XAU": ("Gold/USD", "0.01"), "XAG": ("Silver/USD", "0.0001"), "XPT": ("Platinum/USD", "0.01"),
                "XPD": ("Palladium/USD", "0.01")}  # fmt: skip
_COINS = {"BTC": "0.001", "ETH": "0.00001", "LTC": "0.001", "BCH": "0.001", "XRP": "0.00001"}
_STOCK_INDICES = {
    "SPC": ("US 500", "USD", "americas"), "NDX": ("US Tech 100", "USD", "americas"),
    "DJI": ("Wall Street 30", "USD", "americas"), "GDAXI": ("Germany 40", "EUR", "europe"),
    "FTSE": ("UK 100", "GBP", "europe"), "FCHI": ("France 40", "EUR", "europe"),
    "AEX": ("Netherlands 25", "EUR", "europe"), "SSMI": ("Swiss 20", "CHF", "europe"),
    "SX5E": ("Euro 50", "EUR", "europe"), "N225": ("Japan 225", "JPY", "asia_oceania"),
    "AS51": ("Australia 200", "AUD", "asia_oceania"), "HSI": ("Hong Kong 50", "HKD", "asia_oceania"),
}  # fmt: skip
_ASSETS = {"SX5E": "STOXX50E"}


def _listing(symbol: str, name: str, base: str, quote: str, pip: str, group: _Group, order: int) -> Listing:
    """Describe one symbol. An index is points, whatever currency its shares have: it is priced as if in dollars."""
    extra: tuple[tuple[str, object], ...] = (
        ("display_name", name),
        ("display_order", order),
        ("market_display_name", group.market_name),
        ("submarket", group.submarket),
        ("submarket_display_name", group.submarket_name),
        ("subgroup", group.subgroup),
        ("subgroup_display_name", group.subgroup_name),
        ("symbol_type", group.symbol_type),
        ("exchange_name", group.exchange),
        ("quoted_currency_symbol", quote),
        ("hours", group.hours),
        ("tick_s", group.tick_s),
    )
    return Listing(
        _VENUE, group.market, symbol, SPOT, base, "USD" if group.market == "indices" else quote, "", pip, "1", "1",
        maker_fee="0", taker_fee="0", extra=extra,
    )  # fmt: skip


def _specs() -> list[tuple[str, str, str, str, str, _Group]]:
    specs = [(symbol, name, symbol, "USD", pip, group) for symbol, (name, pip, group) in _INDEX_PIPS.items()]
    for pairs, group in ((_MAJORS, _MAJOR), (_MINORS, _MINOR)):
        for pair in pairs.split():
            base, quote = pair[:3], pair[3:]
            specs.append(
                (f"frx{pair}", f"{base}/{quote}", base, quote, "0.001" if quote == "JPY" else "0.00001", group)
            )
    specs += [(f"frx{metal}USD", name, metal, "USD", pip, _METALS) for metal, (name, pip) in _METAL_NAMES.items()]
    specs += [(f"cry{coin}USD", f"{coin}/USD", coin, "USD", pip, _CRYPTO) for coin, pip in _COINS.items()]
    for code, (name, quote, where) in _STOCK_INDICES.items():
        specs.append((f"OTC_{code}", name, _ASSETS.get(code, code), quote, "0.01", _OTC[where]))
    return specs


def listings(now_ms: int) -> list[Listing]:  # noqa: ARG001 - nothing here expires
    """List every symbol, in the order of their display names as the venue does."""
    ordered = sorted(_specs(), key=lambda spec: spec[1])
    return [_listing(*spec, order) for order, spec in enumerate(ordered)]
