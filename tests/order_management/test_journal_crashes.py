"""What the journal said is on disk is there after the process was killed, and when several write at once."""

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from order_management.journal import Journal
from order_management.order_states import Phase
from tests.conftest import ROOT

WRITER = """
import sys
from pathlib import Path
from order_management import journal_schema
from order_management.journal import Journal
from tests.order_management.examples import fill, record, report
from order_management.event_data import report_data

journal_schema._COMMITS_A_CHECKPOINT = 7  # so that processes are killed, and meet, in checkpoints too
path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
journal = Journal(path)
for number in range(count):
    client_id = f"{name}-{number}"
    journal.intend(record(client_id))
    print(client_id, "intended", flush=True)
    journal.add(client_id, "accepted", report_data(report(order_id=f"v-{client_id}")))
    print(client_id, "open", flush=True)
    journal.record_fills([fill(f"t-{client_id}", size="10", order_id=f"v-{client_id}"), fill("shared", order_id="x")])
    print(client_id, "filled", flush=True)
    if number % 10 == 9:
        journal.close()
        journal = Journal(path)
journal.close()
"""


def start(path: Path, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def check(path: Path, said: dict[str, str]) -> None:
    """See that every order is at least as far as its writer said, and that the file is sound."""
    order = [Phase.INTENDED, Phase.OPEN, Phase.FILLED]
    with Journal(path) as journal:
        for client_id, phase in said.items():
            found = journal.order(client_id)
            assert found is not None, f"{client_id} is lost"
            assert order.index(found.state.phase) >= order.index(Phase(phase)), client_id
        waiting = {each.record.client_id for each in journal.unsettled()}
        assert waiting == {each.record.client_id for each in journal.orders() if not each.state.settled}
        assert len(journal.fills()) <= len(journal.orders()) + 1
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_a_process_killed_at_any_moment_loses_nothing_that_it_said_was_written(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "sim.sqlite"
    said: dict[str, str] = {}
    chance = random.Random(7)
    for turn in range(12):
        process = start(path, f"turn{turn}", 100_000)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(chance.randint(1, 120))]
        process.send_signal(signal.SIGKILL)
        lines += process.communicate()[0].splitlines(keepends=True)
        assert process.returncode == -signal.SIGKILL
        said.update(line.split() for line in lines if line.endswith("\n"))
        check(path, said)
    assert len(said) > 100


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "sim.sqlite"  # all begin without a file: making it is part of the race
    writers = [start(path, name, 60) for name in "abcd"]
    said = {}
    for writer in writers:
        lines = writer.communicate()[0].splitlines()
        assert writer.returncode == 0
        assert len(lines) == 180
        said.update(line.split() for line in lines)
    check(path, said)
    with Journal(path) as journal:
        assert len(journal.orders()) == 240
        assert all(order.state.phase is Phase.FILLED for order in journal.orders())
        assert len(journal.fills()) == 241, "one fill was brought by all of them"


def test_killing_one_writer_does_not_hold_up_the_others(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "sim.sqlite"
    victim, other = start(path, "victim", 100_000), start(path, "other", 80)
    assert victim.stdout is not None
    said = {}
    for _ in range(60):
        client_id, phase = victim.stdout.readline().split()
        said[client_id] = phase
    victim.kill()
    lines = other.communicate()[0].splitlines()
    victim.communicate()
    assert len(lines) == 240
    said.update(line.split() for line in lines)
    check(path, said)


FULL = """
import resource, sys
from pathlib import Path
from order_management.journal import Journal, JournalError
from tests.order_management.examples import record

journal = Journal(Path(sys.argv[1]))
journal.intend(record("first"))
resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
number = 0
try:
    while number < 10_000:
        journal.intend(record(f"n{number}"))
        number += 1
except JournalError as error:
    print(number, error.message)
assert journal.order(f"n{number}") is None
assert number == 0 or journal.order(f"n{number - 1}") is not None
"""


def test_a_disk_that_takes_no_more_is_an_error_and_all_from_before_is_there(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "sim.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    written, sentence = done.stdout.split(" ", 1)
    assert "the disk refused" in sentence
    with Journal(path) as journal:
        assert len(journal.orders()) == int(written) + 1
        assert len(journal.unsettled()) == int(written) + 1
    check(path, {f"n{number}": "intended" for number in range(int(written))})


@pytest.mark.parametrize("name", ["journal", "client_ids", "lifecycle"])
def test_importing_it_loads_nothing_heavy(name: str) -> None:
    code = f"import sys, order_management.{name}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"asyncio", "ccxt", "requests", "click", "yaml", "hashlib", "ssl", "http", "urllib.request"}
