"""How Deribit treats orders, and the keys that the simulated venue knows.

Sources: docs.deribit.com: labels are not unique, what is left of an immediate order is `cancelled`, a fill-or-kill
order that cannot be filled is answered as cancelled; fees have eight decimals. One account holds all currencies.
"""

from simulator.exchange.model import (
    CANCELLED,
    EXPIRE,
    NEVER_CHECKED,
    READ,
    REFUSE,
    TRADE,
    WITHDRAW,
    Account,
    ExchangeRules,
)

WALLET = "trading"
_READ_ONLY, _TRADER = frozenset({READ}), frozenset({READ, TRADE})

RULES = ExchangeRules(
    wallet=lambda _: WALLET,
    deposits={
        WALLET: {
            "BTC": "100", "ETH": "1000", "SOL": "10000", "XRP": "1000000", "USDC": "1000000", "USDT": "1000000",
        }
    },
    client_ids=NEVER_CHECKED,
    post_only=REFUSE,
    fok=EXPIRE,
    leftover=CANCELLED,
    fee_in_quote=True,
    fee_decimals=8,
    leverage=50,
)  # fmt: skip
ACCOUNTS = (
    Account("main", "4TfZ8qLm", "3zXo0qv2V9cSEJ4Tq1mVbN8yKfWc7RrAiGt5LhPeUsw", permissions=_TRADER),
    Account("main", "hR2nW9Yd", "Yb6pKx0EwJ8sDq3TnVf1ZgM5cLrHu7aBiOe2RtSkQ4A", permissions=_READ_ONLY),
    Account("main", "Jk7sVb1Q", "Qd4mNz8GtX2vHy6RoCw9PeU1fSjLk5aTiWb3ZrEgM0I", permissions=_TRADER | {WITHDRAW}),
    Account("other", "eP5xGc3U", "Uf9kTw1LbA7nRs5YqDv3ZmJ0hOxEi8cGpKt2WyNrB6Q", permissions=_TRADER),
)
