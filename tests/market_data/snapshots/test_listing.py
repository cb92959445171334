"""What a store has, and what one recorded second looks like."""

from pathlib import Path

import pytest

from domain.errors import UsageError
from domain.exit_codes import ExitCode
from domain.snapshots import SECOND_NS, UNAVAILABLE
from market_data.snapshots import parquet
from market_data.snapshots.asking import day_is_over, first_day, last_day_before, one_day, second_of, series_of
from market_data.snapshots.compacting import compact
from market_data.snapshots.coverage import second_text
from market_data.snapshots.inventory import take_inventory
from market_data.snapshots.layout import manifest_key
from market_data.snapshots.listing import list_store
from market_data.snapshots.parquet import DamagedFile
from market_data.snapshots.pruning import plan_pruning, prune
from market_data.snapshots.showing import book_at
from tests.market_data.snapshots.filled import DAYS, SPOT, SWAP, day_start_ns, facts_of, fill, row, rows_of
from utils.persistence.sinks.base import StoreMissing
from utils.persistence.sinks.local import LocalSink

NOON_MS = day_start_ns(DAYS[2]) // 1_000_000 + 43_200_000


def at(day: str, second: int) -> int:
    return day_start_ns(day) + second * SECOND_NS


def test_each_series_is_listed_with_its_days_rows_coverage_and_bytes(sink: LocalSink) -> None:
    listing = list_store(sink)
    swap, spot = listing.series
    assert (swap.series, swap.days, swap.rows, swap.expected) == (SWAP, [DAYS[2]], 90, 90)
    assert (spot.days, spot.files, spot.rows, spot.ok, spot.expected) == (list(DAYS), 9, 420, 402, 450)
    assert spot.bytes == sum(each.size for each in sink.list() if "okx-" in each.key)
    assert (second_text(spot.first_ns), second_text(spot.last_ns)) == ("2026-11-19T01:00:00Z", "2026-11-21T01:02:29Z")
    assert listing.exit_code == ExitCode.OK
    assert [each.days for each in list_store(sink, {SPOT}, DAYS[1]).by_day] == [[DAYS[1]], [DAYS[2]]]


def test_no_file_of_rows_is_read_for_a_list(sink: LocalSink) -> None:
    for each in list(sink.list()):
        if each.key.endswith(".parquet"):
            (sink.root / each.key).write_bytes(b"")
    assert [each.rows for each in list_store(sink).series] == [90, 420]


def test_a_slower_beat_is_known_by_the_files(tmp_path: Path) -> None:
    store = LocalSink(tmp_path / "store")
    fill(store, tmp_path / "work", SPOT, [*rows_of(DAYS[0], 0, 24, every_s=5), *rows_of(DAYS[0], 300, 12, every_s=5)])
    (found,) = list_store(store).series
    assert (found.rows, found.expected) == (36, 72)


def test_pruned_days_and_days_without_a_manifest_are_told_apart(sink: LocalSink) -> None:
    prune(sink, plan_pruning(sink, {SPOT}, DAYS[0]).days)
    sink.delete(manifest_key(SPOT, DAYS[1]))
    listing = list_store(sink)
    spot = listing.series[1]
    assert (spot.pruned, spot.rows, spot.problems) == (1, 140, [f"{DAYS[1]} has files and no manifest."])
    assert listing.exit_code == ExitCode.VERIFICATION_FAILED


def test_what_is_not_ours_is_not_listed(sink: LocalSink) -> None:
    theirs = [
        "order_books/readme.txt", "order_books/2026-11-21/notes.txt", "order_books/2026-11-21/notes/a.parquet",
        "order_books/2026-13-01/BTCUSDT/okx-000000.parquet", "order_books/2026-11-21/BTCUSDT/okx-1.parquet",
        "order_books/2026-11-21/BTCUSDT/a/okx-000000.parquet", "other/2026-11-21/BTCUSDT/okx-000000.parquet",
    ]  # fmt: skip
    for key in theirs:
        sink.put(key, b"theirs")
    inventory = take_inventory(sink, everything=True)
    assert sorted(inventory.foreign) == sorted(theirs)
    assert [each.rows for each in list_store(sink).series] == [90, 420]


def test_the_book_of_a_second_is_the_one_that_was_recorded(sink: LocalSink) -> None:
    shown = book_at(sink, SPOT, at(DAYS[1], 3650))
    assert shown.snapshot == row(at(DAYS[1], 3650))
    assert (shown.facts, shown.age_s) == (facts_of(SPOT), 0)


def test_without_an_instant_the_last_row_of_all_is_shown(sink: LocalSink) -> None:
    assert book_at(sink, SPOT).snapshot == row(at(DAYS[2], 3749))


@pytest.mark.parametrize(
    ("day", "asked", "found_day", "found"),
    [(1, 3705, 1, 3699), (1, 86_399, 1, 3749), (2, 100, 1, 3749), (1, 3660, 1, 3660), (1, 3659, 1, 3659)],
    ids=["in a hole", "after the last", "before the first of the day", "first of a file", "last of a file"],
)
def test_the_nearest_row_before_is_shown_with_its_age(
    sink: LocalSink, day: int, asked: int, found_day: int, found: int
) -> None:
    shown = book_at(sink, SPOT, at(DAYS[day], asked))
    assert shown.snapshot.time_ns == at(DAYS[found_day], found)
    assert shown.age_s == (at(DAYS[day], asked) - at(DAYS[found_day], found)) // SECOND_NS


def test_the_rows_of_a_compacted_day_are_found_in_each_of_its_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_LEVELS", 0)
    store = LocalSink(tmp_path / "store")
    rows = rows_of(DAYS[0], 0, 700)
    del rows[650:660]
    fill(store, tmp_path / "work", SPOT, rows)
    compact(store, (), lambda _: True, lambda _: None)
    (key,) = [each.key for each in store.list() if each.key.endswith(".parquet")]
    assert len(list(parquet.read_columns(store.root / key, ["time", "bid_prices"]))) == 3
    for second in (0, 1, 299, 300, 599, 600, 649, 660, 699):
        assert book_at(store, SPOT, at(DAYS[0], second)).snapshot.time_ns == at(DAYS[0], second)
    assert book_at(store, SPOT, at(DAYS[0], 655)).snapshot.time_ns == at(DAYS[0], 649)


def test_a_gap_is_shown_as_what_it_is(sink: LocalSink) -> None:
    shown = book_at(sink, SPOT, at(DAYS[0], 3672))
    assert (shown.snapshot.status, shown.snapshot.reason, shown.snapshot.bids) == (UNAVAILABLE, "no route", ())


def test_nothing_is_shown_before_the_beginning_or_of_an_unknown_series(sink: LocalSink) -> None:
    with pytest.raises(UsageError, match="recorded so early") as early:
        book_at(sink, SPOT, at(DAYS[0], 3599))
    assert early.value.hint == "It begins at 2026-11-19T01:00:00Z."
    with pytest.raises(UsageError, match="nothing of okx ETH/USDT"):
        book_at(sink, SPOT._replace(symbol="ETH/USDT"))


def test_a_file_that_is_gone_or_damaged_is_one_sentence(sink: LocalSink) -> None:
    (key,) = [each.key for each in sink.list() if each.key.endswith("2026-11-20/BTCUSDT/okx-010000.parquet")]
    (sink.root / key).write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(DamagedFile):
        book_at(sink, SPOT, at(DAYS[1], 3600))
    sink.delete(key)
    with pytest.raises((DamagedFile, StoreMissing)):
        book_at(sink, SPOT, at(DAYS[1], 3600))


@pytest.mark.parametrize(
    ("words", "series"),
    [
        (("okx:BTC/USDT",), SPOT),
        (("okx", "btc/usdt"), SPOT),
        (("Binance:BTC/USDT:USDT",), SWAP),
        (("binance", "BTC/USDT:USDT"), SWAP),
    ],
)
def test_a_series_is_one_word_or_two(words: tuple[str, ...], series: object) -> None:
    assert series_of(*words) == series


@pytest.mark.parametrize("words", [("okx",), ("okx:",), (":BTC/USDT",), ("BTC/USDT",), ("",), ("okx", "")])
def test_anything_else_is_no_series(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="no series"):
        series_of(*words)


def test_days_and_instants_are_read_as_utc() -> None:
    assert first_day("2d", NOON_MS) == DAYS[0]
    assert first_day("2026-11-20", NOON_MS) == DAYS[1]
    assert first_day("2026-11-19T23:30-01:00", NOON_MS) == DAYS[1]
    assert first_day("2026-11-20T23:30:00Z", NOON_MS) == DAYS[1]
    assert last_day_before("1d", NOON_MS) == DAYS[0]  # the 20th ended twelve hours ago
    assert one_day("20261120") == DAYS[1]
    assert second_of("2026-11-21T01:02:03.9Z") == second_of("2026-11-21 02:02:03+01:00") == at(DAYS[2], 3723)
    assert day_is_over(DAYS[1], NOON_MS) == DAYS[1]


@pytest.mark.parametrize("text", ["tomorrow", "2026-11-22", "12x", ""])
def test_what_is_no_time_in_the_past_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        first_day(text, NOON_MS)
    with pytest.raises(UsageError):
        day_is_over(one_day(text) if text.startswith("2026") else "9999", NOON_MS)


def test_a_span_to_prune_is_a_day_at_least() -> None:
    with pytest.raises(UsageError, match="shorter than a day"):
        last_day_before("23h", NOON_MS)
