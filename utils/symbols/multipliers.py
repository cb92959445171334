"""Codes that count in thousands: `1000PEPE` is 1000 of `PEPE`, and so is `kPEPE`."""

import re

_PREFIX = re.compile(r"^(1(?:0{3,9}))([A-Z][A-Z0-9]+)$")
_MILLION = re.compile(r"^1M([A-Z][A-Z0-9]{2,})$")
_THOUSAND = re.compile(r"^k([A-Z][A-Z0-9]+)$")
_SUFFIX = re.compile(r"^([A-Z]+)(1(?:0{3,9}))$")


def split_multiplier(code: str) -> tuple[int, str]:
    """Read a listed code as `(multiplier, asset)`: `1000PEPE` → (1000, PEPE), `1MBABYDOGE` → (1000000, BABYDOGE).

    Venues write `1000PEPE`, `SHIB1000` (Bybit), `1M…` (Binance) and `kPEPE` (Hyperliquid). Anything else, such as
    `1INCH`, is itself with multiplier 1.
    """
    if match := _PREFIX.match(code):
        return int(match[1]), match[2]
    if match := _MILLION.match(code):
        return 1_000_000, match[1]
    if match := _THOUSAND.match(code):
        return 1000, match[1]
    if match := _SUFFIX.match(code):
        return int(match[2]), match[1]
    return 1, code
