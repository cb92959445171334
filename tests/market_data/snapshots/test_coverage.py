"""What became of every second of a day."""

from domain.snapshots import LATE, OK, SECOND_NS, UNAVAILABLE
from market_data.snapshots.coverage import NOT_RECORDED, Coverage, Stretch, beats_s, expected_beats, share_text
from market_data.snapshots.manifest import FileEntry

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


def coverage_of_files(*files: tuple[int | None, list[int]]) -> Coverage:
    """The beat and the seconds of each file."""
    coverage = Coverage()
    for every_s, seconds in files:
        coverage.begin(every_s)
        for second in seconds:
            coverage.add(at(second), OK, None)
    return coverage


def entries(*files: tuple[int | None, list[int]]) -> list[FileEntry]:
    return [FileEntry("", len(held), at(held[0]), at(held[-1]), 0, "", "", every_s) for every_s, held in files]


def test_what_a_beat_was_is_known_from_its_file_and_not_guessed() -> None:
    # Two rows of a minute's recording at 1 s: their distance says 30 s.
    files = [(1, [0, 30])]
    coverage = coverage_of_files(*files)
    assert (coverage.every_ns, coverage.expected) == (SECOND_NS, 31)
    assert expected_beats(entries(*files)) == 31


def test_seconds_that_are_missing_between_two_runs_are_counted_at_the_beat_of_the_first() -> None:
    # A run that was killed at 00:20, and one that began at 01:00; a beat of 5 s before, of 1 s after.
    files = [(5, [0, 5, 10, 15, 20]), (1, list(range(60, 70)))]
    coverage = coverage_of_files(*files)
    assert list(coverage.stretches()) == [Stretch(at(25), at(55), 7, NOT_RECORDED, None)]
    assert coverage.expected == expected_beats(entries(*files)) == 22
    minute = 60 * SECOND_NS
    assert coverage.shares(minute) == {START // minute: (12, 5), START // minute + 1: (10, 10)}
    back = coverage_of_files((1, list(range(10))), (5, [15, 20]))
    assert [(gap.first_ns, gap.beats) for gap in back.stretches()] == [(at(10), 5)]
    assert back.covered().every_s == 1


def test_beats_that_were_not_written_down_are_estimated_beside_those_that_were() -> None:
    files = [(None, [0, 10, 20]), (2, [22, 24, 28]), (None, [40])]
    coverage = coverage_of_files(*files)
    assert [(gap.first_ns, gap.last_ns, gap.beats) for gap in coverage.stretches()] == [
        (at(26), at(26), 1), (at(30), at(38), 5),
    ]  # fmt: skip
    assert beats_s(entries(*files)) == [10, 2, 10]
    assert expected_beats(entries(*files)) == coverage.expected == 13


def test_files_of_a_row_each_are_as_far_apart_as_their_beat() -> None:
    files: list[tuple[int | None, list[int]]] = [(None, [60 * minute]) for minute in range(10) if minute != 4]
    assert beats_s(entries(*files)) == [60] * 9
    assert expected_beats(entries(*files)) == coverage_of_files(*files).expected == 10


def test_rows_and_manifests_come_to_the_same_expectation() -> None:
    import random

    dice = random.Random(7)
    for _ in range(50):
        files, second = [], 0
        for _ in range(dice.randrange(1, 6)):
            every = dice.choice((1, 2, 5, 10))
            second = -(-(second + dice.randrange(1, 60)) // every) * every
            held = [second + every * step for step in range(dice.randrange(1, 20)) if not step or dice.random() < 0.8]
            files.append((every, held))
            second = held[-1]
        assert coverage_of_files(*files).expected == expected_beats(entries(*files))
