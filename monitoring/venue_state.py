"""What the venues hold of ours now: open positions and balances, every venue beside the others.

What a venue did not answer is None. None is "not known", never "flat" and never "nothing there".
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from domain.errors import CrossbookError
from domain.instruments import Instrument
from domain.orders import Balance, Position
from market_data.ask import ask_all
from market_data.quotes import mid_of

if TYPE_CHECKING:
    from connectors.registry import Venues

T = TypeVar("T")


class VenueState(NamedTuple):
    """One venue's positions and balances; None: not answered (`error` says why), or not asked for.

    `error` is the first thing that went wrong; positions may be there although the balances are not, and the reverse.
    """

    venue: str
    positions: Sequence[Position] | None = None
    balances: Sequence[Balance] | None = None
    error: CrossbookError | None = None

    def cash(self) -> dict[str, Decimal] | None:
        """Sum each currency's cash over the wallets, what open positions would bring left out; None: not known."""
        if self.balances is None:
            return None
        sums: dict[str, Decimal] = {}
        for balance in self.balances:
            sums[balance.currency] = sums.get(balance.currency, Decimal(0)) + balance.cash
        return sums


def venue_states(
    venues: "Venues", names: Sequence[str], deadline: float, *, positions: bool = True, balances: bool = True
) -> dict[str, VenueState]:
    """Ask the named venues for what they hold, side by side, at most until `deadline` (time.monotonic seconds).

    Args:
        positions: ask for open derivative positions.
        balances: ask for the balances of every wallet.

    Each name has its state in the answer; a venue's failure is in its state, and never touches another.
    """
    jobs = {name: partial(_state, venues, name, positions, balances) for name in names}
    return {
        name: answer.value if answer.value is not None else VenueState(name, error=answer.error)
        for name, answer in ask_all(jobs, deadline).items()
    }


def mids(venues: "Venues", instruments: Iterable[Instrument], deadline: float) -> dict[tuple[str, str], Decimal]:
    """Ask for the middle between best bid and ask of each instrument, by (venue, symbol); absent where nobody tells."""
    wanted = {f"{item.venue} {item.symbol}": item for item in instruments}
    jobs = {name: partial(_mid, venues, item) for name, item in wanted.items()}
    answers = ask_all(jobs, deadline) if jobs else {}
    return {
        (wanted[name].venue, wanted[name].symbol): answer.value
        for name, answer in answers.items()
        if answer.value is not None
    }


def _mid(venues: "Venues", instrument: Instrument) -> Decimal | None:
    quote = venues.connector(instrument.venue).fetch_quote(instrument)
    return mid_of(quote.bid, quote.ask) or None  # no price at all, where a venue sends 0 for it


def _state(venues: "Venues", name: str, positions: bool, balances: bool) -> VenueState:
    if name in venues.failures:
        raise venues.failures[name]
    trading = venues.trading(name)
    held, position_error = _tried(trading.positions) if positions else (None, None)
    owned, balance_error = _tried(trading.balances) if balances else (None, None)
    return VenueState(name, held, owned, position_error or balance_error)


def _tried(read: Callable[[], Sequence[T]]) -> tuple[Sequence[T] | None, CrossbookError | None]:
    try:
        return read(), None
    except CrossbookError as error:
        return None, error
