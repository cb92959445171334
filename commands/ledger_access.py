"""Opening an environment's ledger, and taking in what the journal of orders has that it has not."""

from typing import TYPE_CHECKING

from commands.session import configured, ensure_simulator

if TYPE_CHECKING:
    from monitoring.ledger.store import Ledger
    from order_management.journal import Journal

JOURNAL = ("", "journal", "")
"""The cursor of what was taken in: the number of the journal's last fill."""


def ledger_of(env: str | None) -> "Ledger":
    """Open the ledger of an environment, with the journal's own trades in it; no venue is opened.

    Raises:
        LedgerError, JournalError: either cannot be used.
    """
    from connectors.environments import journal_key
    from utils.config.paths import state_dir

    config = configured(env)
    if config.environment == "sim":
        ensure_simulator(config)
    return open_ledger(journal_key(config.environment, state_dir()))


def open_ledger(key: str) -> "Ledger":
    """Open the ledger of an environment's key; see `ledger_of`."""
    from monitoring.ledger.path import ledger_path
    from monitoring.ledger.store import Ledger
    from order_management.journal import Journal, journal_path

    ledger = Ledger.open(ledger_path(key))
    try:
        if (path := journal_path(key)).exists():
            with Journal.open(path) as journal:
                take_in(ledger, journal)
            _describe(ledger, key)
    except BaseException:
        ledger.close()
        raise
    return ledger


def take_in(ledger: "Ledger", journal: "Journal") -> int:
    """Copy the journal's new own trades into the ledger; answer how many were new there."""
    from monitoring.ledger.rows import Cursor

    last = ledger.cursor(*JOURNAL) or 0
    found = journal.fills_after(max(0, last - 1))
    if last:
        # The last one that was taken in proves that this is still the same journal.
        same = bool(found) and found[0][0] == last and ledger.has_fill(found[0][1])
        found = found[1:] if same else journal.fills_after(0)
    if not found:
        return 0
    return ledger.add_fills([fill for _, fill in found], "journal", Cursor(*JOURNAL, until_ms=found[-1][0], from_ms=0))


def _describe(ledger: "Ledger", key: str) -> None:
    """Keep what the trades are about, as far as the lists of instruments on this machine tell."""
    from connectors.market_cache import MarketCache
    from utils.config.paths import cache_dir

    missing = ledger.undescribed()
    path = cache_dir() / "markets.sqlite"
    if missing and path.exists():
        cache = MarketCache(path, key)
        try:
            found = [cache.find(venue, symbol) for venue, symbol in missing]
        finally:
            cache.close()
        ledger.add_instruments(instrument for instrument in found if instrument is not None)
