import time
from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import ConfigError, PolicyDenied
from order_management.arming import Armed, arm, armed_path, disarm
from order_management.policy.require_arming import Rule
from tests.order_management.policy.subjects import NOW_NS, SWAP_BTC, counted, journal_at, record, subject

RULE = Rule(("sim",))
MINUTE = 60 * 1_000_000_000


def armed(**other) -> Armed:
    values = {
        "environment": "sim",
        "armed_ns": NOW_NS - MINUTE,
        "until_ns": NOW_NS + MINUTE,
        "max_notional": Decimal(300),
    }
    return Armed(**{**values, **other})


def test_unarmed_nothing_passes_and_the_hint_is_the_command_to_arm() -> None:
    with pytest.raises(PolicyDenied, match="trading in sim is not armed") as denied:
        RULE.check(subject(SWAP_BTC, reduce_only=True))
    assert "python main.py trade arm --env sim --for 15m --max-notional 100" in str(denied.value.hint)


def test_environments_that_are_not_named_need_none() -> None:
    RULE.check(subject(environment="paper"))


def test_amendments_that_add_nothing_and_panic_need_none() -> None:
    RULE.check(subject(amends=True, more=Decimal(0)))
    RULE.check(subject(SWAP_BTC, reduce_only=True, origin="panic"))
    with pytest.raises(PolicyDenied):
        RULE.check(subject(SWAP_BTC, origin="panic"))
    with pytest.raises(PolicyDenied):
        RULE.check(subject(amends=True, more=Decimal(1)))


def test_the_sum_since_arming_is_limited(tmp_path: Path) -> None:
    arm(armed())
    with journal_at(tmp_path) as journal:
        journal.intend(record(subject(amount="50"), "old1", NOW_NS - MINUTE - 1))
        journal.intend(record(subject(amount="2"), "new1", NOW_NS - MINUTE))
        counted(RULE, subject(), journal)
        with pytest.raises(
            PolicyDenied, match=r"200 USD were sent since \(limit 300 USD, this order makes it 300.1 USD"
        ):
            counted(RULE, subject(amount="1.001"), journal)
        counted(RULE, subject(SWAP_BTC, amount="50", reduce_only=True), journal)


def test_it_ends_by_itself_and_when_the_clock_goes_back() -> None:
    arm(armed())
    RULE.check(subject())
    for now_ns in (NOW_NS + MINUTE, NOW_NS - MINUTE - 1):
        with pytest.raises(PolicyDenied, match="no longer armed"):
            RULE.check(subject(now_ns=now_ns))


def test_venue_and_symbol_narrow_it() -> None:
    arm(armed(venues=("elsewhere",)))
    with pytest.raises(PolicyDenied, match="not armed for the venue"):
        RULE.check(subject())
    arm(armed(venues=("elsewhere", "somewhere"), symbols=("ETH/*",)))
    with pytest.raises(PolicyDenied, match="not armed for the symbol"):
        RULE.check(subject())
    arm(armed(symbols=("BTC/*",)))
    RULE.check(subject())


def test_disarmed_nothing_passes() -> None:
    arm(armed())
    assert disarm("sim") is True
    assert disarm("sim") is False
    with pytest.raises(PolicyDenied):
        RULE.check(subject())


def test_a_file_that_others_may_have_written_is_no_permission(tmp_path: Path) -> None:
    arm(armed())
    path = armed_path("sim")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o620)
    with pytest.raises(ConfigError, match="other users can write it"):
        RULE.check(subject())
    path.chmod(0o600)
    content = path.read_bytes()
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_bytes(content)
    path.unlink()
    path.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="no permission to trade"):
        RULE.check(subject())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"environment": "sim", "armed_ns": 0, "until_ns": 9e99, "max_notional": "1", "venues": [], "symbols": []}',
        '{"environment": "sim", "armed_ns": 0, "until_ns": 9, "max_notional": "NaN", "venues": [], "symbols": []}',
        '{"environment": "sim", "armed_ns": 0, "until_ns": 9, "max_notional": "-1", "venues": [], "symbols": []}',
        '{"environment": "sim", "armed_ns": 0, "until_ns": 9, "max_notional": 1.5, "venues": [], "symbols": []}',
        '{"environment": "sim", "armed_ns": 0, "until_ns": 9, "max_notional": "1", "venues": null, "symbols": []}',
        '{"environment": "live", "armed_ns": 0, "until_ns": 9, "max_notional": "1", "venues": [], "symbols": []}',
        "[" * 9_000,
    ],
)
def test_a_damaged_file_is_no_permission(content: str) -> None:
    armed_path("sim").write_text(content)
    armed_path("sim").chmod(0o600)
    with pytest.raises(ConfigError, match="no permission to trade"):
        RULE.check(subject(now_ns=time.time_ns()))


def test_arming_anew_replaces_what_was_and_leaves_no_other_file() -> None:
    arm(armed(symbols=("ETH/*",)))
    arm(armed())
    RULE.check(subject())
    assert [path.name for path in armed_path("sim").parent.iterdir()] == ["armed-sim.json"]
