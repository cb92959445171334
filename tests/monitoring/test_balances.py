"""Balances and their worth: what is known is summed, what is not stays unknown."""

from decimal import Decimal

from domain.errors import TimedOut
from domain.exit_codes import ExitCode
from domain.orders import Balance
from market_data.conversion import EQUAL, Rate
from monitoring.balance_report import balance_report
from monitoring.balances import overall, valued
from monitoring.venue_state import VenueState

D = Decimal


class Told:
    """Rates as a test says them."""

    def __init__(self, **prices: str) -> None:
        self.prices = prices

    def rate(self, currency: str, venue: str | None = None) -> Rate | None:
        if currency == "USDT":
            return Rate(currency, "USDT", D(1), "same currency")
        if currency == "USD":
            return Rate(currency, "USDT", D(1), EQUAL, assumed=True)
        price = self.prices.get(currency)
        return None if price is None else Rate(currency, "USDT", D(price), str(venue), f"{currency}/USDT", 5)


def _balance(venue: str, currency: str, total: str, wallet: str = "trading") -> Balance:
    return Balance(venue, currency, D(total), D(0), D(total), wallet)


def test_each_balance_is_worth_its_total_at_its_venues_rate_and_totals_are_exact_sums() -> None:
    states = {
        "okx": VenueState("okx", balances=[_balance("okx", "BTC", "0.3"), _balance("okx", "USDT", "10")]),
        "kucoin": VenueState("kucoin", balances=[_balance("kucoin", "BTC", "0.1", "spot")]),
    }
    found = valued(states, Told(BTC="60000.1"))
    assert [item.total.value for item in found] == [D("18010.03"), D("6000.01")]
    assert overall(found).value == D("24010.04")


def test_what_no_market_values_leaves_totals_unknown_and_is_named() -> None:
    held = [_balance("okx", "XYZ", "3"), _balance("okx", "USDT", "10")]
    found = valued({"okx": VenueState("okx", balances=held)}, Told())
    assert found[0].total == (None, D(10))
    assert [balance.currency for balance in found[0].unvalued] == ["XYZ"]
    report = balance_report("sim", "USDT", found)
    assert report.exit_code == ExitCode.OK
    assert report.record["total"] is None
    assert report.record["total_known"] == D(10)
    assert "okx: no market tells what this is worth: 3 XYZ." in report.summary


def test_a_balance_of_zero_is_worth_nothing_without_any_rate() -> None:
    found = valued({"okx": VenueState("okx", balances=[_balance("okx", "XYZ", "0")])}, Told())
    assert found[0].total == (D(0), D(0))


def test_a_venue_that_does_not_answer_is_not_known_never_zero() -> None:
    states = {
        "okx": VenueState("okx", balances=[_balance("okx", "USDT", "10")]),
        "bybit": VenueState("bybit", error=TimedOut("no answer within 5 s")),
    }
    report = balance_report("sim", "USDT", valued(states, Told()))
    assert report.exit_code == ExitCode.PARTIAL
    assert report.record["total"] is None
    bybit = report.record["venues"][1]
    assert (bybit["balances"], bybit["total"], bybit["total_known"]) == (None, None, None)
    assert "bybit: not known: no answer within 5 s" in report.summary
    alone = balance_report("sim", "USDT", valued({"bybit": states["bybit"]}, Told()))
    assert alone.exit_code == ExitCode.UNAVAILABLE


def test_an_assumed_rate_is_said_to_be_one() -> None:
    found = valued({"deriv": VenueState("deriv", balances=[_balance("deriv", "USD", "7")])}, Told())
    report = balance_report("sim", "USDT", found)
    assert any("taken as equal" in line for line in report.summary)
    assert report.tables[0].rows[0][-1] == "assumed"
    assert report.record["venues"][0]["balances"][0]["rate"]["assumed"] is True


def test_cash_leaves_out_what_positions_would_bring() -> None:
    balance = Balance("deribit", "BTC", D(1), D(0), D("1.5"), positions_value=D("0.2"))
    state = VenueState("deribit", balances=[balance, _balance("deribit", "BTC", "2", "other")])
    assert state.cash() == {"BTC": D("3.3")}
    assert VenueState("deribit").cash() is None
