"""Counts and amounts of data as people read them."""

_STEPS = ("B", "kB", "MB", "GB", "TB")


def bytes_text(count: int) -> str:
    """Write bytes in the largest unit (powers of 1000) that leaves a whole number before the point.

    >>> [bytes_text(each) for each in (0, 999, 1_000, 12_345_678)]
    ['0 B', '999 B', '1.0 kB', '12.3 MB']
    """
    number, step = float(count), 0
    while number >= 999.95 and step < len(_STEPS) - 1:
        number, step = number / 1000, step + 1
    return f"{number:.1f} {_STEPS[step]}" if step else f"{count} B"


def counted(count: int, what: str) -> str:
    """Write a count and what it counts.

    >>> [counted(each, "day") for each in (0, 1, 2_000)]
    ['0 days', '1 day', '2,000 days']
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"
