"""How Bybit's private lists are read: page by page with a cursor, and piece by piece in time.

Source: bybit-exchange.github.io/docs/v5. ccxt reads an answer without a result as an empty list: they are read here.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.ccxt_errors import tidy
from connectors.ccxt_trading import CcxtTrading
from connectors.venues.bybit_answers import READS, code_of, read_permissions
from domain.errors import BadAnswer, CrossbookError
from domain.instruments import Instrument
from domain.orders import KeyPermissions

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

T = TypeVar("T")
Row = Mapping[str, Any]

WEEK_MS = 7 * 86_400_000
KEPT_MS = 104 * WEEK_MS
EVERYWHERE = (
    {"category": "spot"},
    {"category": "linear", "settleCoin": "USDT"},
    {"category": "linear", "settleCoin": "USDC"},
    {"category": "inverse"},
)
"""What to ask in order to hear of everything but options."""
MAX_PAGES = 200


class EndlessList(BadAnswer):
    """A list has more pages than are read at once."""


class BybitReads(CcxtTrading):
    """How Bybit is asked."""

    def read(self, work: "Callable[[Exchange], T]", *, cost: float | None = None, until: float | None = None) -> T:
        """Make a signed read; trouble of the venue's own is asked again."""

        def explained(exchange: "Exchange") -> T:
            try:
                return work(exchange)
            except CrossbookError:
                raise
            except Exception as error:
                kind = READS.get(code_of(error))
                if kind is None:
                    raise
                raise kind(f"{self.venue}: {tidy(str(error))}", venue=self.venue) from error

        return super().read(explained, cost=cost, until=until)

    def permissions(self) -> KeyPermissions:
        """Ask what the key may do."""
        return self.reading(read_permissions, self.ask("privateGetV5UserQueryApi"))

    def parsed(
        self, method: str, query: Row, parse: str, limit: int = 50, *, most: int = MAX_PAGES
    ) -> list[tuple[Row, Row]]:
        """Read all pages of a list: each row as it came, and as ccxt's `parse` reads it. Raises EndlessList."""
        kind = "spot" if query["category"] == "spot" else "contract"

        def both(exchange: "Exchange", row: Row) -> tuple[Row, Row]:
            return row, getattr(exchange, parse)(row, exchange.safe_market(row["symbol"], None, None, kind))

        return self._every_page(method, query, limit, most, both)

    def pages(self, method: str, query: Row, limit: int) -> list[Row]:
        """Read all pages of a list as they came. Raises EndlessList."""
        return self._every_page(method, query, limit, MAX_PAGES, lambda _, row: row)

    def _every_page(
        self, method: str, query: Row, limit: int, most: int, shape: "Callable[[Exchange, Row], T]"
    ) -> list[T]:
        def page(asked: Row, exchange: "Exchange") -> tuple[list[T], str]:
            result = getattr(exchange, method)(asked)["result"]
            rows = result["rows"] if "rows" in result else result["list"]
            return [shape(exchange, row) for row in rows], result.get("nextPageCursor") or ""

        found: list[T] = []
        asked = {**query, "limit": min(limit, self.page)}
        for _ in range(most):
            rows, cursor = self.read(partial(page, asked))
            found += rows
            if not rows or not cursor:
                return found
            asked["cursor"] = cursor
        raise EndlessList(f"{self.venue} lists more than {most} pages.", venue=self.venue)

    def windows(self, since_ms: int, step_ms: int) -> Sequence[dict[str, int]]:
        """Cut the time until now in pieces as long as Bybit allows (`step_ms`), oldest first; it keeps two years."""
        until_ms = self.venue_now_ms() + 1_000
        starts = range(max(since_ms, until_ms - KEPT_MS), until_ms, step_ms)
        return [{"startTime": start, "endTime": min(start + step_ms - 1, until_ms)} for start in starts]


def by_symbol(instrument: Instrument) -> dict[str, str]:
    """Name an instrument as the lists want it."""
    return {"category": str(instrument.product), "symbol": instrument.native_id}
