"""What one run of the kill test does: which order, which fault, and when the process dies."""

import random
from typing import Any, NamedTuple

SPOT, SWAP = "spot", "swap"

SYMBOLS = {
    "binance": {SPOT: "BTC/USDT", SWAP: "ETH/USDT:USDT"},
    "okx": {SPOT: "BTC/USDT", SWAP: "ETH/USDT:USDT"},
    "bybit": {SPOT: "BTC/USDT", SWAP: "ETH/USDT:USDT"},
    "kucoin": {SPOT: "BTC/USDT", SWAP: "ETH/USDT:USDT"},
    "deribit": {SPOT: "BTC/USDC", SWAP: "ETH/USDC:USDC"},
    "deriv": {SPOT: "cryBTCUSD"},
}
SUBMITS = {
    "binance": ("POST /api/v3/order*", "POST /fapi/v1/order*"),
    "okx": ("POST /api/v5/trade/*order*",),
    "bybit": ("POST /v5/order/create*",),
    "kucoin": ("POST /api/v1/hf/orders*", "POST /api/v1/orders*"),
    "deribit": ("*/private/buy*", "*/private/sell*"),
    "deriv": ("*#buy",),
}
"""Where each venue takes orders: the paths that faults are set on."""

PROTECTED = frozenset({"bybit", "kucoin"})
"""Venues that refuse a client id for ever: only there does a network that delivers a request twice do no harm."""

DIES_AT = (0.6, 1.5)
"""When a process is killed, in lifetimes of a usual order: from before it opens its journal to after its answer."""
AFTER_INTENT_S = (0.0, 0.05)
"""Or: so long after its intent is in the journal, which is when the request is about to leave."""
UNHURT, BY_JOURNAL = 0.1, 0.6
"""Share of the runs in which nobody kills the process, and of those in which the journal tells when."""


class Scenario(NamedTuple):
    """One run. `fault` is (kind, arguments) or None.

    The process is killed `dies_at` usual lifetimes after its start, or `after_intent_s` after it was written down;
    where both are None it lives.
    """

    venue: str
    arguments: tuple[str, ...]
    client_id: str
    fault: tuple[str, dict[str, Any]] | None
    dies_at: float | None = None
    after_intent_s: float | None = None


def scenario(dice: random.Random, number: int, venue: str) -> Scenario:
    """Throw the dice for run `number` at a venue."""
    client_id = f"k{number:06d}x{dice.randrange(16**8):08x}"
    arguments = _deriv(dice) if venue == "deriv" else _order(dice, venue)
    run = Scenario(venue, arguments, client_id, _fault(dice, venue))
    luck = dice.random()
    if luck < UNHURT:
        return run
    if luck < UNHURT + BY_JOURNAL:
        return run._replace(after_intent_s=dice.uniform(*AFTER_INTENT_S))
    return run._replace(dies_at=dice.uniform(*DIES_AT))


def _order(dice: random.Random, venue: str) -> tuple[str, ...]:
    product = dice.choice((SPOT, SWAP))
    symbol, side = SYMBOLS[venue][product], dice.choice(("buy", "sell"))
    amount = "0.01" if product == SPOT else "0.1"
    low, high = ("40000", "200000") if product == SPOT else ("1500", "6000")
    resting = low if side == "buy" else high
    kind = dice.choice(("limit", "limit", "market", "ioc", "crossing"))
    if kind == "market":
        return (venue, symbol, side, amount, "--type", "market")
    if kind == "limit":
        return (venue, symbol, side, amount, "--price", resting)
    if kind == "ioc":
        return (venue, symbol, side, amount, "--price", resting, "--tif", "ioc")
    return (venue, symbol, side, amount, "--price", high if side == "buy" else low)


def _deriv(dice: random.Random) -> tuple[str, ...]:
    # No client ids there: only the size tells purchases apart, so each run has its own.
    return (
        "deriv", SYMBOLS["deriv"][SPOT], dice.choice(("buy", "sell")), str(dice.randrange(1_000, 90_000)),
        "--unit", "quote", "--type", "market",
    )  # fmt: skip


def _fault(dice: random.Random, venue: str) -> tuple[str, dict[str, Any]] | None:
    lost: list[tuple[str, dict[str, Any]] | None] = [
        None,
        ("reset", {"handled": True}),
        ("timeout", {"handled": True}),
        ("drop_request", {"handled": True}),
        ("reset", {}),
        ("timeout", {}),
        ("drop_request", {}),
        ("delay", {"ms": dice.randrange(50, 900)}),
        ("late", {"ms": dice.randrange(50, 3000)}),
    ]
    if venue != "deriv":
        lost += [("server_error", {"handled": True}), ("html_error", {"handled": True}), ("server_error", {})]
    if venue in PROTECTED:
        lost.append(("twice", {}))
    return dice.choice(lost)
