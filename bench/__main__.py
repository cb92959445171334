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
LONG = {"snapshot_day": "bench.snapshot_day"}
"""Run by name only, with options of their own: it takes many minutes."""


def main() -> int:
    """Run the sections named on the command line, or all."""
    if sys.argv[1:] and sys.argv[1] in LONG:
        import_module(LONG[sys.argv[1]]).run(sys.argv[2:])
        return 0
    names = sys.argv[1:] or list(SECTIONS)
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(f"There is no bench {unknown[0]!r}; there are: {', '.join([*SECTIONS, *LONG])}.", file=sys.stderr)
        return 2
    for name in names:
        import_module(SECTIONS[name]).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
