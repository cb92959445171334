"""Every figure unfolded: the trades, closings, payments, marks and rates that it is made of, its formulas filled in.

Sentences are for reading; the same parts stand in JSON as fields, with every digit.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.money import plain, rounded
from domain.orders import Fill, FundingPayment
from domain.time import rfc3339
from monitoring.accounting.book import Book, Line
from monitoring.accounting.entries import Opening
from monitoring.accounting.exact import minus, quotient, times
from monitoring.pnl import Earnings, Row, standing
from monitoring.statement import FEES, FUNDING, MINUTE_MS, REALIZED, UNREALIZED, Rates, fee_value
from utils.rendering import Table

if TYPE_CHECKING:
    from monitoring.accounting.contract import Contract

Sources = Mapping[tuple[str, str, str], str]
MOST_LINES = 1_000
"""How many lines of a group a table shows; JSON has all."""
HEADERS = ("time (UTC)", "symbol", "what", "size", "price", "value", "fee", "realized", "how")
_ALIGN = "lllrrrrrl"
_SHOWN = 8


def explanations(answer: Earnings, rates: Rates, sources: Sources) -> list[dict[str, Any]]:
    """Unfold every row of an answer whose lines were kept: `{"group": …, "lines": […]}` a row.

    Args:
        rates: the ledger's rates, by which fees in third currencies were valued. sources: where they come from.
    """
    return [
        {
            "group": {name: value for name, value in row.group._asdict().items() if value},
            "lines": [
                *(line_record(book, line, rates, sources) for book, line in answer.lines.get(row.group, ())),
                *_open_parts(answer, row),
                *_conversions(answer, row),
            ],
        }
        for row in answer.rows
    ]


def explain_tables(found: list[dict[str, Any]]) -> list[Table]:
    """Lay explanations out for reading, a table a group, of at most `MOST_LINES` lines each."""
    tables = []
    for item in found:
        lines = item["lines"]
        rows = [_cells(line) for line in lines[:MOST_LINES]]
        if len(lines) > MOST_LINES:
            rows.append([None] * 8 + [f"… {len(lines) - MOST_LINES:,} lines more: --json has all"])
        tables.append(Table(HEADERS, rows, f"Explained: {' '.join(item['group'].values())}", _ALIGN))
    return tables


def line_record(book: Book, line: Line, rates: Rates, sources: Sources) -> dict[str, Any]:
    """Tell everything about one line of a book."""
    contract, entry = book.contract, line.entry
    record: dict[str, Any] = {
        "kind": line.kind,
        "venue": contract.venue,
        "symbol": contract.symbol,
        "time_ms": line.time_ms,
        "time": rfc3339(line.time_ms),
        "currency": contract.currency,
        "realized": line.realized,
        "funding": line.funding,
        "position": line.position,
        "closed": line.closed,
        "opened": line.opened,
        "how": how(contract, line),
    }
    if isinstance(entry, Fill):
        record |= {
            "trade_id": entry.trade_id, "order_id": entry.order_id, "client_id": entry.client_id, "side": entry.side,
            "size": entry.size, "price": entry.price, "value": contract.value(entry.size, entry.price),
            "fee": entry.fee, "fee_currency": entry.fee_currency, "fee_value": line.fee,
        }  # fmt: skip
        if entry.fee and line.fee is not None and entry.fee_currency != contract.currency:
            known = fee_value(contract, entry, rates)
            source = sources.get((entry.venue, f"{entry.fee_currency}", contract.currency), "the venue's candles")
            base = "the trade's own price"
            record |= {
                "fee_rate": known.rate or entry.price,
                "fee_rate_source": source if known.rate is not None else base,
                "fee_rate_minute_ms": entry.time_ms // MINUTE_MS * MINUTE_MS if known.rate is not None else None,
            }
    elif isinstance(entry, FundingPayment):
        record |= {"payment_id": entry.payment_id, "amount": entry.amount, "rate": entry.rate}
    elif not isinstance(entry, Opening):
        record |= {"delivery_id": entry.delivery_id, "size": entry.size, "price": entry.price}
    if line.closings:
        record["lots"] = [
            {
                "trade_id": getattr(part.entry, "trade_id", None),
                "size": part.size,
                "cost": part.cost,
                "realized": part.realized,
            }
            for part in line.closings
        ]
    return record


def how(contract: "Contract", line: Line) -> str | None:
    """Fill the numbers into the formula of a line: what a closing earned, or what a payment was for; None: nothing."""
    entry = line.entry
    if isinstance(entry, FundingPayment):
        paid = f"{'got' if entry.amount > 0 else 'paid'} {number(entry.amount.copy_abs())} {entry.currency}"
        rate = f" at a rate of {number(entry.rate)}" if entry.rate is not None else ""
        return f"{paid} for holding {number(line.position)}{rate}"
    if not line.closed or isinstance(entry, Opening):
        return None
    if line.realized is None or line.closed_cost is None:
        return f"{number(line.closed)} closed; what it had cost is unknown"
    return formula(contract, line.closed, line.closed_cost, entry.price, line.realized)


def formula(contract: "Contract", size: Decimal, cost: Decimal, price: Decimal, gain: Decimal) -> str:
    """Write what closing `size` (unsigned) that had cost `cost` (signed like the position) at `price` has earned."""
    long, worth = cost >= 0, cost.copy_abs()
    end = f"= {number(gain)}"
    if contract.inverse:
        entry = quotient(size, worth) if worth else worth
        exact = worth and quotient(size, entry) == worth and times(entry, worth) == size
        entry = entry if exact else rounded(entry, _SHOWN)
        first, second = (entry, price) if long else (price, entry)
        return f"(1/{number(first)} − 1/{number(second)}) × {number(size)} {end if exact else '≈' + end[1:]}"
    entry = quotient(worth, size)
    first, second = (price, entry) if long else (entry, price)
    if times(minus(first, second), size) == gain:
        return f"({number(first)} − {number(second)}) × {number(size)} {end}"
    if long:
        return f"{number(price)} × {number(size)} − {number(worth)} paid {end}"
    return f"{number(worth)} received − {number(price)} × {number(size)} {end}"


def number(value: Decimal) -> str:
    """Write a number with all its digits, thousands apart."""
    text = plain(value)
    whole, point, fraction = text.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{point}{fraction}"


def _open_parts(answer: Earnings, row: Row) -> Iterator[dict[str, Any]]:
    for book in answer.statement.open_books():
        if standing(answer.asked.by, book) != row.group:
            continue
        contract = book.contract
        mark = answer.seen.marks[contract.venue, contract.symbol]
        gain = None if mark.price is None else book.unrealized(mark.price)
        text = mark.reason
        if mark.price is not None and gain is not None and book.cost is not None:
            size = book.position.copy_abs()
            text = f"{formula(contract, size, book.cost, mark.price, gain)}; {mark.source}"
        elif mark.price is not None:
            text = f"what is open has cost an unknown amount; {mark.source}"
        yield {
            "kind": "open",
            "venue": contract.venue,
            "symbol": contract.symbol,
            "currency": contract.currency,
            "size": book.position,
            "entry_price": book.entry_price,
            "price": mark.price,
            "mark_source": mark.source,
            "opened_ms": book.opened_ms,
            "unrealized": gain,
            "how": text,
        }


def _conversions(answer: Earnings, row: Row) -> Iterator[dict[str, Any]]:
    """Tell how each currency's sums became the row's figures."""
    for venue, currency, sums in row.parts:
        rate = answer.seen.rate(currency, venue)
        if currency == answer.asked.numeraire:
            continue
        for figure in (REALIZED, FEES, FUNDING, UNREALIZED):
            amount = getattr(sums, figure)
            if not amount:
                continue
            value = None if rate is None else times(amount, rate.price)
            into = f"{number(amount)} {currency} × {number(rate.price)} = " if rate and value is not None else ""
            text = f"{into}{number(value)} {answer.asked.numeraire}" if value is not None else f"no rate of {currency}"
            yield {
                "kind": "conversion",
                "venue": venue,
                "figure": figure,
                "currency": currency,
                "amount": amount,
                "value": value,
                "rate": rate.record() if rate else None,
                "how": f"{figure}: {text}" + (f"; {rate.text}" if rate else ""),
            }


def _cells(line: Mapping[str, Any]) -> list[Any]:
    fee = None
    if line.get("fee") is not None:
        fee = f"{number(line['fee'])} {line['fee_currency']}"
        if "fee_rate" in line:
            fee += f" × {_short(line['fee_rate'])}"
    what = line.get("side") or {"open": "open now"}.get(line["kind"], line["kind"])
    gain = line.get("realized") if line["kind"] != "funding" else line.get("funding")
    gain = line.get("unrealized") if line["kind"] == "open" else gain
    shown = None if line["kind"] == "fill" and not line.get("closed") else gain
    time = (line.get("time") or "")[:19].replace("T", " ")
    numbers = [_short(line.get(name)) for name in ("size", "price", "value")]
    symbol = f"{line.get('venue')} {line.get('symbol') or ''}".strip()
    return [time or None, symbol, what, *numbers, fee, _short(shown), line.get("how")]


def _short(value: Decimal | None) -> str | None:
    return None if value is None else number(rounded(value, _SHOWN))
