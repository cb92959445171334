"""One signed request to Binance: its account, its parameters, and the orders that it is about."""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import EXPIRED, FOK, REJECTED, Account, Order
from simulator.market.calendar import DAY_MS
from simulator.market.model import Listing, NotRecorded
from simulator.venues.binance_call import Call, Refusal, illegal, missing
from simulator.venues.binance_countdown import Countdowns

FIRST_ALGO_ID = 3_000_000_000_000_000
"""Conditional orders of contracts count on their own, from here."""

_DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
_KEPT_MS = 90 * DAY_MS
_KEPT_UNFILLED_MS = 3 * DAY_MS
Row = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class SignedCall(Call):
    """What an account asks of one section."""

    exchange: Exchange
    account: Account
    countdowns: Countdowns

    def with_params(self, params: Mapping[str, str]) -> "SignedCall":
        """Make the call of one item of a batch."""
        return SignedCall(
            self.section, params, self.market, self.listings, self.now_ms,
            exchange=self.exchange, account=self.account, countdowns=self.countdowns,
        )  # fmt: skip

    def decimal(self, name: str) -> Decimal | None:
        """Return a number, or None where the parameter was not sent."""
        text = self.params.get(name)
        if text is None:
            return None
        if not text:
            raise Refusal(-1105, f"Parameter '{name}' was empty.")
        if not re.fullmatch(_DECIMAL, text):
            raise illegal(name, _DECIMAL)
        return Decimal(text)

    def needed(self, name: str) -> Decimal:
        """Return a mandatory number."""
        number = self.decimal(name)
        if number is None:
            raise missing(name)
        return number

    def flag(self, name: str) -> bool:
        """Read `true` or `false`; absent is false."""
        text = self.params.get(name, "false").lower()
        if text not in ("true", "false"):
            raise Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return text == "true"

    def choice(self, name: str, allowed: tuple[str, ...], code: int, words: str, default: str = "") -> str:
        """Read one of a few words."""
        text = self.params.get(name, default)
        if not text:
            raise missing(name)
        if text not in allowed:
            raise Refusal(code, words)
        return text

    def client_id(self, name: str) -> str:
        """Read the client's own id of a new order, or make one up as the venue does."""
        text = self.params.get(name)
        if text is None:
            return secrets.token_urlsafe(16)
        if self.section != "spot" and len(text) > 36:
            words = "Client order id is not valid. Client order id length should not be more than 36 chars"
            raise Refusal(-4015, words)
        if not re.fullmatch(_CLIENT_ID, text):
            raise illegal(name, _CLIENT_ID)
        return text

    def listed(self, symbol: str) -> Listing:
        """Find an instrument of this section by its symbol."""
        return self.with_params({"symbol": symbol}).listing()

    def span(self, longest_ms: int, code: int, words: str, *, open_ended: bool) -> tuple[int, int]:
        """Read `startTime` and `endTime` (ms); what is absent is filled up so that they lie `longest_ms` apart.

        Where `open_ended` a start without an end, and neither of them, mean everything.
        """
        start_ms, end_ms = self.number("startTime", -1), self.number("endTime", -1)
        if start_ms >= 0 and end_ms >= 0:
            if start_ms > end_ms:
                raise Refusal(-1023, "Start time is greater than end time.")
            if end_ms - start_ms > longest_ms:
                raise Refusal(code, words)
            return start_ms, end_ms
        if open_ended:
            return max(0, start_ms), end_ms if end_ms >= 0 else self.now_ms
        if start_ms >= 0:
            return start_ms, min(self.now_ms, start_ms + longest_ms)
        end_ms = self.now_ms if end_ms < 0 else end_ms
        return end_ms - longest_ms, end_ms

    def last_price(self, listing: Listing) -> Decimal:
        """Return the price of the last trade, or the middle of the book where no trade is known (on a tape)."""
        try:
            return Decimal(self.market.stats(listing, self.now_ms).last)
        except NotRecorded:
            book = self.market.book(listing, 1, self.now_ms)
            return (Decimal(book.bids[0][0]) + Decimal(book.asks[0][0])) / 2

    def batch(self, name: str) -> list[Mapping[str, str]]:
        """Read a list of orders written as JSON."""
        try:
            items = json.loads(self.text(name))
        except ValueError:
            items = None
        if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
            raise Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")
        if len(items) > 5:
            raise Refusal(-4082, "Invalid number of batch place orders.")
        return [
            {key: json.dumps(value) if not isinstance(value, str) else value for key, value in item.items()}
            for item in items
        ]

    # --- the account's orders ----------------------------------------------------------------------------------------

    def orders(self, listing: Listing | None, wanted: Callable[[Order], bool], *, live: bool | None) -> list[Order]:
        """List the account's orders of this section, oldest first, that are `wanted` and still kept by the venue."""
        found = self.exchange.orders(
            self.account, self.now_ms, live=live, product=self.section,
            native_id=None if listing is None else listing.native_id,
        )  # fmt: skip
        return [order for order in found if wanted(order) and self._kept(order)]

    def find(
        self, listing: Listing | None, wanted: Callable[[Order], bool], id_name: str, client_name: str
    ) -> Order | None:
        """Find the order that is meant by the venue's id or, without one, by the client's: the latest that had it."""
        order_id, client_id = self.params.get(id_name), self.params.get(client_name)
        if not order_id and not client_id:
            raise Refusal(-1102, f"Param '{client_name}' or '{id_name}' must be sent, but both were empty/null!")
        if order_id:
            number = self.number(id_name)
            shift = FIRST_ALGO_ID if id_name == "algoId" else 0
            order = self.exchange.find(self.account, self.now_ms, order_id=str(number - shift), product=self.section)
        else:
            order = self._by_client_id(listing, wanted, str(client_id))
        if order is None or not wanted(order) or not self._kept(order):
            return None
        if listing is not None and order.native_id != listing.native_id:
            return None
        if order_id and client_id and order.client_id != client_id:
            return None
        return order

    def _by_client_id(self, listing: Listing | None, wanted: Callable[[Order], bool], client_id: str) -> Order | None:
        native_id = None if listing is None else listing.native_id
        order = self.exchange.find(
            self.account, self.now_ms, client_id=client_id, product=self.section, native_id=native_id
        )
        if order is None or wanted(order):
            return order
        # The id was used in both families: regular orders, and conditional ones.
        same = [o for o in self.orders(listing, wanted, live=None) if o.client_id == client_id]
        return same[-1] if same else None

    def _kept(self, order: Order) -> bool:
        """Tell whether the venue still knows an order: on contracts some are forgotten, and some never recorded."""
        if self.section == "spot":
            return True
        if order.tif == FOK and order.state == EXPIRED and not order.filled and not conditional(order):
            return False  # it was refused
        age_ms = self.now_ms - order.created_ms
        return order.live or age_ms <= (_KEPT_MS if order.filled else _KEPT_UNFILLED_MS)


def anything(_: Order) -> bool:
    """Want every order."""
    return True


def conditional(order: Order) -> bool:
    """Tell a conditional order of contracts, which has endpoints of its own even after it was triggered."""
    return order.product != "spot" and order.trigger is not None


def in_the_book(order: Order) -> bool:
    """Tell what the regular endpoints know: all but conditional orders that did not reach the matching engine."""
    return not conditional(order) or (order.triggered_ms is not None and order.state != REJECTED)
