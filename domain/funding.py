"""Funding of perpetuals. A rate always stands beside the interval it is paid over."""

from decimal import Decimal
from typing import NamedTuple

from domain.money import BadNumber

HOURS_PER_YEAR = 8760
MAX_RATE = Decimal("0.9")
"""Beyond this share of notional in one interval it is no funding rate; venues cap theirs at a few percent."""
MIN_INTERVAL_H, MAX_INTERVAL_H = Decimal("0.01"), Decimal(24 * 31)


class FundingPoint(NamedTuple):
    """A settled rate: a fraction of notional (0.0001 = 1 bp), positive when longs pay shorts."""

    time_ms: int
    rate: Decimal
    interval_h: Decimal | None = None


class Funding(NamedTuple):
    """What a venue says now about one perpetual.

    `current` is the rate that will be (or, where funding is continuous, is being) paid for the running interval;
    `predicted` the one after it, where the venue gives it; `interval_h` what the venue declares, or None;
    `next_time_ms` the coming settlement, or None where funding is continuous.
    """

    venue: str
    symbol: str
    current: Decimal | None
    predicted: Decimal | None
    interval_h: Decimal | None
    next_time_ms: int | None
    continuous: bool
    mark_price: Decimal | None
    index_price: Decimal | None
    received_at_ns: int


def check_rate(rate: Decimal | None, interval_h: Decimal | None) -> None:
    """Refuse a rate or an interval that cannot be one.

    Raises:
        BadNumber: saying which.
    """
    if rate is not None and abs(rate) > MAX_RATE:
        raise BadNumber(f"a funding rate of {rate:.3e}")
    if interval_h is not None and not MIN_INTERVAL_H <= interval_h <= MAX_INTERVAL_H:
        raise BadNumber(f"a funding interval of {interval_h:.3e} hours")


def funding_apr(rate: Decimal, interval_h: Decimal) -> Decimal:
    """Annualise a per-interval rate without compounding (1 = 100 %)."""
    return rate * HOURS_PER_YEAR / interval_h


def funding_apy(rate: Decimal, interval_h: Decimal) -> Decimal:
    """Annualise a per-interval rate, compounding every interval (1 = 100 %)."""
    periods = Decimal(HOURS_PER_YEAR) / interval_h
    return (1 + rate) ** periods - 1
