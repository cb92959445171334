"""Reference prices are asked for once a minute, whatever number of commands wants them."""

from decimal import Decimal

import pytest

from connectors.reference import ReferencePrice
from connectors.reference.kept import KeptReference
from domain.errors import TimedOut

SECOND_NS = 1_000_000_000


class Source:
    name = "source"

    def __init__(self) -> None:
        self.asked = 0

    def reference_price(self, asset, quote):
        self.asked += 1
        return ReferencePrice(asset, quote, Decimal("1.10"), 5, 0, self.name)


def kept(source, path, now_s):
    return KeptReference(source, path, now_ns=lambda: now_s * SECOND_NS)


def test_a_price_is_kept_for_a_minute_and_then_asked_for_again(tmp_path) -> None:
    source, path = Source(), tmp_path / "kept.json"
    first = kept(source, path, 0).reference_price("BTC", "USD")
    assert kept(source, path, 59).reference_price("BTC", "USD") == first
    assert source.asked == 1
    kept(source, path, 60).reference_price("BTC", "USD")
    kept(source, path, 0).reference_price("ETH", "USD")
    assert source.asked == 3


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"BTC/USD": 1}', '{"BTC/USD": {"price": "x"}}', '{"BTC/USD": {"price": 1.5}}']
)
def test_a_damaged_file_is_the_same_as_none(tmp_path, content) -> None:
    path = tmp_path / "kept.json"
    path.write_text(content)
    source = Source()
    assert kept(source, path, 0).reference_price("BTC", "USD").price == Decimal("1.10")
    assert source.asked == 1


def test_a_failure_is_not_kept(tmp_path) -> None:
    class Failing(Source):
        def reference_price(self, asset, quote):
            raise TimedOut("no answer")

    with pytest.raises(TimedOut):
        kept(Failing(), tmp_path / "kept.json", 0).reference_price("BTC", "USD")
    assert not (tmp_path / "kept.json").exists()


def test_a_folder_that_cannot_be_written_costs_only_another_request(tmp_path) -> None:
    source = Source()
    assert kept(source, tmp_path / "nowhere" / "kept.json", 0).reference_price("BTC", "USD").price == Decimal("1.10")
