"""The venue's clock: measured beside the download of its instruments, and signed with."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.ccxt_session import CcxtSession
from connectors.http import Request
from connectors.registry import Venues, load_class, open_venues
from tests.connectors.fakes import FakeHttp, answer, context
from utils.config.load import load_config

SKEW_MS = 7000
KEYS = {
    "apiKey": "key",
    "secret": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",  # base64, as some venues want it
    "password": "words",
    "privateKey": "0x" + "11" * 32,
    "walletAddress": "0x" + "22" * 20,
}
PERP = {
    "id": "0", "baseId": "0", "baseName": "BTC", "symbol": "BTC/USDC:USDC", "base": "BTC", "quote": "USDC",
    "settle": "USDC", "type": "swap", "swap": True, "spot": False, "contract": True, "linear": True,
    "precision": {"amount": "0.001", "price": "0.1"}, "limits": {}, "info": {},
}  # fmt: skip
SIGNED: dict[str, Callable[[Any], object]] = {"hyperliquid": lambda it: it.cancel_order("1", "BTC/USDC:USDC")}
"""How to have a request signed where reading a balance is not."""


def every_ccxt_exchange() -> list[str]:
    found = []
    for settings in load_config().venues.values():
        if not settings.retired:
            name = getattr(load_class(settings.class_path, settings.name), "exchange", None) or settings.exchange
            found += [name] if name else []
    return found


def moments(request: Request) -> list[float]:
    """Find every instant that a request tells, in epoch seconds."""
    text = " ".join([request.url, *request.headers.values(), request.body.decode("latin-1")])
    texts = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?=Z)", text)
    found = [datetime.fromisoformat(one).replace(tzinfo=UTC).timestamp() for one in texts]
    return found + [int(one[:10]) for one in re.findall(r"(?<!\d)1[789]\d{8}(?:\d{3}|\d{6,9})?(?!\d)", text)]


@pytest.mark.parametrize("exchange", every_ccxt_exchange())
def test_what_ccxt_signs_carries_the_venues_time(exchange: str) -> None:
    class Deaf(FakeHttp):
        def send(self, request: Request, *, deadline: float) -> Any:
            self.requests.append(request)
            return answer({})

    given = context({}, venue=exchange)
    http = Deaf({})
    skewed = replace(given, http=http, clock_offset_ms=lambda: SKEW_MS)  # type: ignore[arg-type]
    session = CcxtSession(exchange, skewed, {"uta": False, "hf": True, "subaccount_id": 1}, {})
    it = session.exchange
    for name, value in KEYS.items():
        setattr(it, name, value)
    it.set_markets([PERP])
    # The empty answer is of no use to the class; what it asked is all that is looked at.
    with suppress(Exception):
        SIGNED.get(exchange, lambda one: one.fetch_balance())(it)
    told = [moment for request in http.requests for moment in moments(request)]
    assert any(abs(moment - (time.time() + SKEW_MS / 1000)) < 2.5 for moment in told), told
    assert not any(abs(moment - time.time()) < 2.5 for moment in told), told


def venues_at_home(names: list[str]) -> Venues:
    return open_venues(load_config(environment="sim"), names)


def test_offsets_are_measured_beside_the_download_of_instruments(sim: Any, home: Path) -> None:
    sim.set_fault("okx", "clock_skew", ms=SKEW_MS)
    venues = venues_at_home(["okx", "bybit"])
    venues.ensure_markets()
    assert not venues.failures
    assert venues.connector("okx").context.clock_offset_ms() == pytest.approx(SKEW_MS, abs=1500)
    assert venues.connector("bybit").context.clock_offset_ms() == pytest.approx(0, abs=1500)
    venues.close()


def test_a_venue_whose_clock_does_not_answer_is_listed_all_the_same(sim: Any, home: Path) -> None:
    sim.set_fault("okx", "server_error", path="/api/v5/public/time", status=500)
    venues = venues_at_home(["okx"])
    venues.ensure_markets()
    assert not venues.failures
    assert venues.cache.find("okx", "BTC/USDT") is not None
    assert venues.connector("okx").context.clock_offset_ms() == 0
    venues.close()
