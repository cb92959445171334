"""The venues' own worked examples, with the numbers of their pages, to the last digit that the page gives.

Where a page rounds in a way of its own (up, or by cutting off), the test says so. Where a venue publishes a formula and
no numbers, the formula itself is computed in fractions and compared. Each test names its page.
"""

from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction

import pytest

from domain.instruments import FUTURE, OPTION, PERPETUAL, SPOT
from domain.orders import BUY, SELL
from monitoring.accounting.book import Book
from monitoring.accounting.contract import Contract
from monitoring.accounting.entries import Opening
from monitoring.accounting.exact import minus, plus, times
from tests.monitoring.accounting.made import book, dec, delivery, fill, funding


def contract(venue: str, symbol: str, kind: str, settle: str | None, inverse: bool = False) -> Contract:
    base, quote = symbol.partition(":")[0].split("/")
    return Contract(venue, symbol, kind, base, quote, settle, inverse)


def named(made: Contract) -> str:
    return f"{made.venue} {made.symbol}"


def to(number: Decimal | None, like: str, rounding: str = ROUND_HALF_UP) -> str:
    """Round as finely as the page does."""
    assert number is not None
    return str(number.quantize(Decimal(like), rounding))


# --- Binance ---------------------------------------------------------------------------------------------------------

BINANCE_LINEAR = contract("binance", "BTC/USDT:USDT", PERPETUAL, "USDT")
BINANCE_COIN = contract("binance", "BTC/USD:BTC", PERPETUAL, "BTC", inverse=True)


@pytest.mark.parametrize(("opens", "closes", "exit_price"), [(BUY, SELL, 5_500), (SELL, BUY, 4_500)])
def test_binance_long_and_short_of_one_bitcoin(opens: str, closes: str, exit_price: int) -> None:
    """A Beginner's Guide to Futures Trading: contract size 1 BTC, entry 5,000 USD, profit 500 USD.

    https://binance.com/en-IN/support/announcement/a-beginner-s-guide-to-futures-trading-360039304272
    """
    made = book(BINANCE_LINEAR, (opens, 1, 5_000), (closes, 1, exit_price))
    assert made.realized == 500


# --- OKX -------------------------------------------------------------------------------------------------------------

OKX_LINEAR = contract("okx", "BTC/USDT:USDT", FUTURE, "USDT")
OKX_SPOT = contract("okx", "ETH/USDT", SPOT, None)


def test_okx_usdt_margined_futures() -> None:
    """Tutorial on USDT-Margined Futures Contracts: (9186.8 - 9600) × 1111 × 0.0001 = 45.9 (it is a loss: sign dropped).

    https://www.okex.com/academy/en/tutorial-on-usdt-margined-futures-contracts-trading-simulation/
    """
    size = 1111 * dec("0.0001")
    made = book(OKX_LINEAR, (BUY, size, 9_600), (SELL, size, "9186.8"))
    assert to(made.realized, "0.1") == "-45.9"


def test_okx_average_cost_of_spot() -> None:
    """Spot cost price: 2 ETH at 3,000; one sold at 3,500; one bought at 4,000; last price 4,500.

    Average cost 3,500, its P&L 2,000; cumulative P&L 2,500, which is ours realised and unrealised together.
    https://okx.huicker.com/help/i-introduction-of-spot (mirror of okx.com/help/i-introduction-of-spot)
    """
    made = book(OKX_SPOT, (BUY, 2, 3_000))
    assert (made.entry_price, made.unrealized(dec(3_500))) == (3_000, 1_000)
    made = book(OKX_SPOT, (BUY, 2, 3_000), (SELL, 1, 3_500), (BUY, 1, 4_000))
    assert (made.entry_price, made.unrealized(dec(4_500)), made.net(dec(4_500))) == (3_500, 2_000, 2_500)


# --- Bybit -----------------------------------------------------------------------------------------------------------

BYBIT_INVERSE = contract("bybit", "BTC/USD:BTC", PERPETUAL, "BTC", inverse=True)
BYBIT_LINEAR = contract("bybit", "BTC/USDT:USDT", PERPETUAL, "USDT")
BYBIT_USDC = contract("bybit", "BTC/USDC:USDC", PERPETUAL, "USDC")
BYBIT_OPTION = contract("bybit", "BTC/USDT:USDT-211231-48000-C", OPTION, "USDT")


def test_bybit_average_entry_price_of_an_inverse_contract() -> None:
    """P&L calculations (Inverse Contracts): 1,000 at 5,000 and 2,000 at 6,000: 0.53333334 BTC, 5,625.00 USD.

    The page rounds the value up. https://help.bybit.com/hc/en-us/articles/900000404726-P-L-calculations-Inverse-Contracts-
    """
    made = book(BYBIT_INVERSE, (BUY, 1_000, 5_000), (BUY, 2_000, 6_000))
    assert to(made.cost, "0.00000001", ROUND_UP) == "0.53333334"
    assert to(made.entry_price, "0.01") == "5625.00"


def test_bybit_unrealized_of_an_inverse_contract() -> None:
    """P&L calculations (Inverse Contracts): long 1,000 at 5,000, price 5,500: 0.01819 BTC (the page rounds up).

    https://help.bybit.com/hc/en-us/articles/900000404726-P-L-calculations-Inverse-Contracts-
    """
    made = book(BYBIT_INVERSE, (BUY, 1_000, 5_000))
    assert to(made.unrealized(dec(5_500)), "0.00001", ROUND_UP) == "0.01819"


def test_bybit_usdt_contracts() -> None:
    """P&L calculations (USDT Contract): average of 0.5 at 5,000 and 0.3 at 6,000; a long's 100, a short's 400 USDT.

    https://help.bybit.com/hc/en-us/articles/900000630066-P-L-calculations-USDT-Contract-
    """
    assert book(BYBIT_LINEAR, (BUY, "0.5", 5_000), (BUY, "0.3", 6_000)).entry_price == 5_375
    assert book(BYBIT_LINEAR, (BUY, "0.2", 7_000)).unrealized(dec(7_500)) == 100
    assert book(BYBIT_LINEAR, (SELL, "0.4", 6_000)).unrealized(dec(5_000)) == 400


def test_bybit_usdc_session() -> None:
    """USDC Perpetual Session Settlement Mechanism: average 50,250; realised 45, unrealised 75 and 175 USDC.

    We do not restart the entry price at each session: what the session pays out stays unrealised with us, and the sum
    is the same. https://testnet.bytick.com/kk-KZ/help-center/article/USDC-8-Hour-Session-Settlement-Mechanism
    """
    made = book(BYBIT_USDC, (BUY, "0.1", 50_000), (BUY, "0.1", 50_500))
    assert made.entry_price == 50_250
    line = made.add(fill(BYBIT_USDC, SELL, "0.1", 50_700))
    assert (line.realized, made.unrealized(dec(51_000)), made.unrealized(dec(52_000))) == (45, 75, 175)


def test_bybit_options() -> None:
    """P&L Calculations (Options): average 3,750; a long's 100, a short's -60.

    https://bybit.com/en-US/help-center/bybitHC_Article?id=000001552&language=en_US
    """
    assert book(BYBIT_OPTION, (BUY, "0.1", 3_500), (BUY, "0.1", 4_000)).entry_price == 3_750
    assert book(BYBIT_OPTION, (BUY, "0.1", 3_500)).unrealized(dec(4_500)) == 100
    assert book(BYBIT_OPTION, (SELL, "0.3", 2_600)).unrealized(dec(2_800)) == -60


def test_bybit_closed_profit_of_a_written_call_after_fees() -> None:
    """P&L Calculations (Options): (2,600 - 2,400) × 0.3 less 0.03 % of the index at both ends is 52 USDT.

    https://www.bybit.com/kk-KZ/help-center/article/P-L-Calculations-Options?category=dad72a6ba600874635
    """
    made = Book(BYBIT_OPTION)
    made.add(fill(BYBIT_OPTION, SELL, "0.3", 2_600, fee=44_900 * dec("0.3") * dec("0.0003")))
    made.add(fill(BYBIT_OPTION, BUY, "0.3", 2_400, fee=44_000 * dec("0.3") * dec("0.0003")))
    assert to(made.net(dec(0)), "1") == "52"


# --- KuCoin ----------------------------------------------------------------------------------------------------------

KUCOIN_LINEAR = contract("kucoin", "BTC/USDT:USDT", PERPETUAL, "USDT")
KUCOIN_INVERSE = contract("kucoin", "BTC/USD:BTC", PERPETUAL, "BTC", inverse=True)
LOT = dec("0.001")


def test_kucoin_unrealized() -> None:
    """How to Calculate Unrealized PNL and Realized PNL: 10 USDT on 100 lots; 0.013 BTC (cut off) on 100 USD short.

    https://kucoin.zendesk.com/hc/en-us/articles/26695061760793-How-to-Calculate-Unrealized-PNL-and-Realized-PNL
    """
    assert book(KUCOIN_LINEAR, (BUY, 100 * LOT, 5_000)).unrealized(dec(5_100)) == 10
    short = book(KUCOIN_INVERSE, (SELL, 100, 5_000))
    assert to(short.unrealized(dec(3_000)), "0.001", ROUND_DOWN) == "0.013"


def test_kucoin_usdt_margined_entry_price() -> None:
    """About USDT-Margined Futures: 1,000 lots at 50,000 and 2,000 at 60,000 average 56,666.7; 1,000 lots gain 5,000.

    https://kucoin.com/bn/support/26685254904601
    """
    made = book(KUCOIN_LINEAR, (BUY, 1_000 * LOT, 50_000), (BUY, 2_000 * LOT, 60_000))
    assert (made.cost, to(made.entry_price, "0.1")) == (170_000, "56666.7")
    assert book(KUCOIN_LINEAR, (BUY, 1_000 * LOT, 50_000)).unrealized(dec(55_000)) == 5_000


def test_kucoin_coin_margined_entry_price() -> None:
    """About Coin-Margined Futures: 3,000 / 0.053333334 (rounded up) = 56,250.00 USD; long 1,000: 0.001818 BTC.

    https://kucoin.com/es/support/26693238981785
    """
    made = book(KUCOIN_INVERSE, (BUY, 1_000, 50_000), (BUY, 2_000, 60_000))
    assert to(made.cost, "0.000000001", ROUND_UP) == "0.053333334"
    assert to(made.entry_price, "0.01") == "56250.00"
    assert to(book(KUCOIN_INVERSE, (BUY, 1_000, 50_000)).unrealized(dec(55_000)), "0.000001") == "0.001818"


def test_kucoin_coin_margined_profit() -> None:
    """Coin-margined perpetual contract: 10,000 × (1/30,000 - 1/40,000) = +0.0833 BTC.

    https://www.kucoin.com/ko/support/26693238981785
    """
    made = book(KUCOIN_INVERSE, (BUY, 10_000, 30_000), (SELL, 10_000, 40_000))
    assert to(made.realized, "0.0001") == "0.0833"


def test_kucoin_funding_of_xbtusdm() -> None:
    """Funding Fees: long 10,000 at a mark of 5,000 is worth 2 BTC and pays 0.0005 BTC at a rate of 0.0250 %.

    https://kucoin.com/vi/support/26686295987353
    """
    value = KUCOIN_INVERSE.value(dec(10_000), dec(5_000))
    assert value == 2
    made = book(KUCOIN_INVERSE, (BUY, 10_000, 5_000))
    made.add(funding(KUCOIN_INVERSE, str(-times(value, dec("0.000250")))))
    assert made.net(dec(5_000)) == dec("-0.0005")


# --- Deribit ---------------------------------------------------------------------------------------------------------

DERIBIT_FUTURE = contract("deribit", "BTC/USD:BTC-991231", FUTURE, "BTC", inverse=True)
DERIBIT_OPTION = contract("deribit", "BTC/USD:BTC-991231-300-C", OPTION, "BTC")
DERIBIT_SOL = contract("deribit", "SOL/USDC:USDC-991231-250-C", OPTION, "USDC")


def test_deribit_inverse_future_and_its_fees() -> None:
    """Example (futures): 100 contracts of 10 USD, 600 to 700: 0.238095 BTC; fees of 0.05 %: 0.0008333 BTC to open.

    The page's fee to close, 0.00071425, is a slip of the page in the eighth digit: 0.5/700 is 0.00071428.
    https://www.deribit.com/docs/example-futures/
    """
    made = Book(DERIBIT_FUTURE)
    size, rate = dec(100 * 10), dec("0.0005")
    fees = [times(DERIBIT_FUTURE.value(size, dec(price)), rate) for price in (600, 700)]
    made.add(fill(DERIBIT_FUTURE, BUY, size, 600, fee=fees[0]))
    made.add(fill(DERIBIT_FUTURE, SELL, size, 700, fee=fees[1]))
    assert to(made.realized, "0.000001") == "0.238095"
    assert to(fees[0], "0.0000001") == "0.0008333"
    assert to(fees[1], "0.0000001", ROUND_DOWN) == "0.0007142"
    assert to(made.fees, "0.00001") == "0.00155"


@pytest.mark.parametrize(("strike", "settled", "credited"), [(300, 400, "0.25"), (300, 200, "0.5")])
def test_deribit_options_at_expiry(strike: int, settled: int, credited: str) -> None:
    """Options explained: a 300 call at 400 brings 0.25 BTC, a 300 put at 200 brings 0.5 BTC; the seller loses as much.

    https://deribit.freshdesk.com/support/solutions/articles/1000057047-options-explained
    """
    worth = dec(abs(settled - strike)) / settled
    for side, size, sign in ((BUY, 1, 1), (SELL, -1, -1)):
        made = book(DERIBIT_OPTION, (side, 1, 0))
        assert made.add(delivery(DERIBIT_OPTION, size, str(worth))).realized == sign * dec(credited)


def test_deribit_break_even_of_a_coin_settled_call() -> None:
    """Lecture 4.4: a 12,000 call for 0.05 BTC breaks even at 12,631.58.

    https://insights.deribit.com/options-course/ (section 4, lecture 4.4, Buying vs selling cryptocurrency call options)
    """
    gains = []
    for price in ("12631.57", "12631.58", "12631.59"):
        made = book(DERIBIT_OPTION, (BUY, 1, "0.05"))
        worth = minus(dec(price), dec(12_000)) / dec(price)
        gains.append(made.add(delivery(DERIBIT_OPTION, 1, str(worth))).realized)
    assert all(gain is not None for gain in gains)
    assert min(gains, key=abs) == gains[1]
    assert gains[0] < 0 < gains[2]


def test_deribit_linear_option() -> None:
    """Linear USDC Options: a SOL 250 call for 10 USDC (× 10 SOL) settled at 275: 250 USDC for 100, profit 150.

    https://support.deribit.com/hc/en-us/articles/25944750999581-Linear-USDC-Options
    """
    for side, size, profit in ((BUY, 10, 150), (SELL, -10, -150)):
        made = book(DERIBIT_SOL, (side, 10, 10))
        assert made.cost == size * 10
        line = made.add(delivery(DERIBIT_SOL, size, 275 - 250))
        assert (line.realized, made.position) == (profit, 0)


# --- Deriv -----------------------------------------------------------------------------------------------------------

DERIV = contract("deriv", "BTC/USD", SPOT, None)


@pytest.mark.parametrize("spot", ["100", "61234.50"])
@pytest.mark.parametrize(("multiplier", "profit"), [(1, 2), (500, 1_000)])
def test_deriv_multiplier(multiplier: int, profit: int, spot: str) -> None:
    """Multipliers: a stake of 100 USD, the market up 2 %: 2 USD without, 1,000 USD with a multiplier of 500.

    The page gives no price: it does not matter, up to the rounding of a size. https://deriv.com/trade-types/multiplier/
    """
    entry = dec(spot)
    size = dec(100 * multiplier) / entry
    made = book(DERIV, (BUY, size, entry), (SELL, size, entry * dec("1.02")))
    assert to(made.realized, "0.0001") == to(dec(profit), "0.0001")


def test_deriv_stop_out_loses_the_stake() -> None:
    """Multipliers: with a multiplier of 500, a fall of 2 % costs the stake of 100 USD only, by the stop out.

    The stop out closes where the loss is the stake: 1/500 below the entry. https://deriv.com/trade-types/multiplier/
    """
    made = book(DERIV, (BUY, 500, 100), (SELL, 500, 100 * (1 - dec(1) / 500)))
    assert made.realized == -100


# --- published formulas without numbers ------------------------------------------------------------------------------

FIGURES = [(7, 1, "61234.5", "58111.2"), (1_111, 3, "0.4871", "0.5012"), (1, 1, "3", "7"), (250, 10, "99999.9", "0.3")]
GRAIN = Fraction(1, 10**18)


def gains(made: Contract, size: Decimal, entry: str, mark: str) -> list[Fraction]:
    """Unrealised and realised gains of a long, then of a short, of `size` (lot units)."""
    found = []
    for opens, closes in ((BUY, SELL), (SELL, BUY)):
        kept = book(made, (opens, size, entry)).unrealized(dec(mark))
        assert kept is not None
        found += [Fraction(kept), Fraction(book(made, (opens, size, entry), (closes, size, mark)).realized)]
    return found


@pytest.mark.parametrize(("contracts", "multiplier", "entry", "mark"), FIGURES)
@pytest.mark.parametrize("made", [BINANCE_COIN, contract("okx", "BTC/USD:BTC", PERPETUAL, "BTC", True)], ids=named)
def test_coin_margined_formula_of_binance_and_okx(
    made: Contract, contracts: int, multiplier: int, entry: str, mark: str
) -> None:
    """face value × |contracts| × multiplier × (1 / open price - 1 / mark price), short the other way round.

    Binance, A Beginner's Guide to Futures Trading (COIN-M: position_size × contract_multiplier × direction ×
    (1/entry - 1/mark)); OKX, Calculation of contract's profit and loss (okx.com/help). Ours rounds each value once.
    """
    face = 100
    formula = face * contracts * multiplier * (1 / Fraction(entry) - 1 / Fraction(mark))
    long_open, long_closed, short_open, short_closed = gains(made, dec(face * contracts * multiplier), entry, mark)
    assert abs(long_open - formula) <= GRAIN
    assert abs(short_open + formula) <= GRAIN
    assert (long_closed, short_closed) == (long_open, short_open)


@pytest.mark.parametrize(("contracts", "multiplier", "entry", "mark"), FIGURES)
@pytest.mark.parametrize("kind", [PERPETUAL, FUTURE, OPTION])
def test_linear_formula_of_okx_and_deribit(kind: str, contracts: int, multiplier: int, entry: str, mark: str) -> None:
    """face value × |contracts| × multiplier × (mark price - open price), options alike (premium × contract value).

    OKX, Calculation of contract's profit and loss, Calculation of option's profit and loss (okx.com/help).
    """
    face = dec("0.01")
    size = face * contracts * multiplier
    formula = Fraction(face) * contracts * multiplier * (Fraction(mark) - Fraction(entry))
    made = contract("okx", "BTC/USDT:USDT", kind, "USDT")
    assert gains(made, size, entry, mark) == [formula, formula, -formula, -formula]


@pytest.mark.parametrize("made", [BINANCE_LINEAR, BINANCE_COIN, OKX_LINEAR, BYBIT_LINEAR, BYBIT_INVERSE], ids=named)
@pytest.mark.parametrize(("size", "sign"), [(1_000, -1), (-1_000, 1)])
def test_a_positive_funding_rate_costs_a_long_its_value_at_the_mark_times_the_rate(
    made: Contract, size: int, sign: int
) -> None:
    """Funding fee = position value × funding rate; positive: longs pay shorts. No page of these shows numbers.

    Binance, Introduction to Binance Futures Funding Rates; OKX, okx.com/help/360053909272; Bybit, Funding Fee
    Calculation. The payment is the venue's own figure; here it is made by the formula.
    """
    mark, rate = dec(50_000), dec("0.0001")
    held = Book(made)
    held.add(Opening(made.venue, made.symbol, 0, dec(size), mark))
    paid = times(made.value(dec(abs(size)), mark), rate)
    held.add(funding(made, str(sign * paid)))
    assert held.net(mark) == sign * paid
    assert paid == (dec("0.000002") if made.inverse else dec("5000"))


def test_deribit_funding_is_rate_times_size_times_share_of_eight_hours() -> None:
    """Funding specifications: Funding Payment = Funding Rate × Position Size × Time Fraction (no numbers stored).

    It is paid all the time and reported in pieces, which have to sum to the whole.
    https://support.deribit.com/hc/en-us/articles/25944756883229-Funding-specifications
    """
    perpetual = contract("deribit", "BTC/USD:BTC", PERPETUAL, "BTC", True)
    coins, rate = perpetual.value(dec(100_000), dec(50_000)), dec("0.0003")
    held = book(perpetual, (BUY, 100_000, 50_000))
    for minutes in (60, 180, 240):
        held.add(funding(perpetual, str(-times(times(coins, rate), dec(minutes) / 480))))
    assert held.funding == -times(coins, rate)
    assert held.net(dec(50_000)) == plus(dec(0), dec("-0.0006"))
