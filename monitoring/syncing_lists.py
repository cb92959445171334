"""The lists of one venue, each read on from where the ledger has it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from domain.errors import BadAnswer, CrossbookError, NotListed, Refused, Unauthorized, Unsupported
from domain.instruments import PERPETUAL, SPOT, Instrument
from domain.movements import Delivery, Transfer
from domain.orders import SIDES, Fill, FundingPayment
from domain.time import MS_PER_DAY, MS_PER_HOUR, rfc3339
from monitoring.ledger.ranges import Range, missing
from monitoring.ledger.rows import BLIND, UNLISTED, UNSUPPORTED, Cursor, Gap

if TYPE_CHECKING:
    from connectors.registry import Venues
    from connectors.trading import Trading
    from monitoring.ledger.store import Ledger
    from monitoring.syncing import Synced

FILLS, FUNDING, DELIVERIES, TRANSFERS = "fills", "funding", "deliveries", "transfers"
"""Streams of which the ledger keeps how far they were read; also what is counted as new (`funding`: payments)."""
OVERLAP_MS = {FILLS: 10 * 60_000, FUNDING: MS_PER_HOUR, DELIVERIES: MS_PER_DAY, TRANSFERS: 7 * MS_PER_DAY}
"""How much of the end is read again: lists lag, and a transfer bears the time at which it was asked for."""
_OVER_MS = 2 * MS_PER_DAY
"""How long after its expiry an instrument's lists are still read on."""
E = TypeVar("E", Fill, FundingPayment, Delivery, Transfer)


class Reader:
    """One reading of one venue. `error` is the first that was met; what it concerned was left out.

    Args:
        wanted: what of the history is wanted (the venue's clock), as far as its lists are sure to be whole.
        gaps: is given what cannot be read.
        again: read what the ledger has already, too: a venue may have listed something late.
    """

    def __init__(
        self,
        venues: "Venues",
        ledger: "Ledger",
        trading: "Trading",
        wanted: Range,
        now_ms: int,
        asked: Sequence[Instrument],
        done: "Synced",
        tell: Callable[[str], None],
        gaps: dict[tuple[str | None, str, str], Gap],
        *,
        again: bool = False,
    ) -> None:
        self.venue = trading.venue
        self._again = again
        self.error: CrossbookError | None = None
        self.instruments = {item.symbol: item for item in asked}
        self._cache = venues.cache
        self._ledger = ledger
        self._trading = trading
        self._wanted = wanted
        self._now_ms = now_ms
        self._done = done
        self._tell = tell
        self._gaps = gaps
        self._held: frozenset[str] = frozenset()

    def read(self, held: Iterable[str]) -> None:
        """Read everything; `held` are symbols with an open position.

        Raises:
            CrossbookError: the venue gave no answer; what was read until then is kept.
        """
        self._held = frozenset(held)
        self._find()
        self._ledger.add_instruments(self._described(item) for item in self.instruments.values())
        many = len(self.instruments)
        for number, instrument in enumerate(self.instruments.values(), 1):
            self._tell(f"reading {instrument.symbol} ({number} of {many})")
            self._one(instrument, FILLS, self._read_fills)
            if instrument.kind == PERPETUAL:
                self._one(instrument, FUNDING, self._read_payments)
            if self._may_have_ended(instrument):
                self._one(instrument, DELIVERIES, self._read_deliveries)
        self._tell("reading transfers")
        try:
            self._read_transfers()
        except Unsupported as error:
            self.gap(None, UNSUPPORTED, error.message)

    def gap(self, symbol: str | None, kind: str, text: str) -> None:
        """Note what is missing."""
        self._gaps[symbol, kind, text] = Gap(self.venue, symbol, kind, text, *self._wanted)

    # --- what to read ------------------------------------------------------------------------------------------------

    def _find(self) -> None:
        """Collect what was traded, as far as the venue, the ledger, open positions and the user tell."""
        self._tell("asking what was traded")
        traded = self._trading.traded(self._wanted.from_ms)
        for native_id in traded.unlisted:
            text = f"{native_id} was traded, and is not listed any more: what that came to is not known."
            self.gap(native_id, UNLISTED, text)
        if traded.blind is not None:
            self.gap(None, BLIND, traded.blind)
        for item in traded.instruments:
            self.instruments.setdefault(item.symbol, item)
        known = self._ledger.instruments()
        for symbol in (*sorted(self._held), *self._ledger.symbols(self.venue)):
            if symbol not in self.instruments:
                found = self._cache.find(self.venue, symbol) or known.get((self.venue, symbol))
                if found is None:
                    self.gap(symbol, UNLISTED, f"{symbol} is not listed any more: more of its trades cannot be read.")
                else:
                    self.instruments[symbol] = found

    def _described(self, instrument: Instrument) -> Instrument:
        """Say of spot that is held as a position what it settles in: so it is told from spot that is owned."""
        if instrument.kind == SPOT and SPOT in self._trading.rules.reduce_only and instrument.settle is None:
            return replace(instrument, settle=instrument.quote)
        return instrument

    def _may_have_ended(self, instrument: Instrument) -> bool:
        """Tell whether it may have been delivered: at its expiry, or before, where the venue does not hold it any more.

        A perpetual is delivered, too, when it is delisted.
        """
        if instrument.kind == SPOT or instrument.symbol in self._held:
            return instrument.expiry_ms is not None and instrument.expiry_ms <= self._now_ms
        return instrument.expiry_ms is not None or self._ledger.holds(self.venue, instrument.symbol)

    # --- one list ----------------------------------------------------------------------------------------------------

    def _one(self, instrument: Instrument, stream: str, read: Callable[[Instrument, list[Range]], None]) -> None:
        """Read one list of one instrument as far as it is not in the ledger; a no of the venue's does not stop all."""
        stretches = self._left(stream, instrument)
        try:
            if stretches:
                read(instrument, stretches)
        except NotListed as error:
            self.gap(instrument.symbol, UNLISTED, f"{instrument.symbol}: {error.message}")
        except Unsupported as error:
            # Said once for the venue, not for each of its instruments.
            self.gap(None, UNSUPPORTED, error.message.replace(f" of {instrument.symbol}", ""))
        except Unauthorized:
            raise
        except Refused as error:
            self.error = self.error or error

    def _left(self, stream: str, instrument: Instrument | None) -> list[Range]:
        """List what is still to be read, oldest first; the last stretch reaches to now."""
        wanted = self._wanted
        if self._again:
            return [wanted]
        covered = self._ledger.covered(self.venue, stream, instrument.symbol if instrument else "")
        if covered and instrument is not None and instrument.expiry_ms is not None:
            over_ms = instrument.expiry_ms + _OVER_MS
            if covered[-1].until_ms >= over_ms:
                wanted = wanted._replace(until_ms=min(wanted.until_ms, over_ms))
        return missing(covered, wanted, OVERLAP_MS[stream])

    def _cursor(self, stream: str, name: str, from_ms: int, until_ms: int) -> Cursor | None:
        until_ms = min(until_ms, self._wanted.until_ms)
        return Cursor(self.venue, stream, name, until_ms, from_ms) if until_ms >= from_ms else None

    def _read_fills(self, instrument: Instrument, stretches: Sequence[Range]) -> None:
        count = 0
        for stretch in stretches:
            for span in self._trading.fill_spans(instrument, stretch.from_ms):
                cursor = self._cursor(FILLS, instrument.symbol, stretch.from_ms, span.until_ms)
                self._done.count(FILLS, self._ledger.add_fills(self._sound(span.fills), cursor=cursor))
                count += len(span.fills)
                self._tell(f"{instrument.symbol}: {count} trades until {rfc3339(span.until_ms)[:16]}Z")
                if span.until_ms >= stretch.until_ms and stretch is not stretches[-1]:
                    break

    # These lists are short: they are read in one go, from where the first stretch begins until now.

    def _read_payments(self, instrument: Instrument, stretches: Sequence[Range]) -> None:
        from_ms = stretches[0].from_ms
        found = self._trading.funding_payments(instrument, from_ms)
        cursor = self._cursor(FUNDING, instrument.symbol, from_ms, self._now_ms)
        self._done.count(FUNDING, self._ledger.add_payments(self._sound(found), cursor))

    def _read_deliveries(self, instrument: Instrument, stretches: Sequence[Range]) -> None:
        from_ms = stretches[0].from_ms
        found = self._trading.deliveries(instrument, from_ms)
        cursor = self._cursor(DELIVERIES, instrument.symbol, from_ms, self._now_ms)
        self._done.count(DELIVERIES, self._ledger.add_deliveries(self._sound(found), cursor))

    def _read_transfers(self) -> None:
        for from_ms, _ in self._left(TRANSFERS, None)[:1]:
            found = self._trading.transfers(from_ms)
            cursor = self._cursor(TRANSFERS, "", from_ms, self._now_ms)
            self._done.count(TRANSFERS, self._ledger.add_transfers(self._sound(found), cursor))

    def _sound(self, entries: Sequence[E]) -> Sequence[E]:
        """Let only through what can be: whatever is in the ledger stays there. Raises BadAnswer."""
        for entry in entries:
            sound = 0 < entry.time_ms <= self._now_ms + MS_PER_DAY
            if isinstance(entry, Fill):
                sound = sound and entry.side in SIDES and entry.size > 0
            if not sound:
                raise BadAnswer(f"{self.venue}: a {type(entry).__name__.lower()} that cannot be.", venue=self.venue)
        return entries
