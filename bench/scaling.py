"""Adding venues does not add their latencies."""

import sys

from bench.best_prices import warm
from bench.house import house
from bench.timing import side_by_side

ORDER = ("binance", "okx", "bybit", "kucoin", "deribit", "deriv")
SYMBOL = "BTC/USD"


def run() -> None:
    """Ask 2, 4 and 6 venues with 0, 30 and 100 ms added to every answer."""
    with house() as simulator:
        base = [sys.executable, "main.py", "bbo", SYMBOL, "--numeraire", "USD", "--timeout", "30"]
        commands = {count: [*base, *(f"--venue={name}" for name in ORDER[:count])] for count in (2, 4, 6)}
        warm(simulator, [*base])
        print(f"\nbbo {SYMBOL} --numeraire USD (whole processes, median of 7, ms)")
        print(f"  {'delay':<8}" + "".join(f"{count} venues".rjust(12) for count in commands) + "    4 / 2    6 / 2")
        for delay in (0, 30, 100):
            simulator.delay(delay)
            figures = side_by_side(
                {str(count): command for count, command in commands.items()},
                rounds=7,
                environment=simulator.environment,
            )
            row = "".join(f"{figures[str(count)]:>12.1f}" for count in commands)
            print(f"  {delay:>3} ms  {row}   {figures['4'] / figures['2']:.2f} ×   {figures['6'] / figures['2']:.2f} ×")
        print("  target: far below 3 ×. The sixth speaks WebSocket, which takes two trips (handshake, then question)")
