"""KuCoin's orders as bodies and rows, and what its codes mean for an order. Source: docs.kucoin.com, error codes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.ccxt_errors import Operation
from domain.errors import (
    BadAnswer,
    CrossbookError,
    NotListed,
    NotSent,
    OutcomeUnknown,
    Refused,
    Unauthorized,
    Unsupported,
)
from domain.instruments import SPOT, Instrument
from domain.money import plain, to_decimal, to_decimal_or_none
from domain.orders import (
    BUY,
    CANCELLED,
    FILLED,
    FOK,
    GTC,
    LIMIT,
    MARKET,
    OPEN,
    PRICED,
    TRIGGERED,
    Balance,
    OrderReport,
    OrderSpec,
)

if TYPE_CHECKING:
    from connectors.http import Response

Row = Mapping[str, Any]

_DUPLICATE = frozenset({"102426", "300018", "126044"})
_DUPLICATE_WORDS = ("clientoidduplicated", "same clientoid", "duplicate")
_NO_KEY = frozenset({"400001", "400003", "400004", "400005", "400006", "400007", "400008", "400009", "400010"})
_NO_INSTRUMENT = frozenset({"900001", "400600", "100003"})
_REFUSED = frozenset(
    {
        # spot: suspended, too many orders, identity check, parameters, funds, direction, region
        *("200001", "200003", "200004", "200009", "102411", "102421", "102427", "102429", "102435", "400100", "400200"),
        *("400350", "400370", "400700", "400760", "401000", "600100", "600101", "600203"),
        # futures: parameters, limits, price bands, no contra order, no position, liquidation, settlement, modes
        *("40010", "100001", "300000", "300001", "300002", "300003", "300004", "300005", "300006", "300007", "300008"),
        *("300009", "300010", "300011", "300012", "300013", "300014", "300015", "300016", "300017", "330005", "330008"),
        *("330011", "330012"),
    }
)
"""Codes with which nothing was placed, several of which ccxt does not know or takes for something else."""


def meaning(found: CrossbookError, answer: "Response | None", operation: Operation) -> CrossbookError:
    """Say what a refused order or cancel means by the venue's code; what has no row here stays as it is."""
    code, words = _told(answer)
    kind: type[CrossbookError] | None = None
    if code in _DUPLICATE or (code == "400100" and any(part in words for part in _DUPLICATE_WORDS)):
        kind = OutcomeUnknown  # our ids are fresh: an earlier delivery of the same order has come through
    elif code in _REFUSED and (operation is Operation.SUBMIT or (code != "100001" and not says_no_order(words))):
        kind = Refused
    if code in _NO_KEY:
        kind = Unauthorized
    elif code in _NO_INSTRUMENT:
        kind = NotListed
    if kind is None or isinstance(found, kind):
        return found
    return kind(found.message, venue=found.venue, hint=None if kind is Refused else found.hint)


def says_no_order(words: str) -> bool:
    """Tell whether KuCoin says that there is no such order."""
    plain_words = words.lower().replace("_", " ")
    return "not exist" in plain_words or "notexist" in plain_words


def checked(handle_errors: Callable[..., Any], venue: str) -> Callable[..., Any]:
    """Refuse an answer without KuCoin's envelope, which ccxt would read as an empty one: as "no order", "no position".

    Args:
        handle_errors: the ccxt object's own check of an answer, which goes on with what has an envelope.
    """

    def check(status: int, reason: str, url: str, method: str, headers: Any, body: str, answer: Any, *more: Any) -> Any:
        whole = isinstance(answer, dict) and ("data" in answer or str(answer.get("code")) != "200000")
        if status < 400 and not whole:
            raise BadAnswer(f"{venue}: an answer that cannot be read", venue=venue)
        return handle_errors(status, reason, url, method, headers, body, answer, *more)

    return check


def margin_mode(answer: Row) -> str:
    """Read a contract's margin mode: ISOLATED or CROSS."""
    mode = str(answer["data"]["marginMode"])
    if mode not in ("ISOLATED", "CROSS"):
        raise ValueError(f"margin mode {mode[:20]!r}")
    return mode


def leverage_of(answer: Row) -> int:
    """Read the leverage of cross margin, or of an isolated position; 1 where there is no position."""
    row = answer["data"] or {}
    if "posInit" not in row:
        return int(to_decimal(row.get("leverage") or 1))
    # `leverage` of an isolated position moves with its gains; what it was opened with is its cost by its margin.
    cost, margin = (abs(to_decimal(row[name])) for name in ("posCost", "posInit"))
    return max(1, round(cost / margin)) if margin else 1


def _told(answer: "Response | None") -> tuple[str, str]:
    """Read code and words of an answer; a page that is no JSON has neither."""
    try:
        body = json.loads(answer.body) if answer is not None else None
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return "", ""
    return str(body.get("code")), str(body.get("msg")).lower()


def spec_body(instrument: Instrument, spec: OrderSpec) -> dict[str, Any]:
    """Write an order as both hosts take it, numbers as text; a stop rises for a buy and falls for a sale.

    Raises Unsupported for what KuCoin would take without a word and do otherwise: post-only counts for GTC alone.
    """
    priced = spec.type in PRICED
    if (spec.post_only and not (priced and spec.tif == GTC)) or (spec.tif == FOK and not priced):
        what = "post-only order that is no GTC limit order" if spec.post_only else "fill-or-kill market order"
        raise Unsupported(f"{instrument.venue} has no {what}.", venue=instrument.venue)
    body: dict[str, Any] = {
        "clientOid": spec.client_id,
        "symbol": instrument.native_id,
        "side": spec.side,
        "type": LIMIT if priced else MARKET,
        "size": plain(spec.size / instrument.unit_size),
    }
    if priced and spec.price is not None:
        body["price"] = plain(spec.price)
        body["timeInForce"] = spec.tif.upper()
        if spec.post_only:
            body["postOnly"] = True
    if spec.type in TRIGGERED and spec.stop_price is not None:
        rises = spec.side == BUY
        body["stopPrice"] = plain(spec.stop_price)
        if instrument.kind == SPOT:
            body["stop"] = "entry" if rises else "loss"
        else:
            body |= {"stop": "up" if rises else "down", "stopPriceType": "TP"}
    if spec.reduce_only:
        body["reduceOnly"] = True
    return body


def sizes_in_contracts(instrument: Instrument, spec: OrderSpec) -> dict[str, Any]:
    """Write a size as the number of whole contracts. Raises NotSent."""
    contracts = spec.size / instrument.unit_size
    if contracts != contracts.to_integral_value():
        raise NotSent(
            f"{instrument.venue}: {plain(contracts)} is no whole number of contracts.", venue=instrument.venue
        )
    return {"size": int(contracts)}


def acknowledged(data: Row, instrument: Instrument, spec: OrderSpec) -> OrderReport:
    """Read the answer to an order: its id, and of a spot order what was matched of it."""
    report = OrderReport(
        venue=instrument.venue,
        symbol=instrument.symbol,
        order_id=str(data["orderId"]),
        client_id=spec.client_id,
        side=spec.side,
        type=spec.type,
        family=spec.family,
    )
    if data.get("originSize") is None or data.get("dealSize") is None:
        return report
    left = to_decimal(data.get("canceledSize") or "0")
    status = OPEN if data.get("status") == "open" else CANCELLED if left else FILLED
    return replace(report, status=status, size=to_decimal(data["originSize"]), filled=to_decimal(data["dealSize"]))


def clean_stop(report: OrderReport, *, fired: bool) -> OrderReport:
    """Read a spot stop, whose numbers have twenty decimals; one that has fired says nothing of its order's state."""

    def short(value: Decimal | None) -> Decimal | None:
        return None if value is None else to_decimal(plain(value))

    return replace(
        report,
        status=None if fired else report.status,
        size=short(report.size),
        filled=report.filled if report.filled is not None else Decimal(0),
        price=short(report.price),
        stop_price=short(report.stop_price),
        tif=report.tif or GTC,
    )


def overview(row: Row, venue: str, currency: str) -> list[Balance]:
    """Read the futures account of one currency; nothing where it is empty.

    `accountEquity` is what trades, fees and funding have come to, and `unrealisedPNL`.
    """
    names = ("accountEquity", "availableBalance", "unrealisedPNL")
    total, free, gain = (to_decimal(str(row[name])) for name in names)
    return [Balance(venue, currency, free, total - free, total, "futures", gain)] if total or free else []


def gross_gain(row: Row) -> Decimal | None:
    """Read what closing parts of a position has gained; `realisedPnl` counts fees and funding as well."""
    return to_decimal_or_none(row.get("realisedGrossPnl"))
