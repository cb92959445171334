"""Deribit's keys: signed headers, basic credentials and bearer tokens, and the scope that each method needs.

Sources: docs.deribit.com, "Authentication" and "Access scope", and public/auth; tokens live 900 s and a refresh ends
the old ones (measured in March 2026). Which of 13004 and 13009 a bad signature gets is not documented; nor whether a
nonce is refused the second time ("single usage"), so that here a request that arrives twice is carried out twice.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import NamedTuple

from simulator.exchange.model import READ, TRADE, WITHDRAW, Account
from simulator.venue import SimRequest
from simulator.venues.deribit_rpc import Call, Params, Row, RpcError, integer_of, invalid, text_of

SIGNATURE_LIFE_MS = 60_000
"""How old a signed timestamp may be; that one from the future is held to the same is an assumption."""
TOKEN_LIFE_S = 900

_LEVELS = ("none", "read", "read_write")
_AREAS = ("account", "trade", "wallet")
_ACCOUNT_METHODS = frozenset({
    "get_account_summary", "get_account_summaries", "get_transaction_log", "list_api_keys", "get_subaccounts",
})  # fmt: skip
_WALLET_METHODS = frozenset({"get_deposits", "get_withdrawals", "get_transfers"})
MATCHING = frozenset({
    "buy", "sell", "edit", "edit_by_label", "cancel", "cancel_all", "cancel_all_by_currency",
    "cancel_all_by_instrument", "cancel_by_label", "close_position",
})  # fmt: skip
"""Methods that the matching engine carries out: they need `trade:read_write` and have a rate limit of their own."""


class Identity(NamedTuple):
    """Who calls, and what this key or token may do per area (`none`, `read`, `read_write`)."""

    account: Account
    scope: Mapping[str, str]


class _Token(NamedTuple):
    identity: Identity
    expires_ms: int


class Doorkeeper:
    """Tells who calls a private method."""

    def __init__(self, find: Callable[[str], Account | None]) -> None:
        """Look keys up with `find`."""
        self._find = find
        self._access: dict[str, _Token] = {}
        self._refresh: dict[str, tuple[str, Identity]] = {}
        self._numbers = count(1)

    def admit(self, request: SimRequest, method: str) -> Account:
        """Authenticate one request for `private/<method>`. Raises RpcError (13004, 13009, 13021)."""
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        readers = {"deri-hmac-sha256": self._signed, "basic": self._basic, "bearer": self._bearer}
        reader = readers.get(scheme.lower())
        if reader is None:
            raise _unauthorized("invalid_token")
        identity = reader(rest.strip(), request)
        area, level = _needed(method.removeprefix("private/"))
        if _LEVELS.index(identity.scope[area]) < _LEVELS.index(level):
            raise RpcError(13021, "forbidden", {"reason": f"scope {area}:{level} is required"})
        return identity.account

    def auth(self, call: Call) -> object:
        """Answer public/auth: client_credentials, client_signature, refresh_token. Raises RpcError."""
        grants = ("client_credentials", "client_signature", "refresh_token")
        grant = text_of(call.params, "grant_type", grants)
        if grant == "refresh_token":
            access, identity = self._refresh.pop(text_of(call.params, "refresh_token"), ("", None))
            if identity is None:
                raise RpcError(13009, "invalid_token", {"reason": "invalid_token", "param": "refresh_token"})
            self._access.pop(access, None)
            return self._issue(identity, call)
        account = self._find(text_of(call.params, "client_id"))
        if account is None or not self._proved(grant, account, call):
            raise RpcError(13004, "invalid_credentials")
        return self._issue(Identity(account, _narrowed(_scope(account), call.params)), call)

    def _proved(self, grant: str, account: Account, call: Call) -> bool:
        if grant == "client_credentials":
            return _same(text_of(call.params, "client_secret"), account.secret)
        timestamp_ms = integer_of(call.params, "timestamp")
        if abs(call.now_ms - timestamp_ms) > SIGNATURE_LIFE_MS:
            return False
        parts = (str(timestamp_ms), str(call.params.get("nonce") or ""), str(call.params.get("data") or ""))
        return _same(text_of(call.params, "signature"), _hmac(account, "\n".join(parts).encode()))

    def _issue(self, identity: Identity, call: Call) -> Row:
        scope = " ".join(f"{area}:{level}" for area, level in identity.scope.items() if level != "none")
        asked = text_of(call.params, "scope", default="connection").split()
        life_s = next((int(s[8:]) for s in asked if s.startswith("expires:") and s[8:].isdigit()), TOKEN_LIFE_S)
        access, refresh = (self._new_token(identity.account, call.now_ms) for _ in range(2))
        self._access[access] = _Token(identity, call.now_ms + life_s * 1000)
        self._refresh[refresh] = (access, identity)
        answer: Row = {"access_token": access, "expires_in": life_s, "refresh_token": refresh}
        answer |= {"scope": f"{scope} connection mainaccount", "token_type": "bearer", "enabled_features": []}
        return answer | ({"state": call.params["state"]} if "state" in call.params else {})

    def _new_token(self, account: Account, now_ms: int) -> str:
        number = next(self._numbers)
        return f"{now_ms}.{account.key}.{_hmac(account, f'{now_ms} {number}'.encode())}"

    def _signed(self, fields: str, request: SimRequest) -> Identity:
        """Check `id=…,ts=…,sig=…,nonce=…`: a signature over time, nonce, method, path with query, and body."""
        named = dict(part.strip().partition("=")[::2] for part in fields.split(","))
        account = self._find(named.get("id", ""))
        timestamp, nonce = named.get("ts", ""), named.get("nonce", "")
        if account is None or not timestamp.isdigit():
            raise RpcError(13004, "invalid_credentials")
        content = f"{timestamp}\n{nonce}\n{request.method.upper()}\n{request.target}\n".encode() + request.body + b"\n"
        if not _same(_hmac(account, content), named.get("sig", "")):
            raise RpcError(13004, "invalid_credentials")
        if abs(request.now_ms - int(timestamp)) > SIGNATURE_LIFE_MS:
            raise _unauthorized("timestamp expired")
        return Identity(account, _scope(account))

    def _basic(self, encoded: str, _: SimRequest) -> Identity:
        try:
            key, _colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise RpcError(13004, "invalid_credentials") from None
        account = self._find(key)
        if account is None or not _same(secret, account.secret):
            raise RpcError(13004, "invalid_credentials")
        return Identity(account, _scope(account))

    def _bearer(self, token: str, request: SimRequest) -> Identity:
        found = self._access.get(token)
        if found is None or found.expires_ms <= request.now_ms:
            raise _unauthorized("invalid_token")
        return found.identity


def scope_text(account: Account) -> str:
    """Write what a key may do at most, as private/list_api_keys does."""
    return " ".join(f"{area}:{level}" for area, level in _scope(account).items())


def _scope(account: Account) -> dict[str, str]:
    may = account.permissions
    read = "read" if READ in may else "none"
    return {
        "account": read,
        "trade": "read_write" if TRADE in may else read,
        "wallet": "read_write" if WITHDRAW in may else read,
    }


def _narrowed(scope: Mapping[str, str], params: Params) -> dict[str, str]:
    """Grant what was asked for as far as the key goes; everything it has where no area was named."""
    asked = dict(word.partition(":")[::2] for word in _words(params.get("scope")) if word.partition(":")[0] in _AREAS)
    if not asked:
        return dict(scope)
    wrong = set(asked.values()) - set(_LEVELS)
    if wrong:
        raise invalid("scope", "wrong format")
    return {area: min(scope[area], asked.get(area, "none"), key=_LEVELS.index) for area in _AREAS}


def _words(text: object) -> Iterable[str]:
    return text.split() if isinstance(text, str) else ()


def _needed(method: str) -> tuple[str, str]:
    if method in MATCHING:
        return "trade", "read_write"
    area = "account" if method in _ACCOUNT_METHODS else "wallet" if method in _WALLET_METHODS else "trade"
    return area, "read"


def _hmac(account: Account, content: bytes) -> str:
    return hmac.new(account.secret.encode(), content, hashlib.sha256).hexdigest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _unauthorized(reason: str) -> RpcError:
    return RpcError(13009, "unauthorized", {"reason": reason, "param": "token"})
