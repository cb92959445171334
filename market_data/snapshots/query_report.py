"""The answer to `query` as JSON, as a table, or as CSV row by row."""

import csv
import itertools
import sys
from collections.abc import Sequence
from typing import Any

from domain.errors import CrossbookError
from market_data.snapshots.querying import Answer
from market_data.snapshots.selecting import StoredFile
from market_data.snapshots.sizes import counted
from utils.rendering import Report, Table
from utils.rendering.report import cell, to_json

MOST_ROWS = 1000
"""Rows a table shows; more are for CSV and JSON."""
_LIST = 3
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")


def query_report(answer: Answer, store: str, files: Sequence[StoredFile]) -> Report:
    """Put an answer into a report. All its rows are held: for millions of them there is CSV."""
    names = [column.name for column in answer.columns]
    rows = answer.all_rows()
    notes = [] if files else [f"{store} has no books of that time."]
    if len(rows) > MOST_ROWS:
        notes.append(f"Only the first {MOST_ROWS:,} of {len(rows):,} rows are shown; --output csv and json have all.")
    shown = [[_short(value) for value in row] for row in itertools.islice(rows, MOST_ROWS)]
    align = "".join(
        "r" if column.type.startswith(_NUMBERS) or "INT" in column.type else "l" for column in answer.columns
    )
    record = {
        "columns": [column._asdict() for column in answer.columns],
        "rows": [dict(zip(names, row, strict=True)) for row in rows],
    }
    return Report(record, [Table(names, shown, align=align)], [f"{counted(len(rows), 'row')}."], notes)


def write_csv(answer: Answer) -> None:
    """Write the answer to stdout, row by row, so that it may have any length.

    Raises:
        CrossbookError: stdout takes nothing more.
    """
    try:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(column.name for column in answer.columns)
        for row in answer.rows():
            writer.writerow("" if value is None else _text(value) for value in row)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CrossbookError(f"The answer cannot be written: {error.strerror}.") from error


def _short(value: Any) -> str | None:
    """Write a value for a table: of a long list its beginning, and how long it is."""
    if isinstance(value, list) and len(value) > _LIST:
        return f"{to_json(value[:_LIST])[:-1]}, … {len(value):,} in all]"
    return _text(value)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, list | dict):
        return to_json(value)
    return plain_float(value) if isinstance(value, float) else cell(value)


def plain_float(number: float) -> str:
    """Write a double as the shortest decimal that is this double, without exponent."""
    from market_data.snapshots.columns import text_of

    return text_of(number)
