"""Sizes on the command line: decimals, never floats."""

from decimal import Decimal

import click

from domain.money import BadNumber, to_decimal

LARGEST = Decimal(10) ** 15
SMALLEST = Decimal(10) ** -15


class Positive(click.ParamType):  # type: ignore[type-arg]
    """A number above zero that a size can be."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Read the number exactly as it was written."""
        try:
            number = to_decimal(value)
        except BadNumber as error:
            self.fail(f"{error}.", param, ctx)
        if number <= 0:
            self.fail(f"{value!r} is not above zero.", param, ctx)
        if not SMALLEST <= number <= LARGEST:
            self.fail(f"{value!r} is no sensible size ({SMALLEST} to {LARGEST:f}).", param, ctx)
        return number


POSITIVE = Positive()
