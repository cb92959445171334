"""What Binance says about an account: balances, permissions of its key, positions, leverage, and its income.

Source: developers.binance.com/docs (spot "Account endpoints", wallet "Account", USDⓈ-M "Account" and "Trade").
"""

from decimal import Decimal
from typing import NamedTuple

from simulator.amounts import decimals
from simulator.exchange.model import TRADE, WITHDRAW, Balance, PositionState, Rejected
from simulator.venues.binance_call import Refusal
from simulator.venues.binance_order_shapes import written
from simulator.venues.binance_refusals import refused
from simulator.venues.binance_signed import Row, SignedCall

_MADE_MS = 1_700_000_000_000
_BRACKETS = (
    (1, 125, 0, 300_000, "0.004", "0"),
    (2, 100, 300_000, 800_000, "0.005", "300"),
    (3, 75, 800_000, 3_000_000, "0.0065", "1500"),
    (4, 50, 3_000_000, 12_000_000, "0.01", "12000"),
    (5, 20, 12_000_000, 70_000_000, "0.02", "132000"),
    (6, 10, 70_000_000, 100_000_000, "0.025", "482000"),
)
"""Leverage tiers in notional (of BTCUSDT, as published in 2025); every contract has these here."""
_POSITION = (
    "symbol positionSide positionAmt isolatedMargin notional isolatedWallet initialMargin maintMargin updateTime"
)
_ZERO = Decimal(0)


def spot_account(call: SignedCall) -> object:
    """Answer the spot balances."""
    balances = call.exchange.balances(call.account, "spot", call.now_ms)
    listed = {asset for listing in call.listings.values() for asset in (listing.base, listing.quote)}
    assets = sorted(listed | set(balances))
    rows = [(asset, balances.get(asset, Balance(_ZERO, _ZERO))) for asset in assets]
    if call.flag("omitZeroBalances"):
        rows = [row for row in rows if row[1].total]
    trades = TRADE in call.account.permissions
    rates = {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000"}
    return {
        "makerCommission": 10, "takerCommission": 10, "buyerCommission": 0, "sellerCommission": 0,
        "commissionRates": rates, "canTrade": trades, "canWithdraw": True, "canDeposit": True, "brokered": False,
        "requireSelfTradePrevention": False, "preventSor": False, "updateTime": call.now_ms, "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": f"{balance.free:.8f}", "locked": f"{balance.locked:.8f}"}
            for asset, balance in rows
        ],
        "permissions": ["SPOT"], "uid": 100_000_001,
    }  # fmt: skip


def restrictions(call: SignedCall) -> object:
    """Tell what the key may do."""
    may = call.account.permissions
    return {
        "ipRestrict": False, "createTime": _MADE_MS, "enableReading": True, "enableWithdrawals": WITHDRAW in may,
        "enableInternalTransfer": False, "enableMargin": False, "enableFutures": TRADE in may,
        "permitsUniversalTransfer": False, "enableVanillaOptions": False, "enableFixApiTrade": False,
        "enableFixReadOnly": False, "enableSpotAndMarginTrading": TRADE in may,
        "enablePortfolioMarginTrading": False,
    }  # fmt: skip


def trade_fees(call: SignedCall) -> object:
    """Answer the fees of one spot symbol or of all."""
    return [
        {"symbol": i.native_id, "makerCommission": i.maker_fee, "takerCommission": i.taker_fee}
        for i in call.exchange.market.listings(call.exchange.venue)
        if i.product == "spot" and call.params.get("symbol") in (None, i.native_id)
    ]


class _Sums(NamedTuple):
    """What an asset of the contracts' wallet comes to."""

    balance: Balance
    gain: Decimal
    held: Decimal
    upkeep: Decimal


def _assets(call: SignedCall) -> dict[str, _Sums]:
    found = {
        asset: _Sums(balance, _ZERO, _ZERO, _ZERO)
        for asset, balance in call.exchange.balances(call.account, call.section, call.now_ms).items()
    }
    for each in call.exchange.positions(call.account, call.now_ms, product=call.section):
        asset = call.listed(each.native_id).settle
        before = found.get(asset, _Sums(Balance(_ZERO, _ZERO), _ZERO, _ZERO, _ZERO))
        gain, held = call.exchange.unrealized(each, call.now_ms), call.exchange.margin(each, call.now_ms)
        upkeep = abs(_notional(call, each)) * Decimal(_BRACKETS[0][4])
        found[asset] = _Sums(before.balance, before.gain + gain, before.held + held, before.upkeep + upkeep)
    return found


def _notional(call: SignedCall, position: PositionState) -> Decimal:
    """Value a position at the mark price: in quote, of inverse contracts in coins."""
    listing = call.listed(position.native_id)
    mark = call.exchange.mark_price(listing, call.now_ms)
    size = position.size * Decimal(listing.contract_size)
    if listing.inverse:
        return size / mark if mark else _ZERO
    return size * mark


def _asset_row(call: SignedCall, asset: str, sums: _Sums) -> Row:
    balance = sums.balance
    available = f"{max(_ZERO, balance.free + sums.gain):.8f}"
    return {
        "asset": asset, "walletBalance": f"{balance.total:.8f}", "unrealizedProfit": f"{sums.gain:.8f}",
        "marginBalance": f"{balance.total + sums.gain:.8f}", "maintMargin": f"{sums.upkeep:.8f}",
        "initialMargin": f"{balance.locked:.8f}", "positionInitialMargin": f"{sums.held:.8f}",
        "openOrderInitialMargin": f"{max(_ZERO, balance.locked - sums.held):.8f}",
        "crossWalletBalance": f"{balance.total:.8f}", "crossUnPnl": f"{sums.gain:.8f}",
        "availableBalance": available, "maxWithdrawAmount": available, "updateTime": call.now_ms,
    }  # fmt: skip


def contract_account(call: SignedCall) -> object:
    """Answer the wallet of contracts: its assets, their sums, and the positions."""
    rows = [_asset_row(call, asset, sums) for asset, sums in sorted(_assets(call).items())]
    totals = {
        "totalInitialMargin": "initialMargin", "totalMaintMargin": "maintMargin",
        "totalWalletBalance": "walletBalance", "totalUnrealizedProfit": "unrealizedProfit",
        "totalMarginBalance": "marginBalance", "totalPositionInitialMargin": "positionInitialMargin",
        "totalOpenOrderInitialMargin": "openOrderInitialMargin", "totalCrossWalletBalance": "crossWalletBalance",
        "totalCrossUnPnl": "crossUnPnl", "availableBalance": "availableBalance",
        "maxWithdrawAmount": "maxWithdrawAmount",
    }  # fmt: skip
    # In single-asset mode the sums are of USDT alone.
    counted = [row for row in rows if row["asset"] == "USDT"]
    sums = {total: f"{sum(Decimal(str(row[name])) for row in counted):.8f}" for total, name in totals.items()}
    positions = []
    for row in _position_rows(call):
        kept: Row = {name: row[name] for name in _POSITION.split()}
        positions.append(kept | {"unrealizedProfit": row["unRealizedProfit"]})
    return {**sums, "assets": rows, "positions": positions}


def contract_balances(call: SignedCall) -> object:
    """Answer the wallet of contracts, a row an asset."""
    return [
        {"accountAlias": "SgsR", "asset": asset, "balance": row["walletBalance"],
         "crossWalletBalance": row["walletBalance"], "crossUnPnl": row["crossUnPnl"],
         "availableBalance": row["availableBalance"], "maxWithdrawAmount": row["maxWithdrawAmount"],
         "marginAvailable": True, "updateTime": call.now_ms}
        for asset, sums in sorted(_assets(call).items())
        for row in (_asset_row(call, asset, sums),)
    ]  # fmt: skip


def _position_rows(call: SignedCall) -> list[Row]:
    wanted = call.listing().native_id if "symbol" in call.params else None
    rows = []
    for each in call.exchange.positions(call.account, call.now_ms, product=call.section):
        if each.size and wanted in (None, each.native_id):
            rows.append(_position_row(call, each))
    return rows


def _position_row(call: SignedCall, position: PositionState) -> Row:
    listing = call.listed(position.native_id)
    ticks, mark = decimals(listing.tick_size), call.exchange.mark_price(listing, call.now_ms)
    notional, margin = _notional(call, position), call.exchange.margin(position, call.now_ms)
    signed = "notionalValue" if listing.inverse else "notional"
    return {
        "symbol": listing.native_id, "positionSide": "BOTH",
        "positionAmt": written(position.size, decimals(listing.lot_size)),
        "entryPrice": f"{position.entry_price:.{max(8, ticks)}f}",
        "breakEvenPrice": f"{position.entry_price:.{max(8, ticks)}f}", "markPrice": written(mark, 8),
        "unRealizedProfit": f"{call.exchange.unrealized(position, call.now_ms):.8f}",
        "liquidationPrice": written(call.exchange.liquidation_price(position), ticks), "isolatedMargin": "0",
        signed: f"{notional:.8f}", "marginAsset": listing.settle, "isolatedWallet": "0",
        "initialMargin": f"{margin:.8f}", "maintMargin": f"{abs(notional) * Decimal(_BRACKETS[0][4]):.8f}",
        "positionInitialMargin": f"{margin:.8f}", "openOrderInitialMargin": "0", "adl": 1, "bidNotional": "0",
        "askNotional": "0", "updateTime": position.updated_ms,
    }  # fmt: skip


def position_risk(call: SignedCall) -> object:
    """List the positions that are open (third version of the endpoint)."""
    return _position_rows(call)


def position_risk_v2(call: SignedCall) -> object:
    """List the positions with their leverage (second version; here those that are open)."""
    rows = []
    for row in _position_rows(call):
        leverage = call.exchange.leverage(call.account, call.listed(str(row["symbol"])))
        rows.append(row | {"leverage": str(leverage), "maxNotionalValue": str(_most_notional(leverage)),
                           "marginType": "cross", "isAutoAddMargin": "false"})  # fmt: skip
    return rows


def _most_notional(leverage: int) -> int:
    return max(cap for _, most, _, cap, _, _ in _BRACKETS if leverage <= most)


def leverage_brackets(call: SignedCall) -> object:
    """List the leverage tiers of one contract or of all."""
    wanted = [call.listing()] if "symbol" in call.params else list(call.listings.values())
    floor, cap = ("qtyFloor", "qtyCap") if call.section == "inverse" else ("notionalFloor", "notionalCap")
    return [
        {
            "symbol": listing.native_id, "notionalCoef": 1.0,
            "brackets": [
                {"bracket": bracket, "initialLeverage": leverage, cap: high, floor: low,
                 "maintMarginRatio": float(ratio), "cum": float(cum)}
                for bracket, leverage, low, high, ratio, cum in _BRACKETS
            ],
        }
        for listing in wanted
    ]  # fmt: skip


def set_leverage(call: SignedCall) -> object:
    """Set the leverage of a contract."""
    listing, leverage = call.listing(), call.number("leverage")
    if not 1 <= leverage <= _BRACKETS[0][1]:
        raise Refusal(-4028, f"Leverage {leverage} is not valid")
    try:
        call.exchange.set_leverage(call.account, listing, leverage)
    except Rejected as rejected:
        raise refused(call.section, rejected, listing) from None
    return {"leverage": leverage, "maxNotionalValue": str(_most_notional(leverage)), "symbol": listing.native_id}


def set_margin_type(call: SignedCall) -> object:
    """Refuse to change the margin type: every contract is cross-margined here, so CROSSED changes nothing."""
    call.listing()
    if call.text("marginType") == "CROSSED":
        raise Refusal(-4046, "No need to change margin type.")
    raise Refusal(-1020, "This operation is not supported. (The simulator has cross margin only.)")


def position_mode(_: SignedCall) -> object:
    """Tell that the account is in one-way mode."""
    return {"dualSidePosition": False}


def set_position_mode(call: SignedCall) -> object:
    """Refuse to change the position mode: one-way is what it is already."""
    if call.flag("dualSidePosition"):
        raise Refusal(-1020, "This operation is not supported. (The simulator has one-way positions only.)")
    raise Refusal(-4059, "No need to change position side.")


def assets_mode(_: SignedCall) -> object:
    """Tell that the account is in single-asset mode."""
    return {"multiAssetsMargin": False}


def account_config(call: SignedCall) -> object:
    """Answer the settings of the account."""
    trades = TRADE in call.account.permissions
    return {"feeTier": 0, "canTrade": trades, "canDeposit": True, "canWithdraw": True, "dualSidePosition": False,
            "updateTime": 0, "multiAssetsMargin": False, "tradeGroupId": -1}  # fmt: skip


def symbol_config(call: SignedCall) -> object:
    """Answer leverage and margin type of one contract or of all."""
    wanted = [call.listing()] if "symbol" in call.params else list(call.listings.values())
    return [
        {"symbol": i.native_id, "marginType": "CROSSED", "isAutoAddMargin": False, "leverage": leverage,
         "maxNotionalValue": str(_most_notional(leverage))}
        for i in wanted
        for leverage in (call.exchange.leverage(call.account, i),)
    ]  # fmt: skip


def commission_rate(call: SignedCall) -> object:
    """Answer the fees of a contract."""
    listing = call.listing()
    return {"symbol": listing.native_id, "makerCommissionRate": listing.maker_fee,
            "takerCommissionRate": listing.taker_fee, "rpiCommissionRate": "0"}  # fmt: skip
