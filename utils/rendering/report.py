"""A command's answer, and the one place that prints it."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, TextIO

from domain.errors import CrossbookError
from domain.exit_codes import ExitCode
from domain.money import plain

TABLE = "table"
JSON = "json"
CSV = "csv"
OUTPUTS = (TABLE, JSON, CSV)
ABSENT = "–"


@dataclass(frozen=True)
class Table:
    """Rows for people. Cells may be text, numbers or None (shown as a dash); `align` has one of `l`, `r` a column."""

    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""
    align: str = ""


@dataclass(frozen=True)
class Report:
    """What a command found: `record` for machines, `tables` and `notes` for people, and the exit code.

    CSV prints the first table, and the rows of further tables with the same headers. Notes go to stderr unless they
    belong to the answer (`summary`).
    """

    record: Any
    tables: Sequence[Table] = ()
    summary: Sequence[str] = ()
    notes: Sequence[str] = ()
    exit_code: ExitCode = ExitCode.OK


def emit(report: Report, output: str) -> ExitCode:
    """Print a report to stdout in the asked format, its notes to stderr, and return its exit code.

    Raises:
        CrossbookError: stdout takes nothing more (a full disk).
    """
    try:
        if output == JSON:
            sys.stdout.write(to_json(report.record) + "\n")
        elif output == CSV:
            _write_csv(report.tables, sys.stdout)
        else:
            _write_tables(report, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # the reader has gone (`| head`); what became of it all is the exit code's to say
    except OSError as error:
        raise CrossbookError(f"The answer cannot be written: {error.strerror}.") from error
    with suppress(OSError):  # a log that takes nothing more does not change what was found
        for note in report.notes:
            sys.stderr.write(note + "\n")
    return report.exit_code


def to_json(record: Any) -> str:
    """Write a record as JSON: decimals are strings without exponent, absent values null."""
    return json.dumps(record, default=_jsonable, ensure_ascii=False)


def cell(value: Any) -> str:
    """Write one table cell."""
    if value is None:
        return ABSENT
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def use_colour(stream: TextIO) -> bool:
    """Say whether colour is wanted: a terminal, and no `NO_COLOR`."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def _jsonable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def _write_csv(tables: Sequence[Table], stream: TextIO) -> None:
    import csv

    writer = csv.writer(stream, lineterminator="\n")
    headers = list(tables[0].headers) if tables else []
    writer.writerow(headers)
    for table in tables:
        if list(table.headers) == headers:
            writer.writerows([["" if value is None else cell(value) for value in row] for row in table.rows])


def _write_tables(report: Report, stream: TextIO) -> None:
    blocks = [_table_text(table, stream) for table in report.tables]
    if report.summary:
        blocks.append("\n".join(report.summary))
    stream.write("\n\n".join(blocks) + "\n")


def _table_text(table: Table, stream: TextIO) -> str:
    from tabulate import tabulate

    aligned = [{"r": "right", "l": "left"}[letter] for letter in table.align] or None
    text = tabulate(
        [[cell(value) for value in row] for row in table.rows],
        headers=list(table.headers),
        tablefmt="simple",
        disable_numparse=True,
        colalign=aligned if table.rows else None,
    )
    if not table.title:
        return str(text)
    title = f"\033[1m{table.title}\033[0m" if use_colour(stream) else table.title
    return f"{title}\n{text}"
