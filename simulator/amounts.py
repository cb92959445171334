"""Increments and amounts as text, without losing a digit."""

from decimal import Decimal

from simulator.market.model import Listing


def decimals(increment: str) -> int:
    """Count the decimals an increment is written with: `0.0100` has four."""
    return len(increment.partition(".")[2])


def product(*factors: str | int) -> str:
    """Multiply, in plain notation."""
    result = Decimal(1)
    for factor in factors:
        result *= Decimal(factor)
    return f"{result:f}"


def coins(listing: Listing, amount: str, price: str) -> Decimal:
    """Return what an amount in wire units is worth in the base currency; `price` converts inverse contracts."""
    value = Decimal(amount) * Decimal(listing.contract_size)
    return value / Decimal(price) if listing.inverse and Decimal(price) else value
