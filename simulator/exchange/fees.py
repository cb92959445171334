"""What a trade's fee comes to, and in which currency: as the listing says, or in a coin of the venue at a discount."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from simulator.exchange.liquidity import Liquidity
from simulator.exchange.model import ExchangeRules, FeeCoin
from simulator.exchange.terms import ONE, ZERO, Terms, amount
from simulator.market.model import SPOT, Listing

_BRIDGE = "USDT"
"""What a currency is priced in that has no market with the coin."""

Setting = tuple[str, str]
"""Owner and product."""


class Fees:
    """The fees of one venue's owners. `changed` collects the settings that are not stored yet."""

    def __init__(self, rules: ExchangeRules, liquidity: Liquidity) -> None:
        self._rules = rules
        self._liquidity = liquidity
        self._pairs: dict[tuple[str, str], Listing] = {}
        self._set: dict[Setting, FeeCoin | None] = {}
        self.changed: set[Setting] = set()

    def coin(self, owner: str, product: str) -> FeeCoin | None:
        """Return the coin that an owner pays a product's fees in; None where they are paid as usual."""
        setting = (owner, product)
        return self._set[setting] if setting in self._set else self._rules.fee_coins.get(setting)

    def choose(self, owner: str, product: str, coin: FeeCoin | None) -> None:
        """Let an owner pay a product's fees in a coin from now on, or as usual."""
        self._set[(owner, product)] = coin
        self.changed.add((owner, product))

    def restore(self, chosen: Mapping[Setting, FeeCoin | None]) -> None:
        """Take over stored settings."""
        self._set.update(chosen)

    def clear(self) -> None:
        """Forget what was chosen."""
        self._set.clear()
        self.changed.clear()

    def charged(
        self,
        owner: str,
        terms: Terms,
        fee: Decimal,
        currency: str,
        price: Decimal,
        free: Callable[[str], Decimal],
        now_ms: int,
    ) -> tuple[Decimal, str]:
        """Say what of a trade's usual fee is charged, and in which currency; below zero the owner receives it.

        Args:
            price: the trade's, at which a fee in base is valued.
            free: answers what is free of a currency in the wallet that pays.
        """
        coin = self.coin(owner, terms.listing.product)
        if coin is not None and fee > 0:
            in_base = terms.spot and currency == terms.listing.base != coin.currency
            value, unit = (fee * price, terms.listing.quote) if in_base else (fee, currency)
            cost = self._price(terms.listing.venue, coin.currency, unit, now_ms)
            in_coin = amount(value * coin.share / cost, self._rules.fee_decimals) if cost else ZERO
            if ZERO < in_coin <= free(coin.currency):
                return in_coin, coin.currency
        return amount(fee, self._rules.fee_decimals), currency

    def _price(self, venue: str, coin: str, currency: str, now_ms: int) -> Decimal:
        """Return what a coin costs in a currency: by their own market, else over the bridge; 0 where there is none."""
        direct = self._last(venue, coin, currency, now_ms)
        if direct:
            return direct
        over = self._last(venue, coin, _BRIDGE, now_ms), self._last(venue, currency, _BRIDGE, now_ms)
        return over[0] / over[1] if over[0] and over[1] else ZERO

    def _last(self, venue: str, base: str, quote: str, now_ms: int) -> Decimal:
        if base == quote:
            return ONE
        if not self._pairs:
            listings = self._liquidity.market.listings(venue)
            self._pairs = {(each.base, each.quote): each for each in listings if each.kind == SPOT}
        if (base, quote) in self._pairs:
            return self._liquidity.last(Terms(self._pairs[(base, quote)], ""), now_ms)
        if (quote, base) in self._pairs:
            price = self._liquidity.last(Terms(self._pairs[(quote, base)], ""), now_ms)
            return ONE / price if price else ZERO
        return ZERO
