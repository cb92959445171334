"""HTTP proxies, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY (upper or lower case) ask for them.

Every connection goes through a CONNECT tunnel, so a proxy sees host names only, and TLS is verified end to end.
"""

import os
import socket
from base64 import b64encode
from collections.abc import Callable

from connectors.endpoints import Address, split_url
from domain.errors import BadAnswer, NotSent, Unavailable

MAX_ANSWER = 16 * 1024
"""Longest answer to CONNECT that is read, in bytes."""


class Proxy:
    """One proxy: where it listens and how it is told who we are."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.rpartition("://")
        credentials, _, netloc = rest.rpartition("@")
        try:
            self.address: Address = split_url(f"{scheme or 'http'}://{netloc}")
        except NotSent:
            raise NotSent("The proxy named by HTTPS_PROXY or HTTP_PROXY is not a usable URL.") from None
        if self.address.scheme != "http":
            raise NotSent("Only http:// proxies are supported (HTTPS_PROXY=http://host:port).")
        self._authorization = ""
        if credentials:
            from urllib.parse import unquote

            user = b64encode(unquote(credentials).encode()).decode()
            self._authorization = f"Proxy-Authorization: Basic {user}\r\n"

    def open_tunnel(self, connection: socket.socket, where: Address, left: Callable[[], float]) -> None:
        """Ask the proxy for a connection to `where`; `left` answers how many seconds there are, or raises.

        Raises:
            Unavailable: when the proxy refuses.
            BadAnswer: when it does not speak HTTP.
        """
        host = f"[{where.host}]" if ":" in where.host else where.host
        target = f"{host}:{where.port}"
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{self._authorization}\r\n".encode())
        answer = b""
        # Byte by byte at the end would be exact; nothing follows the blank line before we speak, so blocks are too.
        while b"\r\n\r\n" not in answer:
            connection.settimeout(left())
            data = connection.recv(4096)
            answer += data
            if not data or len(answer) > MAX_ANSWER:
                raise BadAnswer(f"The proxy {self.address.host} gave no usable answer.")
        status = answer.split(b"\r\n", 1)[0].split(b" ", 2)
        if len(status) < 2 or not status[0].startswith(b"HTTP/1."):
            raise BadAnswer(f"The proxy {self.address.host} does not speak HTTP.")
        if not status[1].startswith(b"2"):
            said = ascii(b" ".join(status[1:]).decode("latin-1"))[1:80]
            raise Unavailable(f"The proxy {self.address.host} refused a connection to {where.host}: {said}.")


def proxy_for(where: Address) -> Proxy | None:
    """Return the proxy that the environment's variables name for a URL, if any."""
    secure = where.scheme in ("https", "wss")
    url = _variable("HTTPS_PROXY" if secure else "HTTP_PROXY")
    return Proxy(url) if url and not _excluded(where, _variable("NO_PROXY")) else None


def _variable(name: str) -> str:
    return (os.environ.get(name.lower()) or os.environ.get(name) or "").strip()


def _excluded(where: Address, exceptions: str) -> bool:
    """Tell whether NO_PROXY lists the host: itself, a domain above it, or `*`."""
    for entry in exceptions.lower().replace(" ", "").split(","):
        name, _, port = entry.partition(":") if entry.count(":") == 1 else (entry, "", "")
        name = name.removeprefix("*").removeprefix(".")
        if entry == "*" or (name and not (port and port != str(where.port)) and _below(where.host, name)):
            return True
    return False


def _below(host: str, name: str) -> bool:
    return host == name or host.endswith("." + name)
