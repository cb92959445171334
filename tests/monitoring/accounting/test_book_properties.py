"""What holds of every history: the books against cash that is counted apart from them, by other means (fractions)."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.instruments import OPTION, SPOT
from domain.movements import Delivery
from domain.orders import BUY, SELL, Fill, FundingPayment
from monitoring.accounting.book import FIFO, METHODS, Book, Line
from monitoring.accounting.contract import Contract
from monitoring.accounting.entries import Opening
from monitoring.accounting.exact import total
from tests.monitoring.accounting.made import COIN_OPTION, CONTRACTS, INVERSE, LINEAR, SPOT_BTC

FEW = settings(max_examples=20, deadline=None)
GRAIN = Fraction(1, 10**18)
Entry = Fill | FundingPayment | Delivery | Opening


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low * 10**places, high * 10**places).map(lambda number: Decimal(number).scaleb(-places))


SIZES = st.integers(1, 50_000).map(lambda number: Decimal(number).scaleb(-4))
PRICES = st.integers(1, 10_000_000).map(lambda number: Decimal(number).scaleb(-2))


class Trade(NamedTuple):
    side: str
    size: Decimal
    price: Decimal
    fee: Decimal
    in_base: bool
    funding: Decimal


TRADES = st.builds(
    Trade,
    side=st.sampled_from([BUY, SELL]),
    size=SIZES,
    price=PRICES,
    fee=st.integers(-30, 30).map(lambda number: Decimal(number).scaleb(-6)),
    in_base=st.booleans(),
    funding=st.integers(-1000, 1000).map(lambda number: Decimal(number).scaleb(-7)),
)
HISTORIES = st.lists(TRADES, min_size=1, max_size=15)
KINDS = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.symbol)
UNLIKE = pytest.mark.parametrize("contract", [SPOT_BTC, INVERSE], ids=lambda contract: contract.symbol)
BOTH = pytest.mark.parametrize("method", METHODS)


def entries(contract: Contract, history: Sequence[Trade]) -> list[Entry]:
    made: list[Entry] = []
    for at, trade in enumerate(history):
        currency = contract.base if trade.in_base and contract.kind == SPOT else contract.currency
        place = (contract.venue, contract.symbol, str(at))
        made.append(Fill(*place, None, None, trade.side, trade.price, trade.size, trade.fee, currency, None, at))
        if contract.kind not in (SPOT, OPTION) and trade.funding:
            made.append(FundingPayment(*place, at, trade.funding, contract.currency))
    return made


def booked(contract: Contract, method: str, made: Sequence[Entry]) -> tuple[Book, list[Line]]:
    book = Book(contract, method)
    return book, [book.add(entry) for entry in made]


def rounded(number: Fraction) -> Fraction:
    """Round to 18 decimals, half even, by means of Python's own integers."""
    return Fraction(round(number / GRAIN)) * GRAIN


def worth(contract: Contract, size: Fraction, price: Fraction) -> Fraction:
    return rounded(size / price) if contract.inverse else size * price


class Account:
    """Cash and holdings of an account that knows nothing of costs: what is paid leaves, what is received comes."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.cash = self.held = Fraction(0)

    def take(self, entry: Entry) -> None:
        if isinstance(entry, FundingPayment):
            self.cash += Fraction(entry.amount)
            return
        assert isinstance(entry, Fill)
        size, price, fee = (Fraction(number or 0) for number in (entry.size, entry.price, entry.fee))
        moved = size if entry.side == BUY else -size
        paid = worth(self.contract, moved, price)
        self.cash += paid if self.contract.inverse else -paid
        self.held += moved
        if entry.fee_currency == self.contract.currency:
            self.cash -= fee
        else:
            self.held -= fee

    def equity(self, mark: Fraction) -> Fraction:
        value = worth(self.contract, self.held, mark)
        return self.cash - value if self.contract.inverse else self.cash + value


@KINDS
@BOTH
@FEW
@given(history=HISTORIES, mark=PRICES)
def test_cash_and_holdings_at_the_mark_are_what_they_were_plus_the_net_result(
    contract: Contract, method: str, history: list[Trade], mark: Decimal
) -> None:
    """The account starts with nothing, so that its equity is the result; it is compared after every single entry."""
    account, book = Account(contract), Book(contract, method)
    for entry in entries(contract, history):
        book.add(entry)
        account.take(entry)
        net = book.net(mark)
        assert net is not None
        assert Fraction(book.position) == account.held
        assert Fraction(net) == account.equity(Fraction(mark))


@UNLIKE
@BOTH
@FEW
@given(history=HISTORIES, parts=st.lists(st.integers(0, 3), min_size=50, max_size=50))
def test_any_partition_of_the_lines_sums_to_the_books_totals(
    contract: Contract, method: str, history: list[Trade], parts: list[int]
) -> None:
    book, lines = booked(contract, method, entries(contract, history))
    groups = [[line for line, part in zip(lines, parts, strict=False) if part == number] for number in range(4)]
    for name, whole in (("realized", book.realized), ("fee", book.fees), ("funding", book.funding)):
        assert total(total(getattr(line, name) for line in group) for group in groups) == whole


@KINDS
@FEW
@given(history=HISTORIES, last=PRICES)
def test_average_and_fifo_agree_to_the_last_digit_once_flat(
    contract: Contract, history: list[Trade], last: Decimal
) -> None:
    made = entries(contract, history)
    held = booked(contract, FIFO, made)[0].position
    side = SELL if held > 0 else BUY
    place = (contract.venue, contract.symbol, "last", None, None)
    made.append(Fill(*place, side, last, held.copy_abs(), Decimal(0), contract.currency, None, len(made)))
    results = set()
    for method in METHODS:
        book = booked(contract, method, made)[0]
        assert (book.position, book.cost, book.lots) == (0, 0, ())
        results.add((book.realized, book.fees, book.funding))
    assert len(results) == 1


@UNLIKE
@BOTH
@FEW
@given(history=HISTORIES)
def test_the_entry_price_lies_between_the_prices_at_which_the_position_was_opened(
    contract: Contract, method: str, history: list[Trade]
) -> None:
    """Within what one rounding to 18 decimals a closing can shift a cost by."""
    book, opened = Book(contract, method), []
    for entry in entries(contract, history):
        line = book.add(entry)
        if not book.position:
            opened = []
        if line.opened:
            opened = [*([] if line.closed else opened), line.entry.price]
        if book.entry_price is None:
            continue
        # Of sizes of 1e-6 at least (inverse: 1e-4), 15 roundings of 5e-19 shift an average by less than this.
        slack = max(opened) ** 2 * Decimal("1e-12") if contract.inverse else Decimal("1e-10")
        assert min(opened) - slack <= book.entry_price <= max(opened) + slack


@FEW
@given(first=HISTORIES, second=HISTORIES, order=st.randoms(use_true_random=False))
def test_symbols_do_not_touch_each_other(first: list[Trade], second: list[Trade], order) -> None:
    apart = [booked(LINEAR, FIFO, entries(LINEAR, first))[1], booked(INVERSE, FIFO, entries(INVERSE, second))[1]]
    books = {LINEAR.symbol: Book(LINEAR, FIFO), INVERSE.symbol: Book(INVERSE, FIFO)}
    queues = [list(reversed(entries(LINEAR, first))), list(reversed(entries(INVERSE, second)))]
    mixed: list[list[Line]] = [[], []]
    while any(queues):
        number = order.choice([at for at, queue in enumerate(queues) if queue])
        entry = queues[number].pop()
        mixed[number].append(books[entry.symbol].add(entry))
    assert mixed == apart


@BOTH
@FEW
@given(history=HISTORIES, mark=PRICES, factor=st.sampled_from([2, 4, 10, 1000]))
def test_k_times_the_size_is_k_times_the_result(method: str, history: list[Trade], mark: Decimal, factor: int) -> None:
    """Costs that were rounded may differ by one grain a closing, which the scale multiplies."""
    many = [trade._replace(size=trade.size * factor, fee=trade.fee * factor, in_base=False) for trade in history]
    one = [trade._replace(in_base=False) for trade in history]
    books = [booked(SPOT_BTC, method, entries(SPOT_BTC, each))[0] for each in (one, many)]
    small, large = books
    assert large.position == small.position * factor
    assert large.fees == small.fees * factor
    for mine, theirs in ((small.realized, large.realized), (small.net(mark), large.net(mark))):
        assert mine is not None
        assert theirs is not None
        assert abs(Fraction(theirs) - Fraction(mine) * factor) <= GRAIN * factor * len(history)
    assert Fraction(large.net(mark)) == Fraction(small.net(mark)) * factor  # the result as a whole is exact


@UNLIKE
@FEW
@given(history=HISTORIES, mark=PRICES)
def test_lots_sum_to_the_position_and_its_cost(contract: Contract, history: list[Trade], mark: Decimal) -> None:
    book, lines = booked(contract, FIFO, entries(contract, history))
    assert total(lot.size for lot in book.lots) == book.position
    assert total(lot.cost for lot in book.lots) == book.cost
    for line in lines:
        assert total(closing.size for closing in line.closings) == line.closed
        assert total(closing.realized for closing in line.closings) == line.realized


@BOTH
@FEW
@given(history=HISTORIES, price=st.one_of(st.just(Decimal(0)), decimals(0, 2, 4)))
def test_delivery_ends_a_position_as_a_trade_at_its_price_would(
    method: str, history: list[Trade], price: Decimal
) -> None:
    made = entries(COIN_OPTION, history)
    held = booked(COIN_OPTION, method, made)[0].position
    place = (COIN_OPTION.venue, COIN_OPTION.symbol, "end")
    by_delivery = booked(COIN_OPTION, method, [*made, Delivery(*place, len(made), held, price, "BTC")])[0]
    side = SELL if held > 0 else BUY
    closing = Fill(*place, None, None, side, price, held.copy_abs(), Decimal(0), "BTC", None, len(made))
    by_trade = booked(COIN_OPTION, method, [*made, closing])[0]
    assert by_delivery.position == 0
    assert by_delivery.realized == by_trade.realized
    assert by_delivery.unmatched == []


@BOTH
@FEW
@given(held=SIZES, history=HISTORIES, entry=PRICES, mark=PRICES)
def test_an_opening_with_its_entry_price_is_like_the_trade_that_made_it(
    method: str, held: Decimal, history: list[Trade], entry: Decimal, mark: Decimal
) -> None:
    made = entries(LINEAR, history)
    place = (LINEAR.venue, LINEAR.symbol)
    bought = Fill(*place, "first", None, None, BUY, entry, held, Decimal(0), "USDT", None, 0)
    opened = booked(LINEAR, method, [Opening(*place, 0, held, entry), *made])[0]
    traded = booked(LINEAR, method, [bought, *made])[0]
    assert (opened.realized, opened.position, opened.cost) == (traded.realized, traded.position, traded.cost)
    assert opened.net(mark) == traded.net(mark)


def test_the_reference_rounds_like_the_books() -> None:
    for numerator, denominator in ((100, 3), (5, 10**19), (15, 10**19), (25, 10**19)):
        expected = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal("1e-18"), ROUND_HALF_EVEN)
        assert rounded(Fraction(numerator, denominator)) == Fraction(expected)
