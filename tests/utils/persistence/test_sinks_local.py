"""A folder as a store: nothing half-written, nothing lost, and the operating system's refusals in words."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from domain.errors import ConfigError, UsageError
from domain.exit_codes import ExitCode
from utils.config.settings import S3Settings, StorageSettings
from utils.persistence.sinks import local
from utils.persistence.sinks.base import ABSENT, StoreConflict, StoreFull, StoreMisconfigured, StoreRefused
from utils.persistence.sinks.local import LocalSink
from utils.persistence.sinks.opening import configured_bucket, open_store
from utils.persistence.sinks.s3 import S3Sink

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def sink(tmp_path: Path) -> LocalSink:
    return LocalSink(tmp_path / "store")


def files(sink: LocalSink) -> list[str]:
    return sorted(path.relative_to(sink.root).as_posix() for path in sink.root.rglob("*") if path.is_file())


def test_a_write_that_fails_leaves_nothing(sink: LocalSink, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sink.put("a", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFull) as error:
        sink.put("a", b"new")
    assert "no space left" in error.value.message
    assert error.value.retryable
    assert error.value.exit_code == ExitCode.UNAVAILABLE
    assert sink.read("a") == b"old"
    assert files(sink) == [".crossbook.lock", "a"]


def test_file_and_folder_are_synced_before_a_put_returns(sink: LocalSink, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, link = os.fsync, os.link

    def synced(descriptor: int) -> None:
        done.append(re.sub(r".*/|\.\d+-\d+", "", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def linked(source: Path, target: Path) -> None:
        done.append(f"-> {target.name}")
        link(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    sink.put("d/e/x", b"1", only_if=ABSENT)
    above = sink.root.parent.name
    assert done == [above, "store", "d", ".x.tmp", "-> x", "e"]


KILLED = """
import sys, os, itertools
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from utils.persistence.sinks.local import LocalSink
sink = LocalSink(Path(sys.argv[2]))
print("ready", flush=True)
for number in itertools.count():
    sink.put("k", (b"%08d" % number) * 40000)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_object(sink: LocalSink) -> None:
    for delay in (0.003, 0.011, 0.023):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(ROOT), str(sink.root)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 10
        while sink.head("k") is None and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(delay)  # any moment will do: what is asserted holds at all of them
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        data = sink.read("k")
        assert len(data) == 320_000
        assert data == data[:8] * 40_000
        assert [each.key for each in sink.list()] == ["k"]
        sink.put("k", b"free")  # a dead writer holds no lock
        sink.delete("k")


def test_what_a_dead_writer_left_is_removed_after_an_hour(sink: LocalSink) -> None:
    sink.put("d/k", b"1")
    old, new, other = (sink.root / "d" / name for name in (".k.1-0.tmp", ".k.2-0.tmp", ".other.1-0.tmp"))
    for path in (old, new, other):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    os.utime(other, (1, 1))
    sink.put("d/k", b"2")
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)
    assert [each.key for each in sink.list()] == ["d/k"]


def test_a_file_system_without_links_still_never_replaces(sink: LocalSink, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    sink.put("k", b"1", only_if=ABSENT)
    with pytest.raises(StoreConflict):
        sink.put("k", b"2", only_if=ABSENT)
    assert sink.read("k") == b"1"
    assert files(sink) == [".crossbook.lock", "k"]


def test_a_place_that_is_no_folder_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreMisconfigured) as error:
        LocalSink(tmp_path / "file").put("k", b"1")
    assert error.value.exit_code == ExitCode.CONFIGURATION
    assert error.value.hint


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EACCES, StoreRefused), (errno.EROFS, StoreRefused), (errno.EDQUOT, StoreFull)]
)
def test_what_the_system_refuses_is_one_sentence(
    sink: LocalSink, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(local, "_write", refused)
    with pytest.raises(kind, match=re.escape(os.strerror(number).lower())) as error:
        sink.put("k", b"1")
    assert str(error.value).count(".") - str(sink.root).count(".") == 1


def test_stores_are_opened_by_what_a_user_writes(home: Path, tmp_path: Path) -> None:
    nothing = StorageSettings()
    assert open_store(None, nothing).name == str(home / "state" / "snapshots")
    assert open_store(None, nothing, "paper").name == str(home / "state" / "snapshots")
    assert open_store(None, nothing, "sim").name == str(home / "state" / "snapshots-sim")
    assert open_store(str(tmp_path / "x"), nothing).name == str(tmp_path / "x")
    assert open_store(None, StorageSettings(path=str(tmp_path))).name == str(tmp_path)
    bucket = open_store("s3://my-bucket/a/b/", StorageSettings(s3=S3Settings(region="eu-central-1")))
    assert isinstance(bucket, S3Sink)
    assert (bucket.bucket, bucket.prefix, bucket.name) == ("my-bucket", "a/b/", "s3://my-bucket/a/b")
    assert open_store("s3://my-bucket", nothing).name == "s3://my-bucket"


@pytest.mark.parametrize("text", ["gs://bucket/x", "s3://", "s3:///x", "s3://b/a//c", "s3://b/../c", "", "s3://b/x?y"])
def test_what_names_no_store_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        open_store(text, StorageSettings())
    assert "s3://bucket" in f"{error.value.message} {error.value.hint}"


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        open_store(str(tmp_path / "x.parquet"), StorageSettings())


def test_the_bucket_of_to_s3_is_configured() -> None:
    assert configured_bucket(StorageSettings(s3=S3Settings(url="s3://b/p"))) == "s3://b/p"
    assert configured_bucket(StorageSettings(path="s3://b")) == "s3://b"
    with pytest.raises(ConfigError, match="No bucket") as error:
        configured_bucket(StorageSettings(path="/data"))
    assert "storage.s3.url" in str(error.value.hint)


COUNTING = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from utils.persistence.sinks.base import StoreConflict
from utils.persistence.sinks.local import LocalSink
sink = LocalSink(Path(sys.argv[2]))
for _ in range(40):
    while True:
        etag = sink.head("n").etag
        value = int(sink.read("n"))
        try:
            sink.put("n", b"%d" % (value + 1), only_if=etag)
            break
        except StoreConflict:
            pass
"""


def test_of_processes_that_update_the_same_object_none_undoes_another(sink: LocalSink) -> None:
    sink.put("n", b"0")
    command = [sys.executable, "-c", COUNTING, str(ROOT), str(sink.root)]
    children = [subprocess.Popen(command) for _ in range(3)]
    assert [child.wait(30) for child in children] == [0, 0, 0]
    assert sink.read("n") == b"120"
