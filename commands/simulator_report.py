"""Where the running simulator serves what, as a report."""

import time
from typing import Any

from simulator.daemon import State
from utils.rendering import Report, Table


def report_on(state: State, health: dict[str, Any] | None = None, asked: dict[str, Any] | None = None) -> Report:
    """Show where it serves what; `health` and `asked` (requests per venue and path) as its control endpoint tells."""
    record: dict[str, Any] = {"running": True, **state} | ({"health": health, "requests": asked} if health else {})
    facts = [f"Universe {state['universe']}, process {state['pid']}, control {state['control']}"]
    if state["ca_file"]:
        facts.append(f"Certificate authority: {state['ca_file']}")
    tables = [Table(("real host", "served at"), list(state["hosts"].items()))]
    if health:
        since_s = time.time() - state["started_ms"] / 1000
        facts.append(f"Running for {since_s:.0f} s, idle for {health['idle_s']:.0f} s, faults set: {health['faults']}")
        rows = [(venue, sum(paths.values())) for venue, paths in (asked or {}).items()]
        tables += [Table(("venue", "requests"), rows, align="lr")] if rows else []
    return Report(record, tables, summary=facts)
