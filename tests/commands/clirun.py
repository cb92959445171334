"""Running the command line as users do: a process of its own, here a copy of one that has imported everything."""

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.commands.prepared import HEADER

ROOT = Path(__file__).resolve().parent.parent.parent
_START_S = 60


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class _Prepared:
    """The process that is copied, started at the first command of a test process, gone with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path = ""

    def connect(self) -> socket.socket:
        """Open a connection to it."""
        with self._lock:
            if not self._path:
                self._start()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(self._path)
        return connection

    def _start(self) -> None:
        folder = tempfile.mkdtemp(prefix="crossbook-cli-")
        path = f"{folder}/socket"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.commands.prepared", path], cwd=ROOT, stdin=subprocess.PIPE
        )
        until = time.monotonic() + _START_S
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(path)
                break
            assert process.poll() is None, "the prepared process did not start"
            assert time.monotonic() < until, "the prepared process takes too long to start"
            time.sleep(0.02)
        self._path = path

        def end() -> None:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)
            shutil.rmtree(folder, ignore_errors=True)

        atexit.register(end)


_prepared = _Prepared()


def crossbook(*arguments: str, timeout_s: float = 60, **variables: str) -> Done:
    """Run `main.py` with these arguments in this test's home, and with these environment variables.

    Raises:
        TimeoutError: it has not ended in time, and was killed.
    """
    request = {"arguments": arguments, "env": {**os.environ, **variables}, "cwd": str(ROOT)}
    body = json.dumps(request).encode()
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        open(os.devnull, "rb") as nothing,  # noqa: PTH123
        _prepared.connect() as connection,
    ):
        socket.send_fds(connection, [HEADER.pack(len(body))], [nothing.fileno(), out.fileno(), err.fileno()])
        connection.sendall(body)
        (child,) = HEADER.unpack(_exactly(connection, HEADER.size))
        connection.settimeout(timeout_s)
        try:
            code = int.from_bytes(_exactly(connection, 4), "big", signed=True)
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            raise
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    assert "Traceback" not in texts[0] + texts[1]
    return Done(code, texts[0], texts[1])


def crossbook_started(*arguments: str, timeout_s: float = 60, **variables: str) -> Done:
    """Start a Python of its own for the command: where the interpreter's start is part of what is tested."""
    done = subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return Done(done.returncode, done.stdout, done.stderr)


def _exactly(connection: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        part = connection.recv(length - len(found))
        assert part, "the prepared process went away"
        found += part
    return found
