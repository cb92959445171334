"""OKX's private side against the simulator: every type and flag, lost answers found again, refusals told apart."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.trading import OrderRef
from connectors.venues import okx_orders
from connectors.venues.okx_orders import OkxTrading
from domain.errors import OutcomeUnknown, Refused, Unauthorized, Unavailable, Unsupported
from domain.instruments import OPTION
from domain.orders import (
    BUY,
    CANCELLED,
    FILLED,
    FOK,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    REGULAR,
    REJECTED,
    SELL,
    STOP,
    STOP_LIMIT,
    TRIGGER,
    KeyPermissions,
    OrderReport,
    OrderSpec,
)
from simulator.venues.okx_auth import ACCOUNTS
from tests.connectors.opened import at_home, know_simulator, once, opened
from utils.secrets import Credentials

SPOT, SWAP, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"
SIZE = {SPOT: Decimal("0.01"), SWAP: Decimal("0.02"), INVERSE: Decimal(500)}
NATIVE = {SPOT: "BTC-USDT", SWAP: "BTC-USDT-SWAP", INVERSE: "BTC-USD-SWAP"}
PLACE, CANCEL, ALGO = "/api/v5/trade/order", "/api/v5/trade/cancel-order", "/api/v5/trade/order-algo"
FULL, READER, WITHDRAWER, OTHER = ACCOUNTS
SINCE = 0
_numbers = count(time.time_ns() // 1_000_000)
Look = Callable[[str], tuple[Decimal, Decimal]]


@pytest.fixture(scope="module")
def place(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A home with OKX's instruments in its cache, and the open venues."""
    home = tmp_path_factory.mktemp("okx-home")
    know_simulator(home, running_simulator.state_file)
    venues = opened(home, ["okx"])
    venues.home = home
    with at_home(home):
        venues.ensure_markets()
        yield venues
    venues.close()


@pytest.fixture
def trading(sim: Any, place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OkxTrading:
    monkeypatch.setenv("CROSSBOOK_HOME", str(place.home))
    sim.reset_accounts("okx")
    sim.reset_requests()
    return OkxTrading(once(place, "okx", tmp_path), place.cache.of("okx"))


@pytest.fixture
def touch(trading: OkxTrading) -> Look:
    """Best bid and ask of a symbol."""

    def look(symbol: str) -> tuple[Decimal, Decimal]:
        quote = trading.connector.fetch_quote(trading.instrument(symbol))
        assert quote.bid
        assert quote.ask
        return quote.bid, quote.ask

    return look


def with_keys(trading: OkxTrading, key: str, secret: str, passphrase: str) -> OkxTrading:
    """The same venue, under other keys."""
    connector = trading.connector
    context = replace(connector.context, credentials=lambda: Credentials(key, secret, passphrase, "a test"))
    other = type(connector)("okx", context)
    return OkxTrading(other, trading._instruments)


def on_tick(trading: OkxTrading, symbol: str, price: Decimal) -> Decimal:
    tick = trading.instrument(symbol).tick_size
    assert tick
    return price // tick * tick


def spec(trading: OkxTrading, touch: Look, symbol: str, share: str = "0.9", **changes: Any) -> OrderSpec:
    """A buy at a share of the best bid, unless changed."""
    price = on_tick(trading, symbol, touch(symbol)[0] * Decimal(share))
    return OrderSpec(f"cb{next(_numbers)}", BUY, LIMIT, SIZE[symbol], price)._replace(**changes)


def market(symbol: str, side: str = BUY, **changes: Any) -> OrderSpec:
    return OrderSpec(f"cb{next(_numbers)}", side, MARKET, SIZE[symbol])._replace(**changes)


def stop(trading: OkxTrading, touch: Look, symbol: str, share: str = "0.9", **changes: Any) -> OrderSpec:
    """A sell stop at a share of the best bid, unless changed."""
    at = on_tick(trading, symbol, touch(symbol)[0] * Decimal(share))
    return OrderSpec(f"cb{next(_numbers)}", SELL, STOP, SIZE[symbol], stop_price=at)._replace(**changes)


def ours(trading: OkxTrading, symbol: str, sent: OrderSpec) -> OrderRef:
    """Name an order by our id alone, as after a lost answer."""
    return OrderRef(trading.instrument(symbol), None, sent.client_id, sent.family)


def theirs(trading: OkxTrading, report: OrderReport) -> OrderRef:
    return OrderRef(trading.instrument(report.symbol), report.order_id, report.client_id, report.family)


def found(trading: OkxTrading, symbol: str, sent: OrderSpec) -> OrderReport:
    report = trading.find(ours(trading, symbol, sent))
    assert report is not None
    assert report.client_id == sent.client_id
    return report


class TestPlacing:
    @pytest.mark.parametrize("symbol", SIZE)
    def test_a_limit_order_is_sent_once_with_our_id_and_nothing_before_it(
        self, trading: OkxTrading, touch: Look, sim: Any, symbol: str
    ) -> None:
        sent = spec(trading, touch, symbol)
        sim.reset_requests()
        report = trading.submit(trading.instrument(symbol), sent)
        assert sim.requests("okx") == {PLACE: 1}
        assert (report.status, report.client_id, report.family) == (None, sent.client_id, REGULAR)
        told = found(trading, symbol, sent)
        assert told.order_id == report.order_id
        assert (told.status, told.side, told.type, told.size, told.price, told.filled) == (
            OPEN, BUY, LIMIT, sent.size, sent.price, 0,
        )  # fmt: skip
        assert (told.tif, told.post_only, told.reduce_only) == ("gtc", False, False)

    @pytest.mark.parametrize("symbol", SIZE)
    @pytest.mark.parametrize("side", [BUY, SELL])
    def test_market_orders_fill_the_size_that_was_asked_for(self, trading: OkxTrading, symbol: str, side: str) -> None:
        sent = market(symbol, side)
        trading.submit(trading.instrument(symbol), sent)
        told = found(trading, symbol, sent)
        assert (told.status, told.type, told.size, told.filled) == (FILLED, MARKET, sent.size, sent.size)
        fills = trading.fills(trading.instrument(symbol), SINCE)
        assert sum(fill.size for fill in fills) == sent.size
        assert {(f.client_id, f.order_id, f.side, f.maker) for f in fills} == {
            (sent.client_id, told.order_id, side, False)
        }
        assert all(fill.fee and fill.fee > 0 for fill in fills)

    @pytest.mark.parametrize(
        ("changes", "share", "status", "whole"),
        [
            ({"tif": IOC}, "0.9", CANCELLED, False),
            ({"tif": IOC}, "1.05", FILLED, True),
            ({"tif": FOK}, "0.9", CANCELLED, False),
            ({"tif": FOK}, "1.05", FILLED, True),
            ({"post_only": True}, "0.9", OPEN, False),
            ({"post_only": True}, "1.05", CANCELLED, False),
        ],
    )
    @pytest.mark.parametrize("symbol", [SPOT, SWAP])
    def test_ioc_fok_and_post_only(
        self, trading: OkxTrading, touch: Look, symbol: str, changes: Any, share: str, status: str, whole: bool
    ) -> None:
        sent = spec(trading, touch, symbol, share, **changes)
        trading.submit(trading.instrument(symbol), sent)
        told = found(trading, symbol, sent)
        assert (told.status, told.filled) == (status, sent.size if whole else 0)
        assert (told.post_only, told.tif) == (sent.post_only, sent.tif)
        assert (told.reason is not None) == (status == CANCELLED)

    def test_reduce_only_closes_the_position(self, trading: OkxTrading) -> None:
        swap = trading.instrument(SWAP)
        trading.submit(swap, market(SWAP))
        (held,) = trading.positions()
        assert (held.symbol, held.size, held.margin_mode) == (SWAP, SIZE[SWAP], "cross")
        assert held.entry_price
        sent = market(SWAP, SELL, reduce_only=True, size=SIZE[SWAP] * 3)
        trading.submit(swap, sent)
        assert found(trading, SWAP, sent).reduce_only
        assert trading.positions() == []

    def test_positions_of_inverse_contracts_count_quote_and_shorts_are_negative(self, trading: OkxTrading) -> None:
        trading.submit(trading.instrument(INVERSE), market(INVERSE, SELL))
        (held,) = trading.positions()
        assert (held.symbol, held.size) == (INVERSE, -SIZE[INVERSE])

    def test_options_take_limit_orders_in_contracts(self, trading: OkxTrading) -> None:
        option = next(i for i in trading._instruments.all() if i.kind == OPTION and i.base == "BTC")
        sent = OrderSpec(f"cb{next(_numbers)}", BUY, LIMIT, option.unit_size * 2, option.tick_size)
        trading.submit(option, sent)
        assert found(trading, option.symbol, sent).size == option.unit_size * 2
        assert [r.client_id for r in trading.open_orders()] == [sent.client_id]
        assert MARKET not in trading.rules.types[OPTION]


class TestRefusals:
    @pytest.mark.parametrize(
        ("symbol", "changes", "code"),
        [
            (SPOT, {"size": Decimal(100_000)}, "51008"),
            (SPOT, {"size": Decimal("0.000001")}, "51020"),
            (SPOT, {"client_id": "not-allowed"}, "51000"),
            (SWAP, {"reduce_only": True}, "51169"),  # ccxt has no class for this code: not an unknown outcome
        ],
    )
    def test_what_the_venue_refuses_is_refused_and_not_there(
        self, trading: OkxTrading, touch: Look, symbol: str, changes: Any, code: str
    ) -> None:
        with pytest.raises(Refused, match=code):
            trading.submit(trading.instrument(symbol), spec(trading, touch, symbol, **changes))
        assert trading.open_orders() == []

    def test_a_client_id_that_is_taken_means_that_the_order_is_there_already(
        self, trading: OkxTrading, touch: Look
    ) -> None:
        for sent in (spec(trading, touch, SPOT), stop(trading, touch, SWAP)):
            symbol = SPOT if sent.type == LIMIT else SWAP
            first = trading.submit(trading.instrument(symbol), sent)
            with pytest.raises(OutcomeUnknown):
                trading.submit(trading.instrument(symbol), sent)
            assert found(trading, symbol, sent).order_id == first.order_id

    def test_stops_cannot_be_post_only_or_short_lived(self, trading: OkxTrading, touch: Look, sim: Any) -> None:
        sim.reset_requests()
        for changes in ({"post_only": True}, {"tif": IOC}):
            sent = stop(trading, touch, SWAP, type=STOP_LIMIT, price=Decimal(50_000), **changes)
            with pytest.raises(Unsupported):
                trading.submit(trading.instrument(SWAP), sent)
        assert ALGO not in sim.requests("okx")

    @pytest.mark.parametrize(
        "keys",
        [
            (READER.key, READER.secret, READER.passphrase),
            ("11111111-2222-3333-4444-555555555555", FULL.secret, FULL.passphrase),
            (FULL.key, "wrong", FULL.passphrase),
            (FULL.key, FULL.secret, "wrong"),
        ],
    )
    def test_keys_that_may_not_are_unauthorized(self, trading: OkxTrading, touch: Look, keys: Any) -> None:
        sent = spec(trading, touch, SPOT)
        with pytest.raises(Unauthorized):
            with_keys(trading, *keys).submit(trading.instrument(SPOT), sent)
        assert trading.find(ours(trading, SPOT, sent)) is None

    def test_a_rate_limit_is_a_refusal(self, trading: OkxTrading, touch: Look, sim: Any) -> None:
        sent = spec(trading, touch, SPOT)
        sim.set_fault("okx", "rate_limited", PLACE)
        with pytest.raises(Refused, match="50011"):
            trading.submit(trading.instrument(SPOT), sent)

    @pytest.mark.parametrize("off_ms", [-60_000, 60_000])
    def test_a_clock_that_is_wrong_is_a_refusal(self, trading: OkxTrading, touch: Look, off_ms: int) -> None:
        sent = spec(trading, touch, SPOT)
        context = replace(trading.connector.context, clock_offset_ms=lambda: off_ms)
        wrong = OkxTrading(type(trading.connector)("okx", context), trading._instruments)
        with pytest.raises(Refused, match="50102"):
            wrong.submit(trading.instrument(SPOT), sent)
        assert trading.find(ours(trading, SPOT, sent)) is None

    def test_permissions_are_told(self, trading: OkxTrading) -> None:
        told = [with_keys(trading, a.key, a.secret, a.passphrase).permissions() for a in (FULL, READER, WITHDRAWER)]
        assert told == [
            KeyPermissions(True, True, False),
            KeyPermissions(True, False, False),
            KeyPermissions(True, True, True),
        ]


class TestLostAnswers:
    @pytest.mark.parametrize(
        ("fault", "args"),
        [
            ("reset", {"handled": True}),
            ("server_error", {"handled": True, "status": 500}),
            ("server_error", {"handled": True, "status": 504}),
            ("html_error", {"handled": True}),
            ("malformed_json", {}),
        ],
    )
    @pytest.mark.parametrize("kind", ["resting", "filled", "stop"])
    def test_an_order_whose_answer_was_lost_is_found_by_our_id(
        self, trading: OkxTrading, touch: Look, sim: Any, fault: str, args: Any, kind: str
    ) -> None:
        sent = {
            "resting": lambda: spec(trading, touch, SWAP),
            "filled": lambda: market(SWAP),
            "stop": lambda: stop(trading, touch, SWAP),
        }[kind]()
        sim.set_fault("okx", fault, ALGO if kind == "stop" else PLACE, times=1, **args)
        with pytest.raises(OutcomeUnknown):
            trading.submit(trading.instrument(SWAP), sent)
        told = found(trading, SWAP, sent)
        assert told.status == (FILLED if kind == "filled" else OPEN)
        assert (told.family, told.order_id is not None) == (sent.family, True)

    def test_no_answer_in_time_is_an_unknown_outcome(
        self, trading: OkxTrading, place: Any, touch: Look, sim: Any, tmp_path: Path
    ) -> None:
        sent = market(SWAP)
        hasty = OkxTrading(once(place, "okx", tmp_path, within_s=0.5), trading._instruments)
        sim.set_fault("okx", "timeout", PLACE, times=1, handled=True)
        with pytest.raises(OutcomeUnknown):
            hasty.submit(trading.instrument(SWAP), sent)
        assert found(trading, SWAP, sent).status == FILLED

    def test_an_order_that_never_arrived_is_not_there(self, trading: OkxTrading, touch: Look, sim: Any) -> None:
        sent = spec(trading, touch, SPOT)
        sim.set_fault("okx", "reset", PLACE, times=1)
        with pytest.raises(OutcomeUnknown):
            trading.submit(trading.instrument(SPOT), sent)
        assert trading.find(ours(trading, SPOT, sent)) is None
        assert trading.open_orders(trading.instrument(SPOT)) == []

    @pytest.mark.parametrize("family", [REGULAR, TRIGGER])
    def test_a_request_that_arrives_too_late_is_not_accepted_any_more(
        self, trading: OkxTrading, touch: Look, sim: Any, monkeypatch: pytest.MonkeyPatch, family: str
    ) -> None:
        monkeypatch.setattr(okx_orders, "_ACCEPTED_FOR_MS", 200)
        sent = spec(trading, touch, SWAP) if family == REGULAR else stop(trading, touch, SWAP)
        path = PLACE if family == REGULAR else ALGO
        sim.reset_requests()
        sim.set_fault("okx", "late", path, times=1, ms=400)
        with pytest.raises(OutcomeUnknown):
            trading.submit(trading.instrument(SWAP), sent)
        until = time.monotonic() + 0.8
        while time.monotonic() < until:
            assert trading.find(ours(trading, SWAP, sent)) is None

    def test_a_request_that_arrives_late_but_in_time_is_found_then(
        self, trading: OkxTrading, touch: Look, sim: Any
    ) -> None:
        sent = spec(trading, touch, SWAP)
        sim.set_fault("okx", "late", PLACE, times=1, ms=300)
        with pytest.raises(OutcomeUnknown):
            trading.submit(trading.instrument(SWAP), sent)
        assert trading.find(ours(trading, SWAP, sent)) is None
        until = time.monotonic() + 5
        while trading.find(ours(trading, SWAP, sent)) is None:
            assert time.monotonic() < until

    def test_a_request_delivered_twice_leaves_one_resting_order(
        self, trading: OkxTrading, touch: Look, sim: Any
    ) -> None:
        sent = spec(trading, touch, SWAP)
        sim.set_fault("okx", "twice", PLACE, times=1)
        with pytest.raises(OutcomeUnknown):  # the second answer: the id is taken
            trading.submit(trading.instrument(SWAP), sent)
        assert found(trading, SWAP, sent).status == OPEN
        assert len(trading.open_orders()) == 1

    def test_a_market_order_delivered_twice_fills_twice_and_our_id_shows_it(
        self, trading: OkxTrading, sim: Any
    ) -> None:
        sent = market(SWAP)  # the id is free again as soon as the first has filled: nothing at OKX prevents this
        sim.set_fault("okx", "twice", PLACE, times=1)
        trading.submit(trading.instrument(SWAP), sent)
        fills = trading.fills(trading.instrument(SWAP), SINCE)
        assert sum(fill.size for fill in fills if fill.client_id == sent.client_id) == 2 * sent.size

    def test_while_lists_lag_only_the_venues_id_finds_an_order(
        self, trading: OkxTrading, touch: Look, sim: Any
    ) -> None:
        sent = spec(trading, touch, SPOT)
        report = trading.submit(trading.instrument(SPOT), sent)
        sim.set_fault("okx", "lagging_orders", ms=60_000)
        assert trading.find(ours(trading, SPOT, sent)) is None
        assert trading.open_orders() == []
        by_id = trading.find(theirs(trading, report))
        assert by_id is not None
        assert by_id.status == OPEN

    def test_a_venue_that_cannot_be_asked_says_nothing_about_an_order(
        self, trading: OkxTrading, touch: Look, sim: Any
    ) -> None:
        sent = spec(trading, touch, SPOT)
        trading.submit(trading.instrument(SPOT), sent)
        sim.set_fault("okx", "server_error", PLACE, status=503)
        with pytest.raises(Unavailable):
            trading.find(ours(trading, SPOT, sent))

    def test_without_keys_nothing_leaves(self, trading: OkxTrading, touch: Look, sim: Any) -> None:
        sent = spec(trading, touch, SPOT)
        context = replace(trading.connector.context, credentials=lambda: None)
        bare = OkxTrading(type(trading.connector)("okx", context), trading._instruments)
        sim.reset_requests()
        with pytest.raises(Exception, match="no keys") as error:
            bare.submit(trading.instrument(SPOT), sent)
        assert not isinstance(error.value, OutcomeUnknown)
        assert sim.requests("okx") == {}


class Reworded:
    """An HTTP client whose answers from one path are put in other words."""

    def __init__(self, http: Any, path: str, words: Callable[[bytes], bytes]) -> None:
        self.http, self.path, self.words = http, path, words

    def send(self, request: Any, **kwargs: Any) -> Any:
        answer = self.http.send(request, **kwargs)
        return replace(answer, body=self.words(answer.body)) if self.path in request.url else answer


def reworded(trading: OkxTrading, path: str, words: Callable[[bytes], bytes]) -> OkxTrading:
    context = trading.connector.context
    other = replace(context, http=Reworded(context.http, path, words))  # type: ignore[arg-type]
    return OkxTrading(type(trading.connector)("okx", other), trading._instruments)


class TestAnswersThatSayTwoThings:
    def test_an_item_that_failed_in_an_answer_that_did_not_is_refused(self, trading: OkxTrading, touch: Look) -> None:
        mild = reworded(trading, PLACE, lambda body: body.replace(b'"code":"1"', b'"code":"0"'))
        sent = spec(trading, touch, SPOT, size=Decimal(100_000))
        with pytest.raises(Refused, match="51008"):
            mild.submit(trading.instrument(SPOT), sent)
        mild = reworded(trading, CANCEL, lambda body: body.replace(b'"code":"1"', b'"code":"0"'))
        done = trading.submit(trading.instrument(SPOT), market(SPOT))
        with pytest.raises(Refused, match="51402"):
            mild.cancel(theirs(trading, done))

    def test_a_success_without_an_id_is_an_unknown_outcome(self, trading: OkxTrading, touch: Look) -> None:
        for words in (lambda _: b'{"code":"0","data":[],"msg":""}', lambda _: b'{"code":"0","data":[{"sCode":"0"}]}'):
            with pytest.raises(OutcomeUnknown):
                reworded(trading, PLACE, words).submit(trading.instrument(SPOT), spec(trading, touch, SPOT))

    def test_an_endpoint_timeout_of_okx_leaves_the_outcome_open(self, trading: OkxTrading, touch: Look) -> None:
        for code in (b"50004", b"50013", b"50026", b"51149"):
            said = b'{"code":"%s","data":[],"msg":"API endpoint request timeout"}' % code
            with pytest.raises(OutcomeUnknown):
                reworded(trading, PLACE, lambda _, said=said: said).submit(  # type: ignore[misc]
                    trading.instrument(SPOT), spec(trading, touch, SPOT)
                )

    def test_funding_bills_are_read_with_their_sign(self, trading: OkxTrading) -> None:
        # Row: okx.com/docs-v5, "Get bills details", reduced to the fields that are read.
        row = (
            b'{"code":"0","data":[{"billId":"12","instId":"BTC-USDT-SWAP","instType":"SWAP","type":"8","subType":"173",'
            b'"ccy":"USDT","pnl":"-0.1","balChg":"-0.1","ts":"1795242322594"},{"billId":"11","instId":"ETH-USDT-SWAP",'
            b'"instType":"SWAP","type":"8","subType":"174","ccy":"USDT","pnl":"1","balChg":"1","ts":"1795242322594"}]}'
        )
        told = reworded(trading, "/api/v5/account/bills", lambda _: row).funding_payments(
            trading.instrument(SWAP), SINCE
        )
        assert [(p.payment_id, p.amount, p.currency, p.time_ms, p.rate) for p in told] == [
            ("12", Decimal("-0.1"), "USDT", 1795242322594, None)
        ]


class TestCancellingAndAmending:
    def test_by_either_id_and_then_it_is_closed(self, trading: OkxTrading, touch: Look) -> None:
        spot = trading.instrument(SPOT)
        for by_ours in (True, False):
            sent = spec(trading, touch, SPOT)
            report = trading.submit(spot, sent)
            trading.cancel(ours(trading, SPOT, sent) if by_ours else theirs(trading, report))
            told = found(trading, SPOT, sent)
            assert (told.status, told.filled, told.reason) == (CANCELLED, 0, "cancelled by the user")
            with pytest.raises(Refused, match="51401"):
                trading.cancel(theirs(trading, report))
        done = trading.submit(spot, market(SPOT))
        with pytest.raises(Refused, match="51402"):
            trading.cancel(theirs(trading, done))

    def test_an_order_that_nobody_knows_is_no_certainty(self, trading: OkxTrading) -> None:
        for family in (REGULAR, TRIGGER):
            with pytest.raises(OutcomeUnknown, match="51400"):
                trading.cancel(OrderRef(trading.instrument(SPOT), None, "neverSent", family))

    def test_a_lost_answer_to_a_cancel_is_an_unknown_outcome(self, trading: OkxTrading, touch: Look, sim: Any) -> None:
        sent = spec(trading, touch, SPOT)
        trading.submit(trading.instrument(SPOT), sent)
        sim.set_fault("okx", "reset", CANCEL, times=1, handled=True)
        with pytest.raises(OutcomeUnknown):
            trading.cancel(ours(trading, SPOT, sent))
        assert found(trading, SPOT, sent).status == CANCELLED

    def test_amend_changes_what_is_asked_for_and_nothing_else(self, trading: OkxTrading, touch: Look) -> None:
        sent = spec(trading, touch, INVERSE)
        trading.submit(trading.instrument(INVERSE), sent)
        before = found(trading, INVERSE, sent)
        trading.amend(theirs(trading, before), before, size=Decimal(700), price=None)
        after = found(trading, INVERSE, sent)
        assert (after.size, after.price, after.order_id) == (Decimal(700), before.price, before.order_id)
        assert before.price
        price = on_tick(trading, INVERSE, before.price * Decimal("0.95"))
        trading.amend(theirs(trading, after), after, size=None, price=price)
        assert found(trading, INVERSE, sent).price == price
        trading.cancel(theirs(trading, after))
        with pytest.raises(Refused, match="51509"):
            trading.amend(theirs(trading, after), after, size=Decimal(600), price=None)

    def test_all_orders_and_stops_of_one_instrument_go_and_others_stay(
        self, trading: OkxTrading, touch: Look, sim: Any
    ) -> None:
        swap = trading.instrument(SWAP)
        for _ in range(23):  # more than one call takes
            trading.submit(swap, spec(trading, touch, SWAP))
        for _ in range(11):
            trading.submit(swap, stop(trading, touch, SWAP))
        trading.submit(trading.instrument(SPOT), spec(trading, touch, SPOT))
        assert len(trading.open_orders(swap)) == 34
        sim.reset_requests()
        trading.cancel_all(swap)
        counted = sim.requests("okx")
        assert (counted["/api/v5/trade/cancel-batch-orders"], counted["/api/v5/trade/cancel-algos"]) == (2, 2)
        assert trading.open_orders(swap) == []
        assert [report.symbol for report in trading.open_orders()] == [SPOT]

    def test_the_dead_mans_switch_is_set_and_switched_off(self, trading: OkxTrading, sim: Any) -> None:
        sim.reset_requests()
        trading.cancel_after(60)
        trading.cancel_after(None)
        assert sim.requests("okx") == {"/api/v5/trade/cancel-all-after": 2}
        with pytest.raises(Refused):
            trading.cancel_after(5)


class TestStops:
    @pytest.mark.parametrize("symbol", SIZE)
    @pytest.mark.parametrize("kind", [STOP, STOP_LIMIT])
    def test_a_stop_waits_and_is_found_listed_and_cancelled(
        self, trading: OkxTrading, touch: Look, symbol: str, kind: str
    ) -> None:
        item = trading.instrument(symbol)
        price = on_tick(trading, symbol, touch(symbol)[0] * Decimal("0.8")) if kind == STOP_LIMIT else None
        sent = stop(trading, touch, symbol, type=kind, price=price)
        report = trading.submit(item, sent)
        assert (report.family, report.status, report.client_id) == (TRIGGER, None, sent.client_id)
        told = found(trading, symbol, sent)
        assert (told.status, told.type, told.size, told.stop_price, told.price, told.filled) == (
            OPEN, kind, sent.size, sent.stop_price, price, 0,
        )  # fmt: skip
        assert trading.open_orders(item) == trading.open_orders() == [told]
        trading.cancel(theirs(trading, told))
        assert found(trading, symbol, sent).status == CANCELLED
        assert [r.order_id for r in trading.closed_orders(item, SINCE)] == [report.order_id]

    @pytest.mark.parametrize("symbol", SIZE)
    def test_one_that_fires_is_told_under_its_own_ids_with_what_was_traded(
        self, trading: OkxTrading, touch: Look, sim: Any, symbol: str
    ) -> None:
        item = trading.instrument(symbol)
        trading.submit(item, market(symbol, size=SIZE[symbol] * 2))
        sent = stop(trading, touch, symbol, reduce_only=symbol != SPOT)
        report = trading.submit(item, sent)
        sim.print_trade("okx", NATIVE[symbol], sent.stop_price, 1, SELL)
        told = found(trading, symbol, sent)
        assert told == trading.find(theirs(trading, report))
        assert (told.status, told.order_id, told.family, told.filled) == (FILLED, report.order_id, TRIGGER, sent.size)
        assert told.stop_price == sent.stop_price
        mine = [fill for fill in trading.fills(item, SINCE) if fill.client_id == sent.client_id]
        assert sum(fill.size for fill in mine) == sent.size
        assert {fill.order_id for fill in mine} == {report.order_id}
        closed = [r for r in trading.closed_orders(item, SINCE) if r.client_id == sent.client_id]
        assert [(r.order_id, r.status, r.family) for r in closed] == [(report.order_id, FILLED, TRIGGER)]

    def test_one_that_fires_and_cannot_be_placed_is_rejected_with_the_code(
        self, trading: OkxTrading, touch: Look, sim: Any
    ) -> None:
        swap, sent = trading.instrument(SWAP), stop(trading, touch, SWAP, reduce_only=True)
        trading.submit(swap, sent)
        sim.print_trade("okx", NATIVE[SWAP], sent.stop_price, 1, SELL)
        told = found(trading, SWAP, sent)
        assert (told.status, told.filled) == (REJECTED, 0)
        assert "51169" in (told.reason or "")
        assert trading.closed_orders(swap, SINCE) == [told]
        assert trading.open_orders(swap) == []

    def test_a_spot_stop_buys_base_coins(self, trading: OkxTrading, touch: Look, sim: Any) -> None:
        sent = stop(trading, touch, SPOT, "1.1", side=BUY)
        trading.submit(trading.instrument(SPOT), sent)
        sim.print_trade("okx", NATIVE[SPOT], sent.stop_price, 1, BUY)
        assert found(trading, SPOT, sent).filled == sent.size

    def test_a_stop_limit_that_fired_and_rests_is_cancelled_under_the_stops_id(
        self, trading: OkxTrading, touch: Look, sim: Any
    ) -> None:
        swap = trading.instrument(SWAP)
        price = on_tick(trading, SWAP, touch(SWAP)[0] * Decimal("1.2"))
        for one_by_one in (True, False):
            sim.print_trade("okx", NATIVE[SWAP], touch(SWAP)[0], 1, SELL)
            sent = stop(trading, touch, SWAP, type=STOP_LIMIT, price=price)
            trading.submit(swap, sent)
            sim.print_trade("okx", NATIVE[SWAP], sent.stop_price, 1, SELL)
            (resting,) = trading.open_orders(swap)
            assert (resting.family, resting.client_id, resting.price) == (TRIGGER, sent.client_id, price)
            if one_by_one:
                trading.cancel(theirs(trading, resting))
            else:
                trading.cancel_all(swap)
            assert trading.open_orders(swap) == []
            assert found(trading, SWAP, sent).status == CANCELLED

    def test_one_whose_price_was_passed_is_refused(self, trading: OkxTrading, touch: Look) -> None:
        with pytest.raises(Refused, match="51280"):
            trading.submit(trading.instrument(SWAP), stop(trading, touch, SWAP, "1.1"))


class TestLists:
    def test_lists_are_read_to_their_end(
        self, trading: OkxTrading, touch: Look, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(OkxTrading, "page", 2)
        swap, sent = trading.instrument(SWAP), []
        for number in range(5):
            order = spec(trading, touch, SWAP) if number % 2 else market(SWAP)
            sent.append(order)
            trading.submit(swap, order)
        assert {r.client_id for r in trading.open_orders(swap)} == {o.client_id for o in sent if o.type == LIMIT}
        closed = trading.closed_orders(swap, SINCE)
        assert [r.client_id for r in closed] == [o.client_id for o in sent if o.type == MARKET]
        fills = trading.fills(swap, SINCE)
        assert sum(fill.size for fill in fills) == SIZE[SWAP] * 3
        assert len({fill.trade_id for fill in fills}) == len(fills) >= 3
        assert fills == sorted(fills, key=lambda fill: (fill.time_ms, fill.trade_id))

    def test_the_list_of_the_last_days_is_asked_for_these_and_the_history_for_what_was_before(
        self, trading: OkxTrading, sim: Any
    ) -> None:
        spot = trading.instrument(SPOT)
        trading.submit(spot, market(SPOT))
        now_ms = time.time_ns() // 1_000_000
        for days, names in ((1, ["fills"]), (30, ["fills", "fills-history"])):
            sim.reset_requests()
            assert trading.fills(spot, now_ms - days * 86_400_000)
            assert sim.requests("okx") == {f"/api/v5/trade/{name}": 1 for name in names}

    def test_balances_tell_what_orders_hold(self, trading: OkxTrading, touch: Look) -> None:
        sent = spec(trading, touch, SPOT)
        trading.submit(trading.instrument(SPOT), sent)
        held = {balance.currency: balance for balance in trading.balances()}["USDT"]
        assert sent.price
        assert (held.total, held.used) == (Decimal(1_000_000), sent.size * sent.price)
        assert held.free == held.total - sent.size * sent.price

    def test_funding_is_an_empty_list_until_some_is_paid(self, trading: OkxTrading) -> None:
        trading.submit(trading.instrument(SWAP), market(SWAP))
        assert trading.funding_payments(trading.instrument(SWAP), SINCE) == []

    def test_others_orders_are_not_seen(self, trading: OkxTrading, touch: Look) -> None:
        sent = spec(trading, touch, SPOT)
        trading.submit(trading.instrument(SPOT), sent)
        other = with_keys(trading, OTHER.key, OTHER.secret, OTHER.passphrase)
        assert other.open_orders() == []
        assert other.find(ours(trading, SPOT, sent)) is None
