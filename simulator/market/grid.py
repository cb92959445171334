"""Ticks and lots: prices and sizes as whole numbers, printed with as many decimals as the venue's own increment."""

from decimal import Decimal
from math import ceil, floor


class Grid:
    """Multiples of one increment. `text` of a multiple has the increment's own number of decimals."""

    def __init__(self, increment: str) -> None:
        """Raise ValueError where `increment` is no positive number."""
        exact = Decimal(increment)
        if not exact.is_finite() or exact <= 0:
            raise ValueError(f"an increment must be above zero, not {increment}")
        self.decimals = max(0, -int(exact.as_tuple().exponent))
        self.step = float(exact)
        self.template = f"%.{self.decimals}f"
        self._templates: dict[int, str] = {}

    def text(self, multiple: int) -> str:
        """Print `multiple` increments."""
        return self.template % (multiple * self.step)

    def texts(self, multiples: list[int]) -> list[str]:
        """Print many at once, which is several times faster than one by one."""
        if not multiples:
            return []
        step, count = self.step, len(multiples)
        template = self._templates.get(count) or self._templates.setdefault(count, " ".join([self.template] * count))
        return (template % tuple([multiple * step for multiple in multiples])).split(" ")

    def down(self, value: float) -> int:
        """Return the last multiple at or below `value`."""
        return floor(value / self.step + 1e-9)

    def up(self, value: float) -> int:
        """Return the first multiple at or above `value`."""
        return ceil(value / self.step - 1e-9)

    def near(self, value: float) -> int:
        """Return the multiple nearest to `value`."""
        return round(value / self.step)
