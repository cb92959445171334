"""What a recorded series was like: spread, depth, imbalance and impact of every second, summed up period by period."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.errors import UsageError
from domain.instruments import OPTION
from domain.snapshots import OK, SECOND_NS, SeriesFacts
from market_data.snapshots.arrays import equal, floats, lists, times_us
from market_data.snapshots.measures import depth_within, imbalance, impact_bps, mid_of, side_of, spread_bps
from market_data.snapshots.selecting import Window

if TYPE_CHECKING:
    from market_data.snapshots.measures import Floats, Side, Whole

SPREAD, DEPTH, IMPACT = "spread", "depth", "impact"
MEASURES = (SPREAD, DEPTH, IMPACT)
_COLUMNS = ["time", "status", "bid", "ask"]
_LISTS = ["bid_prices", "bid_sizes", "ask_prices", "ask_sizes"]
US_NS = 1000
_DAY_NS = 86_400 * SECOND_NS


class Asked(NamedTuple):
    """What is wanted: periods of `per_ns`, depth within `bps` of the mid, impact of an order of `quote`."""

    per_ns: int
    bps: float = 10.0
    quote: float = 100_000.0
    measures: tuple[str, ...] = MEASURES

    @classmethod
    def checked(cls, per_ms: int, bps: float, quote: float, measures: tuple[str, ...]) -> "Asked":
        """Check what was asked for.

        Raises:
            UsageError: a number makes no sense.
        """
        if per_ms % 1000 or (_DAY_NS % (per_ms * 1_000_000) and per_ms * 1_000_000 % _DAY_NS):
            raise UsageError(
                "Periods have to part a day evenly, or be whole days.", hint="For example 1m, 15m, 1h, 1d."
            )
        if not 0 < bps < 10_000:
            raise UsageError(
                "A distance from the mid lies between 0 and 10,000 basis points.", hint="Write --within 10."
            )
        if not 0 < quote < 1e15:
            raise UsageError("A size must be above zero, and one that an order can have.", hint="Write --size 100000.")
        return cls(per_ms * 1_000_000, bps, quote, tuple(name for name in MEASURES if name in measures) or MEASURES)


@dataclass
class Period:
    """One period, or all together. Means are over its seconds with a book; None where there is nothing to say.

    `rows` counts the seconds that have a row, `ok` those with a good book, `short` (buying, selling) those whose
    recorded levels did not hold the whole order (they are left out of the impact), `cut` (bids, asks) those whose
    recorded levels ended within the distance of the mid, so that the depth was at least what is shown. Depths are
    (base, quote); spread and impact are in basis points of the mid.
    """

    start_ns: int | None
    rows: int = 0
    ok: int = 0
    mid_first: float | None = None
    mid_last: float | None = None
    spread_mean: float | None = None
    spread_median: float | None = None
    spread_p95: float | None = None
    bids: tuple[float | None, float | None] = (None, None)
    asks: tuple[float | None, float | None] = (None, None)
    imbalance: float | None = None
    cut: tuple[int, int] = (0, 0)
    buy_bps: float | None = None
    sell_bps: float | None = None
    short: tuple[int, int] = (0, 0)


@dataclass
class StatsAnswer:
    """A series' periods in order of time, those without a row left out, and all of them together."""

    facts: SeriesFacts
    window: Window
    asked: Asked
    periods: list[Period] = field(default_factory=list)
    total: Period = field(default_factory=lambda: Period(None))
    notes: list[str] = field(default_factory=list)

    @property
    def currencies(self) -> tuple[str, str]:
        """Name what depths count in: base, and what prices are in."""
        facts = self.facts
        coin = facts.kind == OPTION and facts.settle == facts.base
        return facts.base, facts.base if coin else facts.quote


class Seconds(NamedTuple):
    """Some seconds in order of time: which have a good book, and their figures by name."""

    time_ns: "Whole"
    ok: Any
    figures: Mapping[str, Any]


def statistics(
    facts: SeriesFacts, tables: Callable[[list[str]], Iterable[Any]], window: Window, asked: Asked
) -> StatsAnswer:
    """Work out a series' figures.

    Args:
        tables: gives the stored rows of the window as Arrow tables of the columns named, in order of time.
    """
    answer = StatsAnswer(facts, window, asked)
    names = _COLUMNS + (_LISTS if {DEPTH, IMPACT} & set(asked.measures) else [])
    sums, total, slot = _Sums(), _Sums(), None
    for table in tables(names):
        for number, part in _by_period(_seconds(table, facts, asked), asked.per_ns):
            if slot is not None and number != slot:
                answer.periods.append(sums.period(slot * asked.per_ns))
                sums = _Sums()
            slot = number
            sums.add(part)
            total.add(part)
    if slot is not None:
        answer.periods.append(sums.period(slot * asked.per_ns))
    answer.total = total.period(None)
    return answer


def _seconds(table: Any, facts: SeriesFacts, asked: Asked) -> Seconds:
    """Work out every row's figures; those without a good book are kept as rows that are not `ok`."""
    ok = equal(table.column("status"), OK)
    bid, ask = (floats(table.column(name)) for name in ("bid", "ask"))
    mid = mid_of(bid, ask)
    figures: dict[str, Any] = {"mid": mid, "spread": spread_bps(bid, ask)}
    if len(table.column_names) > len(_COLUMNS):
        buying, selling = (_side(table, name, inverse=facts.inverse) for name in ("ask", "bid"))
        if DEPTH in asked.measures:
            asks = depth_within(buying, mid, asked.bps, buying=True)
            bids = depth_within(selling, mid, asked.bps, buying=False)
            figures |= {"asks_base": asks.base, "asks_quote": asks.quote, "asks_cut": asks.cut}
            figures |= {"bids_base": bids.base, "bids_quote": bids.quote, "bids_cut": bids.cut}
            figures["imbalance"] = imbalance(bids.base, asks.base)
        if IMPACT in asked.measures:
            figures["buy"] = impact_bps(buying, mid, asked.quote, buying=True)
            figures["sell"] = impact_bps(selling, mid, asked.quote, buying=False)
    return Seconds(times_us(table) * US_NS, ok, figures)


def _side(table: Any, name: str, *, inverse: bool) -> "Side":
    (ends, prices), (_, sizes) = (lists(table.column(f"{name}_{what}")) for what in ("prices", "sizes"))
    return side_of(ends, prices, sizes, inverse=inverse)


def _by_period(found: Seconds, per_ns: int) -> Iterator[tuple[int, Seconds]]:
    """Part seconds where a period ends; periods begin at multiples of their length since 1970, in UTC."""
    import numpy as np

    slots = found.time_ns // per_ns
    borders = [0, *(np.flatnonzero(np.diff(slots)) + 1).tolist(), len(slots)]
    for first, last in pairwise(borders):
        if last > first:
            part = {name: figures[first:last] for name, figures in found.figures.items()}
            yield int(slots[first]), Seconds(found.time_ns[first:last], found.ok[first:last], part)


class _Sums:
    """What is kept of seconds that are summed up: sums and counts, and every spread (8 bytes), for the median."""

    def __init__(self) -> None:
        self._rows = self._ok = 0
        self._sums: dict[str, tuple[float, int]] = {}
        self._spreads: list[Floats] = []
        self._first: float | None = None
        self._last: float | None = None

    def add(self, part: Seconds) -> None:
        """Take seconds in; those without a good book are counted only."""
        import numpy as np

        self._rows += len(part.ok)
        self._ok += int(part.ok.sum())
        good = {name: figures[part.ok] for name, figures in part.figures.items()}
        two_sided = np.isfinite(good["mid"])
        good = {name: figures[two_sided] for name, figures in good.items()}
        if not two_sided.any():
            return
        for name, figures in good.items():
            there = figures[np.isfinite(figures)]
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + float(there.sum()), count + len(there))
        self._spreads.append(good["spread"])
        self._first = float(good["mid"][0]) if self._first is None else self._first
        self._last = float(good["mid"][-1])

    def period(self, start_ns: int | None) -> Period:
        """Return what they come to."""
        import numpy as np

        period = Period(start_ns, self._rows, self._ok, self._first, self._last)
        if not self._spreads:
            return period
        spreads = np.sort(np.concatenate(self._spreads))
        period.spread_mean = self._mean("spread")
        period.spread_median, period.spread_p95 = _quantile(spreads, 0.5), _quantile(spreads, 0.95)
        period.bids, period.asks = (
            (self._mean(f"{side}_base"), self._mean(f"{side}_quote")) for side in ("bids", "asks")
        )  # fmt: skip
        period.imbalance, period.buy_bps, period.sell_bps = map(self._mean, ("imbalance", "buy", "sell"))
        period.cut = (int(self._of("bids_cut")[0]), int(self._of("asks_cut")[0]))
        seconds = self._of("mid")[1]
        if "buy" in self._sums:
            period.short = (seconds - self._of("buy")[1], seconds - self._of("sell")[1])
        return period

    def _of(self, name: str) -> tuple[float, int]:
        return self._sums.get(name, (0.0, 0))

    def _mean(self, name: str) -> float | None:
        total, count = self._of(name)
        return total / count if count else None


def _quantile(ordered: "Floats", part: float) -> float:
    """Return what `np.quantile` does, which loads `numpy.ma` first: that takes longer than a day's spreads do."""
    at = (len(ordered) - 1) * part
    below = int(at)
    first, last, share = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)]), at - below
    return first + (last - first) * share if share < 0.5 else last - (last - first) * (1 - share)
