"""What Deribit's error codes mean for an order or a cancel: which of them say that nothing happened.

Source: docs.deribit.com, "RPC error codes". ccxt knows no class for some of them (10039, 13888), calls -32602 a bad
request and a closed order not found; of a code that is not here the class decides, which leaves the outcome open
(10001, 10040, 11031, 11051, 11094, 13028: the venue itself is not sure, or does not answer).
"""

import json
from collections.abc import Mapping

from domain.errors import CrossbookError, NotListed, RateLimited, Refused

_SAY_NO = (
    -32602, -32601, -32600, -32000,  # parameters
    *range(10002, 10004), *range(10005, 10020), *range(10021, 10028), 10029, *range(10031, 10040),
    10041, *range(10043, 10048), 10072,
    11008, 11013, 11021, 11022, 11029, 11030, *range(11035, 11040), *range(11041, 11051), 11054, 11055, 11098,
    13010, 13011, 13012, 13016, 13019, 13025, 13030, 13031, 13032, 13666, 13888, 13901, 13902,
)  # fmt: skip
_MEANINGS: Mapping[int, type[CrossbookError]] = {
    **dict.fromkeys(_SAY_NO, Refused),
    10020: NotListed,
    13020: NotListed,
    10028: RateLimited,
}
_HINTS = {13888: "It was too long on its way, or this machine's clock is off: python main.py doctor"}


def meaning(body: bytes) -> tuple[type[CrossbookError], str | None] | None:
    """Say what the error in an answer's body means, and what to do; None where it is none, or leaves it open."""
    try:
        error = json.loads(body).get("error")
        kind = _MEANINGS.get(error["code"]) if isinstance(error, dict) else None
    except (ValueError, AttributeError, LookupError, TypeError):
        return None
    return None if kind is None else (kind, _HINTS.get(error["code"]))
