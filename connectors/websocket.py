"""A WebSocket that is asked and answers, synchronously: one deadline for each step, messages of text only.

The `websockets` package does the protocol (its part without I/O); connections, TLS and errors are those of
`connectors.http`. Its own `sync.client` is not used: it costs another 20 ms of import and a thread a connection, and
its waits cannot be given one common deadline.
"""

import socket
import time

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from connectors.http import HttpClient
from connectors.unsigned import refuse_signed_message
from domain.errors import BadAnswer, GeoBlocked, RateLimited, Refused, TimedOut, Unavailable

MAX_MESSAGE = 4 * 1024 * 1024
"""Largest message in bytes; Deriv's longest list has about 0.1 MiB."""


class ConnectionEnded(Unavailable):
    """The other side closed the connection before it answered."""


class HandshakeRefused(Refused):
    """The venue refused the connection with an HTTP status; `status` is it."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class WebSocket:
    """One open connection; used by one thread at a time. `host` is the venue's real one."""

    def __init__(self, client: HttpClient, url: str, *, deadline: float) -> None:
        """Connect and shake hands.

        Raises:
            NotSent, TimedOut, Unavailable: no connection.
            HandshakeRefused, GeoBlocked, RateLimited: the venue did not let us in.
            BadAnswer: it does not speak the protocol.
        """
        self._signs = client.signs
        connected = client.connect(url, deadline=deadline)
        self.host = connected.host
        self._socket: socket.socket = connected.connection
        # TLS, where there is any, is the transport's: to the protocol the connection is a plain one.
        uri = parse_uri(f"ws://{connected.netloc}{connected.target}")
        self._protocol = ClientProtocol(uri, max_size=MAX_MESSAGE)
        self._messages: list[str] = []
        self._parts: list[bytes] = []
        self._size = 0
        self.used_at = time.monotonic()
        try:
            self._shake_hands(deadline)
        except BaseException:
            self.close()
            raise

    def send(self, text: str, *, deadline: float) -> None:
        """Send one message. Raises TimedOut or ConnectionEnded; NotSent where this environment signs nothing."""
        if not self._signs:
            refuse_signed_message(self.host, text)
        if self._protocol.state is not OPEN:
            raise ConnectionEnded(f"{self.host} closed the connection.")
        self._protocol.send_text(text.encode())
        self._flush(deadline)

    def receive(self, *, deadline: float) -> str:
        """Wait for the next message.

        Raises:
            TimedOut: none came in time.
            ConnectionEnded: the connection was closed or broken.
            BadAnswer: a message too large, not text, or against the protocol.
        """
        while not self._messages:
            if self._protocol.state is not OPEN:
                raise ConnectionEnded(f"{self.host} closed the connection{self._said()}.")
            for event in self._read(deadline):
                if isinstance(event, Frame):
                    self._take(event)
        self.used_at = time.monotonic()
        return self._messages.pop(0)

    def close(self) -> None:
        """Close at once, without waiting for the other side's good-bye."""
        self._socket.close()

    def _shake_hands(self, deadline: float) -> None:
        self._protocol.send_request(self._protocol.connect())
        self._flush(deadline)
        while self._protocol.handshake_exc is None and self._protocol.state is not OPEN:
            for event in self._read(deadline):
                if isinstance(event, Response) and event.status_code != 101:
                    raise self._refusal(event)
                if isinstance(event, Frame):
                    self._take(event)
        error = self._protocol.handshake_exc
        if isinstance(error, InvalidHandshake) and not isinstance(error.__cause__, EOFError):
            raise BadAnswer(f"{self.host} does not open a WebSocket: {error}.")
        if error is not None:
            raise ConnectionEnded(f"{self.host} closed the connection before it was set up.")

    def _refusal(self, answer: Response) -> Exception:
        status = answer.status_code
        if status == 451:
            return GeoBlocked(f"{self.host} does not serve this place (HTTP 451).")
        if status in (418, 429):
            asked = "".join(answer.headers.get_all("Retry-After"))
            wait_s = float(asked) if asked.isdecimal() and len(asked) < 8 else None
            return RateLimited(f"{self.host} refused the connection (HTTP {status}).", retry_after_s=wait_s)
        if status >= 500:
            return Unavailable(f"{self.host} is out of order (HTTP {status}).")
        if status >= 400:
            return HandshakeRefused(f"{self.host} refused the connection (HTTP {status}).", status=status)
        return BadAnswer(f"{self.host} does not open a WebSocket (HTTP {status}).")

    def _read(self, deadline: float) -> list[object]:
        """Receive once; what breaks the protocol ends the connection."""
        self._wait_until(deadline)
        try:
            data = self._socket.recv(65_536)
        except TimeoutError:
            raise self._timed_out() from None
        except OSError as error:
            raise ConnectionEnded(f"{self.host} broke the connection: {error.strerror or error}.") from None
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        events: list[object] = list(self._protocol.events_received())
        broken = self._protocol.parser_exc
        if broken is not None and not isinstance(broken, EOFError):
            raise BadAnswer(f"{self.host} sent what is no WebSocket message ({broken}).")
        self._flush(deadline)  # answers to pings, and to a good-bye
        return events

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            raise BadAnswer(f"{self.host} sent a binary message.")
        if frame.opcode not in (Opcode.TEXT, Opcode.CONT):
            return
        self._parts.append(bytes(frame.data))
        self._size += len(frame.data)
        if self._size > MAX_MESSAGE:
            raise BadAnswer(f"{self.host} sent a message larger than we read ({self._size} bytes so far).")
        if frame.fin:
            whole, self._parts, self._size = b"".join(self._parts), [], 0
            try:
                self._messages.append(whole.decode())
            except UnicodeDecodeError:
                raise BadAnswer(f"{self.host} sent text that is not UTF-8.") from None

    def _flush(self, deadline: float) -> None:
        data = b"".join(self._protocol.data_to_send())
        if not data:
            return
        self._wait_until(deadline)
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise self._timed_out() from None
        except OSError as error:
            raise ConnectionEnded(f"{self.host} broke the connection: {error.strerror or error}.") from None

    def _wait_until(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._timed_out()
        self._socket.settimeout(left)

    def _timed_out(self) -> TimedOut:
        return TimedOut(f"{self.host} did not answer in time.")

    def _said(self) -> str:
        code, reason = self._protocol.close_code, self._protocol.close_reason
        return f" ({code}{': ' + ascii(reason[:80])[1:-1] if reason else ''})" if code not in (None, 1006) else ""
