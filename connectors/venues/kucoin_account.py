"""KuCoin's balances, positions, and what the key may do. Source: docs.kucoin.com, Account Info."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connectors.ccxt_orders import read_position
from connectors.ccxt_trading import CcxtTrading
from connectors.side_by_side import all_or_raise
from connectors.venues.kucoin_order_rows import gross_gain, overview
from domain.errors import Unsupported
from domain.instruments import FUTURE, PERPETUAL
from domain.orders import Balance, KeyPermissions, Position

_DERIVATIVES = frozenset({PERPETUAL, FUTURE})
_MAIN = "main"
_NOTHING = Decimal(0)
_TAKES_OUT = frozenset({"transfer", "withdrawal", "withdraw"})


class KucoinAccount(CcxtTrading):
    """What KuCoin tells of the account as it is now."""

    def balances(self) -> list[Balance]:
        """List the spot account, the main one, and the futures account in every currency that contracts settle in.

        Nothing of the main account is free for orders: it has to be transferred before.
        """
        contracts = [i for i in self._instruments.all() if i.kind in _DERIVATIVES and i.settle]
        settles = sorted({str(i.settle) for i in contracts})

        def futures(code: str) -> Callable[[], list[Balance]]:
            # Bitcoin is XBT on the futures host.
            query = {"currency": "XBT" if code == "BTC" else code}
            return lambda: self.reading(
                overview, self.ask("futuresPrivateGetAccountOverview", query)["data"], self.venue, code
            )

        spot = super().balances
        found = [each for part in all_or_raise([spot, *map(futures, settles)]) for each in part]
        return [each._replace(free=_NOTHING, used=each.total) if each.wallet == _MAIN else each for each in found]

    def balance_queries(self) -> Mapping[str, Mapping[str, Any]]:
        """Name the spot account, and the main one, where deposits arrive."""
        return {"spot": {"type": "spot"}, _MAIN: {"type": "main"}}

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
            found[position.symbol] = replace(position, realized=self.reading(gross_gain, row["info"]))
        return list(found.values())

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
