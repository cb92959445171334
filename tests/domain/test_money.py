"""Money: from text, exact, and nothing that is not a number."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import BadNumber, plain, to_decimal, to_decimal_or_none


@pytest.mark.parametrize("bad", [1.5, True, None, "", "abc", "NaN", "Infinity", "1e400", "1" * 65, [], b"1"])
def test_what_is_not_a_number_in_text_is_refused(bad) -> None:
    with pytest.raises(BadNumber):
        to_decimal(bad)


def test_text_keeps_its_digits() -> None:
    assert str(to_decimal("0.10")) == "0.10"


def test_absent_is_none_and_never_zero() -> None:
    assert to_decimal_or_none("") is None
    assert to_decimal_or_none(None) is None
    assert to_decimal_or_none("0") == 0


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=12))
def test_plain_text_reads_back_as_the_same_number(number: Decimal) -> None:
    text = plain(number)
    assert Decimal(text) == number
    assert "E" not in text
