"""What each synthetic venue lists: one module a venue with `listings(now_ms) -> list[Listing]`, found by themselves."""

import importlib
import pkgutil

from simulator.market.model import Listing


def collect(now_ms: int) -> list[Listing]:
    """Gather the listings of every module of this package; `now_ms` tells them which expiries are ahead."""
    found: list[Listing] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda item: item.name):
        found.extend(importlib.import_module(f"{__name__}.{module.name}").listings(now_ms))
    return found
