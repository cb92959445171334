"""The command line with few rows a page at one venue: `python -m tests.commands.small_pages position sync …`."""

import sys
from typing import Any

import main
from connectors.registry import Venues

VENUE, ROWS = "deribit", 100
"""Whose history comes page by page, each of which is kept as it comes."""


def with_small_pages(self: Venues, name: str) -> Any:
    """Give a venue's private half, which asks for few rows at once."""
    trading: Any = given(self, name)
    if name == VENUE:
        trading.page = ROWS
    return trading


if __name__ == "__main__":
    given = Venues.trading
    Venues.trading = with_small_pages  # type: ignore[method-assign]
    main.leave(main.run(sys.argv[1:]))
