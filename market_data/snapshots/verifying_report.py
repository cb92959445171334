"""The answer to `snapshot verify` as JSON, as tables and as a picture."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from domain.errors import UsageError
from domain.snapshots import LATE, RATE_LIMITED, STATUSES
from market_data.snapshots.coverage import share_text
from market_data.snapshots.listing_report import EMPTY
from market_data.snapshots.proof import PRUNED, STATES, WHOLE, DayProof, Proof
from market_data.snapshots.sizes import bytes_text, counted
from utils.plotting.coverage import coverage_chart
from utils.rendering import Report, Table

SHOWN = 20
"""How many findings, notes or keys of a kind people are shown; JSON has all that are known."""
_GAPS = ("late", "unavailable", "limited", "stopped", "other", "not recorded")
_HEADERS = ("venue", "symbol", "day", "state", "expected", "ok", "coverage", *_GAPS, "files", "size")
_OTHERS = tuple(status for status in STATUSES if status not in ("ok", LATE, RATE_LIMITED, "unavailable", "stopped"))


def verify_report(proof: Proof, notes: list[str], *, every_column: bool = False) -> Report:
    """Put a proof into a report; a kind of gap that nothing has is left out unless `every_column` (CSV)."""
    states = [day.state for day in proof.days]
    record = {
        "store": proof.store,
        "quick": proof.quick,
        "state": next((state for state in STATES if state in states and state != PRUNED), WHOLE),
        "days": [day.record() for day in proof.days],
        "foreign": list(proof.foreign),
        "foreign_count": proof.foreign_count,
    }
    tables = [_days(proof, every_column=every_column)]
    if any(day.findings for day in proof.days):
        tables.append(_findings(proof))
    return Report(record, tables, list(_summary(proof)), [*_besides(proof), *notes], proof.exit_code)


def plot_proof(proof: Proof, path: str) -> str:
    """Draw the coverage of each series over time; return a sentence that says where.

    Raises:
        UsageError: no rows were read, so there is nothing to draw; or the file cannot be written.
    """
    shares: dict[str, dict[int, float]] = {}
    for day in proof.days:
        line = shares.setdefault(str(day.place.series), {})
        line |= {slot: ok / expected for slot, (expected, ok) in day.shares.items()}
    drawn = {name: line for name, line in shares.items() if line}
    if not drawn or proof.slot_s is None:
        raise UsageError("There is nothing to draw: no day could be read as a whole.")
    subtitle = f"seconds with a book of those expected, from each day's first row to its last · {proof.store}"
    coverage_chart(path, "Coverage", subtitle, drawn, proof.slot_s * 1000)
    missing = sorted(set(shares) - set(drawn))
    left_out = f" Left out: {', '.join(missing)}." if missing else ""
    return f"The picture is in {path}.{left_out}"


def _days(proof: Proof, *, every_column: bool) -> Table:
    rows = [_cells(day) for day in proof.days]
    kept = [
        place
        for place, name in enumerate(_HEADERS)
        if every_column or name not in _GAPS or any(row[place] for row in rows)
    ]
    title = f"snapshot verify  {proof.store}{'  (quick: no rows were read)' if proof.quick else ''}"
    align = "".join("llllrrrrrrrrrrr"[place] for place in kept)
    return Table([_HEADERS[place] for place in kept], [[row[place] for place in kept] for row in rows], title, align)


def _cells(day: DayProof) -> list[Any]:
    covered, counts = day.covered, day.by_status
    expected = covered.expected if covered else None
    return [
        *day.place.series,
        day.place.day,
        day.state,
        expected,
        counts.get("ok", 0),
        share_text(covered.ok, covered.expected) if covered else None,
        *(counts.get(status, 0) for status in (LATE, "unavailable", RATE_LIMITED, "stopped")),
        sum(counts.get(status, 0) for status in _OTHERS),
        covered.not_recorded if covered else None,
        None if day.pruned else day.files,
        None if day.pruned else bytes_text(day.bytes),
    ]


def _findings(proof: Proof) -> Table:
    rows = [(each.kind, each.what) for day in proof.days for each in day.findings]
    shown = rows[:SHOWN]
    if len(rows) > SHOWN:
        shown.append(("", f"and {len(rows) - SHOWN} more; --json has them all"))
    return Table(("finding", "what"), shown, "Missing or altered", "ll")


def _summary(proof: Proof) -> Iterator[str]:
    if not proof.days:
        yield EMPTY
        return
    wrong = sum(bool(day.findings) for day in proof.days)
    pruned = sum(day.state == PRUNED for day in proof.days)
    whole = len(proof.days) - wrong - pruned
    told = [f"{counted(whole, 'day')} of a series {'as recorded' if not proof.quick else 'with all files'}"]
    if pruned:
        told.append(f"{pruned} pruned")
    if wrong:
        told.append(f"{wrong} with findings")
    yield f"{', '.join(told)}."
    gaps = dict[tuple[str, str], int]()
    for day in proof.days:
        for (status, reason), count in (day.covered.by_reason if day.covered else {}).items():
            gaps[status, reason] = gaps.get((status, reason), 0) + count
    for (status, reason), count in sorted(gaps.items(), key=lambda item: -item[1])[:SHOWN]:
        yield f"  {counted(count, 'second')} {status}{f': {reason}' if reason else ''}"


def _besides(proof: Proof) -> Iterator[str]:
    """Say what else there is: nothing of it is wrong."""
    for day in proof.days:
        name = f"{day.place.series} {day.place.day}"
        if day.silent_s:
            yield f"{name}: nothing was recorded in the {timedelta(seconds=day.silent_s)} (h:mm:ss) before."
        if day.unnamed and not day.findings:
            yield f"{name}: no manifest names {_few(day.unnamed)}. snapshot compact clears what it has left behind."
        if day.remains:
            yield f"{name}: pruned, and still there: {_few(day.remains)}. snapshot prune finishes it."
        yield from day.notes
    if proof.foreign_count:
        listed = _few(list(proof.foreign[:SHOWN]), proof.foreign_count)
        yield f"Not ours, left alone: {listed}."


def _few(keys: list[str], count: int | None = None) -> str:
    more = (len(keys) if count is None else count) - 3
    return ", ".join(keys[:3]) + (f" and {more} more" if more > 0 else "")
