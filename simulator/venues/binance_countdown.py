"""The dead-man switch of contracts: every open order of a symbol is cancelled unless the countdown begins anew.

Source: developers.binance.com/docs, "Auto-Cancel All Open Orders": per symbol, in milliseconds, 0 stops it.
"""

from typing import NamedTuple

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import Account, Rejected


class _Countdown(NamedTuple):
    account: Account
    due_ms: int


class Countdowns:
    """Countdowns that run, by owner, section and symbol. They end with the process: no clock runs in between."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, str, str], _Countdown] = {}

    def begin(self, account: Account, section: str, symbol: str, due_ms: int) -> None:
        """Cancel the symbol's orders at `due_ms`, unless begun again before."""
        self._running[account.owner, section, symbol] = _Countdown(account, due_ms)

    def stop(self, account: Account, section: str, symbol: str) -> None:
        """Forget a countdown."""
        self._running.pop((account.owner, section, symbol), None)

    def expire(self, exchange: Exchange, now_ms: int) -> None:
        """Cancel what is due, each at its own time; conditional orders stay, as with the venue's cancel-all."""
        due = sorted((item for item in self._running.items() if item[1].due_ms <= now_ms), key=lambda i: i[1].due_ms)
        for key, (account, due_ms) in due:
            del self._running[key]
            _, section, symbol = key
            for order in exchange.orders(account, due_ms, live=True, product=section, native_id=symbol):
                if order.trigger is None or order.triggered_ms is not None:
                    self._cancel(exchange, account, order.id, due_ms)

    @staticmethod
    def _cancel(exchange: Exchange, account: Account, order_id: str, now_ms: int) -> None:
        order = exchange.find(account, now_ms, order_id=order_id)
        if order is not None and order.live:
            try:
                exchange.cancel(account, order, now_ms, "timer")
            except Rejected:
                return  # it was filled at that very moment
