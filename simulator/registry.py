"""Find every simulated venue, so that nothing has to name one."""

import importlib
import inspect
import pkgutil

import simulator.venues
from simulator.venue import SimVenue


def venue_classes() -> list[type[SimVenue]]:
    """Collect the venues defined in the modules of `simulator.venues`, sorted by name."""
    found: dict[str, type[SimVenue]] = {}
    for module_info in pkgutil.iter_modules(simulator.venues.__path__, "simulator.venues."):
        module = importlib.import_module(module_info.name)
        for item in vars(module).values():
            if inspect.isclass(item) and issubclass(item, SimVenue) and _is_own(item, module.__name__):
                found[item.name] = item
    return [found[name] for name in sorted(found)]


def _is_own(item: type, module: str) -> bool:
    return item.__module__ == module and not inspect.isabstract(item)
