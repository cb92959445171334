"""The middle of the market over all venues that list an instrument: what an order's price is held against."""

from decimal import Decimal
from typing import TYPE_CHECKING

from domain.errors import CrossbookError
from domain.instruments import Instrument
from market_data.bbo import Wanted, best_prices

if TYPE_CHECKING:
    from order_management.desk import Desk


def consolidated_mid(desk: "Desk", instrument: Instrument) -> Decimal | None:
    """Ask all venues of this run side by side; None where none shows a price that counts."""
    wanted = Wanted.checked(None, None, None, reference=False)
    try:
        answers = best_prices(desk.venues, desk.config, desk.deadline(), [instrument.symbol], wanted, explicit=False)
    except CrossbookError:
        return None
    return answers[0].mid
