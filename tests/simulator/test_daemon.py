"""The background process: started once, found, refused when it differs, stopped, and gone when nobody needs it."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulator.client import call_control
from simulator.daemon import SimulatorError, ensure_running, read_state, running_state, stop
from simulator.exchange.store import Store
from simulator.registry import venue_classes
from simulator.state import LOCK_FILE, LOG_FILE, SEED_FILE, STATE_FILE, running_pid, write_state
from tests.simfixture import start_simulator

ROOT = Path(__file__).resolve().parents[2]
START = "import pathlib, sys; from simulator.daemon import *; print(ensure_running(pathlib.Path(sys.argv[1]))['pid'])"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A state directory whose simulator is stopped at the end."""
    directory = tmp_path / "state"
    yield directory
    if directory.is_dir():
        stop(directory)


def wait_until(condition: Callable[[], bool], limit_s: float = 10) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def test_it_starts_in_the_background_and_answers_as_its_state_file_says(place: Path) -> None:
    state = ensure_running(place, seed=3)
    assert state["pid"] != os.getpid()
    assert state["universe"] == "synthetic-3"
    assert call_control(state, "GET", "/health")["pid"] == state["pid"]
    assert set(state["hosts"]) == {host for cls in venue_classes() for hosts in cls.ports.values() for host in hosts}
    assert all(url.startswith("http://127.0.0.1:") for url in state["hosts"].values())
    assert stat.S_IMODE((place / STATE_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((place / LOG_FILE).stat().st_mode) == 0o600


def test_a_second_call_finds_it_at_once(place: Path) -> None:
    state = ensure_running(place)
    started = time.perf_counter()
    for _ in range(20):
        assert ensure_running(place) == state
    assert (time.perf_counter() - started) / 20 < 0.005


def test_four_callers_at_once_start_it_once(place: Path) -> None:
    callers = [
        subprocess.Popen([sys.executable, "-c", START, str(place)], stdout=subprocess.PIPE, cwd=ROOT, text=True)
        for _ in range(4)
    ]
    pids = {caller.communicate(timeout=60)[0].strip() for caller in callers}
    assert len(pids) == 1
    assert pids == {str(running_pid(place / LOCK_FILE))}


def test_it_outlives_the_process_that_started_it_and_holds_none_of_its_pipes(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START, str(place)], capture_output=True, cwd=ROOT, timeout=30, check=True
    )
    assert done.stderr == b""
    assert running_state(place) is not None


def test_it_is_given_no_secrets(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_SECRET", "hush")
    state = ensure_running(place)
    environment = Path(f"/proc/{state['pid']}/environ")
    if not environment.exists():
        pytest.skip("this system does not show the environment of a process")
    assert b"hush" not in environment.read_bytes()


@pytest.mark.parametrize(
    "asked", [{"seed": 4}, {"tls": True}, {"no_limits": True}, {"tape": "/some/where"}, {"faults": "f.yaml"}]
)
def test_one_that_was_started_otherwise_is_refused_with_the_remedy(place: Path, asked: dict[str, object]) -> None:
    ensure_running(place, seed=3)
    assert ensure_running(place)["universe"] == "synthetic-3"
    with pytest.raises(SimulatorError, match=r"already running .*: end it first with `simulator stop`"):
        ensure_running(place, **asked)  # type: ignore[arg-type]


def test_a_state_file_of_a_dead_process_is_replaced(place: Path) -> None:
    first = ensure_running(place)
    os.kill(first["pid"], signal.SIGKILL)
    wait_until(lambda: running_pid(place / LOCK_FILE) is None)
    assert read_state(place) == first
    assert running_state(place) is None
    assert ensure_running(place)["pid"] != first["pid"]


def test_a_state_file_that_names_a_process_that_is_no_simulator_is_replaced(place: Path) -> None:
    first = ensure_running(place)
    stop(place)
    write_state(place, {**first, "pid": os.getpid()})
    assert running_state(place) is None
    assert ensure_running(place)["pid"] != os.getpid()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_broken_state_file_is_no_state(tmp_path: Path, content: str) -> None:
    (tmp_path / STATE_FILE).write_text(content)
    assert running_state(tmp_path) is None
    assert stop(tmp_path) is False
    assert not (tmp_path / STATE_FILE).exists()


def test_a_state_file_that_was_removed_comes_back(place: Path) -> None:
    state = ensure_running(place)
    (place / STATE_FILE).unlink()
    assert ensure_running(place) == state


def test_stop_ends_it_and_removes_its_state(place: Path) -> None:
    ensure_running(place)
    assert stop(place) is True
    assert running_pid(place / LOCK_FILE) is None
    assert not (place / STATE_FILE).exists()
    assert stop(place) is False


def test_stop_ends_one_that_hangs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.client.LIMIT_S", 0.1)
    monkeypatch.setattr("simulator.daemon._TERM_LIMIT_S", 0.1)
    state = ensure_running(place)
    os.kill(state["pid"], signal.SIGSTOP)
    assert stop(place) is True
    assert running_pid(place / LOCK_FILE) is None


def test_it_goes_away_after_some_time_without_a_request_to_a_venue(place: Path) -> None:
    state = ensure_running(place, idle_s=0.5)
    wait_until(lambda: running_pid(place / LOCK_FILE) is None)
    assert read_state(place) is None
    with pytest.raises(SimulatorError, match="does not answer"):
        call_control(state, "GET", "/health")


def test_it_goes_away_when_its_directory_does(place: Path) -> None:
    state = ensure_running(place)
    shutil.rmtree(place)

    def gone() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(state["control"].rpartition(":")[2]))) != 0

    wait_until(gone)
    assert not place.exists()


def test_a_simulator_that_cannot_start_says_why(place: Path, tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=r"did not start: The faults file .*nothing\.yaml cannot be read"):
        ensure_running(place, faults=tmp_path / "nothing.yaml")
    with pytest.raises(SimulatorError, match=r"did not start: The tape .* is not a directory"):
        ensure_running(place, tape=tmp_path / "nothing")
    assert running_pid(place / LOCK_FILE) is None


def test_a_port_that_is_taken_is_named_with_the_remedy(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(SimulatorError, match=rf"Port {number} cannot be used .*: choose another --port-base"):
            ensure_running(place, port_base=number)


def test_two_in_one_directory_are_refused(place: Path) -> None:
    ensure_running(place)
    command = [sys.executable, "-m", "simulator", "run", "--state-dir", str(place)]
    second = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=30, check=False, text=True)
    assert second.returncode == 1
    assert "already serves" in second.stderr
    assert "Traceback" not in second.stderr


def test_it_begins_with_the_faults_of_a_file(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults:\n- {venue: '*', kind: delay, ms: 5}\n")
    state = ensure_running(place, faults=file)
    (fault,) = call_control(state, "GET", "/faults")["faults"]
    assert (fault["venue"], fault["kind"], fault["ms"]) == ("*", "delay", 5)


def test_with_tls_the_state_names_the_authority(place: Path) -> None:
    state = ensure_running(place, tls=True)
    assert state["ca_file"] == str(place / "simulator-ca.pem")
    assert Path(state["ca_file"]).is_file()
    assert all(url.startswith("https://") for url in state["hosts"].values())


def test_ctrl_c_ends_one_in_the_foreground_without_a_trace(place: Path) -> None:
    command = [sys.executable, "-m", "simulator", "run", "--state-dir", str(place), "--idle-s", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT, text=True)
    wait_until(lambda: running_state(place) is not None, 30)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=10)[1]
    assert process.returncode == 0
    assert "Traceback" not in said
    assert not (place / STATE_FILE).exists()


def test_a_state_file_that_was_copied_leads_to_the_same_simulator(place: Path, tmp_path: Path) -> None:
    state = ensure_running(place)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(place / STATE_FILE, elsewhere)
    assert ensure_running(elsewhere) == state


def test_the_fixture_gives_faults_counts_and_hosts(tmp_path: Path) -> None:
    with start_simulator(tmp_path, seed=1) as sim:
        venue = venue_classes()[0].name
        sim.set_fault(venue, "delay", ms=1, times=2)
        assert [(f["kind"], f["times"]) for f in sim.faults()] == [("delay", 2)]
        sim.clear_faults()
        assert sim.faults() == []
        assert sim.requests(venue) == {}
        assert sim.hosts == json.loads(sim.state_file.read_text())["hosts"]
    assert running_state(tmp_path) is None


def test_looking_for_it_loads_nothing_heavy() -> None:
    heavy = ["asyncio", "aiohttp", "http.client", "subprocess", "yaml", "logging", "socket"]
    code = f"import sys, simulator.daemon; print(sorted(set({heavy}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, cwd=ROOT, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_start_without_a_seed_goes_on_with_the_market_of_the_last_one(place: Path) -> None:
    universe = ensure_running(place)["universe"]
    stop(place)
    assert (place / SEED_FILE).read_text() == universe.removeprefix("synthetic-") + "\n"
    assert ensure_running(place)["universe"] == universe
    stop(place)
    assert ensure_running(place, seed=3)["universe"] == "synthetic-3"
    stop(place)
    assert ensure_running(place, frozen=True)["universe"] == "synthetic-3"
    stop(place)
    (place / SEED_FILE).write_text("no number")
    assert ensure_running(place)["universe"] not in (universe, "synthetic-3")


def test_a_fresh_start_takes_another_market_and_empty_accounts(place: Path) -> None:
    accounts = place / "simulator-accounts-synthetic-3.sqlite"
    ensure_running(place, seed=3)
    with pytest.raises(SimulatorError, match="already running: end it first with `simulator stop` to begin afresh"):
        ensure_running(place, fresh=True)
    stop(place)
    assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
    store = Store(accounts)
    store.save("v", [("order", 1, {})], [])
    store.close()
    ensure_running(place, seed=3)
    stop(place)
    store = Store(accounts)
    assert store.entries("v", "order") == [{}]
    store.close()
    assert ensure_running(place, seed=3, fresh=True)["universe"] == "synthetic-3"
    stop(place)
    store = Store(accounts)
    assert store.entries("v", "order") == []
    store.close()
    assert ensure_running(place, fresh=True)["universe"] != "synthetic-3"


def test_accounts_that_cannot_be_read_are_named_with_the_remedy(place: Path) -> None:
    place.mkdir()
    (place / "simulator-accounts-synthetic-3.sqlite").write_bytes(b"no database" * 99)
    with pytest.raises(SimulatorError, match=r"simulator-accounts-synthetic-3\.sqlite cannot be read.*--fresh"):
        ensure_running(place, seed=3)
    assert ensure_running(place, seed=3, fresh=True)["universe"] == "synthetic-3"


def test_the_state_file_names_the_keys_of_every_venue_that_has_any(place: Path) -> None:
    credentials = ensure_running(place, seed=3)["credentials"]
    assert set(credentials) == {cls.name for cls in venue_classes() if cls.accounts}
    assert all(set(each) == {"key", "secret", "passphrase"} for each in credentials.values())
