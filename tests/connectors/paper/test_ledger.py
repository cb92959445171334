"""The file of the accounts on paper, with several processes at it."""

import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.paper.account import Account
from connectors.paper.ledger import Ledger, PaperError, order_id, order_number
from connectors.paper.matching import place
from domain.errors import Refused
from tests.commands.clirun import ROOT
from tests.connectors.paper.made import NOW, order, terms, view

D = Decimal
DEPOSITS = {"USDT": D(1000), "BTC": D(1)}
BUYER = """
import sys
from decimal import Decimal as D
from pathlib import Path
from connectors.paper.ledger import Ledger
from connectors.paper.matching import place
from domain.errors import Refused
from tests.connectors.paper.made import NOW, order, terms, view
ledger, name, bought = Ledger(Path(sys.argv[1]), {"USDT": D(1000)}), sys.argv[2], 0
for index in range(40):
    made = order("buy", "0.5")
    made.number, made.client_id = 0, f"{name}{index}"
    try:
        ledger.change("here", lambda account: place(account, terms(), made, view(asks="100x1"), NOW))
        bought += 1
    except Refused:
        pass
print(bought)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "paper.sqlite"


def buy(ledger: Ledger, size: str = "1", client_id: str = "mine") -> None:
    made = order("buy", size)
    made.number, made.client_id = 0, client_id
    ledger.change("here", lambda account: place(account, terms(), made, view(asks="100x9"), NOW))


def test_an_account_begins_with_the_deposits_and_keeps_what_it_has(path: Path) -> None:
    ledger = Ledger(path, DEPOSITS)
    assert ledger.read("here").balances == DEPOSITS
    buy(ledger)
    ledger.close()
    again = Ledger(path, {"USDT": D(5)})
    assert again.read("here").balances == {"USDT": D(1000) - 100 * D("1.002"), "BTC": D(2)}
    assert again.read("elsewhere").balances == {"USDT": D(5)}
    assert again.fills("here", "BTC/USDT", 0)[0].order_id == order_id(1)
    again.close()


def test_nobody_else_can_read_the_files(path: Path) -> None:
    ledger = Ledger(path, DEPOSITS)
    buy(ledger)
    kept = [item for item in path.parent.iterdir() if item.is_file()]
    assert {item.name for item in kept} >= {"paper.sqlite", "paper.sqlite-wal", "paper.lock"}
    assert {item.stat().st_mode & 0o777 for item in kept} == {0o600}
    ledger.close()


def test_a_change_that_fails_changes_nothing(path: Path) -> None:
    ledger = Ledger(path, DEPOSITS)
    buy(ledger)
    before = ledger.read("here")

    def fails(account: Account) -> None:
        account.balances["USDT"] = D(0)
        raise Refused("no")

    with pytest.raises(Refused):
        ledger.change("here", fails)
    assert ledger.read("here") == before
    ledger.close()


def test_a_client_id_is_taken_for_ever(path: Path) -> None:
    ledger = Ledger(path, DEPOSITS)
    buy(ledger)
    with pytest.raises(Refused, match="knows the client id mine"):
        buy(ledger)
    assert len(ledger.fills("here", "BTC/USDT", 0)) == 1
    ledger.close()


def test_processes_that_buy_at_once_spend_nothing_twice(path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", BUYER, str(path), name], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for name in ("a", "b", "c")
    ]
    bought = [int(process.communicate(timeout=50)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    ledger = Ledger(path, {})
    assert sum(bought) == 19  # 50.10 each
    assert ledger.read("here").balances == {"USDT": D(1000) - 19 * D("50.1"), "BTC": D("9.5")}
    assert len(ledger.fills("here", "BTC/USDT", 0)) == 19
    ledger.close()


def test_a_file_that_is_none_of_ours_is_said_and_left_alone(path: Path) -> None:
    path.write_bytes(b"not a database at all, but somebody's notes" * 100)
    with pytest.raises(PaperError, match=r"paper\.sqlite"):
        Ledger(path, DEPOSITS).read("here")
    assert path.read_bytes().startswith(b"not a database")


def test_a_row_that_cannot_be_read_is_said(path: Path) -> None:
    ledger = Ledger(path, DEPOSITS)
    buy(ledger)
    ledger.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE balances SET total = 'much'")
    db.close()
    with pytest.raises(PaperError, match="cannot be read"):
        Ledger(path, DEPOSITS).read("here")


@pytest.mark.parametrize("text", ["", "paper-", "12", "paper-x", "paper--1", "paper-" + "9" * 30])
def test_what_is_no_id_of_ours_is_none(text: str) -> None:
    assert order_number(text) is None
    assert order_number(order_id(17)) == 17
