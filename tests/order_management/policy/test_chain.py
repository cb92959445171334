"""The policy as a whole: which checks are in force, for which orders, and that no process gets past them."""

import ast
import subprocess
import sys
import textwrap
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from domain.errors import PolicyDenied
from order_management.journal import Journal
from order_management.panic import ORIGIN
from order_management.policy.chain import CHECKS, Policy, policy_of
from order_management.policy.contract import PANIC, Check, CountingCheck, Subject
from tests.order_management.policy.subjects import NOW_NS, SWAP_BTC, journal_at, record, subject
from utils.config.load import POLICY, load_config
from utils.config.settings import PolicySettings

ROOT = Path(__file__).resolve().parents[3]
REDUCING = {"allowed_venues", "allowed_symbols", "duplicate_within_s", "max_quote_age_ms", "require_arming"}


def configured(home: Path, **policy: object) -> Policy:
    (home / "config.yaml").write_text(yaml.safe_dump({"policy": policy}))
    return policy_of(load_config(environment="live"))


def everything(home: Path) -> Policy:
    return configured(
        home,
        allowed_venues=["okx"],
        allowed_symbols=["*"],
        max_deviation_bps=1,
        min_balance_left=1,
        max_position={"BTC": 1},
    )


def test_every_key_of_the_configuration_is_a_check_and_a_file(home: Path) -> None:
    assert set(CHECKS) == set(POLICY) == set(PolicySettings._fields)
    files = {path.stem for path in (ROOT / "order_management" / "policy").glob("*.py")}
    assert files - {"__init__", "chain", "contract"} == set(CHECKS)
    assert tuple(check.name for check in everything(home).checks) == CHECKS


def test_every_check_is_documented_with_its_default_and_a_denial() -> None:
    text = (ROOT / "docs" / "policy.md").read_text()
    for name in CHECKS:
        assert f"| `{name}` | " in text
        assert f"`Denied by policy.{name}: " in text


def test_the_projects_file_says_what_the_program_would_do_without_it() -> None:
    written = yaml.safe_load((ROOT / "config.yaml").read_text())["policy"]
    config = load_config()
    assert set(written) == set(POLICY)
    assert config.policy == PolicySettings()
    assert all(config.origin(f"policy.{key}").endswith("config.yaml") for key in written)


def test_null_switches_a_check_off(home: Path) -> None:
    off = dict.fromkeys(set(CHECKS) - {"require_arming"})
    assert configured(home, **off, require_arming=[]).checks == ()
    assert configured(home, **off, require_arming=["sim"]).checks == ()
    assert [check.name for check in configured(home, **{**off, "max_open_orders": 7}).checks] == [
        "max_open_orders",
        "require_arming",
    ]


def test_what_asks_nobody_comes_first(home: Path) -> None:
    checks = list(everything(home).checks)
    first_look = next(index for index, check in enumerate(checks) if check.needs_look)
    asking = {"max_deviation_bps", "min_balance_left", "max_position"}
    assert not any(check.name in asking for check in checks[:first_look])
    assert not any(isinstance(check, CountingCheck) for check in checks[first_look:])


def test_an_order_that_reduces_is_only_held_against_what_is_no_limit(home: Path, tmp_path: Path) -> None:
    policy = everything(home)
    assert {check.name for check in policy.checks if check.for_reducing} == REDUCING
    asked: list[str] = []
    noting = [_noting(check, asked) for check in policy.checks]
    with journal_at(tmp_path) as journal:
        Policy(noting).check(subject(SWAP_BTC, reduce_only=True), journal)
        assert set(asked) == REDUCING
        asked.clear()
        Policy(noting).check(subject(SWAP_BTC, reduce_only=True, origin="panic"), journal)
        assert set(asked) == {"duplicate_within_s"}, "in an emergency nothing but a repetition is in the way"
        asked.clear()
        Policy(noting).check(subject(SWAP_BTC), journal)
        assert set(asked) == set(CHECKS)


def test_panic_is_what_the_policy_takes_for_it() -> None:
    assert ORIGIN == PANIC


def _noting(original: Check, asked: list[str]) -> Check:
    class Noting(Check):
        name = original.name
        needs_look = original.needs_look
        for_urgent = original.for_urgent
        for_reducing = original.for_reducing

        def check(self, subject: Subject) -> None:
            asked.append(self.name)

    return Noting(None)


def test_the_first_check_that_says_no_is_the_last_that_is_asked(home: Path, tmp_path: Path) -> None:
    policy = configured(home, allowed_venues=["okx"], min_balance_left=1, require_arming=[])
    with journal_at(tmp_path) as journal, pytest.raises(PolicyDenied, match="allowed_venues"):
        policy.check(subject(), journal)


def test_inside_the_transaction_a_denial_writes_nothing(home: Path, tmp_path: Path) -> None:
    policy = configured(home, max_orders_per_minute=1, duplicate_within_s=None, require_arming=[])
    order = subject()
    with journal_at(tmp_path) as journal:
        journal.intend(record(order, "first1"), lambda view: policy.recheck(order, view))
        with pytest.raises(PolicyDenied, match="max_orders_per_minute"):
            journal.intend(record(order, "second1"), lambda view: policy.recheck(order, view))
        assert journal.order("second1") is None
        assert journal.placed_since(0) == 1


RACE = """
import sys
from decimal import Decimal
from pathlib import Path
sys.path.insert(0, {root!r})
from domain.errors import PolicyDenied
from order_management.journal import Journal
from order_management.policy.chain import Policy
from order_management.policy.{name} import Rule
from tests.order_management.policy.subjects import record, subject, NOW_NS
policy = Policy([Rule({setting})])
journal = Journal(Path({path!r}), lambda: NOW_NS)
print("ready", flush=True)
sys.stdin.readline()
passed = 0
for number in range(40):
    order = subject(client_id=f"{{sys.argv[1]}}{{number}}")
    try:
        policy.check(order, journal)
        journal.intend(record(order, f"{{sys.argv[1]}}{{number}}"), lambda view: policy.recheck(order, view))
        passed += 1
    except PolicyDenied:
        pass
print(passed, flush=True)
"""


@pytest.mark.parametrize(
    ("name", "setting", "allowed"),
    [
        ("max_orders_per_minute", "25", 25),
        ("max_open_orders", "25", 25),
        ("max_day_notional", "Decimal(2500)", 25),
        ("duplicate_within_s", "Decimal(5)", 1),
    ],
)
def test_two_processes_at_once_get_no_further_than_one(tmp_path: Path, name: str, setting: str, allowed: int) -> None:
    path = tmp_path / "journal" / "race.sqlite"
    Journal(path).close()
    code = textwrap.dedent(RACE).format(root=str(ROOT), name=name, setting=setting, path=str(path))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, who], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for who in ("left", "right")
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    passed = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(passed) == allowed
    with Journal(path) as journal:
        assert journal.placed_since(NOW_NS) == allowed
        assert journal.notional_since(NOW_NS) == Decimal(100) * allowed


def callers(tree: ast.AST, name: str) -> list[ast.expr]:
    """List what a method of that name is called on; handing work to a pool of threads is called submit, too."""
    found = [
        node.func.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    ]
    return [on for on in found if getattr(on, "id", "") not in ("pool", "executor")]


def test_only_placing_submits_orders_and_only_amending_amends_them() -> None:
    found: dict[str, set[str]] = {"submit": set(), "amend": set()}
    for package in ("commands", "order_management", "monitoring", "market_data", "utils"):
        for path in (ROOT / package).rglob("*.py"):
            for name, files in found.items():
                if callers(ast.parse(path.read_text()), name):
                    files.add(path.relative_to(ROOT).as_posix())
    assert found == {"submit": {"order_management/placing.py"}, "amend": {"order_management/amending.py"}}


def test_a_connector_submits_nothing_of_its_own_accord() -> None:
    for path in (ROOT / "connectors").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            on = [ast.unparse(found) for found in callers(node, "submit")]
            assert on == [] or (node.name == "submit" and set(on) == {"super()"}), f"{path}: {node.name}"


def test_in_placing_the_policy_is_asked_before_the_order_is_written_down_and_sent() -> None:
    tree = ast.parse((ROOT / "order_management" / "placing.py").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [name for name, node in functions.items() if callers(node, "submit")] == ["_submit"]
    users = [
        name
        for name, node in functions.items()
        if any(isinstance(part, ast.Call) and getattr(part.func, "id", "") == "_submit" for part in ast.walk(node))
    ]
    assert users == ["send"]
    order = [
        node.func.id
        for node in sorted(
            (part for part in ast.walk(functions["send"]) if isinstance(part, ast.Call)),
            key=lambda part: (part.lineno, part.col_offset),
        )
        if isinstance(node.func, ast.Name) and node.func.id in ("judge", "_intend", "_submit")
    ]
    assert order == ["judge", "judge", "_intend", "_submit"]


def test_whatever_placing_writes_down_before_it_sends_is_counted_again_in_that_transaction() -> None:
    tree = ast.parse((ROOT / "order_management" / "placing.py").read_text())
    intend = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "_intend")
    writes = [
        node
        for node in ast.walk(intend)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("desk.journal.intend", "desk.journal.add")
    ]
    assert len(writes) == 2
    assert all(ast.unparse(node).endswith("allow(desk, subject))") for node in writes)
