"""OKX's signed endpoints: which there are, what a key must be allowed for them, and how often they may be called.

Limits: okx.com/docs-v5, per endpoint; "Overview, Rate Limits, Sub-account rate limit" for the count of orders (50061).
"""

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from simulator.exchange.model import READ, TRADE, Account
from simulator.limits import Windows
from simulator.venue import SimReply, SimRequest, SimVenue, json_reply
from simulator.venues import okx_account, okx_algos, okx_history, okx_order_lists, okx_orders
from simulator.venues.okx_auth import may, signer
from simulator.venues.okx_orders import Call
from simulator.venues.okx_wire import OkxError, Row


class Signed(NamedTuple):
    """A signed endpoint: its limit is per user, and where `per_instrument` per user and instrument.

    A batch counts its orders against `batch`; a batch of one counts as the single call `counts_as`.
    """

    handler: Callable[[Call], list[Row]]
    limit: int
    window_s: float = 2.0
    permission: str = READ
    per_instrument: bool = False
    items: bool = False
    counts_as: str = ""


def _order(handler: Callable[[Call], list[Row]], limit: int, counts_as: str = "") -> Signed:
    return Signed(handler, limit, permission=TRADE, per_instrument=True, items=True, counts_as=counts_as)


SIGNED: Mapping[tuple[str, str], Signed] = {
    ("POST", "/api/v5/trade/order"): _order(okx_orders.place, 60),
    ("POST", "/api/v5/trade/batch-orders"): _order(okx_orders.place_several, 300, "/api/v5/trade/order"),
    ("POST", "/api/v5/trade/cancel-order"): _order(okx_orders.cancel, 60),
    ("POST", "/api/v5/trade/cancel-batch-orders"): _order(okx_orders.cancel_several, 300, "/api/v5/trade/cancel-order"),
    ("POST", "/api/v5/trade/amend-order"): _order(okx_orders.amend, 60),
    ("POST", "/api/v5/trade/amend-batch-orders"): _order(okx_orders.amend_several, 300, "/api/v5/trade/amend-order"),
    ("POST", "/api/v5/trade/order-algo"): _order(okx_algos.place, 20),
    ("POST", "/api/v5/trade/cancel-algos"): _order(okx_algos.cancel, 20),
    ("POST", "/api/v5/trade/amend-algos"): _order(okx_algos.amend, 20),
    ("POST", "/api/v5/trade/cancel-all-after"): Signed(okx_orders.cancel_all_after, 1, 1.0, TRADE),
    ("GET", "/api/v5/trade/order"): Signed(okx_order_lists.one, 60, per_instrument=True),
    ("GET", "/api/v5/trade/orders-pending"): Signed(okx_order_lists.pending, 60),
    ("GET", "/api/v5/trade/orders-history"): Signed(okx_order_lists.history, 40),
    ("GET", "/api/v5/trade/orders-history-archive"): Signed(okx_order_lists.history_archive, 20),
    ("GET", "/api/v5/trade/order-algo"): Signed(okx_algos.one, 20),
    ("GET", "/api/v5/trade/orders-algo-pending"): Signed(okx_algos.pending, 20),
    ("GET", "/api/v5/trade/orders-algo-history"): Signed(okx_algos.history, 20),
    ("GET", "/api/v5/trade/fills"): Signed(okx_history.fills, 60),
    ("GET", "/api/v5/trade/fills-history"): Signed(okx_history.fills_history, 10),
    ("GET", "/api/v5/account/balance"): Signed(okx_account.balance, 10),
    ("GET", "/api/v5/account/positions"): Signed(okx_account.positions, 10),
    ("GET", "/api/v5/account/config"): Signed(okx_account.config, 5),
    ("POST", "/api/v5/account/set-position-mode"): Signed(okx_account.set_position_mode, 5, permission=TRADE),
    ("GET", "/api/v5/account/leverage-info"): Signed(okx_account.leverage_info, 20),
    ("POST", "/api/v5/account/set-leverage"): Signed(okx_account.set_leverage, 20, permission=TRADE),
    ("GET", "/api/v5/account/trade-fee"): Signed(okx_account.trade_fee, 5),
    ("GET", "/api/v5/account/bills"): Signed(okx_history.bills, 5, 1.0),
    ("GET", "/api/v5/account/bills-archive"): Signed(okx_history.bills_archive, 5),
    ("GET", "/api/v5/asset/currencies"): Signed(okx_account.nothing, 6, 1.0),
    ("GET", "/api/v5/asset/balances"): Signed(okx_account.nothing, 6, 1.0),
    ("GET", "/api/v5/asset/deposit-history"): Signed(okx_history.deposits, 6, 1.0),
    ("GET", "/api/v5/asset/withdrawal-history"): Signed(okx_history.withdrawals, 6, 1.0),
}

TOO_MANY = b'{"msg":"Too Many Requests","code":"50011"}'
_ORDERS_PER_USER = 1_000
_ORDERS_WINDOW_S = 2.0
_DONE = {"0": "", "1": "All operations failed", "2": "Bulk operation partially succeeded"}


def answer(venue: SimVenue, request: SimRequest, route: Signed, windows: Windows) -> SimReply:
    """Answer a signed request. Raises OkxError where all of it is refused."""
    account = signer(venue, request)
    may(account, route.permission)
    if not _within_limits(request, route, account, windows):
        return SimReply(TOO_MANY, 429)

    def count_order() -> None:
        if not windows.take(f"orders {account.owner}", _ORDERS_PER_USER, _ORDERS_WINDOW_S).admitted:
            raise OkxError("50061", "You've reached the maximum order rate limit for this account.")

    rows = route.handler(Call(venue, account, request, count_order))
    if not route.items:
        return json_reply({"code": "0", "data": rows, "msg": ""})
    failed = sum(row["sCode"] != "0" for row in rows)
    code = "0" if not failed else "1" if failed == len(rows) else "2"
    stamp = str(request.now_ms * 1000)
    return json_reply({"code": code, "data": rows, "inTime": stamp, "msg": _DONE[code], "outTime": stamp})


def _within_limits(request: SimRequest, route: Signed, account: Account, windows: Windows) -> bool:
    names = [""] if not route.per_instrument else _instruments(request)
    alone = len(names) == 1 and bool(route.counts_as)
    path = route.counts_as if alone else request.path
    limit = 60 if alone else route.limit
    return all(
        windows.take(f"{request.method} {path} {account.owner} {name}", limit, route.window_s).admitted
        for name in names
    )


def _instruments(request: SimRequest) -> list[str]:
    """Name the instrument of each order in a request; what cannot be read is refused later."""
    if request.method == "GET":
        return [request.query.get("instId", "")]
    try:
        body = json.loads(request.body)
    except ValueError:
        return [""]
    found = body if isinstance(body, list) else [body]
    return [str(item.get("instId", "")) for item in found if isinstance(item, dict)] or [""]
