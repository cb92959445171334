"""Alerts: what may be watched, when one fires, and what an unknown figure does."""

from decimal import Decimal

import pytest

from domain.errors import UsageError
from monitoring.alerts import METRICS, Alert, Alerts, parse_alert

VENUES = ["binance", "okx"]


def alerts(*texts: str) -> Alerts:
    return Alerts([parse_alert(text, VENUES) for text in texts])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("net_pnl < -500", ("net_pnl", None, "<", Decimal(-500))),
        (" fees@okx>=0.25 ", ("fees", "okx", ">=", Decimal("0.25"))),
        ("venues_down > 0", ("venues_down", None, ">", Decimal(0))),
    ],
)
def test_an_alert_is_a_figure_a_comparison_and_a_number(text: str, meant: tuple[object, ...]) -> None:
    assert parse_alert(text, VENUES)[1:] == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("net_pnl", "cannot be read"),
        ("net_pnl == 3", "cannot be read"),
        ("profit < 3", "'profit', which is no figure"),
        ("net_pnl < much", "'much' is no number"),
        ("net_pnl < nan", "'nan' is no number"),
        ("net_pnl@kraken < 3", "kraken, which is not watched"),
        ("venues_down@okx > 0", "about all venues"),
        ("quote_age_s@okx > 30", "about all venues"),
        ("", "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_alert(text, VENUES)
    assert said in refused.value.message
    assert refused.value.hint


def test_it_fires_when_it_becomes_true_and_again_only_after_it_was_false() -> None:
    watch = alerts("net_pnl < -500")
    fired = [
        len(watch.judge({("net_pnl", None): Decimal(value)}, 1)) for value in (0, -501, -900, -499, -500, -500.5, -1)
    ]
    assert fired == [0, 1, 0, 0, 0, 1, 0]
    assert watch.count == 2


def test_an_unknown_figure_neither_fires_nor_calms_an_alert() -> None:
    watch = alerts("unrealized@okx < -100")
    scope = ("unrealized", "okx")
    assert watch.judge({scope: None}, 1) == []
    assert [alert.metric for alert in watch.unknown({scope: None})] == ["unrealized"]
    assert len(watch.judge({scope: Decimal(-101)}, 2)) == 1
    assert watch.judge({scope: None}, 3) == []
    assert len(watch.active) == 1
    assert watch.judge({scope: Decimal(-102)}, 4) == []


def test_what_it_says_names_the_condition_and_the_figure() -> None:
    firing = alerts("fees > 10").judge({("fees", None): Decimal("10.50")}, 7)[0]
    assert firing.sentence() == "ALERT fees > 10: fees is 10.5"
    assert firing.time_ms == 7


def test_every_figure_says_what_it_is() -> None:
    assert all(METRICS.values())
    assert isinstance(parse_alert(f"{next(iter(METRICS))} < 1", VENUES), Alert)
