"""Run a few blocking calls at once."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from domain.errors import CrossbookError

T = TypeVar("T")


def side_by_side(calls: Sequence[Callable[[], T]]) -> list[T | CrossbookError]:
    """Run each call in a thread of its own and wait for all; a call's own failure is its result.

    The calls keep deadlines themselves. What is none of our errors is a mistake of the program: it is raised here,
    once every call has ended.
    """
    outcomes: list[T | CrossbookError | None] = [None] * len(calls)
    mistakes: list[BaseException] = []

    def run(index: int) -> None:
        try:
            outcomes[index] = calls[index]()
        except CrossbookError as error:
            outcomes[index] = error
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread, and raised there
            mistakes.append(error)

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(1, len(calls))]
    for thread in threads:
        thread.start()
    if calls:
        run(0)
    for thread in threads:
        thread.join()
    if mistakes:
        raise mistakes[0]
    return outcomes  # type: ignore[return-value] # every call has left its outcome


def all_or_raise(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Run the calls side by side and raise the first failure, if any."""
    outcomes = side_by_side(calls)
    results: list[T] = []
    for outcome in outcomes:
        if isinstance(outcome, CrossbookError):
            raise outcome
        results.append(outcome)
    return results
