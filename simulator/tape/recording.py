"""Raw recordings: gzip text, one message a line, with the time of receipt in Unix seconds.

`URL -> TIME: BODY` is an HTTP answer, `TIME: MESSAGE` a WebSocket message received, `URL <- TIME: MESSAGE` one sent,
and `URL <-> TIME` an opened connection. `PREFIX.0.gz` has the instrument lists, `PREFIX.http.*.gz` the snapshots and
`PREFIX.ws.*.gz` the streams.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_ANSWER = re.compile(r"(?P<url>\S+) -> (?P<time>\d+(?:\.\d+)?): (?P<body>.*)")
_RECEIVED = re.compile(r"(?P<time>\d+(?:\.\d+)?): (?P<body>.*)")
_OTHER = re.compile(r"\S+ <-> \d|\S+ <- \d|configuration: |\s*$")


class Message(NamedTuple):
    """Something a venue sent; `url` is empty for WebSocket messages, `at_ms` is the time of receipt."""

    url: str
    at_ms: int
    payload: object


class Recording:
    """All files of one prefix. `unread` counts the lines that could not be read, a file cut off by its end for one."""

    def __init__(self, directory: Path, prefix: str) -> None:
        self._directory = directory
        self._prefix = prefix
        self.unread = 0

    def __bool__(self) -> bool:
        """Tell whether the directory has this recording's instrument lists."""
        return (self._directory / f"{self._prefix}.0.gz").is_file()

    def instruments(self) -> list[Message]:
        """Read the instrument lists; of a list that was asked for several times the last answer."""
        lists: dict[str, tuple[int, str]] = {}
        for line in self._lines(self._directory / f"{self._prefix}.0.gz"):
            if match := _ANSWER.fullmatch(line):
                lists[match["url"]] = (_milliseconds(match["time"]), match["body"])
            elif not _OTHER.match(line):
                self.unread += 1
        read = [self._message(url, at_ms, body) for url, (at_ms, body) in lists.items()]
        return [message for message in read if message]

    def stream(self) -> list[Message]:
        """Read snapshots and streams, in the order of their receipt."""
        found: list[Message] = []
        for kind in ("http", "ws"):
            for path in sorted(self._directory.glob(f"{self._prefix}.{kind}.*.gz")):
                found.extend(self._messages(path))
        return sorted(found, key=lambda message: message.at_ms)

    def _messages(self, path: Path) -> Iterator[Message]:
        for line in self._lines(path):
            match = _RECEIVED.fullmatch(line) or _ANSWER.fullmatch(line)
            if match is None:
                self.unread += not _OTHER.match(line)
                continue
            groups = match.groupdict()
            message = self._message(groups.get("url") or "", _milliseconds(groups["time"]), groups["body"], exact=True)
            if message:
                yield message

    def _message(self, url: str, at_ms: int, body: str, exact: bool = False) -> Message | None:
        try:
            # Of prices and sizes the text counts, so that fractions stay text.
            return Message(url, at_ms, json.loads(body, parse_float=str if exact else None))
        except ValueError:
            self.unread += 1
            return None

    def _lines(self, path: Path) -> Iterator[str]:
        try:
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                for line in lines:
                    yield line.rstrip("\n")
        except (EOFError, UnicodeDecodeError, gzip.BadGzipFile, zlib.error):
            self.unread += 1


def _milliseconds(seconds: str) -> int:
    return int(float(seconds) * 1000)
