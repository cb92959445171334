"""The `order` commands as users run them: processes of their own against the simulator."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.clirun import Done, crossbook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

VENUES = ("binance", "okx", "bybit", "kucoin", "deribit")
SPOT = dict.fromkeys(VENUES, "BTC/USDT") | {"deribit": "BTC/USDC"}
SWAP = dict.fromkeys(VENUES, "BTC/USDT:USDT") | {"deribit": "BTC/USDC:USDC"}
SUBMIT = {
    "binance": "*/order*",
    "okx": "*/trade/*order*",
    "bybit": "*/order/create*",
    "kucoin": "*/orders*",
    "deribit": "*/private/buy*",
}
"""Where each venue takes a buy order."""


@pytest.fixture
def desk(warm: Any) -> Iterator[Any]:  # noqa: F811 - the fixture
    """A simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    yield warm
    warm.clear_faults()


def place(*arguments: str) -> Done:
    return crossbook("order", "place", *arguments, "--env", "sim", "--json")


@pytest.mark.parametrize("venue", VENUES)
def test_a_market_buy_is_filled_in_base_units_and_says_what_it_paid(desk: Any, venue: str) -> None:
    done = place(venue, SPOT[venue], "buy", "0.01", "--type", "market")
    assert done.code == 0, done.err
    order = done.json
    assert (order["status"], order["filled"], order["size"]) == ("filled", "0.01", "0.01")
    assert order["environment"] == "sim"
    assert order["fees"]
    assert float(order["average_price"]) == pytest.approx(float(order["cost"]["price"]), rel=0.01)


@pytest.mark.parametrize("venue", VENUES)
def test_a_resting_order_is_listed_found_by_its_beginning_and_cancelled(desk: Any, venue: str) -> None:
    placed = place(venue, SWAP[venue], "buy", "0.1", "--price", "20000")
    assert placed.code == 0, placed.err
    order = placed.json
    assert order["status"] == "open"
    listed = crossbook("order", "list", "--venue", venue, "--env", "sim", "--json").json["orders"]
    assert [row["id"] for row in listed] == [order["id"]]
    assert (listed[0]["size"], listed[0]["filled"]) == ("0.1", "0")
    done = crossbook("order", "cancel", order["id"][:20], "--env", "sim", "--json")
    assert done.code == 0, done.err
    assert done.json["orders"][0]["status"] == "cancelled"
    assert crossbook("order", "list", "--venue", venue, "--env", "sim", "--json").json["orders"] == []
    story = crossbook("order", "history", order["id"], "--env", "sim", "--json").json
    kinds = [event["kind"] for event in story["events"]]
    assert kinds[:2] == ["intended", "accepted"]
    assert "cancel_intended" in kinds
    assert story["settled"] is True


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_whose_answer_was_lost_is_found_before_the_command_ends(desk: Any, venue: str) -> None:
    desk.set_fault(venue, "reset", path=SUBMIT[venue], times=1, handled=True)
    done = place(venue, SPOT[venue], "buy", "0.01", "--price", "20000")
    assert done.code == 0, (done.out, done.err)
    assert done.json["status"] == "open"
    story = crossbook("order", "history", done.json["id"], "--env", "sim", "--json").json
    assert [event["kind"] for event in story["events"]][:3] == ["intended", "unknown", "seen"]


def test_orders_that_never_arrived_are_unknown_until_their_absence_is_proven(desk: Any) -> None:
    names = {}
    for venue in VENUES:
        desk.set_fault(venue, "reset", path=SUBMIT[venue], times=1)
        done = crossbook(
            *("order", "place", venue, SPOT[venue], "buy", "0.01", "--price", "20000", "--env", "sim", "--json"),
            *("--timeout", "1"),
        )
        assert done.code == 9, (done.out, done.err)
        assert (done.json["status"], done.json["settled"]) == ("unknown", False)
        names[done.json["id"]] = venue
    told = crossbook("order", "list", "--closed", "--env", "sim", "--json")
    assert "5 orders are unsettled" in told.err
    resolved = crossbook("order", "resolve", "--env", "sim", "--json")
    assert resolved.code == 0, (resolved.out, resolved.err)
    assert {row["id"]: row["status"] for row in resolved.json["orders"]} == dict.fromkeys(names, "absent")
    everywhere = [part for venue in VENUES for part in ("--venue", venue)]
    assert crossbook("order", "list", "--env", "sim", "--json", *everywhere).json["orders"] == []


def test_the_same_id_never_sends_a_second_order(desk: Any) -> None:
    arguments = ("okx", "BTC/USDT", "buy", "0.01", "--price", "20000", "--client-id", "mine0001")
    first, second = place(*arguments), place(*arguments)
    assert (first.code, second.code) == (0, 0), second.err
    assert second.json["outcome"] == "known"
    assert second.json["order_id"] == first.json["order_id"]
    other = place("okx", "BTC/USDT", "buy", "0.02", "--price", "20000", "--client-id", "mine0001")
    assert other.code == 2
    assert "belongs to another order" in other.json["error"]["message"] if "message" not in other.json else True
    assert len(crossbook("order", "list", "--venue", "okx", "--env", "sim", "--json").json["orders"]) == 1


def test_a_preview_sends_nothing_and_shows_rounding_and_cost(desk: Any) -> None:
    desk.reset_requests()
    done = place("binance", "BTC/USDT", "buy", "0.0123456789", "--price", "60000.123456", "--preview")
    assert done.code == 0, done.err
    assert done.json["outcome"] == "preview"
    assert done.json["sent"]["size"] == "0.01234"
    assert done.json["sent"]["price"] == "60000.12"
    assert not any("order" in path for path in desk.requests("binance"))
    assert crossbook("order", "list", "--closed", "--env", "sim", "--json").json["orders"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("okx", "BTC/USDT", "buy", "1"), 2, "needs a price"),
        (("okx", "BTC/USDT", "buy", "1", "--type", "market", "--price", "5"), 2, "has no price"),
        (("okx", "BTC/USDT", "buy", "0", "--price", "5"), 2, "above zero"),
        (("okx", "BTC/USDT", "buy", "-1", "--price", "5"), 2, ""),
        (("okx", "BTC/USDT", "buy", "nan", "--price", "5"), 2, ""),
        (("okx", "BTC/USDT", "buy", "1e400", "--price", "5"), 2, ""),
        (("okx", "BTC/USDT", "buy", "1", "--price", "5", "--stop-price", "4"), 2, "no stop price"),
        (("okx", "BTC/USDT", "buy", "1", "--price", "60000", "--post-only", "--tif", "ioc"), 2, "Post-only"),
        (("okx", "BTC/USDT", "sell", "1", "--price", "60000", "--reduce-only"), 2, "spot"),
        (("okx", "BTC/USDT", "buy", "0.0000001", "--price", "60000"), 2, "below the smallest"),
        (("okx", "BTC/USDT", "buy", "1", "--unit", "contracts", "--price", "60000"), 2, "contracts"),
        (("okx", "BTC/USTD", "buy", "1", "--price", "60000"), 2, "BTC/USDT"),
        (("nowhere", "BTC/USDT", "buy", "1", "--price", "60000"), 2, "no venue"),
        (("okx", "BTC/USDT", "buy", "1", "--price", "60000", "--client-id", "has-dashes"), 2, "does not take"),
        (("deriv", "R_100", "buy", "1", "--price", "60000"), 4, "no limit orders"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence_and_nothing_is_sent(
    desk: Any, arguments: tuple[str, ...], code: int, says: str
) -> None:
    desk.reset_requests()
    done = place(*arguments)
    assert done.code == code, (done.out, done.err)
    assert says in done.out + done.err
    assert not any("order" in path or "buy" in path for path in desk.requests(arguments[0]))


def test_an_id_that_does_not_exist_or_is_at_another_venue_is_said(desk: Any) -> None:
    assert crossbook("order", "status", "zzz", "--env", "sim").code == 2
    order = place("okx", "BTC/USDT", "buy", "0.01", "--price", "20000").json
    done = crossbook("order", "cancel", order["id"], "--venue", "bybit", "--env", "sim")
    assert done.code == 2
    assert "okx" in done.err
