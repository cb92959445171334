"""Wiring a recording: session, store, spool, signals, progress."""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from commands.session import Session, open_session
from domain.errors import UsageError
from utils.config.paths import state_dir

if TYPE_CHECKING:
    from market_data.snapshots.planning import Wanted
    from market_data.snapshots.schedule import Plan
    from utils.persistence.sinks.base import Sink
    from utils.rendering import Report


def run_recording(
    env: str | None,
    venues: Sequence[str],
    wanted: "Wanted",
    plan: "Callable[[int], Plan]",
    *,
    to_s3: bool,
    place: str | None,
) -> "Report":
    """Record until the plan is over, Ctrl-C or SIGTERM; `plan` makes one of the time at which all is ready."""
    from market_data.snapshots.beginning import look_at, signals
    from market_data.snapshots.planning import jobs
    from market_data.snapshots.recording import Recorder
    from market_data.snapshots.recording_report import recording_report, started
    from market_data.snapshots.recording_view import progress
    from market_data.snapshots.recovering import Shipper, spool_root, to_stores, workdir

    began_ns = time.time_ns()
    session = open_session(env, venues)
    sink = _store(session, place, to_s3=to_s3)
    found, notes = jobs(session.venues, session.config, wanted)
    notes += look_at(sink)
    home = state_dir() / "recording"
    root, on_their_way = spool_root(home, session.venues.place.key), workdir(home)
    with progress(sys.stderr) as (show, say), signals() as told:
        shipper = Shipper(root, to_stores(session.config.storage, on_their_way), say, time.time_ns)
        recorder = Recorder(found, plan(time.time_ns()), root, sink.name, shipper, say, began_ns=began_ns)
        for note in [*notes, started(recorder, sink.name)]:
            say(note)
        recorder.run(lambda running: (show(running), not told)[1])
    with suppress(OSError):
        on_their_way.rmdir()
    interrupted = signal.SIGINT in told and recorder.plan.end_ns is not None
    return recording_report(recorder, session.environment, sink.name, interrupted=interrupted)


def _store(session: Session, place: str | None, *, to_s3: bool) -> "Sink":
    from utils.persistence.sinks.opening import configured_bucket, open_store

    if to_s3 and place:
        raise UsageError("--to and --to-s3 contradict each other.", hint="Give one of them.")
    storage = session.config.storage
    return open_store(configured_bucket(storage) if to_s3 else place, storage, session.environment)
