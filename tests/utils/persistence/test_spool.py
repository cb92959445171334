"""Spool files: what was appended is there, whatever cut the writer short."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ConfigError
from utils.persistence.spool import Spool, examine, read_header, records

HEADER = {"series": "okx BTC/USDT", "note": "höhe"}
ROWS = [b"first", b"", b"x" * 3000, "größer".encode()]


def written(path: Path, rows: list[bytes] = ROWS, *, closed: bool = False) -> Path:
    spool = Spool.create(path, HEADER)
    for row in rows:
        spool.append(row)
    if closed:
        spool.finish({"over": True})
    else:
        spool.sync()
        spool.release()
    return path


def test_records_come_back_as_they_were_appended_with_the_header(tmp_path: Path) -> None:
    path = written(tmp_path / "a.spool", closed=True)
    assert list(records(path)) == ROWS
    assert read_header(path) == HEADER
    found = examine(path)
    assert (found.records, found.last, found.closing, found.torn_bytes) == (4, ROWS[-1], {"over": True}, 0)
    assert path.stat().st_mode & 0o077 == 0


@settings(max_examples=30)
@given(rows=st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_records(rows: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = written(tmp_path_factory.mktemp("spool") / "a.spool", rows)
    assert list(records(path)) == rows


def test_wherever_a_file_is_cut_the_records_before_the_cut_are_read(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.spool", [*ROWS[:2], b"y" * 40]).read_bytes()
    ends = [examine(cut_at(tmp_path, whole, size)).records for size in range(header_end(), len(whole) + 1)]
    assert ends == sorted(ends)
    assert (ends[0], ends[-1]) == (0, 3)
    torn = examine(cut_at(tmp_path, whole, len(whole) - 1))
    assert (torn.records, torn.torn_bytes, torn.closing) == (2, 8 + 40 - 1, None)


def test_a_flipped_bit_costs_its_record_and_none_of_the_others(tmp_path: Path) -> None:
    whole = bytearray(written(tmp_path / "a.spool").read_bytes())
    whole[whole.index(b"xxx") + 100] ^= 1
    path = cut_at(tmp_path, bytes(whole), len(whole))
    assert list(records(path)) == [*ROWS[:2], ROWS[3]]
    found = examine(path)
    assert (found.records, found.last, found.damaged_bytes, found.torn_bytes) == (3, ROWS[3], 8 + 3000, 0)


def test_a_damaged_file_is_gone_on_with_after_its_last_whole_record(tmp_path: Path) -> None:
    whole = bytearray(written(tmp_path / "a.spool").read_bytes())
    whole[whole.index(b"xxx") + 100] ^= 1
    path = cut_at(tmp_path, bytes(whole), len(whole) - 1)
    spool, found = Spool.resume(path)
    assert (found.damaged_bytes, found.torn_bytes) == (0, 8 + 3000 + 8 + len(ROWS[3]) - 1)
    spool.append(b"next")
    spool.finish({})
    assert list(records(path)) == [*ROWS[:2], b"next"]


JSON_ROW = st.builds(
    lambda number, text: json.dumps([number, text, [["60000.5", "0.25"]]], ensure_ascii=False).encode(),
    st.integers(0, 10**18),
    st.text(max_size=40),
)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(st.one_of(JSON_ROW, st.binary(max_size=60)), min_size=1, max_size=12),
    closed=st.booleans(),
    place=st.floats(0, 1, exclude_max=True),
    flip=st.integers(1, 255),
)
def test_any_changed_byte_costs_at_most_the_record_it_is_in(
    rows: list[bytes], closed: bool, place: float, flip: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("spool") / "a.spool", rows, closed=closed)
    whole = bytearray(path.read_bytes())
    position = int(place * len(whole))
    whole[position] ^= flip
    path.write_bytes(whole)
    left = list(records(path))
    begins = header_end()
    hit = None
    for number, row in enumerate(rows):
        ends = begins + 8 + len(row)
        hit = number if begins <= position < ends else hit
        begins = ends
    assert left == [row for number, row in enumerate(rows) if number != hit]
    found = examine(path)
    assert found.header == HEADER
    assert (found.closing is not None) == closed
    if hit is not None:
        assert found.damaged_bytes + found.torn_bytes == 8 + len(rows[hit])


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"\xff" * 5000, b"[1,2]" * 5000], ids=["zeros", "ones", "text"])
def test_what_a_loss_of_power_leaves_behind_is_no_record(tmp_path: Path, tail: bytes) -> None:
    path = written(tmp_path / "a.spool")
    path.write_bytes(path.read_bytes() + tail)
    assert list(records(path)) == ROWS
    assert examine(path).torn_bytes == len(tail)


def test_a_block_of_the_disk_that_is_gone_costs_the_records_in_it(tmp_path: Path) -> None:
    rows = [f"row {number} ".encode() * 30 for number in range(200)]
    whole = bytearray(written(tmp_path / "a.spool", rows, closed=True).read_bytes())
    whole[8192:12288] = bytes(4096)
    path = cut_at(tmp_path, bytes(whole), len(whole))
    left = list(records(path))
    assert set(left) < set(rows)
    assert len(rows) - len(left) <= 4096 // len(rows[0]) + 2
    assert 4096 <= examine(path).damaged_bytes <= 4096 + 2 * (8 + len(rows[-1]))
    assert examine(path).closing == {"over": True}


def test_a_damaged_file_of_an_hour_is_read_in_a_moment(tmp_path: Path) -> None:
    rows = [b"[%d,%s]" % (number, b'"60000.5",' * 400) for number in range(1000)]
    whole = bytearray(written(tmp_path / "a.spool", rows).read_bytes())
    for place in range(1000, len(whole), len(whole) // 20):
        whole[place] ^= 0x10
    path = cut_at(tmp_path, bytes(whole), len(whole))
    begun = time.process_time()
    assert 975 <= examine(path).records <= 985
    assert time.process_time() - begun < 2


def test_a_file_goes_on_after_its_last_whole_record(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.spool").read_bytes()
    path = cut_at(tmp_path, whole, len(whole) - 3)
    spool, found = Spool.resume(path)
    assert (found.records, found.torn_bytes) == (3, 8 + len(ROWS[3]) - 3)
    spool.append(b"next")
    spool.finish({})
    assert list(records(path)) == [*ROWS[:3], b"next"]


def test_a_closed_file_is_not_opened_for_more_and_no_file_is_made_twice(tmp_path: Path) -> None:
    path = written(tmp_path / "a.spool", closed=True)
    with pytest.raises(ConfigError, match="closed"):
        Spool.resume(path)
    with pytest.raises(FileExistsError):
        Spool.create(path, HEADER)
    assert list(records(path)) == ROWS


@pytest.mark.parametrize("content", [b"", b"CBSPOOL2", b"something else entirely", b"CBSPOOL2\x01\0\0\0\0\0\0\0x"])
def test_what_is_no_spool_file_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = cut_at(tmp_path, content, len(content))
    for reads in (examine, read_header, lambda it: list(records(it)), Spool.resume):
        with pytest.raises(ConfigError, match="no spool file"):
            reads(path)


def test_a_record_that_the_disk_does_not_take_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path / "a.spool", HEADER)
    spool.append(b"before")
    size = spool.size
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            spool.append(b"z" * 500)
        with pytest.raises(OSError, match="File too large"):
            spool.finish({"note": "z" * 500})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert (spool.size, spool.path.stat().st_size) == (size, size)
    spool.append(b"after")
    spool.finish({})
    assert list(records(spool.path)) == [b"before", b"after"]


def test_what_a_failed_sync_left_open_is_taken_back(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path / "a.spool", HEADER)
    spool.append(b"durable")
    spool.sync()
    size = spool.size
    spool.append(b"doubtful")
    spool.rewind(size)
    spool.append(b"doubtful, again")
    spool.finish({})
    assert list(records(spool.path)) == [b"durable", b"doubtful, again"]


def test_whatever_kills_the_writer_what_it_had_appended_is_there(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom utils.persistence.spool import Spool\n"
        "spool = Spool.create(Path(sys.argv[1]), {})\n"
        "for number in range(10**9):\n"
        "    spool.append(b'%d' % number * 50)\n"
        "    if number % 100 == 0:\n        print(number, flush=True)\n"
    )
    path = tmp_path / "a.spool"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    ) as writer:
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(5)]
        os.kill(writer.pid, signal.SIGKILL)
        said += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    rows = list(records(path))
    assert rows == [b"%d" % number * 50 for number in range(len(rows))]
    assert len(rows) > said[-1]


def cut_at(folder: Path, content: bytes, size: int) -> Path:
    path = folder / "cut.spool"
    path.write_bytes(content[:size])
    return path


def header_end() -> int:
    """Where the first record begins: the header is there twice."""
    return 8 + 2 * (8 + len(json.dumps(HEADER, separators=(",", ":"), ensure_ascii=False).encode()))
