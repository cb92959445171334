import pytest

from domain.errors import PolicyDenied
from order_management.policy.allowed_symbols import Rule
from tests.order_management.policy.subjects import INVERSE_BTC, SPOT_BTC, SWAP_BTC, subject


@pytest.mark.parametrize(
    ("patterns", "allowed"),
    [
        (("BTC/USDT",), {"BTC/USDT"}),
        (("BTC/USDT*",), {"BTC/USDT", "BTC/USDT:USDT"}),
        (("*/USDT:USDT",), {"BTC/USDT:USDT"}),
        (("BTC/*",), {"BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"}),
        (("btc/*",), set()),
        (("ETH/*", "*:BTC"), {"BTC/USD:BTC"}),
        ((), set()),
    ],
)
def test_a_symbol_has_to_match_a_pattern_whole(patterns: tuple[str, ...], allowed: set[str]) -> None:
    for instrument in (SPOT_BTC, SWAP_BTC, INVERSE_BTC):
        if instrument.symbol in allowed:
            Rule(patterns).check(subject(instrument, amount="100"))
        else:
            with pytest.raises(PolicyDenied, match="allowed_symbols.*this order " + instrument.symbol):
                Rule(patterns).check(subject(instrument, amount="100"))
