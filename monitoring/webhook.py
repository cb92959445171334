"""Telling a web hook of an alert: one small JSON object by POST, off the main thread, never in the way of the watch.

Where it goes is a secret (chat services put a token into it): it comes from `CROSSBOOK_ALERT_WEBHOOK` in the
environment, `.env` or the keyring, never from the command line, and no message of ours repeats more than its host.
"""

import http.client
import json
import queue
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from domain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = "CROSSBOOK_ALERT_WEBHOOK"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PATIENCE_S = 10.0
_WAITING_AT_MOST = 100
_PAUSES_S = (0.5, 2.0)
"""Between tries: what is not delivered (no answer, or 5xx) is tried again twice; it may then arrive twice."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follow nothing: the message goes to the address that the user gave, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Webhook:
    """One address, and the thread that speaks to it. What cannot be delivered is told once to `complain`."""

    def __init__(self, url: str, complain: "Callable[[str], None]") -> None:
        """Check the address.

        Raises:
            ConfigError: it is no https:// URL (http:// is for this machine only).
        """
        try:
            parts = urlsplit(url)
            allowed = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
            allowed = allowed and url.isascii() and url.isprintable() and " " not in url and parts.port != 0
        except ValueError:  # a port or an address that is none; its text may hold the secret
            allowed = False
        if not allowed or not parts.hostname:
            raise ConfigError(
                f"{VARIABLE} is no usable address.", hint="It has to be https://… (http:// only to this machine)."
            ) from None
        self.host = parts.hostname
        self._url = url
        self._complain = complain
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(_WAITING_AT_MOST)
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def tell(self, message: dict[str, Any]) -> None:
        """Hand a message over; it leaves in the background, and is dropped (and said so) where a hundred wait."""
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self._complain(f"The web hook at {self.host} does not keep up: an alert was not delivered.")

    def close(self) -> None:
        """Deliver what waits, for as long as one delivery may take, and end."""
        self._waiting.put(None)
        self._thread.join(_PATIENCE_S + sum(_PAUSES_S) + 1)
        if self._thread.is_alive():
            self._complain(f"The web hook at {self.host} does not answer: alerts may not have been delivered.")

    def _run(self) -> None:
        while (message := self._waiting.get()) is not None:
            reason = self._delivered(json.dumps(message).encode())
            if reason is not None:
                self._complain(f"The web hook at {self.host} did not take an alert: {reason}.")

    def _delivered(self, body: bytes) -> str | None:
        """Send it until it is taken or refused, three times at most; answer None, or why it failed in the end."""
        reason, passing = self._post(body)
        for pause_s in _PAUSES_S:
            if not passing:
                break
            time.sleep(pause_s)
            reason, passing = self._post(body)
        return reason

    def _post(self, body: bytes) -> tuple[str | None, bool]:
        """Send it once; answer None, or why it failed, and whether that may pass."""
        headers = {"Content-Type": "application/json", "User-Agent": "crossbook"}
        request = urllib.request.Request(self._url, body, headers)  # noqa: S310 - checked in __init__
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=_PATIENCE_S):
                return None, False
        except urllib.error.HTTPError as error:
            return f"HTTP {error.code}", error.code >= http.client.INTERNAL_SERVER_ERROR
        except (OSError, ValueError, http.client.HTTPException) as error:  # whatever it is, the next alert still leaves
            return type(error).__name__, True
