"""Around a recording: a first look at its store, and the signals that end it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from domain.errors import CrossbookError
from utils.persistence.sinks.base import StoreConflict, StoreMisconfigured

if TYPE_CHECKING:
    from utils.persistence.sinks.base import Sink

_LOOK_S = 5.0
"""How long the store is looked at before the recording starts without it: rows are safe in the spool."""
_PROBE, _NO_VERSION = "order_books/write-check", '"00000000000000000000000000000000"'


def look_at(sink: "Sink") -> list[str]:
    """See that the store can be listed, written and read, so that a wrong name, key or permission is said now.

    Nothing is left in it: what is written replaces a version that does not exist, which a store has to refuse.
    Returns a sentence about a store that is away, which is no reason not to record.

    Raises:
        StoreError: what will not pass by itself: no such bucket, no credentials, no permission.
    """
    failures: list[CrossbookError] = []

    def ask() -> None:
        try:
            _try(sink)
        except CrossbookError as error:
            failures.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_LOOK_S)
    for failure in failures:
        if not failure.retryable:
            raise failure
    if not failures and not asking.is_alive():
        return []
    away = failures[0].message if failures else f"{sink.name} has not answered for {_LOOK_S:g} s."
    return [f"{away} Rows wait in the spool until it takes them."]


def _try(sink: "Sink") -> None:
    next(iter(sink.list("order_books/0")), None)  # no such day; a bucket that is none says so here only
    with suppress(StoreConflict):  # as it has to be
        sink.put(_PROBE, b"", only_if=_NO_VERSION)
    if sink.head(_PROBE) is not None:
        sink.delete(_PROBE)
        raise StoreMisconfigured(
            f"{sink.name} ignores conditional writes (If-Match): recorders would overwrite each other.",
            hint="Use a store that knows them, or a folder.",
        )


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
