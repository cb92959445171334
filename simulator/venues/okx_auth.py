"""Who signs: OKX's `OK-ACCESS-*` headers, checked over the raw path, query and body.

Order of the checks and their codes: okx.com/docs-v5, "REST Authentication" and "Error Code, API Class".
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from simulator.exchange.model import READ, TRADE, WITHDRAW, Account
from simulator.venue import SimRequest, SimVenue
from simulator.venues.okx_wire import OkxError

EXPIRES_MS = 30_000
"""How far a request's timestamp may lie from the venue's clock."""

ACCOUNTS = (
    Account("main", "3f1c2a9e-7b64-4d0a-9c1e-0a5d2f8b6e71", "9D4E1B7A2C6F4E0B8A3D5C7E1F9B2A60", "Simulated-1"),
    Account(
        "main",
        "a71e0c55-19d3-4b8f-8f27-6c4e9b2d1035",
        "1F6B3C8D0E5A4F729B4D6E8A2C0F7B13",
        "Simulated-2",
        frozenset({READ}),
    ),
    Account(
        "main",
        "c0d9f3b4-52e8-4a17-b6a0-e13f7d4c8892",
        "7A2E9C4B6D1F4830A5C7E9B1D3F50842",
        "Simulated-3",
        frozenset({READ, TRADE, WITHDRAW}),
    ),
    Account("other", "e58b7d16-03fa-4c92-a4d5-91c2b7f06e3a", "4C8A0E6D2B9F47158D3B5F7A9C1E2064", "Simulated-4"),
)


def signer(venue: SimVenue, request: SimRequest) -> Account:
    """Return the account whose key signed a request. Raises OkxError with OKX's code and HTTP 401."""
    headers = request.headers
    for code, name in (("50103", "KEY"), ("50104", "PASSPHRASE"), ("50106", "SIGN"), ("50107", "TIMESTAMP")):
        if not headers.get(f"ok-access-{name.lower()}"):
            raise OkxError(code, f'Request header "OK-ACCESS-{name}" cannot be empty.', 401)
    stamp = headers["ok-access-timestamp"]
    signed_ms = _milliseconds(stamp)
    if signed_ms is None:
        raise OkxError("50112", "Invalid OK-ACCESS-TIMESTAMP", 401)
    if abs(request.now_ms - signed_ms) > EXPIRES_MS:
        raise OkxError("50102", "Timestamp request expired", 401)
    account = venue.exchange.account(headers["ok-access-key"])
    if account is None:
        raise OkxError("50111", "Invalid OK-ACCESS-KEY", 401)
    if headers.get("x-simulated-trading") == "1":  # these are keys of real trading, not of the demo
        raise OkxError("50101", "APIKey does not match current environment.", 401)
    told = f"{stamp}{request.method}{request.target}".encode() + request.body
    right = base64.b64encode(hmac.new(account.secret.encode(), told, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(right, headers["ok-access-sign"]):
        raise OkxError("50113", "Invalid Sign", 401)
    if not hmac.compare_digest(account.passphrase, headers["ok-access-passphrase"]):
        raise OkxError("50105", 'Request header "OK-ACCESS-PASSPHRASE" incorrect.', 401)
    return account


def may(account: Account, permission: str) -> None:
    """Raise OkxError 50120 where the key lacks a permission."""
    if permission not in account.permissions:
        raise OkxError("50120", "This API key doesn't have permission to use this function")


def _milliseconds(stamp: str) -> int | None:
    """Read `2020-12-08T09:08:57.715Z`."""
    try:
        moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return round(moment.timestamp() * 1000)
