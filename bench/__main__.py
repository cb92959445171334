"""`python -m bench [NAME…]`: measure, side by side in one run, what the documentation claims."""

import sys
from importlib import import_module

SECTIONS = {
    "startup": "bench.startup",
    "bbo": "bench.best_prices",
    "scaling": "bench.scaling",
    "impact": "bench.impact",
    "decode": "bench.decoding",
    "cold": "bench.cold_cache",
    "journal": "bench.journal",
    "orders": "bench.orders",
    "pnl": "bench.pnl",
    "snapshot": "bench.snapshot",
}


def main() -> int:
    """Run the sections named on the command line, or all."""
    names = sys.argv[1:] or list(SECTIONS)
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(f"There is no bench {unknown[0]!r}; there are: {', '.join(SECTIONS)}.", file=sys.stderr)
        return 2
    for name in names:
        import_module(SECTIONS[name]).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
