"""What Binance's wallet tells and sets: deposits, withdrawals, and whether fees are paid in BNB.

Sources: developers.binance.com/docs (wallet "Capital" and "Asset", USDⓈ-M "Account"), ccxt 4.5.90. Initial deposits
stand for all wallets, those of contracts included: the venue shows transfers between wallets elsewhere.
"""

from datetime import UTC, datetime
from decimal import Decimal

from simulator.exchange.model import FeeCoin
from simulator.market.calendar import DAY_MS
from simulator.venues.binance_call import Refusal, invalid, missing
from simulator.venues.binance_signed import Row, SignedCall

_WINDOW_MS = 90 * DAY_MS
_MOST = 1000
_CREDITED, _COMPLETED = 1, 6
SPOT_BURN = FeeCoin("BNB", Decimal("0.75"))
"""25 % off on spot, 10 % off on USDⓈ-M (the venue's fee schedule)."""
FUTURES_BURN = FeeCoin("BNB", Decimal("0.90"))


def deposits(call: SignedCall) -> object:
    """List deposits of at most 90 days, the newest first."""
    rows = [
        {
            "id": each.id, "amount": _plain(each.amount), "coin": each.currency, "network": each.currency,
            "status": _CREDITED, "address": "simulated", "addressTag": "", "txId": f"simulated-{each.id}",
            "insertTime": each.time_ms, "completeTime": each.time_ms, "transferType": 0, "confirmTimes": "1/1",
            "unlockConfirm": 1, "walletType": 0,
        }
        for each in call.exchange.transfers(call.account, call.now_ms)
        if each.kind == "deposit"
    ]  # fmt: skip
    return _page(call, rows, [int(str(row["insertTime"])) for row in rows])


def withdrawals(call: SignedCall) -> object:
    """List withdrawals of at most 90 days, the newest first."""
    found = [each for each in call.exchange.transfers(call.account, call.now_ms) if each.kind == "withdrawal"]
    rows = [
        {
            "id": each.id, "amount": _plain(-each.amount), "transactionFee": "0", "coin": each.currency,
            "status": _COMPLETED, "address": "simulated", "txId": f"simulated-{each.id}",
            "applyTime": _utc(each.time_ms), "network": each.currency, "transferType": 0, "info": "", "confirmNo": 1,
            "walletType": 0, "txKey": "", "completeTime": _utc(each.time_ms),
        }
        for each in found
    ]  # fmt: skip
    return _page(call, rows, [each.time_ms // 1000 * 1000 for each in found])


def _page(call: SignedCall, rows: list[Row], times: list[int]) -> list[Row]:
    end_ms = call.number("endTime", call.now_ms)
    start_ms = call.number("startTime", end_ms - _WINDOW_MS)
    if end_ms - start_ms > _WINDOW_MS:
        raise Refusal(-1127, "Lookup interval is too big.")
    limit, offset = call.number("limit", _MOST), call.number("offset")
    if not 1 <= limit <= _MOST:
        raise invalid("limit")
    kept = [
        (moment, row)
        for moment, row in zip(times, rows, strict=True)
        if start_ms <= moment <= end_ms
        and call.params.get("coin") in (None, row["coin"])
        and call.params.get("status") in (None, str(row["status"]))
    ]
    kept.sort(key=lambda item: item[0], reverse=True)
    return [row for _, row in kept[offset : offset + limit]]


def spot_burn(call: SignedCall) -> object:
    """Tell whether fees of spot are paid in BNB; nobody borrows here, so interest never is."""
    return {"spotBNBBurn": call.exchange.fees.coin(call.account.owner, "spot") is not None, "interestBNBBurn": False}


def set_spot_burn(call: SignedCall) -> object:
    """Switch paying fees of spot in BNB on or off."""
    if "spotBNBBurn" not in call.params and "interestBNBBurn" not in call.params:
        raise missing("spotBNBBurn")
    if "spotBNBBurn" in call.params:
        _choose(call, "spot", SPOT_BURN if call.flag("spotBNBBurn") else None)
    return spot_burn(call)


def futures_burn(call: SignedCall) -> object:
    """Tell whether fees of USDⓈ-M are paid in BNB."""
    return {"feeBurn": call.exchange.fees.coin(call.account.owner, "linear") is not None}


def set_futures_burn(call: SignedCall) -> object:
    """Switch paying fees of USDⓈ-M in BNB on or off."""
    call.text("feeBurn")
    _choose(call, "linear", FUTURES_BURN if call.flag("feeBurn") else None)
    return {"code": 200, "msg": "success"}


def _choose(call: SignedCall, product: str, coin: FeeCoin | None) -> None:
    call.exchange.fees.choose(call.account.owner, product, coin)
    call.exchange.settle(call.now_ms)


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _utc(moment_ms: int) -> str:
    return f"{datetime.fromtimestamp(moment_ms // 1000, UTC):%Y-%m-%d %H:%M:%S}"
