"""Which stretches of time are still to be read."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitoring.ledger.ranges import Range, merged, missing

SOME = st.lists(st.builds(Range, st.integers(0, 40), st.integers(0, 40)), max_size=6)


def moments(ranges: list[Range]) -> set[int]:
    return {moment for item in ranges for moment in range(item.from_ms, item.until_ms + 1)}


@given(SOME)
def test_merging_keeps_every_moment_and_leaves_no_ranges_that_touch(ranges: list[Range]) -> None:
    joined = merged(ranges)
    assert moments(joined) == moments(ranges)
    assert all(one.until_ms + 1 < other.from_ms for one, other in pairwise(joined))


@given(SOME, st.integers(0, 40), st.integers(0, 40))
def test_what_is_missing_is_what_is_wanted_and_not_covered(covered: list[Range], start: int, end: int) -> None:
    wanted = Range(start, end)
    assert moments(missing(covered, wanted)) == moments([wanted]) - moments(covered)


def test_only_the_end_of_the_newest_stretch_is_read_again() -> None:
    covered = [Range(0, 100), Range(200, 300)]
    assert missing(covered, Range(0, 320), overlap_ms=20) == [Range(101, 199), Range(281, 320)]


def test_an_overlap_longer_than_the_stretch_reads_no_more_than_the_stretch() -> None:
    assert missing([Range(100, 110)], Range(0, 120), overlap_ms=50) == [Range(0, 99), Range(100, 120)]
