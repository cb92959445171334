"""The part of the guided tour that trades: orders, a lost answer, and what a position earned."""

LOST = "order place {second} BTC/USDT buy 0.01 --price 40000 --client-id {run}lost --timeout 3"
EXPECTED = {LOST: 9}
"""Exit codes that are part of what is shown; the other commands end with 0, or 8 (some venues failed)."""

ORDERS_AND_EARNINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "An order: shown first, then placed, listed, cancelled, and its story",
        (
            "order place {first} BTC/USDT buy 0.01 --price 40000.001 --preview",
            "order place {first} BTC/USDT buy 0.01 --price 40000 --client-id {run}rests",
            "order list",
            "order cancel {run}rests",
            "order history {run}rests",
        ),
    ),
    (
        "An order that is filled at once; the same id never sends a second one",
        (
            "order place {first} BTC/USDT buy 500 --unit quote --type market --client-id {run}takes",
            "order place {first} BTC/USDT buy 500 --unit quote --type market --client-id {run}takes",
        ),
    ),
    (
        "The venue takes an order, its answer is lost, and its lists lag: unknown, until it is found",
        (
            "simulator fault {second} drop_request --set handled=true --path 'POST *' --times 1",
            "simulator fault {second} lagging_orders --set ms=4000",
            LOST,
            "order resolve {run}lost",
            "simulator faults --clear",
            "order history {run}lost",
            "order cancel {run}lost",
        ),
    ),
    (
        "What was earned, and why: a position opened, a part of it closed, and every figure unfolded",
        (
            "order place {second} BTC/USDT:USDT buy 0.003 --type market --client-id {run}opens",
            "order place {second} BTC/USDT:USDT sell 0.002 --type market --client-id {run}closes",
            "position sync --venue {second}",
            "position list --venue {second}",
            "pnl --venue {second} --explain",
            "position show --order {run}opens",
            "position reconcile --venue {second}",
        ),
    ),
)
"""Titles and commands, with the places of `commands.tour`."""
