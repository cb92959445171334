"""ccxt's market dictionaries as our instruments. Pure."""

import logging
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from domain.instruments import FUTURE, OPTION, PERPETUAL, SPOT, Instrument
from domain.money import to_decimal, to_decimal_or_none
from utils.symbols.multipliers import split_multiplier

Market = Mapping[str, Any]

KINDS = {"spot": SPOT, "swap": PERPETUAL, "future": FUTURE, "option": OPTION}
_DECIMAL_PLACES, _SIGNIFICANT_DIGITS = 2, 3  # ccxt's precision modes; the third, TICK_SIZE, is the usual one

_log = logging.getLogger(__name__)


def to_instruments(
    venue: str,
    markets: Iterable[Market],
    *,
    product: Callable[[Market], str | None],
    wire_unit: Callable[[Market], Decimal],
    precision_mode: int = 4,
) -> list[Instrument]:
    """Build instruments from what ccxt parsed, leaving out what has no canonical symbol (combos, indices).

    Of two markets with one symbol the first stays and the other is reported: a symbol must mean one instrument.
    """
    found: dict[str, Instrument] = {}
    for market in markets:
        try:
            item = to_instrument(venue, market, product(market), wire_unit(market), precision_mode)
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
            _log.warning("%s: the market %s was left out: %s", venue, market.get("id"), error)
            continue
        if item is None:
            continue
        first = found.setdefault(item.symbol, item)
        if first is not item and (first.native_id, first.product) != (item.native_id, item.product):
            _log.warning(
                "%s lists %s twice, as %s and as %s; the second was left out.",
                venue, item.symbol, first.native_id, item.native_id,
            )  # fmt: skip
    return list(found.values())


def to_instrument(
    venue: str, market: Market, product: str | None, unit_size: Decimal, precision_mode: int = 4
) -> Instrument | None:
    """Build one instrument, or None where the market is of no kind that we know.

    Lots and minima are in base units, and in quote units where sizes are amounts of quote (`inverse`), since base
    units would change with the price.
    """
    kind = KINDS.get(str(market.get("type")))
    symbol, base, quote = market["symbol"], market["base"], market["quote"]
    if kind is None or not base or not quote or "/" not in symbol:
        return None
    contract = kind != SPOT
    option = kind == OPTION
    # Where ccxt has put a name in capitals, only the exchange's own tells that the K of KPEPE is a thousand.
    spelled = str(market.get("baseName"))
    multiplier, asset = split_multiplier(spelled if spelled.upper() == base else base)
    limits, precision = market.get("limits") or {}, market.get("precision") or {}
    lot = _step(precision.get("amount"), precision_mode)
    smallest = _positive((limits.get("amount") or {}).get("min"))
    expiry = market.get("expiry")
    return Instrument(
        venue=venue,
        symbol=symbol,
        native_id=str(market["id"]),
        kind=kind,
        base=base,
        quote=quote,
        settle=market.get("settle") if contract else None,
        asset=base if multiplier == 1 else asset,
        multiplier=multiplier,
        inverse=bool(market.get("inverse")) and kind in (PERPETUAL, FUTURE),
        unit_size=unit_size,
        contract_size=_positive(market.get("contractSize")) if contract else None,
        tick_size=_step(precision.get("price"), precision_mode),
        lot_size=None if lot is None else lot * unit_size,
        min_size=None if smallest is None else smallest * unit_size,
        min_notional=_positive((limits.get("cost") or {}).get("min")),
        maker_fee=_fraction(market.get("maker")),
        taker_fee=_fraction(market.get("taker")),
        expiry_ms=int(expiry) if expiry and kind in (FUTURE, OPTION) else None,
        strike=_strike(symbol) if option else None,
        option_type=(market.get("optionType") or _option_type(symbol)) if option else None,
        active=market.get("active") is not False,
        product=product,
    )


def contract_unit(market: Market) -> Decimal:
    """Take ccxt's contract size as the value of one wire size unit (1 on spot markets)."""
    return to_decimal_or_none(market.get("contractSize")) or Decimal(1)


def _step(value: object, precision_mode: int) -> Decimal | None:
    if value is None or value == "" or precision_mode == _SIGNIFICANT_DIGITS:
        return None
    if precision_mode == _DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(str(value)))
    return _positive(value)


def _positive(value: object) -> Decimal | None:
    """Read a number; venues write 0 where they mean that there is none."""
    number = to_decimal_or_none(repr(value) if isinstance(value, float) else value)
    return number if number is not None and number > 0 else None


def _fraction(value: object) -> Decimal | None:
    """Read a fee. Some ccxt classes carry theirs as a float literal: its shortest text is what was written there."""
    return to_decimal_or_none(repr(value) if isinstance(value, float) else value)


def _strike(symbol: str) -> Decimal | None:
    parts = symbol.partition(":")[2].split("-")
    return to_decimal(parts[2]) if len(parts) == 4 else None


def _option_type(symbol: str) -> str | None:
    return {"C": "call", "P": "put"}.get(symbol.rpartition("-")[2])
