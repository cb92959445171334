"""What every venue's trading keeps to, however its requests are made."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import Venues
from connectors.trading import only_until
from domain.errors import NotSent
from domain.orders import LIMIT, MARKET, OrderSpec
from order_management.sizing import on_lot
from tests.connectors.opened import opened
from tests.connectors.test_conformance import VENUES
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

SPOT = {"deribit": "BTC/USDC", "deriv": "cryBTCUSD"}


@pytest.fixture
def venues(warm: Any, home: Path) -> Iterator[Venues]:  # noqa: F811 - the fixture
    from tests.connectors.opened import know_simulator

    know_simulator(home, warm.state_file)
    warm.reset_accounts()
    found = opened(home)
    found.start(time.monotonic() + 30)
    yield found
    found.close()


@pytest.mark.parametrize("name", VENUES)
def test_an_order_that_comes_too_late_after_it_was_written_down_does_not_leave(
    venues: Venues,
    warm: Any,  # noqa: F811 - the fixture
    name: str,
) -> None:
    instrument = next(
        i for i in venues.cache.all(name) if i.symbol == SPOT.get(name, "BTC/USDT") or i.native_id == SPOT.get(name)
    )
    trading = venues.trading(name)
    size = (
        on_lot((instrument.min_size or instrument.lot_size or 1) * 1000, instrument)
        if name != "deriv"
        else instrument.unit_size / 20
    )
    spec = OrderSpec("held0001", "buy", MARKET, size)
    trading.admit()
    trading.prepare(instrument, spec)
    with only_until(time.time_ns() - 1), pytest.raises(NotSent, match="held up"):
        trading.submit(instrument, spec)
    assert warm.placed(name) == []


@pytest.mark.parametrize("name", [name for name in VENUES if name != "deriv"])
def test_a_market_that_our_store_lacks_is_asked_for_before_the_order_is_written_down(
    venues: Venues,
    warm: Any,  # noqa: F811 - the fixture
    name: str,
) -> None:
    instrument = venues.cache.find(name, SPOT.get(name, "BTC/USDT"))
    assert instrument is not None
    store = venues.connector(name).market_store()  # type: ignore[attr-defined]
    other = next(i for i in venues.cache.all(name) if i.symbol != instrument.symbol)
    store.replace([{"symbol": other.symbol, "id": other.native_id}])  # of another day, say
    trading = venues.trading(name)
    price = Decimal(40_000)
    spec = OrderSpec("asked0001", "buy", LIMIT, on_lot(Decimal("0.01"), instrument), price=price)
    trading.admit()
    trading.prepare(instrument, spec)
    assert trading.submit(instrument, spec).order_id
    assert [order["client_id"] for order in warm.placed(name)] == ["asked0001"]
