"""No secret leaves: every command, in success and in failure, as loud as it gets, searched for the keys it was given.

The keys are those of the simulator's accounts, and marked ones in the variables of the testnet and of live. What is
searched: stdout, stderr, and every file that the commands write, byte by byte; not the simulator's own state.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import Done, crossbook
from tests.commands.test_order_bad_input import NOWHERE, list_instruments_as
from tests.connectors.tradingfloor import ACCOUNTS, FULL
from tests.monitoring.test_webhook import Hook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

VENUES = ("binance", "okx", "bybit", "kucoin", "deribit", "deriv")
BOOKS = VENUES[:-1]
SYMBOL = dict.fromkeys(VENUES, "BTC/USDT") | {"deriv": "R_100"}
LOUD = {"CROSSBOOK_DEBUG": "1"}
MARKED = {
    f"{venue.upper()}{middle}_API_{part}": f"Marked{middle}{part}Of{venue}9f3aQ7"
    for venue in VENUES
    for middle in ("", "_TESTNET")
    for part in ("KEY", "SECRET", "PASSPHRASE")
} | {f"AWS_{part}": f"MARKED9F3A{part}" for part in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")}
WEB_HOOK = "T0KEN"
"""What makes the address of the tests' web hook a secret."""
LOGIN = "CR9001234"
"""Deriv's key is the account's name, which is no secret."""
SIGNATURES = re.compile(
    r"(?:signature|sign|sig)[\"']?[=:]\s*[\"']?[0-9A-Za-z%+/]{24,}"  # in a query or a body
    r"|(?:X-BAPI-SIGN|OK-ACCESS-SIGN|KC-API-SIGN|KC-API-PASSPHRASE|X-MBX-APIKEY)[\"']?[:=]\s*[\"']?[0-9A-Za-z]"
    r"|Authorization[\"']?[:=]\s*[\"']?(?:deri-hmac|Bearer|Basic) ",
    re.IGNORECASE,
)


def secrets() -> dict[str, str]:
    """Name every value that must not be seen."""
    found = MARKED | {"the web hook's address": WEB_HOOK}
    for venue in VENUES:
        mine = ACCOUNTS[venue][FULL]
        parts = {"key": mine.key, "secret": mine.secret, "passphrase": mine.passphrase}
        found |= {f"{venue}'s {part}": value for part, value in parts.items() if value and value != LOGIN}
    return found


def check_text(text: str, where: str) -> None:
    """Fail where a text holds a secret or a signature; the failure names it and does not repeat it."""
    for name, value in secrets().items():
        if value in text:
            pytest.fail(f"{name} is in {where}")
    seen = SIGNATURES.search(text)
    if seen and "[hidden]" not in seen[0]:
        pytest.fail(f"a signature is in {where}: {seen[0][:24]}…")


def check_files(home: Path) -> int:
    """Search every file of a home but the simulator's own; answer how many there were."""
    count = 0
    for path in home.rglob("*"):
        if path.is_file() and not path.name.startswith("simulator") and path.name != "accounts.sqlite":
            check_text(path.read_bytes().decode("latin-1"), str(path.relative_to(home)))
            count += 1
    return count


class Runner:
    """Runs commands with every variable marked, and searches what they say."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.codes: list[int] = []

    def run(self, *arguments: str, env: str = "sim", **variables: str) -> Done:
        """Run one command."""
        done = crossbook(*arguments, "--env", env, **{**MARKED, **LOUD, **variables})
        check_text(done.out, f"stdout of {' '.join(arguments[:3])}")
        check_text(done.err, f"stderr of {' '.join(arguments[:3])}")
        self.codes.append(done.code)
        return done

    def place(self, venue: str, *arguments: str, env: str = "sim", **variables: str) -> Done:
        """Place a small order: in the book where there is one."""
        order = ("1", "--type", "market") if venue == "deriv" else ("0.01", "--price", "20000")
        line = ("order", "place", venue, SYMBOL[venue], "buy", *order, "--allow-duplicate", *arguments)
        return self.run(*line, env=env, **variables)


@pytest.fixture
def runner(warm: Any, home: Path) -> Iterator[Runner]:  # noqa: F811 - the fixture
    """A simulator with fresh accounts, and commands that are searched; in the end, so are their files."""
    warm.reset_accounts()
    found = Runner(home)
    yield found
    warm.clear_faults()
    assert check_files(home) > 0


def test_the_search_finds_what_it_looks_for(home: Path) -> None:
    for number, value in enumerate(secrets().values()):
        (home / f"leak{number}").write_bytes(b"\x00" + value.encode() + b"\x00")
        with pytest.raises(pytest.fail.Exception):
            check_files(home)
        (home / f"leak{number}").unlink()
    for text in ("a&signature=0123456789abcdef0123456789abcdef", '"OK-ACCESS-SIGN": "abc"', "Authorization: Basic x"):
        with pytest.raises(pytest.fail.Exception):
            check_text(text, "a test")
    check_text("signature=[hidden]", "a test")


@pytest.mark.parametrize("venue", VENUES)
def test_commands_that_succeed_say_no_secret(runner: Runner, venue: str) -> None:
    placed = runner.place(venue, "--json")
    assert placed.code == 0, placed.err
    name = placed.json["id"]
    at = ("--venue", venue)
    for line in (
        ("order", "list", *at),
        ("order", "list", "--closed", "--json"),
        ("order", "list", "--unknown"),
        ("order", "status", name, "--json"),
        ("order", "history", name),
        ("order", "history", name, "--json"),
        ("order", "resolve"),
        ("order", "reconcile", *at),
        ("order", "cancel", name),
        ("order", "cancel", "--all", *at),
        ("doctor", *at, "--json"),
        ("venues", "--json"),
        ("ratelimit", "--json"),
        ("panic", *at),
    ):
        runner.run(*line)
    runner.place(venue, "--preview")
    assert runner.codes.count(0) >= len(runner.codes) - 3


def test_commands_about_this_machine_say_no_secret(runner: Runner) -> None:
    for line in (("config", "show"), ("config", "show", "--json")):
        done = crossbook(*line, **MARKED, **LOUD)
        check_text(done.out + done.err, " ".join(line))
    for line in (("trade", "status"), ("trade", "arm", "--for", "15m", "--max-notional", "5"), ("trade", "disarm")):
        for env in ("sim", "live"):
            runner.run(*line, env=env, **NOWHERE)
    runner.run("bbo", "BTC/USDT")


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("server_error", {}),
    ("html_error", {}),
    ("malformed_json", {}),
    ("truncated_json", {}),
    ("maintenance", {}),
    ("rate_limited", {}),
    ("geo_blocked", {}),
    ("reset", {}),
    ("drop_request", {}),
    ("clock_skew", {"ms": 60_000}),
]
FAILING = [
    pytest.param(venue, *FAULTS[(2 * number + turn) % len(FAULTS)], id=f"{venue}-{FAULTS[(2 * number + turn) % 10][0]}")
    for number, venue in enumerate(VENUES)
    for turn in (0, 1)
]
"""Two faults for each venue, so that every one is met."""


@pytest.mark.parametrize(("venue", "kind", "args"), FAILING)
def test_commands_that_a_venue_fails_say_no_secret(
    runner: Runner,
    warm: Any,  # noqa: F811 - the fixture
    venue: str,
    kind: str,
    args: dict[str, Any],
) -> None:
    before = runner.place(venue, "--json").json
    warm.set_fault(venue, kind, **args)
    runner.place(venue, "--timeout", "1")
    for line in (("order", "cancel", before["id"], "--json"), ("doctor", "--venue", venue)):
        runner.run(*line, "--timeout", "1")


@pytest.mark.parametrize("venue", VENUES)
def test_keys_that_a_venue_refuses_are_not_repeated(runner: Runner, home: Path, venue: str) -> None:
    path = home / "state" / "simulator.json"
    state = json.loads(path.read_text())
    marked = {part.lower(): MARKED[f"{venue.upper()}_API_{part}"] for part in ("KEY", "SECRET", "PASSPHRASE")}
    state["credentials"][venue] = marked
    path.write_text(json.dumps(state))
    done = runner.place(venue)
    assert done.code == 4, (done.code, done.err)
    runner.place(venue, "--json")
    runner.run("order", "list", "--venue", venue, "--json")
    runner.run("doctor", "--venue", venue)


# --- a venue that repeats what it was told ---------------------------------------------------------------------------


class _Echo(BaseHTTPRequestHandler):
    """Answers every request with the request itself, headers and body included, in the words of an error."""

    protocol_version = "HTTP/1.1"
    status = 400
    form = ""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        told = f"cannot do {self.path} with {body}"
        told = f"{dict(self.headers)} {told}" if self.status in (400, 200) else f"{told} {dict(self.headers)}"
        answer = {"code": -1, "msg": told, "message": told, "retCode": 1, "retMsg": told, "error": {"message": told}}
        data = (self.form.format(told) if self.form else json.dumps(answer)).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names of the base class

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def echo(home: Path, runner: Runner) -> Iterator[type[_Echo]]:
    """Send every venue's requests to the echo."""
    kind = type("Echo", (_Echo,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    path = home / "state" / "simulator.json"
    state = json.loads(path.read_text())
    state["hosts"] = dict.fromkeys(state["hosts"], f"http://127.0.0.1:{server.server_port}")
    path.write_text(json.dumps(state))
    yield kind
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("venue", "status"), [(venue, code) for venue in VENUES for code in (400, 401, 200)])
def test_a_venue_that_repeats_the_request_has_its_words_cleaned(
    runner: Runner, echo: type[_Echo], venue: str, status: int
) -> None:
    echo.status = status
    assert runner.place(venue, "--timeout", "1").code != 0
    runner.run("order", "list", "--venue", venue, "--timeout", "1", "--json")
    runner.run("order", "list", "--unknown")
    runner.run("order", "list", "--closed", "--json")


# --- what is held and earned -----------------------------------------------------------------------------------------


@pytest.fixture
def traded(runner: Runner, home: Path) -> str:
    """Fill an order at two venues, and answer the id of one."""
    # More is read here than anybody's budget allows.
    (home / "config.yaml").write_text(json.dumps({"venues": {name: {"requests_per_minute": 99999} for name in BOOKS}}))
    (home / "config.yaml").chmod(0o600)
    lines = [
        ("order", "place", venue, "BTC/USDT:USDT", "buy", "0.01", "--type", "market") for venue in ("okx", "bybit")
    ]
    placed = [runner.run(*line, "--json") for line in lines]
    assert [done.code for done in placed] == [0, 0]
    return str(placed[0].json["id"])


def look_at_everything(runner: Runner, order: str, *until: str) -> list[int]:
    """Run each command about positions and earnings; answer how they ended."""
    before = len(runner.codes)
    for line in (
        ("position", "sync", *until),
        ("position", "list", "--json", *until),
        ("position", "show", "--order", order, *until),
        ("position", "reconcile", "--json", *until),
        ("pnl", "--explain", *until),
        ("pnl", "--explain", "--by", "order", "--json", *until),
        ("balance", *until),
    ):
        runner.run(*line)
    hook = Hook()
    try:
        watch = ("monitor", "--interval", "1s", "--for", "1s", "--alert", "equity >= 0", "--alert", "venues_down > 0")
        runner.run(*watch, CROSSBOOK_ALERT_WEBHOOK=hook.url)
    finally:
        hook.close()
    assert hook.taken
    check_text(json.dumps([body for _, body in hook.taken]), "what the web hook was told")
    return runner.codes[before:]


def test_commands_about_earnings_say_no_secret(runner: Runner, traded: str) -> None:
    assert look_at_everything(runner, traded) == [0, 0, 0, 0, 0, 0, 0, 10]


def test_commands_about_earnings_say_no_secret_while_no_venue_takes_our_time(
    runner: Runner,
    traded: str,
    warm: Any,  # noqa: F811 - the fixture
) -> None:
    warm.set_fault("*", "clock_skew", ms=60_000)
    assert 6 in look_at_everything(runner, traded, "--timeout", "0.5")


def test_commands_about_earnings_say_no_secret_while_every_venue_repeats_the_request(
    runner: Runner, traded: str, echo: type[_Echo]
) -> None:
    echo.status = 400
    assert 0 not in look_at_everything(runner, traded, "--timeout", "0.5")


# --- errors of our own, and keys for elsewhere -----------------------------------------------------------------------

_PLUGIN = """
from connectors.venues.bybit import Bybit
from connectors.venues.bybit_orders import BybitTrading


class Careless(BybitTrading):
    def submit(self, instrument, spec):
        keys = self.context.credentials()
        raise RuntimeError(f"cannot sign with {keys.key} and {keys.secret}")

    def open_orders(self, instrument=None):
        keys = self.context.credentials()
        raise KeyError(keys.secret)


class Plugin(Bybit):
    trading_class = "careless_venue:Careless"
"""


def test_a_careless_plug_in_s_errors_are_cleaned_in_the_log_and_on_the_screen(
    runner: Runner, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "careless_venue.py").write_text(_PLUGIN)
    (home / "config.yaml").write_text("venues:\n  bybit:\n    class: careless_venue:Plugin\n")
    (home / "config.yaml").chmod(0o600)
    for line in (
        ("order", "place", "bybit", "BTC/USDT", "buy", "0.01", "--price", "20000"),
        ("order", "list", "--venue", "bybit"),
        ("order", "list", "--venue", "bybit", "--json"),
        ("order", "cancel", "--all", "--venue", "bybit"),
    ):
        done = subprocess.run(
            [sys.executable, "main.py", *line, "--env", "sim"],
            cwd=Path(__file__).resolve().parent.parent,
            env={**os.environ, **MARKED, **LOUD, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0
        check_text(done.stdout + done.stderr, " ".join(line))
        assert "hidden" in done.stdout + done.stderr


def test_a_bucket_that_repeats_the_request_has_its_words_cleaned(runner: Runner, echo: type[_Echo], home: Path) -> None:
    echo.form = "<Error><Code>Odd</Code><Message>{}</Message></Error>"
    state = json.loads((home / "state" / "simulator.json").read_text())
    (url,) = set(state["hosts"].values())
    s3 = {"url": "s3://books", "endpoint_url": url, "region": "us-east-1"}
    (home / "config.yaml").write_text(json.dumps({"storage": {"s3": s3}}))
    (home / "config.yaml").chmod(0o600)
    for line in (
        ("snapshot", "list", "--store", "s3://books"),
        ("snapshot", "verify", "s3://books", "--json"),
        ("snapshot", "BTC/USDT", "--once", "--to-s3"),
    ):
        assert runner.run(*line).code != 0


@pytest.mark.parametrize("env", ["testnet", "live"])
@pytest.mark.parametrize("venue", BOOKS)
def test_keys_for_elsewhere_stay_inside_when_nobody_can_be_reached(
    runner: Runner, home: Path, venue: str, env: str
) -> None:
    list_instruments_as(home, env)
    done = runner.place(venue, "--timeout", "0.5", env=env, **NOWHERE)
    assert done.code != 0
    runner.run("order", "list", "--venue", venue, "--timeout", "0.5", "--json", env=env, **NOWHERE)
    runner.run("doctor", "--venue", venue, "--timeout", "0.5", env=env, **NOWHERE)
