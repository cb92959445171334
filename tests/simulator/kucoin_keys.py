"""Requests signed by hand as docs.kucoin.com (Authentication) says, independent of the simulator's own check."""

import base64
import hashlib
import hmac
from urllib.parse import urlsplit

from simulator.exchange.model import Account


def signed_headers(
    account: Account, method: str, url: str, now_ms: int, body: str = "", version: str = "2"
) -> dict[str, str]:
    """Sign a request; what is signed is the path with its query and the body."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")

    def sign(text: str) -> str:
        return base64.b64encode(hmac.new(account.secret.encode(), text.encode(), hashlib.sha256).digest()).decode()

    return {
        "KC-API-KEY": account.key,
        "KC-API-SIGN": sign(f"{now_ms}{method}{target}{body}"),
        "KC-API-TIMESTAMP": str(now_ms),
        "KC-API-PASSPHRASE": sign(account.passphrase),
        "KC-API-KEY-VERSION": version,
    }
