"""Bybit's account endpoints (v5): what a key may do, the unified wallet, positions, leverage."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from simulator.exchange.model import (
    BUY,
    TRADE,
    WITHDRAW,
    Balance,
    PositionState,
    Rejected,
)
from simulator.market.calendar import DAY_MS
from simulator.market.model import Listing, NotRecorded
from simulator.venues.bybit_market_data import BAD_PARAMETER, Refusal, invalid
from simulator.venues.bybit_order_shapes import plain, position_row
from simulator.venues.bybit_private import PrivateCall, refused
from simulator.venues.bybit_shapes import Row

WALLET = "UNIFIED"
_DOLLARS = ("USDT", "USDC", "USD")
_CREATED_MS = 1_735_689_600_000
_USER_IDS = {"main": 24_600_001, "other": 24_600_002}
_MOST_LEVERAGE = {"BTC": 100, "ETH": 100}

Answer = Callable[[PrivateCall], object]


def key_information(call: PrivateCall) -> object:
    """Tell what the key may do; options are not simulated, so no key may trade them."""
    may = call.account.permissions
    return {
        "id": str(16_651_472 + len(call.account.key)), "note": "simulated", "apiKey": call.account.key,
        "readOnly": 0 if TRADE in may else 1, "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"],
            "Wallet": ["AccountTransfer", "SubMemberTransfer", *(["Withdraw"] if WITHDRAW in may else [])],
            "Options": [], "Derivatives": ["DerivativesTrade"], "CopyTrading": [], "BlockTrade": [],
            "Exchange": ["ExchangeHistory"], "NFT": [], "Affiliate": [], "Earn": [],
        },
        "ips": ["*"], "type": 1, "deadlineDay": 88, "expiredAt": _instant(call.now_ms + 88 * DAY_MS),
        "createdAt": _instant(_CREATED_MS), "unified": 0, "uta": 1,
        "userID": _USER_IDS.get(call.account.owner, 24_600_009), "inviterID": 0, "vipLevel": "No VIP",
        "mktMakerLevel": "0", "affiliateID": 0, "rsaPublicKey": "", "isMaster": True, "parentUid": "0",
        "kycLevel": "LEVEL_1", "kycRegion": "",
    }  # fmt: skip


def account_information(_: PrivateCall) -> object:
    """Tell that it is a unified account (2.0 Pro) with cross margin."""
    return {
        "marginMode": "REGULAR_MARGIN", "updatedTime": str(_CREATED_MS), "unifiedMarginStatus": 6, "dcpStatus": "OFF",
        "timeWindow": 10, "smpGroup": 0, "isMasterTrader": False, "spotHedgingStatus": "OFF",
    }  # fmt: skip


def wallet(call: PrivateCall) -> object:
    """Answer the unified wallet: coins that are not zero, or those that are named."""
    if call.params.get("accountType") != WALLET:
        raise Refusal(BAD_PARAMETER, "accountType only support UNIFIED.")
    balances = call.exchange.balances(call.account, WALLET, call.now_ms)
    named = [coin for coin in call.params.get("coin", "").split(",") if coin]
    positions = _held(call)
    in_spot = _held_by_spot(call)
    rows, equity, total, margin = [], Decimal(0), Decimal(0), Decimal(0)
    for coin in named or [coin for coin, balance in balances.items() if balance.total]:
        balance = balances.get(coin) or Balance(Decimal(0), Decimal(0))
        own = [position for position in positions if _listing(call, position).settle == coin]
        gains = sum((call.exchange.unrealized(position, call.now_ms) for position in own), Decimal(0))
        in_positions = sum((call.exchange.margin(position, call.now_ms) for position in own), Decimal(0))
        locked = min(in_spot.get(coin, Decimal(0)), balance.locked)
        in_orders = max(Decimal(0), balance.locked - locked - in_positions)
        worth = _dollars(call, coin)
        equity += (balance.total + gains) * worth
        total += balance.total * worth
        margin += (in_positions + in_orders) * worth
        rows.append(_coin(coin, balance, locked, in_orders, in_positions, gains, worth))
    figures = {"totalEquity": equity, "totalWalletBalance": total, "totalMarginBalance": equity,
               "totalAvailableBalance": equity - margin, "totalPerpUPL": equity - total,
               "totalInitialMargin": margin, "totalMaintenanceMargin": margin / 10}  # fmt: skip
    row = {name: plain(round(number, 8)) for name, number in figures.items()}
    rates = {"accountIMRate": "0", "accountMMRate": "0", "accountLTV": "0"}
    return {"list": [{"accountType": WALLET, **row, **rates, "coin": rows}]}


def _coin(
    coin: str, balance: Balance, locked: Decimal, orders: Decimal, positions: Decimal, gains: Decimal, worth: Decimal
) -> Row:
    return {
        "coin": coin, "equity": plain(round(balance.total + gains, 8)), "walletBalance": plain(balance.total),
        "usdValue": plain(round((balance.total + gains) * worth, 8)), "locked": plain(locked),
        "totalOrderIM": plain(round(orders, 8)), "totalPositionIM": plain(round(positions, 8)),
        "totalPositionMM": plain(round(positions / 10, 8)), "unrealisedPnl": plain(round(gains, 8)),
        "availableToWithdraw": "", "availableToBorrow": "", "borrowAmount": "0", "accruedInterest": "0",
        "bonus": "0", "cumRealisedPnl": "0", "spotHedgingQty": "0", "spotBorrow": "0", "marginCollateral": True,
        "collateralSwitch": True,
    }  # fmt: skip


def _held_by_spot(call: PrivateCall) -> dict[str, Decimal]:
    """Add up what open spot orders hold, by coin; the rest of what is locked belongs to contracts."""
    held: dict[str, Decimal] = {}
    for order in call.known(call.exchange.orders(call.account, call.now_ms, live=True, product="spot")):
        listing = call.listings["spot"][order.native_id]
        price = order.price or (order.trigger.price if order.trigger else Decimal(0))
        coin, part = (listing.quote, order.left * price) if order.side == BUY else (listing.base, order.left)
        held[coin] = held.get(coin, Decimal(0)) + part
    return held


def _dollars(call: PrivateCall, coin: str) -> Decimal:
    """Return what a coin is worth, 0 where no market tells."""
    if coin in _DOLLARS:
        return Decimal(1)
    listing = call.listings["spot"].get(coin + "USDT")
    try:
        return Decimal(call.market.index_price(listing, call.now_ms)) if listing else Decimal(0)
    except NotRecorded:
        return Decimal(0)


def positions(call: PrivateCall) -> object:
    """List positions: of a symbol also an empty one, else of a settle coin (linear) or of all (inverse)."""
    category = call.category
    if category not in ("linear", "inverse"):
        return {"list": [], "nextPageCursor": "", "category": category}
    held = _held(call, category)
    if call.params.get("symbol"):
        listing = call.listing()
        own = next((position for position in held if position.native_id == listing.native_id), None)
        rows, cursor = [_position(call, listing, own)], ""
        return {"list": rows, "nextPageCursor": cursor, "category": category}
    coin, base = call.params.get("settleCoin"), call.params.get("baseCoin")
    if category == "linear" and not (coin or base):
        raise Refusal(BAD_PARAMETER, "Missing some parameters that must be filled in, symbol or settleCoin")
    found = [
        position
        for position in held
        if (not coin or _listing(call, position).settle == coin) and (not base or _listing(call, position).base == base)
    ]
    places = {position.native_id: place for place, position in enumerate(found)}
    page, cursor = call.page(found, lambda position: (position.updated_ms, places[position.native_id], 0), 20, 200)
    rows = [_position(call, _listing(call, position), position) for position in page]
    return {"list": rows, "nextPageCursor": cursor, "category": category}


def _held(call: PrivateCall, product: str | None = None) -> list[PositionState]:
    """List positions in what is still listed."""
    found = call.exchange.positions(call.account, call.now_ms, product=product)
    return [position for position in found if position.native_id in call.listings[position.product]]


def _listing(call: PrivateCall, position: PositionState) -> Listing:
    return call.listings[position.product][position.native_id]


def _position(call: PrivateCall, listing: Listing, position: PositionState | None) -> Row:
    exchange, mark = call.exchange, call.exchange.mark_price(listing, call.now_ms)
    gains = margin = Decimal(0)
    liquidation, costs = None, Decimal(0)
    if position is not None:
        costs = _costs(call, position)
        gains, margin = exchange.unrealized(position, call.now_ms), exchange.margin(position, call.now_ms)
        liquidation = exchange.liquidation_price(position)
    leverage = exchange.leverage(call.account, listing)
    return position_row(position, listing, leverage, mark, gains, margin, liquidation, costs)


def _costs(call: PrivateCall, position: PositionState) -> Decimal:
    """Add up what fees and funding have cost since a position was opened."""
    product, name, since_ms = position.product, position.native_id, position.opened_ms
    trades = call.exchange.fills(call.account, call.now_ms, product=product, native_id=name, since_ms=since_ms)
    paid = call.exchange.funding_payments(call.account, call.now_ms, product=product, native_id=name, since_ms=since_ms)
    return sum((fill.fee for fill in trades), Decimal(0)) - sum((each.amount for each in paid), Decimal(0))


def set_leverage(call: PrivateCall) -> object:
    """Set the leverage of both sides, which are one in this position mode."""
    call.must_trade()
    listing = call.contract()
    try:
        buy, sell = (Decimal(call.params.get(name, "")) for name in ("buyLeverage", "sellLeverage"))
    except InvalidOperation:
        raise invalid("leverage") from None
    if buy != sell or buy != buy.to_integral_value():
        raise Refusal(BAD_PARAMETER, "buy leverage not equal sell leverage")
    if not 1 <= buy <= _MOST_LEVERAGE.get(listing.base, 50):
        raise Refusal(110013, "cannot set leverage due to risk limit level.")
    if call.exchange.leverage(call.account, listing) == buy:
        raise Refusal(110043, "leverage not modified")
    try:
        call.exchange.set_leverage(call.account, listing, int(buy))
    except Rejected as rejected:
        raise refused(rejected, call.category) from None
    return {}


def protect_disconnected(call: PrivateCall) -> object:
    """Take the time window of the protection against a lost private WebSocket; it is no timer over REST."""
    call.must_trade()
    if not 3 <= call.number("timeWindow", 0) <= 300:
        raise invalid("timeWindow")
    return {}


def fee_rates(call: PrivateCall) -> object:
    """Tell maker and taker fees."""
    wanted = [call.listing()] if call.params.get("symbol") else [*call.listings[call.category].values()]
    return {
        "category": call.category,
        "list": [
            {"symbol": i.native_id, "baseCoin": i.base, "takerFeeRate": i.taker_fee, "makerFeeRate": i.maker_fee}
            for i in wanted
        ],
    }


def no_coins(_: PrivateCall) -> object:
    """Describe no coin: no chain is simulated."""
    return {"rows": []}


def funding_wallet(call: PrivateCall) -> object:
    """Answer the funding wallet: empty."""
    member = str(_USER_IDS.get(call.account.owner, 24_600_009))
    return {"memberId": member, "accountType": call.params.get("accountType", "FUND"), "balance": []}


def _instant(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


ACCOUNT: dict[tuple[str, str], Answer] = {
    ("GET", "/v5/user/query-api"): key_information,
    ("GET", "/v5/account/info"): account_information,
    ("GET", "/v5/account/wallet-balance"): wallet,
    ("GET", "/v5/account/fee-rate"): fee_rates,
    ("GET", "/v5/position/list"): positions,
    ("POST", "/v5/position/set-leverage"): set_leverage,
    ("POST", "/v5/order/disconnected-cancel-all"): protect_disconnected,
    ("GET", "/v5/asset/coin/query-info"): no_coins,
    ("GET", "/v5/asset/transfer/query-account-coins-balance"): funding_wallet,
}
