"""Deribit's JSON-RPC: requests read, answers and errors wrapped, faults in its words.

Error objects and envelopes as in real answers quoted in ccxt issue 6908 and gocryptotrader issue 2099; codes from the
venue's error table. The wording of `data.reason` is known for `wrong format` and `invalid currency` only.
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from simulator.exchange.model import Account
from simulator.venue import SimReply, json_reply

Row = dict[str, object]
Params = Mapping[str, object]
_TAKEN_US = 240


class RpcError(Exception):
    """An error answer: Deribit's code and message, the `data` object where there is one, and the HTTP status."""

    def __init__(self, code: int, message: str, data: Row | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.error: Row = {"code": code, "message": message} | ({"data": data} if data else {})
        self.status = status


class Call(NamedTuple):
    """One call, however it came: `params` are text from a query and typed from JSON; `now_ms` is the venue's clock.

    `account` is who calls, where the method is a private one.
    """

    method: str
    params: Params
    now_ms: int
    account: Account | None = None

    @property
    def caller(self) -> Account:
        """Return who calls a private method."""
        assert self.account is not None, "private methods are authenticated before they are called"
        return self.account


def invalid(name: str, reason: str) -> RpcError:
    """Say which parameter is wrong and why."""
    return RpcError(-32602, "Invalid params", {"reason": reason, "param": name})


def text_of(params: Params, name: str, choices: Sequence[str] = (), default: str | None = None) -> str:
    """Read a text parameter. Raises RpcError."""
    value = params.get(name, default)
    if value is None or value == "":
        raise invalid(name, "must be present")
    if not isinstance(value, str):
        raise invalid(name, "wrong format")
    if choices and value not in choices:
        raise invalid(name, "invalid currency" if name == "currency" else "must be one of the supported values")
    return value


def integer_of(params: Params, name: str, default: int | None = None) -> int:
    """Read a whole number, from text too. Raises RpcError."""
    value = params.get(name, default)
    if value is None:
        raise invalid(name, "must be present")
    if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value)):
        raise invalid(name, "must be an integer")
    return int(str(value))


def flag_of(params: Params, name: str) -> bool:
    """Read a flag; absent is false."""
    return params.get(name) in (True, "true", "True", "1")


def decimal_of(params: Params, name: str) -> Decimal | None:
    """Read a number above zero from text or JSON; None where it is absent. Raises RpcError."""
    value = params.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise invalid(name, "wrong format")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise invalid(name, "wrong format") from None
    if not number.is_finite():
        raise invalid(name, "wrong format")
    if number <= 0:
        raise invalid(name, "must be greater than 0")
    return number


def envelope(content: Row, identity: object, now_ms: int, status: int = 200) -> SimReply:
    """Wrap a `result` or an `error`; only a request that has an `id` gets one back, with its JSON type."""
    head: Row = {"jsonrpc": "2.0"} | ({"id": identity} if identity is not None else {})
    came_us = now_ms * 1000
    times: Row = {"usIn": came_us, "usOut": came_us + _TAKEN_US, "usDiff": _TAKEN_US, "testnet": False}
    return json_reply(head | content | times, status)


def posted(body: bytes, method: str) -> tuple[str, Params, object]:
    """Read a JSON-RPC request; the method of the path stands in where the body names none."""
    try:
        content = json.loads(body, parse_float=Decimal)
    except ValueError:
        raise RpcError(-32700, "Parse error") from None
    if not isinstance(content, dict):
        raise RpcError(-32600, "Invalid Request")
    params = content.get("params") or {}
    if not isinstance(params, dict):
        raise RpcError(-32602, "Invalid params")
    return str(content.get("method") or method), params, content.get("id")


def faulty(kind: str, now_ms: int, args: Mapping[str, Any]) -> SimReply:
    """Put a fault in the venue's codes, or in the words of the Cloudflare edge before it."""
    retry = {"retry-after": str(args.get("retry_after_s", 1))}
    if kind == "rate_limited":
        reply = envelope({"error": {"code": 10028, "message": "too_many_requests"}}, None, now_ms, 429)
        return SimReply(reply.body, 429, retry)
    if kind == "maintenance":
        return envelope({"error": {"code": 11051, "message": "system_maintenance"}}, None, now_ms, 503)
    if kind == "banned":
        return SimReply(b"error code: 1015", 429, retry, "text/plain; charset=UTF-8")
    if kind == "geo_blocked":
        page = b"<html><head><title>451 Unavailable For Legal Reasons</title></head><body>451</body></html>"
        return SimReply(page, 451, content_type="text/html")
    error = {"code": 11094, "message": "internal_server_error"}
    return envelope({"error": error}, None, now_ms, int(args.get("status", 503)))
