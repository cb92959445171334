"""Expiries, and bars of any length."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from simulator.market.bars import MONTH, WEEK, Bar, candles
from simulator.market.calendar import (
    DAY_MS,
    HOUR_MS,
    dmmmyy,
    fridays,
    month_ends,
    quarter_code,
    quarter_ends,
    yymmdd,
)
from simulator.market.model import Candle, Listing
from simulator.market.synthetic import SyntheticMarket

HONG_KONG_MS = -8 * HOUR_MS
PAIR = Listing("v", "spot", "BTCUSDT", "spot", "BTC", "USDT", "", "0.1", "0.00001", "0.00001")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


NOW_MS = at("2026-11-18T11:06:40")


def test_weeks_expire_on_fridays_at_eight_and_one_that_did_is_not_listed_again() -> None:
    friday = at("2026-11-20T08:00")
    assert fridays(NOW_MS, 2) == [friday, at("2026-11-27T08:00")]
    assert fridays(friday - 1, 1) == [friday]
    assert fridays(friday, 1) == [at("2026-11-27T08:00")]


def test_months_and_quarters_end_on_their_last_fridays() -> None:
    assert month_ends(NOW_MS, 4) == [
        at(f"{day}T08:00") for day in ("2026-11-27", "2026-12-25", "2027-01-29", "2027-02-26")
    ]
    assert quarter_ends(NOW_MS, 3) == [at(f"{day}T08:00") for day in ("2026-12-25", "2027-03-26", "2027-06-25")]
    assert quarter_ends(at("2026-12-25T08:00"), 1) == [at("2027-03-26T08:00")]


def test_days_are_written_as_venues_write_them() -> None:
    assert [yymmdd(at("2026-12-04")), dmmmyy(at("2026-12-04")), dmmmyy(at("2026-12-25"))] == [
        "261204",
        "4DEC26",
        "25DEC26",
    ]
    assert [quarter_code(at(f"2027-{month}-26")) for month in ("03", "06", "09", "12")] == ["H27", "M27", "U27", "Z27"]


@pytest.mark.parametrize(
    ("bar", "start", "following"),
    [
        (WEEK, "2026-11-16", "2026-11-23"),
        (MONTH, "2026-11-01", "2026-12-01"),
        (Bar(93 * DAY_MS, 0, 3), "2026-10-01", "2027-01-01"),
        (Bar(DAY_MS, HONG_KONG_MS), "2026-11-17T16:00", "2026-11-18T16:00"),
        (Bar(31 * DAY_MS, HONG_KONG_MS, 1), "2026-10-31T16:00", "2026-11-30T16:00"),
        (Bar(4 * HOUR_MS), "2026-11-18T08:00", "2026-11-18T12:00"),
    ],
)
def test_bars_start_where_the_calendar_says(bar: Bar, start: str, following: str) -> None:
    assert bar.start_of(NOW_MS) == at(start)
    assert bar.next_start(at(start)) == at(following)
    assert bar.start_of(at(following) - 1) == at(start)


def whole(parts: list[Candle]) -> tuple[str, Decimal, Decimal, str, Decimal]:
    highest, lowest = max(Decimal(p.high) for p in parts), min(Decimal(p.low) for p in parts)
    return parts[0].open, highest, lowest, parts[-1].close, sum((Decimal(p.volume) for p in parts), Decimal(0))


@pytest.mark.parametrize("offset_ms", [0, HONG_KONG_MS])
def test_weeks_and_months_are_their_days_put_together(offset_ms: int) -> None:
    market = SyntheticMarket(7, NOW_MS, frozen=True, listings=[PAIR])
    for bar in (WEEK._replace(offset_ms=WEEK.offset_ms + offset_ms), MONTH._replace(offset_ms=offset_ms)):
        found = candles(market, PAIR, bar, NOW_MS - 70 * DAY_MS, NOW_MS - 9 * DAY_MS)
        assert len(found) in (2, 8, 9)
        for candle in found:
            end_ms = bar.next_start(candle.start_ms)
            days = market.candles(PAIR, DAY_MS, candle.start_ms, end_ms - 1, offset_ms)
            assert days[0].start_ms == candle.start_ms == bar.start_of(candle.start_ms)
            assert (
                candle.open,
                Decimal(candle.high),
                Decimal(candle.low),
                candle.close,
                Decimal(candle.volume),
            ) == whole(list(days))


def test_bars_with_an_offset_add_up_to_the_same_volume() -> None:
    market = SyntheticMarket(7, NOW_MS, frozen=True, listings=[PAIR])
    [day] = candles(market, PAIR, Bar(DAY_MS, HONG_KONG_MS), at("2026-11-10T16:00"), at("2026-11-11T15:59"))
    hours = market.candles(PAIR, HOUR_MS, at("2026-11-10T16:00"), at("2026-11-11T15:59"))
    assert len(hours) == 24
    assert (day.open, day.close) == (hours[0].open, hours[-1].close)
    assert float(day.volume) == pytest.approx(sum(float(h.volume) for h in hours), rel=1e-6)


def test_a_closed_bar_is_whole_although_the_question_ends_within_it() -> None:
    market = SyntheticMarket(7, NOW_MS, frozen=True, listings=[PAIR])
    wednesday = at("2026-11-04T00:00")
    assert candles(market, PAIR, WEEK, wednesday - 3 * DAY_MS, wednesday) == candles(
        market, PAIR, WEEK, at("2026-11-02"), at("2026-11-08")
    )


def test_a_hundred_weeks_are_made_while_an_event_loop_can_wait() -> None:
    market = SyntheticMarket(7, NOW_MS, frozen=True, listings=[PAIR])
    asked: list[int] = []
    made = market.candles

    def counted(listing: Listing, interval_ms: int, start_ms: int, end_ms: int, offset_ms: int = 0) -> list[Candle]:
        found = list(made(listing, interval_ms, start_ms, end_ms, offset_ms))
        asked.append(len(found))
        return found

    market.candles = counted  # type: ignore[method-assign]
    bar = WEEK._replace(offset_ms=WEEK.offset_ms + HONG_KONG_MS)
    assert len(candles(market, PAIR, bar, NOW_MS - 100 * WEEK.length_ms, NOW_MS)) == 100
    assert sum(asked) <= 707
