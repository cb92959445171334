"""`balance` as users run it, against every venue of the simulator."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import crossbook
from tests.order_management.desks import VENUES, afford_much
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


@pytest.fixture
def accounts(warm: Any, home: Path) -> Any:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    afford_much(home)
    return warm


def test_every_wallet_is_valued_and_totals_are_the_exact_sums(accounts: Any) -> None:
    done = crossbook("balance", "--env", "sim", "--json")
    assert done.code == 0, (done.out, done.err)
    answer = done.json
    assert (answer["environment"], answer["numeraire"]) == ("sim", "USDT")
    assert {row["venue"] for row in answer["venues"]} == {*VENUES, "deriv"}
    wallets = {(row["venue"], item["wallet"]) for row in answer["venues"] for item in row["balances"]}
    assert {("binance", "spot"), ("binance", "usdm"), ("kucoin", "futures"), ("okx", "trading")} <= wallets
    for row in answer["venues"]:
        values = [Decimal(item["value"]) for item in row["balances"]]
        assert sum(values) == Decimal(row["total"])
        for item in row["balances"]:
            worth = Decimal(item["total"]) * Decimal(item["rate"]["price"])
            assert abs(worth - Decimal(item["value"])) < Decimal("1e-9")
    assert sum(Decimal(row["total"]) for row in answer["venues"]) == Decimal(answer["total"])
    usd = next(row for row in answer["venues"] if row["venue"] == "deriv")["balances"][0]
    assert usd["rate"]["assumed"] is True


def test_a_venue_that_does_not_answer_is_not_known_and_another_numeraire_converts(accounts: Any) -> None:
    accounts.set_fault("okx", "maintenance", path="*/account/balance*")
    names = ("--venue", "okx", "--venue", "kucoin", "--env", "sim")
    done = crossbook("balance", "--numeraire", "btc", *names, "--json")
    assert done.code == 8, (done.out, done.err)
    okx, kucoin = done.json["venues"]
    assert (okx["balances"], okx["total"], okx["status"]) == (None, None, "maintenance")
    assert done.json["total"] is None
    assert done.json["numeraire"] == "BTC"
    coins = [item for item in kucoin["balances"] if item["currency"] == "BTC"]
    assert coins
    assert all(item["value"] == item["total"] for item in coins)
    accounts.set_fault("kucoin", "maintenance", path="*/accounts*")
    accounts.set_fault("kucoin", "maintenance", path="*/account-overview*")
    done = crossbook("balance", *names[2:])
    assert done.code == 6, (done.out, done.err)
    assert "kucoin: not known:" in done.out
