"""The web hook: a POST of JSON, in the background, to the address the user gave and no other."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from domain.errors import ConfigError
from monitoring.webhook import Webhook


class Hook:
    """A web hook on loopback that keeps what it is told."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.status, self.location = 200, ""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.taken.append((self.path, json.loads(body)))
                self.send_response(hook.status)
                if hook.location:
                    self.send_header("Location", hook.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0KEN"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


def test_messages_arrive_in_order_before_it_is_closed(hook: Hook) -> None:
    complaints: list[str] = []
    webhook = Webhook(hook.url, complaints.append)
    for number in range(3):
        webhook.tell({"alert": "net_pnl < -500", "number": number})
    webhook.close()
    assert [(path, body["number"]) for path, body in hook.taken] == [("/services/T0KEN", n) for n in range(3)]
    assert complaints == []


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.webhook._PAUSES_S", (0, 0))


def test_what_may_pass_is_tried_twice_more(hook: Hook) -> None:
    hook.status = 503
    complaints: list[str] = []
    webhook = Webhook(hook.url, complaints.append)
    webhook.tell({"number": 1})
    webhook.close()
    assert [body["number"] for _, body in hook.taken] == [1, 1, 1]
    assert complaints == ["The web hook at 127.0.0.1 did not take an alert: HTTP 503."]


def test_a_refusal_is_told_by_host_only_and_not_repeated(hook: Hook) -> None:
    hook.status = 403
    complaints: list[str] = []
    webhook = Webhook(hook.url, complaints.append)
    webhook.tell({})
    webhook.close()
    assert complaints == ["The web hook at 127.0.0.1 did not take an alert: HTTP 403."]


def test_a_redirection_is_not_followed(hook: Hook) -> None:
    hook.status, hook.location = 307, hook.url.replace("T0KEN", "elsewhere")
    complaints: list[str] = []
    webhook = Webhook(hook.url, complaints.append)
    webhook.tell({})
    webhook.close()
    assert [path for path, _ in hook.taken] == ["/services/T0KEN"]
    assert complaints == ["The web hook at 127.0.0.1 did not take an alert: HTTP 307."]


def test_nobody_listening_is_told_and_ends() -> None:
    complaints: list[str] = []
    webhook = Webhook("http://127.0.0.1:1/x", complaints.append)
    webhook.tell({})
    webhook.close()
    assert len(complaints) == 1
    assert "127.0.0.1" in complaints[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x", "ftp://example.com", "example.com", "https://", "", "file:///x", "https://[example/x",
        "https://example.com:port/x", "https://example.com/\u00e9", "https://example.com/a b", "https://example.com/\n",
    ],
)  # fmt: skip
def test_only_https_or_this_machine(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Webhook(url, print)
    assert "example" not in refused.value.message
