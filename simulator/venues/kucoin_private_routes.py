"""KuCoin's signed endpoints: who answers them, what they weigh, and what the key has to be allowed.

Weights as of ccxt 4.5.90 (futures weigh half of ccxt's cost, which counts for both pools). `/api/v1/orders` of the
spot host, the older accounts' way, is answered as withdrawn.
"""

from collections.abc import Mapping
from typing import NamedTuple

from simulator.exchange.model import READ, TRADE
from simulator.venues import kucoin_accounts as accounts
from simulator.venues import kucoin_futures_history as futures_history
from simulator.venues import kucoin_futures_orders as futures
from simulator.venues import kucoin_spot_history as history
from simulator.venues import kucoin_spot_orders as spot
from simulator.venues import kucoin_stop_orders as stops
from simulator.venues import kucoin_wallet as wallet
from simulator.venues.kucoin_private import Call, Handler
from simulator.venues.kucoin_wire import KucoinError

POOLS = {"spot": 4_000, "futures": 2_000}


class PrivateRoute(NamedTuple):
    """A signed endpoint."""

    handler: Handler
    weight: int
    permission: str = READ


def withdrawn(_call: Call) -> object:
    """Answer for the endpoints of the accounts before the high-frequency one. Raises KucoinError 401000."""
    raise KucoinError("401000", "The interface has been deprecated, please use /api/v1/hf/orders")


_HF = "/api/v1/hf/orders"
_STOP = "/api/v1/stop-order"
_OLD = ("/api/v1/orders", "/api/v1/orders/{orderId}", "/api/v1/order/client-order/{clientOid}", "/api/v1/fills")

PRIVATE_ROUTES: Mapping[str, Mapping[tuple[str, str], PrivateRoute]] = {
    "spot": {
        ("GET", "/api/ua/v1/account/mode"): PrivateRoute(accounts.account_mode, 60),
        ("GET", "/api/v1/hf/accounts/opened"): PrivateRoute(accounts.hf_opened, 2),
        ("GET", "/api/v3/margin/symbols"): PrivateRoute(accounts.margin_symbols, 3),
        ("GET", "/api/v1/isolated/symbols"): PrivateRoute(accounts.isolated_symbols, 3),
        ("GET", "/api/v1/user/api-key"): PrivateRoute(accounts.api_key, 20),
        ("GET", "/api/v1/accounts"): PrivateRoute(accounts.accounts, 5),
        ("GET", "/api/v1/hf/accounts/ledgers"): PrivateRoute(wallet.ledger, 2),
        ("GET", "/api/v1/deposits"): PrivateRoute(wallet.deposits, 5),
        ("GET", "/api/v1/withdrawals"): PrivateRoute(wallet.withdrawals, 20),
        ("POST", _HF): PrivateRoute(spot.place, 1, TRADE),
        ("POST", f"{_HF}/sync"): PrivateRoute(spot.place_sync, 1, TRADE),
        ("POST", f"{_HF}/test"): PrivateRoute(spot.test, 1, TRADE),
        ("POST", f"{_HF}/alter"): PrivateRoute(spot.alter, 1, TRADE),
        ("POST", f"{_HF}/dead-cancel-all"): PrivateRoute(stops.set_switch, 2, TRADE),
        ("GET", f"{_HF}/dead-cancel-all/query"): PrivateRoute(stops.get_switch, 2),
        ("DELETE", _HF): PrivateRoute(spot.cancel_symbol, 2, TRADE),
        ("DELETE", f"{_HF}/cancelAll"): PrivateRoute(spot.cancel_all, 30, TRADE),
        ("DELETE", f"{_HF}/{{orderId}}"): PrivateRoute(spot.cancel, 1, TRADE),
        ("DELETE", f"{_HF}/sync/{{orderId}}"): PrivateRoute(spot.cancel_sync, 1, TRADE),
        ("DELETE", f"{_HF}/client-order/{{clientOid}}"): PrivateRoute(spot.cancel_by_client_id, 1, TRADE),
        ("DELETE", f"{_HF}/sync/client-order/{{clientOid}}"): PrivateRoute(spot.cancel_by_client_id_sync, 1, TRADE),
        ("GET", f"{_HF}/active"): PrivateRoute(spot.active, 2),
        ("GET", f"{_HF}/active/page"): PrivateRoute(spot.active_page, 2),
        ("GET", f"{_HF}/active/symbols"): PrivateRoute(spot.active_symbols, 2),
        ("GET", f"{_HF}/done"): PrivateRoute(history.done, 2),
        ("GET", "/api/v1/hf/fills"): PrivateRoute(history.fills, 2),
        ("GET", f"{_HF}/{{orderId}}"): PrivateRoute(spot.get, 2),
        ("GET", f"{_HF}/client-order/{{clientOid}}"): PrivateRoute(spot.get_by_client_id, 2),
        ("POST", _STOP): PrivateRoute(stops.place, 2, TRADE),
        ("GET", _STOP): PrivateRoute(stops.listed, 8),
        ("GET", f"{_STOP}/queryOrderByClientOid"): PrivateRoute(stops.get_by_client_id, 3),
        ("GET", f"{_STOP}/{{orderId}}"): PrivateRoute(stops.get, 3),
        ("DELETE", f"{_STOP}/cancelOrderByClientOid"): PrivateRoute(stops.cancel_by_client_id, 5, TRADE),
        ("DELETE", f"{_STOP}/cancel"): PrivateRoute(stops.cancel_many, 3, TRADE),
        ("DELETE", f"{_STOP}/{{orderId}}"): PrivateRoute(stops.cancel, 3, TRADE),
        **{(method, path): PrivateRoute(withdrawn, 2) for method in ("GET", "POST", "DELETE") for path in _OLD},
    },
    "futures": {
        ("GET", "/api/v1/account-overview"): PrivateRoute(accounts.account_overview, 5),
        ("GET", "/api/v1/positions"): PrivateRoute(accounts.positions, 2),
        ("GET", "/api/v1/position"): PrivateRoute(accounts.position, 2),
        ("GET", "/api/v2/position/getMarginMode"): PrivateRoute(accounts.get_margin_mode, 2),
        ("POST", "/api/v2/position/changeMarginMode"): PrivateRoute(accounts.set_margin_mode, 2, TRADE),
        ("GET", "/api/v2/getCrossUserLeverage"): PrivateRoute(accounts.get_cross_leverage, 2),
        ("POST", "/api/v2/changeCrossUserLeverage"): PrivateRoute(accounts.set_cross_leverage, 2, TRADE),
        ("GET", "/api/v2/position/getPositionMode"): PrivateRoute(accounts.position_mode, 2),
        ("POST", "/api/v2/position/switchPositionMode"): PrivateRoute(accounts.switch_position_mode, 2, TRADE),
        ("GET", "/api/v1/funding-history"): PrivateRoute(accounts.funding_history, 5),
        ("POST", "/api/v1/orders"): PrivateRoute(futures.place, 2, TRADE),
        ("POST", "/api/v1/orders/test"): PrivateRoute(futures.test, 2, TRADE),
        ("GET", "/api/v1/orders"): PrivateRoute(futures.listed, 2),
        ("GET", "/api/v1/orders/byClientOid"): PrivateRoute(futures.get_by_client_id, 5),
        ("GET", "/api/v1/orders/{orderId}"): PrivateRoute(futures.get, 5),
        ("GET", "/api/v1/stopOrders"): PrivateRoute(futures.listed_stops, 6),
        ("GET", "/api/v1/recentDoneOrders"): PrivateRoute(futures.recent_done, 5),
        ("GET", "/api/v1/fills"): PrivateRoute(futures_history.fills, 5),
        ("DELETE", "/api/v1/orders"): PrivateRoute(futures.cancel_all, 10, TRADE),
        ("DELETE", "/api/v3/orders"): PrivateRoute(futures.cancel_all, 10, TRADE),
        ("DELETE", "/api/v1/stopOrders"): PrivateRoute(futures.cancel_all_stops, 15, TRADE),
        ("DELETE", "/api/v1/orders/multi-cancel"): PrivateRoute(futures.cancel_these, 20, TRADE),
        ("DELETE", "/api/v1/orders/{orderId}"): PrivateRoute(futures.cancel, 1, TRADE),
        ("DELETE", "/api/v1/orders/client-order/{clientOid}"): PrivateRoute(futures.cancel_by_client_id, 1, TRADE),
    },
}
"""By port."""
