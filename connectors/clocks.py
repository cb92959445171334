"""How far each venue's clock is from ours: asked beside the download of its instruments, and by `doctor`."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import CrossbookError, Unsupported

if TYPE_CHECKING:
    from connectors.base import Connector
    from utils.resilience.store import Store

PATIENCE_S = 1.0
"""How long a finished download waits for the venue's clock."""


KNOWN_FOR_S = 1.0
"""How long this process goes by what it has looked up: another one may measure the clock anew."""


class Reading(NamedTuple):
    """A venue's clock minus ours, and how long the question took (its error is half of that), in milliseconds."""

    offset_ms: int
    trip_ms: float


class Clocks:
    """The clocks of one environment's venues, as all processes of this machine share them."""

    def __init__(self, store: "Store", environment_key: str) -> None:
        self._store = store
        self._environment_key = environment_key
        self._known: dict[str, tuple[float, int]] = {}

    def offset_ms(self, venue: str) -> int:
        """Answer a venue's clock minus ours in milliseconds; 0 when it was not measured of late.

        A signature asks for it several times, so it is looked up once a second at most.
        """
        now = time.monotonic()
        known = self._known.get(venue)
        if known is None or now - known[0] > KNOWN_FOR_S:
            from utils.resilience.clock import ClockOffsets

            known = self._known[venue] = now, ClockOffsets(self._store).offset_ms(self._key(venue))
        return known[1]

    def measure(self, connector: "Connector") -> Reading:
        """Ask a venue for its time, and keep the answer.

        Raises:
            CrossbookError: it gave none.
        """
        from utils.resilience.clock import ClockOffsets

        sent_ns = time.time_ns()
        server_ms = connector.fetch_clock_ms()
        received_ns = time.time_ns()
        offset_ms = ClockOffsets(self._store).record(self._key(connector.venue), server_ms, sent_ns, received_ns)
        self._known.pop(connector.venue, None)
        return Reading(offset_ms, (received_ns - sent_ns) / 1e6)

    @contextmanager
    def measured_beside(self, connector: "Connector", notes: list[str]) -> Iterator[None]:
        """Ask for the time while the block runs; a failure harms nobody, and is noted."""
        failures: list[CrossbookError] = []

        def ask() -> None:
            try:
                self.measure(connector)
            except Unsupported:
                pass  # it has no clock to ask
            except CrossbookError as error:
                failures.append(error)

        asking = threading.Thread(target=ask, name=f"clock {connector.venue}", daemon=True)
        asking.start()
        yield
        asking.join(PATIENCE_S)
        notes += [f"{connector.venue}: its clock could not be compared with ours: {e.message}" for e in failures]

    def _key(self, venue: str) -> str:
        from connectors.guard import key_of

        return key_of(self._environment_key, venue)
