"""Funding of perpetuals: the average premium over the interval, pulled towards the interest rate."""

from simulator.market.calendar import HOUR_MS
from simulator.market.model import FundingView, Listing
from simulator.market.prices import BPS, ListingPrices

_SAMPLES = 8
_INTEREST = 1.0 * BPS
_PULL = 2.0 * BPS
_CAP = 75.0 * BPS


def _rate(premium: float, interval_h: int) -> str:
    pulled = premium + max(-_PULL, min(_PULL, _INTEREST - premium))
    return f"{max(-_CAP, min(_CAP, pulled)) * interval_h / 8.0:.8f}"


def settled(prices: ListingPrices, interval_h: int, settlement_ms: int, now_ms: int) -> str:
    """Return the rate paid at `settlement_ms` as far as it is known at `now_ms`."""
    start = settlement_ms - interval_h * HOUR_MS
    moments = [start + interval_h * HOUR_MS * part // _SAMPLES for part in range(1, _SAMPLES + 1)]
    past = [moment for moment in moments if moment <= now_ms] or [now_ms]
    return _rate(sum(map(prices.premium, past)) / len(past), interval_h)


def current(prices: ListingPrices, listing: Listing, now_ms: int) -> FundingView:
    """Return the running rate, the next settlement (whole intervals since the epoch) and what the premium predicts."""
    hours = listing.funding_interval_h
    interval_ms = hours * HOUR_MS
    next_ms = (now_ms // interval_ms + 1) * interval_ms
    rate = settled(prices, hours, next_ms, now_ms)
    return FundingView(rate, _rate(prices.premium(now_ms), hours), hours, next_ms)


def history(prices: ListingPrices, listing: Listing, start_ms: int, end_ms: int, now_ms: int) -> list[tuple[int, str]]:
    """Return the settlements in [start, end] that lie behind `now_ms` and after the listing, oldest first."""
    hours = listing.funding_interval_h
    interval_ms = hours * HOUR_MS
    first = -(-max(start_ms, listing.listed_ms + interval_ms) // interval_ms) * interval_ms
    last = min(end_ms, now_ms)
    return [(at, settled(prices, hours, at, at)) for at in range(first, last + 1, interval_ms)]
