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
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from itertools import islice, pairwise
from typing import Any, NamedTuple, cast

from domain.money import plain
from domain.snapshots import STATUSES, Level, SeriesFacts, Snapshot, decode, encode

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
_NO_LEVEL = "a level is a price and a size, as text"
_HEAD = ("time", "status", "reason", "received_at_ns", "venue_time_ns", "sequence")
SNAPSHOT_COLUMNS = (*_SCALARS, *LISTS)
"""What `snapshots` and `texts` need of a table."""


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


class _Line(NamedTuple):
    """A row's text, what is in it before the levels, and where they begin."""

    head: Snapshot
    text: bytes
    body: int


_USUAL = re.compile(rb'\[(0|[1-9]\d*),"([a-z_]+)",(null|"[^"\0-\x1f]*")' + rb",(null|0|-?[1-9]\d*)" * 3 + rb",(?=\[)")
"""How a text begins; one with an escape is looked at by `decode`."""


def time_of(row: Snapshot | bytes) -> int:
    """Return the second of a snapshot, or of its text, in nanoseconds since the epoch.

    Raises:
        ValueError: it is no text of a snapshot.
    """
    if isinstance(row, Snapshot):
        return row.time_ns
    found = _USUAL.match(row)
    return int(found[1]) if found else decode(row).time_ns


def _line(row: Snapshot | bytes) -> _Line:
    """Look at a row; a text may still be written otherwise than `encode` does, within its levels."""
    text = row if isinstance(row, bytes) else encode(row)
    found = _USUAL.match(text) if b"\\" not in text and text.endswith(b"]") else None
    if found is None:
        return _rewritten(text)
    time_ns, status, reason, received, venue_time, sequence = found.groups()
    head = Snapshot(
        int(time_ns),
        status.decode(),
        None if reason == b"null" else reason[1:-1].decode(),
        None if received == b"null" else int(received),
        None if venue_time == b"null" else int(venue_time),
        None if sequence == b"null" else int(sequence),
    )
    return _Line(head, text, found.end()) if head.status in STATUSES else _rewritten(text)


def _rewritten(text: bytes) -> _Line:
    """Write a text as `encode` does.

    Raises:
        ValueError: it is no snapshot's.
    """
    snapshot = decode(text)
    head = snapshot._replace(bids=(), asks=())
    return _Line(head, encode(snapshot), len(encode(head)) - len("[],[]]"))


class Rows:
    """Rows of one series on their way into a table, and the sha256 of their canonical texts."""

    def __init__(self, facts: SeriesFacts) -> None:
        self._facts = facts
        self._content = hashlib.sha256()
        self._begun = False
        self.clear()

    def clear(self) -> None:
        """Forget the rows of the table that was taken; the content's hash goes on."""
        self.rows = self.levels = self._unsettled = 0
        self._pending: list[_Line] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in COLUMNS if name not in ("venue", "symbol", *_BEST)}
        self._ends: dict[str, list[Any]] = {"bid": [], "ask": []}

    def add(self, row: Snapshot | bytes) -> Snapshot:
        """Take a snapshot, or its text (`encode`); return it without its levels.

        Raises:
            ValueError: it is none, or a level is no pair of finite numbers as text (told for this or an earlier one).
        """
        line = _line(row)
        levels = line.text.count(b'"', line.body) // 4
        self._pending.append(line)
        self.rows += 1
        self.levels += levels
        self._unsettled += levels + 1
        if self._unsettled >= _TAKEN_TOGETHER:
            self._settle()
        return line.head

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

        lines, self._pending, self._unsettled = self._pending, [], 0
        if not lines:
            return
        try:
            numbers = _numbers([line.text[line.body : -1] for line in lines])
        except ValueError:  # perhaps only written otherwise than we do
            lines = [_rewritten(line.text) for line in lines]
            numbers = _numbers([line.text[line.body : -1] for line in lines])
        is_bid = np.repeat(np.tile((True, False), len(lines)), numbers.counts.ravel())
        for index, (side, mask) in enumerate((("bid", is_bid), ("ask", ~is_bid))):
            self._ends[side].append(numbers.counts[:, index])
            self._columns[f"{side}_prices"].append(numbers.values[0::2][mask])
            self._columns[f"{side}_sizes"].append(numbers.values[1::2][mask])
        for line, fits in zip(lines, numbers.exact.tolist(), strict=True):
            self._scalar(line.head, line.text if fits else _rewritten(line.text).text, fits)

    def _scalar(self, head: Snapshot, text: bytes, exact: bool) -> None:
        columns = self._columns
        for name, value in (
            ("sequence", head.sequence), ("received_at_ns", head.received_at_ns), ("venue_time_ns", head.venue_time_ns),
        ):  # fmt: skip
            if value is not None and not (type(value) is int and -_INT64 <= value < _INT64):
                value, exact = None, False
            columns[name].append(value)
        columns["time"].append(head.time_ns // US_NS)
        columns["status"].append(head.status)
        columns["reason"].append(head.reason)
        columns["exact"].append(None if exact else text.decode())
        if self._begun:
            self._content.update(b"\n")
        self._begun = True
        self._content.update(text)


class _Numbers(NamedTuple):
    """Rows' levels: `values` are price, size, price …; `counts` of bids and asks, and whether doubles give all back."""

    values: Any
    counts: Any
    exact: Any


def _numbers(bodies: Sequence[bytes]) -> _Numbers:
    """Read rows' levels out of their text: `[["1","2"],["1","2"]],[["1","2"]]`.

    Each number that differs is looked at once: a book's numbers come again each second.

    Raises:
        ValueError: they are not written just so, or a number cannot be used.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    text = b"".join(bodies)
    quotes = np.flatnonzero(np.frombuffer(text, np.uint8) == ord('"'))
    counts = _counts(text, bodies, quotes)
    exact = np.ones(len(bodies), bool)
    if not len(quotes):
        return _Numbers(np.zeros(0), counts, exact)
    quotes[0::2] += 1  # number, punctuation, number, …, number
    pieces = pa.StringArray.from_buffers(len(quotes) - 1, pa.py_buffer(quotes.astype(np.int32)), pa.py_buffer(text))
    numbers = pieces.take(pa.array(np.arange(0, len(pieces), 2, dtype=np.int32))).dictionary_encode()
    texts, which = numbers.dictionary, numbers.indices.to_numpy()
    try:
        doubles = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        doubles = pa.array([_double(text) for text in texts.to_pylist()])
    values, same = doubles.to_numpy(), pc.equal(pc.cast(doubles, pa.string()), texts).to_numpy(zero_copy_only=False)
    for index in np.flatnonzero(~same | ~np.isfinite(values)).tolist():
        number = texts[index].as_py()
        same[index] = text_of(_double(number)) == number
    same &= ~((values == 0) & np.signbit(values))  # a zero with a sign would be found without
    exact[np.repeat(np.arange(len(bodies)), counts.sum(axis=1) * 2)[~same[which]]] = False
    return _Numbers(values[which], counts, exact)


def _counts(text: bytes, bodies: Sequence[bytes], quotes: Any) -> Any:
    """Count bids and asks of every row, and see that nothing but their punctuation is between its numbers.

    Raises:
        ValueError: there is.
    """
    import numpy as np

    letters = np.frombuffer(text, np.uint8)
    borders = np.searchsorted(quotes, np.cumsum([0, *map(len, bodies)]))
    if (borders % 4).any() or b"\\" in text:
        raise ValueError(_NO_LEVEL)
    prices, sizes, price_ends, size_ends = (quotes[place::4] for place in (0, 2, 1, 3))
    paired = (sizes - price_ends == 2) & (letters[price_ends + 1] == ord(","))
    next_ends, next_prices = size_ends[:-1], prices[1:]
    followed = next_prices - next_ends == 4
    for place, letter in enumerate(b"],[", 1):
        followed &= letters[next_ends + place] == letter
    firsts = borders // 4
    followed[firsts[(firsts > 0) & (firsts < len(prices))] - 1] = True  # between two rows: see below
    turns = np.flatnonzero(~followed)  # the last bids of rows that have both
    if not paired.all() or any(text[size_ends[turn] + 1 : prices[turn + 1]] != b"]],[[" for turn in turns.tolist()):
        raise ValueError(_NO_LEVEL)
    turned = dict(zip((np.searchsorted(firsts, turns, "right") - 1).tolist(), (turns + 1).tolist(), strict=True))
    if len(turned) != len(turns):
        raise ValueError(_NO_LEVEL)
    found = []
    for row, (body, (first, last)) in enumerate(zip(bodies, pairwise(firsts.tolist()), strict=True)):
        bids = turned.get(row, last if body.startswith(b"[[") else first) - first
        begin, end = (b'[["' if bids else b'[],[["'), (b'"]]' if first + bids < last else b'"]],[]')
        if not (body.startswith(begin) and body.endswith(end) if last > first else body == b"[],[]"):
            raise ValueError(_NO_LEVEL)
        found.append((bids, last - first - bids))
    return np.array(found)


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


def texts(table: Any) -> Iterator[bytes]:
    """Read the rows of such a table as `encode` writes them, sooner than `snapshots` and `encode` do."""
    heads = [column.to_pylist() for column in map(table.column, _HEAD[1:])]
    times = table.column("time").cast("int64").to_pylist()
    sides = (_side_texts(table, side) for side in ("bid", "ask"))
    kept = table.column("exact").to_pylist()
    for exact, time_us, bids, asks, *head in zip(kept, times, *sides, *heads, strict=True):
        begin = encode(Snapshot(time_us * US_NS, *head)) if exact is None else b""
        yield exact.encode() if exact is not None else b"%b%b,%b]" % (begin[: -len("[],[]]")], bids, asks)


def _side_texts(table: Any, side: str) -> list[bytes]:
    """Write a side's levels as JSON."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [_whole(table.column(f"{side}_{what}")) for what in ("prices", "sizes")]
    numbers = [lists.flatten().dictionary_encode() for lists in found]
    written = [pa.array(map(text_of, each.dictionary.to_pylist()), pa.string()).take(each.indices) for each in numbers]
    levels = pc.binary_join_element_wise(*written, '","')
    offsets = pc.subtract(found[0].offsets, found[0].offsets[0]) if len(table) else pa.array([0], pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, levels), '"],["')
    return [b'[["%b"]]' % each if each else b"[]" for each in joined.cast(pa.binary()).to_pylist()]


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
