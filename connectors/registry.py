"""From the configuration to connectors that are ready to be asked."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from threading import RLock, local
from typing import TYPE_CHECKING

from connectors.base import Capabilities, Connector, VenueContext
from connectors.clocks import Clocks
from connectors.environments import TESTNET, needs_testnet, place
from connectors.market_cache import MarketCache
from connectors.side_by_side import side_by_side
from domain.errors import BadAnswer, ConfigError, CrossbookError, Refused, Retired, Unsupported, UsageError
from domain.time import rfc3339
from utils.config.paths import cache_dir, state_dir
from utils.resilience.store import open_store

if TYPE_CHECKING:
    from connectors.guard import Guard
    from connectors.http import HttpClient
    from connectors.trading import Trading
    from utils.config.settings import Config, VenueSettings

Progress = Callable[[str, str], None]
"""Told (venue, state in words) while instrument lists are downloaded."""

DOWNLOAD_PATIENCE_S = 60.0
"""How long a first download of instrument lists may take; the answer's own deadline starts after it."""


def load_class(class_path: str, venue: str) -> type[Connector]:
    """Load a connector's class from `package.module:Class`.

    Raises:
        ConfigError: naming the venue, the path and the remedy; what the plug-in itself raised is kept as the cause.
    """
    module_name, _, class_name = class_path.partition(":")
    where = f"The connector of {venue!r} ({class_path})"
    try:
        module = import_module(module_name)
    # A plug-in may fail in any way while it is imported; it is reported with its own words, and kept as the cause.
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name is not None
        absent = missing and (module_name == error.name or module_name.startswith(f"{error.name}."))  # type: ignore[attr-defined]
        if absent:
            reason, hint = "cannot be found", f"Install the module {module_name}, or correct venues.{venue}.class."
        else:
            reason = f"cannot be imported: {type(error).__name__}: {error}"
            hint = f"Repair {module_name}, or set venues.{venue}.enabled: false."
        raise ConfigError(f"{where} {reason}.", venue=venue, hint=hint) from error
    found = getattr(module, class_name, None)
    if found is None:
        raise ConfigError(
            f"{where} cannot be found: the module has no {class_name or 'class named'}.",
            venue=venue,
            hint=f"Correct venues.{venue}.class (package.module:Class).",
        )
    if not (isinstance(found, type) and issubclass(found, Connector)):
        raise ConfigError(f"{where} is no connector.", venue=venue, hint="It must subclass connectors.base.Connector.")
    if not isinstance(getattr(found, "capabilities", None), Capabilities):
        raise ConfigError(
            f"{where} declares no capabilities.",
            venue=venue,
            hint="Give the class `capabilities = Capabilities(…)` (docs/adding-a-venue.md).",
        )
    if missing_methods := sorted(getattr(found, "__abstractmethods__", ())):
        raise ConfigError(
            f"{where} is not complete: {', '.join(missing_methods)}.", venue=venue, hint="Implement what is missing."
        )
    return found


class Venues:
    """The venues of one run. `names` are those to be asked, in the configuration's order.

    `retired` gives the reason for each asked venue that has closed, `failures` why a venue of `names` cannot be
    asked, `notes` what a user should know about the rest.
    """

    def __init__(
        self, config: "Config", names: Sequence[str], retired: Mapping[str, str], classes: Mapping[str, type[Connector]]
    ) -> None:
        self.config = config
        self.environment = config.environment
        self.names = tuple(names)
        self.retired = dict(retired)
        self.classes = dict(classes)
        self.failures: dict[str, CrossbookError] = {}
        self.notes: list[str] = []
        testnets = {name: found.capabilities.testnet_hosts for name, found in self.classes.items()}
        if self.environment == TESTNET:
            for name in self.names:
                try:
                    needs_testnet(name, testnets[name])
                except CrossbookError as error:
                    self.failures[name] = error
        self.place = place(self.environment, state_dir(), testnets.values())
        key = self.place.key
        self.cache = MarketCache(cache_dir() / "markets.sqlite", key, ttl_h=config.market_ttl_h)
        self._connectors: dict[str, Connector] = {}
        self._tradings: dict[str, Trading] = {}
        self._http: HttpClient | None = None
        self._store = open_store()
        self.clocks = Clocks(self._store, key)
        self._lock = RLock()
        self._deadline: float | None = None
        self._own = local()
        self._download_until = time.monotonic() + DOWNLOAD_PATIENCE_S

    def start(self, deadline: float) -> None:
        """Set until when (time.monotonic seconds) this run may wait for venues."""
        self._deadline = deadline

    def deadline(self) -> float:
        """Answer until when this run may wait: before `start`, as long as a download of lists may take."""
        own: float | None = getattr(self._own, "deadline", None)
        if own is not None:
            return own
        return self._download_until if self._deadline is None else self._deadline

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """Give this thread a deadline of its own (time.monotonic seconds) for the length of a block."""
        before = getattr(self._own, "deadline", None)
        self._own.deadline = deadline
        try:
            yield
        finally:
            self._own.deadline = before

    def connector(self, name: str) -> Connector:
        """Return the connector of a venue of this run, made at the first call.

        Raises:
            Retired: the venue has closed.
            Refused: it has no test environment, and this is `testnet`.
        """
        if name in self.retired:
            raise Retired(f"{name} has closed: {self.retired[name]}.", venue=name)
        if isinstance(failure := self.failures.get(name), Refused):
            raise failure
        with self._lock:
            if name not in self._connectors:
                self._connectors[name] = self.classes[name](name, self._context(self.config.venues[name]))
            return self._connectors[name]

    def trading(self, name: str) -> "Trading":
        """Return the private half of a venue as this environment has it, made at the first call.

        Raises:
            Retired, Refused: as `connector` does; also where the venue's plug-in cannot trade.
            ConfigError: its trading class cannot be loaded.
        """
        connector = self.connector(name)
        with self._lock:
            if name not in self._tradings:
                class_path = self.place.broker or connector.trading_class
                if class_path is None:
                    raise Unsupported(f"The connector of {name} cannot trade.", venue=name)
                module, _, attribute = class_path.partition(":")
                made: Trading = getattr(import_module(module), attribute)(connector, self.cache.of(name))
                self._tradings[name] = made
            return self._tradings[name]

    def require_keys(self, name: str) -> None:
        """Make sure that orders to a venue could be signed, before anything is asked or written down.

        Raises:
            CredentialsError: keys are missing; the variables to set are named.
            Retired, Refused: as `connector` does.
        """
        from connectors.keys import required_keys

        needs_passphrase = self.connector(name).capabilities.needs_passphrase
        if self.place.signs:
            required_keys(name, self.environment, self.place.keys(name), needs_passphrase=needs_passphrase)

    def ensure_markets(
        self, names: Sequence[str] | None = None, progress: Progress | None = None, *, force: bool = False
    ) -> None:
        """Make sure that instrument lists are there: what is missing or too old is downloaded, side by side.

        A venue whose download fails keeps its old list (a note says so); without one it goes to `failures`.

        Args:
            force: download lists that are fresh, too.
        """
        wanted = [name for name in (self.names if names is None else names) if name not in self.retired]
        known = [name for name in wanted if name not in self.failures or self.failures[name].retryable]
        stale = [name for name in known if force or not self.cache.is_fresh(name)]
        if not stale:
            return
        # Only a list that is missing is worth a long wait; an old one can be used meanwhile.
        missing = any(self.cache.fetched_at_ms(name) is None for name in stale)
        self._download_until = time.monotonic() + (DOWNLOAD_PATIENCE_S if missing else self.config.timeout_s)
        tell = progress or _silent
        outcomes = side_by_side([self._refresher(name, tell) for name in stale])
        for name, outcome in zip(stale, outcomes, strict=True):
            if isinstance(outcome, CrossbookError):
                self._without_refresh(name, outcome, tell)
            else:
                self.failures.pop(name, None)

    def close(self) -> None:
        """Release sockets and files."""
        for trading in self._tradings.values():
            trading.close()
        for connector in self._connectors.values():
            connector.close()
        if self._http is not None:
            self._http.close()
        self.cache.close()
        self._store.close()

    def _refresher(self, name: str, tell: Progress) -> Callable[[], None]:
        started_ms = time.time_ns() // 1_000_000

        def refresh() -> None:
            with self.cache.refreshing(name, self.deadline()):
                fetched_ms = self.cache.fetched_at_ms(name)
                if fetched_ms is not None and fetched_ms > started_ms:
                    tell(name, "instruments downloaded by another process")
                    return
                tell(name, "downloading instruments")
                connector = self.connector(name)
                with self.clocks.measured_beside(connector, self.notes):
                    instruments = connector.fetch_instruments()
                if not instruments and self.cache.symbols(name):
                    raise BadAnswer(f"{name} lists no instruments all at once.", venue=name)
                self.cache.replace(name, instruments)
                tell(name, f"{len(instruments)} instruments")

        return refresh

    def _without_refresh(self, name: str, error: CrossbookError, tell: Progress) -> None:
        fetched_ms = self.cache.fetched_at_ms(name)
        if fetched_ms is None:
            self.failures[name] = error
            tell(name, f"no instruments: {error.message}")
        else:
            note = f"{name}: the instruments of {rfc3339(fetched_ms)} are used; a newer list failed: {error.message}"
            self.notes.append(note)
            tell(name, "an older list is used")

    def _context(self, settings: "VenueSettings") -> VenueContext:
        name = settings.name
        guard = self._guard(settings)
        return VenueContext(
            environment=self.environment,
            settings=settings,
            http=self.http,
            guard=guard,
            credentials=lambda: self.place.keys(name),
            deadline=self.deadline,
            clock_offset_ms=lambda: self.clocks.offset_ms(name),
            paper=self.config.paper,
            markets_key=self.cache.environment_key,
        )

    @property
    def http(self) -> "HttpClient":
        """The one HTTP client of this run."""
        with self._lock:
            if self._http is None:
                from connectors.http import HttpClient
                from utils.secrets.redaction import redact

                self._http = HttpClient(self.place.endpoints, redact, signs=self.place.signs)
            return self._http

    def _guard(self, settings: "VenueSettings") -> "Guard":
        from connectors.guard import Guard, Policy
        from utils.resilience.breaker import Breaker
        from utils.resilience.budget import Budget

        capabilities = self.classes[settings.name].capabilities
        per_minute = settings.requests_per_minute or capabilities.requests_per_minute
        # The user's own limit holds for bursts, too, which then are its usual share.
        burst = None if settings.requests_per_minute else capabilities.burst
        policy = Policy(requests_per_minute=per_minute, scope=self.cache.environment_key, burst=burst)
        return Guard(settings.name, Budget(self._store), Breaker(self._store), policy)


def open_venues(config: "Config", names: Sequence[str] | None = None) -> Venues:
    """Load the connectors of the named venues, or of all that are enabled; nothing is asked yet.

    Raises:
        UsageError: a name is not in the configuration (the nearest ones are named).
        ConfigError: a connector cannot be loaded.
        NotSent: `sim`, and the simulator is not running.
    """
    for name in names or ():
        if name not in config.venues:
            raise _unknown(name, config.venues)
    chosen = [
        settings
        for name, settings in config.venues.items()
        if (name in names if names else settings.enabled and not settings.retired)
    ]  # fmt: skip
    retired = {settings.name: settings.retired for settings in chosen if settings.retired}
    open_names = [settings.name for settings in chosen if not settings.retired]
    classes = {name: load_class(config.venues[name].class_path, name) for name in open_names}
    return Venues(config, open_names, retired, classes)


def _silent(venue: str, state: str) -> None:
    del venue, state


def _unknown(name: str, known: Mapping[str, object]) -> UsageError:
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=3, cutoff=0.4)
    hint = f"Nearest: {', '.join(close)}." if close else f"The configuration has {', '.join(known)}."
    return UsageError(f"There is no venue {name!r} in the configuration.", hint=hint)
