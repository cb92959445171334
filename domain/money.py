"""Money is Decimal, built from the venue's own text; floats, NaN and infinities are refused."""

from decimal import Context, Decimal, InvalidOperation

MAX_TEXT = 64
"""Longest number we read: a venue that sends more digits is not sending a price."""
_LARGEST, _SMALLEST = 20, -40
"""Powers of ten between which a number makes sense: products of two of them keep their digits in `_WIDE`."""
_WIDE = Context(prec=80)


class BadNumber(ValueError):
    """The value is not a finite number in text form."""


def to_decimal(value: object) -> Decimal:
    """Build a finite Decimal from text, an int or a Decimal.

    Raises:
        BadNumber: for floats (their text is already lost), bools, NaN, infinities and anything else.
    """
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise BadNumber(f"number of {len(value)} characters")
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise BadNumber(f"not a number: {value[:24]!r}") from None
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    else:
        raise BadNumber(f"not text: a {type(value).__name__}")
    if not number.is_finite() or not _SMALLEST <= number.adjusted() <= _LARGEST:
        raise BadNumber(f"not a usable number: {repr(value) if isinstance(value, str) else format(number, '.3e')}")
    return number


def to_decimal_or_none(value: object) -> Decimal | None:
    """Build a Decimal, or None for what venues send when a number is absent (None and empty text)."""
    return None if value is None or value == "" else to_decimal(value)


def rounded(number: Decimal, places: int) -> Decimal:
    """Round to `places` decimals, however many digits stand before them (a plain `quantize` fails beyond 28)."""
    return number.quantize(Decimal(1).scaleb(-places), context=_WIDE)


def plain(number: Decimal) -> str:
    """Write a Decimal without exponent and without trailing zeros: `1E+3` is `1000`, `0.10` is `0.1`."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text or "0"
