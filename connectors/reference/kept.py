"""Reference prices kept between processes for as long as their source would repeat them anyway."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from connectors.reference import ReferencePrice, ReferenceSource
from domain.money import BadNumber, plain, to_decimal
from domain.time import NS_PER_MS

KEEP_S = 60
"""Free reference sources renew a price once a minute and allow some ten requests in it."""


class KeptReference:
    """A source whose answers are kept in a file for a minute; losing the file is harmless."""

    def __init__(
        self, source: ReferenceSource, path: Path, *, now_ns: Callable[[], int] = time.time_ns, keep_s: float = KEEP_S
    ) -> None:
        self.name = source.name
        self.source = source
        self._path = path
        self._now_ns = now_ns
        self._keep_ns = int(keep_s * 1000) * NS_PER_MS

    def reference_price(self, asset: str, quote: str) -> ReferencePrice:
        """Answer a price that is less than a minute old, or ask; raises what the source raises."""
        kept = self._read()
        found = _price(kept.get(f"{asset}/{quote}"))
        if found is not None and 0 <= self._now_ns() - found.received_at_ns < self._keep_ns:
            return found
        price = self.source.reference_price(asset, quote)
        self._write({**kept, f"{asset}/{quote}": {**asdict(price), "price": plain(price.price)}})
        return price

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _write(self, kept: dict[str, Any]) -> None:
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            temporary.write_text(json.dumps(kept), encoding="utf-8")
            temporary.replace(self._path)
        except OSError:
            temporary.unlink(missing_ok=True)  # the next command asks again


def _price(row: object) -> ReferencePrice | None:
    if not isinstance(row, dict):
        return None
    try:
        return ReferencePrice(
            asset=str(row["asset"]),
            quote=str(row["quote"]),
            price=to_decimal(row["price"]),
            venue_time_ms=int(row["venue_time_ms"]),
            received_at_ns=int(row["received_at_ns"]),
            source=str(row["source"]),
        )
    except (KeyError, TypeError, ValueError, BadNumber):
        return None
