"""One Deriv connection: calls answered, ticks and candles streamed, closed after two minutes of silence.

How the real server behaves is taken from its own tests and streamer (BOM/Binary WebSocketAPI): every `ticks` call is a
stream, `tick.id` is its subscription, a second one for the same symbol and `req_id` is AlreadySubscribed, and text that
is no JSON closes the connection with 1007.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.market.model import Listing
from simulator.venue import WsSession
from simulator.venues import deriv_quotes as quotes
from simulator.venues import deriv_reports as reports
from simulator.venues.deriv_calls import NOT_SERVED, CallError, Row, answer, call_of, parsed, validate
from simulator.venues.deriv_dealer import Dealer, marked
from simulator.venues.deriv_status import website_status

if TYPE_CHECKING:
    from simulator.venues.deriv import Deriv

IDLE_S = 120.0
MOST_TICKS = 5_000
DEFAULT_TICKS = 1_000


@dataclass
class Stream:
    """A subscription: `granularity` 0 streams ticks, else candles; `echo` is the request it came from."""

    identity: str
    listing: Listing
    granularity: int
    echo: Row
    sent_epoch: int = 0


class DerivSession(WsSession):
    """One connection: answers calls, streams ticks once a second at most, closes after two minutes of silence."""

    def __init__(self, venue: "Deriv", send: Callable[[str], Awaitable[None]], app_id: int) -> None:
        super().__init__(send)
        self._venue = venue
        self._dealer = Dealer(venue, app_id)
        self._identity = str(uuid.uuid4())
        self._closed = False
        self._streams: dict[str, Stream] = {}
        self._pump: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._touch()
        self.calls: dict[str, Callable[[Row], Row | None]] = {
            "ping": lambda _: {"ping": "pong"},
            "time": lambda _: {"time": self._now()},
            "website_status": lambda _: {"website_status": website_status()},
            "active_symbols": self._active_symbols,
            "contracts_for": self._contracts_for,
            "forget": self._forget,
            "forget_all": self._forget_all,
            **self._dealer.calls,
        }

    async def on_text(self, text: str) -> None:
        """Answer one frame; what is no JSON object closes the connection with 1007."""
        self._touch()
        frame = parsed(text)
        if frame is None:
            await self.close(1007, "")
            return
        try:
            call = call_of(frame)
            if call in NOT_SERVED:
                raise CallError("UnrecognisedRequest", "The simulator does not carry out this call.", call)
            self._venue.admit(call, self._dealer.loginid or self._identity)
            validate(call, frame)
            self._dealer.check(call)
            if call == "ticks":
                await self._ticks(frame)
            elif call == "ticks_history":
                await self._ticks_history(frame)
            else:
                await self._say(answer(frame, call, self.calls[call](frame) or {}))
                self._start_pump()
        except CallError as error:
            await self._say(answer(frame, error.msg_type, {"error": error.error}))

    async def on_close(self) -> None:
        """Stop the streams. Offers stay: a purchase that was on its way may still be carried out (fault `late`)."""
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        if self._pump is not None:
            self._pump.cancel()

    def _now(self) -> int:
        return self._venue.clock() // 1000

    def _touch(self) -> None:
        """Begin the two minutes anew: anything sent or received counts."""
        if self._idle is not None:
            self._idle.cancel()
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(IDLE_S, self._leave)

    def _leave(self) -> None:
        self._leaving = asyncio.ensure_future(self.close(1000, ""))

    async def _say(self, message: Row) -> None:
        self._touch()
        await self.send(json.dumps(message, separators=(",", ":")))

    # --- calls -------------------------------------------------------------------------------------------------------

    def _active_symbols(self, frame: Row) -> Row:
        full, now = frame["active_symbols"] == "full", self._now()
        listed = self._venue.by_symbol.values()
        return {"active_symbols": [quotes.symbol_row(self._venue.market, i, now, full=full) for i in listed]}

    def _contracts_for(self, frame: Row) -> Row:
        """List what can be bought on a symbol."""
        listing, now = self._venue.listing(str(frame["contracts_for"]), "contracts_for"), self._now()
        tick = quotes.tick_at(self._venue.market, listing, now)
        return {"contracts_for": reports.offered(listing, now, tick.quote if tick else None)}

    def _forget(self, frame: Row) -> Row:
        identity = str(frame["forget"])
        return {"forget": int(self._streams.pop(identity, None) is not None or self._dealer.forget(identity))}

    def _forget_all(self, frame: Row) -> Row:
        wanted = frame["forget_all"]
        kinds = wanted if isinstance(wanted, list) else [wanted]
        gone = [key for key, s in self._streams.items() if ("candles" if s.granularity else "ticks") in kinds]
        for key in gone:
            del self._streams[key]
        return {"forget_all": gone + self._dealer.forget_all(kinds)}

    # --- ticks -------------------------------------------------------------------------------------------------------

    async def _ticks(self, frame: Row) -> None:
        """Stream one symbol or several: each answers for itself, with its first tick or its own error."""
        wanted = frame["ticks"]
        for symbol in wanted if isinstance(wanted, list) else [wanted]:
            try:
                listing = self._venue.open_listing(str(symbol), "tick")
                if quotes.tick_at(self._venue.market, listing, self._now()) is None:
                    raise CallError("MarketIsClosed", "This market is presently closed.", "tick")
                stream = self._subscribe(listing, 0, frame, "tick")
            except CallError as error:
                await self._say(answer(frame, error.msg_type, {"error": error.error}))
                continue
            await self._push(stream)

    async def _ticks_history(self, frame: Row) -> None:
        find = self._venue.open_listing if "subscribe" in frame else self._venue.listing
        listing = find(str(frame["ticks_history"]), "ticks_history")
        has_candles = frame.get("style", "candles" if "granularity" in frame else "ticks") == "candles"
        width = int(str(frame.get("granularity", 60))) if has_candles else 0
        content = self._history(listing, frame, width)
        if "subscribe" in frame:
            content["subscription"] = {"id": self._subscribe(listing, width, frame, "ticks_history").identity}
        await self._say(answer(frame, "candles" if has_candles else "history", content))

    def _history(self, listing: Listing, frame: Row, width: int) -> Row:
        now, market = self._now(), self._venue.market
        end = now if frame["end"] == "latest" else min(int(str(frame["end"])), now)
        end = quotes.last_open(listing, end) if frame["end"] == "latest" or "adjust_start_time" in frame else end
        count = max(1, min(int(str(frame.get("count", DEFAULT_TICKS))), MOST_TICKS))
        start = int(str(frame["start"])) if "start" in frame else end - (count * width or quotes.DAY_S)
        if start > end:
            message = f"Start time {start} must be before end time {end}"
            raise CallError("InvalidStartEnd", message, "ticks_history")
        content: Row = {"pip_size": quotes.pip_size(listing)}
        if width:
            shown = quotes.candles(market, listing, width, max(start, end - MOST_TICKS * width), end)[-count:]
            names = ("open", "high", "low", "close")
            rows = [{"epoch": at} | dict(zip(names, map(float, four), strict=True)) for at, four in shown]
            return {"candles": rows} | content
        ticks = [quotes.tick_at(market, listing, epoch) for epoch in quotes.epochs(listing, start, end, count)]
        known = [tick for tick in ticks if tick is not None]
        return {"history": {"prices": [float(t.quote) for t in known], "times": [t.epoch for t in known]}} | content

    def _subscribe(self, listing: Listing, granularity: int, frame: Row, msg_type: str) -> Stream:
        same = (listing.native_id, granularity, frame.get("req_id"))
        if any((s.listing.native_id, s.granularity, s.echo.get("req_id")) == same for s in self._streams.values()):
            raise CallError("AlreadySubscribed", f"You are already subscribed to {listing.native_id}", msg_type)
        stream = Stream(str(uuid.uuid4()), listing, granularity, frame)
        if msg_type == "ticks_history":
            stream.sent_epoch = self._now()
        self._streams[stream.identity] = stream
        self._start_pump()
        return stream

    def _start_pump(self) -> None:
        if self._pump is None and not self._closed and (self._streams or self._dealer.watches):
            self._pump = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Push every second what is new; ends when the client has left."""
        while True:
            await asyncio.sleep(1.0 - self._venue.clock() % 1000 / 1000)
            try:
                for stream in list(self._streams.values()):
                    if stream.identity in self._streams and quotes.is_open(stream.listing, self._now()):
                        await self._push(stream)
                await self._push_private()
            except ConnectionError:
                return

    async def _push_private(self) -> None:
        """Send what is new in the streams of an account; one that has become impossible says so and ends."""
        for watch in list(self._dealer.watches.values()):
            try:
                content = watch.look()
            except CallError as error:
                self._dealer.forget(watch.identity)
                await self._say(answer(watch.echo, watch.kind, {"error": error.error}))
                continue
            if content is not None:
                await self._say(answer(watch.echo, watch.kind, marked(content, watch)))

    async def _push(self, stream: Stream) -> None:
        """Send the current tick or candle of a stream unless it was sent already."""
        listing = stream.listing
        tick = quotes.tick_at(self._venue.market, listing, self._now())
        if tick is None or tick.epoch <= stream.sent_epoch:
            return
        stream.sent_epoch = tick.epoch
        shared: Row = {"id": stream.identity, "epoch": tick.epoch, "pip_size": quotes.pip_size(listing)}
        shared["symbol"] = listing.native_id
        if not stream.granularity:
            prices: Row = {"ask": float(tick.ask), "bid": float(tick.bid), "quote": float(tick.quote)}
            await self._say(answer(stream.echo, "tick", {"tick": prices | shared}, stream.identity))
            return
        opened = tick.epoch // stream.granularity * stream.granularity
        found = quotes.candles(self._venue.market, listing, stream.granularity, opened, opened)
        four = found[0][1] if found else [tick.quote] * 4
        candle = dict(zip(("open", "high", "low", "close"), four, strict=True)) | shared
        candle |= {"granularity": stream.granularity, "open_time": opened}
        await self._say(answer(stream.echo, "ohlc", {"ohlc": candle}, stream.identity))
