"""KuCoin's balances, positions, margin modes, funding payments, and what a key may do.

Source: docs.kucoin.com, Account Info and Futures Trading. Futures balances are asked for one currency at a time;
Bitcoin is XBT there. Margin modes and cross leverages are kept as long as the simulator runs.
"""

from decimal import Decimal

from simulator.exchange.model import TRADE, WITHDRAW, ExchangeRules, FeeCoin, FundingPayment, PositionState
from simulator.market.model import Listing
from simulator.venues.kucoin_contracts import LEVERAGE, USUAL_LEVERAGE
from simulator.venues.kucoin_futures_orders import CROSS, FUTURES, ISOLATED, margin_mode
from simulator.venues.kucoin_futures_rows import flat_row, position_row, value_of
from simulator.venues.kucoin_private import (
    FUTURES_REFUSALS,
    Call,
    Settings,
    amount,
    asked,
    count,
    flag,
    text,
)
from simulator.venues.kucoin_spot_rows import order_id
from simulator.venues.kucoin_wire import KucoinError, Row, exact, futures_code, number, plain

TRADE_ACCOUNT, TRADE_HF, CONTRACT = "trade", "trade_hf", "contract"
TYPES = ("main", TRADE_ACCOUNT, TRADE_HF, "margin", "isolated", "option")
_USUAL = {"USDT": "1000000", "USDC": "1000000", "BTC": "100", "ETH": "1000"}
UID = 165_111_215

RULES = ExchangeRules(
    wallet=lambda listing: TRADE_HF if listing.product == "spot" else CONTRACT,
    deposits={
        TRADE_HF: {**_USUAL, "SOL": "10000", "KCS": "1000", "XRP": "100000"},
        CONTRACT: {**_USUAL, "XRP": "100000", "DOT": "10000"},  # each settles a contract
    },
    order_id=order_id,
    client_ids="ever",
    fee_in_quote=True,
    fee_coins={("kcs", "spot"): FeeCoin("KCS", Decimal("0.8"))},
    leverage=1,
    leftover="cancelled",
)
"""Spot fees are taken in the quote currency; a client id is never free again. Paying fees in KCS (20 % off) is switched
on by hand at KuCoin: it is for one of the owners here.
"""


def account_mode(_call: Call) -> Row:
    """Say that the account is not a unified one."""
    return {"selfAccountMode": "CLASSIC"}


def hf_opened(_call: Call) -> bool:
    """Say that the high-frequency account is open."""
    return True


def margin_symbols(call: Call) -> Row:
    """List the pairs of cross margin: none here."""
    return {"timestamp": call.now_ms, "items": []}


def isolated_symbols(_call: Call) -> list[Row]:
    """List the pairs of isolated margin: none here."""
    return []


def api_key(call: Call) -> Row:
    """Say what the key may do; `Transfer` is to withdraw."""
    account = call.account
    named = ["General"] + ["Spot", "Futures"] * (TRADE in account.permissions)
    return {
        "remark": "crossbook",
        "apiKey": account.key,
        "apiVersion": 3,
        "permission": ",".join(named + ["Transfer"] * (WITHDRAW in account.permissions)),
        "createdAt": 1_729_176_273_859,
        "uid": UID,
        "isMaster": True,
    }


def accounts(call: Call) -> list[Row]:
    """List the spot balances, of one `type` or `currency` if asked.

    All money is in the trading account, which is called `trade`, and `trade_hf` where it is asked for by that name.
    """
    kind = text(call.given, "type", TYPES, TRADE_ACCOUNT)
    wanted = call.given.get("currency")
    if kind not in (TRADE_ACCOUNT, TRADE_HF):
        return []
    found = call.exchange.balances(call.account, TRADE_HF, call.now_ms)
    return [
        {
            "id": str(548_674_591_000 + place),
            "currency": currency,
            "type": kind,
            "balance": plain(balance.total),
            "available": plain(balance.free),
            "holds": plain(balance.locked),
        }
        for place, (currency, balance) in enumerate(found.items())
        if wanted in (None, "", currency)
    ]


def account_overview(call: Call) -> Row:
    """Serve the futures balance of one currency (`XBT` unless another is asked for)."""
    code = text(call.given, "currency", (), "XBT")
    currency = "BTC" if code == "XBT" else code
    balance = call.exchange.balances(call.account, CONTRACT, call.now_ms).get(currency)
    total, locked = (balance.total, balance.locked) if balance else (Decimal(0), Decimal(0))
    held = [p for p, listing in _positions(call) if listing.settle == currency]
    unrealized = sum((call.exchange.unrealized(p, call.now_ms) for p in held), Decimal(0))
    margin = sum((call.exchange.margin(p, call.now_ms) for p in held), Decimal(0))
    return {
        "accountEquity": exact(total + unrealized),
        "unrealisedPNL": exact(unrealized),
        "marginBalance": exact(total),
        "positionMargin": exact(margin),
        "orderMargin": exact(locked - margin),
        "frozenFunds": 0.0,
        "availableBalance": exact(total - locked),
        "currency": code,
        "riskRatio": 0.0,
        "maxWithdrawAmount": exact(total - locked),
    }


def _positions(call: Call) -> list[tuple[PositionState, Listing]]:
    found = call.exchange.positions(call.account, call.now_ms, product=FUTURES)
    return [(p, call.venue.by_id[(FUTURES, p.native_id)]) for p in found if (FUTURES, p.native_id) in call.venue.by_id]


def _position_row(call: Call, position: PositionState, listing: Listing) -> Row:
    return position_row(
        position,
        listing,
        margin_mode(call, listing.native_id),
        call.exchange.mark_price(listing, call.now_ms),
        call.exchange.unrealized(position, call.now_ms),
        call.exchange.liquidation_price(position),
        call.now_ms,
    )


def positions(call: Call) -> list[Row]:
    """List open positions, of one settle `currency` if asked."""
    wanted = call.given.get("currency")
    return [
        _position_row(call, position, listing)
        for position, listing in _positions(call)
        if wanted in (None, "", futures_code(listing.settle))
    ]


def position(call: Call) -> Row:
    """Serve the position of one contract, flat or not."""
    listing = call.listing(FUTURES)
    for held, found in _positions(call):
        if found.native_id == listing.native_id:
            return _position_row(call, held, listing)
    mark = call.exchange.mark_price(listing, call.now_ms)
    return flat_row(listing, margin_mode(call, listing.native_id), mark, call.now_ms)


def get_margin_mode(call: Call) -> Row:
    """Serve the margin mode of one contract."""
    symbol = call.listing(FUTURES).native_id
    return {"symbol": symbol, "marginMode": margin_mode(call, symbol)}


def set_margin_mode(call: Call) -> Row:
    """Set the margin mode of one contract; not while it has orders or a position."""
    listing = call.listing(FUTURES)
    mode = text(call.given, "marginMode", (ISOLATED, CROSS))
    busy = call.exchange.orders(
        call.account, call.now_ms, live=True, product=FUTURES, native_id=listing.native_id
    ) or any(found.native_id == listing.native_id for _, found in _positions(call))
    if busy:
        raise KucoinError("50002", "exist.order.or.position")
    place = (call.account.owner, listing.native_id)
    call.settings.margin_modes[place] = mode
    if mode == CROSS:
        call.exchange.set_leverage(call.account, listing, _cross_leverage(call.settings, place))
    return {"symbol": listing.native_id, "marginMode": mode}


def _cross_leverage(settings: Settings, place: tuple[str, str]) -> int:
    return settings.cross_leverages.get(place, 10)


def get_cross_leverage(call: Call) -> Row:
    """Serve the leverage that cross margin uses in one contract."""
    symbol = call.listing(FUTURES).native_id
    return {"symbol": symbol, "leverage": str(_cross_leverage(call.settings, (call.account.owner, symbol)))}


def set_cross_leverage(call: Call) -> bool:
    """Set the leverage that cross margin uses in one contract."""
    listing = call.listing(FUTURES)
    leverage = amount(call.given, "leverage")
    most = LEVERAGE.get(listing.base, USUAL_LEVERAGE)
    if leverage is None or leverage != leverage.to_integral_value() or leverage > most:
        raise KucoinError("300016", f"The leverage cannot be greater than {most}.")
    wanted = int(leverage)
    if margin_mode(call, listing.native_id) == CROSS:
        asked(lambda: call.exchange.set_leverage(call.account, listing, wanted), FUTURES_REFUSALS, listing)
    call.settings.cross_leverages[(call.account.owner, listing.native_id)] = wanted
    return True


def position_mode(_call: Call) -> Row:
    """Say that positions are one-way."""
    return {"positionMode": 0}


def switch_position_mode(call: Call) -> Row:
    """Set one-way positions; others are not simulated."""
    if str(call.given.get("positionMode")) != "0":
        raise KucoinError("400100", "positionMode: hedge mode is not simulated")
    return {"positionMode": 0}


def funding_history(call: Call) -> Row:
    """List funding paid and received in one contract, newest first, at most `maxCount` (10) from `offset` back."""
    listing, given = call.listing(FUTURES), call.given
    found = call.exchange.funding_payments(call.account, call.now_ms, product=FUTURES, native_id=listing.native_id)
    start_ms, end_ms = (int(str(given.get(name) or 0)) for name in ("startAt", "endAt"))
    offset, most = int(str(given.get("offset") or 0)), count(given, "maxCount", 10, 100)
    rows = [
        _payment_row(call, listing, payment)
        for payment in (found if flag(given, "reverse") else reversed(found))
        if payment.time_ms >= start_ms and (not end_ms or payment.time_ms <= end_ms)
    ]
    rest = [row for row in rows if not offset or int(str(row["id"])) < offset]
    return {"dataList": rest[:most], "hasMore": len(rest) > most}


_FIRST_PAYMENT = 1_472_387_000_000_000


def _payment_row(call: Call, listing: Listing, payment: FundingPayment) -> Row:
    mark = Decimal(call.venue.market.mark_price(listing, payment.time_ms))
    mode = margin_mode(call, listing.native_id)
    return {
        "id": _FIRST_PAYMENT + payment.number,
        "symbol": listing.native_id,
        "timePoint": payment.time_ms,
        "fundingRate": number(payment.rate),
        "markPrice": number(mark),
        "positionQty": number(payment.size),
        "positionCost": number(value_of(listing, payment.size, mark)),
        "funding": exact(payment.amount),
        "settleCurrency": futures_code(payment.currency),
        "context": f'{{"marginMode": "{mode}", "positionSide": "BOTH"}}',
        "marginMode": mode,
    }
