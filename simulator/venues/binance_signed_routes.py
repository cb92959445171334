"""Binance's signed endpoints: who answers each, what it weighs, what the key must be allowed, how many orders it is.

Sources of weights: developers.binance.com/docs, and the docstrings of the official SDKs.
"""

from collections.abc import Callable
from typing import NamedTuple

from simulator.exchange.model import READ, TRADE
from simulator.limits import Taken, Windows
from simulator.venues import binance_accounts as accounts
from simulator.venues import binance_algo_orders as algo
from simulator.venues import binance_contract_orders as contracts
from simulator.venues import binance_spot_orders as spot
from simulator.venues import binance_wallet as wallet
from simulator.venues.binance_call import Call, Refusal
from simulator.venues.binance_income import income
from simulator.venues.binance_signed import SignedCall

Weight = int | Callable[[Call], int]
_SIGNED = frozenset(("timestamp", "recvWindow", "signature"))


class SignedRoute(NamedTuple):
    """An endpoint: its answer, weight, parameters (contracts ignore others), permission and count of orders.

    `orders` counts against the short window; where `long` is less, so much against the long one.
    """

    answer: Callable[[SignedCall], object]
    weight: Weight
    params: frozenset[str]
    permission: str
    orders: int
    long: int


ORDER_LIMITS = {
    "spot": (("10S", 100, 10.0, "10 SECOND"), ("1D", 200_000, 86_400.0, "1 DAY")),
    "linear": (("10S", 300, 10.0, "10 SECOND"), ("1M", 1200, 60.0, "1 MINUTE")),
}
"""Orders an account may place: the header's ending, how many, in how many seconds, and the venue's words for that."""


def count_orders(windows: Windows, owner: str, section: str, route: SignedRoute) -> dict[str, str]:
    """Count what a route places and return the headers that say so. Raises Refusal (-1015) where it is too many."""
    headers = {}
    for (ending, limit, seconds, words), weight in zip(ORDER_LIMITS[section], (route.orders, route.long), strict=True):
        taken: Taken = windows.take(f"{owner} {section} {ending}", limit, seconds, weight)
        if not taken.admitted:
            text = f"Too many new orders; current limit is {limit} orders per {words}."
            raise Refusal(-1015, text, 429)
        headers[f"x-mbx-order-count-{ending.lower()}"] = str(taken.limit - taken.left)
    return headers


def order_counts(section: str) -> Callable[[SignedCall], object]:
    """Answer the limits of orders (spot would add the count, which its headers say)."""
    rows = [
        {"rateLimitType": "ORDERS", "interval": words.split()[1], "intervalNum": int(words.split()[0]), "limit": limit}
        for _, limit, _, words in ORDER_LIMITS[section]
    ]
    return lambda _: [row | {"count": 0} for row in rows] if section == "spot" else rows


def _with_or_without(name: str, one: int, all_of_them: int) -> Callable[[Call], int]:
    return lambda call: one if name in call.params else all_of_them


def _nothing(_: SignedCall) -> object:
    """Answer an account that has none of this."""
    return []


_NEW = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType stopPrice "
    "trailingDelta icebergQty newOrderRespType selfTradePreventionMode pegPriceType pegOffsetValue pegOffsetType"
)
_IDS = "symbol orderId origClientOrderId"
_REPLACE = (
    f"{_NEW} cancelReplaceMode cancelNewClientOrderId cancelOrigClientOrderId cancelOrderId cancelRestrictions "
    "orderRateLimitExceededMode"
)
_Entry = tuple[Callable[[SignedCall], object], Weight, str, str, int, int]


def _read(answer: Callable[[SignedCall], object], weight: Weight, params: str = "") -> _Entry:
    return (answer, weight, params, READ, 0, 0)


def _trade(
    answer: Callable[[SignedCall], object], weight: Weight, params: str = "", orders: int = 0, long: int = -1
) -> _Entry:
    return (answer, weight, params, TRADE, orders, orders if long < 0 else long)


_SPOT: dict[str, _Entry] = {
    "POST order": _trade(spot.new_order, 1, _NEW, 1),
    "POST order/test": _trade(spot.new_order_test, 1, f"{_NEW} computeCommissionRates"),
    "POST order/cancelReplace": _trade(spot.cancel_replace, 1, _REPLACE, 1),
    "PUT order/amend/keepPriority": _trade(spot.amend, 4, f"{_IDS} newClientOrderId newQty"),
    "GET order": _read(spot.order, 4, _IDS),
    "DELETE order": _trade(spot.cancel, 1, f"{_IDS} newClientOrderId cancelRestrictions"),
    "GET openOrders": _read(spot.open_orders, _with_or_without("symbol", 6, 80), "symbol"),
    "DELETE openOrders": _trade(spot.cancel_open, 1, "symbol"),
    "GET allOrders": _read(spot.all_orders, 20, "symbol orderId startTime endTime limit"),
    "GET myTrades": _read(
        spot.my_trades, _with_or_without("orderId", 5, 20), "symbol orderId startTime endTime fromId limit"
    ),
    "GET account": _read(accounts.spot_account, 20, "omitZeroBalances"),
    "GET rateLimit/order": _read(order_counts("spot"), 40),
}

_WALLET: dict[str, _Entry] = {
    "GET account/apiRestrictions": _read(accounts.restrictions, 1),
    "GET bnbBurn": _read(wallet.spot_burn, 1),
    "POST bnbBurn": _read(wallet.set_spot_burn, 1, "spotBNBBurn interestBNBBurn"),
    "GET capital/deposit/hisrec": _read(wallet.deposits, 1),
    "GET capital/withdraw/history": _read(wallet.withdrawals, 1),
    "GET asset/tradeFee": _read(accounts.trade_fees, 1, "symbol"),
    "GET capital/config/getall": _read(_nothing, 10),
    "GET margin/allPairs": _read(_nothing, 1, "symbol"),
    "GET margin/isolated/allPairs": _read(_nothing, 10, "symbol"),
}
"""What a client with keys asks before its first order is answered with empty lists."""

_LINEAR: dict[str, _Entry] = {
    "POST order": _trade(contracts.new_order, 0, orders=1),
    "POST order/test": _trade(contracts.new_order_test, 0),
    "PUT order": _trade(contracts.modify, 0, orders=1),
    "GET order": _read(contracts.order, 1),
    "GET openOrder": _read(contracts.open_order, 1),
    "DELETE order": _trade(contracts.cancel, 1),
    "POST batchOrders": _trade(contracts.new_orders, 5, orders=5, long=1),
    "DELETE batchOrders": _trade(contracts.cancel_orders, 1),
    "DELETE allOpenOrders": _trade(contracts.cancel_all, 1),
    "POST countdownCancelAll": _trade(contracts.countdown_cancel_all, 10),
    "GET openOrders": _read(contracts.open_orders, _with_or_without("symbol", 1, 40)),
    "GET allOrders": _read(contracts.all_orders, 5),
    "GET userTrades": _read(contracts.user_trades, 5),
    "POST algoOrder": _trade(algo.new_order, 0, orders=1),
    "GET algoOrder": _read(algo.order, 1),
    "DELETE algoOrder": _trade(algo.cancel, 1),
    "GET openAlgoOrders": _read(algo.open_orders, _with_or_without("symbol", 1, 40)),
    "GET allAlgoOrders": _read(algo.all_orders, 5),
    "DELETE algoOpenOrders": _trade(algo.cancel_all, 1),
    "GET income": _read(income, 30),
    "GET feeBurn": _read(wallet.futures_burn, 30),
    "POST feeBurn": _trade(wallet.set_futures_burn, 1),
    "GET leverageBracket": _read(accounts.leverage_brackets, 1),
    "POST leverage": _trade(accounts.set_leverage, 1),
    "POST marginType": _trade(accounts.set_margin_type, 1),
    "GET positionSide/dual": _read(accounts.position_mode, 30),
    "POST positionSide/dual": _trade(accounts.set_position_mode, 1),
    "GET multiAssetsMargin": _read(accounts.assets_mode, 30),
    "GET accountConfig": _read(accounts.account_config, 5),
    "GET symbolConfig": _read(accounts.symbol_config, 5),
    "GET commissionRate": _read(accounts.commission_rate, 20),
    "GET rateLimit/order": _read(order_counts("linear"), 1),
}

_LINEAR_LATER: dict[str, _Entry] = {
    "GET account": _read(accounts.contract_account, 5),
    "GET balance": _read(accounts.contract_balances, 5),
}


def _routes(prefix: str, table: dict[str, _Entry]) -> dict[tuple[str, str], SignedRoute]:
    found = {}
    for name, (answer, weight, params, permission, orders, long) in table.items():
        method, _, path = name.partition(" ")
        known = frozenset(params.split()) | _SIGNED
        found[method, prefix + path] = SignedRoute(answer, weight, known, permission, orders, long)
    return found


SIGNED_ROUTES: dict[tuple[str, str], SignedRoute] = {
    **_routes("/api/v3/", _SPOT),
    **_routes("/sapi/v1/", _WALLET),
    **_routes("/fapi/v1/", _LINEAR),
    **_routes("/fapi/v2/", {**_LINEAR_LATER, "GET positionRisk": _read(accounts.position_risk_v2, 5)}),
    **_routes("/fapi/v3/", {**_LINEAR_LATER, "GET positionRisk": _read(accounts.position_risk, 5)}),
}
