"""Contracts and entries for the tests of accounting."""

from decimal import Decimal
from itertools import count

from domain.instruments import OPTION, PERPETUAL, SPOT
from domain.movements import Delivery
from domain.orders import Fill, FundingPayment
from monitoring.accounting.book import AVERAGE, Book
from monitoring.accounting.contract import Contract
from monitoring.accounting.entries import Opening

SPOT_BTC = Contract("venue", "BTC/USDT", SPOT, "BTC", "USDT", None)
LINEAR = Contract("venue", "BTC/USDT:USDT", PERPETUAL, "BTC", "USDT", "USDT")
INVERSE = Contract("venue", "BTC/USD:BTC", PERPETUAL, "BTC", "USD", "BTC", inverse=True)
COIN_OPTION = Contract("venue", "BTC/USD:BTC-261225-300-C", OPTION, "BTC", "USD", "BTC")
DOLLAR_OPTION = Contract("venue", "SOL/USDC:USDC-261225-250-C", OPTION, "SOL", "USDC", "USDC")
CONTRACTS = (SPOT_BTC, LINEAR, INVERSE, COIN_OPTION, DOLLAR_OPTION)

_numbers = count(1)


def dec(value: str | int | Decimal) -> Decimal:
    return Decimal(value)


def fill(
    contract: Contract,
    side: str,
    size: str | int | Decimal,
    price: str | int | Decimal,
    fee: str | Decimal | None = "0",
    fee_currency: str | None = None,
    time_ms: int = 0,
) -> Fill:
    number = next(_numbers)
    currency = fee_currency or contract.currency
    paid = None if fee is None else dec(fee)
    return Fill(
        contract.venue,
        contract.symbol,
        f"t{number}",
        f"o{number}",
        None,
        side,
        dec(price),
        dec(size),
        paid,
        currency,
        None,
        time_ms,
    )


def funding(contract: Contract, amount: str, currency: str | None = None) -> FundingPayment:
    currency = currency or contract.currency
    return FundingPayment(contract.venue, contract.symbol, f"f{next(_numbers)}", 0, dec(amount), currency)


def delivery(contract: Contract, size: str | int, price: str | int) -> Delivery:
    number = next(_numbers)
    return Delivery(contract.venue, contract.symbol, f"d{number}", 0, dec(size), dec(price), contract.currency)


def opening(contract: Contract, size: str | int, entry_price: str | None) -> Opening:
    return Opening(contract.venue, contract.symbol, 0, dec(size), None if entry_price is None else dec(entry_price))


def book(contract: Contract, *trades: tuple[str, str | int, str | int], method: str = AVERAGE) -> Book:
    """Make a book of trades without fees: (side, size, price)."""
    made = Book(contract, method)
    for side, size, price in trades:
        made.add(fill(contract, side, size, price))
    return made
