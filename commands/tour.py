"""The guided tour, as data: titles and commands, with places for the venues that are configured.

`{run}` is another text at each run, so that the ids of the tour's orders are new, and its recording begins empty.
"""

from commands.tour_orders import ORDERS_AND_EARNINGS
from commands.tour_recording import RECORDING

TOUR: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Best prices of one symbol across venues, with fees, ages and reasons",
        ("bbo BTC/USDT", "bbo ETH/USDT BTC/USDT:USDT"),
    ),
    ("The price for your size, after your taker fee", ("bbo BTC/USDT --size 5", "bbo BTC/USDT --quote-size 100000")),
    ("One dollar to compare USD, USDT and USDC books in", ("bbo BTC/USD --numeraire USDT",)),
    ("The same asset under different names and multiples", ("bbo PEPE/USDT:USDT", "symbols explain 1000PEPE")),
    (
        "Books: one venue's, and all venues merged",
        ("book BTC/USD:BTC --depth 5", "book BTC/USDT --consolidated --depth 8"),
    ),
    (
        "What a market order would cost, per venue and split across them",
        ("impact BTC/USDT buy --quote 500000", "impact BTC/USDT sell --base 2 --curve"),
    ),
    ("Funding, with intervals made comparable", ("funding BTC/USDT:USDT", "funding BTC/USD:BTC --history 7d")),
    (
        "Every symbol in one language",
        ("symbols map BTCUSDT --venue {first}", "symbols map BTC/USDT:USDT", "symbols list --asset BTC --kind future"),
    ),
    (
        "Pictures",
        (
            "book BTC/USDT --consolidated --depth 200 --plot {pictures}/depth.png",
            "impact BTC/USDT buy --quote 500000 --curve --plot {pictures}/impact.png",
            "funding BTC/USDT:USDT --plot {pictures}/funding.png",
        ),
    ),
    RECORDING,
    ("Each venue on its own", ("symbols list --asset BTC --kind spot --venue {each}",)),
    ("A venue that ticks instead of keeping a book", ("bbo EUR/USD BTC/USD --venue {ticking}",)),
    (
        "Venues fail; the answer stands",
        (
            "simulator fault {second} down",
            "bbo BTC/USDT --timeout 3",
            "simulator faults --clear",
        ),
    ),
    *ORDERS_AND_EARNINGS,
    ("The installation itself", ("venues", "ratelimit", "doctor", "version")),
)
