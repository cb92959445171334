"""The tour's recording of order books: a step of `commands.tour`."""

RECORDING: tuple[str, tuple[str, ...]] = (
    "Order books kept, second by second: ten seconds of all venues, their proof, and the spread drawn",
    (
        "snapshot BTC/USDT --for 10s --to {pictures}/{run}",
        "snapshot verify {pictures}/{run}",
        "snapshot stats {first}:BTC/USDT --store {pictures}/{run} --per 2s --only spread --plot {pictures}/spread.png",
    ),
)
