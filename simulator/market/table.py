"""Listings' tables: rows of cells, as they stand in the modules of `listings`."""


def rows_of(table: str) -> list[list[str]]:
    """Read rows, one a line or several with `|` between them; their cells have spaces between them."""
    return [row.split() for line in table.split("\n") for row in line.split("|") if row]
