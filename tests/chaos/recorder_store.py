"""A bucket that fails at random: moto's server behind a door that refuses, loses, delays, and forgets to answer.

Each run of a recorder has an access key of its own, by which the door knows whose request it has before it.
"""

import io
import logging
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from moto.server import ThreadedMotoServer

BUCKET = "books"
PREFIX = "recorded"
WELL, UNAVAILABLE, LOSES, SLOW, REFUSES, FORGETS, ALL, AWAY = (
    "well", "unavailable", "loses", "slow", "refuses", "forgets", "all", "away",
)  # fmt: skip
MOODS = (WELL, UNAVAILABLE, LOSES, SLOW, REFUSES, FORGETS, ALL)
"""How the store is during a run. `loses`: says that it has what it has not. `forgets`: does it, and does not answer.

`away`, which is none of them, befalls every request: no answer at all."""
SHARE = 0.25
"""Share of the requests that a mood befalls."""
SLOW_S = (0.05, 1.5)
BEFORE, AFTER = "before", "after"
_KEY = re.compile(r"Credential=([^/]+)/")
_CODES = {HTTPStatus.SERVICE_UNAVAILABLE: "SlowDown", HTTPStatus.FORBIDDEN: "AccessDenied"}
App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Guest:
    """One run as the door knows it: its dice, the store's mood, and at which request its process dies."""

    def __init__(
        self, dice: random.Random, mood: str, dies_at: tuple[int, str] | None, die: Callable[[], None]
    ) -> None:
        self.requests = 0
        self.died: str | None = None
        self._dice = dice
        self._mood = mood
        self._dies_at = dies_at
        self._die = die
        self._lock = threading.Lock()

    def comes(self, method: str) -> tuple[int, str, float]:
        """Take a request: its number, what befalls it, and how long it takes more (seconds)."""
        with self._lock:
            self.requests += 1
            if self._mood == AWAY:
                return self.requests, AWAY, 0.0
            luck, mood = self._dice.random(), self._mood
            if mood == ALL:
                mood = self._dice.choice(MOODS[1:-1])
            if luck >= SHARE or (mood in (LOSES, REFUSES) and method != "PUT"):
                mood = WELL
            return self.requests, mood, self._dice.uniform(*SLOW_S) if mood == SLOW else 0.0

    def dies(self, number: int, when: str, what: str) -> bool:
        """Kill the process if its time has come."""
        if self._dies_at != (number, when):
            return False
        self.died = f"{when} {what}"
        self._die()
        return True


class Door:
    """A WSGI application in front of moto's; requests of keys that it does not know pass."""

    def __init__(self, behind: App) -> None:
        self.guests: dict[str, Guest] = {}
        self.befell: Counter[str] = Counter()
        self._behind = behind

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, or do what befalls it."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        named = _KEY.search(environ.get("HTTP_AUTHORIZATION", ""))
        guest = self.guests.get(named[1]) if named else None
        if guest is None:
            return self._behind(environ, start_response)
        return self._befall(guest, environ, start_response)

    def _befall(self, guest: Guest, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        number, mood, seconds = guest.comes(environ["REQUEST_METHOD"])
        what = _named(environ)
        self.befell[mood] += mood != WELL
        if guest.dies(number, BEFORE, what) or mood == AWAY:
            raise ConnectionResetError
        time.sleep(seconds)  # the fault itself
        if mood == UNAVAILABLE:
            return _refusal(environ, start_response, HTTPStatus.SERVICE_UNAVAILABLE)
        if mood == REFUSES:
            return _refusal(environ, start_response, HTTPStatus.FORBIDDEN)
        if mood == LOSES:
            checksum = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256", "")
            start_response("200 OK", [("ETag", '"0123456789abcdef0123456789abcdef"'), ("Content-Length", "0"),
                                      ("x-amz-checksum-sha256", checksum)])  # fmt: skip
            return []
        answer = list(self._behind(environ, start_response))
        if guest.dies(number, AFTER, what) or mood == FORGETS:
            raise ConnectionResetError
        return answer


def _named(environ: dict[str, Any]) -> str:
    path = environ["PATH_INFO"]
    what = "manifest" if path.endswith(".json") else "file" if path.endswith(".parquet") else "list or look"
    return f"{environ['REQUEST_METHOD']} {what}"


def _refusal(environ: dict[str, Any], start_response: Any, status: HTTPStatus) -> list[bytes]:
    text = f"<?xml version='1.0'?><Error><Code>{_CODES[status]}</Code><Message>{status.phrase}</Message></Error>"
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else text.encode()
    start_response(
        f"{status.value} {status.phrase}", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    )
    return [body]


@contextmanager
def running() -> Iterator[tuple[Door, str]]:
    """Run the store with one empty bucket; yield its door and its address."""
    import boto3

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        assert server._server is not None
        door = Door(server._server.app)  # type: ignore[arg-type]
        server._server.app = door  # type: ignore[assignment]
        url = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "OWNER", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket=BUCKET)
        yield door, url
    finally:
        server.stop()
