"""Arithmetic that never rounds, but for quotients, which are rounded once, to 18 decimals (half even).

Python's operators round to the 28 digits of the current context, unary minus and `abs` included; these do not. Whoever
sums figures of accounting uses `total`, so that the sum of the parts is the whole to the last digit.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

DECIMALS = 18
ZERO = Decimal(0)
_GRAIN = Decimal(1).scaleb(-DECIMALS)
_EXACT = Context(prec=2000, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
"""Refuses to round. The digits are far more than products of three of the longest numbers we read (64 each) have."""
_WIDE = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow, DivisionByZero])

plus = _EXACT.add
minus = _EXACT.subtract
times = _EXACT.multiply
_divide = _WIDE.divide


def quotient(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Divide and round to 18 decimals, half even.

    Raises:
        decimal.DivisionByZero, decimal.InvalidOperation: the denominator is zero.
    """
    return _divide(numerator, denominator).quantize(_GRAIN, ROUND_HALF_EVEN, _WIDE)


def total(numbers: Iterable[Decimal]) -> Decimal:
    """Add numbers up without rounding, however many and however different in magnitude."""
    result = ZERO
    for number in numbers:
        result = plus(result, number)
    return result
