"""`order reconcile` as users run it: the table, the record and the exit codes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import crossbook
from tests.order_management.desks import VENUES, afford_much, open_desk, place_elsewhere
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


@pytest.fixture
def accounts(warm: Any, home: Path) -> Iterator[Any]:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    afford_much(home)
    yield warm
    warm.clear_faults()


def test_without_differences_it_is_quiet_and_ends_with_zero(accounts: Any) -> None:
    done = crossbook("order", "place", "okx", "BTC/USDT", "buy", "0.01", "--price", "20000", "--env", "sim")
    assert done.code == 0, done.err
    done = crossbook("order", "reconcile", "--env", "sim", "--json")
    assert done.code == 0, (done.out, done.err)
    assert (done.json["environment"], done.json["drift"], done.json["differences"]) == ("sim", 0, [])
    rows = {row["venue"]: row for row in done.json["venues"]}
    assert set(rows) == {*VENUES, "deriv"}
    assert rows["okx"]["compared"]["open_orders"] == 1
    assert rows["okx"]["balances"]
    assert "No differences." in crossbook("order", "reconcile", "--env", "sim").out


def test_drift_ends_with_ten_until_it_is_accepted(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx", "deribit"]) as desk:
        client_id = place_elsewhere(desk, "okx", "BTC/USDT", "0.01", "20000")
        place_elsewhere(desk, "deribit", "BTC/USDC:USDC", "0.1")
    for _ in range(2):
        done = crossbook("order", "reconcile", "--env", "sim", "--json")
        assert done.code == 10, (done.out, done.err)
        kinds = {(row["venue"], row["kind"]) for row in done.json["differences"]}
        assert kinds == {("okx", "unknown order"), ("deribit", "unknown fill"), ("deribit", "position")}
        assert done.json["left"] == done.json["drift"] == 3
    table = crossbook("order", "reconcile", "--env", "sim")
    assert table.code == 10
    assert "adopt it with --accept" in table.out
    done = crossbook("order", "reconcile", "--accept", "--env", "sim", "--json")
    assert done.code == 0, (done.out, done.err)
    # The trade, once kept, explains the position.
    assert (done.json["drift"], done.json["left"]) == (2, 0)
    assert crossbook("order", "reconcile", "--env", "sim").code == 0
    assert crossbook("order", "cancel", client_id, "--env", "sim").code == 0
    assert crossbook("order", "reconcile", "--env", "sim").code == 0


def test_a_position_that_was_accepted_stays_accepted_in_the_next_process(accounts: Any, home: Path) -> None:
    arguments = ("BTC/USDT:USDT", "buy", "0.01", "--type", "market", "--env", "sim")
    assert crossbook("order", "place", "okx", *arguments).code == 0
    accounts.reset_accounts("okx")  # closed without a trade, as a delivery is
    reconcile = ("order", "reconcile", "--venue", "okx", "--env", "sim", "--json")
    done = crossbook(*reconcile)
    assert done.code == 10, (done.out, done.err)
    (row,) = done.json["differences"]
    assert (row["kind"], row["journal"], row["at_venue"]) == ("position", "our trades make 0.01", "0")
    assert crossbook(*reconcile, "--accept").code == 0
    assert len(list((home / "state" / "journal").glob("*.accepted.json"))) == 1
    assert crossbook(*reconcile).code == 0


def test_without_our_trades_nothing_follows_about_a_position(accounts: Any, home: Path) -> None:
    with open_desk(home, ["okx"]) as desk:
        place_elsewhere(desk, "okx", "BTC/USDT:USDT", "0.1")
    accounts.set_fault("okx", "server_error", path="*/trade/fills*")
    done = crossbook("order", "reconcile", "--venue", "okx", "--accept", "--env", "sim", "--timeout", "5", "--json")
    assert done.code == 8, (done.out, done.err)
    assert done.json["differences"] == []
    assert "trades of BTC/USDT:USDT" in done.json["venues"][0]["unavailable"][0]
    assert list((home / "state" / "journal").glob("*.accepted.json")) == []


def test_venues_that_could_not_be_asked_are_told_and_the_exit_code_says_so(accounts: Any) -> None:
    accounts.set_fault("okx", "down")
    done = crossbook("order", "reconcile", "--env", "sim", "--timeout", "5", "--json")
    assert done.code == 8, (done.out, done.err)
    rows = {row["venue"]: row for row in done.json["venues"]}
    assert rows["okx"]["drift"] is None
    assert rows["okx"]["error"]
    assert crossbook("order", "reconcile", "--venue", "okx", "--env", "sim", "--timeout", "4").code == 6


def test_a_span_that_is_none_is_refused(accounts: Any) -> None:
    done = crossbook("order", "reconcile", "--since", "yesterday", "--env", "sim")
    assert done.code == 2
    assert "span" in done.err
