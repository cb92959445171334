"""What a book is made of: fills, funding payments, deliveries, and what was held before our history begins."""

from decimal import Decimal
from typing import NamedTuple

from domain.instruments import SPOT
from domain.movements import Delivery
from domain.orders import Fill, FundingPayment
from monitoring.accounting.contract import Contract
from monitoring.accounting.exact import times


class Opening(NamedTuple):
    """A position that was there before our history: signed size in lot units, and its entry price where it is known."""

    venue: str
    symbol: str
    time_ms: int
    size: Decimal
    entry_price: Decimal | None


Entry = Fill | FundingPayment | Delivery | Opening


def own_fee_value(contract: Contract, fill: Fill) -> Decimal | None:
    """Value a fill's fee in the contract's currency where no rate is needed; positive is paid.

    That is a fee in that currency, a fee of spot in its base (at the fill's price), and a fee of zero in whatever.
    None: a rate is needed, or the fee is unknown.
    """
    fee = fill.fee
    if fee is None or not fee:
        return fee
    if fill.fee_currency == contract.currency:
        return fee
    if contract.kind == SPOT and fill.fee_currency == contract.base:
        return times(fee, fill.price)
    return None
