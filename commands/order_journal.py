"""Opening an environment's journal, and a word on stderr about what is not settled in it."""

import sys
from typing import TYPE_CHECKING

from commands.session import configured, ensure_simulator

if TYPE_CHECKING:
    from order_management.journal import Journal


def journal_of(env: str | None, *, quiet: bool = False) -> tuple[str, "Journal"]:
    """Open the journal of an environment without opening any venue; answer the environment's name, too."""
    from connectors.environments import journal_key
    from utils.config.paths import state_dir

    config = configured(env)
    if config.environment == "sim":
        ensure_simulator(config)
    return config.environment, open_journal(journal_key(config.environment, state_dir()), quiet=quiet)


def open_journal(key: str, *, quiet: bool = False) -> "Journal":
    """Open a journal, and say on stderr which of its orders are unsettled."""
    from order_management.journal import Journal, journal_path

    journal = Journal.open(journal_path(key))
    unsettled = [] if quiet else journal.unsettled()
    if unsettled:
        ids = ", ".join(order.record.client_id for order in unsettled[:3]) + (" …" if len(unsettled) > 3 else "")
        many = f"{len(unsettled)} orders are" if len(unsettled) > 1 else "1 order is"
        sys.stderr.write(f"{many} unsettled ({ids}). Settle with: python main.py order resolve\n")
    return journal
