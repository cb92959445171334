"""Snapshots as columns: what a Parquet file of order books holds (schema 1), and the way to it and back.

Prices and sizes are plain doubles, so that any tool reads them without us. A double gives back the number it was made
from, as text, wherever that has at most 15 digits, and mostly with 16 or 17; every number is tried while it is written.
A row that its columns would not give back to the letter (a number of more digits, a sequence beyond int64) has its
whole canonical text in the column `exact` as well, which is null everywhere else. So the types never change from file
to file, and nothing is ever inexact.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from itertools import islice, pairwise
from typing import Any, cast

from domain.money import plain
from domain.snapshots import Level, SeriesFacts, Snapshot, decode, encode

SCHEMA = 1
"""The newest schema this code knows; files say theirs in their metadata."""
COLUMNS = (
    "time", "venue", "symbol", "status", "reason", "sequence", "received_at_ns", "venue_time_ns",
    "bid", "bid_size", "ask", "ask_size", "bid_prices", "bid_sizes", "ask_prices", "ask_sizes", "exact",
)  # fmt: skip
TEXTS = ("venue", "symbol", "status", "reason")
LISTS = ("bid_prices", "bid_sizes", "ask_prices", "ask_sizes")
US_NS = 1000
_INT64 = 1 << 63
_TAKEN_TOGETHER = 1 << 15
"""Levels that are turned into doubles in one go: enough to make it cheap, and little memory (4 MB of text)."""
_BEST = ("bid", "bid_size", "ask", "ask_size")
_SCALARS = tuple(name for name in COLUMNS if name not in ("venue", "symbol", *_BEST, *LISTS))
SNAPSHOT_COLUMNS = (*_SCALARS, *LISTS)
"""What `snapshots` needs of a table."""
_head = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@cache
def schema() -> Any:
    """Return the Arrow schema of every file. `time` is in microseconds, because Spark refuses nanoseconds."""
    import pyarrow as pa

    double, many = pa.float64(), pa.list_(pa.field("element", pa.float64(), nullable=False))
    types = {
        "time": pa.timestamp("us", tz="UTC"),
        "sequence": pa.int64(), "received_at_ns": pa.int64(), "venue_time_ns": pa.int64(),
        "bid": double, "bid_size": double, "ask": double, "ask_size": double,
        **dict.fromkeys(LISTS, many),
    }  # fmt: skip
    always = {"time", "venue", "symbol", "status", *LISTS}
    return pa.schema([pa.field(name, types.get(name, pa.string()), nullable=name not in always) for name in COLUMNS])


def text_of(number: float) -> str:
    """Write a double as the canonical text of the shortest decimal that is this double."""
    text = repr(number)
    if text.endswith(".0"):
        text = text[:-2]
    return plain(Decimal(text)) if "e" in text or "n" in text else text


class Rows:
    """Snapshots of one series on their way into a table, and the sha256 of their canonical texts."""

    def __init__(self, facts: SeriesFacts) -> None:
        self._facts = facts
        self._content = hashlib.sha256()
        self._begun = False
        self.clear()

    def clear(self) -> None:
        """Forget the rows of the table that was taken; the content's hash goes on."""
        self.rows = self.levels = self._unsettled = 0
        self._pending: list[tuple[Snapshot, str, tuple[int, int]]] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in COLUMNS if name not in ("venue", "symbol", *_BEST)}
        self._ends: dict[str, list[Any]] = {"bid": [], "ask": []}

    def add(self, snapshot: Snapshot) -> None:
        """Take a snapshot.

        Raises:
            ValueError: a level is no pair of finite numbers as text (told for this one or an earlier one).
        """
        counts = len(snapshot.bids), len(snapshot.asks)
        levels = sum(counts)
        text = f"{_side_text(snapshot.bids)},{_side_text(snapshot.asks)}"
        # Not the levels: so many small tuples would keep the garbage collector busy for longer than all the rest.
        self._pending.append((snapshot._replace(bids=(), asks=()), text, counts))
        self.rows += 1
        self.levels += levels
        self._unsettled += levels + 1
        if self._unsettled >= _TAKEN_TOGETHER:
            self._settle()

    def content(self) -> str:
        """Return the sha256 over the canonical texts of all that was added, joined by line feeds."""
        self._settle()
        return self._content.hexdigest()

    def table(self) -> Any:
        """Return the rows since the last `clear` as an Arrow table of `schema()`."""
        import numpy as np
        import pyarrow as pa

        self._settle()
        found = {"venue": pa.repeat(self._facts.venue, self.rows), "symbol": pa.repeat(self._facts.symbol, self.rows)}
        for side, parts in self._ends.items():
            counts = np.concatenate(parts)
            ends = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
            for best, many in ((side, f"{side}_prices"), (f"{side}_size", f"{side}_sizes")):
                flat = np.concatenate(self._columns[many])
                found[best] = pa.array(np.append(flat, 0.0)[ends[:-1]], mask=counts == 0)
                found[many] = pa.ListArray.from_arrays(pa.array(ends), pa.array(flat), type=schema().field(many).type)
        for name in _SCALARS:
            found[name] = pa.array(self._columns[name], schema().field(name).type)
        return pa.table([found[name] for name in COLUMNS], schema=schema())

    def _settle(self) -> None:
        """Turn what is pending into columns."""
        import numpy as np

        pending, self._pending, self._unsettled = self._pending, [], 0
        if not pending:
            return
        heads, bodies, sides = zip(*pending, strict=True)
        counts = np.array(sides)
        numbers, exact = _doubles(bodies, counts.sum(axis=1) * 2)
        is_bid = np.repeat(np.tile((True, False), len(pending)), counts.ravel())
        for index, (side, mask) in enumerate((("bid", is_bid), ("ask", ~is_bid))):
            self._ends[side].append(counts[:, index])
            self._columns[f"{side}_prices"].append(numbers[0::2][mask])
            self._columns[f"{side}_sizes"].append(numbers[1::2][mask])
        for head, body, bids, fits in zip(heads, bodies, counts[:, 0].tolist(), exact.tolist(), strict=True):
            self._scalar(head, body, bids, fits)

    def _scalar(self, snapshot: Snapshot, body: str, bids: int, exact: bool) -> None:
        columns = self._columns
        for name in ("sequence", "received_at_ns", "venue_time_ns"):
            value = getattr(snapshot, name)
            if value is not None and not (type(value) is int and -_INT64 <= value < _INT64):
                value, exact = None, False
            columns[name].append(value)
        columns["time"].append(snapshot.time_ns // US_NS)
        columns["status"].append(snapshot.status)
        columns["reason"].append(snapshot.reason)
        # What `encode` returns, in a third of the time: numbers that a double gives back need no escapes.
        if exact:
            line = f"{_head(snapshot[:6])[:-1]},{body}]".encode()
        else:
            numbers = body.split('"')[1::2]
            levels = tuple(zip(numbers[0::2], numbers[1::2], strict=True))
            line = encode(snapshot._replace(bids=levels[:bids], asks=levels[bids:]))
        columns["exact"].append(None if exact else line.decode())
        if self._begun:
            self._content.update(b"\n")
        self._begun = True
        self._content.update(line)


def _side_text(levels: Sequence[Level]) -> str:
    try:
        return '[["' + '"],["'.join(map('","'.join, levels)) + '"]]' if levels else "[]"
    except TypeError:
        raise ValueError("a level is a price and a size, as text") from None


def _doubles(bodies: Sequence[str], counts: Any) -> tuple[Any, Any]:
    """Read the numbers of JSON arrays of text, `counts` in each; tell which of the arrays their doubles give back.

    Each number that differs is looked at once: a book's numbers come again each second.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    pieces = pc.split_pattern(pa.array(bodies), '"')  # punctuation, number, punctuation, …, number, punctuation
    if not np.array_equal(pc.list_value_length(pieces).to_numpy(), counts * 2 + 1):
        raise ValueError("a level is a price and a size, as text")
    row_of = np.repeat(np.arange(len(bodies)), counts)
    numbers = pieces.flatten().take(pa.array(2 * np.arange(len(row_of)) + row_of + 1)).dictionary_encode()
    texts, which = numbers.dictionary, numbers.indices.to_numpy()
    try:
        doubles = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        doubles = pa.array([_double(text) for text in texts.to_pylist()])
    values, same = doubles.to_numpy(), pc.equal(pc.cast(doubles, pa.string()), texts).to_numpy(zero_copy_only=False)
    for index in np.flatnonzero(~same | ~np.isfinite(values)).tolist():
        text = texts[index].as_py()
        same[index] = text_of(_double(text)) == text
    same &= ~((values == 0) & np.signbit(values))  # a zero with a sign would be found without
    exact = np.ones(len(bodies), bool)
    exact[row_of[~same[which]]] = False
    return values[which], exact


def _double(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"not a usable number: {text[:24]!r}")
    return number


def snapshots(table: Any) -> Iterator[Snapshot]:
    """Read snapshots back out of a table that has at least `SNAPSHOT_COLUMNS`."""
    columns = {name: table.column(name).to_pylist() for name in _SCALARS if name != "time"}
    times = table.column("time").cast("int64").to_pylist()
    bids, asks = (_levels(table, side) for side in ("bid", "ask"))
    for row, (time_us, exact, bid, ask) in enumerate(zip(times, columns["exact"], bids, asks, strict=True)):
        yield decode(exact.encode()) if exact is not None else Snapshot(
            time_us * US_NS, columns["status"][row], columns["reason"][row], columns["received_at_ns"][row],
            columns["venue_time_ns"][row], columns["sequence"][row], bid, ask,
        )  # fmt: skip


def _levels(table: Any, side: str) -> Iterator[tuple[Level, ...]]:
    prices, sizes = (_whole(table.column(f"{side}_{what}")) for what in ("prices", "sizes"))
    levels = zip(_texts(prices), _texts(sizes), strict=True)
    for begin, end in pairwise(prices.offsets.to_pylist()):
        yield tuple(islice(levels, end - begin))


def _texts(lists: Any) -> list[str]:
    import numpy as np

    numbers = lists.flatten().dictionary_encode()
    texts = np.array([text_of(number) for number in numbers.dictionary.to_pylist()], object)
    return cast(list[str], texts[numbers.indices.to_numpy()].tolist())


def _whole(column: Any) -> Any:
    """Return a chunked column as one array."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def facts_json(facts: SeriesFacts) -> bytes:
    """Write facts as the JSON object that a file carries."""
    return json.dumps(facts._asdict(), separators=(",", ":"), ensure_ascii=False).encode()


def facts_of(text: bytes) -> SeriesFacts:
    """Read them.

    Raises:
        ValueError: they are none.
    """
    try:
        return SeriesFacts(**json.loads(text))
    except TypeError:
        raise ValueError("not the facts of a series") from None
