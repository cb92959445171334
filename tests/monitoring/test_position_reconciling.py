"""Holding the ledger against a venue: what counts as a difference, and what is not compared at all."""

from decimal import Decimal

from domain.errors import Maintenance, TimedOut, Unauthorized
from domain.exit_codes import ExitCode
from domain.orders import BUY, Balance, Position
from monitoring.position_reconcile_report import reconciled_report
from monitoring.position_reconciling import CASH, POSITION, UNREALIZED, Reconciled, compare
from monitoring.positions import Sides, position_rows
from monitoring.residuals import Expected
from monitoring.venue_state import VenueState
from tests.monitoring.held import holding, ours, states, swap

D = Decimal
SYMBOL = "BTC/USDT:USDT"
BOUGHT = holding(swap(), (BUY, "0.2", "60000"))
AGREED = Position("okx", SYMBOL, D("0.2"), D(60000), D(61500), unrealized=D(300))


def _compared(state: VenueState, **cash: str) -> Reconciled:
    rows = position_rows(Sides(ours(BOUGHT), {"okx": state}))
    return compare(state, rows, Expected({currency: D(amount) for currency, amount in cash.items()}))


def test_what_agrees_has_no_differences_and_is_counted() -> None:
    found = _compared(states(AGREED, USDT="100")["okx"], USDT="100")
    assert found.differences == []
    assert found.compared == {"positions": 1, "unrealized": 1, "currencies": 1}
    report = reconciled_report("sim", [found])
    assert (report.exit_code, report.record["drift"]) == (ExitCode.OK, 0)
    assert report.summary[-1] == "No differences."


def test_another_size_is_a_difference_and_its_gain_is_not_a_second_one() -> None:
    held = Position("okx", SYMBOL, D("0.3"), D(60000), D(61500), unrealized=D(450))
    found = _compared(states(held, USDT="100")["okx"], USDT="100")
    assert found.differences == [("okx", POSITION, SYMBOL, None, D("0.2"), D("0.3"), D("0.1"))]
    assert reconciled_report("sim", [found]).exit_code == ExitCode.VERIFICATION_FAILED


def test_a_position_that_is_gone_at_the_venue_is_a_difference() -> None:
    found = _compared(states(USDT="100")["okx"], USDT="100")
    assert [(item.kind, item.difference) for item in found.differences] == [(POSITION, D("-0.2"))]


def test_another_gain_at_the_same_mark_is_a_difference() -> None:
    held = Position("okx", SYMBOL, D("0.2"), D(59900), D(61500), unrealized=D(320))
    found = _compared(states(held, USDT="100")["okx"], USDT="100")
    assert found.differences == [("okx", UNREALIZED, SYMBOL, "USDT", D(300), D(320), D(20))]


def test_cash_is_compared_per_currency_over_all_wallets_on_either_side() -> None:
    balances = [
        Balance("okx", "USDT", None, None, D(60), "spot"),
        Balance("okx", "USDT", None, None, D(45), "futures", positions_value=D(3)),
        Balance("okx", "ETH", None, None, D(2)),
    ]
    found = _compared(VenueState("okx", [AGREED], balances), USDT="100", BTC="1")
    cash = {item.currency: (item.ours, item.at_venue, item.difference) for item in found.differences}
    assert cash == {
        "BTC": (D(1), D(0), D(-1)),
        "ETH": (D(0), D(2), D(2)),
        "USDT": (D(100), D(102), D(2)),
    }
    assert {item.kind for item in found.differences} == {CASH}


def test_less_than_the_eighth_decimal_is_no_difference() -> None:
    near = Position("okx", SYMBOL, D("0.2"), D(60000), D(61500), unrealized=D("300.000000009"))
    assert _compared(states(near, USDT="100.000000009")["okx"], USDT="100").differences == []
    found = _compared(states(near, USDT="100.00000001")["okx"], USDT="100")
    assert [item.difference for item in found.differences] == [D("0.00000001")]


def test_what_a_venue_does_not_tell_is_named_and_not_compared() -> None:
    state = VenueState("okx", None, [Balance("okx", "USDT", None, None, D(99))], TimedOut("no answer within 5 s"))
    found = _compared(state, USDT="100")
    assert [item.kind for item in found.differences] == [CASH]
    assert found.not_compared == ["positions: no answer within 5 s"]
    bare = Position("okx", SYMBOL, D("0.2"), D(60000))
    assert "unrealized of BTC/USDT:USDT" in _compared(states(bare)["okx"]).not_compared[0]


def test_exit_codes_tell_drift_from_silence() -> None:
    fine = _compared(states(AGREED)["okx"])
    silent = Reconciled("bybit", error=TimedOut("no answer"))
    assert reconciled_report("sim", [fine, silent]).exit_code == ExitCode.PARTIAL
    assert reconciled_report("sim", [silent]).exit_code == ExitCode.UNAVAILABLE
    refused = Reconciled("bybit", error=Unauthorized("bad key"))
    assert reconciled_report("sim", [refused]).exit_code == ExitCode.REFUSED
    assert reconciled_report("sim", [silent._replace(error=Maintenance("down")), refused]).exit_code == 6


def test_a_venue_that_was_never_synced_says_what_to_do() -> None:
    report = reconciled_report("sim", [Reconciled("okx", unopened="run position sync first")])
    assert report.exit_code == ExitCode.UNAVAILABLE
    assert "okx: not compared: run position sync first" in report.summary[0]
    assert report.record["venues"][0]["status"] == "no_opening"
    assert report.record["venues"][0]["drift"] is None
