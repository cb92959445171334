"""SQL over a store: what it sees, what it may not do, and what is opened for it."""

import math
from pathlib import Path
from typing import Any

import pytest

from domain.errors import UsageError
from domain.snapshots import SECOND_NS, UNAVAILABLE, Series
from market_data.snapshots.exporting import export_to
from market_data.snapshots.parquet import DamagedFile
from market_data.snapshots.querying import Answer, ask, plain_value
from market_data.snapshots.selecting import Window, facts_of_file, moment_ns, stored_files, tables_of
from market_data.snapshots.stats import Asked, statistics
from tests.market_data.snapshots.recorded_store import START_NS, book, facts, put
from tests.utils.persistence.s3server import BUCKET, running, without_credentials
from utils.persistence.sinks.base import Sink, StoreUnavailable
from utils.persistence.sinks.local import LocalSink
from utils.persistence.sinks.s3 import Options, S3Sink


class Bucket(LocalSink):
    """A store that is read like a bucket: through `read` only. It counts what is asked, and can go away."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[str] = []
        self.gone = False

    def read(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        if key.endswith(".parquet"):
            self.asked.append(key)
            if self.gone:
                raise StoreUnavailable("The bucket does not answer.")
        return super().read(key, start, end)


@pytest.fixture(params=["folder", "bucket"])
def sink(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sink:
    made = Bucket(tmp_path / "store") if request.param == "bucket" else LocalSink(tmp_path / "store")
    if request.param == "bucket":
        monkeypatch.setattr("market_data.snapshots.sources.LocalSink", type("Nothing", (), {}))
    hour = 3600
    put(made, facts(), [book(second, [("99", "1"), ("98", "2.5")], [("101", "4")]) for second in range(5)])
    put(made, facts(), [book(hour + second, [("100", "1")], [("102", "4")]) for second in range(5)])
    put(made, facts("ETH/USDT", "binance"), [book(0, [("9", "1")], [("10", "1")]), book(1, [], [], UNAVAILABLE)])
    return made


def asked(sink: Sink, sql: str, window: Window | None = None) -> Answer:
    window = window or Window()
    return ask(sink, stored_files(sink, window), sql, window)


def rows(sink: Sink, sql: str, window: Window | None = None) -> list[tuple[Any, ...]]:
    return list(asked(sink, sql, window).rows())


def test_books_are_the_rows_as_stored(sink: Sink) -> None:
    found = rows(
        sink, "SELECT time, venue, symbol, status, bid_prices, sequence FROM books ORDER BY venue, time LIMIT 3"
    )
    assert found == [
        ("2026-11-21T00:00:00Z", "binance", "ETH/USDT", "ok", [9.0], 100),
        ("2026-11-21T00:00:01Z", "binance", "ETH/USDT", "unavailable", [], 101),
        ("2026-11-21T00:00:00Z", "okx", "BTC/USDT", "ok", [99.0, 98.0], 100),
    ]


def test_bbo_has_mid_and_spread_and_nulls_without_a_book(sink: Sink) -> None:
    found = rows(sink, "SELECT bid, ask, mid, spread, spread_bps FROM bbo WHERE venue = 'binance' ORDER BY time")
    assert found[0][:4] == (9.0, 10.0, 9.5, 1.0)
    assert math.isclose(found[0][4], 1 / 9.5 * 10_000)
    assert found[1] == (None,) * 5


def test_levels_are_a_row_each_counted_from_one(sink: Sink) -> None:
    sql = "SELECT side, level, price, size FROM levels WHERE venue='okx' AND time='2026-11-21T00:00:00Z' ORDER BY ALL"
    assert rows(sink, sql) == [("ask", 1, 101.0, 4.0), ("bid", 1, 99.0, 1.0), ("bid", 2, 98.0, 2.5)]


def test_a_window_cuts_to_the_second(sink: Sink) -> None:
    window = Window(START_NS + 3 * SECOND_NS, START_NS + 3602 * SECOND_NS)
    assert rows(sink, "SELECT count(*) FROM books WHERE venue = 'okx'", window) == [(4,)]


def test_a_store_without_books_has_the_views_and_no_rows(tmp_path: Path) -> None:
    assert rows(LocalSink(tmp_path / "none"), "SELECT * FROM bbo") == []
    assert [column.name for column in asked(LocalSink(tmp_path / "none"), "FROM bbo").columns][:2] == ["time", "venue"]


def test_files_that_a_filter_cannot_need_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market_data.snapshots.sources.LocalSink", type("Nothing", (), {}))
    sink = Bucket(tmp_path / "store")
    put(sink, facts(), [book(0, [("9", "1")], [("10", "1")])])
    kept = put(sink, facts(), [book(3600, [("9", "1")], [("10", "1")])])
    put(sink, facts("ETH/USDT"), [book(3600, [("9", "1")], [("10", "1")])])
    sql = "SELECT bid FROM bbo WHERE symbol = 'BTC/USDT' AND time >= '2026-11-21T00:30:00Z'"
    assert rows(sink, sql) == [(9.0,)]
    assert set(sink.asked) == {kept}


def test_what_no_manifest_names_is_not_seen(sink: Sink) -> None:
    assert isinstance(sink, LocalSink)
    file = next(path for path in sorted(sink.root.rglob("*.parquet")) if "ETH" in str(path))
    file.with_name("binance-230000.parquet").write_bytes(file.read_bytes())
    assert rows(sink, "SELECT count(*) FROM books WHERE venue = 'binance'") == [(2,)]


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{folder}/out'",
        "WITH a AS (COPY (SELECT 1) TO '{folder}/out') SELECT 1 FROM bbo",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/out'",
        "EXPORT DATABASE '{folder}/out'",
        "ATTACH '{folder}/out'",
        "CREATE TABLE made AS SELECT 1",
        "SELECT * FROM read_text('{folder}/secret')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM read_parquet('{folder}/store/*')",
        "SELECT * FROM 'http://127.0.0.1:9/x.parquet'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "FROM enable_logging('debug', storage = 'file', storage_path = '{folder}/out')",
        "",
    ],
)
def test_a_query_reads_the_views_and_does_nothing_else(sql: str, sink: Sink, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError):
        rows(sink, sql.format(folder=tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_pythons_own_variables_are_no_tables(sink: Sink) -> None:
    import pyarrow as pa

    hidden = pa.table({"a": [1]})
    with pytest.raises(UsageError, match="does not exist"):
        rows(sink, "SELECT * FROM hidden")
    assert hidden.num_rows == 1


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT nope FROM bbo", '"nope" not found'),
        ("SELECT * FROM nope", "nope does not exist"),
        ("SELECT error('it broke')", "it broke"),
    ],
)
def test_a_wrong_query_is_one_sentence(sql: str, said: str, sink: Sink) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        rows(sink, sql)
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 2


def test_a_bucket_that_goes_away_is_said_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market_data.snapshots.sources.LocalSink", type("Nothing", (), {}))
    sink = Bucket(tmp_path / "store")
    put(sink, facts(), [book(0, [("9", "1")], [("10", "1")])])
    files = stored_files(sink, Window())
    sink.gone = True
    with pytest.raises(StoreUnavailable, match="does not answer"):
        list(ask(sink, files, "SELECT * FROM books", Window()).rows())


def test_a_flipped_bit_is_an_error_and_no_answer(tmp_path: Path) -> None:
    sink = LocalSink(tmp_path / "store")
    key = put(sink, facts(), [book(second, [("9", "1")], [("10", "1")]) for second in range(50)])
    whole = (sink.root / key).read_bytes()
    sums = rows(sink, "SELECT count(status), sum(bid), sum(list_sum(ask_sizes)), sum(sequence) FROM books")
    for place in range(8, len(whole) // 2, 97):
        (sink.root / key).write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            found = rows(sink, "SELECT count(status), sum(bid), sum(list_sum(ask_sizes)), sum(sequence) FROM books")
        except DamagedFile:
            continue
        assert found == sums  # the bit was in a column that the query did not need


@pytest.mark.parametrize("change", ["cut", "gone", "empty"])
def test_a_file_that_is_not_whole_is_said_by_its_name(change: str, tmp_path: Path) -> None:
    sink = LocalSink(tmp_path / "store")
    path = sink.root / put(sink, facts(), [book(0, [("9", "1")], [("10", "1")])])
    files = stored_files(sink, Window())
    path.write_bytes(path.read_bytes()[:-20] if change == "cut" else b"")
    if change == "gone":
        path.unlink()
    with pytest.raises(DamagedFile, match=r"okx-000000\.parquet cannot be read"):
        list(ask(sink, files, "SELECT * FROM books", Window()).rows())


def test_values_of_every_kind_become_plain(sink: Sink) -> None:
    sql = """SELECT 'nan'::DOUBLE, sum(1), 1.5::DECIMAL(10,2), DATE '2026-11-21',
             TIMESTAMP_NS '2026-11-21 00:00:00.123456789',
             {'a': [TIMESTAMPTZ '2026-11-21 00:00:00Z']}, 'x'::BLOB, NULL, INTERVAL 3 DAY, true"""
    (found,) = rows(sink, sql)
    assert found[:2] == (None, 1)
    assert str(found[2]) == "1.50"
    assert found[3:8] == (
        "2026-11-21", "2026-11-21T00:00:00.123456", {"a": ["2026-11-21T00:00:00Z"]}, "78", None,
    )  # fmt: skip
    assert found[9] is True
    assert plain_value(math.inf) is None


def test_a_series_that_is_not_there_names_those_that_are_near(sink: Sink) -> None:
    with pytest.raises(UsageError, match="nothing of okx BTC/USDC") as caught:
        stored_files(sink, Window(), Series("okx", "BTC/USDC"))
    assert "okx:BTC/USDT" in (caught.value.hint or "")
    assert stored_files(sink, Window(0, START_NS), Series("okx", "BTC/USDT")) == []


def test_a_manifest_that_leads_out_of_the_store_is_refused(sink: Sink) -> None:
    assert isinstance(sink, LocalSink)
    manifest = next(path for path in sorted(sink.root.rglob("okx.manifest.json")))
    manifest.write_text(
        manifest.read_text().replace("order_books/2026-11-21/BTCUSDT/okx-000000", "../../etc/okx-000000")
    )
    with pytest.raises(DamagedFile):
        stored_files(sink, Window())


@pytest.mark.parametrize(
    ("text", "seconds"), [("2026-11-21", 0), ("2026-11-21T01:00Z", 3600), ("2026-11-21T01:00+01:00", 0), ("30m", -1800)]
)
def test_moments_are_instants_in_utc_or_spans_before_now(text: str, seconds: int) -> None:
    assert moment_ns(text, START_NS // 1_000_000) == START_NS + seconds * SECOND_NS


@pytest.mark.parametrize("text", ["yesterday", "1950-01-01", "", "5y"])
def test_moments_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        moment_ns(text, START_NS // 1_000_000)


def test_a_window_without_a_second_is_refused() -> None:
    with pytest.raises(UsageError, match="between"):
        Window.read("2026-11-22", "2026-11-21", START_NS // 1_000_000)


def test_a_real_bucket_is_asked_through_boto3_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as server:
        server.reset()
        without_credentials(monkeypatch, home)
        server.as_user(monkeypatch)
        sink = S3Sink(BUCKET, "here", Options(endpoint_url=server.url))
        for first in (0, 3600):
            put(sink, facts(), [book(first + second, [("99", "1")], [("101", "4")]) for second in range(5)])
        assert rows(sink, "SELECT count(*), avg(mid), sum(list_sum(ask_sizes)) FROM books JOIN bbo USING (time)") == [
            (10, 100.0, 40.0)
        ]
        files = stored_files(sink, Window(), facts().series)
        asked_for = Asked(3600 * SECOND_NS, 200.0, 99.0)
        found = statistics(facts_of_file(sink, files[0]), tables_of(sink, files, Window()), Window(), asked_for)
        assert (found.total.rows, found.total.spread_mean) == (10, 200.0)
        done = export_to(str(home / "out"), "csv", sink, files, Window(), None)
        assert done.rows == 10
