"""Where the real hosts of venues are reached in one environment, and which certificates are trusted there."""

import os
import socket
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import NotSent

if TYPE_CHECKING:
    from ssl import SSLContext

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_Found = tuple[int, int, int, tuple[str | int, ...] | tuple[int, bytes]]


class Address(NamedTuple):
    """A URL taken apart; `host` is without brackets, `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def netloc(self) -> str:
        """Write host and, where it is not the scheme's own, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def split_url(url: str) -> Address:
    """Take a URL apart (without urllib, which costs more than the rest of a request).

    Raises:
        NotSent: when it is not an http(s) or ws(s) URL of printable ASCII; user names are refused as well.
    """
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    cut = min((at for at in (rest.find("/"), rest.find("?"), rest.find("#")) if at >= 0), default=len(rest))
    netloc, target = rest[:cut].lower(), rest[cut:].partition("#")[0]
    host, _, port = netloc.rpartition(":") if ":" in netloc.rpartition("]")[2] else (netloc, "", "")
    host = host.removeprefix("[").removesuffix("]")
    usable = url.isascii() and url.isprintable() and " " not in url and "@" not in netloc
    usable = usable and (not port or (port.isdecimal() and len(port) <= 5 and int(port) <= 65_535))
    if not (separator and host and usable and scheme in _PORTS):
        raise NotSent(f"Not a usable URL: {url.partition('?')[0]!a}.")
    if not target.startswith("/"):
        target = "/" + target
    return Address(scheme, host, int(port) if port else _PORTS[scheme], target)


class Endpoints:
    """Where real hosts are reached in this environment.

    Args:
        hosts: real host -> base URL; None or empty reaches the real ones.
        closed: refuse hosts that are not listed, so that the simulator or a testnet never leaks to a live venue.
        ca_file: PEM file of a CA to trust as well; the only one trusted where `closed`.
        name: what to call this environment in errors.
    """

    def __init__(
        self,
        hosts: Mapping[str, str] | None,
        *,
        closed: bool = False,
        ca_file: str | None = None,
        name: str = "the simulator",
    ) -> None:
        self.hosts = {host.lower(): base.rstrip("/") for host, base in (hosts or {}).items()}
        self.closed = closed
        self.ca_file = ca_file
        self._name = name

    def resolve(self, url: str) -> str:
        """Replace scheme, host and port by those this environment uses; wss stays a WebSocket (ws or wss).

        Raises:
            NotSent: when the environment is closed and does not serve the host, or the URL is unusable.
        """
        if not self.hosts and not self.closed:
            return url
        address = split_url(url)
        base = self.hosts.get(address.netloc) or self.hosts.get(address.host)
        if base is None:
            if self.closed:
                name = self._name[:1].upper() + self._name[1:]
                raise NotSent(f"{name} does not serve host {address.host}.")
            return url
        if address.scheme.startswith("ws"):
            base = "ws" + base.removeprefix("http").removeprefix("ws")
        return base + address.target


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its address."""
    return host == "::1" or host == "localhost" or (host.startswith("127.") and host.replace(".", "").isdecimal())


def tls_context(endpoints: Endpoints) -> "SSLContext":
    """Build the verifying TLS context of an environment.

    The system's hashed directory is read one certificate at a time when needed (0.2 ms), where a bundle file
    costs 20 ms; SSL_CERT_FILE and SSL_CERT_DIR are honoured; certifi is the last resort.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoints.ca_file:
        context.load_verify_locations(cafile=endpoints.ca_file)
        if endpoints.closed:
            return context
    paths = ssl.get_default_verify_paths()
    hashed = paths.openssl_capath
    if sys.platform == "win32" or paths.openssl_cafile_env in os.environ or paths.openssl_capath_env in os.environ:
        context.load_default_certs()
    elif hashed and os.path.isdir(hashed) and any(name.endswith(".0") for name in os.listdir(hashed)):  # noqa: PTH112, PTH208
        context.load_verify_locations(capath=hashed)
    elif paths.cafile:
        context.load_verify_locations(cafile=paths.cafile)
    else:
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    return context


def look_up(peer: Address, patience_s: float) -> "list[_Found] | OSError":
    """Find the addresses of a host; an empty list when that took longer than `patience_s`.

    A name is looked up in a thread of its own, because getaddrinfo cannot be given a deadline.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, peer.host)
        except OSError:
            continue
        return [(family, socket.SOCK_STREAM, 0, (peer.host, peer.port))]
    found: list[list[_Found] | OSError] = []

    def ask() -> None:
        try:
            # Bytes, because for text Python imports its international-domain codec first.
            entries = socket.getaddrinfo(peer.host.encode(), peer.port, type=socket.SOCK_STREAM)
        except OSError as error:
            found.append(error)
        else:
            found.append([(family, kind, protocol, address) for family, kind, protocol, _, address in entries])

    asking = threading.Thread(target=ask, name=f"look-up {peer.host}", daemon=True)
    asking.start()
    asking.join(patience_s)
    return found[0] if found else []
