"""What every store does alike, on a folder and on a real S3 server that verifies signatures."""

import hashlib
from pathlib import Path

import pytest

from tests.utils.persistence.s3server import BUCKET, S3Server, without_credentials
from utils.persistence.sinks.base import ABSENT, Sink, StoreConflict, StoreMissing
from utils.persistence.sinks.local import LocalSink
from utils.persistence.sinks.s3 import PART_BYTES, Options, S3Sink


@pytest.fixture(params=["local", "s3"])
def sink(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Sink:
    if request.param == "local":
        return LocalSink(tmp_path / "store")
    s3: S3Server = request.getfixturevalue("moto")
    s3.reset()
    without_credentials(monkeypatch, home)
    s3.as_user(monkeypatch)
    return S3Sink(BUCKET, "some/where", Options(endpoint_url=s3.url))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_what_was_put_is_there_with_its_checksum(sink: Sink) -> None:
    put = sink.put("a/b/c.bin", b"hello")
    assert put.sha256 == sha(b"hello")
    found = sink.head("a/b/c.bin")
    assert found is not None
    assert (found.key, found.size, found.etag, found.sha256) == ("a/b/c.bin", 5, put.etag, sha(b"hello"))
    assert sink.read("a/b/c.bin") == b"hello"


def test_a_file_is_put_as_bytes_are_even_a_large_one(sink: Sink, tmp_path: Path) -> None:
    data = bytes(range(256)) * (PART_BYTES // 256 + 5)
    (tmp_path / "large").write_bytes(data)
    put = sink.put("large", tmp_path / "large", only_if=ABSENT)
    found = sink.head("large")
    assert found is not None
    assert (put.sha256, found.sha256, found.size, found.etag) == (sha(data), sha(data), len(data), put.etag)
    assert sink.read("large", len(data) - 3) == data[-3:]
    assert sha(sink.read("large")) == sha(data)
    with pytest.raises(StoreConflict):
        sink.put("large", tmp_path / "large", only_if=ABSENT)


def test_parts_of_an_object_are_read(sink: Sink) -> None:
    sink.put("x", b"0123456789")
    assert sink.read("x", 2, 5) == b"234"
    assert sink.read("x", end=3) == b"012"
    assert sink.read("x", 7) == b"789"
    assert sink.read("x", 4, 4) == b""
    assert sink.read("x", 50) == b""


def test_what_is_absent_is_none_or_missing_and_may_be_deleted(sink: Sink) -> None:
    assert sink.head("no/such") is None
    with pytest.raises(StoreMissing) as error:
        sink.read("no/such")
    assert error.value.exit_code == 10
    assert "no/such" in error.value.message
    sink.delete("no/such")
    assert list(sink.list()) == []
    assert list(sink.folders("no")) == []


def test_a_put_where_nothing_may_be_never_replaces(sink: Sink) -> None:
    sink.put("k", b"first", only_if=ABSENT)
    with pytest.raises(StoreConflict) as error:
        sink.put("k", b"second", only_if=ABSENT)
    assert sink.read("k") == b"first"
    assert error.value.exit_code == 10
    assert not error.value.retryable


def test_a_put_over_a_version_replaces_that_version_only(sink: Sink) -> None:
    first = sink.put("k", b"1")
    second = sink.put("k", b"2", only_if=first.etag)
    with pytest.raises(StoreConflict):
        sink.put("k", b"3", only_if=first.etag)
    assert sink.read("k") == b"2"
    sink.delete("k")
    with pytest.raises(StoreConflict):
        sink.put("k", b"3", only_if=second.etag)
    assert sink.head("k") is None


def test_an_unconditional_put_replaces(sink: Sink) -> None:
    sink.put("k", b"1")
    sink.put("k", b"22")
    assert sink.read("k") == b"22"


def test_keys_are_listed_in_order_with_their_sizes(sink: Sink) -> None:
    for number, key in enumerate(["d/b", "d/a/z", "d/a.b", "e", "d-1/x"]):
        sink.put(key, b"." * number)
    assert [(each.key, each.size) for each in sink.list()] == [
        ("d-1/x", 4),
        ("d/a.b", 2),
        ("d/a/z", 1),
        ("d/b", 0),
        ("e", 3),
    ]
    assert [each.key for each in sink.list("d/a")] == ["d/a.b", "d/a/z"]
    assert [each.key for each in sink.list("d/")] == ["d/a.b", "d/a/z", "d/b"]
    assert list(sink.folders()) == ["d", "d-1"] or list(sink.folders()) == ["d-1", "d"]
    assert list(sink.folders("d")) == ["a"]
    sink.delete("d/a/z")
    assert list(sink.folders("d")) == []


def test_odd_characters_in_keys_come_back_as_they_were(sink: Sink) -> None:
    key = "order_books/2026-11-21/BTC%2FUSTD/a+b=c ü-000000.parquet"
    sink.put(key, b"x")
    assert [each.key for each in sink.list("order_books/")] == [key]
    assert sink.read(key) == b"x"
    assert list(sink.folders("order_books/2026-11-21")) == ["BTC%2FUSTD"]


@pytest.mark.parametrize("key", ["", "/abs", "a//b", "../out", "a/../b", "a/.hidden", "a/\0"])
def test_keys_stay_inside_the_store(sink: Sink, key: str) -> None:
    with pytest.raises(ValueError):
        sink.put(key, b"x")


def test_one_of_many_writers_of_the_same_key_wins(sink: Sink) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def write(number: int) -> bool:
        try:
            sink.put("k", b"%d" % number, only_if=ABSENT)
        except StoreConflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(write, range(8)))
    # moto looks, and then writes: its own race is not ours. A folder has none.
    assert sum(won) == 1 if isinstance(sink, LocalSink) else sum(won) >= 1
    assert won[int(sink.read("k"))]
