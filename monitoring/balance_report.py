"""Balances as a table and as one record."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from connectors.accounts import Skipped
from domain.money import plain, rounded
from domain.quotes import OK
from market_data.ask import status_of, verdict
from market_data.figures import heading, price_text, size_text
from monitoring.balances import Owned, Total, VenueBalances, overall
from utils.rendering import Report, Table
from utils.symbols.parts import DOLLARS

if TYPE_CHECKING:
    from market_data.conversion import Rate


def balance_report(
    environment: str, numeraire: str, found: Sequence[VenueBalances], skipped: Sequence[Skipped] = ()
) -> Report:
    """Report every wallet with its worth; exit 8 where a venue did not answer, 6 (or its own code) where none did."""
    total = overall(found)
    headers = ("venue", "wallet", "currency", "free", "used", "total", "rate", f"value {numeraire}", "rate from")
    rows = [_row(item, _places(numeraire)) for venue in found for item in venue.owned]
    summary = [_venue_line(item, numeraire) for item in found]
    summary += [f"{item.venue}: not asked: {item.reason}" for item in skipped]
    summary.append(f"All: {_total_text(total, numeraire)}")
    summary += _said(found)
    record = {
        "environment": environment,
        "numeraire": numeraire,
        "total": total.value,
        "total_known": total.known,
        "venues": [_venue_record(item) for item in found],
        "skipped": [item._asdict() for item in skipped],
    }
    tables = [Table(headers, rows, heading("Balances", environment), "lllrrrrrl")] if rows else []
    return Report(record, tables, summary, exit_code=verdict([_status(item) for item in found]))


def _row(item: Owned, places: int) -> list[Any]:
    balance, rate = item.balance, item.rate
    return [
        balance.venue,
        balance.wallet,
        balance.currency,
        size_text(balance.free),
        size_text(balance.used),
        size_text(balance.total),
        None if rate is None else size_text(rate.price),
        None if item.value is None else price_text(rounded(item.value, places)),
        _source(rate),
    ]


def _source(rate: "Rate | None") -> str | None:
    if rate is None or rate.currency == rate.numeraire:
        return None
    return "assumed" if rate.assumed else f"{rate.source} {rate.symbol or ''}".rstrip()


def _venue_line(item: VenueBalances, numeraire: str) -> str:
    if not item.answered:
        return f"{item.venue}: not known: {item.error.message if item.error else 'no answer'}"
    return f"{item.venue}: {_total_text(item.total, numeraire)}"


def _total_text(total: Total, numeraire: str) -> str:
    known = f"{price_text(rounded(total.known, _places(numeraire)))} {numeraire}"
    return known if total.value is not None else f"not known as a whole; {known} of it is"


def _places(numeraire: str) -> int:
    return 2 if numeraire in DOLLARS else 8


def _said(found: Sequence[VenueBalances]) -> list[str]:
    """Say what has no worth here, and which rates are assumptions."""
    sentences = []
    for item in found:
        unvalued = ", ".join(f"{plain(balance.total)} {balance.currency}" for balance in item.unvalued)
        if unvalued:
            sentences.append(f"{item.venue}: no market tells what this is worth: {unvalued}.")
    assumed = [owned.rate.text for item in found for owned in item.owned if owned.rate and owned.rate.assumed]
    return sentences + list(dict.fromkeys(assumed))


def _status(item: VenueBalances) -> str:
    if item.answered or item.error is None:
        return OK if item.answered else "unavailable"
    return status_of(item.error)


def _venue_record(item: VenueBalances) -> dict[str, Any]:
    return {
        "venue": item.venue,
        "status": _status(item),
        "error": item.error.category if item.error else None,
        "message": item.error.message if item.error else None,
        "total": item.total.value,
        "total_known": item.total.known if item.answered else None,
        "balances": [_owned_record(owned) for owned in item.owned] if item.answered else None,
    }


def _owned_record(item: Owned) -> dict[str, Any]:
    balance = item.balance
    return {
        "wallet": balance.wallet,
        "currency": balance.currency,
        "free": balance.free,
        "used": balance.used,
        "total": balance.total,
        "positions_value": balance.positions_value,
        "cash": balance.cash,
        "value": item.value,
        "rate": None if item.rate is None else item.rate.record(),
    }
