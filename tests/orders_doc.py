"""The parts of docs/orders.md that come from the code: `python -m tests.orders_doc` writes them anew.

They stand between `<!-- NAME: from the code -->` and `<!-- end of NAME -->`; tests/test_docs.py compares them.
"""

import re
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from connectors.registry import load_class
from connectors.trading import NO_IDS, NOT_UNIQUE, UNIQUE_EVER, UNIQUE_OPEN, TradingRules
from domain.instruments import KINDS
from domain.orders import STOP, STOP_LIMIT
from order_management import lifecycle
from order_management.settling import START_WITHIN_NS
from utils.config.load import load_config

ROOT = Path(__file__).resolve().parent.parent
DOC = ROOT / "docs" / "orders.md"
TITLES = {"okx": "OKX", "kucoin": "KuCoin"}
TAKEN = {
    UNIQUE_EVER: "for ever",
    UNIQUE_OPEN: "while an order with it is open",
    NOT_UNIQUE: "never",
    NO_IDS: "there are no client ids",
}
HEADERS = (
    *("venue", "client id", "used id refused", "accepts for", "lists lag by", "absence proved after"),
    *("stops", "amend", "dead-man switch", "orders a second"),
)


def rules_by_venue() -> dict[str, TradingRules]:
    """Find the trading rules of every venue that the project's configuration enables."""
    found = {}
    for name, entry in load_config(environment="sim").venues.items():
        if entry.enabled and not entry.retired:
            module, _, attribute = str(load_class(entry.class_path, name).trading_class).partition(":")
            found[name] = getattr(import_module(module), attribute).rules
    return found


def title(venue: str) -> str:
    """Write a venue's name as it writes itself."""
    return TITLES.get(venue, venue.capitalize())


def table(rules: dict[str, TradingRules]) -> str:
    """Write the table of the venues' rules."""
    rows = [HEADERS, ("---",) * len(HEADERS), *(_row(venue, each) for venue, each in rules.items())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(venue: str, rules: TradingRules) -> tuple[str, ...]:
    proved_s = START_WITHIN_NS / 1e9 + (rules.acceptance_ms + rules.settling_ms) / 1000
    span = rules.cancel_after_s
    return (
        title(venue),
        f"`{rules.client_id}`",
        TAKEN[rules.client_id_unique],
        f"{rules.acceptance_ms / 1000:g} s",
        f"{rules.settling_ms / 1000:g} s",
        f"{proved_s:g} s",
        _kinds(kind for kind, types in rules.types.items() if {STOP, STOP_LIMIT} <= types),
        _kinds(rules.amend),
        f"{span[0]}–{span[1]} s" if span else "none",
        f"{rules.order_rate.per_second:g}, {rules.order_rate.burst:g} at once",
    )


def _kinds(kinds: Iterable[str]) -> str:
    chosen = set(kinds)
    return ", ".join(kind for kind in KINDS if kind in chosen) or "none"


def notes(rules: dict[str, TradingRules]) -> str:
    """Write what each venue's rules say in words."""
    parts = []
    for venue, each in rules.items():
        lines = [f"**{title(venue)}.** {each.client_id_note}"]
        lines += [f"- *{name}*: {text}" for name, text in each.notes.items()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def drawing() -> str:
    """Take the drawing of every transition from the module that holds the table."""
    words = lifecycle.__doc__ or ""
    found = re.search(r"^\(new\) ─.*?(?=\n\n)", words, re.M | re.S)
    assert found
    return f"```\n{found[0]}\n```"


def parts() -> dict[str, str]:
    """Write every part by its name."""
    rules = rules_by_venue()
    return {"rules": table(rules), "notes": notes(rules), "lifecycle": drawing()}


def marked(name: str, text: str) -> str:
    """Put a part between its marks."""
    return f"<!-- {name}: from the code -->\n{text}\n<!-- end of {name} -->"


def rewritten(document: str) -> str:
    """Replace every part of a document by what the code says now."""
    for name, text in parts().items():
        pattern = re.compile(rf"<!-- {name}: from the code -->\n.*?<!-- end of {name} -->", re.S)
        assert len(pattern.findall(document)) == 1, f"{DOC.name} has no part {name}"
        before, after = pattern.split(document)
        document = before + marked(name, text) + after
    return document


if __name__ == "__main__":
    DOC.write_text(rewritten(DOC.read_text()))
    sys.stdout.write(f"{DOC} is as the code says.\n")
