"""Whose request it is: Binance's keys, signatures and times, checked over the bytes as they came in.

Sources: developers.binance.com/docs ("Request security", "SIGNED endpoint"); what ccxt and the official SDKs send.
"""

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import READ, TRADE, WITHDRAW, Account
from simulator.venue import SimRequest
from simulator.venues.binance_call import Refusal, missing

_USUAL_WINDOW_MS = 5000
_LONGEST_WINDOW_MS = 60_000
_AHEAD_MS = 1000


def _account(owner: str, name: str, *permissions: str) -> Account:
    key, secret = (hashlib.sha256(f"crossbook simulator {name} {part}".encode()).hexdigest() for part in "ks")
    return Account(owner, key, secret, permissions=frozenset(permissions))


ACCOUNTS = (
    _account("main", "full", READ, TRADE),
    _account("main", "read-only", READ),
    _account("main", "withdrawing", READ, TRADE, WITHDRAW),
    _account("other", "other", READ, TRADE),
)
"""Keys of 64 letters and digits, as the venue's are: full, read-only, one that may withdraw, and another owner's."""

_NO_PERMISSION = (-2015, "Invalid API-key, IP, or permissions for action.", 401)


def parameters(request: SimRequest) -> dict[str, str]:
    """Read the parameters of query and body; the query's count where both have one."""
    body = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return body | request.query


def authenticate(exchange: Exchange, request: SimRequest, params: Mapping[str, str], permission: str) -> Account:
    """Find the account whose key signed this request.

    Raises:
        Refusal: no key (-2014), an unknown one or one that may not do this (-2015), no signature (-1102) or a wrong
            one (-1022), a time too far off (-1021).
    """
    key = request.headers.get("x-mbx-apikey")
    if not key:
        raise Refusal(-2014, "API-key format invalid.", 401)
    for name in ("timestamp", "signature"):
        if not params.get(name):
            raise missing(name)
    account = exchange.account(key)
    if account is None:
        raise Refusal(*_NO_PERMISSION)
    signed = hmac.new(account.secret.encode(), _signed_bytes(request), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signed, params["signature"].lower().encode("ascii", "replace").decode()):
        raise Refusal(-1022, "Signature for this request is not valid.")
    _check_time(params, request.now_ms)
    if permission not in account.permissions:
        raise Refusal(*_NO_PERMISSION)
    return account


def _signed_bytes(request: SimRequest) -> bytes:
    """Put together what was signed: the raw query and the raw body, one after the other, without the signature."""
    parts = (request.target.partition("?")[2].encode(), request.body)
    return b"".join(
        b"&".join(item for item in part.split(b"&") if not item.startswith(b"signature=")) for part in parts
    )


def _check_time(params: Mapping[str, str], now_ms: int) -> None:
    timestamp, window_ms = _number(params, "timestamp", None), _number(params, "recvWindow", _USUAL_WINDOW_MS)
    if window_ms > _LONGEST_WINDOW_MS:
        raise Refusal(-1131, "recvWindow must be less than 60000.")
    if timestamp >= now_ms + _AHEAD_MS:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp > window_ms:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def _number(params: Mapping[str, str], name: str, default: int | None) -> Decimal:
    try:
        number = Decimal(params.get(name, "" if default is None else str(default)))
    except InvalidOperation:
        raise missing(name) from None
    if not number.is_finite() or number < 0:
        raise missing(name)
    return number
