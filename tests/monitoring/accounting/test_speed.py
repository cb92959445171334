import random
import time

import pytest

from domain.orders import BUY, SELL
from monitoring.accounting.book import METHODS, Book
from tests.monitoring.accounting.made import INVERSE, LINEAR, SPOT_BTC, dec, fill


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("contract", [SPOT_BTC, LINEAR, INVERSE], ids=lambda contract: contract.symbol)
def test_ten_thousand_fills_take_a_fraction_of_a_second(contract, method: str) -> None:
    """A tenth of a second is usual; the limit is for a busy machine and still far below anything quadratic."""
    random_ = random.Random(1)
    fills = [
        fill(
            contract,
            random_.choice([BUY, SELL]),
            dec(random_.randint(1, 5_000)).scaleb(-4),
            dec(random_.randint(500_000, 700_000)).scaleb(-1),
            fee="0.0001",
        )
        for _ in range(10_000)
    ]
    book, begun = Book(contract, method), time.process_time()
    for each in fills:
        book.add(each)
    assert time.process_time() - begun < 0.6
    assert book.realized != 0
