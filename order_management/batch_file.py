"""Reading a file of orders, CSV with a header or one JSON object a line. Every line is read before anything is sent.

The file may be anything at all: it is bounded, and what cannot be read is named with its line.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

from domain.errors import UsageError
from domain.money import BadNumber, plain, to_decimal
from order_management.client_ids import derived_id
from order_management.tickets import Ticket

REQUIRED = ("venue", "symbol", "side", "amount")
COLUMNS = (*REQUIRED, "type", "price", "stop_price", "unit", "tif", "post_only", "reduce_only", "id")
LARGEST_FILE = 16 << 20
"""Bytes: some hundred thousand orders."""
MOST_ORDERS = 100_000
LONGEST_LINE = 10_000
_LARGEST, _SMALLEST = Decimal(10) ** 15, Decimal(10) ** -15
_NUMBERS = ("amount", "price", "stop_price")
_FLAGS = ("post_only", "reduce_only")
_YES, _NO = ("true", "yes", "1", "y"), ("false", "no", "0", "n", "")
_BOM = b"\xef\xbb\xbf"
_Read = Callable[[str], Mapping[str, Any]]


class Row(NamedTuple):
    """One line of the file: the order that it asks for, with an id, or what is wrong with it."""

    line: int
    ticket: Ticket | None
    error: UsageError | None = None


def read_rows(stream: BinaryIO, known: Iterable[str], *, name: str = "", allow_duplicate: bool = False) -> list[Row]:
    """Read all orders of a file.

    Args:
        known: the venues of the configuration.
        name: makes the ids that the file's orders get others than under another name, or none.
        allow_duplicate: lines that ask for the same are meant (and as in `Ticket`).

    Raises:
        UsageError: it is no such file at all: too large, empty, or with a header that is not understood.
    """
    data = stream.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise UsageError(f"The file is larger than {LARGEST_FILE >> 20} MiB.", hint="Split it.")
    lines = [
        (number, text.rstrip(b"\r"))
        for number, text in enumerate(data.removeprefix(_BOM).split(b"\n"), 1)
        if text.strip()
    ]
    if not lines:
        raise UsageError("The file has no orders.", hint=f"The columns are {', '.join(COLUMNS)}.")
    if len(lines) > MOST_ORDERS + 1:
        raise UsageError(f"The file has more than {MOST_ORDERS} lines.", hint="Split it.")
    read: _Read = _object
    if not lines[0][1].lstrip().startswith(b"{"):
        read = _reader_of(_header(*lines.pop(0)))
        if not lines:
            raise UsageError("The file has a header and no orders.")
    tickets = _Tickets(tuple(known), name, allow_duplicate)
    return [_row(number, line, read, tickets) for number, line in lines]


def _row(number: int, line: bytes, read: _Read, tickets: "_Tickets") -> Row:
    try:
        return Row(number, tickets.ticket(number, read(_text(line))))
    except UsageError as error:
        error.message = f"Line {number}: {error.message}"
        return Row(number, None, error)


def _text(line: bytes) -> str:
    if len(line) > LONGEST_LINE:
        raise UsageError(f"it is longer than {LONGEST_LINE} characters.")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"it is not UTF-8 (byte {error.start + 1}).", hint="Save the file as UTF-8.") from None


# --- CSV -------------------------------------------------------------------------------------------------------------


def _header(number: int, line: bytes) -> list[str]:
    try:
        names = [name.strip().lower() for name in _cells(_text(line))]
        for name in names:
            check_column(name)
    except UsageError as error:
        error.message = f"Line {number}, the header: {error.message}"
        raise
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise UsageError(f"The header lacks {', '.join(missing)}.", hint=f"The columns are {', '.join(COLUMNS)}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"The header has {twice[0]} twice.", hint="Leave one out.")
    return names


def check_column(name: str) -> None:
    """Raise UsageError, naming the nearest column, where there is none of this name."""
    if name in COLUMNS:
        return
    from difflib import get_close_matches

    close = get_close_matches(name, COLUMNS, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}?" if close else f"The columns are {', '.join(COLUMNS)}."
    raise UsageError(f"there is no column {name[:40]!r}.", hint=hint)


def _reader_of(names: Sequence[str]) -> _Read:
    def read(text: str) -> Mapping[str, Any]:
        cells = _cells(text)
        if len(cells) != len(names):
            raise UsageError(f"it has {len(cells)} values where the header has {len(names)}.")
        return {name: value for name, cell in zip(names, cells, strict=True) if (value := cell.strip())}

    return read


def _cells(text: str) -> list[str]:
    import csv

    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise UsageError(f"it is not CSV ({error}).") from None


# --- JSON ------------------------------------------------------------------------------------------------------------


def _object(text: str) -> Mapping[str, Any]:
    try:
        # Numbers stay the text that they were written as.
        found = json.loads(
            text, parse_float=str, parse_int=str, parse_constant=_no_number, object_pairs_hook=_without_repetition
        )
    except (ValueError, RecursionError) as error:
        words = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        raise UsageError(f"it is not JSON ({words}).") from None
    if not isinstance(found, dict):
        raise UsageError("it is no JSON object.")
    for name in found:
        check_column(name)
    missing = [name for name in REQUIRED if found.get(name) in (None, "")]
    if missing:
        raise UsageError(f"it lacks {', '.join(missing)}.")
    return {name: value for name, value in found.items() if value is not None}


def _no_number(text: str) -> object:
    raise UsageError(f"{text} is no number.")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UsageError("it has a name twice.")
    return found


# --- what it says ----------------------------------------------------------------------------------------------------


class _Tickets:
    """Makes orders of lines, and remembers which ids and which equal lines it has seen."""

    def __init__(self, known: tuple[str, ...], name: str, allow_duplicate: bool) -> None:
        self._known = known
        self._name = name
        self._allow_duplicate = allow_duplicate
        self._equal: dict[tuple[str, ...], list[int]] = {}
        self._ids: dict[str, int] = {}

    def ticket(self, number: int, values: Mapping[str, Any]) -> Ticket:
        """Make the order of one line. Raises UsageError."""
        for name in REQUIRED:
            if name not in values:
                raise UsageError(f"it lacks {name}.")
        read: dict[str, Any] = {}
        for name, value in values.items():
            if name in _NUMBERS:
                read[name] = _number(name, value)
            elif name in _FLAGS:
                read[name] = _flag(name, value)
            elif isinstance(value, str):
                read[name] = value.strip() if name in ("symbol", "id") else value.strip().lower()
            else:
                raise UsageError(f"{name} has to be text.")
        self._check_venue(read["venue"])
        given = read.pop("id", None)
        ticket = Ticket(allow_duplicate=self._allow_duplicate, origin="batch", **read).checked()
        return replace(ticket, client_id=self._id(number, given, ticket))

    def _check_venue(self, venue: str) -> None:
        if venue not in self._known:
            from difflib import get_close_matches

            close = get_close_matches(venue, self._known, n=1, cutoff=0.4)
            hint = f"Nearest: {close[0]}." if close else f"The configuration has {', '.join(self._known)}."
            raise UsageError(f"there is no venue {venue[:40]!r}.", hint=hint)

    def _id(self, number: int, given: str | None, ticket: Ticket) -> str:
        """Take the id of the line, or derive one from what it asks for and how often that was asked for before."""
        asked = (getattr(ticket, name) for name in COLUMNS[:-1])
        content = tuple(plain(value) if isinstance(value, Decimal) else str(value) for value in asked)
        before = self._equal.setdefault(content, [])
        if before and not self._allow_duplicate:
            raise UsageError(
                f"it asks for the same order as line {before[0]}.", hint="Leave it out, or mean it: --allow-duplicate."
            )
        before.append(number)
        given = given or derived_id("batch", self._name, len(before), *content)
        first = self._ids.setdefault(given, number)
        if first != number:
            raise UsageError(f"the id {given[:40]!r} is that of line {first}.", hint="An id is for one order.")
        return given


def _number(name: str, value: object) -> Decimal:
    try:
        number = to_decimal(value)
    except BadNumber as error:
        raise UsageError(f"{name}: {error}.") from None
    if number <= 0:
        raise UsageError(f"{name} has to be above zero, not {plain(number)}.")
    if not _SMALLEST <= number <= _LARGEST:
        raise UsageError(f"{name}: {value!r} is no sensible number.")
    return number


def _flag(name: str, value: object) -> bool:
    word = str(value).strip().lower()
    if word not in _YES + _NO:
        raise UsageError(f"{name} has to be true or false, not {word[:24]!r}.")
    return word in _YES


def refuse_bad(rows: Sequence[Row], *, skip: bool, most: int = 5) -> None:
    """Raise UsageError with the first sentences, where rows cannot be sent; `skip`: where all of them cannot."""
    bad = [row.error for row in rows if row.error is not None]
    if not bad or (skip and len(bad) < len(rows)):
        return
    sentences = " ".join(error.message for error in bad[:most]) + (" …" if len(bad) > most else "")
    count = "1 line" if len(bad) == 1 else f"{len(bad)} lines"
    hint = bad[0].hint if len(bad) == 1 and bad[0].hint else "Correct the file, or send the rest with --skip-bad."
    raise UsageError(f"{sentences} {count} of {len(rows)} cannot be sent, so nothing was sent.", hint=hint)
