"""Laws that hold on paper whatever is ordered and whatever happens, in any order."""

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.paper.account import Account
from connectors.paper.matching import amend, catch_up, liquidate, place
from connectors.paper.view import Offer, View
from domain.errors import Refused
from domain.funding import FundingPoint
from domain.instruments import Instrument
from domain.orders import BUY, CANCELLED, IOC, SELL
from tests.connectors.paper.made import INVERSE, OPTION, SPOT, SWAP, order, seen, terms, trade

D = Decimal
ANY = {"max_examples": 150, "deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

ticks = st.integers(800, 1200).map(lambda n: D(n) / 10)
sizes = st.integers(1, 60).map(D)
sides = st.sampled_from((BUY, SELL))


@st.composite
def markets(draw: st.DrawFn) -> View:
    """A book whose bids fall and whose asks rise, uncrossed."""
    middle = draw(st.integers(820, 1180))
    bids = sorted(draw(st.sets(st.integers(800, middle), max_size=5)), reverse=True)
    asks = sorted(draw(st.sets(st.integers(middle + 1, 1200), max_size=5)))
    rows = [tuple(Offer(D(n) / 10, draw(sizes)) for n in side) for side in (bids, asks)]
    return View(rows[0], rows[1], None)


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Orders, public trades, looks, cancels, amendments and funding."""
    found: list[tuple[Any, ...]] = []
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(("order", "order", "look", "cancel", "amend", "funding")))
        if kind == "order":
            price = draw(st.none() | ticks)
            stop = draw(st.none() | ticks)
            more = {"tif": IOC} if price is not None and draw(st.booleans()) else {}
            found.append((kind, draw(sides), draw(sizes), price, stop, more, draw(st.booleans()), draw(markets())))
        elif kind == "look":
            trades = draw(st.lists(st.tuples(ticks, sizes, sides), max_size=6))
            found.append((kind, trades, draw(markets())))
        elif kind == "amend":
            found.append((kind, draw(st.none() | sizes), draw(st.none() | ticks), draw(markets())))
        elif kind == "funding":
            found.append((kind, draw(st.integers(-300, 300).map(lambda n: D(n) / 1000)), draw(markets())))
        else:
            found.append((kind,))
    return found


def scaled(instrument: Instrument, size: Decimal) -> Decimal:
    """Give a size that the balances of these tests can nearly always pay for, on the lot."""
    return size * 10 if instrument.inverse else size / 10


def live_through(instrument: Instrument, story: list[tuple[Any, ...]]) -> Account:
    """Play a story; answer the account."""
    of = terms(instrument)
    owner = Account("here", {"USDT": D(500), "BTC": D(2)})
    now = 2_000_000
    amended: set[str] = set()
    for kind, *what in story:
        now += 1000
        balances = dict(owner.balances)
        try:
            if kind == "order":
                side, size, price, stop, more, reduce_only, market = what
                names = {(False, False): "market", (True, False): "limit", (False, True): "stop"}
                made = order(
                    side, scaled(instrument, size), price, instrument, stop_price=stop, reduce_only=reduce_only,
                    type=names.get((price is not None, stop is not None), "stop-limit"), **more,
                )  # fmt: skip
                place(owner, of, made, market, now)
            elif kind == "look":
                rows, market = what
                trades = [trade(p, scaled(SPOT, s), now - 500 + n, side) for n, (p, s, side) in enumerate(rows)]
                catch_up(owner, of, seen(market, *trades), now)
            elif kind == "funding":
                rate, market = what
                catch_up(owner, of, seen(market, funding=(FundingPoint(now - 1, rate),), funded_until_ms=now), now)
                if market.mid is not None:
                    liquidate(owner, {instrument.symbol: (of, market.mid)}, now)
            elif live := list(owner.live(instrument.symbol)):
                if kind == "cancel":
                    live[0].end(CANCELLED, now)
                    owner.hold(of)
                else:
                    size, price, market = what
                    amended.add(live[0].client_id)
                    amend(
                        owner, of, live[0], market, now,
                        size=None if size is None else scaled(instrument, size), price=price,
                    )  # fmt: skip
        except Refused:
            assert owner.balances == balances
        obeys(owner, instrument, amended)
    return owner


def obeys(owner: Account, instrument: Instrument, amended: set[str]) -> None:
    """Check what must hold at every moment."""
    assert all(total >= 0 for total in owner.balances.values()), owner.balances
    for made in owner.orders:
        filled = sum((fill.size for fill in owner.fills if fill.order is made), D(0))
        assert made.filled == filled <= made.size
        assert made.live or made.held == 0
        for fill in owner.fills:
            if fill.order is made and made.price is not None and made.client_id not in amended:
                assert fill.price <= made.price if made.side == BUY else fill.price >= made.price
    signed = sum((fill.size if fill.side == BUY else -fill.size for fill in owner.fills), D(0))
    if instrument.kind != "spot":
        assert owner.position(instrument.symbol) == signed
    else:
        assert owner.balances["BTC"] == 2 + signed
        assert owner.free("USDT") >= 0 or any(made.stop_price for made in owner.orders)
        spent = sum((fill.price * fill.size * (1 if fill.side == BUY else -1) for fill in owner.fills), D(0))
        fees = sum((fill.fee or D(0) for fill in owner.fills), D(0))
        assert owner.balances["USDT"] == 500 - spent - fees


@settings(**ANY)
@given(happenings())
def test_spot_money_is_neither_made_nor_lost_and_never_below_zero(story: list[tuple[Any, ...]]) -> None:
    live_through(SPOT, story)


@settings(**ANY)
@given(happenings())
def test_linear_positions_are_the_sum_of_their_fills_and_balances_never_below_zero(
    story: list[tuple[Any, ...]],
) -> None:
    live_through(SWAP, story)


@settings(**ANY)
@given(happenings())
def test_inverse_positions_are_the_sum_of_their_fills_and_balances_never_below_zero(
    story: list[tuple[Any, ...]],
) -> None:
    live_through(INVERSE, story)


@settings(**ANY)
@given(happenings())
def test_options_are_never_sold_short(story: list[tuple[Any, ...]]) -> None:
    owner = live_through(OPTION, story)
    assert owner.position(OPTION.symbol) >= 0


@settings(**ANY)
@given(st.lists(st.tuples(sizes, ticks), min_size=1, max_size=4), st.lists(st.tuples(ticks, sizes, sides), max_size=10))
def test_all_resting_orders_together_never_get_more_than_was_traded(
    wanted: list[tuple[Decimal, Decimal]], rows: list[tuple[Decimal, Decimal, str]]
) -> None:
    owner, of, empty = Account("here", {"USDT": D(10_000_000)}), terms(), View((), (), None)
    for size, price in wanted:
        place(owner, of, order(BUY, size / 10, price), empty, 1000)
    trades = [trade(price, size / 10, 2000 + index, side) for index, (price, size, side) in enumerate(rows)]
    catch_up(owner, of, seen(empty, *trades), 9000)
    for each in trades:
        got = sum((fill.size for fill in owner.fills if fill.time_ms == each.time_ms), D(0))
        assert got <= each.size
    catch_up(owner, of, seen(empty, *trades), 9000)
    assert sum((fill.size for fill in owner.fills), D(0)) <= sum((each.size for each in trades), D(0))
