from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NotSent, PolicyDenied, Unavailable
from domain.orders import Balance, Position
from order_management.policy.max_position import Rule
from tests.order_management.policy.subjects import INVERSE_BTC, SWAP_BTC, subject

RULE = Rule(Decimal(500))


def held(*rows: tuple[str, str], mark: str | None = "100"):
    price = None if mark is None else Decimal(mark)
    found = [Position("somewhere", symbol, Decimal(size), None, price) for symbol, size in rows]
    return {"instrument": SWAP_BTC, "positions": lambda: found}


def test_the_position_after_the_order_counts() -> None:
    RULE.check(subject(amount="1", **held(("BTC/USDT:USDT", "4"))))
    with pytest.raises(PolicyDenied, match=r"position in BTC at somewhere.*limit 500 USD, this order makes it 510 USD"):
        RULE.check(subject(amount="1.1", **held(("BTC/USDT:USDT", "4"))))
    with pytest.raises(PolicyDenied, match="makes it -600 USD"):
        RULE.check(subject(side="sell", amount="6", **held()))


def test_all_perpetuals_and_futures_of_the_asset_count_together_long_less_short() -> None:
    rows = (("BTC/USDT:USDT", "4"), ("BTC/USD:BTC", "-300"))
    RULE.check(subject(amount="4", **held(*rows)))
    with pytest.raises(PolicyDenied, match="makes it 510 USD"):
        RULE.check(subject(amount="4.1", **held(*rows)))
    inverse = {**held(*rows), "instrument": INVERSE_BTC}
    RULE.check(subject(amount="400", unit="quote", **inverse))
    with pytest.raises(PolicyDenied):
        RULE.check(subject(amount="410", unit="quote", **inverse))


def test_what_makes_a_position_smaller_passes_however_large_it_is() -> None:
    RULE.check(subject(side="sell", amount="1", **held(("BTC/USDT:USDT", "40"))))
    RULE.check(subject(side="buy", amount="1", **held(("BTC/USDT:USDT", "-40"))))
    with pytest.raises(PolicyDenied):
        RULE.check(subject(side="sell", amount="90", **held(("BTC/USDT:USDT", "40"))))


def test_spot_orders_are_held_against_what_the_account_has() -> None:
    given = {"balances": lambda: [Balance("somewhere", "BTC", None, None, Decimal(4))]}
    RULE.check(subject(amount="1", **given))
    RULE.check(subject(side="sell", amount="4", **given))
    with pytest.raises(PolicyDenied):
        RULE.check(subject(amount="1.001", **given))


def test_a_mapping_limits_the_assets_that_it_names() -> None:
    Rule({"ETH": Decimal(1)}).check(subject(amount="50", **held()))
    with pytest.raises(PolicyDenied):
        Rule({"BTC": Decimal(1)}).check(subject(amount="50", **held()))


def test_what_cannot_be_valued_or_read_is_not_passed() -> None:
    with pytest.raises(PolicyDenied, match="not known"):
        RULE.check(subject(**held(("XYZ/USDT:USDT", "1"))))
    with pytest.raises(PolicyDenied, match="shows no price of the position in BTC/USD:BTC"):
        RULE.check(subject(**held(("BTC/USD:BTC", "1"), mark=None)))

    def fails() -> list[Position]:
        raise Unavailable("no answer.")

    with pytest.raises(NotSent, match="max_position could not be checked"):
        RULE.check(subject(instrument=SWAP_BTC, positions=fails))


@given(st.decimals("-20", "20", places=3), st.decimals("0.001", "20", places=3), st.sampled_from(["buy", "sell"]))
def test_no_order_that_passes_leaves_a_larger_position_than_before_beyond_the_limit(
    before: Decimal, amount: Decimal, side: str
) -> None:
    after = before + (amount if side == "buy" else -amount)
    try:
        RULE.check(subject(side=side, amount=str(amount), **held(("BTC/USDT:USDT", str(before)))))
    except PolicyDenied:
        assert abs(after) > 5
        assert abs(after) >= abs(before)
    else:
        assert abs(after) <= 5 or abs(after) < abs(before)
