"""The HTTP answers of the raw recordings (format: their README)."""

import gzip
from collections.abc import Iterator
from pathlib import Path

from connectors.http import Response
from tests.connectors.fakes import answer


def answers(folder: Path, name: str) -> Iterator[tuple[str, float, Response]]:
    """Read `URL -> TIME: BODY` lines: the URL, when it was received (Unix seconds), the answer."""
    with gzip.open(folder / f"{name}.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            url, arrow, rest = line.rstrip("\n").partition(" -> ")
            if arrow and url.startswith("http"):
                moment, _, body = rest.partition(": ")
                yield url, float(moment), answer(body)
