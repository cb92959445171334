"""Reference prices: figures to compare with, from sources at which nothing can be traded."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING

from domain.errors import ConfigError

if TYPE_CHECKING:
    from connectors.guard import Guard
    from connectors.http import HttpClient
    from connectors.reference.kept import KeptReference
    from utils.config.settings import ReferenceSettings


@dataclass(frozen=True)
class ReferencePrice:
    """An average over markets, in quote per asset. `venue_time_ms` is when the source last updated it."""

    asset: str
    quote: str
    price: Decimal
    venue_time_ms: int
    received_at_ns: int
    source: str


class ReferenceSource(ABC):
    """Where reference prices come from. Methods block and raise the errors of `domain.errors`.

    Args:
        max_age_s: a price older than this is refused.
        deadline: answers until when (time.monotonic seconds) a call may take.
    """

    name: str
    requests_per_minute: float

    def __init__(self, http: "HttpClient", guard: "Guard", *, max_age_s: float, deadline: Callable[[], float]) -> None:
        self.http = http
        self.guard = guard
        self.max_age_s = max_age_s
        self.deadline = deadline

    @abstractmethod
    def reference_price(self, asset: str, quote: str) -> ReferencePrice:
        """Ask for the price of an asset.

        Raises:
            NotListed: the source does not know the asset or the quote, or has no price.
            Refused: several assets have this code.
            StaleData: the price is older than `max_age_s`.
            Unavailable: there is no answer.
        """


def open_reference(
    settings: "ReferenceSettings", http: "HttpClient", scope: str, deadline: Callable[[], float]
) -> "KeptReference":
    """Load the configured source, its answers kept for a minute; nothing is asked yet.

    Args:
        scope: the environment's key, which keeps budgets apart.

    Raises:
        ConfigError: it cannot be loaded.
    """
    from connectors.guard import Guard, Policy
    from connectors.reference.kept import KeptReference
    from utils.config.paths import cache_dir
    from utils.resilience.breaker import Breaker
    from utils.resilience.budget import Budget
    from utils.resilience.store import open_store

    found = _load(settings.class_path)
    store = open_store()
    policy = Policy(requests_per_minute=found.requests_per_minute, scope=scope, burst_share=0.6, attempts=2)
    guard = Guard(found.name, Budget(store), Breaker(store), policy)
    source = found(http, guard, max_age_s=settings.max_age_s, deadline=deadline)
    return KeptReference(source, cache_dir() / f"reference-{scope.replace('/', '-')}.json")


def _load(class_path: str) -> type[ReferenceSource]:
    module_name, _, class_name = class_path.partition(":")
    where, hint = f"The reference source {class_path!r}", "Correct reference.class (package.module:Class)."
    try:
        found = getattr(import_module(module_name), class_name)
    # A plug-in may fail in any way while it is imported; it is reported with its own words, and kept as the cause.
    except Exception as error:
        raise ConfigError(f"{where} cannot be loaded: {type(error).__name__}: {error}.", hint=hint) from error
    if not (isinstance(found, type) and issubclass(found, ReferenceSource)):
        raise ConfigError(f"{where} is no subclass of connectors.reference.ReferenceSource.", hint=hint)
    return found
