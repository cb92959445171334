"""Deribit: raw books with `change_id` and `prev_change_id`, trades and tickers (July 2021; some rows of 2022)."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from simulator.market.model import FUTURE, OPTION, PERPETUAL, SPOT, Listing, Stats, Trade
from simulator.tape.dialect import Change, Dialect, Event, Figures, Levels, Link, Traded, plain, row_items
from simulator.tape.recording import Message

_FOREVER_MS = 32_503_708_800_000


class Deribit(Dialect):
    """Numbers come as JSON numbers and are kept as the plain text of them; amounts are the venue's own."""

    venue: ClassVar[str] = "deribit"
    prefix: ClassVar[str] = "DERIBIT"

    def listings(self, message: Message) -> Iterable[Listing]:
        """Read `public/get_instruments`."""
        if not urlsplit(message.url).path.endswith("/public/get_instruments") or not isinstance(message.payload, dict):
            return []
        return [_listing(row) for row in message.payload["result"]]

    def events(self, message: Message, listings: Mapping[str, Listing]) -> Iterable[Event]:
        """Read the channels `book`, `trades` and `ticker`."""
        if message.url or not isinstance(message.payload, dict) or "params" not in message.payload:
            return []
        params = message.payload["params"]
        channel, data = str(params.get("channel", "")), params.get("data")
        if channel.startswith("book."):
            return [_change(data, message.at_ms)]
        if channel.startswith("trades."):
            return [_traded(row, message.at_ms) for row in data]
        if channel.startswith("ticker.") and data["instrument_name"] in listings:
            return [_figures(data, message.at_ms)]
        return []

    def link(self, sequence: int | None, fresh: bool, change: Change) -> Link:
        """Follow `prev_change_id`."""
        return Link.NEXT if sequence is not None and change.previous == sequence else Link.GAP


DIALECTS = (Deribit,)


def _listing(row: dict[str, Any]) -> Listing:
    kind = row["kind"]
    if kind == "future" and row["settlement_period"] == "perpetual":
        kind = PERPETUAL
    base, priced_in = row["base_currency"], row["quote_currency"]
    # Options priced in coin are options on the coin's dollar price: the counter currency, unknown to rows of 2021.
    quote = row.get("counter_currency", "USD") if priced_in == base else priced_in
    settle = "" if kind == SPOT else row.get("settlement_currency", base)
    expiry_ms = row["expiration_timestamp"]
    amount = plain(row["min_trade_amount"])
    return Listing(
        "deribit", row["kind"], row["instrument_name"], kind, base, quote, settle, plain(row["tick_size"]), amount,
        amount, inverse=kind in (PERPETUAL, FUTURE) and settle == base,
        expiry_ms=expiry_ms if kind in (FUTURE, OPTION) and expiry_ms < _FOREVER_MS else None,
        strike=plain(row["strike"]) if "strike" in row else None, option_type=row.get("option_type"),
        maker_fee=plain(row["maker_commission"]), taker_fee=plain(row["taker_commission"]), funding_interval_h=1,
        listed_ms=row["creation_timestamp"], extra=row_items(row),
    )  # fmt: skip


def _levels(rows: list[list[object]]) -> Levels:
    return [(plain(price), "0" if action == "delete" else plain(amount)) for action, price, amount in rows]


def _change(data: dict[str, Any], at_ms: int) -> Change:
    return Change(
        data["instrument_name"], at_ms, data["type"] == "snapshot", _levels(data["bids"]), _levels(data["asks"]),
        last=data["change_id"], previous=data.get("prev_change_id"),
    )  # fmt: skip


def _traded(row: dict[str, Any], at_ms: int) -> Traded:
    number = int(str(row["trade_id"]).rpartition("-")[2])
    trade = Trade(number, row["timestamp"], plain(row["price"]), plain(row["amount"]), row["direction"])
    return Traded(row["instrument_name"], at_ms, trade)


def _figures(data: dict[str, Any], at_ms: int) -> Figures:
    index, mark = plain(data["index_price"]), plain(data["mark_price"])
    return Figures(data["instrument_name"], at_ms, _stats(data), index, mark)


def _stats(data: dict[str, Any]) -> Stats | None:
    """Read the day's figures; None where nothing was traded. The opening price follows from the change in percent."""
    day, last = data["stats"], data.get("last_price")
    if last is None or any(day.get(name) is None for name in ("volume", "low", "high", "price_change")):
        return None
    opened = float(last) / (1.0 + float(day["price_change"]) / 100.0)
    turnover = float(day["volume"]) * float(last)
    return Stats(
        f"{opened:.4f}", plain(day["high"]), plain(day["low"]), plain(last), "0", plain(day["volume"]),
        f"{turnover:.8f}", plain(data["open_interest"]),
    )  # fmt: skip
