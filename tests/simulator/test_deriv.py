"""The simulated Deriv: sessions in this process, and a synchronous WebSocket client over a socket.

Required and allowed keys are those of the receive.json schemas of deriv-com/deriv-api-docs (June 2026); codes and words
are those of the real server's own tests (BOM RPC ticks_history and WebSocketAPI ticks, system and ping tests).
"""

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from simulator.market.listings.deriv import listings
from simulator.market.model import Listing
from simulator.market.synthetic import SyntheticMarket
from simulator.venue import SimRequest, WsSession
from simulator.venues import deriv_quotes as quotes
from simulator.venues import deriv_session
from simulator.venues.deriv import Deriv

WEDNESDAY_MS = 1_795_014_000_000  # 2026-11-18 15:00:00 UTC
SATURDAY_MS = WEDNESDAY_MS + 3 * 86_400_000
FRIDAY_2055_S = 1_795_208_100
LISTINGS = listings(WEDNESDAY_MS)
REQUIRED = {
    "display_name", "display_order", "exchange_is_open", "is_trading_suspended", "market", "market_display_name", "pip",
    "subgroup", "subgroup_display_name", "submarket", "submarket_display_name", "symbol", "symbol_type",
}  # fmt: skip
FULL_ONLY = {
    "delay_amount", "exchange_name", "intraday_interval_minutes", "quoted_currency_symbol", "spot", "spot_age",
    "spot_percentage_change", "spot_time",
}  # fmt: skip


def venue_at(now_ms: int) -> Deriv:
    return Deriv(SyntheticMarket(7, start_ms=now_ms, frozen=True, listings=LISTINGS), lambda: now_ms)


def upgrade(target: str = "/websockets/v3?app_id=1089") -> SimRequest:
    return SimRequest("GET", "ws.derivws.com", target, {"upgrade": "websocket"}, b"", WEDNESDAY_MS)


def conversation(venue: Deriv, *frames: object) -> list[dict[str, Any]]:
    """Send frames (text as it is, all else as JSON) over one connection and return what the venue says."""

    async def talk() -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = []

        async def send(text: str) -> None:
            said.append(json.loads(text))

        async def close(code: int, reason: str) -> None:
            said.append({"closed": code, "reason": reason})

        session = venue.open_websocket("deriv", upgrade(), send)
        assert isinstance(session, WsSession)
        session.close = close
        for frame in frames:
            await session.on_text(frame if isinstance(frame, str) else json.dumps(frame))
        await session.on_close()
        return said

    return asyncio.run(talk())


@pytest.fixture(scope="module")
def wednesday() -> Deriv:
    return venue_at(WEDNESDAY_MS)


@pytest.fixture(scope="module")
def saturday() -> Deriv:
    return venue_at(SATURDAY_MS)


def listing(symbol: str) -> Listing:
    return next(i for i in LISTINGS if i.native_id == symbol)


class TestSymbols:
    def test_the_usual_symbols_are_there(self, wednesday: Deriv) -> None:
        (answer,) = conversation(wednesday, {"active_symbols": "brief"})
        symbols = {row["symbol"] for row in answer["active_symbols"]}
        assert len(symbols) >= 30
        assert {"R_10", "R_100", "1HZ10V", "1HZ100V", "BOOM500", "CRASH1000", "stpRNG", "JD10"} < symbols
        assert {"frxEURUSD", "frxUSDJPY", "frxXAUUSD", "frxXAGUSD", "cryBTCUSD", "cryETHUSD"} < symbols
        assert {"OTC_SPC", "WLDUSD"} < symbols

    @pytest.mark.parametrize("size", ["brief", "full"])
    def test_rows_have_the_fields_of_the_schema(self, wednesday: Deriv, size: str) -> None:
        (answer,) = conversation(wednesday, {"active_symbols": size, "product_type": "basic"})
        for row in answer["active_symbols"]:
            assert set(row) == REQUIRED | {"allow_forward_starting"} | (FULL_ONLY if size == "full" else set())
            assert isinstance(row["pip"], float)
            if size == "full":
                assert isinstance(row["spot"], float)
                assert isinstance(row["spot_time"], str)

    def test_a_row_is_as_deriv_writes_it(self, saturday: Deriv) -> None:
        (answer,) = conversation(saturday, {"active_symbols": "brief"})
        row = next(row for row in answer["active_symbols"] if row["symbol"] == "cryBTCUSD")
        del row["display_order"]
        assert row == {
            "allow_forward_starting": 0, "display_name": "BTC/USD", "exchange_is_open": 1, "is_trading_suspended": 0,
            "market": "cryptocurrency", "market_display_name": "Cryptocurrencies", "pip": 0.001, "subgroup": "none",
            "subgroup_display_name": "None", "submarket": "non_stable_coin",
            "submarket_display_name": "Cryptocurrencies", "symbol": "cryBTCUSD", "symbol_type": "cryptocurrency",
        }  # fmt: skip

    def test_at_the_weekend_only_what_never_sleeps_is_open(self, saturday: Deriv) -> None:
        (answer,) = conversation(saturday, {"active_symbols": "brief"})
        is_open = {row["symbol"]: row["exchange_is_open"] for row in answer["active_symbols"]}
        assert (is_open["R_50"], is_open["stpRNG"], is_open["cryETHUSD"]) == (1, 1, 1)
        assert (is_open["frxEURUSD"], is_open["frxXAUUSD"], is_open["OTC_SPC"], is_open["WLDEUR"]) == (0, 0, 0, 0)

    @pytest.mark.parametrize(
        ("moment", "expected"),
        [(FRIDAY_2055_S - 1, True), (FRIDAY_2055_S, False), (FRIDAY_2055_S + 97_500, False),
         (FRIDAY_2055_S + 183_900, True)],
    )  # fmt: skip
    def test_forex_closes_on_friday_evening_and_opens_on_monday(self, moment: int, expected: bool) -> None:
        assert quotes.is_open(listing("frxEURUSD"), moment) is expected
        assert quotes.last_open(listing("frxEURUSD"), moment) == (moment if expected else FRIDAY_2055_S - 1)

    def test_contracts_are_listed_with_the_next_closing(self, wednesday: Deriv) -> None:
        (answer,) = conversation(wednesday, {"contracts_for": "frxEURUSD"})
        content = answer["contracts_for"]
        assert {row["contract_type"] for row in content["available"]} == {"CALL", "PUT", "MULTUP", "MULTDOWN"}
        assert content["hit_count"] == len(content["available"])
        assert content["close"] == FRIDAY_2055_S


class TestTicks:
    def test_a_tick_is_the_markets_touch(self, wednesday: Deriv) -> None:
        (answer,) = conversation(wednesday, {"ticks": "frxEURUSD", "subscribe": 1, "req_id": 3})
        view = wednesday.market.book(listing("frxEURUSD"), 1, WEDNESDAY_MS)
        tick = answer["tick"]
        assert (tick["bid"], tick["ask"]) == (float(view.bids[0][0]), float(view.asks[0][0]))
        assert tick["bid"] <= tick["quote"] <= tick["ask"]
        assert (tick["symbol"], tick["epoch"], tick["pip_size"]) == ("frxEURUSD", WEDNESDAY_MS // 1000, 5)
        assert set(tick) == {"ask", "bid", "epoch", "id", "pip_size", "quote", "symbol"}
        assert (answer["msg_type"], answer["req_id"], answer["subscription"]) == ("tick", 3, {"id": tick["id"]})

    def test_every_symbol_has_a_tick_on_a_working_day(self, wednesday: Deriv) -> None:
        symbols = [i.native_id for i in LISTINGS if quotes.is_open(i, WEDNESDAY_MS // 1000)]
        answers = conversation(wednesday, {"ticks": symbols})
        assert [answer["tick"]["symbol"] for answer in answers] == symbols
        assert all(0 < answer["tick"]["bid"] < answer["tick"]["ask"] for answer in answers)

    def test_a_second_stream_of_the_same_symbol_is_refused(self, wednesday: Deriv) -> None:
        first, second, third = conversation(
            wednesday, {"ticks": "R_50"}, {"ticks": "R_50"}, {"ticks": "R_50", "req_id": 9}
        )
        assert second["error"] == {"code": "AlreadySubscribed", "message": "You are already subscribed to R_50"}
        assert second["msg_type"] == "tick"
        assert first["tick"]["id"] != third["tick"]["id"]

    def test_a_closed_market_and_an_unknown_symbol_say_so_each_for_itself(self, saturday: Deriv) -> None:
        closed, unknown, tick = conversation(saturday, {"ticks": ["frxUSDJPY", "R_12312312", "R_10"]})
        assert closed["error"] == {"code": "MarketIsClosed", "message": "This market is presently closed."}
        assert unknown["error"] == {"code": "InvalidSymbol", "message": "Symbol R_12312312 invalid."}
        assert tick["tick"]["symbol"] == "R_10"

    def test_forgotten_streams_are_named(self, wednesday: Deriv) -> None:
        async def talk() -> None:
            said: list[dict[str, Any]] = []

            async def send(text: str) -> None:
                said.append(json.loads(text))

            session = wednesday.open_websocket("deriv", upgrade(), send)
            assert session is not None
            candles = {"ticks_history": "R_25", "end": "latest", "count": 1, "granularity": 60, "subscribe": 1}
            for frame in ({"ticks": ["R_50", "R_75"]}, candles):
                await session.on_text(json.dumps(frame))
            first, second = (answer["tick"]["id"] for answer in said[:2])
            bars = said[2]["subscription"]["id"]
            frames = [
                {"forget": first},
                {"forget": first},
                {"forget_all": "ticks"},
                {"forget_all": ["candles", "ticks"]},
            ]
            for frame in frames:
                await session.on_text(json.dumps(frame))
            assert [answer.get("forget", answer.get("forget_all")) for answer in said[3:]] == [1, 0, [second], [bars]]
            await session.on_close()

        asyncio.run(talk())


class TestHistory:
    def test_ticks_of_the_past_are_the_books_of_the_past(self, wednesday: Deriv) -> None:
        (answer,) = conversation(wednesday, {"ticks_history": "R_100", "end": "latest", "count": 5})
        history = answer["history"]
        assert (answer["msg_type"], answer["pip_size"]) == ("history", 2)
        assert history["times"] == [WEDNESDAY_MS // 1000 - 8 + 2 * n for n in range(5)]
        for epoch, price in zip(history["times"], history["prices"], strict=True):
            view = wednesday.market.book(listing("R_100"), 1, epoch * 1000)
            assert float(view.bids[0][0]) <= price <= float(view.asks[0][0])

    @pytest.mark.parametrize("width", [60, 3600, 86400])
    def test_candles_are_the_markets(self, wednesday: Deriv, width: int) -> None:
        (answer,) = conversation(
            wednesday, {"ticks_history": "R_75", "end": "latest", "count": 10, "granularity": width}
        )
        wanted = wednesday.market.candles(listing("R_75"), width * 1000, WEDNESDAY_MS - 10 * width * 1000, WEDNESDAY_MS)
        assert answer["msg_type"] == "candles"
        assert [(c["epoch"], c["open"], c["high"], c["low"], c["close"]) for c in answer["candles"]] == [
            (c.start_ms // 1000, *map(float, (c.open, c.high, c.low, c.close))) for c in wanted[-10:]
        ]

    def test_at_the_weekend_forex_history_ends_on_friday_evening(self, saturday: Deriv) -> None:
        ticks, candles = conversation(
            saturday,
            {"ticks_history": "frxEURUSD", "end": "latest", "count": 3},
            {"ticks_history": "frxEURUSD", "end": "latest", "count": 3, "style": "candles", "granularity": 3600},
        )
        assert ticks["history"]["times"] == [FRIDAY_2055_S - 3, FRIDAY_2055_S - 2, FRIDAY_2055_S - 1]
        assert candles["candles"][-1]["epoch"] == FRIDAY_2055_S // 3600 * 3600

    def test_at_the_weekend_forex_cannot_be_streamed(self, saturday: Deriv) -> None:
        (answer,) = conversation(saturday, {"ticks_history": "frxEURUSD", "end": "latest", "subscribe": 1})
        assert (answer["error"]["code"], answer["msg_type"]) == ("MarketIsClosed", "ticks_history")

    def test_a_span_and_a_count_choose_the_latest_ticks_of_it(self, wednesday: Deriv) -> None:
        end = WEDNESDAY_MS // 1000 - 100
        request = {"ticks_history": "1HZ10V", "start": end - 60, "end": str(end), "count": 10}
        some, every, one = conversation(wednesday, request, request | {"count": 5000}, request | {"start": end})
        assert some["history"]["times"] == list(range(end - 9, end + 1))
        assert every["history"]["times"] == list(range(end - 60, end + 1))
        assert one["history"]["times"] == [end]

    def test_five_thousand_are_the_most(self, wednesday: Deriv) -> None:
        (answer,) = conversation(wednesday, {"ticks_history": "1HZ10V", "end": "latest", "count": 9000})
        assert len(answer["history"]["prices"]) == 5000

    def test_a_start_after_the_end_is_refused(self, wednesday: Deriv) -> None:
        (answer,) = conversation(wednesday, {"ticks_history": "R_10", "start": 1_795_000_100, "end": "1795000000"})
        assert (answer["error"]["code"], answer["msg_type"]) == ("InvalidStartEnd", "ticks_history")


class TestFrames:
    def test_requests_come_back_with_id_and_passthrough_of_the_same_type(self, wednesday: Deriv) -> None:
        frame = {"ping": 1, "req_id": 0, "passthrough": {"order": [1, "two"]}}
        (answer,) = conversation(wednesday, frame)
        assert answer == {
            "echo_req": frame, "ping": "pong", "msg_type": "ping", "req_id": 0, "passthrough": frame["passthrough"],
        }  # fmt: skip

    def test_time_is_in_seconds(self, wednesday: Deriv) -> None:
        (answer,) = conversation(wednesday, {"time": 1})
        assert (answer["time"], answer["msg_type"]) == (WEDNESDAY_MS // 1000, "time")

    def test_the_status_of_the_site(self, wednesday: Deriv) -> None:
        (answer,) = conversation(wednesday, {"website_status": 1})
        status = answer["website_status"]
        assert status["site_status"] == "up"
        assert set(status["api_call_limits"]) == {
            "max_proposal_subscription", "max_requestes_general", "max_requests_outcome", "max_requests_pricing",
        }  # fmt: skip
        assert status["currencies_config"]["USD"]["fractional_digits"] == 2

    @pytest.mark.parametrize(
        ("frame", "code", "message", "details"),
        [
            ({"ticks": "R_50", "subscribe": 2}, "InputValidationFailed", "Input validation failed: subscribe",
             {"subscribe": "Not in enum list: 1."}),
            ({"ticks_history": "R_50"}, "InputValidationFailed", "Input validation failed: end",
             {"end": "Missing property."}),
            ({"active_symbols": "brief", "product_type1": "basic"}, "InputValidationFailed",
             "Input validation failed: Properties not allowed: product_type1.", {}),
            ({"ping": "xyz", "req_id": 123}, "InputValidationFailed", "Input validation failed: ping",
             {"ping": "Not in enum list: 1."}),
            ({"forget_all": ["ticks", "candle"]}, "InputValidationFailed", "Input validation failed: forget_all", None),
            ({"ticks_history": "R_50", "end": "latest", "granularity": 5}, "InputValidationFailed",
             "Input validation failed: granularity", None),
            ({"ticks": "R 50"}, "InputValidationFailed", "Input validation failed: ticks",
             {"ticks": r"String does not match ^\w{2,30}$."}),
            ({"UnrecognisedRequest": 1, "req_id": 1}, "UnrecognisedRequest", "Unrecognised request.", None),
            ({}, "UnrecognisedRequest", "Unrecognised request.", None),
            ({"balance": 1, "subscribe": 1}, "AuthorizationRequired", "Please log in.", None),
            ({"buy": "1", "price": 10}, "AuthorizationRequired", "Please log in.", None),
            ({"portfolio": 1}, "AuthorizationRequired", "Please log in.", None),
            ({"authorize": "wrong"}, "InvalidToken", "The token is invalid.", None),
        ],
    )  # fmt: skip
    def test_refusals_are_in_derivs_words(
        self, wednesday: Deriv, frame: dict[str, Any], code: str, message: str, details: dict[str, str] | None
    ) -> None:
        (answer,) = conversation(wednesday, frame)
        assert (answer["error"]["code"], answer["error"]["message"]) == (code, message)
        assert answer["echo_req"] == frame
        assert answer["msg_type"] == ("error" if code == "UnrecognisedRequest" else next(iter(frame)))
        assert answer.get("req_id") == frame.get("req_id")
        if details is not None:
            assert answer["error"]["details"] == details

    def test_numbers_may_come_as_text(self, wednesday: Deriv) -> None:
        (answer,) = conversation(wednesday, {"ticks": "R_50", "subscribe": "1"})
        assert answer["tick"]["symbol"] == "R_50"

    @pytest.mark.parametrize("frame", ["notjson", '"text"', "[1]"])
    def test_what_is_no_object_closes_the_connection(self, wednesday: Deriv, frame: str) -> None:
        assert conversation(wednesday, frame) == [{"closed": 1007, "reason": ""}]

    def test_silence_closes_the_connection(self, wednesday: Deriv, monkeypatch: pytest.MonkeyPatch) -> None:
        assert deriv_session.IDLE_S == 120
        monkeypatch.setattr(deriv_session, "IDLE_S", 0.01)

        async def wait() -> int:
            closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

            async def send(_: str) -> None:
                raise AssertionError("nothing was asked")

            async def close(code: int, _: str) -> None:
                closed.set_result(code)

            session = wednesday.open_websocket("deriv", upgrade(), send)
            assert session is not None
            session.close = close
            code = await asyncio.wait_for(closed, 5)
            await session.on_close()
            return code

        assert asyncio.run(wait()) == 1000

    @pytest.mark.parametrize("target", ["/websockets/v3", "/websockets/v3?app_id=", "/websockets/v3?app_id=0a"])
    def test_a_handshake_needs_an_app_id(self, wednesday: Deriv, target: str) -> None:
        async def send(_: str) -> None:
            raise AssertionError("there is no session")

        assert wednesday.open_websocket("deriv", upgrade(target), send) is None
        reply = wednesday.handle("deriv", upgrade(target))
        assert (reply.status, json.loads(reply.body)) == (401, {"error": "InvalidAppID"})

    @pytest.mark.parametrize(
        ("kind", "code"),
        [("rate_limited", "RateLimit"), ("maintenance", "ServiceUnavailable"), ("server_error", "WrongResponse")],
    )
    def test_faults_of_frames_are_error_objects(self, wednesday: Deriv, kind: str, code: str) -> None:
        frame = {"req_id": 4, "ticks_history": "R_50", "end": "latest"}
        request = SimRequest("WS", "ws.derivws.com", "/websockets/v3", {}, json.dumps(frame).encode(), WEDNESDAY_MS)
        answer = json.loads(wednesday.fault(kind, request, {"retry_after_s": 1, "status": 500}).body)
        assert (answer["error"]["code"], answer["req_id"], answer["msg_type"]) == (code, 4, "ticks_history")
        if kind == "rate_limited":
            assert answer["error"]["message"] == "You have reached the rate limit for ticks_history."

    @pytest.mark.parametrize(("kind", "status"), [("geo_blocked", 451), ("banned", 429), ("server_error", 502)])
    def test_faults_of_handshakes_are_http(self, wednesday: Deriv, kind: str, status: int) -> None:
        assert wednesday.fault(kind, upgrade(), {"retry_after_s": 9, "status": 502}).status == status


class TestOverASocket:
    @pytest.fixture
    def url(self, sim: Any) -> str:
        return str(sim.hosts["ws.derivws.com"]).replace("http", "ws", 1) + "/websockets/v3?app_id=1089"

    @staticmethod
    def ask(socket: ClientConnection, **frame: object) -> dict[str, Any]:
        socket.send(json.dumps(frame))
        answer: dict[str, Any] = json.loads(socket.recv(timeout=10))
        return answer

    def test_ticks_stream_once_a_second_until_they_are_forgotten(self, url: str) -> None:
        with connect(url) as socket:
            ticks = [self.ask(socket, ticks="1HZ100V", subscribe=1, req_id=5)]
            ticks += [json.loads(socket.recv(timeout=10)) for _ in range(2)]
            epochs = [answer["tick"]["epoch"] for answer in ticks]
            assert epochs == sorted(set(epochs))
            assert {answer["subscription"]["id"] for answer in ticks} == {ticks[0]["tick"]["id"]}
            assert {answer["req_id"] for answer in ticks} == {5}
            assert self.ask(socket, forget=ticks[0]["tick"]["id"])["forget"] == 1
            assert self.ask(socket, ping=1)["ping"] == "pong"

    def test_candles_stream_as_text(self, url: str) -> None:
        with connect(url) as socket:
            first = self.ask(
                socket, ticks_history="1HZ50V", end="latest", count=2, style="candles", granularity=60, subscribe=1
            )
            ohlc = json.loads(socket.recv(timeout=10))
            assert ohlc["msg_type"] == "ohlc"
            assert ohlc["ohlc"]["id"] == first["subscription"]["id"]
            assert float(ohlc["ohlc"]["low"]) <= float(ohlc["ohlc"]["close"]) <= float(ohlc["ohlc"]["high"])
            assert ohlc["ohlc"]["epoch"] - ohlc["ohlc"]["open_time"] < 60

    def test_what_is_no_json_is_answered_with_code_1007(self, url: str) -> None:
        with connect(url) as socket:
            socket.send("notjson")
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1007

    def test_a_handshake_without_app_id_is_refused(self, url: str) -> None:
        with pytest.raises(InvalidStatus) as refused, connect(url.partition("?")[0]):
            pass
        assert refused.value.response.status_code == 401

    def test_a_rate_limit_of_one_call_leaves_the_others(self, sim: Any, url: str) -> None:
        sim.set_fault("deriv", "rate_limited", path="*#ticks_history")
        with connect(url) as socket:
            refused = self.ask(socket, ticks_history="R_10", end="latest", req_id=1)
            assert (refused["error"]["code"], refused["req_id"]) == ("RateLimit", 1)
            assert self.ask(socket, time=1)["msg_type"] == "time"

    def test_a_market_without_prices_is_closed_and_a_stale_one_has_old_ticks(self, sim: Any, url: str) -> None:
        with connect(url) as socket:
            sim.set_fault("deriv", "empty_book")
            assert self.ask(socket, ticks="1HZ10V")["error"]["code"] == "MarketIsClosed"
            sim.clear_faults()
            sim.set_fault("deriv", "stale_book", ms=60_000)
            now = self.ask(socket, time=1)["time"]
            assert 55 <= now - self.ask(socket, ticks="1HZ10V")["tick"]["epoch"] <= 62
