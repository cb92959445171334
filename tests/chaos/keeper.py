"""Kill `snapshot compact` and `snapshot prune` at random moments, in a folder and in a bucket that fails at random.

After each kill every day has to be there, whole: either its files as they were, or the one made of them, or, where a
pruning was begun, its manifest with the same checksum. In the end, undisturbed runs have to finish what is left.
"""

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from domain.snapshots import Series, encode
from market_data.snapshots.inventory import Place, take_inventory
from market_data.snapshots.layout import read_file_key
from market_data.snapshots.manifest import Manifest, read_manifest
from market_data.snapshots.proof import MISSING
from market_data.snapshots.publishing import stored_rows
from market_data.snapshots.verifying import Asked, verify
from tests.chaos.recorder import ROOT, owner
from tests.chaos.recorder_store import AFTER, BEFORE, BUCKET, FORGETS, LOSES, MOODS, WELL, Door, Guest
from tests.market_data.snapshots.filled import SPOT, SWAP, fill, rows_of
from utils.persistence.sinks.base import Sink
from utils.persistence.sinks.local import LocalSink
from utils.persistence.sinks.s3 import Options, S3Sink

COMPACT, PRUNE = "compact", "prune"
DIES_S = (0.25, 1.2)
"""When a process is killed that is not killed at a change or a request: so long after its start."""
CHANGES, REQUESTS = 18, 12
"""At which of its changes in a folder, or of its requests to a bucket, a process is killed at the latest, a day."""
BY_TIME, AGAIN = 0.2, 0.4
"""Share of the kills at a time, and of those after which the next process is killed, too."""
WITH_MOOD = 0.5
PATIENCE_S, END_S = 6.0, 60
"""A process that still lives then (its store fails again and again) is killed; so long may the last ones take."""


@dataclass
class Count:
    """What the runs came to. `wrong`: what was lost, doubled or altered, in words."""

    runs: int = 0
    kills: int = 0
    where: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = f"{len(self.wrong)} WRONG" if self.wrong else "nothing lost, doubled or altered"
        return f"{self.runs} stores, {self.kills} kills of compact and prune: {verdict}"


class Day(NamedTuple):
    """What a day was before anything was done with it."""

    manifest: Manifest
    rows: list[bytes]


class Store(NamedTuple):
    """A store of one run; `name` is what the command line takes."""

    sink: Sink
    name: str
    folder: Path | None


class Keepers:
    """Runs the commands on copies of one store, each copy in a folder or in the bucket."""

    def __init__(
        self, home: Path, door: Door, url: str, seed: int, days: int = 3, crew: Sequence[Series] = (SPOT, SWAP)
    ) -> None:
        self.count = Count()
        self._home, self._door, self._url, self._seed = home, door, url, seed
        (home / "config.yaml").write_text(f'storage: {{s3: {{region: us-east-1, endpoint_url: "{url}"}}}}\n')
        self._made = LocalSink(home / "made")
        today = datetime.now(UTC).date()
        self._days = [(today - timedelta(days=5 - day)).isoformat() for day in range(days)]
        for day in self._days:
            for series in crew:
                fill(self._made, home / "work", series, [*rows_of(day, 60, 90), *rows_of(day, 300, 20)], every_s=1)
        self._before = self._whole(self._made)

    def run(self, runs: int, group: int = 10) -> Iterator[Count]:
        """Do so many runs; the count so far is yielded now and then."""
        with owner():
            for number in range(runs):
                self._run(number)
                self.count.runs += 1
                if (number + 1) % group == 0 or number + 1 == runs:
                    yield self.count

    def _run(self, number: int) -> None:
        dice = random.Random(f"{self._seed}/{number}")
        store = self._copied(number)
        pruning = False
        for attempt in range(4):
            what = dice.choice((COMPACT, COMPACT, PRUNE))
            pruning |= what == PRUNE
            key = f"KEEPER{number}-{attempt}"
            where = self._killed(store, what, key, dice)
            self.count.kills += where is not None
            self.count.where[f"{what}: {where or 'lived'}"] += 1
            self._check(f"run {number}, after {what} {where}", store.sink, pruning)
            if dice.random() >= AGAIN:
                break
        for what in (COMPACT, PRUNE) if pruning else (COMPACT,):
            said = self._process(store, what, "OWNER").communicate(timeout=END_S)[1].decode(errors="replace")
            if "Traceback" in said or "nternal error" in said:
                self.count.wrong.append(f"run {number}: {what} said: {said[-400:]}")
        self._check(f"run {number}, in the end", store.sink, pruning)
        self._is_finished(f"run {number}", store.sink, pruning)

    def _copied(self, number: int) -> Store:
        if number % 2:
            sink: Sink = S3Sink(BUCKET, f"keeper{number}", Options(self._url, "us-east-1"))
            store = Store(sink, f"s3://{BUCKET}/keeper{number}", None)
        else:
            folder = self._home / f"store{number}"
            store = Store(LocalSink(folder), str(folder), folder)
        for found in self._made.list():
            store.sink.put(found.key, self._made.read(found.key))
        return store

    def _killed(self, store: Store, what: str, key: str, dice: random.Random) -> str | None:
        """Run a command and kill it; say where, or None when it was quicker."""
        by_time = dice.random() < BY_TIME
        limit_s, dies_at = dice.uniform(*DIES_S) if by_time else PATIENCE_S, None
        holder: list[subprocess.Popen[bytes]] = []
        guest = None
        if store.folder is None:
            mood = dice.choice((*MOODS, LOSES, FORGETS)) if dice.random() < WITH_MOOD else WELL
            at = None if by_time else (dice.randrange(1, REQUESTS * len(self._before)), dice.choice((BEFORE, AFTER)))
            guest = self._door.guests[key] = Guest(dice, mood, at, lambda: holder[0].kill())
        elif not by_time:
            dies_at = dice.randrange(1, CHANGES * len(self._before))
        holder.append(self._process(store, what, key, dies_at))
        process = holder[0]
        try:
            said = process.communicate(timeout=limit_s)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[1].decode(errors="replace")
        if "Traceback" in said or "nternal error" in said:
            self.count.wrong.append(f"{key}: {what} said: {said[-400:]}")
        if process.returncode >= 0:
            return None
        return (guest.died if guest else None) or ("before a change" if dies_at else "at a time")

    def _process(self, store: Store, what: str, key: str, dies_at: int | None = None) -> "subprocess.Popen[bytes]":
        program = ["main.py"] if dies_at is None else ["-m", "tests.chaos.dying_main"]
        # The first of the days; the other two stay.
        more = ["--older-than", "4d", "--yes"] if what == PRUNE else []
        told = {"CHAOS_STORE": store.name, "CROSSBOOK_HOME": str(self._home)}
        told |= {} if dies_at is None else {"CHAOS_DIES_AT": str(dies_at)}
        keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
        return subprocess.Popen(
            [sys.executable, *program, "snapshot", what, "--store", store.name, *more, "--json"],
            cwd=ROOT,
            env={**os.environ, **told, **keys},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def _whole(self, sink: Sink) -> dict[Place, Day]:
        found = {}
        for place in take_inventory(sink).places:
            manifest = read_manifest(sink, *place)
            assert manifest is not None
            found[place] = Day(manifest[0], _rows(sink, manifest[0]))
        return found

    def _check(self, when: str, sink: Sink, pruning: bool) -> None:
        """See that each day is the old one or the new one, and that `verify` finds nothing wrong."""
        wrong = self.count.wrong
        for place, before in self._before.items():
            found = read_manifest(sink, *place)
            if found is None:
                wrong.append(f"{when}: {place} has no manifest")
                continue
            now = found[0]
            if (now.content, now.chain, now.by_status) != (
                before.manifest.content, before.manifest.chain, before.manifest.by_status,
            ):  # fmt: skip
                wrong.append(f"{when}: {place} has another checksum")
            if now.pruned and not (pruning and place.day == self._days[0]):
                wrong.append(f"{when}: {place} is pruned")
            if not now.pruned and (told := _difference(sink, now, before.rows)):
                wrong.append(f"{when}: {place}: {told}")
        proof = verify(sink, Asked())
        wrong += [f"{when}: verify: {finding.kind}: {finding.what}" for day in proof.days for finding in day.findings]

    def _is_finished(self, when: str, sink: Sink, pruning: bool) -> None:
        """See that nothing is left of what was interrupted."""
        named = {place: found[0] for place in self._before if (found := read_manifest(sink, *place))}
        for place, held in take_inventory(sink).places.items():
            gone = pruning and place.day == self._days[0]
            files = [] if gone else [entry.key for entry in named[place].files]
            if sorted(held.files) != files or len(files) > 1:
                self.count.wrong.append(f"{when}: {place} has {sorted(held.files)} in the end")
            if any(entry.every_s != 1 for entry in named[place].files):
                self.count.wrong.append(f"{when}: {place} has forgotten its beat")


def _rows(sink: Sink, manifest: Manifest) -> list[bytes]:
    return [encode(row) for entry in manifest.files for row in stored_rows(sink, entry.key)]


def _difference(sink: Sink, manifest: Manifest, before: Sequence[bytes]) -> str | None:
    """Say how the rows that a manifest names differ from what they were."""
    there = {found.key for found in sink.list() if read_file_key(found.key)}
    lost = [entry.key for entry in manifest.files if entry.key not in there]
    if lost:
        return f"{MISSING}: {lost}"
    rows = _rows(sink, manifest)
    return None if rows == list(before) else f"{len(rows)} rows, not the {len(before)} of before"
