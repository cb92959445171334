"""The `position` commands; each is a file of its own."""

import click

from commands.lazy import LazyGroup

TABLE = {
    "list": ("commands.position_list:list_positions", "List what is held, ours beside the venues'."),
    "show": ("commands.position_show:show", "Tell what one order has earned."),
    "sync": ("commands.position_sync:sync", "Read own trades, funding and transfers from the venues."),
    "reconcile": ("commands.position_reconcile:reconcile", "Hold our books against the venues; exit 10 at drift."),
}


@click.group(cls=LazyGroup, table=TABLE)
def position() -> None:
    """What is held, and what it has earned."""
