"""The gate of an environment in which nothing signed may leave this process.

It knows what public reads look like and lets nothing else through, instead of knowing every way to sign: a GET without
a body, with no header but those below, to no private path, and with no parameter that carries a key or a signature.
The few public reads that are POSTs, and the public calls of WebSockets, are listed by name.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from domain.errors import NotSent

PLAIN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-type",
        "host",
        "user-agent",
    }
)
SECRET_PARAMETERS = frozenset(
    {
        "signature", "sign", "sig", "apisign", "apikey", "accesskey", "accesskeyid", "key", "apiid", "token",
        "accesstoken", "authtoken", "passphrase", "password", "secret", "clientid", "clientsecret", "recvwindow",
        "nonce", "tonce", "authorize", "auth", "authorization", "jwt", "hmac", "listenkey", "userid", "signaturemethod",
    }
)  # fmt: skip
"""Names of query parameters, in lower case and without `_` and `-`, that no public read has."""
POSTED_READS: Mapping[str, frozenset[str]] = {"/info": frozenset({"type", "dex", "coin", "req", "nSigFigs"})}
"""Paths that public reads are POSTed to, and the keys that their JSON may have: none that names an account."""
PUBLIC_CALLS = frozenset(
    {
        "active_symbols", "contracts_for", "forget", "forget_all", "passthrough", "ping", "req_id", "subscribe",
        "ticks", "ticks_history", "time", "trading_times", "website_status",
    }
)  # fmt: skip
"""Keys that a message on a WebSocket may have."""
_PRIVATE = re.compile(r"private|/sapi/|/auth(?:/|$)", re.IGNORECASE)
_PUBLIC = re.compile(r"/sapi/v1/system/status$")
"""Public reads among paths that look private."""
_HINT = "Orders on paper are filled on this machine; use --env sim, testnet or live for a venue's own."


def refuse_signed(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> None:
    """Let a public read pass.

    Raises:
        NotSent: the request is none, or carries what only a signed one needs.
    """
    parts = urlsplit(url)
    named = [
        name.lower().replace("_", "").replace("-", "") for name, _ in parse_qsl(parts.query, keep_blank_values=True)
    ]
    strange = sorted(name for name in headers if name.lower() not in PLAIN_HEADERS)
    reason = None
    if "@" in parts.netloc:
        reason = "a user name"
    elif strange:
        reason = f"the header {strange[0]}"
    elif secret := next((name for name in named if name in SECRET_PARAMETERS), None):
        reason = f"the parameter {secret}"
    elif _PRIVATE.search(parts.path) and not _PUBLIC.search(parts.path):
        reason = "a private path"
    elif parts.path in POSTED_READS and method == "POST":
        reason = None if _keys(body) <= POSTED_READS[parts.path] else "a body that is no public read"
    elif method not in ("GET", "HEAD"):
        reason = f"a {method}"
    elif body:
        reason = "a body"
    if reason is not None:
        raise NotSent(
            f"Nothing signed leaves this environment: a request to {parts.hostname} with {reason} was stopped.",
            hint=_HINT,
        )


def refuse_signed_message(host: str, text: str) -> None:
    """Let a public message on a WebSocket pass.

    Raises:
        NotSent: it is none of the public calls, or has a part that is not known to be public.
    """
    strange = sorted(_keys(text.encode()) - PUBLIC_CALLS)
    if strange:
        raise NotSent(
            f"Nothing signed leaves this environment: a message to {host} with {strange[0]!a} was stopped.", hint=_HINT
        )


def _keys(text: bytes) -> frozenset[str]:
    """Name the keys of a JSON object at every depth; what is no object has a key that nothing allows."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return frozenset({"what is no JSON"})
    if not isinstance(found, dict):
        return frozenset({"what is no object"})
    keys: set[str] = set()
    pending: list[object] = [found]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            keys |= item.keys()
            pending += item.values()
        elif isinstance(item, list):
            pending += item
    return frozenset(keys)
