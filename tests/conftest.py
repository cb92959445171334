"""What every test gets: a home of its own, no network beyond loopback, and, where asked for, a simulator."""

import ipaddress
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RECORDINGS = ROOT.parent / "shared" / "recordings"


def pytest_configure() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in list(os.environ):
        if name.startswith("CROSSBOOK_") or name.endswith(("_API_KEY", "_API_SECRET", "_API_PASSPHRASE")):
            del os.environ[name]
    # Whatever runs outside a test (fixtures of a session) must not touch the home of who runs the tests.
    os.environ["CROSSBOOK_HOME"] = tempfile.mkdtemp(prefix="crossbook-tests-")
    _block_network()


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["CROSSBOOK_HOME"], ignore_errors=True)


def _block_network() -> None:
    connect = socket.socket.connect
    look_up = socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(address[0]).is_loopback:
            raise RuntimeError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in (None, "localhost", "127.0.0.1", "::1"):
            raise socket.gaierror(socket.EAI_NONAME, f"a test tried to look up {name}")
        return look_up(host, *args, **kwargs)

    socket.socket.connect = guarded_connect  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_look_up  # type: ignore[assignment]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests that share something made for their module to one process, which makes it once."""
    for item in items:
        if isinstance(item, pytest.Function):
            found = item._fixtureinfo.name2fixturedefs.values()
            if any(each.scope in ("module", "class") for made in found for each in made):
                item.add_marker(pytest.mark.xdist_group(item.path.stem + "-" + item.path.parent.name))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CROSSBOOK_HOME of the test's own."""
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("CROSSBOOK_HOME", str(place))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return place


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of raw recordings; tests that need it are skipped, saying so, where it is absent."""
    if not RECORDINGS.is_dir():
        pytest.skip("the raw recordings (../shared/recordings) are not on this machine")
    return RECORDINGS


@pytest.fixture(scope="session")
def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One simulator for the whole session, seeded."""
    from tests.simfixture import start_simulator

    with start_simulator(tmp_path_factory.mktemp("simulator"), seed=7) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """An S3 server that looks at signatures, as all of moto does meanwhile; `reset` empties it."""
    from tests.utils.persistence.s3server import running

    with running() as server:
        yield server


@pytest.fixture
def sim(running_simulator: Any, home: Path) -> Iterator[Any]:
    """The session's simulator, without faults, known to this test's CROSSBOOK_HOME."""
    running_simulator.clear_faults()
    (home / "state").mkdir()
    (home / "state" / "simulator.json").write_bytes(running_simulator.state_file.read_bytes())
    yield running_simulator
    running_simulator.clear_faults()
