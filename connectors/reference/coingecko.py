"""CoinGecko: volume-weighted averages over many markets, refreshed about once a minute; no bid, no ask, no size.

Source: docs.coingecko.com, `GET /simple/price` and `GET /coins/list` of the keyless public API v3. Ids are words
(`bitcoin`), several coins share a code, and ids that it does not know are left out of an answer without a word.
"""

import json
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from connectors.http import Request, Response
from connectors.reference import ReferencePrice, ReferenceSource
from domain.errors import (
    BadAnswer,
    CrossbookError,
    GeoBlocked,
    NotListed,
    RateLimited,
    Refused,
    StaleData,
    Unauthorized,
    Unavailable,
)
from domain.money import to_decimal

BASE = "https://api.coingecko.com/api/v3"
_COMMON = """
    BTC=bitcoin ETH=ethereum USDT=tether USDC=usd-coin XRP=ripple BNB=binancecoin SOL=solana DOGE=dogecoin TRX=tron
    ADA=cardano BCH=bitcoin-cash LINK=chainlink LTC=litecoin AVAX=avalanche-2 SHIB=shiba-inu DOT=polkadot
    UNI=uniswap AAVE=aave PEPE=pepe KCS=kucoin-shares OKB=okb XLM=stellar SUI=sui TON=the-open-network NEAR=near
    HYPE=hyperliquid ETC=ethereum-classic ATOM=cosmos FIL=filecoin APT=aptos ARB=arbitrum OP=optimism BONK=bonk
    SATS=sats-ordinals SUSHI=sushi DAI=dai MNT=mantle FLOKI=floki CRV=curve-dao-token WBTC=wrapped-bitcoin
    BSV=bitcoin-cash-sv XMR=monero ZEC=zcash ICP=internet-computer PAXG=pax-gold POL=polygon-ecosystem-token
    INJ=injective-protocol LDO=lido-dao USDE=ethena-usde FDUSD=first-digital-usd TUSD=true-usd PYUSD=paypal-usd
"""
IDS: Mapping[str, str] = dict(pair.split("=") for pair in _COMMON.split())
"""Codes of common assets -> CoinGecko's ids; any other is looked up, and refused when several coins have it."""
CURRENCIES = frozenset({
    "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "CNY", "HKD", "SGD", "KRW", "INR", "IDR", "BRL", "MXN",
    "ZAR", "TRY", "PLN", "SEK", "NOK", "DKK", "CZK", "HUF", "ILS", "THB", "PHP", "AED", "SAR", "TWD", "UAH", "VND",
    "MYR", "NGN", "ARS", "CLP",
})  # fmt: skip
"""Currencies that it gives prices in, of `GET /simple/supported_vs_currencies`."""
PIVOT = "bitcoin"
_FIFTEEN_DIGITS = Context(prec=15)


class CoinGecko(ReferenceSource):
    """Prices of coins in currencies, and (by way of US dollars) in other coins: a dollar is not a USDT."""

    name = "coingecko"
    requests_per_minute = 10
    """Without a key an address gets some 5 to 15 requests a minute."""

    _codes: Mapping[str, list[str]] | None = None

    def reference_price(self, asset: str, quote: str) -> ReferencePrice:
        """Ask for the price of `asset` in `quote` (see `ReferenceSource`)."""
        asset, quote = asset.upper(), quote.upper()
        coins = [self._id(code) for code in (asset, quote) if code not in CURRENCIES]
        currencies = [code.lower() for code in (asset, quote) if code in CURRENCIES]
        ids, versus = coins or [PIVOT], currencies or ["usd"]
        query = f"ids={','.join(ids)}&vs_currencies={','.join(versus)}&include_last_updated_at=true&precision=full"
        answer, received_at_ns = self._get(f"/simple/price?{query}")
        if not isinstance(answer, dict):
            raise BadAnswer(f"{self.name} sent prices of an unexpected shape.", venue=self.name)
        rows = [self._row(answer, identity) for identity in ids]
        price = self._price(rows, versus, asset, quote)
        venue_time_ms = min(self._updated_at_s(row) for row in rows) * 1000
        age_s = received_at_ns / 1e9 - venue_time_ms / 1000
        if age_s > self.max_age_s:
            limit = f"allowed are {self.max_age_s:.0f} s"
            raise StaleData(f"{self.name}'s price of {asset} is {age_s:.0f} s old; {limit}.", venue=self.name)
        return ReferencePrice(asset, quote, price, venue_time_ms, received_at_ns, self.name)

    def _price(self, rows: list[Mapping[str, Any]], versus: list[str], asset: str, quote: str) -> Decimal:
        """Work the price out: a coin in a currency is told, two coins or two currencies are divided."""
        figures = [self._figure(row, currency, asset, quote) for row in rows for currency in versus]
        if len(figures) == 2:
            of_asset, of_quote = figures if asset not in CURRENCIES else reversed(figures)
            return _FIFTEEN_DIGITS.divide(of_asset, of_quote)
        return _FIFTEEN_DIGITS.divide(Decimal(1), figures[0]) if asset in CURRENCIES else figures[0]

    def _figure(self, row: Mapping[str, Any], currency: str, asset: str, quote: str) -> Decimal:
        if row.get(currency) is None:
            raise NotListed(f"{self.name} has no price of {asset} in {quote}.", venue=self.name)
        try:
            figure = to_decimal(row[currency])
        except ValueError as error:
            raise BadAnswer(f"{self.name} sent a price that is no number ({error}).", venue=self.name) from error
        if figure <= 0:
            raise BadAnswer(f"{self.name} sent a price of {figure}.", venue=self.name)
        return figure

    def _row(self, answer: Mapping[str, Any], identity: str) -> Mapping[str, Any]:
        row = answer.get(identity)
        if row is None:
            raise NotListed(f"{self.name} has no price of {identity}.", venue=self.name)
        if not isinstance(row, dict):
            raise BadAnswer(f"{self.name} sent a price of an unexpected shape.", venue=self.name)
        return row

    def _updated_at_s(self, row: Mapping[str, Any]) -> int:
        told = row.get("last_updated_at")
        if not isinstance(told, int) or not 0 < told < 1e11:
            raise BadAnswer(f"{self.name} did not say how old its price is.", venue=self.name)
        return told

    def _id(self, code: str) -> str:
        """Find the id of a coin. Raises NotListed, or Refused where several coins have the code."""
        if code in IDS:
            return IDS[code]
        if self._codes is None:
            self._codes = self._all_codes()
        found = self._codes.get(code, [])
        if not found:
            raise NotListed(f"{self.name} knows no {code}.", venue=self.name)
        if len(found) > 1:
            some = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
            raise Refused(f"{self.name} knows {len(found)} coins called {code}: {some}.", venue=self.name)
        return found[0]

    def _all_codes(self) -> Mapping[str, list[str]]:
        answer, _ = self._get("/coins/list")
        codes: dict[str, list[str]] = {}
        try:
            for row in answer:
                # Ids go into a URL: one that would change its meaning is not one.
                if row["id"].replace("-", "").replace("_", "").replace(".", "").isalnum() and row["id"].isascii():
                    codes.setdefault(row["symbol"].upper(), []).append(row["id"])
        except (KeyError, TypeError, AttributeError) as error:
            raise BadAnswer(f"{self.name} sent a list of coins of an unexpected shape.", venue=self.name) from error
        return codes

    def _get(self, path: str) -> tuple[Any, int]:
        """Ask within the guard; the decoded answer has its fractions as text. Also gives its time (epoch ns)."""
        deadline = self.deadline()

        def attempt() -> tuple[Any, int]:
            answer = self.http.send(Request("GET", BASE + path, {"Accept": "application/json"}), deadline=deadline)
            if answer.status != 200:
                raise self._refusal(answer)
            try:
                return json.loads(answer.body, parse_float=str), answer.received_at_ns
            except (ValueError, RecursionError) as error:
                raise BadAnswer(f"{self.name} sent an answer that is not JSON.", venue=self.name) from error

        return self.guard.read(attempt, deadline=deadline)

    def _refusal(self, answer: Response) -> CrossbookError:
        from connectors.ccxt_errors import retry_after_s

        status, said = answer.status, _said(answer.body)
        wait_s = retry_after_s(answer.headers)
        if status == 429 or (status == 403 and wait_s is not None):
            text = f"{self.name} wants fewer requests (HTTP {status}{said})."
            return RateLimited(text, venue=self.name, retry_after_s=wait_s, banned=status == 403)
        kind: type[CrossbookError] = Unavailable if status >= 500 or status == 408 else Refused
        kind = {401: Unauthorized, 403: Unauthorized, 451: GeoBlocked}.get(status, kind)
        return kind(f"{self.name} refused the request (HTTP {status}{said}).", venue=self.name)


def _said(body: bytes) -> str:
    """Read the venue's words, where they are in its error object."""
    try:
        found = json.loads(body)
        status = found.get("status", found)
        return f": {status['error_message']}"[:300]
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return ""
