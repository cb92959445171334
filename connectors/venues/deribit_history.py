"""Deribit, private side: what has happened to an account: own trades, funding, deliveries, deposits and withdrawals.

Sources: docs.deribit.com (trading, account management, wallet; "Accessing historical trades and orders using API").
Trades are listed for a day without `historical`, and with it for ever, but for what is new. The transaction log has no
limit of time; it is read newest first, a keyword (`query`) at once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.trading import FillSpan, Traded
from connectors.venues import deribit_history_rows as history
from connectors.venues import deribit_order_rows as rows
from connectors.venues.deribit_order_rows import Row
from connectors.venues.deribit_reads import CURRENCIES, MAX_PAGES, DeribitReads
from domain.errors import BadAnswer, Refused, Unauthorized, Unsupported
from domain.instruments import FUTURE, OPTION, PERPETUAL, Instrument
from domain.movements import Delivery, Transfer
from domain.orders import FundingPayment
from domain.time import MS_PER_DAY, MS_PER_HOUR

_RECENT_MS = 23 * MS_PER_HOUR
_AHEAD_MS = 60_000
"""How far beyond now a span reaches, so that a clock that is off hides nothing."""
_LOG_PAGE = 250
_LOG_COST = 20.0
"""The log may be asked once a second; everything else that is no order twenty times."""
_UNDER_WAY_MS = 7 * MS_PER_DAY
"""How long a withdrawal may take: the lists are in the order in which they began."""
_MOVES = ("Deposits", "Withdrawals", "Transfers")


class DeribitHistory(DeribitReads):
    """Deribit's lists of what has happened."""

    # --- own trades --------------------------------------------------------------------------------------------------

    def fill_spans(self, instrument: Instrument, since_ms: int) -> Iterator[FillSpan]:
        """Yield own trades page by page, oldest first; of expired instruments, too."""
        which = {"instrument_name": instrument.native_id}
        for until_ms, page in self._trade_pages("Instrument", which, since_ms):
            fills = [self.reading(rows.read_fill, row, instrument) for row in page]
            yield FillSpan(until_ms, sorted(fills, key=lambda fill: (fill.time_ms, fill.trade_id)))

    def trade_rows(self, instrument: Instrument, since_ms: int) -> Iterator[Row]:
        """Yield own trades since, oldest first, as the venue writes them."""
        for _, page in self._trade_pages("Instrument", {"instrument_name": instrument.native_id}, since_ms):
            yield from page

    def traded(self, since_ms: int) -> Traded:
        """Name the instruments with own trades since, from the lists by currency."""
        names: set[str] = set()
        for currency in CURRENCIES:
            for _, page in self._trade_pages("Currency", {"currency": currency}, since_ms):
                names |= self.reading(lambda page=page: {str(row["instrument_name"]) for row in page})
        known = {name: self.native(name) for name in sorted(names)}
        return Traded(
            tuple(found for found in known.values() if found is not None),
            tuple(name for name, found in known.items() if found is None),
        )

    def _trade_pages(self, by: str, which: Mapping[str, Any], since_ms: int) -> Iterator[tuple[int, list[Row]]]:
        """Yield pages of trades, oldest first, each with the moment that they are complete until.

        What is older than a day comes from the list that keeps everything, the rest from the other.
        """
        now_ms = self.venue_now_ms()
        start_ms = since_ms
        for historical, end_ms in ((True, now_ms - _RECENT_MS), (False, now_ms + _AHEAD_MS)):
            while start_ms <= end_ms:
                span = {"start_timestamp": start_ms, "end_timestamp": end_ms, "historical": historical}
                query = {**which, **span, "count": self.page, "sorting": "asc"}
                answer = self.result(f"privateGetGetUserTradesBy{by}AndTime", query)
                until_ms, page = self.reading(_complete, answer, start_ms, end_ms)
                yield min(until_ms, now_ms), page
                start_ms = until_ms + 1

    # --- what moves money without a trade ----------------------------------------------------------------------------

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List the funding of each session (08:00 to 08:00 UTC), oldest first, from the transaction log."""
        found: dict[str, FundingPayment] = {}
        for row in self._log(instrument, since_ms, "settlement") if instrument.kind == PERPETUAL else ():
            payment = self.reading(history.read_settlement, row, instrument)
            if payment is not None:
                found[payment.payment_id] = payment
        return sorted(found.values(), key=lambda payment: payment.time_ms)

    def deliveries(self, instrument: Instrument, since_ms: int) -> list[Delivery]:
        """List how positions were settled at expiry, oldest first, from the transaction log."""
        found: dict[str, Delivery] = {}
        for row in self._log(instrument, since_ms, "delivery") if instrument.kind in (FUTURE, OPTION) else ():
            delivery = self.reading(history.read_delivery, row, instrument)
            found[delivery.delivery_id] = delivery
        return sorted(found.values(), key=lambda delivery: delivery.time_ms)

    def _log(self, instrument: Instrument, since_ms: int, kind: str) -> Iterator[Row]:
        """Yield an instrument's entries of one type in the transaction log of its settlement currency."""
        params: dict[str, Any] = {
            "currency": instrument.settle,
            "start_timestamp": since_ms,
            "end_timestamp": self.venue_now_ms() + _AHEAD_MS,
            "query": kind,
            "count": _LOG_PAGE,
        }
        for _ in range(MAX_PAGES):
            page = self.result("privateGetGetTransactionLog", params, cost=_LOG_COST)
            for row in page["logs"]:
                if row["type"] == kind and row.get("instrument_name") == instrument.native_id:
                    yield row
            if not page.get("continuation") or not page["logs"]:
                break
            params["continuation"] = page["continuation"]

    def transfers(self, since_ms: int) -> list[Transfer]:
        """List deposits, withdrawals, and what went to or came from other accounts of Deribit, oldest first.

        Asked for each currency that the account has a summary of. Swaps and corrections are in the transaction log
        only, and are not listed. Raises Unsupported where the key may not read the wallet.
        """
        summaries = self.result("privateGetGetAccountSummaries", {})["summaries"]
        found: dict[tuple[str, str], Transfer] = {}
        for currency in self.reading(lambda: [str(row["currency"]) for row in summaries]):
            for what in _MOVES:
                for transfer in self._moves(what, currency, since_ms):
                    found[transfer.kind, transfer.transfer_id] = transfer
        return sorted(found.values(), key=lambda transfer: transfer.time_ms)

    def _moves(self, what: str, currency: str, since_ms: int) -> Iterator[Transfer]:
        """Yield one list of one currency; it comes newest first, with what has not gone through (yet)."""
        same: dict[str, int] = {}
        for turn in range(MAX_PAGES):
            query = {"currency": currency, "count": self.page, "offset": turn * self.page}
            try:
                found = self.result(f"privateGetGet{what}", query)["data"]
            except Unauthorized as error:
                hint = "Give the key the scope wallet:read."
                raise Unsupported(
                    f"{self.venue}: the key may not read deposits.", venue=self.venue, hint=hint
                ) from error
            except Refused:
                if currency in CURRENCIES:
                    raise
                return  # one that the wallet's lists do not know has never been deposited
            for row in found:
                transfer = self.reading(history.read_transfer, row, what, self.venue)
                if transfer is None or transfer.time_ms < since_ms:
                    continue
                # One transaction may pay an account twice, and both have its hash.
                same[transfer.transfer_id] = place = same.get(transfer.transfer_id, 0) + 1
                suffix = "" if place == 1 else f"#{place}"
                yield transfer._replace(transfer_id=transfer.transfer_id + suffix)
            if len(found) < self.page or self.reading(history.began_ms, found[-1]) < since_ms - _UNDER_WAY_MS:
                return


def _complete(answer: Row, start_ms: int, end_ms: int) -> tuple[int, list[Row]]:
    """Say until when a page of trades is complete, and give its rows up to then.

    Raises BadAnswer where one millisecond holds more than a page.
    """
    found: list[Row] = list(answer["trades"])
    if not answer["has_more"] or not found:
        return end_ms, found
    last_ms = int(found[-1]["timestamp"])  # the next page may go on within this millisecond
    if last_ms <= start_ms:
        raise BadAnswer("More trades in one millisecond than a page holds.")
    return last_ms - 1, [row for row in found if int(row["timestamp"]) < last_ms]
