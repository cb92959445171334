"""Writing an order down before it is sent, against a bare append of the same bytes that waits for the disk too."""

import os
import statistics
import tempfile
from decimal import Decimal
from pathlib import Path

from bench.inprocess import in_turn
from bench.timing import ROOT, show
from domain.orders import BUY, LIMIT, OrderSpec
from order_management.client_ids import new_client_id
from order_management.journal import Journal, OrderRecord
from order_management.journal_reading import record_row

ROUNDS = 600


def run() -> None:
    """Compare on the disk that this project lies on: a folder in memory would show nothing."""
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        journal = Journal(Path(folder) / "journal" / "bench.sqlite")
        bare = os.open(Path(folder) / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for _ in range(600):  # past the first checkpoint, as a journal in use is
            journal.intend(_record())
        line = ("|".join(map(str, record_row(_record()))) + "\n").encode()
        # The record itself is made before the clock runs: both have to have it.
        records = iter([_record() for _ in range(ROUNDS + 100)])
        times = in_turn(
            {"bare append": lambda _: _append(bare, line), "intend": lambda _: journal.intend(next(records))},
            rounds=ROUNDS,
        )
        figures = {name: statistics.median(taken) for name, taken in times.items()}
        show("Writing an order down, durably (in turn)", figures, "bare append", "intend at most 1.5 ×")
        ratios = [ours / theirs for theirs, ours in zip(times["bare append"], times["intend"], strict=True)]
        print(f"  median ratio of the pairs: {statistics.median(ratios):.2f} ×")
        os.close(bare)
        journal.close()


def _append(descriptor: int, line: bytes) -> None:
    os.write(descriptor, line)
    os.fdatasync(descriptor)


def _record() -> OrderRecord:
    client_id = new_client_id()
    spec = OrderSpec(client_id, BUY, LIMIT, Decimal("1.5"), Decimal("60000.1"))
    asked = {"size": "1.5"}
    return OrderRecord(client_id, "somewhere", "BTC/USDT", "sim", spec, asked, notional_quote=Decimal(90000))
