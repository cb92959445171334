"""What an account's history tells through a venue's ccxt class: own trades, funding, deposits and withdrawals.

What ccxt does alike everywhere; a venue's own file overrides what is particular to it. Here a list is taken to begin at
the oldest row since the moment that is asked for, as ccxt promises of `since` with `limit`.
"""

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from connectors.ccxt_orders import read_fill, read_payment, read_transfer
from connectors.ccxt_signed import CcxtSigned, lacks_argument
from connectors.ccxt_spans import Row, pages_forward
from connectors.trading import FillSpan, Traded
from domain.errors import Refused
from domain.instruments import PERPETUAL, SPOT, Instrument
from domain.movements import DEPOSIT, WITHDRAWAL, Delivery, Transfer
from domain.orders import Fill, FundingPayment

if TYPE_CHECKING:
    from collections.abc import Callable

UNDER_WAY_MS = 7 * 86_400_000
"""How long a deposit or a withdrawal may take: venues list it by the moment at which it began."""


class CcxtHistory(CcxtSigned):
    """The history of an account at one ccxt venue."""

    page: ClassVar[int] = 100
    """How many rows a list is asked for at once."""

    def venue_now_ms(self) -> int:
        """Tell the venue's time (epoch milliseconds), as far as its clock has been measured."""
        return time.time_ns() // 1_000_000 + self.context.clock_offset_ms()

    # --- own trades --------------------------------------------------------------------------------------------------

    def fills(self, instrument: Instrument, since_ms: int) -> list[Fill]:
        """List own trades, oldest first, all spans."""
        return [fill for span in self.fill_spans(instrument, since_ms) for fill in span.fills]

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        """Yield own trades page by page, oldest first; a span ends before the last moment of its page."""

        def ask(start_ms: int) -> list[Row]:
            params = self.fill_params(instrument, start_ms)
            return list(self.ask("fetch_my_trades", instrument.symbol, start_ms, self.page, params))

        for until_ms, rows in self._pages(ask, since_ms):
            found = [self.reading(read_fill, row, instrument, self.client_id_of(row)) for row in rows]
            yield FillSpan(until_ms, found)

    def fill_params(self, instrument: Instrument, since_ms: int) -> Mapping[str, Any]:
        """Say what else ccxt needs in order to list own trades."""
        del instrument, since_ms
        return {}

    def client_id_of(self, row: Mapping[str, Any]) -> str | None:
        """Find our id in a trade, where the venue repeats it."""
        del row
        return None

    def traded(self, since_ms: int) -> Traded:
        """Name the instruments with own trades, where ccxt lists trades without a symbol."""

        def ask(start_ms: int) -> list[Row]:
            return list(self.ask("fetch_my_trades", None, start_ms, self.page))

        if not self._has("fetchMyTrades"):
            return Traded((), blind=f"{self.venue} lists no own trades that ccxt can read.")
        names: set[str] = set()
        try:
            for _, rows in self._pages(ask, since_ms):
                names |= {str(row.get("symbol")) for row in rows}
        except Refused as error:
            if lacks_argument(error):
                return super().traded(since_ms)
            raise
        known = {name: self.known(name) for name in sorted(names)}
        return Traded(
            tuple(found for found in known.values() if found is not None),
            tuple(name for name, found in known.items() if found is None),
        )

    # --- what moves money without a trade ----------------------------------------------------------------------------

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List funding paid and received, oldest first, page by page."""
        if instrument.kind != PERPETUAL:
            return []

        def ask(start_ms: int) -> list[Row]:
            return list(self.ask("fetch_funding_history", instrument.symbol, start_ms, self.page))

        return [self.reading(read_payment, row, instrument) for _, rows in self._pages(ask, since_ms) for row in rows]

    def deliveries(self, instrument: Instrument, since_ms: int) -> list[Delivery]:
        """List none of what does not expire; of the rest ccxt has no unified history."""
        if instrument.kind in (SPOT, PERPETUAL):
            return []
        return super().deliveries(instrument, since_ms)

    def transfers(self, since_ms: int) -> list[Transfer]:
        """List deposits and withdrawals that have gone through, oldest first."""
        found: dict[tuple[str, str], Transfer] = {}
        for method, kind in (("Deposits", DEPOSIT), ("Withdrawals", WITHDRAWAL)):
            if not self._has(f"fetch{method}"):
                raise self._unsupported(f"history of {method.lower()} that ccxt can read")
            for row in self.transfer_rows(f"fetch_{method.lower()}", since_ms - UNDER_WAY_MS):
                ended_ms = max(row.get("updated") or 0, row.get("timestamp") or 0)
                transfer = self.reading(read_transfer, row, self.venue, kind)
                if transfer is not None and ended_ms >= since_ms:
                    found[kind, transfer.transfer_id] = transfer
        return sorted(found.values(), key=lambda transfer: transfer.time_ms)

    def transfer_rows(self, method: str, since_ms: int) -> list[Row]:
        """List unified deposits or withdrawals (`method`) that began since a moment, in any state."""

        def ask(start_ms: int) -> list[Row]:
            return list(self.ask(method, None, start_ms, self.page))

        return [row for _, rows in self._pages(ask, since_ms) for row in rows]

    # --- helpers of these --------------------------------------------------------------------------------------------

    def _has(self, method: str) -> bool:
        """Tell whether the venue's ccxt class has a method."""
        with self.signing() as session:
            return bool(session.exchange.has.get(method))

    def _pages(self, ask: "Callable[[int], list[Row]]", since_ms: int) -> Iterator[tuple[int, list[Row]]]:
        """Yield pages with the moment that each is complete until; a row without a time is a bad answer."""

        def asked(start_ms: int) -> list[Row]:
            rows = ask(start_ms)
            self.reading(lambda: [int(row["timestamp"]) for row in rows])
            return rows

        return pages_forward(asked, since_ms, self.venue_now_ms(), page=self.page)
