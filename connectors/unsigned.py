"""The gate of an environment in which nothing signed may leave this process.

It knows what public reads look like and lets nothing else through, instead of knowing every way to sign: only GET,
only the headers below, and no query parameter that carries a key, a time stamp to sign or a signature.
"""

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
        "signature", "sign", "sig", "apikey", "api_key", "accesskey", "access_key", "key", "token", "access_token",
        "passphrase", "secret", "client_id", "client_secret", "recvwindow", "recv_window", "nonce", "authorize",
    }
)  # fmt: skip
POSTED_READS = ("/info",)
"""Paths that some venues take public reads at by POST."""
_SECRET_WORDS = re.compile(
    r'"(?:authorize|buy|sell|sell_expired|cancel|token|sign|sig|signature|apiKey|api_key|passphrase|login)"|private/|public/auth',
    re.IGNORECASE,
)


def refuse_signed(method: str, url: str, headers: Mapping[str, str]) -> None:
    """Let a public read pass.

    Raises:
        NotSent: the request is none, or carries what only a signed one needs.
    """
    parts = urlsplit(url)
    reason = None
    if method not in ("GET", "HEAD") and parts.path not in POSTED_READS:
        reason = f"a {method}"
    if strange := sorted(name for name in headers if name.lower() not in PLAIN_HEADERS):
        reason = f"the header {strange[0]}"
    if named := [
        name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if name.lower() in SECRET_PARAMETERS
    ]:
        reason = f"the parameter {named[0]}"
    if "/private/" in parts.path or ("/sapi/" in parts.path and parts.path != "/sapi/v1/system/status"):
        reason = "a private path"
    if reason is not None:
        raise NotSent(
            f"Nothing signed leaves this environment: a request to {parts.hostname} with {reason} was stopped.",
            hint="Orders on paper are filled on this machine; use --env sim, testnet or live for a venue's own.",
        )


def refuse_signed_message(host: str, text: str) -> None:
    """Let a public message on a WebSocket pass.

    Raises:
        NotSent: it logs in, trades or carries a signature.
    """
    found = _SECRET_WORDS.search(text)
    if found is not None:
        raise NotSent(
            f"Nothing signed leaves this environment: a message to {host} with {found[0]} was stopped.",
            hint="Orders on paper are filled on this machine; use --env sim, testnet or live for a venue's own.",
        )
