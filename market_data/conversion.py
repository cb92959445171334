"""What one unit of a currency is worth in another now, from the markets, and how we know."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.errors import CrossbookError, UsageError
from domain.instruments import SPOT, Instrument
from domain.money import plain, rounded
from domain.quotes import OK
from market_data.quotes import age_ms, judged, mid_of
from utils.symbols.parts import DOLLARS

if TYPE_CHECKING:
    from connectors.market_cache import MarketCache
    from connectors.registry import Venues
    from utils.config.settings import Config

USUAL_DOLLARS = ("USDT", "USDC", "USD")
"""Dollars that currencies are listed against, the likeliest first."""
SPOT_ONLY, SPOT_THEN_PERPETUAL = ("{}/{}",), ("{}/{}", "{}/{}:{}")
SAME = "same currency"
EQUAL = "no market between the two was found: two dollars, taken as equal"
_PLACES = 18
_ONE = Decimal(1)


class Pair(NamedTuple):
    """An instrument between two currencies; `turned`: the first of them is its quote, so that its price is inverted."""

    instrument: Instrument
    turned: bool

    def worth(self, price: Decimal) -> Decimal:
        """Turn the instrument's price (quote per base) into what the first currency is worth in the second."""
        return 1 / price if self.turned else price


class Rate(NamedTuple):
    """One unit of `currency` is worth `price` of `numeraire`.

    `source` names the venues that said so, `symbol` their markets; `age_ms` is how old the oldest price was when it
    was asked for. `assumed`: nobody said so, it is an assumption (`source` says which).
    """

    currency: str
    numeraire: str
    price: Decimal
    source: str
    symbol: str | None = None
    age_ms: int | None = None
    assumed: bool = False

    @property
    def text(self) -> str:
        """Say the rate, its source and its age in one line."""
        age = "" if self.age_ms is None else f", {self.age_ms} ms old"
        market = f" {self.symbol}" if self.symbol else ""
        return f"1 {self.currency} = {plain(rounded(self.price, 8))} {self.numeraire}  ({self.source}{market}{age})"

    def record(self) -> dict[str, Any]:
        """Return the rate as it stands in JSON."""
        return self._asdict()


def numeraire_of(text: str) -> str:
    """Read the currency that a user wants figures in.

    Raises:
        UsageError: it cannot be one.
    """
    numeraire = text.strip().upper()
    if not numeraire.isascii() or not numeraire.isalnum():
        raise UsageError(f"'{numeraire[:20]}' is no currency.", hint="Write USDT, USDC, USD or BTC.")
    return numeraire


def pairs(
    lists: "MarketCache", venue: str, currency: str, others: Sequence[str], forms: Sequence[str] = SPOT_ONLY
) -> Iterator[Pair]:
    """Find a venue's instruments between a currency and others, in the order of the forms, then of the others.

    Inverse contracts are none; of perpetuals only those whose base is the currency.
    """
    for form in forms:
        for other in others:
            for base, quote, turned in ((currency, other, False), (other, currency, True)):
                found = lists.find(venue, form.format(base, quote, quote))
                if found is not None and not found.inverse and (found.kind == SPOT or not turned):
                    yield Pair(found, turned)


class Conversion:
    """Rates into one numeraire, each asked for once: at the venue that it concerns, else in the middle over all.

    What has no market against the numeraire goes over a dollar; two dollars without a market between them are taken as
    equal, and the rate says so. `failures` are venues that should have told a rate and did not answer (sentences).
    """

    def __init__(self, venues: "Venues", config: "Config", deadline: float, numeraire: str) -> None:
        """Wire it; `deadline` is until when (time.monotonic seconds) it may ask."""
        self.venues = venues
        self.config = config
        self.deadline = deadline
        self.numeraire = numeraire
        self.failures: list[str] = []
        self._known: dict[tuple[str, str, str | None], Rate | None] = {}
        self._locks: dict[tuple[str, str, str | None], threading.Lock] = {}
        self._everywhere: Venues | None = None
        self._lock = threading.Lock()

    def renew(self, deadline: float) -> None:
        """Forget every rate, to ask for it anew; the venues that were opened for it stay open."""
        self.deadline = deadline
        with self._lock:
            self.failures, self._known = [], {}

    def load(self, wanted: Iterable[tuple[str, str | None]]) -> None:
        """Ask for the rates of several (currency, venue) side by side; `rate` then answers at once."""
        from market_data.ask import ask_all

        def job(currency: str, venue: str | None) -> Callable[[], Rate | None]:
            return lambda: self.rate(currency, venue)

        needed = [(currency, venue) for currency, venue in dict.fromkeys(wanted) if currency != self.numeraire]
        ask_all({f"{currency} {venue}": job(currency, venue) for currency, venue in needed}, self.deadline)

    def rate(self, currency: str, venue: str | None = None) -> Rate | None:
        """Tell what one unit is worth in the numeraire; None where no market tells. Never raises."""
        if currency == self.numeraire:
            return Rate(currency, self.numeraire, _ONE, SAME)
        return self._once((currency, "", venue), lambda: self._find(currency, venue))

    def _find(self, currency: str, venue: str | None) -> Rate | None:
        found = self._direct(currency, self.numeraire, venue)
        if found is not None:
            return found
        for middle in USUAL_DOLLARS:
            if middle in (currency, self.numeraire):
                continue
            first = self._direct(currency, middle, venue)
            # A dollar that would need another one to be the numeraire is as good as that one itself.
            assumed = None if currency in DOLLARS else self._assumed(middle)
            second = first and (self._direct(middle, self.numeraire, venue) or assumed)
            if first and second:
                return _joined(first, second)
        return self._assumed(currency)

    def _assumed(self, currency: str) -> Rate | None:
        if currency not in DOLLARS or self.numeraire not in DOLLARS:
            return None
        return Rate(currency, self.numeraire, _ONE, EQUAL, assumed=True)

    def _direct(self, currency: str, other: str, venue: str | None) -> Rate | None:
        return self._once((currency, other, venue), lambda: self._asked(currency, other, venue))

    def _asked(self, currency: str, other: str, venue: str | None) -> Rate | None:
        for pair in pairs(self.venues.cache, venue, currency, (other,)) if venue in self.venues.names else ():
            found = self._at_venue(pair, currency, other)
            if found is not None:
                return found
        if venue is not None:
            return self._direct(currency, other, None)
        return self._over_all(currency, other, turned=False) or self._over_all(other, currency, turned=True)

    def _at_venue(self, pair: Pair, currency: str, other: str) -> Rate | None:
        venue = pair.instrument.venue
        try:
            connector = self.venues.connector(venue)
            quote = connector.fetch_quote(pair.instrument)
        except CrossbookError as error:
            self._failed(f"{venue} does not tell the price of {pair.instrument.symbol}: {error.message}")
            return None
        offset_ms = connector.context.clock_offset_ms()
        age = age_ms(quote.venue_time_ns, quote.received_at_ns, time.time_ns(), offset_ms)
        status, reason = judged(quote.bid, quote.ask, age, self.config.stale_after_ms)
        mid = mid_of(quote.bid, quote.ask)
        if status != OK or not mid:
            self._failed(f"{venue} {pair.instrument.symbol} has no usable price: {reason}")
            return None
        return Rate(currency, other, rounded(pair.worth(mid), _PLACES), venue, pair.instrument.symbol, age)

    def _over_all(self, base: str, quote: str, *, turned: bool) -> Rate | None:
        from market_data.consolidated import consolidated

        everywhere = self._all()
        symbol = f"{base}/{quote}"
        if not everywhere.cache.find_everywhere(list(everywhere.names), symbol):
            return None
        answer = consolidated(everywhere, self.config, self.deadline, symbol)
        if answer is None or not answer.mid:
            self._failed(f"No venue shows a usable price of {symbol}.")
            return None
        best = [row for row in (answer.best_bid, answer.best_ask) if row is not None]
        source = ", ".join(dict.fromkeys(row.venue for row in best))
        age = max((row.age_ms for row in best if row.age_ms is not None), default=None)
        one, other, price = (quote, base, 1 / answer.mid) if turned else (base, quote, answer.mid)
        return Rate(one, other, rounded(price, _PLACES), source, symbol, age)

    def _all(self) -> "Venues":
        from market_data.consolidated import all_venues

        with self._lock:
            if self._everywhere is None:
                self._everywhere = all_venues(self.config, self.venues)
            self._everywhere.start(self.deadline)
            return self._everywhere

    def _once(self, key: tuple[str, str, str | None], ask: Callable[[], Rate | None]) -> Rate | None:
        with self._lock:
            lock, known = self._locks.setdefault(key, threading.Lock()), self._known
        with lock:
            if key not in known:
                known[key] = ask()
            return known[key]

    def _failed(self, sentence: str) -> None:
        with self._lock:
            if sentence not in self.failures:
                self.failures.append(sentence)


def _joined(first: Rate, second: Rate) -> Rate:
    ages = [rate.age_ms for rate in (first, second) if rate.age_ms is not None]
    source = first.source if first.source == second.source else f"{first.source} and {second.source}"
    symbols = [rate.symbol for rate in (first, second) if rate.symbol]
    return Rate(
        first.currency,
        second.numeraire,
        rounded(first.price * second.price, _PLACES),
        source,
        " × ".join(symbols) or None,
        max(ages, default=None),
        first.assumed or second.assumed,
    )
