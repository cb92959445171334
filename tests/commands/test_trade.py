"""`trade arm`, `disarm` and `status` as users run them."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import Done, crossbook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

BUY = ("order", "place", "okx", "BTC/USDT", "buy", "0.01", "--price", "20000", "--env", "sim", "--json")


@pytest.fixture
def desk(warm: Any, home: Path) -> Iterator[Any]:  # noqa: F811 - the fixture
    """A simulator with fresh accounts where nothing is sent unless armed."""
    warm.reset_accounts()
    (home / "config.yaml").write_text(json.dumps({"policy": {"require_arming": ["live", "sim"]}}))
    yield warm
    warm.clear_faults()


def trade(command: str, *arguments: str, env: str = "sim") -> Done:
    return crossbook("trade", command, *arguments, "--env", env, "--json")


def arm(*arguments: str) -> Done:
    return trade("arm", "--for", "15m", "--max-notional", "300", *arguments)


def test_nothing_is_sent_until_armed_and_only_up_to_the_sum(desk: Any) -> None:
    done = crossbook(*BUY)
    assert done.code == 5
    assert "trading in sim is not armed" in done.json["message"]
    assert "trade arm --env sim --for 15m --max-notional 200" in done.json["hint"]
    armed = arm()
    assert armed.code == 0, armed.err
    assert (armed.json["armed"], armed.json["required"], armed.json["left_notional"]) == (True, True, "300")
    assert crossbook(*BUY).code == 0
    more = crossbook(*BUY, "--allow-duplicate")
    assert more.code == 5
    assert "200 USD were sent since (limit 300 USD, this order makes it 400 USD)" in more.json["message"]
    status = trade("status").json
    assert (status["sent_notional"], status["left_notional"], status["max_notional"]) == ("200", "100", "300")
    assert 0 < status["left_s"] < 900


def test_disarmed_nothing_is_sent_and_cancels_still_are(desk: Any) -> None:
    arm()
    order = crossbook(*BUY).json["id"]
    assert trade("disarm").json == {"environment": "sim", "required": True, "armed": False}
    assert crossbook(*BUY, "--allow-duplicate").code == 5
    assert crossbook("order", "amend", order, "--size", "0.005", "--env", "sim").code == 0
    raised = crossbook("order", "amend", order, "--size", "0.02", "--env", "sim", "--json")
    assert (raised.code, "not armed" in raised.json["message"]) == (5, True)
    assert crossbook("order", "cancel", order, "--env", "sim").code == 0
    again = crossbook("trade", "disarm", "--env", "sim")
    assert (again.code, "was not armed" in again.err) == (0, True)


def test_venue_and_symbol_narrow_it(desk: Any) -> None:
    arm("--venue", "bybit", "--venue", "okx", "--symbol", "ETH/*")
    done = crossbook(*BUY)
    assert (done.code, "not armed for the symbol" in done.json["message"]) == (5, True)
    arm("--venue", "bybit")
    done = crossbook(*BUY)
    assert (done.code, "not armed for the venue" in done.json["message"]) == (5, True)
    arm("--venue", "okx", "--symbol", "BTC/*")
    assert crossbook(*BUY).code == 0


def test_it_ends_by_itself(desk: Any, home: Path) -> None:
    arm()
    path = home / "state" / "armed-sim.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "until_ns": data["armed_ns"] + 1}))
    done = crossbook(*BUY)
    assert (done.code, "no longer armed" in done.json["message"]) == (5, True)
    assert trade("status").json["armed"] is False


def test_a_file_that_others_can_write_is_no_permission(desk: Any, home: Path) -> None:
    arm()
    path = home / "state" / "armed-sim.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o666)
    done = crossbook(*BUY)
    assert (done.code, "other users can write it" in done.json["message"]) == (3, True)
    assert trade("status").code == 3
    assert trade("disarm").code == 0
    assert not path.exists()


def test_live_needs_arming_by_default_and_the_simulator_does_not(home: Path) -> None:
    live = trade("status", env="live").json
    assert live == {"environment": "live", "required": True, "armed": False}
    told = crossbook("trade", "arm", "--env", "testnet", "--for", "1h", "--max-notional", "5")
    assert told.code == 0
    assert "Orders in testnet need no arming" in told.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--for", "15", "--max-notional", "5"), "not a span"),
        (("--for", "0m", "--max-notional", "5"), "1s to 24h"),
        (("--for", "25h", "--max-notional", "5"), "1s to 24h"),
        (("--for", "15m", "--max-notional", "-5"), "above zero"),
        (("--for", "15m", "--max-notional", "nan"), "not a usable number"),
        (("--for", "15m"), "max-notional"),
        (("--max-notional", "5"), "--for"),
        (("--for", "15m", "--max-notional", "5", "--venue", "okcoin"), "no venue 'okcoin'"),
    ],
)
def test_what_makes_no_sense_arms_nothing(home: Path, arguments: tuple[str, ...], says: str) -> None:
    done = trade("arm", *arguments, env="live")
    assert done.code == 2, (done.out, done.err)
    assert says in done.json["message"] or says in str(done.json["hint"])
    assert not (home / "state" / "armed-live.json").exists()
