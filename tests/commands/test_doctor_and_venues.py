"""`doctor` finds what is wrong and says what to do; `venues` shows everything but a key's value."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands.clirun import ROOT, Done, crossbook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

VENUES = [
    name
    for name, entry in yaml.safe_load((ROOT / "config.yaml").read_text())["venues"].items()
    if entry.get("enabled", True) and "retired" not in entry
]
MARK = "never-show-this"
KEYS = {
    f"{name.upper()}_API_{part}": f"{MARK}-{name}-{part}" for name in VENUES for part in ("KEY", "SECRET", "PASSPHRASE")
}


def doctor(*arguments: str, **variables: str) -> Done:
    return crossbook("doctor", "--env", "sim", "--json", *arguments, **variables)


def finding(done: Done, check: str) -> dict[str, Any]:
    return next(found for found in done.json["findings"] if found["check"] == check)


# doctor -----------------------------------------------------------------------------------------------------------


def test_a_healthy_simulator_has_nothing_wrong(warm: Any) -> None:  # noqa: F811
    done = doctor()
    assert done.code == 0, done.out
    checks = {found["check"] for found in done.json["findings"]}
    assert {"configuration", "state folder", "cache folder", "simulator", "python"} <= checks
    for name in VENUES:
        assert {f"{name}: keys", f"{name}: instruments", f"{name}: reachable", f"{name}: clock"} <= checks
    assert not [found for found in done.json["findings"] if found["state"] == "wrong"]
    table = crossbook("doctor", "--env", "sim")
    assert table.code == 0
    assert " 0 wrong" in table.out


@pytest.mark.parametrize("skew_ms", [7000, -7000])
def test_a_clock_that_is_off_is_wrong_with_its_remedy(warm: Any, skew_ms: int) -> None:  # noqa: F811
    warm.set_fault("okx", "clock_skew", ms=skew_ms)
    done = doctor()
    assert done.code == 1
    found = finding(done, "okx: clock")
    assert found["state"] == "wrong"
    assert abs(int(found["seen"].split()[0]) - skew_ms) < 1000
    assert "clock" in found["remedy"]
    assert finding(done, "bybit: clock")["state"] == "ok"


def test_a_clock_that_is_a_little_off_is_a_warning(warm: Any) -> None:  # noqa: F811
    warm.set_fault("okx", "clock_skew", ms=1500)
    done = doctor()
    assert done.code == 0
    assert finding(done, "okx: clock")["state"] == "warning"


def test_the_measured_offset_is_kept_and_taken_off_the_age(warm: Any) -> None:  # noqa: F811
    warm.set_fault("okx", "clock_skew", ms=-20_000)
    arguments = ("bbo", "BTC/USDT", "--venue", "okx", "--env", "sim", "--json")
    assert crossbook(*arguments).json["venues"][0]["status"] == "stale"
    assert doctor("--venue", "okx").code == 1
    row = crossbook(*arguments).json["venues"][0]
    assert row["status"] == "ok"
    assert row["age_ms"] < 5000


@pytest.mark.parametrize(
    ("kind", "words"),
    [("geo_blocked", "geo_blocked"), ("down", "unavailable"), ("maintenance", "maintenance"), ("html_error", "okx")],
)
def test_a_venue_that_cannot_be_used_is_wrong_with_its_remedy(warm: Any, kind: str, words: str) -> None:  # noqa: F811
    warm.set_fault("okx", kind)
    done = doctor("--timeout", "4")
    assert done.code == 1
    found = finding(done, "okx: reachable")
    assert found["state"] == "wrong"
    assert words in found["seen"]
    assert found["remedy"]
    assert finding(done, "bybit: reachable")["state"] == "ok"


def test_a_venue_without_an_answer_is_wrong_at_the_deadline(warm: Any) -> None:  # noqa: F811
    warm.set_fault("okx", "timeout")
    done = doctor("--timeout", "1")
    assert done.code == 1
    assert "timeout" in finding(done, "okx: reachable")["seen"]


def test_keys_that_are_half_given_are_wrong(warm: Any) -> None:  # noqa: F811
    done = doctor("--venue", "okx", OKX_API_KEY=f"{MARK}-1")
    assert done.code == 1
    found = finding(done, "okx: keys")
    assert found["state"] == "wrong"
    assert found["remedy"]
    assert MARK not in done.out + done.err


def test_a_list_that_cannot_be_downloaded_is_wrong(sim: Any) -> None:
    sim.set_fault("okx", "geo_blocked")
    done = doctor("--venue", "okx")
    assert done.code == 1
    found = finding(done, "okx: instruments")
    assert found["state"] == "wrong"
    assert "symbols refresh" in found["remedy"]


def test_an_old_list_is_a_warning(warm: Any, home: Path) -> None:  # noqa: F811
    warm.set_fault("okx", "geo_blocked", path="*instruments*")
    done = doctor("--venue", "okx", CROSSBOOK_MARKET_TTL_H="0.001")
    # The list was made moments ago: only once it is older than 3.6 s is it old, so either is right.
    assert finding(done, "okx: instruments")["state"] in ("ok", "warning")


# venues -----------------------------------------------------------------------------------------------------------


def test_venues_lists_what_each_venue_is_can_and_costs(warm: Any) -> None:  # noqa: F811
    done = crossbook("venues", "--env", "sim", "--json")
    assert done.code == 0
    rows = {row["venue"]: row for row in done.json["venues"]}
    assert set(VENUES) <= set(rows)
    config = yaml.safe_load((ROOT / "config.yaml").read_text())["venues"]
    for name in VENUES:
        row = rows[name]
        assert row["class"] == config[name]["class"]
        assert row["urls"]
        assert all("127.0.0.1" in url for url in row["urls"])
        assert row["kinds"]
        assert "quotes" in row["can"]
        assert row["instruments"] >= 30
        assert row["fee_source"] or row["taker_fee_bps"] is None
        assert row["credentials"] == "the simulator"
    assert rows["okx"]["taker_fee_bps"]
    assert "books" not in rows["deriv"]["can"]
    assert "funding" in rows["bybit"]["can"]


def test_venues_shows_a_closed_venue_with_its_date(warm: Any) -> None:  # noqa: F811
    done = crossbook("venues", "--env", "sim", "--venue", "bitmart", "--venue", "okx", "--json")
    row = next(row for row in done.json["venues"] if row["venue"] == "bitmart")
    assert "2026-07-26" in row["retired"]


def test_the_table_of_venues_names_urls_fees_and_keys(warm: Any) -> None:  # noqa: F811
    done = crossbook("venues", "--env", "sim")
    assert done.code == 0
    for name in VENUES:
        assert name in done.out
    assert "127.0.0.1" in done.out
    assert "fees:" in done.out
    assert "the simulator" in done.out
    assert "none" in crossbook("venues", "--env", "paper").out


def test_the_users_own_fee_tier_wins_and_says_so(warm: Any, home: Path) -> None:  # noqa: F811
    (home / "config.yaml").write_text("venues: {okx: {taker_fee_bps: 2.5, maker_fee_bps: -0.5}}\n")
    (home / "config.yaml").chmod(0o600)
    row = crossbook("venues", "--env", "sim", "--venue", "okx", "--json").json["venues"][0]
    assert (row["taker_fee_bps"], row["maker_fee_bps"]) == (["2.5"], ["-0.5"])
    assert "configuration" in row["fee_source"]


# Keys -------------------------------------------------------------------------------------------------------------

LINES = [
    "venues",
    "venues --json",
    "doctor",
    "doctor --json",
    "bbo BTC/USDT",
    "config show --resolved --origin --json",
    "symbols map BTC/USDT --json",
    "ratelimit --json",
    "bbo NOSUCH/USDT",
    "version",
]


@pytest.mark.parametrize("line", LINES)
def test_no_output_shows_a_keys_value(warm: Any, home: Path, line: str) -> None:  # noqa: F811
    command = line.split()
    where = () if command[0] == "version" else ("--env", "sim")
    done = crossbook(*command, *where, **KEYS)
    assert MARK not in done.out + done.err
    kept = [path for folder in ("state", "cache") for path in (home / folder).rglob("*") if path.is_file()]
    assert kept
    assert all(MARK.encode() not in path.read_bytes() for path in kept)


def test_keys_are_shown_as_present_with_their_source(warm: Any) -> None:  # noqa: F811
    done = crossbook("venues", "--env", "sim", "--json", **KEYS)
    rows = {row["venue"]: row for row in json.loads(done.out)["venues"]}
    assert all(rows[name]["credentials"] for name in VENUES)
    assert MARK not in done.out + done.err
