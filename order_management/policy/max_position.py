"""A position in one asset grows no larger than so much."""

from collections.abc import Mapping
from decimal import Decimal

from domain.instruments import OPTION, SPOT
from domain.money import plain
from domain.orders import BUY, Position, notional
from order_management.policy.contract import Check, Subject, amount
from order_management.worth import price_currency


class Rule(Check):
    """Deny an order after which, were it filled, the position at the venue would be too large.

    Spot orders are held against what the account has of the asset, orders for perpetuals and futures against the sum of
    the venue's positions in them, long less short, and those for options against the positions in options, worth their
    premium. An order that makes the position smaller always passes.
    """

    name = "max_position"
    needs_dollars = True

    def check(self, subject: Subject) -> None:
        """Compare the position after the order, in dollars."""
        asset = subject.instrument.asset
        limit = self.setting.get(asset) if isinstance(self.setting, Mapping) else self.setting
        if limit is None:
            return
        before = self._holding(subject) if subject.instrument.kind == SPOT else self._positions(subject)
        worth = self.dollars(subject, subject.sized.sent_notional)
        after = before + (worth if subject.sized.spec.side == BUY else -worth)
        if abs(after) > limit and abs(after) >= abs(before):
            raise self.deny(
                subject,
                f"the position in {asset} at {subject.instrument.venue} would be too large",
                limit=f"{plain(limit)} USD",
                value=f"makes it {amount(after, limit)} USD",
            )

    def _holding(self, subject: Subject) -> Decimal:
        """Value what the account has of the base at the order's price."""
        found = self.asked(subject, subject.balances)
        held = sum((row.total for row in found if row.currency == subject.instrument.base), Decimal(0))
        return self.dollars(subject, held * subject.sized.value_price)

    def _positions(self, subject: Subject) -> Decimal:
        """Value the positions in the asset, short ones negative."""
        total = Decimal(0)
        options = subject.instrument.kind == OPTION
        for position in self.asked(subject, subject.positions):
            instrument = subject.find(position.symbol)
            if instrument is None:
                raise self.unknown(subject, f"the position in {position.symbol} is of an instrument that is not known")
            if instrument.asset != subject.instrument.asset or (instrument.kind == OPTION) != options:
                continue
            price = self._price(subject, position)
            total += self.dollars(subject, notional(instrument, position.size, price), price_currency(instrument))
        return total

    def _price(self, subject: Subject, position: Position) -> Decimal:
        if position.mark_price is not None:
            return position.mark_price
        if position.symbol == subject.instrument.symbol:
            return subject.sized.value_price
        if position.entry_price is not None:
            return position.entry_price
        raise self.unknown(subject, f"{position.venue} shows no price of the position in {position.symbol}")
