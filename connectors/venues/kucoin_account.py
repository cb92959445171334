"""KuCoin's balances, funding payments, and what the key may do. Source: docs.kucoin.com, Account Info."""

from collections.abc import Callable, Mapping
from typing import Any

from connectors.ccxt_orders import read_position
from connectors.ccxt_trading import CcxtTrading
from connectors.side_by_side import all_or_raise
from connectors.venues.kucoin_order_rows import overview, payment, payment_page
from domain.errors import Unsupported
from domain.instruments import FUTURE, PERPETUAL, Instrument
from domain.orders import Balance, FundingPayment, KeyPermissions, Position

_DERIVATIVES = frozenset({PERPETUAL, FUTURE})
_PAGE = 100
_MAX_PAGES = 200
_TAKES_OUT = frozenset({"transfer", "withdrawal", "withdraw"})


class KucoinAccount(CcxtTrading):
    """What KuCoin tells about the account beside its orders."""

    def balances(self) -> list[Balance]:
        """List the spot account, and the futures account in every currency that contracts settle in."""
        contracts = [i for i in self._instruments.all() if i.kind in _DERIVATIVES and i.settle]
        settles = sorted({str(i.settle) for i in contracts})

        def futures(code: str) -> Callable[[], list[Balance]]:
            # Bitcoin is XBT on the futures host.
            query = {"currency": "XBT" if code == "BTC" else code}
            return lambda: self.reading(
                overview, self.ask("futuresPrivateGetAccountOverview", query)["data"], self.venue, code
            )

        spot = super().balances
        return [each for part in all_or_raise([spot, *map(futures, settles)]) for each in part]

    def balance_queries(self) -> Mapping[str, Mapping[str, Any]]:
        """Name the spot account."""
        return {"spot": {"type": "spot"}}

    def positions(self) -> list[Position]:
        """List open positions. Raises Unsupported where a contract has two (hedge mode): neither would be the truth."""
        found: dict[str, Position] = {}
        for row in self.ask("fetch_positions", None, {}):
            position = self.reading(read_position, row, self.instrument(str(row["symbol"])))
            if position is None:
                continue
            if position.symbol in found:
                words = f"{self.venue}: {position.symbol} has a long and a short position (hedge mode)."
                raise Unsupported(words, venue=self.venue, hint="Switch the account to one-way positions.")
            found[position.symbol] = position
        return list(found.values())

    def funding_payments(self, instrument: Instrument, since_ms: int) -> list[FundingPayment]:
        """List funding paid and received, oldest first; pages go back from the newest."""
        found: dict[str, FundingPayment] = {}
        query: dict[str, Any] = {"symbol": instrument.native_id, "startAt": since_ms, "maxCount": _PAGE}
        for _ in range(_MAX_PAGES if instrument.kind == PERPETUAL else 0):
            rows, more = self.reading(payment_page, self.ask("futuresPrivateGetFundingHistory", query))
            page = [self.reading(payment, row, instrument) for row in rows]
            fresh = {each.payment_id: each for each in page if each.payment_id not in found}
            found |= fresh
            if not fresh or not more or min(each.time_ms for each in page) < since_ms:
                break
            query["offset"] = page[-1].payment_id
        return sorted((each for each in found.values() if each.time_ms >= since_ms), key=lambda each: each.time_ms)

    def permissions(self) -> KeyPermissions:
        """Read what the key may do; KuCoin says Transfer or Withdrawal for what takes money out."""
        answer = self.ask("privateGetUserApiKey")
        told = self.reading(lambda: str(answer["data"]["permission"]).lower())
        named = {part.strip() for part in told.split(",")}
        return KeyPermissions("general" in named, bool(named & {"spot", "futures"}), bool(named & _TAKES_OUT))

    def cancel_after(self, seconds: int | None) -> None:
        """Set the dead-man switch of all spot pairs (5 s to a day), or switch it off."""
        body = {"timeout": -1 if seconds is None else seconds}
        self.change(lambda exchange: exchange.privatePostHfOrdersDeadCancelAll(body))
