"""`order cancel-after` as users run it: the venue's own dead-man switch, where there is one."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.clirun import crossbook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


@pytest.fixture
def accounts(warm: Any) -> Iterator[Any]:  # noqa: F811 - the fixture
    """The simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    yield warm
    warm.clear_faults()


def switch(*arguments: str) -> Any:
    return crossbook("order", "cancel-after", *arguments, "--env", "sim")


def test_what_rests_is_cancelled_by_the_venue_when_the_time_is_over(accounts: Any) -> None:
    placed = crossbook(
        "order", "place", "kucoin", "BTC/USDT", "buy", "0.01", "--price", "20000", "--env", "sim", "--json"
    )
    assert placed.code == 0, placed.err
    done = switch("5s", "--venue", "kucoin", "--json")
    assert done.code == 0, (done.out, done.err)
    (row,) = done.json["venues"]
    assert (row["seconds"], row["state"]) == (5, "cancels in 5 s")
    assert "spot" in row["covers"]
    open_orders = ("order", "list", "--venue", "kucoin", "--env", "sim", "--json")
    assert len(crossbook(*open_orders).json["orders"]) == 1
    until = time.monotonic() + 12
    while crossbook(*open_orders).json["orders"]:
        assert time.monotonic() < until
    status = crossbook("order", "status", placed.json["id"], "--env", "sim", "--json")
    assert status.json["status"] == "cancelled"


def test_off_ends_it(accounts: Any) -> None:
    crossbook("order", "place", "okx", "BTC/USDT", "buy", "0.01", "--price", "20000", "--env", "sim")
    assert switch("10", "--venue", "okx").code == 0
    done = switch("off", "--venue", "okx", "--json")
    assert done.code == 0
    assert done.json["venues"][0]["state"] == "off"


def test_venues_without_a_switch_have_a_row_of_their_own_and_alone_are_a_refusal(accounts: Any) -> None:
    accounts.reset_requests()
    done = switch("60s", "--json")
    assert done.code == 8, (done.out, done.err)
    states = {row["venue"]: row["state"] for row in done.json["venues"]}
    assert states["okx"] == states["kucoin"] == "cancels in 60 s"
    assert states["bybit"] == states["deribit"] == states["deriv"] == "not set"
    alone = switch("60s", "--venue", "bybit")
    assert alone.code == 4
    assert "no dead-man switch" in alone.err
    assert not any("cancel" in path for path in accounts.requests("bybit"))


@pytest.mark.parametrize(
    ("time_", "says"), [("5s", "10 to 120"), ("2h", "10 to 120"), ("soon", "no time"), ("0", "no time")]
)
def test_a_time_that_the_venue_does_not_take_is_refused_before_anything_is_sent(
    accounts: Any, time_: str, says: str
) -> None:
    accounts.reset_requests()
    done = switch(time_, "--venue", "okx")
    assert done.code == 2, (done.out, done.err)
    assert says in done.err
    assert not any("cancel" in path for path in accounts.requests("okx"))


def test_an_answer_that_was_lost_is_asked_for_again_because_that_does_no_harm(accounts: Any) -> None:
    accounts.set_fault("okx", "reset", path="*cancel-all-after*", times=1, handled=True)
    done = switch("60s", "--venue", "okx", "--json")
    assert done.code == 0, (done.out, done.err)
    assert accounts.faults() == []
