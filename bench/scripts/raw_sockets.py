"""The floor: one raw socket and one thread a venue, the answers decoded and the best bid and ask printed.

Argument: JSON list of [base URL, path, keys that lead to the object holding bids and asks].
"""

import json
import socket
import sys
import threading
from typing import Any

results: dict[str, tuple[object, object]] = {}


def ask(name: str, base: str, path: str, keys: list[str | int]) -> None:
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0] + b" ", head
    found: Any = json.loads(body)
    for key in keys:
        found = found[key]
    if "bids" in found or "b" in found:
        results[name] = (found.get("bids", found.get("b"))[0][0], found.get("asks", found.get("a"))[0][0])
    else:
        results[name] = (found.get("bidPrice", found.get("bestBid")), found.get("askPrice", found.get("bestAsk")))


threads = [threading.Thread(target=ask, args=(row[1], *row)) for row in json.loads(sys.argv[1])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for name, (bid, offer) in results.items():
    print(name, bid, offer)
