"""Around a recording: a first look at its store, and the signals that end it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from domain.errors import CrossbookError

if TYPE_CHECKING:
    from utils.persistence.sinks.base import Sink

_LOOK_S = 5.0
"""How long the store is looked at before the recording starts without it: rows are safe in the spool."""


def look_at(sink: "Sink") -> None:
    """Ask the store for anything at all, so that a wrong name or key is said now; one that is away is no reason.

    Raises:
        StoreError: what will not pass by itself: no such bucket, no credentials, no permission.
    """
    failures: list[CrossbookError] = []

    def ask() -> None:
        try:
            next(iter(sink.list("order_books/0")), None)  # no such day; a bucket that is none says so here only
        except CrossbookError as error:
            failures.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_LOOK_S)
    for failure in failures:
        if not failure.retryable:
            raise failure


@contextmanager
def signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM, which end the recording in order; the second one ends it at once."""
    told: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        told.append(number)
        if len(told) > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
