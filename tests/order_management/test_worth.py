"""What a currency is worth in dollars, asked of a desk on the simulator."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.errors import CrossbookError
from domain.instruments import OPTION, PERPETUAL, Instrument
from order_management.desk import Desk
from order_management.journal import Journal
from order_management.policy.chain import policy_of
from order_management.worth import dollar_price, in_dollars, price_currency
from tests.connectors.opened import opened
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures


@pytest.fixture
def desk(warm: Any, home: Path) -> Iterator[Desk]:  # noqa: F811 - the fixture
    venues = opened(home)
    with Journal(home / "state" / "journal" / "test.sqlite") as journal:
        yield Desk(venues, venues.config, journal, policy_of(venues.config), venues.deadline)
    venues.close()


def test_dollars_are_dollars_and_nobody_is_asked(desk: Desk, warm: Any) -> None:  # noqa: F811
    warm.reset_requests()
    assert all(dollar_price(desk, "okx", code) == 1 for code in ("USD", "USDT", "USDC"))
    assert not warm.requests("okx")
    assert in_dollars("USDT")
    assert not in_dollars("BTC")


def test_a_coin_is_worth_the_venues_own_price_and_asked_for_once(desk: Desk, warm: Any) -> None:  # noqa: F811
    book = desk.look(desk.instrument("okx", "BTC/USDT"))
    warm.reset_requests()
    first = dollar_price(desk, "okx", "BTC")
    assert first == book.mid == dollar_price(desk, "okx", "BTC")
    assert not warm.requests("okx"), "the look was young enough"


def test_a_venue_without_the_pair_leaves_it_to_the_others(desk: Desk) -> None:
    price = dollar_price(desk, "deriv", "KCS")
    own = desk.look(desk.instrument("kucoin", "KCS/USDT")).mid
    assert price is not None
    assert own is not None
    assert abs(price - own) / own < Decimal("0.01")


def test_what_nobody_lists_has_no_price(desk: Desk) -> None:
    assert dollar_price(desk, "okx", "NOSUCHCOIN") is None


def test_a_venue_that_does_not_answer_is_no_price_of_nothing(desk: Desk, warm: Any) -> None:  # noqa: F811
    for venue in desk.venues.names:
        warm.set_fault(venue, "down")
    desk.venues.start(0)
    with pytest.raises(CrossbookError):
        dollar_price(desk, "okx", "BTC")


@pytest.mark.parametrize(
    ("kind", "settle", "currency"),
    [(OPTION, "BTC", "BTC"), (OPTION, "USDC", "USD"), (PERPETUAL, "BTC", "USD"), (OPTION, None, "USD")],
)
def test_coin_settled_options_are_priced_in_the_coin(kind: str, settle: str | None, currency: str) -> None:
    assert price_currency(Instrument("x", "BTC/USD", "b", kind, "BTC", "USD", settle, "BTC")) == currency
