"""The `order` commands; each is a file of its own."""

import click

from commands.lazy import LazyGroup

TABLE = {
    "place": ("commands.order_place:place", "Place an order; --preview shows it without sending."),
    "batch": ("commands.order_batch:batch", "Place the orders of a file, venues side by side."),
    "cancel": ("commands.order_cancel:cancel", "Cancel orders by id, or everything."),
    "status": ("commands.order_status:status", "Ask the venue what became of an order."),
    "list": ("commands.order_list:list_orders", "List open, closed or unsettled orders of every family."),
    "amend": ("commands.order_amend:amend", "Change size or price of a resting order."),
    "history": ("commands.order_history:history", "Tell the full story of one order from the journal."),
    "resolve": ("commands.order_resolve:resolve", "Settle orders whose outcome is unknown."),
    "reconcile": ("commands.order_reconcile:reconcile", "Hold the journal against the venues; exit 10 at drift."),
    "cancel-after": ("commands.order_cancel_after:cancel_after", "Have venues cancel everything unless told again."),
}


@click.group(cls=LazyGroup, table=TABLE)
def order() -> None:
    """Place, cancel and follow orders; each is written down before it leaves."""
