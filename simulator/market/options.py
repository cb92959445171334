"""Undiscounted Black-Scholes prices with a smile."""

from math import erf, exp, log, sqrt

YEAR_MS = 31_557_600_000


def _normal(value: float) -> float:
    return 0.5 * (1.0 + erf(value / 1.4142135623730951))


def smile(level: float, forward: float, strike: float, years: float) -> float:
    """Return the implied volatility at `strike`: `level` at the money, higher in the wings, skewed to puts."""
    moneyness = log(strike / forward) / sqrt(years)
    bounded = max(-3.0, min(3.0, moneyness))
    return level * (1.0 + 0.10 * bounded * bounded - 0.04 * bounded)


def black(forward: float, strike: float, years: float, volatility: float, is_call: bool) -> float:
    """Return the price of an option in the forward's currency."""
    deviation = volatility * sqrt(years)
    d1 = log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    if is_call:
        return forward * _normal(d1) - strike * _normal(d2)
    return strike * _normal(-d2) - forward * _normal(-d1)


def carried(spot: float, rate: float, years: float) -> float:
    """Return the forward of `spot` after `years` at the annual `rate`."""
    return spot * exp(rate * years)
