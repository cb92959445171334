"""What Bybit's private answers mean: its codes and permissions (bybit-exchange.github.io/docs/v5)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from domain.errors import CrossbookError, Maintenance, OutcomeUnknown, RateLimited, Refused, Unavailable
from domain.orders import KeyPermissions

READS: Mapping[str, type[CrossbookError]] = {
    "10000": Unavailable,
    "10016": Unavailable,
    "10019": Maintenance,
    "10429": RateLimited,
}
"""What ccxt calls an error of the request, and is the venue's own trouble: a read is asked again."""
ORDERS: Mapping[str, type[CrossbookError]] = {
    # A duplicate of an id as fresh as ours is an earlier delivery of the same order; the others are timeouts.
    **dict.fromkeys(("110072", "170141", "10014", "170146", "170147", "170143"), OutcomeUnknown),
    # Parameters, clock, too many open orders: refused before the matching engine saw it.
    **dict.fromkeys(("10001", "10002", "170810"), Refused),
    **dict.fromkeys(("10006", "10018", "170222"), RateLimited),
}
"""What a code says of an order or a cancel where ccxt's class says something else."""


def code_of(error: Exception) -> str:
    """Read the code of an answer from what ccxt raises with the body in it; empty where there is none."""
    found = re.search(r'"retCode":\s*"?(\d+)', str(error))
    return found[1] if found else ""


def read_permissions(answer: Mapping[str, Any]) -> KeyPermissions:
    """Read `user/query-api`; a key that is read-only trades nothing, whatever else it is granted."""
    result = answer["result"]
    granted: Mapping[str, Sequence[str]] = result["permissions"]
    orders = any(granted.get(part) for part in ("Spot", "ContractTrade", "Derivatives"))
    return KeyPermissions(True, orders and int(result["readOnly"]) == 0, "Withdraw" in granted.get("Wallet", ()))
