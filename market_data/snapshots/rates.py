"""Whether a venue's budget allows what is to be recorded, and how beats are dropped evenly where it does not."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from connectors.base import Connector
from connectors.guard import Policy
from domain.errors import RateLimited, Unsupported, UsageError
from domain.instruments import Instrument
from market_data.snapshots.schedule import next_allowed

if TYPE_CHECKING:
    from utils.config.settings import VenueSettings

USUAL_COST = 1.0
"""What a book costs where the connector does not tell."""


class Load(NamedTuple):
    """What a venue is asked for and what its budget lets through, in units of request cost a minute."""

    venue: str
    series: int
    wanted: float
    allowed: float

    @property
    def share(self) -> Fraction:
        """The part of the beats that may be asked for; at most 1."""
        if self.wanted <= self.allowed:
            return Fraction(1)
        return Fraction(self.allowed / self.wanted).limit_denominator(10_000)


def check_depth(connector: Connector, instrument: Instrument, depth: int) -> None:
    """Refuse a venue without books, and a depth that it does not give.

    Raises:
        Unsupported: the venue has no order books.
        UsageError: it does not allow the depth; the nearest allowed one is named.
    """
    venue, capabilities = connector.venue, connector.capabilities
    if not capabilities.books:
        raise Unsupported(f"{venue} has no order books.", venue=venue, hint="Choose others with --venue.")
    allowed = capabilities.book_depths.get(instrument.product or "")
    if depth < 1 or (allowed and depth not in allowed) or (not allowed and 0 < capabilities.max_depth < depth):
        nearest = min(allowed or (max(1, min(depth, capabilities.max_depth)),), key=lambda each: abs(each - depth))
        what = f"{', '.join(map(str, allowed))}" if allowed else f"1 to {capabilities.max_depth}"
        raise UsageError(
            f"{venue} gives books of {instrument.symbol} with {what} levels a side, not {depth};"
            f" the nearest is {nearest}.",
            venue=venue,
            hint=f"Use --depth {nearest}.",
        )


def cost_of(connector: Connector, instrument: Instrument, depth: int) -> float:
    """Tell what one book costs, in units of the venue's budget."""
    build = getattr(connector, "book_request", None)
    return float(build(instrument, depth).cost) if build is not None else USUAL_COST


def steady_per_minute(connector: Connector, settings: "VenueSettings") -> float:
    """Tell how much of a venue's budget flows back in each minute: what can be used for hours.

    The guard lets a burst pass at once and the rest of the budget flow, so that no minute sees more than the whole.
    """
    own = settings.requests_per_minute
    capabilities = connector.capabilities
    policy = Policy(own or capabilities.requests_per_minute, burst=None if own else capabilities.burst)
    burst = max(1.0, policy.burst or policy.requests_per_minute * policy.burst_share)
    return max(1.0, policy.requests_per_minute - burst)


def load(venue: str, costs: Sequence[float], every_s: int, allowed: float) -> Load:
    """Add up what the series of a venue cost."""
    return Load(venue, len(costs), sum(costs) * 60 / every_s, allowed)


def check_loads(loads: Sequence[Load], every_s: int) -> None:
    """Refuse a plan that a venue's budget does not allow.

    Raises:
        OverBudget: with the rate that is possible.
    """
    over = [each for each in loads if each.share < 1]
    if not over:
        return
    names = "; ".join(
        f"{each.venue}: {each.series} series every {every_s} s need {each.wanted:g} units of budget a minute,"
        f" {each.allowed:g} are there"
        for each in over
    )
    possible = next_allowed(every_s * max(each.wanted / each.allowed for each in over) - 1e-9)
    slower = f"Use --every {possible}s, or" if possible else "Record fewer series, or use"
    raise OverBudget(f"{names}.", venue=over[0].venue, hint=f"{slower} --best-effort (seconds are left out evenly).")


class OverBudget(UsageError):
    """More is asked for than a venue's budget allows; nothing was recorded."""

    category = RateLimited.category


class Turns:
    """Which beats a series may be asked for: `share` of them, evenly, and not all series of a venue at once."""

    def __init__(self, share: Fraction, place: int = 0) -> None:
        self._share = share
        self._place = place

    def mine(self, beat: int) -> bool:
        """Tell whether the beat of this number is one of them."""
        if self._share >= 1:
            return True
        step, (part, whole) = beat + self._place, self._share.as_integer_ratio()
        return (step + 1) * part // whole > step * part // whole

    def words(self, every_s: int) -> str:
        """Say why a beat is left out."""
        return f"the budget allows a book every {math.ceil(every_s / self._share * 10) / 10:g} s"


def turns(loads: Mapping[str, Load], venue: str, place: int) -> Turns:
    """Return the turns of the series at this place among those of its venue."""
    return Turns(loads[venue].share, place) if venue in loads else Turns(Fraction(1))
