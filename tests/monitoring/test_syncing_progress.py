"""Progress: one line a venue on a terminal, plain lines otherwise."""

import io

import pytest

from monitoring.syncing_progress import Board


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_a_venue_that_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    board = Board(stream, ["okx", "bybit"])
    board.tell("okx", "reading transfers")
    board.tell("bybit", "done: nothing new")
    first, second = stream.getvalue().split("\033[2A")
    assert first == "\r\033[Kokx    reading transfers\n\r\033[Kbybit  waiting\n"
    assert second == "\r\033[Kokx    reading transfers\n\r\033[Kbybit  done: nothing new\n"


def test_elsewhere_lines_stay_few_and_the_last_word_is_always_said() -> None:
    stream = io.StringIO()
    board = Board(stream, ["okx"])
    for number in range(50):
        board.tell("okx", f"reading page {number}")
    board.tell("okx", "done: 5 fills new")
    assert stream.getvalue() == "okx: reading page 0\nokx: done: 5 fills new\n"
