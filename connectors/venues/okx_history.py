"""OKX's private history: own trades span by span, what was traded, funding, deliveries, deposits, wallets, positions.

Sources: okx.com/docs-v5 ("Trading Account", "Order Book Trading", "Funding Account"), ccxt 4.5.90 (implicit methods).
OKX keeps own trades and bills for three months. Deposits arrive in the funding account, from where they are moved to
the trading account: `balances` lists both, so that these movements cancel out.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from connectors.ccxt_history import UNDER_WAY_MS
from connectors.trading import FillSpan, Traded
from connectors.venues.okx_history_rows import (
    LAPSED,
    LONG_ENDED,
    SHORT_ENDED,
    Row,
    read_balance,
    read_bill,
    read_delivery,
    read_deposit,
    read_fill,
    read_funding_balance,
    read_position,
    read_withdrawal,
)
from connectors.venues.okx_lists import HOUR_MS, KEPT_MS, MAX_PAGES, EndlessList, OkxLists, section
from domain.errors import NotListed
from domain.instruments import SPOT, Instrument
from domain.movements import Delivery, Transfer
from domain.orders import BUY, Balance, Fill, FundingPayment, KeyPermissions, Position

_SECTIONS = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
_RECENT_MS = 3 * 24 * HOUR_MS - HOUR_MS
_SPAN_PAGES = 20
"""A span that has more pages is asked for again in halves, so that none takes long to be complete."""


class _Window(NamedTuple):
    first_ms: int
    last_ms: int
    latest: bool
    """It reaches to now, and is asked for without an end."""


class OkxHistory(OkxLists):
    """What OKX tells about what has happened to an account."""

    # --- own trades --------------------------------------------------------------------------------------------------

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        """Yield own trades of 3 months, oldest span first; those of a stop bear the stop's ids."""
        stops: Mapping[str, Row] | None = None
        for until_ms, rows in self._trades(section(instrument), since_ms):
            if stops is None and not all(row.get("clOrdId") for row in rows):
                stops = self._fired_stops(instrument, since_ms)
            found = [self.reading(read_fill, row, instrument, (stops or {}).get(row["ordId"])) for row in rows]
            yield FillSpan(until_ms, sorted(found, key=lambda fill: (fill.time_ms, fill.trade_id)))

    def traded(self, since_ms: int) -> Traded:
        """Name what was traded in 3 months from the lists of each section, which need no instrument."""
        names: dict[tuple[str, str], None] = {}
        for kind in _SECTIONS:
            for _, rows in self._trades({"instType": kind}, since_ms):
                names |= dict.fromkeys((kind, str(row["instId"])) for row in rows)
        found, unlisted = [], []
        for kind, name in names:
            listed = [each for each in self._instruments.by_native(name) if each.product == kind]
            found += listed
            if not listed:
                unlisted.append(f"{name} (margin)" if kind == "MARGIN" else name)
        late = since_ms < self.venue_now_ms() - KEPT_MS
        blind = f"{self.venue} keeps own trades for three months; older ones are not told." if late else None
        return Traded(found, unlisted, blind)

    def _trades(self, query: Mapping[str, Any], since_ms: int) -> Iterator[tuple[int, Sequence[Row]]]:
        """Yield rows of own trades in complete windows, oldest first, each with the moment that it reaches to.

        `trade/fills` is up to date and cheap and knows three days, `trade/fills-history` three months.
        """
        now_ms = self.venue_now_ms()
        start_ms, recent_ms = max(since_ms, now_ms - KEPT_MS), now_ms - _RECENT_MS
        windows = [_Window(max(start_ms, recent_ms), now_ms, True)]
        if start_ms < recent_ms:
            windows.append(_Window(start_ms, recent_ms - 1, False))
        while windows:
            window = windows.pop()
            try:
                rows = self._trades_of(query, window)
            except EndlessList:
                if window.first_ms >= window.last_ms:
                    raise
                middle_ms = (window.first_ms + window.last_ms) // 2
                windows += [window._replace(first_ms=middle_ms + 1), _Window(window.first_ms, middle_ms, False)]
                continue
            yield window.last_ms, rows

    def _trades_of(self, query: Mapping[str, Any], window: _Window) -> Sequence[Row]:
        old = window.last_ms < self.venue_now_ms() - _RECENT_MS
        method = "privateGetTradeFillsHistory" if old else "privateGetTradeFills"
        asked = {**query, "begin": str(window.first_ms)}
        if not window.latest:
            asked["end"] = str(window.last_ms)
        most = _SPAN_PAGES if window.first_ms < window.last_ms else MAX_PAGES
        return list(self.pages(method, asked, "billId", most=most))

    def _fired_stops(self, instrument: Instrument, since_ms: int) -> Mapping[str, Row]:
        """Find the orders that stops placed, by their own ids: a trade names neither the stop nor its client id."""
        placed = (*self.finished(instrument, since_ms), *self.pending(instrument))
        return {row["ordId"]: row for row in placed if row.get("algoId")}

    # --- what else moves money ---------------------------------------------------------------------------------------

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List funding of 3 months; OKX does not repeat the rate."""
        rows = self._bills(instrument, "8", since_ms)
        return [self.reading(read_bill, row, instrument) for row in rows]

    def deliveries(self, instrument: Instrument, since_ms: int) -> list[Delivery]:
        """List deliveries and exercises of 3 months; a perpetual that is delisted is delivered, too."""
        if instrument.kind == SPOT:
            return []
        ended = LONG_ENDED | SHORT_ENDED | {LAPSED}
        rows = [row for row in self._bills(instrument, "3", since_ms) if row.get("subType") in ended]
        held = Decimal(0)
        if any(row["subType"] == LAPSED for row in rows):
            held = sum((_signed(fill) for fill in self.fills(instrument, 0)), Decimal(0))
        return [self.reading(read_delivery, row, instrument, held) for row in rows]

    def transfers(self, since_ms: int) -> list[Transfer]:
        """List deposits that are credited and withdrawals that were sent, of the funding account.

        OKX dates them by when they began, so those of the days before are looked at, too.
        """
        found: list[Transfer] = []
        for method, mark, parse in (
            ("privateGetAssetDepositHistory", "depId", read_deposit),
            ("privateGetAssetWithdrawalHistory", "wdId", read_withdrawal),
        ):
            for row in self._by_time(method, mark, since_ms - UNDER_WAY_MS):
                found += self.reading(lambda row=row, parse=parse: list(parse(row, self.venue)))
        return sorted(found, key=lambda transfer: (transfer.time_ms, transfer.transfer_id))

    def _bills(self, instrument: Instrument, kind: str, since_ms: int) -> Sequence[Row]:
        """List one type of bills of an instrument, oldest first."""
        method = self.recent("privateGetAccountBills", "privateGetAccountBillsArchive", since_ms, days=7)
        query = {"instType": instrument.product, "type": kind, "ccy": instrument.settle, "begin": self.begin(since_ms)}
        rows = [row for row in self.pages(method, query, "billId") if row["instId"] == instrument.native_id]
        return rows[::-1]

    def _by_time(self, method: str, mark: str, since_ms: int) -> Sequence[Row]:
        """Read a list of the funding account from the newest row back; its pages go by time (`after`: earlier than).

        Rows of one moment may stand on two pages, so each page begins with the last moment of the one before.
        """
        found: dict[str, Row] = {}
        query = {"limit": str(self.page)}
        while True:
            rows = self.rows(method, query)
            fresh = {str(row[mark]): row for row in rows if str(row[mark]) not in found}
            found |= fresh
            if len(rows) < self.page or not fresh or int(rows[-1]["ts"]) < since_ms:
                return [row for row in found.values() if int(row["ts"]) >= since_ms]
            query["after"] = str(int(rows[-1]["ts"]) + 1)

    # --- how things stand --------------------------------------------------------------------------------------------

    def balances(self) -> list[Balance]:
        """List what is not zero in the trading account and in the funding account."""
        accounts = self.rows("privateGetAccountBalance", {})
        details = self.reading(lambda: [row for account in accounts for row in account["details"]])
        found = [self.reading(read_balance, row, self.venue) for row in details]
        found += [
            self.reading(read_funding_balance, row, self.venue) for row in self.rows("privateGetAssetBalances", {})
        ]
        return [balance for balance in found if balance is not None]

    def positions(self) -> list[Position]:
        """List open positions of every product but margined spot."""
        found = []
        for row in self.rows("privateGetAccountPositions", {}):
            if row["instType"] == "MARGIN":
                continue
            listed = [each for each in self._instruments.by_native(str(row["instId"])) if each.kind != SPOT]
            if not listed:
                raise NotListed(f"{self.venue} lists no {row['instId']}.", venue=self.venue)
            position = self.reading(read_position, row, listed[0])
            if position is not None:
                found.append(position)
        return found

    def permissions(self) -> KeyPermissions:
        """Read what the key may do from the account's settings."""
        rows = self.rows("privateGetAccountConfig", {})
        allowed = self.reading(lambda: str(rows[0]["perm"]).split(","))
        return KeyPermissions("read_only" in allowed, "trade" in allowed, "withdraw" in allowed)


def _signed(fill: Fill) -> Decimal:
    return fill.size if fill.side == BUY else -fill.size
