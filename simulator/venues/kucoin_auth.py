"""KuCoin's keys: who signs a request, and what the key may do.

Source: docs.kucoin.com, Authentication: KC-API-SIGN is the base64 HMAC-SHA256 of timestamp, method, path with its
query (not percent-encoded) and body; the passphrase is signed with the secret as well, for keys of version 2 and 3.
A timestamp may be off by five seconds. Codes from the gateway's table; HTTP 401 as recorded for 400001.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import unquote, unquote_plus

from simulator.exchange.model import READ, TRADE, WITHDRAW, Account
from simulator.venue import SimRequest
from simulator.venues.kucoin_wire import KucoinError

SIGNED_HEADERS = ("kc-api-key", "kc-api-sign", "kc-api-timestamp", "kc-api-passphrase")
KEY_VERSIONS = frozenset({"2", "3"})
TOLERANCE_MS = 5_000

ACCOUNTS: tuple[Account, ...] = (
    Account("main", "65f1c2a0b7d84e0001a3f001", "2f6c1d7e-4b0a-4c55-9f3e-6a1d8c0b7e01", "crossbook-trade"),
    Account(
        "main",
        "65f1c2a0b7d84e0001a3f002",
        "2f6c1d7e-4b0a-4c55-9f3e-6a1d8c0b7e02",
        "crossbook-read",
        frozenset({READ}),
    ),
    Account(
        "main",
        "65f1c2a0b7d84e0001a3f003",
        "2f6c1d7e-4b0a-4c55-9f3e-6a1d8c0b7e03",
        "crossbook-withdraw",
        frozenset({READ, TRADE, WITHDRAW}),
    ),
    Account("other", "65f1c2a0b7d84e0001a3f004", "2f6c1d7e-4b0a-4c55-9f3e-6a1d8c0b7e04", "crossbook-other"),
    Account("kcs", "65f1c2a0b7d84e0001a3f005", "2f6c1d7e-4b0a-4c55-9f3e-6a1d8c0b7e05", "crossbook-kcs"),
)
"""One that trades, one that reads, one that may withdraw, all of one owner; one of another owner; and one whose owner
pays spot fees in KCS.
"""


def authenticate(accounts: Iterable[Account], request: SimRequest) -> Account:
    """Find whose request it is, checked over the bytes that came in. Raises KucoinError 400001 to 400009."""
    if not all(request.headers.get(name) for name in SIGNED_HEADERS):
        names = ", ".join(SIGNED_HEADERS).upper()
        raise KucoinError("400001", f"Please check the header of your request for {names}", 401)
    stamp = request.headers["kc-api-timestamp"]
    if not stamp.isascii() or not stamp.isdigit() or abs(int(stamp) - request.now_ms) > TOLERANCE_MS:
        raise KucoinError("400002", "Invalid KC-API-TIMESTAMP", 401)
    account = next((known for known in accounts if known.key == request.headers["kc-api-key"]), None)
    if account is None:
        raise KucoinError("400003", "KC-API-KEY not exists", 401)
    if request.headers.get("kc-api-key-version") not in KEY_VERSIONS:
        raise KucoinError("400009", "Invalid KC-API-KEY-VERSION", 401)
    if not _same(request.headers["kc-api-passphrase"], _signed(account, account.passphrase.encode())):
        raise KucoinError("400004", "Invalid KC-API-PASSPHRASE", 401)
    # What is signed is not percent-encoded; what was sent need not be either.
    spellings = {request.target, unquote(request.target), _unquoted_query(request.target)}
    plain = [f"{stamp}{request.method}{target}".encode() + request.body for target in spellings]
    if not any(_same(request.headers["kc-api-sign"], _signed(account, text)) for text in plain):
        raise KucoinError("400005", "Invalid KC-API-SIGN", 401)
    return account


def permit(account: Account, permission: str) -> None:
    """Refuse what the key may not do. Raises KucoinError 400007."""
    if permission not in account.permissions:
        raise KucoinError("400007", "Access denied, require more permission.", 403)


def _unquoted_query(target: str) -> str:
    path, mark, query = target.partition("?")
    return unquote(path) + mark + unquote_plus(query)


def _signed(account: Account, text: bytes) -> str:
    return base64.b64encode(hmac.digest(account.secret.encode(), text, hashlib.sha256)).decode()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
