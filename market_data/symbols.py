"""One symbol language for every venue: listing, mapping, and the price evidence that names mean the same asset."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from domain.errors import NotListed, Retired, UnknownSymbol, UsageError
from domain.exit_codes import ExitCode
from domain.instruments import FUTURE, OPTION, PERPETUAL, SPOT, Instrument
from domain.money import plain
from domain.time import rfc3339
from market_data.ask import ask_all
from utils.symbols.language import nearest, read
from utils.symbols.multipliers import split_multiplier
from utils.symbols.parts import DOLLARS, respelled

if TYPE_CHECKING:
    from connectors.registry import Venues

SAME_ASSET_BPS = 300
"""Prices of one asset further apart than this (from their median) are no evidence that it is the same asset."""
MOST_QUOTES = 4
"""How many instruments of one venue are priced as evidence."""


def listing_rows(venues: "Venues", asset: str | None, kind: str | None) -> list[dict[str, Any]]:
    """List the instruments of the asked venues, by venue and symbol; `asset` also finds multiples of it.

    Raises:
        UnknownSymbol: when nothing fits.
    """
    found = [
        instrument
        for name in venues.names
        for instrument in venues.cache.all(name)
        if _is_of(instrument, asset) and kind in (None, instrument.kind)
    ]
    if not found:
        assets = {i.asset for name in venues.names for i in venues.cache.all(name)}
        wanted = asset or kind or "anything"
        raise UnknownSymbol(f"No venue that was asked lists {wanted}.", nearest=nearest(wanted, assets))
    return [_row(i) for i in sorted(found, key=lambda i: (i.venue, i.symbol))]


def mapping(venues: "Venues", text: str, at: Sequence[str], to: Sequence[str]) -> dict[str, Any]:
    """Read a symbol or native id and give its id at each venue.

    Args:
        at: read the text as an id of these venues only; empty reads it as any venue's.
        to: give ids of these venues only; empty gives all.

    Raises:
        UnknownSymbol, AmbiguousSymbol: from reading the text.
        UsageError, Retired: a venue is not to be asked.
        NotListed: when a venue of `to` does not list it.
    """
    for name in (*at, *to):
        configured = venues.config.venues.get(name)
        if configured is not None and configured.retired:
            raise Retired(f"{name} has closed: {configured.retired}.", venue=name)
        if name not in venues.names:
            hint = f"Nearest: {', '.join(nearest(name, venues.names)) or ', '.join(venues.names)}."
            raise UsageError(f"There is no enabled venue '{name}'.", venue=name, hint=hint)
    readers = at or venues.names
    match = read(text, [i for name in readers for i in venues.cache.all(name)])
    ids = []
    for name in to or venues.names:
        instrument = venues.cache.find(name, match.symbol)
        if instrument is not None:
            ids.append(_row(instrument))
        elif to:
            listed = {i.symbol for i in venues.cache.all(name)}
            raise NotListed(
                f"{name} does not list {match.symbol}.",
                venue=name,
                hint=f"Nearest there: {', '.join(nearest(match.symbol, listed, 3)) or 'none'}.",
            )
    return {"symbol": match.symbol, "also": list(match.also), "ids": ids}


def explanation(venues: "Venues", text: str, deadline: float) -> dict[str, Any]:
    """Show an asset at every venue: ids, units, and prices of one unit as evidence that it is the same asset.

    Raises:
        UnknownSymbol: when no asked venue knows the asset.
    """
    asset, listed = _asset_meant(venues, text)
    priced = {name: _worth_pricing(found) for name, found in listed.items() if found}
    jobs = {name: partial(_unit_prices, venues, name, found) for name, found in priced.items()}
    answers = ask_all(jobs, deadline)
    prices: dict[tuple[str, str], Decimal] = {}
    reasons: dict[str, str] = {}
    for name, answer in answers.items():
        if answer.value is not None:
            prices |= answer.value
        elif answer.error is not None:
            reasons[name] = answer.error.message
    middle = median(prices.values()) if prices else None
    rows = [
        _evidence(i, prices.get((name, i.symbol)), middle, reasons.get(name), i in priced.get(name, ()))
        for name, found in listed.items()
        for i in sorted(found, key=lambda i: (i.kind, i.symbol))
    ]
    return {"asset": asset, "instruments": rows, "summary": _summary(asset, rows)}


def refreshed(venues: "Venues", progress: Callable[[str, str], None]) -> tuple[list[dict[str, Any]], ExitCode]:
    """Download the instrument lists again; return a row a venue and the exit code.

    Args:
        progress: told (venue, state in words) as lists come in.
    """
    before = {name: venues.cache.fetched_at_ms(name) for name in venues.names}
    venues.ensure_markets(progress=progress, force=True)
    rows = []
    for name in venues.names:
        failure = venues.failures.get(name)
        fetched_ms = venues.cache.fetched_at_ms(name)
        kept = failure is None and fetched_ms == before[name]
        rows.append(
            {
                "venue": name,
                "instruments": len(venues.cache.symbols(name)),
                "fetched": rfc3339(fetched_ms) if fetched_ms else None,
                "status": "unavailable" if failure or kept else "ok",
                "reason": failure.message if failure else "the older list is kept" if kept else None,
            }
        )
    failed = [row for row in rows if row["reason"]]
    if not failed:
        return rows, ExitCode.OK
    return rows, ExitCode.PARTIAL if len(failed) < len(rows) else ExitCode.UNAVAILABLE


def _is_of(instrument: Instrument, asset: str | None) -> bool:
    if asset is None:
        return True
    code = respelled(asset).upper()
    return instrument.asset in (code, split_multiplier(code)[1])


def _asset_meant(venues: "Venues", text: str) -> tuple[str, dict[str, list[Instrument]]]:
    """Find the asset that a code, a multiplied code (`1000PEPE`, `kPEPE`) or a symbol names, and who lists it.

    Raises:
        UnknownSymbol, AmbiguousSymbol: from reading the text.
    """
    code = respelled(text.strip().split("/")[0])
    # The code itself first: `BOOM1000` is an index of that name, no thousand of something.
    for asset in dict.fromkeys((code.upper(), split_multiplier(code)[1].upper(), split_multiplier(code.upper())[1])):
        listed = {name: venues.cache.by_asset(name, asset) for name in venues.names}
        if any(listed.values()):
            return asset, listed
    known = [i for name in venues.names for i in venues.cache.all(name)]
    match = read(text, known)
    asset = next(i.asset for i in known if i.symbol == match.symbol)
    return asset, {name: venues.cache.by_asset(name, asset) for name in venues.names}


def _row(i: Instrument) -> dict[str, Any]:
    return {
        "venue": i.venue,
        "symbol": i.symbol,
        "native_id": i.native_id,
        "kind": i.kind,
        "product": i.product,
        "asset": i.asset,
        "multiplier": i.multiplier,
        "contract_size": i.contract_size,
        "settle": i.settle,
        "inverse": i.inverse,
        "tick": i.tick_size,
        "lot": i.lot_size,
        "expiry": rfc3339(i.expiry_ms)[:10] if i.expiry_ms else None,
    }


def _worth_pricing(found: Sequence[Instrument]) -> list[Instrument]:
    """Choose a few liquid dollar instruments: an option's or a cross's price says nothing about the asset's."""
    order = {SPOT: 0, PERPETUAL: 1, FUTURE: 2}
    fit = [i for i in found if i.kind != OPTION and i.quote in DOLLARS and i.active]
    return sorted(fit, key=lambda i: (order[i.kind], i.symbol))[:MOST_QUOTES]


def _unit_prices(venues: "Venues", name: str, instruments: Sequence[Instrument]) -> dict[tuple[str, str], Decimal]:
    connector = venues.connector(name)
    prices = {}
    for instrument in instruments:
        quote = connector.fetch_quote(instrument)
        if quote.bid is not None and quote.ask is not None:
            prices[(name, instrument.symbol)] = (quote.bid + quote.ask) / 2 / instrument.multiplier
    return prices


def _evidence(
    i: Instrument, price: Decimal | None, middle: Decimal | None, reason: str | None, asked: bool
) -> dict[str, Any]:
    row = _row(i) | {"unit_price": None, "off_bps": None, "evidence": "not priced"}
    if price is not None and middle:
        off = (price / middle - 1) * 10_000
        row["unit_price"] = Decimal(plain(price.normalize())) if price else price
        row["off_bps"] = round(off, 1)
        row["evidence"] = "same asset" if abs(off) <= SAME_ASSET_BPS else "PRICE DIFFERS: not the same asset"
    elif asked:
        row["evidence"] = reason or "no price"
    return row


def _summary(asset: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    same = {row["venue"] for row in rows if row["evidence"] == "same asset"}
    differs = [f"{row['venue']} {row['symbol']}" for row in rows if row["evidence"].startswith("PRICE")]
    lines = [f"{asset}: prices of one unit agree within {SAME_ASSET_BPS} bps of their median on {len(same)} venue(s)."]
    if differs:
        lines.append(f"Not the same asset by price: {', '.join(differs)}.")
    return lines
