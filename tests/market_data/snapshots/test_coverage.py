"""What became of every second of a day."""

from domain.snapshots import LATE, OK, SECOND_NS, UNAVAILABLE
from market_data.snapshots.coverage import NOT_RECORDED, Coverage, Stretch, share_text

START = 1_795_132_800 * SECOND_NS  # 2026-11-20T00:00:00Z


def coverage_of(*rows: tuple[int, str, str | None]) -> Coverage:
    coverage = Coverage()
    for second, status, reason in rows:
        coverage.add(START + second * SECOND_NS, status, reason)
    return coverage


def at(second: int) -> int:
    return START + second * SECOND_NS


def test_a_whole_stretch_of_seconds_has_no_gap() -> None:
    coverage = coverage_of(*[(second, OK, None) for second in range(60)])
    found = coverage.covered()
    assert (found.expected, found.ok, found.not_recorded) == (60, 60, 0)
    assert list(coverage.stretches()) == []


def test_nothing_is_expected_where_there_is_no_row() -> None:
    found = Coverage().covered()
    assert (found.expected, found.rows, found.not_recorded, found.first_ns) == (0, 0, 0, None)


def test_gaps_are_counted_by_status_and_reason_and_put_together() -> None:
    coverage = coverage_of(
        (0, OK, None), (1, LATE, "after 1.2 s"), (2, LATE, "after 1.2 s"), (3, UNAVAILABLE, "no route"),
        (4, UNAVAILABLE, None), (5, OK, None), (6, LATE, "after 1.2 s"),
    )  # fmt: skip
    assert coverage.by_status == {OK: 2, UNAVAILABLE: 2, LATE: 3}
    assert coverage.by_reason == {(LATE, "after 1.2 s"): 3, (UNAVAILABLE, "no route"): 1, (UNAVAILABLE, ""): 1}
    assert list(coverage.stretches()) == [
        Stretch(at(1), at(2), 2, LATE, "after 1.2 s"),
        Stretch(at(3), at(4), 2, UNAVAILABLE, "no route"),
        Stretch(at(6), at(6), 1, LATE, "after 1.2 s"),
    ]


def test_seconds_without_a_row_are_a_gap_of_their_own_and_divide_others() -> None:
    coverage = coverage_of((0, OK, None), (1, OK, None), (2, LATE, None), (5, LATE, None), (6, OK, None))
    assert (coverage.expected, coverage.covered().not_recorded) == (7, 2)
    assert list(coverage.stretches()) == [
        Stretch(at(2), at(2), 1, LATE, None),
        Stretch(at(3), at(4), 2, NOT_RECORDED, None),
        Stretch(at(5), at(5), 1, LATE, None),
    ]


def test_the_beat_of_a_day_is_what_its_rows_keep_to() -> None:
    coverage = coverage_of(*[(second, OK, None) for second in range(0, 60, 5)], (75, OK, None))
    assert coverage.every_ns == 5 * SECOND_NS
    assert (coverage.expected, coverage.covered().not_recorded) == (16, 3)  # 60, 65 and 70
    assert list(coverage.stretches()) == [Stretch(at(60), at(70), 3, NOT_RECORDED, None)]


def test_rows_closer_than_the_beat_of_the_day_count_one_each() -> None:
    coverage = coverage_of(*[(second, OK, None) for second in range(0, 60, 5)], (56, OK, None), (57, OK, None))
    assert (coverage.expected, coverage.covered().not_recorded) == (14, 0)


def test_slots_of_a_picture_hold_what_was_expected_and_what_is_there() -> None:
    coverage = coverage_of((58, OK, None), (59, OK, None), (60, LATE, None), (63, OK, None))
    minute = 60 * SECOND_NS
    assert coverage.shares(minute) == {START // minute: (2, 2), START // minute + 1: (4, 1)}


def test_a_record_lists_a_limited_number_of_gaps_and_says_how_many_more_there_are() -> None:
    coverage = coverage_of(*[(second, OK if second % 2 else LATE, None) for second in range(300)])
    record = coverage.covered().record()
    assert len(record["gaps"]) == 100
    assert record["gaps_left_off"] == 50
    assert record["gaps"][0] == {
        "from": "2026-11-20T00:00:00Z", "to": "2026-11-20T00:00:00Z", "seconds": 1, "status": LATE, "reason": None,
    }  # fmt: skip


def test_reasons_beyond_the_most_frequent_are_counted_together() -> None:
    rows = [(second, LATE, f"answered {second} s after the second") for second in range(1, 60)]
    found = coverage_of((0, LATE, "often"), *rows, (60, LATE, "often")).by_reason
    assert len(found) == 21
    assert found[LATE, "often"] == 2
    assert found[LATE, "other"] == 40
    assert sum(found.values()) == 61


def test_only_the_whole_is_a_hundred_percent_and_only_nothing_is_none() -> None:
    assert share_text(86_400, 86_400) == "100.00 %"
    assert share_text(86_399, 86_400) == "99.99 %"
    assert share_text(1, 86_400) == "0.01 %"
    assert share_text(0, 86_400) == "0.00 %"
    assert share_text(0, 0) is None
