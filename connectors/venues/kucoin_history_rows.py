"""KuCoin's rows of what moved money without a trade: funding, settlements at expiry, deposits and withdrawals."""

from collections.abc import Mapping
from typing import Any

from domain.instruments import Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.movements import WITHDRAWAL, Delivery, Transfer
from domain.orders import SELL, Fill, FundingPayment

Row = Mapping[str, Any]


def payment(row: Row, instrument: Instrument) -> FundingPayment:
    """Read one funding payment."""
    return FundingPayment(
        venue=instrument.venue,
        symbol=instrument.symbol,
        payment_id=str(row["id"]),
        time_ms=int(row["timePoint"]),
        amount=to_decimal(str(row["funding"])),
        currency=instrument.settle or str(row["settleCurrency"]),
        rate=to_decimal(str(row["fundingRate"])),
    )


def payment_page(answer: Row) -> tuple[list[Row], bool]:
    """Read a page of funding payments, and whether there is another."""
    return list(answer["data"]["dataList"]), bool(answer["data"]["hasMore"])


def read_delivery(fill: Fill, instrument: Instrument) -> Delivery:
    """Read a settlement at expiry out of the trade as which it is listed: a sale ends a long position.

    What the wallet got by it is not told.
    """
    return Delivery(
        venue=fill.venue,
        symbol=fill.symbol,
        delivery_id=fill.trade_id,
        time_ms=fill.time_ms,
        size=fill.size if fill.side == SELL else -fill.size,
        price=fill.price,
        currency=str(instrument.settle),
        fee=fill.fee,
    )


def read_transfer(raw: Row, venue: str, kind: str) -> Transfer | None:
    """Read a deposit or a withdrawal as ccxt has it; None where it has not gone through.

    The amount is taken to be what was credited, or what left, and the fee to be paid beside it.
    """
    if raw["status"] != "ok":
        return None
    info, amount = raw["info"], to_decimal(str(raw["amount"]))
    parts = (info["createdAt"], info["currency"], info.get("walletTxId") or info.get("address") or "", info["amount"])
    return Transfer(
        venue=venue,
        transfer_id=str(raw.get("id") or ":".join(map(str, parts))),
        time_ms=int(raw.get("updated") or raw["timestamp"]),
        kind=kind,
        currency=str(raw["currency"]),
        amount=-amount if kind == WITHDRAWAL else amount,
        fee=to_decimal_or_none((raw.get("fee") or {}).get("cost")),
    )
