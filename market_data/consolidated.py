"""The middle of the market over all venues that list an instrument: what an order's price is held against."""

from decimal import Decimal
from typing import TYPE_CHECKING

from domain.errors import CrossbookError
from market_data.bbo import Bbo, Wanted, best_prices

if TYPE_CHECKING:
    from connectors.registry import Venues
    from utils.config.settings import Config


def consolidated(venues: "Venues", config: "Config", deadline: float, symbol: str) -> Bbo | None:
    """Ask all these venues side by side for their best prices; None where none could be asked.

    A venue whose instrument list has never been downloaded is left out.
    """
    wanted = Wanted.checked(None, None, None, reference=False)
    try:
        return best_prices(venues, config, deadline, [symbol], wanted, explicit=False)[0]
    except CrossbookError:
        return None


def consolidated_mid(venues: "Venues", config: "Config", deadline: float, symbol: str) -> Decimal | None:
    """Find the middle over all these venues; None where none shows a price that counts."""
    answer = consolidated(venues, config, deadline, symbol)
    return None if answer is None else answer.mid


def all_venues(config: "Config", asked: "Venues") -> "Venues":
    """Open every venue that is enabled, beside those of a command that is about some of them only."""
    from connectors.registry import open_venues

    enabled = [name for name, settings in config.venues.items() if settings.enabled and not settings.retired]
    names = list(dict.fromkeys([*asked.names, *enabled]))
    return asked if set(names) == set(asked.names) else open_venues(config, names)
