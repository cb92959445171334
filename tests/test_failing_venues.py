"""Venues that fail, and caches that are lost: a partial answer, then a clear empty one, always within the deadline."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.commands.clirun import ROOT, Done, crossbook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

SYMBOL = "BTC/USDT"
TIMEOUT_S = 2.0
GRACE_S = 2.0  # starting the interpreter on a busy machine included
USABLE = {"ok"}


class Timed(NamedTuple):
    """A command's end and how long its process took."""

    done: Done
    took_s: float


def bbo(*arguments: str, timeout_s: float = TIMEOUT_S, **variables: str) -> Timed:
    began = time.monotonic()
    done = crossbook("bbo", SYMBOL, "--env", "sim", "--json", "--timeout", str(timeout_s), *arguments, **variables)
    return Timed(done, time.monotonic() - began)


def rows(done: Done) -> dict[str, dict[str, Any]]:
    return {row["venue"]: row for row in done.json["venues"]}


def asked(done: Done) -> list[str]:
    """Name the venues that list the symbol."""
    return [name for name, row in rows(done).items() if row["status"] not in ("not_listed", "retired")]


@pytest.fixture
def listing(warm: Any) -> list[str]:  # noqa: F811
    """The venues that answer while all is well."""
    done = bbo(timeout_s=10).done
    assert done.code == 0
    names = asked(done)
    assert len(names) >= 5
    return names


@pytest.mark.parametrize("kind", ["down", "timeout"])
@pytest.mark.parametrize(("count", "code"), [(1, 8), (3, 8), (None, 6)], ids=["one", "three", "all"])
def test_failing_venues_give_a_partial_and_then_a_clear_empty_answer_in_time(
    warm: Any,  # noqa: F811
    listing: list[str],
    kind: str,
    count: int | None,
    code: int,
) -> None:
    failing = listing[:count]
    for name in failing:
        warm.set_fault(name, kind)
    done, took_s = bbo()
    assert done.code == code
    assert took_s < TIMEOUT_S + GRACE_S
    assert "Traceback" not in done.err
    found = rows(done)
    for name in failing:
        assert found[name]["status"] == "unavailable"
        assert found[name]["reason"]
        assert found[name]["bid"] is None
        assert found[name]["ask"] is None
    for name in set(listing) - set(failing):
        assert found[name]["status"] == "ok"
    if count is None:
        assert done.json["best_bid"] is None
        assert done.json["best_ask"] is None
    else:
        assert done.json["best_bid"]["venue"] not in failing
        assert done.json["best_ask"]["venue"] not in failing


def test_the_table_says_why_nothing_can_be_shown(warm: Any, listing: list[str]) -> None:  # noqa: F811
    for name in listing:
        warm.set_fault(name, "down")
    done = crossbook("bbo", SYMBOL, "--env", "sim", "--timeout", "2")
    assert done.code == 6
    assert done.out.count("unavailable") == len(listing)
    assert "No venue gave a usable price." in done.out


def test_a_reference_that_cannot_be_traded_is_shown_when_no_venue_answers(
    warm: Any,  # noqa: F811
    listing: list[str],
) -> None:
    for name in listing:
        warm.set_fault(name, "geo_blocked")
    done, _ = bbo()
    assert done.code == 6
    assert {rows(done)[name]["status"] for name in listing} == {"geo_blocked"}
    assert done.json["reference"]["price"]
    assert done.json["best_bid"] is None
    table = crossbook("bbo", SYMBOL, "--env", "sim")
    assert "cannot be traded" in table.out


def test_a_venue_that_fails_while_lists_are_downloaded_is_a_row_and_not_the_end(sim: Any) -> None:
    sim.set_fault("okx", "down")
    done, took_s = bbo(timeout_s=5)
    assert done.code == 8
    assert rows(done)["okx"]["status"] == "unavailable"
    assert took_s < 15
    assert "okx: no instruments" in done.err


# One process after another ----------------------------------------------------------------------------------------


def test_a_deadline_on_the_command_line_is_for_the_first_download_too(sim: Any) -> None:
    sim.set_fault("okx", "timeout")
    done, took_s = bbo(timeout_s=3)
    assert done.code == 8
    assert took_s < 3 + GRACE_S
    assert rows(done)["okx"]["status"] == "unavailable"


def test_a_silent_venue_with_an_old_list_costs_no_more_than_the_timeout(warm: Any, home: Path) -> None:  # noqa: F811
    warm.set_fault("okx", "timeout")
    began = time.monotonic()
    variables = {"CROSSBOOK_TIMEOUT_S": "1.5", "CROSSBOOK_MARKET_TTL_H": "0.001"}
    with sqlite3.connect(cache(home, "markets.sqlite")) as lists:
        lists.execute("UPDATE lists SET fetched_at_ms = fetched_at_ms - 3600000")
    lists.close()
    done = crossbook("bbo", SYMBOL, "--env", "sim", "--json", **variables)
    assert time.monotonic() - began < 2 * 1.5 + GRACE_S
    assert done.code == 8
    assert "an older list is used" in done.err


def total(sim: Any, venue: str) -> int:
    return sum(sim.requests(venue).values())


def test_a_dead_venue_is_left_alone_by_the_next_processes(warm: Any) -> None:  # noqa: F811
    warm.set_fault("okx", "drop_request")
    for _ in range(2):
        assert rows(bbo("--venue", "okx", "--venue", "bybit").done)["okx"]["status"] == "unavailable"
    warm.reset_requests()
    done, took_s = bbo("--venue", "okx", "--venue", "bybit", timeout_s=20)
    assert total(warm, "okx") == 0
    assert total(warm, "bybit") > 0
    assert done.code == 8
    assert "not asked" in rows(done)["okx"]["reason"]
    assert took_s < 10  # it did not wait for the dead one
    limits = crossbook("ratelimit", "--env", "sim", "--json")
    assert "open" in limits.out


def test_a_venue_that_has_recovered_is_asked_again(warm: Any) -> None:  # noqa: F811
    warm.set_fault("okx", "drop_request")
    for _ in range(2):
        bbo("--venue", "okx")
    warm.clear_faults()
    deadline = time.monotonic() + 20
    while (done := bbo("--venue", "okx").done).code != 0 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert rows(done)["okx"]["status"] == "ok"


def test_a_wait_that_the_venue_asked_for_is_kept_by_every_process(warm: Any) -> None:  # noqa: F811
    warm.set_fault("okx", "rate_limited", retry_after_s=30)
    warm.reset_requests()
    first, took_s = bbo("--venue", "okx")
    assert first.code == 7
    assert rows(first)["okx"]["status"] == "rate_limited"
    assert took_s < TIMEOUT_S + GRACE_S
    assert total(warm, "okx") == 1
    warm.clear_faults()
    second, took_s = bbo("--venue", "okx")
    assert second.code == 7
    assert "before" in rows(second)["okx"]["reason"]
    assert total(warm, "okx") == 1
    assert took_s < 1.5


def test_a_short_wait_that_fits_is_waited_for(warm: Any) -> None:  # noqa: F811
    warm.set_fault("okx", "rate_limited", retry_after_s=1, times=1)
    warm.reset_requests()
    done, took_s = bbo("--venue", "okx", timeout_s=6)
    assert done.code == 0
    assert total(warm, "okx") == 2
    assert 1 <= took_s < 4


def test_processes_share_one_budget(warm: Any, home: Path) -> None:  # noqa: F811
    (home / "config.yaml").write_text("venues: {okx: {requests_per_minute: 4}}\n")
    (home / "config.yaml").chmod(0o600)
    warm.reset_requests()
    assert bbo("--venue", "okx").done.code == 0
    spent = total(warm, "okx")
    second = bbo("--venue", "okx").done
    assert second.code == 7
    assert "budget" in rows(second)["okx"]["reason"]
    assert total(warm, "okx") == spent


# Lost caches ------------------------------------------------------------------------------------------------------


def cache(home: Path, name: str) -> Path:
    return home / "cache" / name


@pytest.mark.parametrize("name", ["markets.sqlite", "resilience.sqlite"])
@pytest.mark.parametrize("damage", ["deleted", "overwritten", "truncated", "emptied"])
def test_a_lost_cache_is_made_anew(warm: Any, home: Path, name: str, damage: str) -> None:  # noqa: F811
    assert bbo("--venue", "okx").done.code == 0
    file = cache(home, name)
    whole = file.read_bytes()
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    file.unlink()
    if damage != "deleted":
        file.write_bytes(
            {"overwritten": os.urandom(len(whole)), "truncated": whole[: len(whole) // 3], "emptied": b""}[damage]
        )
    done = bbo("--venue", "okx").done
    assert done.code == 0
    assert rows(done)["okx"]["status"] == "ok"
    if name == "markets.sqlite" and damage in ("overwritten", "truncated"):
        assert "could not be read" in done.err
        assert "rebuilt" in done.err
    again = bbo("--venue", "okx").done
    assert (again.code, again.err) == (0, "")


def test_lost_caches_of_the_configuration_cost_only_time(warm: Any, home: Path) -> None:  # noqa: F811
    assert bbo("--venue", "okx").done.code == 0
    kept = list(cache(home, "").glob("config-*.json"))
    assert kept
    for file in kept:
        file.write_text('{"key": [')
    assert bbo("--venue", "okx").done.code == 0


def requested(sim: Any, name: str) -> dict[str, int]:
    """What a venue was asked for; connections do not count: the clock is asked beside, over the same one or another."""
    found = sim.requests(name)
    return {path: count for path, count in found.items() if not any(each.startswith(f"{path}#") for each in found)}


def test_two_processes_with_cold_caches_download_each_list_once(sim: Any, tmp_path: Path) -> None:
    def started(home: Path) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "main.py", "symbols", "list", "--env", "sim", "--json"],
            cwd=ROOT,
            env={**os.environ, "CROSSBOOK_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    counts, outputs = [], []
    for processes in (1, 2):
        home = tmp_path / f"cold-{processes}"
        (home / "state").mkdir(parents=True)
        (home / "state" / "simulator.json").write_bytes(sim.state_file.read_bytes())
        sim.reset_requests()
        running = [started(home) for _ in range(processes)]
        ended = [process.communicate(timeout=60) for process in running]
        assert [process.returncode for process in running] == [0] * processes, ended
        outputs += [out for out, _ in ended]
        counts.append(
            {name: requested(sim, name) for name in ("binance", "okx", "bybit", "kucoin", "deribit", "deriv")}
        )
    assert counts[0] == counts[1]
    assert all(counts[0].values())
    assert len(set(outputs)) == 1


@pytest.mark.parametrize("name", ["cache", "state"])
def test_a_folder_that_cannot_be_used_is_one_sentence_with_its_path(
    running_simulator: Any, home: Path, name: str
) -> None:
    (home / name).write_text("a file where a folder should be")
    done = crossbook("bbo", SYMBOL, "--env", "sim")
    assert done.code == 3
    assert done.out == ""
    assert str(home / name) in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_folder_is_still_read(warm: Any, home: Path) -> None:  # noqa: F811
    (home / "cache").chmod(0o500)
    try:
        assert bbo("--venue", "okx").done.code == 0
    finally:
        (home / "cache").chmod(0o700)


def test_a_cache_file_that_cannot_be_replaced_is_one_sentence_with_its_path(sim: Any, home: Path) -> None:
    cache(home, "markets.sqlite").mkdir(parents=True)
    done = crossbook("bbo", SYMBOL, "--env", "sim")
    assert done.code == 3
    assert str(cache(home, "markets.sqlite")) in done.err.splitlines()[-1]


def test_ctrl_c_leaves_at_once_although_venues_are_silent(warm: Any) -> None:  # noqa: F811
    warm.set_fault("*", "timeout")
    warm.reset_requests()
    command = [sys.executable, "main.py", "bbo", SYMBOL, "--env", "sim", "--timeout", "50"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    asked_until = time.monotonic() + 20
    while not total(warm, "okx") and time.monotonic() < asked_until:
        time.sleep(0.02)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < GRACE_S
    assert process.returncode == 130
    assert (out, err.strip()) == ("", "Interrupted.")
