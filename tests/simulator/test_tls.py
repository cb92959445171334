"""TLS: one authority per start, one certificate for every real host."""

import http.client
import json
import socket
import ssl
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simulator.tls import make_tls
from tests.simulator.tiny import Running, serve


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(tmp_path_factory.mktemp("tls")) as server:
        yield server


def client_context(running: Running) -> ssl.SSLContext:
    assert running.ca_file is not None
    return ssl.create_default_context(cafile=str(running.ca_file))


@pytest.mark.parametrize("name", ["api.tiny.test", "f.tiny.test", "api.other.test", "localhost", "127.0.0.1"])
def test_every_name_a_client_may_use_is_certified(running: Running, name: str) -> None:
    address = ("127.0.0.1", running.port("api.tiny.test"))
    with (
        socket.create_connection(address, 5) as plain,
        client_context(running).wrap_socket(plain, server_hostname=name) as connection,
    ):
        assert connection.version() in ("TLSv1.2", "TLSv1.3")


def test_a_name_that_is_no_venues_is_not_certified(running: Running) -> None:
    address = ("127.0.0.1", running.port("api.tiny.test"))
    with socket.create_connection(address, 5) as plain, pytest.raises(ssl.SSLCertVerificationError):
        client_context(running).wrap_socket(plain, server_hostname="elsewhere.test")


def test_a_client_that_does_not_trust_the_authority_refuses(running: Running) -> None:
    client = http.client.HTTPSConnection("127.0.0.1", running.port("api.tiny.test"), timeout=5)
    with closing(client), pytest.raises(ssl.SSLCertVerificationError):
        client.request("GET", "/x")


def test_hosts_are_served_by_https_and_a_redirected_client_reaches_its_venue_by_name(running: Running) -> None:
    assert all(url.startswith("https://127.0.0.1:") for url in running.server.hosts.values())
    port = running.port("api.other.test")
    with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=client_context(running))) as client:
        client.request("GET", "/x", headers={"Host": "futures.tiny.test"})
        seen = json.loads(client.getresponse().read())
    assert seen["port"] == "futures"
    assert seen["headers"]["x-forwarded-proto"] == "https"


def test_a_reset_reaches_through_tls(running: Running) -> None:
    running.set_fault("reset", times=1)
    port = running.port("api.tiny.test")
    with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=client_context(running))) as client:
        client.request("GET", "/x")
        with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
            client.getresponse()


def test_only_the_certificate_of_the_authority_is_stored_never_its_key(tmp_path: Path) -> None:
    _, ca_file = make_tls(tmp_path, ["api.tiny.test"])
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [ca_file.name]
    assert "PRIVATE" not in ca_file.read_text()
    assert stat.S_IMODE(ca_file.stat().st_mode) & 0o022 == 0
