"""OKX's rows of own trades, bills, deposits, withdrawals, balances and positions in the project's terms.

Source: okx.com/docs-v5. Everything is text; what is absent is empty text.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from domain.instruments import OPTION, Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.movements import DEPOSIT, OTHER, WITHDRAWAL, Delivery, Transfer
from domain.orders import Balance, Fill, FundingPayment, Position
from domain.time import read_ms

Row = Mapping[str, Any]

LONG_ENDED, SHORT_ENDED, LAPSED = frozenset({"112", "170"}), frozenset({"113", "171"}), "172"
"""`subType` of a delivery: delivered or exercised, of the long and of the short side; an option out of the money."""
_CREDITED = frozenset({"1", "2"})
_SENT = "2"


def read_fill(row: Row, instrument: Instrument, stop: Row | None) -> Fill:
    """Read an own trade; `stop` is the order, where an algo order placed it. Fees are below zero where paid."""
    fee = to_decimal_or_none(row.get("fee"))
    maker = row.get("execType")
    return Fill(
        venue=instrument.venue,
        symbol=instrument.symbol,
        trade_id=str(row["tradeId"]),
        order_id=row["ordId"] if stop is None else stop["algoId"],
        client_id=(row.get("clOrdId") if stop is None else stop.get("algoClOrdId")) or None,
        side=str(row["side"]),
        price=to_decimal(row["fillPx"]),
        size=to_decimal(row["fillSz"]) * instrument.unit_size,
        fee=None if fee is None else -fee,
        fee_currency=row.get("feeCcy") or None,
        maker={"M": True, "T": False}.get(str(maker)),
        time_ms=read_ms(row.get("fillTime") or row["ts"]),
    )


def read_bill(row: Row, instrument: Instrument) -> FundingPayment:
    """Read a funding bill (type 8): below zero was paid."""
    return FundingPayment(
        venue=instrument.venue,
        symbol=instrument.symbol,
        payment_id=str(row["billId"]),
        time_ms=read_ms(row["ts"]),
        amount=to_decimal(row["balChg"]),
        currency=str(row["ccy"]),
    )


def read_delivery(row: Row, instrument: Instrument, held: Decimal) -> Delivery:
    """Read a delivery bill (type 3).

    `sz` is always positive and the `subType` says which side ended, but for options that lapse: there `held`, what own
    trades add up to, tells the side. `px` is the price of the underlying, so an option's worth is found from what it
    brought. `balChg` has the fee taken off already.
    """
    size = to_decimal(row["sz"]) * instrument.unit_size
    kind, amount = str(row["subType"]), to_decimal(row["balChg"])
    price = to_decimal(row["px"]) if instrument.kind != OPTION else Decimal(0)
    if instrument.kind == OPTION and size and kind != LAPSED:
        price = abs(amount - to_decimal(row.get("fee") or 0)) / size
    short = held < 0 if kind == LAPSED else kind in SHORT_ENDED
    return Delivery(
        venue=instrument.venue,
        symbol=instrument.symbol,
        delivery_id=str(row["billId"]),
        time_ms=read_ms(row["ts"]),
        size=-size if short else size,
        price=price,
        currency=str(row["ccy"]),
        amount=amount,
        fee=-to_decimal(row.get("fee") or 0),
    )


def read_deposit(row: Row, venue: str) -> Iterator[Transfer]:
    """Read a deposit that is credited (state 1: not to be withdrawn yet, or 2)."""
    if str(row["state"]) in _CREDITED:
        amount = to_decimal(row["amt"])
        yield Transfer(venue, str(row["depId"]), read_ms(row["ts"]), DEPOSIT, str(row["ccy"]), amount, Decimal(0))


def read_withdrawal(row: Row, venue: str) -> Iterator[Transfer]:
    """Read a withdrawal that was sent (state 2); its fee comes on top, at times in another currency (`feeCcy`).

    The fee is a number, which older rows end with the currency (`0.01000000eth`).
    """
    if str(row["state"]) != _SENT:
        return
    told, time_ms, currency = str(row["wdId"]), read_ms(row["ts"]), str(row["ccy"])
    number = re.match(r"[\d.]+", str(row.get("fee") or ""))
    fee = to_decimal(number[0]) if number else None
    paid_in = row.get("feeCcy") or currency
    own_fee = fee if paid_in == currency else Decimal(0)
    yield Transfer(venue, told, time_ms, WITHDRAWAL, currency, -to_decimal(row["amt"]), own_fee)
    if paid_in != currency and fee:
        yield Transfer(venue, f"{told}-fee", time_ms, OTHER, paid_in, -fee)


def read_balance(row: Row, venue: str) -> Balance | None:
    """Read a currency of the trading account; None where there is nothing of it.

    `eq` counts open positions in. What they are worth is what it has beyond `cashBal` and beyond the margins that were
    moved to isolated positions (`isoEq` without `isoUpl`).
    """
    total = to_decimal(row["eq"])
    free = to_decimal_or_none(row.get("availEq") or row.get("availBal"))
    used, cash = to_decimal_or_none(row.get("frozenBal")), to_decimal_or_none(row.get("cashBal"))
    if not (total or free or used or cash):
        return None
    margins = to_decimal(row.get("isoEq") or 0) - to_decimal(row.get("isoUpl") or 0)
    worth = None if cash is None else total - cash - margins
    return Balance(venue, str(row["ccy"]), free, used, total, positions_value=worth)


def read_funding_balance(row: Row, venue: str) -> Balance | None:
    """Read a currency of the funding account, which deposits go to; None where there is nothing of it."""
    total = to_decimal(row["bal"])
    free, used = to_decimal_or_none(row.get("availBal")), to_decimal_or_none(row.get("frozenBal"))
    return Balance(venue, str(row["ccy"]), free, used, total, "funding") if total else None


def read_position(row: Row, instrument: Instrument) -> Position | None:
    """Read a position; None where it is flat. `realizedPnl` is that of this position, after its fees and funding."""
    size = to_decimal(row.get("pos") or 0) * instrument.unit_size
    if not size:
        return None
    return Position(
        venue=instrument.venue,
        symbol=instrument.symbol,
        size=-abs(size) if row.get("posSide") == "short" else size,
        entry_price=_price(row.get("avgPx")),
        mark_price=_price(row.get("markPx")),
        liquidation_price=_price(row.get("liqPx")),
        leverage=to_decimal_or_none(row.get("lever")),
        margin_mode=row.get("mgnMode") or None,
        unrealized=to_decimal_or_none(row.get("upl")),
        realized=to_decimal_or_none(row.get("realizedPnl")),
        updated_ms=read_ms(row["uTime"]) if row.get("uTime") else None,
    )


def _price(text: object) -> Decimal | None:
    return to_decimal_or_none(text) or None
