"""The policy as users meet it: denials through the command line, on the simulator."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import Done, crossbook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


@pytest.fixture
def desk(warm: Any) -> Iterator[Any]:  # noqa: F811 - the fixture
    """A simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    yield warm
    warm.clear_faults()


def place(*arguments: str) -> Done:
    return crossbook("order", "place", *arguments, "--env", "sim", "--json")


def limits(home: Path, **policy: object) -> None:
    (home / "config.yaml").write_text(json.dumps({"policy": policy}))


def denied(done: Done, name: str, *words: str) -> None:
    assert done.code == 5, (done.out, done.err)
    assert done.json["error"] == "denied"
    message = done.json["message"]
    assert message.startswith(f"Denied by policy.{name}: ")
    assert message.endswith("Nothing was sent.")
    for word in words:
        assert word in message


BUY = ("okx", "BTC/USDT", "buy", "0.01", "--price", "20000")
SWAP = ("okx", "BTC/USDT:USDT", "buy", "0.05")


@pytest.mark.parametrize(
    ("policy", "arguments", "words"),
    [
        ({"allowed_venues": ["bybit"]}, BUY, ("limit bybit, this order okx",)),
        ({"allowed_symbols": ["ETH/*"]}, BUY, ("limit ETH/*, this order BTC/USDT",)),
        ({"max_rounding_bps": 1}, ("okx", "BTC/USDT:USDT", "sell", "500", "--unit", "quote", "--type", "market"), ()),
        ({"max_order_notional": 199}, BUY, ("limit 199 USD, this order 200 USD",)),
        ({"max_order_notional": 199}, ("kucoin", "ETH/BTC", "buy", "1", "--price", "0.01"), ("limit 199 USD",)),
        ({"max_day_notional": 199}, BUY, ("limit 199 USD a day", "makes it 200 USD")),
        ({"max_book_share": 0.001}, ("okx", "BTC/USDT", "buy", "0.1", "--type", "market"), ("asks that are shown",)),
        ({"max_deviation_bps": 500}, BUY, ("the price 20000 is far from", "middle over all venues")),
        ({"min_balance_left": 999_999}, BUY, ("too little USDT", "limit 999999 USD, this order leaves")),
        ({"max_position": {"BTC": 900}}, (*SWAP, "--price", "20000"), ("limit 900 USD, this order makes it 1000",)),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_denial_names_check_limit_and_value_and_leaves_no_trace(
    desk: Any, home: Path, policy: dict[str, Any], arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    limits(home, **policy)
    desk.reset_requests()
    denied(place(*arguments), next(iter(policy)), *words)
    assert not any(path.rstrip("/").endswith(("trade/order", "v1/hf/orders")) for path in desk.requests(arguments[0]))
    assert crossbook("order", "list", "--closed", "--env", "sim", "--json").json["orders"] == []
    assert crossbook("order", "list", "--unknown", "--env", "sim", "--json").json["orders"] == []


def test_switched_off_the_same_orders_pass(desk: Any, home: Path) -> None:
    limits(home, max_order_notional=None, max_rounding_bps=None, max_book_share=None)
    done = place("okx", "BTC/USDT:USDT", "sell", "500", "--unit", "quote", "--type", "market")
    assert done.code == 0, done.err
    assert place("okx", "BTC/USDT", "buy", "6", "--price", "20000").code == 0


def test_the_same_order_again_needs_a_word(desk: Any, home: Path) -> None:
    limits(home, duplicate_within_s=3600)
    first = place(*BUY)
    assert first.code == 0, first.err
    denied(place(*BUY), "duplicate_within_s", first.json["id"], "limit 3600 s apart")
    assert place(*BUY, "--allow-duplicate").code == 0
    assert len(crossbook("order", "list", "--venue", "okx", "--env", "sim", "--json").json["orders"]) == 2


def test_orders_a_minute_and_open_orders_are_counted_over_processes(desk: Any, home: Path) -> None:
    limits(home, max_orders_per_minute=2)
    prices = ("20000", "20001", "20002")
    orders = [(*BUY[:-1], price) for price in prices]
    assert [place(*order).code for order in orders] == [0, 0, 5]
    limits(home, max_open_orders=2)
    denied(place(*orders[2]), "max_open_orders", "limit 2, this order number 3")
    assert crossbook("order", "cancel", "--all", "--venue", "okx", "--env", "sim", "--yes").code in (0, 2)


def test_a_market_that_stands_still_is_not_traded(desk: Any, home: Path) -> None:
    limits(home, max_quote_age_ms=2000)
    desk.set_fault("okx", "stale_book", ms=60_000)
    denied(place(*BUY), "max_quote_age_ms", "limit 2000 ms")
    desk.clear_faults()
    assert place(*BUY).code == 0


def test_a_market_that_cannot_be_seen_sends_nothing(desk: Any, home: Path) -> None:
    desk.set_fault("okx", "maintenance", path="*/market/books*")
    done = place(*BUY, "--timeout", "3")
    assert done.code == 6, (done.out, done.err)
    assert done.json["error"] == "not_sent"
    assert "Nothing was sent: the policy needs the market of BTC/USDT" in done.json["message"]
    limits(home, max_book_share=None, max_quote_age_ms=None)
    done = place(*BUY, "--timeout", "3")
    assert done.code == 0, (done.out, done.err)


def test_balances_that_cannot_be_read_send_nothing(desk: Any, home: Path) -> None:
    limits(home, min_balance_left=1)
    desk.set_fault("okx", "server_error", path="*/account/balance*")
    done = place(*BUY, "--timeout", "3")
    assert done.code == 6, (done.out, done.err)
    assert "policy.min_balance_left could not be checked" in done.json["message"]
    assert crossbook("order", "list", "--closed", "--env", "sim", "--json").json["orders"] == []


def test_closing_a_position_is_not_stopped_by_limits(desk: Any, home: Path) -> None:
    assert place(*SWAP, "--type", "market").code == 0
    close = ("okx", "BTC/USDT:USDT", "sell", "0.05", "--type", "market")
    strict = {
        "max_order_notional": 1,
        "max_day_notional": 1,
        "max_orders_per_minute": 1,
        "max_open_orders": 1,
        "max_book_share": 0.0001,
        "max_deviation_bps": 0.1,
        "min_balance_left": 1_000_000_000,
        "max_position": 0,
    }
    limits(home, **strict)
    assert place(*close).code == 5
    done = place(*close, "--reduce-only")
    assert done.code == 0, (done.out, done.err)
    assert done.json["status"] == "filled"


def test_a_preview_says_what_would_be_denied(desk: Any, home: Path) -> None:
    limits(home, max_order_notional=199)
    done = place(*BUY, "--preview")
    assert done.code == 0
    assert done.json["denial"].startswith("Denied by policy.max_order_notional")
    limits(home)
    assert place(*BUY, "--preview").json["denial"] is None


def test_a_larger_order_by_amendment_is_held_against_the_policy_and_a_smaller_one_is_not(desk: Any, home: Path) -> None:
    order = place(*BUY).json["id"]
    amend = ("order", "amend", order, "--env", "sim", "--json")
    limits(home, max_order_notional=250)
    done = crossbook(*amend, "--size", "0.02")
    assert done.code == 5, (done.out, done.err)
    denied(done, "max_order_notional", "limit 250 USD, this order 400 USD")
    assert crossbook(*amend, "--size", "0.012").code == 0
    limits(home, max_order_notional=1, allowed_venues=["bybit"], max_day_notional=1)
    assert crossbook(*amend, "--size", "0.005").code == 0
    limits(home, max_day_notional=260)
    denied(crossbook(*amend, "--size", "0.02"), "max_day_notional", "240 USD before", "makes it 540 USD")


def test_an_amendment_of_the_price_alone_is_held_against_it_even_where_it_adds_no_worth(desk: Any, home: Path) -> None:
    order = place("okx", "BTC/USDT", "sell", "0.01", "--price", "200000").json["id"]
    limits(home, max_deviation_bps=500)
    done = crossbook("order", "amend", order, "--price", "150000", "--env", "sim", "--json")
    denied(done, "max_deviation_bps", "the price 150000 is far from")
    story = crossbook("order", "history", order, "--env", "sim", "--json").json
    assert "amend_intended" not in [event["kind"] for event in story["events"]]


def test_a_cancel_is_never_denied(desk: Any, home: Path) -> None:
    order = place(*BUY).json["id"]
    limits(home, allowed_venues=["bybit"], allowed_symbols=[], require_arming=["sim"], max_orders_per_minute=1)
    done = crossbook("order", "cancel", order, "--env", "sim", "--json")
    assert done.code == 0, (done.out, done.err)


def test_a_wrong_key_names_the_nearest(home: Path) -> None:
    limits(home, max_order_notionl=5)
    done = crossbook("config", "show", "--json")
    assert done.code == 3
    assert "policy.max_order_notionl" in done.json["message"]
    assert "max_order_notional" in done.json["hint"]
    limits(home, allowed_venues=["okcoin"])
    done = crossbook("config", "show", "--json")
    assert (done.code, "okcoin" in done.json["message"]) == (3, True)


def test_two_commands_at_once_share_the_days_limit(desk: Any, home: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    limits(home, max_day_notional=500, duplicate_within_s=None)
    with ThreadPoolExecutor(5) as pool:
        done = list(pool.map(lambda price: place(*BUY[:-1], price), ("20000", "20001", "20002", "20003", "20004")))
    assert sorted(item.code for item in done) == [0, 0, 5, 5, 5]
