"""What a recording came to: a row a series, what is not in the store yet, and the exit code."""

from collections.abc import Sequence
from typing import Any

from domain.exit_codes import ExitCode
from domain.snapshots import OK, STATUSES
from domain.time import NS_PER_MS, rfc3339
from market_data.snapshots.recording import Recorder, Worker
from market_data.snapshots.recovering import Left, Shipped
from market_data.snapshots.sizes import bytes_text, counted
from utils.rendering.report import Report, Table

NOTHING = Shipped(0, 0)


def recording_report(recorder: Recorder, environment: str, store: str, *, interrupted: bool) -> Report:
    """Say what was recorded; `interrupted`: a run with a planned end was ended before it."""
    rows = [_row(recorder, worker) for worker in recorder.workers]
    left = recorder.shipper.left(recorder.to_store())
    code = ExitCode.INTERRUPTED if interrupted else verdict(rows, left)
    record = {
        "environment": environment,
        "store": store,
        "every_s": recorder.plan.every_s,
        "from": _text(min((worker.first_ns for worker in recorder.workers if worker.expected), default=None)),
        "to": _text(max((worker.end_ns for worker in recorder.workers if worker.expected), default=None)),
        "series": rows,
        "in_spool": [_left(each) for each in left],
    }
    title = f"Recorded every {recorder.plan.every_s} s into {store} [{environment}]"
    headers = ("Venue", "Symbol", "Expected", "Ok", "Gaps", "On time", "Files", "Bytes")
    table = Table(headers, [_cells(row) for row in rows], title, "llrrlrrr")
    return Report(record, [table], notes=_notes(recorder, left), exit_code=code)


def started(recorder: Recorder, store: str) -> str:
    """Say what begins."""
    workers, plan = recorder.workers, recorder.plan
    venues = len({worker.series.venue for worker in workers})
    end = f"until {_text(plan.end_ns)}" if plan.end_ns else "until Ctrl-C"
    return f"Recording {len(workers)} series of {counted(venues, 'venue')} every {plan.every_s} s into {store}, {end}."


def verdict(rows: Sequence[dict[str, Any]], left: Sequence[Left]) -> ExitCode:
    """Return 0 where every second is `ok` and stored, 6 where none is `ok`, else 8; a run that had none is 0."""
    expected, ok = sum(row["expected"] for row in rows), sum(row["ok"] for row in rows)
    failed = any(row["reason"] for row in rows)
    if (expected or failed) and not ok:
        return ExitCode.UNAVAILABLE
    return ExitCode.PARTIAL if ok < expected or left or failed else ExitCode.OK


def _row(recorder: Recorder, worker: Worker) -> dict[str, Any]:
    tally, expected = worker.tally, worker.expected
    shipped = recorder.shipper.shipped.get(worker.series, NOTHING)
    ok = tally.by_status[OK]
    return {
        "venue": worker.series.venue,
        "symbol": worker.series.symbol,
        "expected": expected,
        "ok": ok,
        "by_status": {status: tally.by_status[status] for status in STATUSES if tally.by_status[status]},
        "on_time": tally.on_time,
        "on_time_share": round(tally.on_time / ok, 4) if ok else None,
        "files": shipped.files,
        "bytes": shipped.bytes,
        "reason": worker.failure,
    }


def _cells(row: dict[str, Any]) -> list[Any]:
    gaps = [f"{count} {status}" for status, count in row["by_status"].items() if status != OK]
    if unwritten := row["expected"] - sum(row["by_status"].values()):
        gaps.append(f"{unwritten} not written")
    gaps += [row["reason"]] if row["reason"] else []
    share = None if row["on_time_share"] is None else f"{row['on_time_share'] * 100:.1f} %"
    return [
        row["venue"], row["symbol"], row["expected"], row["ok"], ", ".join(gaps) or "none", share, row["files"],
        bytes_text(row["bytes"]),
    ]  # fmt: skip


def _left(each: Left) -> dict[str, Any]:
    return {
        "venue": each.series.venue,
        "symbol": each.series.symbol,
        "store": each.store,
        "files": each.files,
        "bytes": each.bytes,
        "reason": each.reason,
    }


def _notes(recorder: Recorder, left: Sequence[Left]) -> list[str]:
    notes = [
        f"{worker.series}: another recording ran all the time; this one recorded nothing"
        for worker in recorder.workers
        if worker.waited and not worker.expected
    ]
    if left:
        size = sum(each.bytes for each in left)
        reason = next((each.reason for each in left if each.reason), "it was not tried")
        notes.append(
            f"In the spool, safe but not in their store yet: {counted(sum(each.files for each in left), 'file')}"
            f" ({bytes_text(size)}) of {len(left)} series: {reason.rstrip('.')}. The next recording tries again."
        )
    return notes


def _text(moment_ns: int | None) -> str | None:
    return None if moment_ns is None else f"{rfc3339(moment_ns // NS_PER_MS)[:19]}Z"
