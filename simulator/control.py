"""The control endpoint: faults, counts, health and stop, for tests and users on this machine only."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from simulator.exchange.model import FundingPayment
from simulator.faults import FaultError, parse_fault
from simulator.limits import AS_REAL, LIFTED
from simulator.market.model import NotRecorded
from simulator.printed import DATED, FUNDED, TradeError, read_listing, read_trade
from simulator.server import LOOPBACK, SimServer
from simulator.state import SimulatorError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LARGEST_FACTOR = 1_000_000
_LOCAL_NAMES = frozenset({LOOPBACK, "localhost"})


class Control:
    """Serve the control endpoint of one simulator on a port of its own."""

    def __init__(self, server: SimServer, universe: str, pid: int, stop: asyncio.Event) -> None:
        self._server = server
        self._universe = universe
        self._pid = pid
        self._stop = stop
        self._started = time.monotonic()
        self._runner: web.AppRunner | None = None

    async def start(self, number: int = 0) -> str:
        """Listen and answer the endpoint's URL; `number` 0 takes any free port.

        Raises:
            SimulatorError: the port is taken or not allowed.
        """
        app = web.Application(middlewares=[_local_only])
        app.router.add_get("/faults", self._list_faults)
        app.router.add_post("/faults", self._add_fault)
        app.router.add_delete("/faults", self._clear_faults)
        app.router.add_get("/limits", self._list_limits)
        app.router.add_post("/limits", self._set_limits)
        app.router.add_delete("/limits", self._restore_limits)
        app.router.add_post("/trades", self._print_trade)
        app.router.add_post("/funding", self._settle_funding)
        app.router.add_post("/expiry", self._expire)
        app.router.add_get("/accounts", self._list_accounts)
        app.router.add_post("/accounts/reset", self._reset_accounts)
        app.router.add_get("/orders", self._list_orders)
        app.router.add_get("/requests", self._list_requests)
        app.router.add_delete("/requests", self._reset_requests)
        app.router.add_get("/health", self._health)
        app.router.add_post("/stop", self._ask_to_stop)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, LOOPBACK, number).start()
        except OSError as error:
            raise SimulatorError(
                f"Port {number} cannot be used ({error.strerror}): choose another --port-base."
            ) from None
        return f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _list_faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": [fault.record() for fault in self._server.plan.all()]})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = self._server.plan.add(parse_fault(json.loads(await request.read())))
        except FaultError as error:
            return _refused(str(error))
        except ValueError:
            return _refused("The body has to be a JSON object with `venue` and `kind`.")
        return web.json_response(fault.record())

    async def _clear_faults(self, request: web.Request) -> web.Response:
        number = request.query.get("id")
        if number is not None and not number.isdigit():
            return _refused(f"`id` is the number of a fault; got {number!r}.")
        removed = self._server.plan.clear(venue=request.query.get("venue"), number=int(number) if number else None)
        return web.json_response({"cleared": removed})

    async def _list_limits(self, _: web.Request) -> web.Response:
        factors = self._server.limits.items()
        return web.json_response({"limits": {name: None if factor == LIFTED else factor for name, factor in factors}})

    async def _set_limits(self, request: web.Request) -> web.Response:
        try:
            given = json.loads(await request.read())
        except ValueError:
            given = None
        if not isinstance(given, dict) or set(given) != {"venue", "factor"}:
            return _refused("The body has to be a JSON object with `venue` and `factor`.")
        venue, factor = given["venue"], given["factor"]
        if venue not in ("*", *self._server.limits):
            return _refused(f"No venue {venue!r} is simulated: use one of {', '.join(self._server.limits)} or *.")
        if factor is not None and (type(factor) not in (int, float) or not 0 < factor <= _LARGEST_FACTOR):
            return _refused(
                f"`factor` is above 0 and at most {_LARGEST_FACTOR:,}, or null for no limits; got {factor!r}."
            )
        self._server.set_limits(LIFTED if factor is None else float(factor), venue)
        return await self._list_limits(request)

    async def _restore_limits(self, request: web.Request) -> web.Response:
        self._server.set_limits(AS_REAL)
        return await self._list_limits(request)

    async def _print_trade(self, request: web.Request) -> web.Response:
        try:
            venue, trade = read_trade(await request.read(), self._server.trading_venues)
        except TradeError as error:
            return _refused(str(error))
        fills = venue.exchange.print_trade(trade.listing, trade.price, trade.size, trade.side, venue.clock())
        return web.json_response({"fills": [{"order_id": each.order_id, "size": f"{each.size:f}"} for each in fills]})

    async def _settle_funding(self, request: web.Request) -> web.Response:
        try:
            venue, listing = read_listing(await request.read(), self._server.trading_venues, FUNDED)
            paid = venue.exchange.settle_funding(listing, venue.clock())
        except (TradeError, NotRecorded) as error:
            return _refused(str(error))
        return web.json_response({"payments": [_payment(each) for each in paid]})

    async def _expire(self, request: web.Request) -> web.Response:
        try:
            venue, listing = read_listing(await request.read(), self._server.trading_venues, DATED)
        except TradeError as error:
            return _refused(str(error))
        ended = venue.exchange.expire(listing, venue.clock())
        return web.json_response({"deliveries": [_payment(each) for each in ended]})

    async def _list_accounts(self, request: web.Request) -> web.Response:
        venue = self._server.account_venues.get(request.query.get("venue", ""))
        if venue is None:
            return _refused(f"`venue` is one of {', '.join(self._server.account_venues)}.")
        return web.json_response({"accounts": venue.tallied()})

    async def _reset_accounts(self, request: web.Request) -> web.Response:
        venues = self._server.account_venues
        try:
            given = json.loads(await request.read() or b"{}")
        except ValueError:
            given = None
        if not isinstance(given, dict) or not set(given) <= {"venue"}:
            return _refused("The body has to be a JSON object with `venue`, or empty.")
        name = given.get("venue", "*")
        if name not in ("*", *venues):
            return _refused(f"No venue {name!r} takes orders: use one of {', '.join(venues)} or *.")
        chosen = [venue for venue in venues.values() if name in ("*", venue.name)]
        for venue in chosen:
            venue.reset_accounts()
        return web.json_response({"reset": [venue.name for venue in chosen]})

    async def _list_orders(self, request: web.Request) -> web.Response:
        venue = self._server.account_venues.get(request.query.get("venue", ""))
        if venue is None:
            return _refused(f"`venue` is one of {', '.join(self._server.account_venues)}.")
        return web.json_response({"orders": venue.placed()})

    async def _list_requests(self, request: web.Request) -> web.Response:
        return web.json_response(self._server.traffic.record(request.query.get("venue")))

    async def _reset_requests(self, _: web.Request) -> web.Response:
        self._server.traffic.reset()
        return web.json_response({})

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "pid": self._pid,
                "universe": self._universe,
                "venues": sorted(self._server.plan.venues),
                "up_s": round(time.monotonic() - self._started, 3),
                "idle_s": round(self._server.traffic.idle_s(), 3),
                "faults": len(self._server.plan.all()),
            }
        )

    async def _ask_to_stop(self, _: web.Request) -> web.Response:
        self._stop.set()
        return web.json_response({"stopping": True})


def _payment(each: FundingPayment) -> dict[str, object]:
    told = {"id": each.id, "owner": each.owner, "time_ms": each.time_ms, "currency": each.currency}
    return told | {"amount": f"{each.amount:f}", "rate": f"{each.rate:f}", "size": f"{each.size:f}"}


@web.middleware
async def _local_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse web pages: what a browser sends for one names an origin, or a host that is not this machine."""
    name = request.headers.get("Host", "").rpartition(":")[0]
    if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers or name not in _LOCAL_NAMES:
        return web.json_response({"error": "The control endpoint answers local programs only."}, status=403)
    return await handler(request)


def _refused(reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=400)
