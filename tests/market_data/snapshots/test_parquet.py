"""Order books as Parquet: exact to the letter, complete or absent, readable by anybody."""

import errno
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.exit_codes import ExitCode
from domain.money import plain
from domain.snapshots import OK, SECOND_NS, STATUSES, UNAVAILABLE, SeriesFacts, Snapshot, encode
from market_data.snapshots import columns, parquet
from market_data.snapshots.columns import COLUMNS, text_of
from market_data.snapshots.parquet import DamagedFile, SchemaError, read_columns, read_file, write_file

DAY_NS = 20_413 * 86_400 * SECOND_NS  # 2025-11-21
FACTS = SeriesFacts(
    "somewhere", "BTC/USDT:USDT", "BTCUSDT", "swap", "BTC", "USDT", "USDT", False, "0.001", "0.1", "0.001", "BTC", 100
)
BOOK = ((("93000.1", "0.5"), ("93000", "12")), (("93000.2", "0.00000001"),))


def at(second: int, **fields: object) -> Snapshot:
    return Snapshot(DAY_NS + second * SECOND_NS, **{"status": OK, "bids": BOOK[0], "asks": BOOK[1], **fields})


def written(path: Path, snapshots: list[Snapshot]) -> parquet.FileStat:
    return write_file(path, FACTS, snapshots)


def read(path: Path) -> list[Snapshot]:
    return list(read_file(path)[1])


numbers = st.one_of(
    st.decimals(min_value=0, max_value=10**20, allow_nan=False, allow_infinity=False, places=None).map(plain),
    st.integers(0, 10**20).map(str),
    st.builds(
        lambda digits, places: plain(columns.Decimal(digits).scaleb(-places)),
        st.integers(0, 10**20),
        st.integers(0, 24),
    ),
    st.floats(0, 1e18).map(text_of),
    st.sampled_from(("0", "-0", "-1.5", "1.10", "0.1", "01", "+1", "1e5", "0.00000637", "1_0", ".5")),
)
sides = st.lists(st.tuples(numbers, numbers), max_size=5).map(tuple)
whole = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers())


@st.composite
def days(draw: st.DrawFn) -> list[Snapshot]:
    seconds = sorted(draw(st.sets(st.integers(0, 86_399), min_size=1, max_size=8)))
    return [
        Snapshot(
            DAY_NS + second * SECOND_NS,
            draw(st.sampled_from(STATUSES)),
            draw(st.one_of(st.none(), st.text())),
            *(draw(whole) for _ in range(3)),
            draw(sides),
            draw(sides),
        )
        for second in seconds
    ]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=days())
def test_what_is_read_is_what_was_written_to_the_letter(tmp_path: Path, day: list[Snapshot]) -> None:
    stat = written(tmp_path / "any.parquet", day)
    facts, found = read_file(tmp_path / "any.parquet")
    lines = [encode(snapshot) for snapshot in found]
    assert lines == [encode(snapshot) for snapshot in day]
    assert facts == FACTS
    assert stat.content_sha256 == columns.hashlib.sha256(b"\n".join(lines)).hexdigest()


loose = st.one_of(
    st.text(max_size=3), st.integers(), st.sampled_from(('"', "\\", "\n", "\x7f", '1","2', '1"],["2', "ü"))
)
loose_sides = st.lists(st.lists(loose, max_size=3).map(tuple), max_size=3).map(tuple)


@settings(max_examples=50, deadline=None)
@given(fields=st.tuples(st.integers(), loose, st.one_of(st.none(), loose), st.booleans(), loose_sides, loose_sides))
def test_the_text_of_a_snapshot_is_what_json_writes(fields: tuple) -> None:
    time_ns, status, reason, flag, bids, asks = fields
    odd = Snapshot(time_ns, status, reason, flag, None, time_ns, bids, asks)
    assert encode(odd) == json.dumps(odd, separators=(",", ":"), ensure_ascii=False).encode()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=days(), loosely=st.sampled_from((None, (", ", ":"), (",", ":"))))
def test_texts_give_the_same_file_as_their_snapshots(tmp_path: Path, day: list[Snapshot], loosely: Any) -> None:
    """However they are written: without spaces, with them, or with every odd letter escaped."""
    lines = [encode(each) if loosely is None else json.dumps(each, separators=loosely).encode() for each in day]
    stat = write_file(tmp_path / "texts.parquet", FACTS, lines)
    assert stat == written(tmp_path / "snapshots.parquet", day)
    assert (tmp_path / "texts.parquet").read_bytes() == (tmp_path / "snapshots.parquet").read_bytes()
    assert list(parquet.read_texts(tmp_path / "texts.parquet")) == [encode(snapshot) for snapshot in day]
    assert parquet.content_read(tmp_path / "texts.parquet") == stat.content_sha256


USUAL = encode(at(0, sequence=7, received_at_ns=DAY_NS + 5))


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        (b"[[", b"[ ["), (b'","', b'", "'), (b'"],["', b'"] ,["'), (b'"]],[["', b'"]], [["'), (b'"]]]', b'"]] ]'),
        (b"[1763", b" [1763"), (b'"ok"', b'"\\u006fk"'), (b'"93000.1"', b'"\\u00393000.1"'), (b",null,", b", null,"),
    ],
)  # fmt: skip
def test_a_text_written_otherwise_is_stored_as_we_write_it(tmp_path: Path, usual: bytes, odd: bytes) -> None:
    line = USUAL.replace(usual, odd)
    assert line != USUAL
    plainly = written(tmp_path / "plain.parquet", [at(0, sequence=7, received_at_ns=DAY_NS + 5), at(1)])
    assert write_file(tmp_path / "odd.parquet", FACTS, [line, encode(at(1))]) == plainly


@pytest.mark.parametrize(
    ("usual", "wrong"),
    [
        (b"]]]", b"]]"), (b"]]]", b"]]x"), (b'"]],[["', b'"],[["'), (b'"ok"', b'"so-so"'), (b'"ok"', b'"soso"'),
        (b'"93000.1",', b""), (b"[1763", b"[01763"), (b",7,", b",+7,"), (USUAL, b"[]"), (USUAL, b""),
        (b'"93000.1"', b'"93\n0"'), (b'"93000.1"', b"93000.1"), (b'"ok"', b'"ok\xff"'),
        (b'"93000.1","', b'"93000.1":"'), (b'"],["93000"', b'"]["93000"'),
    ],
)  # fmt: skip
def test_a_text_that_is_no_snapshots_is_refused(tmp_path: Path, usual: bytes, wrong: bytes) -> None:
    line = USUAL.replace(usual, wrong, 1)
    assert line != USUAL
    with pytest.raises(ValueError):
        write_file(tmp_path / "no.parquet", FACTS, [line])
    assert list(tmp_path.glob("*.parquet*")) == []


def test_a_column_that_does_not_give_back_what_was_written_shows_in_the_content_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    stat = written(path, [at(0), at(1)])
    table = pq.read_table(path)
    index = table.schema.get_field_index("ask_sizes")
    other = pa.array([[1e-08], [2e-08]], table.schema.field(index).type)
    pq.write_table(table.set_column(index, table.schema.field(index), other), path)
    assert parquet.content_read(path) != stat.content_sha256


@settings(max_examples=150, deadline=None)
@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_has_one_canonical_text_and_arrow_agrees_with_python_on_it(number: float) -> None:
    text = text_of(number)
    assert float(text) == number
    assert "e" not in text
    by_arrow = pa.array([number]).cast(pa.string())[0].as_py()
    assert plain(columns.Decimal(by_arrow)) == text or number == 0


def test_a_row_that_doubles_cannot_give_back_keeps_its_whole_text_and_no_other_row_does(tmp_path: Path) -> None:
    odd = (("12345678901234567.1", "1"),)
    day = [
        at(0),
        at(1, bids=odd),
        at(2, sequence=2**63),
        at(3, sequence=2**63 - 1),
        at(4, bids=(("1.10", "1"),)),
        at(5),
    ]
    written(tmp_path / "odd.parquet", day)
    table = pq.read_table(tmp_path / "odd.parquet")
    kept = table.column("exact").to_pylist()
    assert [None if text is None else json.loads(text)[0] for text in kept] == [
        None, day[1].time_ns, day[2].time_ns, None, day[4].time_ns, None,
    ]  # fmt: skip
    assert table.column("bid").to_pylist()[1] == 12345678901234567.1, "the nearest double stands in the column"
    assert table.column("sequence").to_pylist() == [None, None, None, 2**63 - 1, None, None]
    assert read(tmp_path / "odd.parquet") == day


def test_the_types_are_the_same_in_every_file(tmp_path: Path) -> None:
    written(tmp_path / "plain.parquet", [at(0)])
    written(tmp_path / "odd.parquet", [at(0, bids=(("12345678901234567.1", "1"),), sequence=2**80)])
    written(tmp_path / "none.parquet", [Snapshot(DAY_NS, UNAVAILABLE, "no answer")])
    schemas = [pq.read_schema(tmp_path / f"{name}.parquet").remove_metadata() for name in ("plain", "odd", "none")]
    assert schemas[0] == schemas[1] == schemas[2] == columns.schema()
    assert tuple(schemas[0].names) == COLUMNS


def test_a_second_without_a_book_has_empty_lists_and_no_best_price(tmp_path: Path) -> None:
    day = [Snapshot(DAY_NS, UNAVAILABLE, "kein Anschluß ∅", DAY_NS + 7), at(1, asks=())]
    stat = written(tmp_path / "gap.parquet", day)
    rows = pq.read_table(tmp_path / "gap.parquet").to_pylist()
    assert (rows[0]["bid"], rows[0]["ask_size"], rows[0]["bid_prices"], rows[0]["ask_sizes"]) == (None, None, [], [])
    assert (rows[1]["bid"], rows[1]["bid_size"], rows[1]["ask"]) == (93000.1, 0.5, None)
    assert rows[0]["reason"] == "kein Anschluß ∅"
    assert (stat.rows, stat.by_status) == (2, {"ok": 1, "unavailable": 1})
    assert read(tmp_path / "gap.parquet") == day


def test_the_same_snapshots_give_the_same_bytes_and_the_stat_is_of_the_file(tmp_path: Path) -> None:
    day = [at(second, sequence=second) for second in range(700)]
    first, second = written(tmp_path / "a.parquet", day), written(tmp_path / "b.parquet", iter(day))
    data = (tmp_path / "a.parquet").read_bytes()
    assert data == (tmp_path / "b.parquet").read_bytes()
    assert first == second
    assert (first.bytes, first.sha256) == (len(data), columns.hashlib.sha256(data).hexdigest())
    assert (first.rows, first.first_ns, first.last_ns) == (700, DAY_NS, DAY_NS + 699 * SECOND_NS)
    assert pq.read_metadata(tmp_path / "a.parquet").metadata[parquet.CONTENT_KEY] == first.content_sha256.encode()


def test_many_row_groups_and_many_portions_are_one_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    day = [
        at(second, bids=(("93000.1", str(1 + second)), ("93000", "12345678901234567.1" if second % 97 == 0 else "2")))
        for second in range(1000)
    ]
    at_once = written(tmp_path / "one.parquet", day)
    monkeypatch.setattr(parquet, "GROUP_LEVELS", 400)
    monkeypatch.setattr(columns, "_TAKEN_TOGETHER", 50)
    in_groups = written(tmp_path / "many.parquet", day)
    groups = pq.ParquetFile(tmp_path / "many.parquet").metadata
    assert [groups.row_group(index).num_rows for index in range(groups.num_row_groups)] == [300, 300, 300, 100]
    assert in_groups.content_sha256 == at_once.content_sha256
    assert read(tmp_path / "many.parquet") == day
    since, until = day[310].time_ns, day[599].time_ns + 1
    tables = list(read_columns(tmp_path / "many.parquet", ["bid", "time"], since_ns=since, until_ns=until))
    assert [(table.column_names, table.num_rows) for table in tables] == [(["bid", "time"], 300)]


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ([], "no snapshots"),
        ([at(1), at(1)], "does not come after"),
        ([at(2), at(1)], "does not come after"),
        ([at(86_399), at(86_400)], "two UTC days"),
        ([at(0)._replace(time_ns=DAY_NS + 1)], "no whole second"),
        ([at(0, bids=(("much", "1"),))], "not a usable number: 'much'"),
        ([at(0, bids=(("NaN", "1"),))], "not a usable number"),
        ([at(0, bids=(("inf", "1"),))], "not a usable number"),
        ([at(0, bids=(("1e999", "1"),))], "not a usable number"),
        ([at(0, bids=(('1","2', "1"),))], "a price and a size"),
        ([at(0, bids=(("1", "2", "3"),))], "a price and a size"),
        ([at(0, bids=((1.5, 2.5),))], "a price and a size"),
    ],
)
def test_what_is_no_day_of_a_series_is_refused_and_leaves_nothing(tmp_path: Path, day: list, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        written(tmp_path / "store" / "no.parquet", day)
    assert list((tmp_path / "store").iterdir()) == []


def test_a_file_is_there_as_a_whole_or_as_it_was(tmp_path: Path) -> None:
    written(tmp_path / "store" / "kept.parquet", [at(0)])
    before = (tmp_path / "store" / "kept.parquet").read_bytes()

    def cut_short():
        yield from (at(second) for second in range(500))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "store" / "kept.parquet", FACTS, cut_short())
    assert (tmp_path / "store" / "kept.parquet").read_bytes() == before
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["kept.parquet"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / ".full.parquet.unfinished").symlink_to("/dev/full")
    with pytest.raises(OSError) as refused:
        written(tmp_path / "full.parquet", [at(second, sequence=second * 7919) for second in range(5000)])
    assert refused.value.errno == errno.ENOSPC
    assert not (tmp_path / "full.parquet").exists()


def rewritten(path: Path, **changes: str) -> None:
    """Write a file again with other metadata, as another version of this program would."""
    table = pq.read_table(path)
    known = {
        **pq.read_metadata(path).metadata,
        **{f"crossbook.{key}".encode(): value.encode() for key, value in changes.items()},
    }
    pq.write_table(table.replace_schema_metadata(known), path)


def test_a_newer_schema_is_refused_and_the_first_one_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    written(path, [at(0)])
    rewritten(path, schema="1")
    assert read(path) == [at(0)]
    rewritten(path, schema="2")
    with pytest.raises(
        SchemaError, match=r"file.parquet has schema 2; this version of Crossbook reads up to 1\."
    ) as no:
        read_file(path)
    assert (no.value.exit_code, no.value.hint) == (ExitCode.CONFIGURATION, "Read it with a newer version.")


FIRST_SCHEMA = [
    ("time", pa.timestamp("us", "UTC"), DAY_NS // 1000), ("venue", pa.string(), "somewhere"),
    ("symbol", pa.string(), "BTC/USDT:USDT"), ("status", pa.string(), "ok"), ("reason", pa.string(), None),
    ("sequence", pa.int64(), 9), ("received_at_ns", pa.int64(), DAY_NS + 5), ("venue_time_ns", pa.int64(), None),
    ("bid", pa.float64(), 93000.1), ("bid_size", pa.float64(), 0.5), ("ask", pa.float64(), 93000.2),
    ("ask_size", pa.float64(), 1e-08), ("bid_prices", pa.list_(pa.float64()), [93000.1, 93000.0]),
    ("bid_sizes", pa.list_(pa.float64()), [0.5, 12.0]), ("ask_prices", pa.list_(pa.float64()), [93000.2]),
    ("ask_sizes", pa.list_(pa.float64()), [1e-08]), ("exact", pa.string(), None),
]  # fmt: skip


def test_a_file_of_schema_1_put_together_by_hand_reads_as_its_snapshot(tmp_path: Path) -> None:
    """What schema 1 is, apart from the code that writes it: whoever changes the schema keeps this readable."""
    facts = (
        '{"venue":"somewhere","symbol":"BTC/USDT:USDT","native_id":"BTCUSDT","kind":"swap","base":"BTC","quote":"USDT",'
        '"settle":"USDT","inverse":false,"unit_size":"0.001","tick_size":"0.1","lot_size":"0.001","size_unit":"BTC","depth":100}'
    )
    table = pa.table({name: pa.array([value], kind) for name, kind, value in FIRST_SCHEMA})
    known = {"crossbook.schema": "1", "crossbook.facts": facts, "crossbook.content_sha256": "0" * 64}
    pq.write_table(table.replace_schema_metadata(known), tmp_path / "old.parquet")
    found, snapshots = read_file(tmp_path / "old.parquet")
    assert found == FACTS
    assert list(snapshots) == [at(0, sequence=9, received_at_ns=DAY_NS + 5)]


def test_a_file_of_somebody_else_is_named_as_such(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "foreign.parquet")
    with pytest.raises(SchemaError, match=r"foreign\.parquet holds no order books of Crossbook"):
        read_file(tmp_path / "foreign.parquet")


def test_a_damaged_file_is_one_sentence_wherever_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    day = [at(second, sequence=second * 7919, received_at_ns=second * 104_729) for second in range(400)]
    written(path, day)
    whole = path.read_bytes()
    for damaged in (
        b"",
        b"PAR1",
        whole[:-1],
        whole[: len(whole) // 2],
        whole[100:],
        b"no Parquet at all, but long enough",
    ):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFile, match=r"file\.parquet cannot be read: [^\n]+\.$") as no:
            read(path)
        assert no.value.exit_code == ExitCode.VERIFICATION_FAILED
    path.unlink()
    with pytest.raises(DamagedFile, match=r"There is no file .*file\.parquet\."):
        read(path)


def test_a_flipped_bit_in_the_data_never_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    written(path, [at(second, sequence=second * 7919, received_at_ns=second * 104_729) for second in range(400)])
    whole = path.read_bytes()
    places = pq.ParquetFile(path).metadata.row_group(0)
    starts = [
        places.column(index).data_page_offset
        for index in range(places.num_columns)
        if places.column(index).path_in_schema != "exact"
    ]
    end = max(starts)
    noticed = 0
    day = read(path)
    for place in range(4, end, max(1, end // 150)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            assert read(path) == day, f"byte {place} was changed, and what is read is something else"
        except DamagedFile:
            noticed += 1
    assert noticed > 50


def test_a_part_of_a_table_reads_as_its_snapshots(tmp_path: Path) -> None:
    day = [at(second, bids=BOOK[0][: second % 3], sequence=second) for second in range(9)]
    written(tmp_path / "file.parquet", day)
    table = next(read_columns(tmp_path / "file.parquet", columns.SNAPSHOT_COLUMNS))
    for begin in range(10):
        for end in range(begin, 10):
            assert list(columns.snapshots(table.slice(begin, end - begin))) == day[begin:end]


def test_open_files_are_read_as_paths_are(tmp_path: Path) -> None:
    written(tmp_path / "file.parquet", [at(0), at(1)])
    data = (tmp_path / "file.parquet").read_bytes()
    for source in (io.BytesIO(data), pa.BufferReader(data)):
        assert list(read_file(source)[1]) == [at(0), at(1)]


def test_duckdb_polars_and_pandas_read_the_files_without_us_and_agree_to_every_digit(tmp_path: Path) -> None:
    sizes = ("0.00000001", "123456789.12345", "0.1", "99999999999999.9", "0.000000000000123")
    day = [
        at(
            second,
            sequence=2**53 + second,
            received_at_ns=DAY_NS + second,
            bids=tuple(("93000.1", size) for size in sizes),
        )
        for second in range(310)
    ] + [Snapshot(DAY_NS + 400 * SECOND_NS, UNAVAILABLE, "no answer")]
    written(tmp_path / "a.parquet", day[:155])
    written(tmp_path / "b.parquet", day[155:])
    paths = f"{tmp_path}/*.parquet"
    query = f"""select epoch_ns(time), status, sequence, received_at_ns, bid, bid_sizes, ask_prices
                from read_parquet('{paths}') order by time"""
    by_duckdb = duckdb.sql(query).fetchall()
    frame = pl.read_parquet(paths).sort("time")
    by_polars = frame.select(
        pl.col("time").dt.timestamp("us") * 1000,
        "status",
        "sequence",
        "received_at_ns",
        "bid",
        "bid_sizes",
        "ask_prices",
    ).rows()
    both = pd.concat([pd.read_parquet(tmp_path / f"{name}.parquet", dtype_backend="pyarrow") for name in "ab"])
    both["time"] = both["time"].astype("int64[pyarrow]") * 1000
    by_pandas = [
        tuple(
            None
            if value is pd.NA
            else list(value)
            if hasattr(value, "__len__") and not isinstance(value, str)
            else value
            for value in row
        )
        for row in both[["time", "status", "sequence", "received_at_ns", "bid", "bid_sizes", "ask_prices"]].itertuples(
            index=False
        )
    ]
    ours = [
        (
            snapshot.time_ns, snapshot.status, snapshot.sequence, snapshot.received_at_ns,
            float(snapshot.bids[0][0]) if snapshot.bids else None,
            [float(size) for _, size in snapshot.bids], [float(price) for price, _ in snapshot.asks],
        )
        for snapshot in day
    ]  # fmt: skip
    assert [tuple(row) for row in by_duckdb] == ours
    assert [tuple(row) for row in by_polars] == ours
    assert by_pandas == ours
    assert [text_of(size) for size in by_duckdb[0][5]] == list(sizes), "the shortest text of a double is the number"


def test_times_and_nesting_are_what_spark_reads(tmp_path: Path) -> None:
    """Spark itself does not run here (no JVM): it refuses TIMESTAMP(NANOS), reads three-level lists and zstd."""
    written(tmp_path / "file.parquet", [at(0)])
    file = pq.ParquetFile(tmp_path / "file.parquet")
    kinds = {file.schema.column(index).path: file.schema.column(index) for index in range(len(file.schema.names))}
    assert "timeUnit=microseconds" in str(kinds["time"].logical_type)
    assert "isAdjustedToUTC=true" in str(kinds["time"].logical_type)
    assert kinds["bid_prices.list.element"].physical_type == "DOUBLE"
    places = file.metadata.row_group(0)
    for index in range(places.num_columns):
        assert places.column(index).compression == "ZSTD"
        assert set(places.column(index).encodings) <= {"PLAIN", "RLE", "RLE_DICTIONARY"}
