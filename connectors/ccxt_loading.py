"""Load one ccxt exchange class without importing the hundred others.

`import ccxt` runs every exchange's module. Here the package is put in place unexecuted, so that importing
`ccxt.kraken` runs that module and the base only. The first use of any other name of the package runs its real
`__init__` in place: later code that says `import ccxt`, `from ccxt import X`, `ccxt.async_support` or `ccxt.pro`
gets exactly what it would have had, with the same class objects.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any

from domain.errors import ConfigError

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange

_PACKAGE = "ccxt"
_lock = RLock()


class _Unexecuted(ModuleType):
    """The ccxt package before its `__init__` has run."""

    def __getattr__(self, name: str) -> Any:
        # The import system asks for dunders (`__file__`, `__wrapped__`…); they must not start the long import.
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        with _lock:
            if type(self) is _Unexecuted:
                self._execute(name)
        return getattr(self, name)

    def _execute(self, name: str) -> None:
        if "_executing" in self.__dict__:
            raise AttributeError(f"{name} is not defined yet")
        self.__dict__["_executing"] = True
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        try:
            spec.loader.exec_module(self)
        finally:
            del self.__dict__["_executing"]
        # Other threads wait for the lock as long as the class is this one, so it changes last.
        self.__class__ = ModuleType  # type: ignore[assignment]

    def __setattr__(self, name: str, value: object) -> None:
        # Importing `ccxt.kraken` sets the module as `ccxt.kraken`, where the executed package has the class:
        # leave the name free, so that whoever asks for it gets the class from the real `__init__`.
        if isinstance(value, ModuleType) and isinstance(getattr(value, name, None), type):
            return
        super().__setattr__(name, value)


def exchange_class(exchange: str) -> "type[Exchange]":
    """Load the synchronous class of one exchange, by its ccxt id.

    Raises:
        ConfigError: ccxt is not installed, or has no such exchange (the nearest ids are named).
    """
    with _lock:
        if _PACKAGE not in sys.modules:
            _put_in_place()
    if exchange not in exchange_ids():
        raise ConfigError(f"ccxt has no exchange {exchange!r}.", hint=_nearest(exchange))
    module = importlib.import_module(f"{_PACKAGE}.{exchange}")
    found: type[Exchange] = getattr(module, exchange)
    return found


def exchange_ids() -> frozenset[str]:
    """List the ids that ccxt has a module for, from its folder."""
    spec = importlib.util.find_spec(_PACKAGE) if _PACKAGE not in sys.modules else sys.modules[_PACKAGE].__spec__
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("ccxt is not installed.", hint="Run: make setup")
    folder = Path(next(iter(spec.submodule_search_locations)))
    return frozenset(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def _put_in_place() -> None:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None:
        raise ConfigError("ccxt is not installed.", hint="Run: make setup")
    package = importlib.util.module_from_spec(spec)
    package.__class__ = _Unexecuted
    sys.modules[_PACKAGE] = package


def _nearest(exchange: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(exchange, sorted(exchange_ids()), n=3, cutoff=0.5)
    if close:
        return f"Nearest: {', '.join(close)}."
    return "It may have been removed from ccxt; a closed venue can be marked `retired`."
