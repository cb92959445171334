"""A process that has imported all of Crossbook and forks one copy of itself for each command that a test runs.

Importing costs several times what most commands do. What runs in the copy is `main.run` as a user's process has it:
its own arguments, environment, working directory, standard streams and exit. Run as
`python -m tests.commands.prepared SOCKET`; it ends when its standard input does. What the start itself costs or imports
is tested with processes of their own.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("domain", "utils", "connectors", "market_data", "order_management", "monitoring", "commands")
LIBRARIES = ("requests", "tabulate", "tenacity", "dotenv", "ssl", "sqlite3", "decimal", "hashlib", "csv")
EXCHANGES = ("binance", "okx", "bybit", "kucoin", "deribit")
HEADER = struct.Struct("!I")


def import_everything() -> None:
    """Import what commands may need, and run none of it."""
    import main  # noqa: F401
    from connectors.ccxt_loading import exchange_class

    for name in LIBRARIES:
        importlib.import_module(name)
    for exchange in EXCHANGES:
        exchange_class(exchange)
    for package in PACKAGES:
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            importlib.import_module(module.name)


def serve(path: str) -> None:
    """Fork a copy for each connection until standard input ends."""
    import_everything()
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(32)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if listener not in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            watch(connection)
        connection.close()


def watch(connection: socket.socket) -> None:
    """Fork the command, tell its process id, wait for it, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, streams = receive(connection)
    child = os.fork()
    if child == 0:
        connection.close()
        run(request, streams)
    for stream in streams:
        os.close(stream)
    with contextlib.suppress(OSError):
        connection.sendall(HEADER.pack(child))
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):
        connection.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))
    os._exit(0)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Read a request and the three streams that come with it."""
    head, streams, _, _ = socket.recv_fds(connection, HEADER.size, 3)
    if not head:
        os._exit(0)  # somebody only looked whether we listen
    (length,) = HEADER.unpack(head)
    body = b""
    while len(body) < length:
        body += connection.recv(length - len(body))
    return json.loads(body), streams


def run(request: dict[str, Any], streams: list[int]) -> None:
    """Be the command's process."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["main.py", *request["arguments"]]
    import main

    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    code = 1
    try:
        code = main.run(request["arguments"])
    except BaseException:  # noqa: BLE001 - as the interpreter does it
        import traceback

        traceback.print_exc()
    finally:
        main.leave(code)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    serve(sys.argv[1])
