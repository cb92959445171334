"""A short sample of the recorder's kill test, for every run of the suite; `make chaos` does the whole."""

import io
from pathlib import Path
from typing import Any

import pytest

from market_data.snapshots.parquet import read_file, write_file
from tests.chaos.recorder import CREWS, Recordings, owner
from tests.chaos.recorder_store import BUCKET, PREFIX, running
from utils.persistence.sinks.s3 import Options, S3Sink

RUNS = 2


@pytest.mark.timeout(120)
def test_killed_recorders_lose_no_row_and_double_none(sim: Any, home: Path) -> None:
    with running() as (door, url):
        recordings = Recordings(sim, home, door, url, seed=7390, crews=CREWS[:RUNS])
        for count in recordings.run(RUNS, days=1):
            assert not count.wrong, count.wrong
        assert count.runs == RUNS
        assert count.killed
        assert count.stored >= count.seen >= count.books > 0
        what_finds_nothing_wrong_can_find_it(recordings, url, home)


def what_finds_nothing_wrong_can_find_it(recordings: Recordings, url: str, home: Path) -> None:
    """A row too few, one twice, one that is not as it was: each is told."""
    sink = S3Sink(BUCKET, PREFIX, Options(url, "us-east-1"))
    with owner():
        key = next(each.key for each in sink.list() if each.key.endswith(".parquet"))
        content = sink.read(key)
        sink.delete(key)
        told = recordings.check()
        assert any(words.endswith("is lost") for words in told)
        assert any(words.startswith("verify: missing") for words in told)

        sink.put(key, content)
        assert recordings.check() == []
        again = f"{key[: -len('HHMMSS.parquet')]}000000.parquet"
        sink.put(again, content)
        told = recordings.check()
        assert any(words.endswith("is there 2 times") for words in told)
        assert f"verify: {again} is named by no manifest" in told
        sink.delete(again)

        facts, rows = read_file(io.BytesIO(content))
        first, *others = rows
        write_file(home / "other.parquet", facts, [first._replace(sequence=1), *others])
        sink.put(key, home / "other.parquet")
        told = recordings.check()
        assert any(words.endswith("was altered") for words in told)
        assert any(words.startswith("verify: altered") for words in told)
