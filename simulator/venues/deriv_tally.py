"""Deriv's own accounting of an account, for the control endpoint: no part of its API."""

from decimal import Decimal
from typing import Any

from simulator.venues.deriv_contracts import OPEN, Contract, Desk
from simulator.venues.deriv_dealer import CURRENCY
from simulator.venues.deriv_offers import Terms

_SIZE_STEP = Decimal("1E-8")
_ZERO = Decimal(0)


def tallied(desk: Desk, loginid: str, now_s: int) -> dict[str, Any]:
    """Tell an account's cash, and per symbol what is open and what closed contracts brought.

    `size` is stake × multiplier / spot of the open multipliers, those downwards negative. `realized` is what closed
    contracts made before commission; `fees` are the commissions of all. Contracts of other kinds have no commission,
    and are no `size`.
    """
    total, lines = desk.balance(loginid, now_s), desk.lines(loginid, now_s)
    deposits = sum((line.amount for line in lines if line.action == "deposit"), _ZERO)
    listings = []
    contracts = desk.of(loginid, now_s)
    for symbol in dict.fromkeys(contract.terms.symbol for contract in contracts):
        mine = [contract for contract in contracts if contract.terms.symbol == symbol]
        fees = sum((contract.terms.commission for contract in mine), _ZERO)
        closed = [contract for contract in mine if contract.status != OPEN]
        realized = sum((each.sell_price - each.terms.stake + each.terms.commission for each in closed), _ZERO)
        held = [contract for contract in mine if contract.status == OPEN and contract.terms.is_multiplier]
        listings.append(
            {
                "product": "",
                "symbol": symbol,
                "currency": CURRENCY,
                "size": f"{sum(map(_exposure, held), _ZERO):f}",
                "entry_price": held[0].entry_spot if len(held) == 1 else None,
                "realized": f"{realized:f}",
                "fees": {CURRENCY: f"{fees:f}"},
                "funding": "0",
                "delivered": "0",
                "staked": f"{sum((contract.terms.stake for contract in held), _ZERO):f}",
            }
        )
    wallet = {"wallet": "cash", "currency": CURRENCY, "total": f"{total:f}", "deposits": f"{deposits:f}"}
    return {"wallets": [wallet], "listings": listings}


def _exposure(contract: Contract) -> Decimal:
    terms: Terms = contract.terms
    return (terms.stake * terms.multiplier * terms.sign / Decimal(contract.entry_spot)).quantize(_SIZE_STEP)
