"""Something stays free of what an order spends."""

from decimal import Decimal

from domain.instruments import SPOT
from domain.money import plain
from domain.orders import BUY
from order_management.policy.contract import Check, Subject, amount
from order_management.worth import price_currency

_UNIFIED, _SPOT_WALLET = "trading", "spot"


class Rule(Check):
    """Deny an order that would leave too little free of the currency that it spends.

    Spot spends the quote (a buy) or the base (a sell). A derivative spends its settle currency, and counts with its
    whole worth, as if there were no leverage: what margin it will need is the venue's to say.
    """

    name = "min_balance_left"
    needs_dollars = True

    def check(self, subject: Subject) -> None:
        """Compare the free balance, less what the order adds, in dollars."""
        limit, instrument = Decimal(self.setting), subject.instrument
        spot = instrument.kind == SPOT
        sells_base = spot and subject.sized.spec.side != BUY
        money = price_currency(instrument) if spot else instrument.settle or price_currency(instrument)
        currency = instrument.base if sells_base else money
        free = Decimal(0)
        for balance in self.asked(subject, subject.balances):
            wallet = balance.wallet == _UNIFIED or (balance.wallet == _SPOT_WALLET) == spot
            if balance.currency == currency and wallet:
                if balance.free is None:
                    raise self.unknown(subject, f"{instrument.venue} does not say how much {currency} is free")
                free += balance.free
        left = self.dollars(subject, free, currency) - self.dollars(subject, subject.more)
        if left < limit:
            raise self.deny(
                subject,
                f"too little {currency} would stay free at {instrument.venue}",
                limit=f"{plain(limit)} USD",
                value=f"leaves {amount(left, limit)} USD",
            )
