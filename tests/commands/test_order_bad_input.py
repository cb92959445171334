"""Orders that cannot be: one sentence, the right exit code, and nothing at the venue. Processes of their own."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.key_permissions import remember
from domain.orders import KeyPermissions
from tests.commands.clirun import ROOT, Done, crossbook
from tests.connectors.tradingfloor import ACCOUNTS, READ_ONLY, WITHDRAWING
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures
from utils.secrets import Credentials

VENUES = ("binance", "okx", "bybit", "kucoin", "deribit")
SPOT = dict.fromkeys(VENUES, "BTC/USDT")
SWAP = dict.fromkeys(VENUES, "BTC/USDT:USDT") | {"deribit": "BTC/USDC:USDC"}
PASSPHRASE = {"okx", "kucoin"}
WITH_TESTNET = ("binance", "okx", "bybit", "deribit")
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
"""Nothing of these tests may reach a real host."""
MINUTE_MS = 60_000

every_venue = pytest.mark.parametrize("venue", VENUES)


@pytest.fixture
def desk(warm: Any) -> Iterator[Any]:  # noqa: F811 - the fixture
    """A simulator with fresh accounts, and a home that knows the instruments."""
    warm.reset_accounts()
    yield warm
    warm.clear_faults()


def place(venue: str, symbol: str, *arguments: str, **variables: str) -> Done:
    """Place an order in the simulator, unless another environment is named."""
    env = () if "--env" in arguments else ("--env", "sim")
    return crossbook("order", "place", venue, symbol, *arguments, *env, **variables)


def said(done: Done, code: int, *words: str) -> None:
    """Check the exit code, and that stderr ends with one sentence that has these words; stdout is empty."""
    assert done.code == code, (done.out, done.err)
    assert done.out == ""
    errors = [line for line in done.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, done.err
    for word in words:
        assert word in errors[0]


def nothing_sent(sim: Any, venue: str) -> None:
    """Check that the venue has taken no order."""
    assert sim.placed(venue) == []


def use_account(home: Path, venue: str, account: int, **changed: str) -> None:
    """Give this home other keys of the simulator than those that it publishes."""
    path = home / "state" / "simulator.json"
    state = json.loads(path.read_text())
    mine = ACCOUNTS[venue][account]
    state["credentials"][venue] = {"key": mine.key, "secret": mine.secret, "passphrase": mine.passphrase} | changed
    path.write_text(json.dumps(state))


def list_instruments_as(home: Path, environment: str) -> None:
    """Let another environment have the simulator's instrument lists, so that no real host is asked for them."""
    with sqlite3.connect(home / "cache" / "markets.sqlite") as db:
        for table, columns in (
            ("lists", "venue, fetched_at_ms, count"),
            ("instruments", "venue, symbol, native_id, asset, row"),
        ):
            db.execute(f"INSERT INTO {table} (environment, {columns}) SELECT ?, {columns} FROM {table}", (environment,))
    db.close()


# --- keys ------------------------------------------------------------------------------------------------------------


def variables_of(venue: str, environment: str) -> list[str]:
    """Name the variables of a venue's keys."""
    middle = "_TESTNET" if environment == "testnet" else ""
    names = [f"{venue.upper()}{middle}_API_KEY", f"{venue.upper()}{middle}_API_SECRET"]
    return names + [f"{venue.upper()}{middle}_API_PASSPHRASE"] * (venue in PASSPHRASE)


PLACES = [(venue, env) for env in ("testnet", "live") for venue in (WITH_TESTNET if env == "testnet" else VENUES)]


@pytest.mark.parametrize(("venue", "env"), PLACES)
def test_an_order_without_keys_names_the_variables_to_set(desk: Any, home: Path, venue: str, env: str) -> None:
    list_instruments_as(home, env)
    done = place(venue, SPOT[venue], "buy", "0.01", "--price", "20000", "--env", env, **NOWHERE)
    said(done, 3, venue, env, *variables_of(venue, env))


@pytest.mark.parametrize(("venue", "env"), PLACES)
def test_half_given_keys_name_the_missing_one(desk: Any, home: Path, venue: str, env: str) -> None:
    list_instruments_as(home, env)
    *given, missing = variables_of(venue, env)
    values = {name: f"marker-{number}-of-{venue}" for number, name in enumerate(given)}
    done = place(venue, SPOT[venue], "buy", "0.01", "--price", "20000", "--env", env, **NOWHERE, **values)
    said(done, 3, f"{missing} is missing")
    assert not any(value in done.err for value in values.values())


@every_venue
def test_a_key_that_may_only_read_is_refused_by_the_venue_in_one_sentence(desk: Any, home: Path, venue: str) -> None:
    use_account(home, venue, READ_ONLY)
    done = place(venue, SPOT[venue], "buy", "0.01", "--price", "20000")
    said(done, 4, venue)
    nothing_sent(desk, venue)


@every_venue
def test_a_wrong_secret_is_refused_by_the_venue_in_one_sentence(desk: Any, home: Path, venue: str) -> None:
    use_account(home, venue, 0, secret="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    done = place(venue, SPOT[venue], "buy", "0.01", "--price", "20000")
    said(done, 4, venue, "doctor")
    nothing_sent(desk, venue)


@every_venue
def test_a_key_that_may_withdraw_is_warned_of_once_doctor_has_seen_it(desk: Any, home: Path, venue: str) -> None:
    use_account(home, venue, WITHDRAWING)
    arguments = (venue, SPOT[venue], "buy", "0.01", "--price", "20000", "--allow-duplicate")
    assert "WARNING" not in place(*arguments).err  # nobody has asked, and no order waits for that
    seen = crossbook("doctor", "--venue", venue, "--env", "sim", "--json")
    assert seen.code == 0, seen.err
    (row,) = [row for row in seen.json["findings"] if row["check"] == f"{venue}: permissions"]
    assert row["state"] == "warning"
    assert "withdraw" in row["seen"]
    done = place(*arguments)
    assert done.code == 0, done.err
    assert f"WARNING: the key of {venue} may withdraw" in done.err
    kept = (home / "state" / "keys.json").read_text()
    mine = ACCOUNTS[venue][WITHDRAWING]
    assert mine.key not in kept
    assert mine.secret not in kept
    use_account(home, venue, 0)
    assert "WARNING" not in place(*arguments).err  # another key: nothing is known of it


def test_arming_says_which_keys_may_withdraw_and_which_nobody_asked_about(home: Path) -> None:
    arm = ("trade", "arm", "--for", "15m", "--max-notional", "100", "--env", "live")
    keys = {
        f"{venue}_API_{part}": f"marker-{part}-{venue}" for venue in ("BYBIT", "DERIV") for part in ("KEY", "SECRET")
    }
    done = crossbook(*arm, **keys)
    assert done.code == 0, done.err
    assert "bybit, deriv may do was not asked" in done.err
    given = Credentials(keys["BYBIT_API_KEY"], keys["BYBIT_API_SECRET"], None, "a test")
    remember(home / "state", "bybit", given, KeyPermissions(read=True, trade=True, withdraw=True))
    done = crossbook(*arm, **keys)
    assert "WARNING: the key of bybit may withdraw" in done.err
    assert "deriv may do was not asked" in done.err
    assert "not asked" not in crossbook(*arm).err  # without keys there is nothing to say
    assert "marker" not in (home / "state" / "keys.json").read_text() + done.out + done.err


# --- clocks ----------------------------------------------------------------------------------------------------------


@every_venue
@pytest.mark.parametrize("skew_ms", [MINUTE_MS, -MINUTE_MS])
def test_a_clock_that_is_off_is_told_and_doctor_puts_it_right(desk: Any, venue: str, skew_ms: int) -> None:
    arguments = (venue, SPOT[venue], "buy", "0.01", "--price", "20000", "--allow-duplicate")
    desk.set_fault(venue, "clock_skew", ms=skew_ms)
    done = place(*arguments)
    # Refused by the venue, or by the policy, for which prices of a minute ago are too old.
    said(done, 5 if "max_quote_age_ms" in done.err else 4, "clock", "doctor")
    nothing_sent(desk, venue)
    looked = crossbook("doctor", "--venue", venue, "--env", "sim", "--json")
    (row,) = [row for row in looked.json["findings"] if row["check"] == f"{venue}: clock"]
    assert row["state"] == "wrong"
    assert place(*arguments).code == 0  # the offset was measured: what is signed bears the venue's time


# --- what is asked for -----------------------------------------------------------------------------------------------


@every_venue
def test_orders_off_the_venue_s_grid_or_of_the_wrong_kind_are_refused_and_nothing_is_sent(
    desk: Any, venue: str
) -> None:
    spot, swap = SPOT[venue], SWAP[venue]
    wrong: list[tuple[str, tuple[str, ...], int, tuple[str, ...]]] = [
        (spot, ("buy", "0.0000000001", "--price", "20000"), 2, ("below the smallest", venue)),
        (swap, ("buy", "0.0000000001", "--price", "20000"), 2, ("below the smallest", venue)),
        (spot, ("buy", "0.000000000000000000001", "--type", "market"), 2, ("no sensible size",)),
        (swap, ("buy", "0.0019", "--price", "60000"), 5, ("max_rounding_bps", "Nothing was sent")),
        (spot, ("sell", "0.01", "--price", "20000", "--reduce-only"), 2, ("spot",)),
        (spot, ("sell", "1", "--price", "20000", "--unit", "contracts"), 2, ("contracts",)),
        ("BTC/EUR:EUR", ("buy", "0.01", "--price", "20000"), 2, ("BTC/EUR:EUR",)),
        (spot, ("buy", "0.01", "--price", "0.0000000000001"), 2, ("tick",)),
        (spot, ("buy", "0.01", "--price", "20000", "--client-id", "a b"), 2, ("client id",)),
        (spot, ("buy", "0.01", "--price", "20000", "--client-id", "a" * 65), 2, ("client id",)),
        (spot, ("buy", "0.01", "--type", "stop"), 2, ("stop price",)),
        (
            spot,
            ("buy", "0.01", "--type", "stop-limit", "--price", "5", "--stop-price", "6", "--post-only"),
            2,
            ("Post",),
        ),
        (spot, ("buy", "0.01", "--type", "market", "--tif", "fok"), 2, ("time in force",)),
    ]
    for symbol, arguments, code, words in wrong:
        if venue == "okx" and "0.0019" in arguments:
            continue  # its lot is a ten-thousandth of a coin
        said(place(venue, symbol, *arguments), code, *words)
    nothing_sent(desk, venue)
    assert crossbook("order", "list", "--closed", "--env", "sim", "--json").json["orders"] == []


@pytest.mark.parametrize("venue", ["binance", "bybit", "kucoin"])
def test_an_order_that_is_worth_too_little_is_refused_with_the_least(desk: Any, venue: str) -> None:
    amount = "0.00002" if venue != "kucoin" else "0.00001"
    price = "20000" if venue != "kucoin" else "2000"
    said(place(venue, SPOT[venue], "buy", amount, "--price", price), 2, "takes at least", "USDT")
    nothing_sent(desk, venue)


@pytest.mark.parametrize("kind", ["stop", "market"])
def test_what_a_venue_s_rules_lack_is_refused(desk: Any, kind: str) -> None:
    listed = crossbook("symbols", "list", "--venue", "okx", "--kind", "option", "--env", "sim", "--json").json
    option = next(iter(listed["symbols"]))["symbol"]
    extra = ("--stop-price", "0.1") if kind == "stop" else ()
    said(
        place("okx", option, "buy", "0.1", "--type", kind, *extra), 4, f"no {kind} orders on option", "nothing was sent"
    )
    nothing_sent(desk, "okx")


@pytest.mark.parametrize("tif", ["ioc", "fok"])
def test_a_stop_that_a_venue_only_keeps_until_cancelled_is_refused_before_it_is_written_down(
    desk: Any, tif: str
) -> None:
    arguments = ("buy", "0.01", "--type", "stop-limit", "--stop-price", "190000", "--price", "191000", "--tif", tif)
    said(place("okx", "BTC/USDT", *arguments), 4, f"no {tif} stop-limit orders")
    assert crossbook("order", "list", "--closed", "--env", "sim", "--json").json["orders"] == []


def test_a_closed_market_is_said_and_nothing_is_bought(desk: Any) -> None:
    closed = []
    for symbol in ("OTC_N225", "OTC_FTSE", "OTC_DJI", "frxEURUSD"):  # at no hour are all of them open
        done = place("deriv", symbol, "buy", "1", "--type", "market")
        if "closed" in done.err:
            said(done, 6, "closed")
            closed.append(symbol)
    assert closed
    assert len(desk.placed("deriv")) <= 4 - len(closed)


def test_a_venue_that_has_retired_or_has_no_testnet_is_refused(desk: Any, home: Path) -> None:
    said(place("bitmart", "BTC/USDT", "buy", "0.01", "--price", "20000"), 4, "bitmart", "closed")
    list_instruments_as(home, "testnet")
    for venue in ("kucoin", "deriv"):
        done = place(venue, "BTC/USDT", "buy", "0.01", "--price", "20000", "--env", "testnet", **NOWHERE)
        said(done, 4, venue, "test environment")


# --- ids -------------------------------------------------------------------------------------------------------------


@every_venue
def test_an_id_that_nobody_knows_is_said_here_and_at_the_venue(desk: Any, venue: str) -> None:
    for command in ("status", "cancel", "amend", "history", "resolve"):
        extra = ("--price", "5") if command == "amend" else ()
        said(crossbook("order", command, "nosuchid", *extra, "--env", "sim"), 2, "nosuchid")
    for command in ("status", "cancel"):
        done = crossbook("order", command, "nosuchid", "--venue", venue, "--env", "sim")
        said(done, 2, "nosuchid", venue)
    nothing_sent(desk, venue)


@every_venue
def test_an_order_of_another_venue_is_not_touched(desk: Any, venue: str) -> None:
    other = VENUES[VENUES.index(venue) - 1]
    done = place(other, SPOT[other], "buy", "0.01", "--price", "20000", "--json")
    assert done.code == 0, done.err
    for command in ("status", "cancel"):
        said(crossbook("order", command, done.json["id"], "--venue", venue, "--env", "sim"), 2, other)
    assert [row["state"] for row in desk.placed(other)] == ["open"]


def test_an_order_that_has_ended_is_neither_cancelled_nor_amended(desk: Any) -> None:
    done = place("bybit", "BTC/USDT", "buy", "0.01", "--type", "market", "--json")
    assert done.json["status"] == "filled"
    ended = crossbook("order", "cancel", done.json["id"], "--env", "sim")
    assert ended.code == 2, (ended.out, ended.err)
    assert "filled" in ended.out + ended.err
    said(crossbook("order", "amend", done.json["id"], "--price", "5", "--env", "sim"), 2, "not open")


# --- this machine ----------------------------------------------------------------------------------------------------


def test_a_home_that_cannot_be_written_is_said(desk: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = place("okx", "BTC/USDT", "buy", "0.01", "--price", "20000", CROSSBOOK_HOME=str(tmp_path / "file" / "home"))
    said(done, 3, "cannot be made", "CROSSBOOK_HOME")
    nothing_sent(desk, "okx")


def test_without_room_for_the_journal_nothing_is_sent(desk: Any) -> None:
    arguments = ("order", "place", "okx", "BTC/USDT", "buy", "0.01", "--price", "20000", "--env", "sim")
    limited = f"trap '' XFSZ; ulimit -f 0; exec {sys.executable} main.py {' '.join(arguments)}"
    done = subprocess.run(
        ["bash", "-c", limited], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "journal" in done.stderr
    assert "Traceback" not in done.stderr
    nothing_sent(desk, "okx")


def test_a_journal_that_is_none_is_left_alone_and_nothing_is_sent(desk: Any, home: Path) -> None:
    assert place("okx", "BTC/USDT", "buy", "0.01", "--price", "20000").code == 0
    (journal,) = _journals(home)
    for beside in journal.parent.glob(f"{journal.name}-*"):
        beside.unlink()
    journal.write_bytes(b"these are no orders" * 100)
    desk.reset_accounts()
    said(place("okx", "BTC/USDT", "buy", "0.02", "--price", "20000"), 3, "journal")
    assert journal.read_bytes().startswith(b"these are no orders")
    nothing_sent(desk, "okx")


def _journals(home: Path) -> list[Path]:
    found = []
    for path in (home / "state").rglob("*"):
        if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3":
            with sqlite3.connect(path) as db:
                names = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
            db.close()
            found += [path] if "orders" in names else []
    return found


def test_a_simulator_that_cannot_start_is_said(home: Path) -> None:
    (home / "config.yaml").write_text("simulator:\n  tape: /no/such/folder\n")
    (home / "config.yaml").chmod(0o600)
    said(place("okx", "BTC/USDT", "buy", "0.01", "--price", "20000"), 3, "/no/such/folder")
