"""Rows as a recorder makes them, for tests of what is done with them."""

from collections.abc import Iterator

from domain.snapshots import OK, SECOND_NS, UNAVAILABLE, SeriesFacts, Snapshot

FACTS = SeriesFacts(
    "okx", "BTC/USDT", "BTC-USDT", "spot", "BTC", "USDT", None, False, "1", "0.1", "0.00001", "BTC", 3
)  # fmt: skip
DAY = "2026-11-21"
START_NS = 1_795_219_200 * SECOND_NS
"""Midnight of `DAY`, UTC."""


def row(second: int, *, price: int = 0) -> Snapshot:
    """Return the row of a second after `START_NS`; each seventh has no book."""
    time_ns = START_NS + second * SECOND_NS
    if second % 7 == 6:
        return Snapshot(time_ns, UNAVAILABLE, f"no answer in time ({second})")
    middle = 100_000 + second % 50 + price
    return Snapshot(
        time_ns, OK, None, time_ns + 20_000_000 + second, time_ns - 5_000_000, 10**9 + second,
        tuple((f"{middle - level}.5", f"0.{level}1") for level in range(1, 4)),
        tuple((f"{middle + level}", f"1.{second % 9 + 1}") for level in range(1, 4)),
    )  # fmt: skip


def rows(first: int, end: int, step: int = 1) -> Iterator[Snapshot]:
    """Return the rows of the seconds in [first, end)."""
    return (row(second) for second in range(first, end, step))
