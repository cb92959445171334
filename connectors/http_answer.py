"""What the parser of HTTP collects of one answer, and how its body is unpacked."""

import zlib

from httptools import HttpResponseParser

from domain.errors import BadAnswer


class Answer:
    """Callbacks of the parser: collects one answer; interim (1xx) answers are passed over."""

    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self.started = self.extra = self.keep_alive = False
        self._restart()

    def _restart(self) -> None:
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.head_done = self.complete = False
        self.status = 0

    def on_message_begin(self) -> None:
        """Note that an answer begins."""
        self.started = True
        self.extra = self.complete  # a second answer, which nobody asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; repeated ones are joined."""
        if self.head_done:
            return  # trailers of a chunked body, or a second answer
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Note the status."""
        if not self.complete:
            self.head_done = True
            self.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Collect a part of the body."""
        if not self.complete:
            self.parts.append(body)

    def on_message_complete(self) -> None:
        """Note that the answer is complete, unless it was an interim one."""
        if 100 <= self.status < 200:
            self._restart()
        else:
            self.complete = True
            self.keep_alive = self.parser.should_keep_alive()  # llhttp forgets it with the next byte

    def ends_with_connection(self) -> bool:
        """Tell whether the end of the connection is the end of the body (neither length nor chunks announced)."""
        framed = "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()
        return self.head_done and not framed


def inflated(body: bytes, encoding: str, host: str, limit: int) -> bytes:
    """Undo the content coding, never to more than `limit` bytes.

    Raises:
        BadAnswer: the coding was not offered, is damaged or cut off, or holds too much.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity") or not body:
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadAnswer(f"The answer of {host} has a coding that was not offered: {ascii(encoding)[:40]}.")
    raw = encoding == "deflate" and (body[0] & 0x0F) != 8  # some servers leave the zlib header out
    inflater = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS | 32)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise BadAnswer(f"The compressed answer of {host} is damaged.") from None
    if len(plain) > limit:
        raise BadAnswer(f"The answer of {host} is larger than we read ({limit} bytes, decompressed).")
    if not inflater.eof:
        raise BadAnswer(f"The compressed answer of {host} was cut off.")
    return plain
