"""The proof that the books are right: every venue's wire, read into the ledger, against the simulator's own accounting.

One life of all accounts is played at once (`Life`): each instrument is opened, added to at another price, closed in
part, turned round and closed, with funding in between; what has an expiry ends by it. After every step the ledger is
synced, and positions, entry prices, gains, fees, funding and cash are compared with what the matching engine booked.
"""

import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from commands.ledger_access import take_in
from connectors.trading import Traded
from domain.instruments import OPTION, PERPETUAL, SPOT, Instrument
from domain.orders import BUY, GTC, LIMIT, MARKET, SELL, Balance, Fill, OrderReport, OrderSpec
from market_data.conversion import Rate
from monitoring.accounting.book import AVERAGE, FIFO, Book, Line
from monitoring.ledger.path import ledger_path
from monitoring.ledger.rows import BLIND, CONTRADICTION, UNLISTED, Gap
from monitoring.ledger.store import Ledger
from monitoring.marks import Mark, Seen
from monitoring.pnl import Asked, gather, value_gathered
from monitoring.residuals import GAIN, expected, unexplained
from monitoring.statement import Statement, read_statement
from monitoring.syncing import Synced, sync
from monitoring.venue_state import venue_states
from order_management.placing import send
from tests.commands.clirun import crossbook
from tests.connectors.opened import at_home
from tests.connectors.test_trading_conformance import BOOKLESS, MARKETS
from tests.connectors.tradingfloor import ACCOUNTS, Floor, fresh_id, label_of, open_floors
from tests.monitoring.accounts_of import TOLERANCE, contracts_apart, differences, ours, theirs, wallet_of
from tests.monitoring.ledger.entries import NOON_MS, fill, transfer
from tests.monitoring.scripted import ScriptedTrading, ScriptedVenues

D = Decimal
VENUES = tuple(MARKETS)
THIRD_COIN = {"binance": "BNB"}
"""Where fees are paid in another coin from the middle of the life on."""
UNTOLD = (BOOKLESS, GAIN)
"""What nobody can compare: contracts of a whole have a bid, but no mark price."""
OPENED, ADDED, FUNDED_LONG, REDUCED, TURNED, FUNDED_SHORT, CLOSED, OVER = STEPS = (
    *("opened", "added at another price", "funded long", "closed in part", "turned round", "funded short"),
    *("closed", "over"),
)
ELSEWHERE = "half of it elsewhere"
HELD, EXPIRED = EXPIRY = ("held to expiry", "expired")
TRADED = {OPENED: 2, ADDED: 1, REDUCED: -1, TURNED: -4, CLOSED: 2}
SPOT_TRADED = {OPENED: 2, ADDED: 1, REDUCED: -1, TURNED: -2, CLOSED: 2, OVER: -2}
"""How many usual sizes each step trades; spot is sold out and bought again instead."""


class Life:
    """What happened to all accounts, and what both sides said of it after each step."""

    def __init__(self, venues: Any, sim: Any, home: Path) -> None:
        self.venues, self.sim, self.home = venues, sim, home
        self.floors = {name: Floor(venues, name, sim, home) for name in (*VENUES, BOOKLESS)}
        self.items = {name: [self.floors[name].instrument(label) for label in MARKETS[name]] for name in VENUES}
        (self.index,) = venues.cache.of(BOOKLESS).by_native("R_100")
        self.contracts: list[OrderReport] = []
        self.mixed = False
        self.since_ms = time.time_ns() // 1_000_000 - 60_000
        with at_home(home):
            self.path = ledger_path(venues.place.journal)
        self.ledger = Ledger.open(self.path)
        self.apart: dict[tuple[str, str], list[str]] = {}
        self.began: dict[str, dict[str, Decimal]] = {}
        self.ended: dict[str, dict[str, Decimal]] = {}
        self.written: dict[str, set[str | None]] = {}
        self.elsewhere: dict[str, str] = {}
        self.flat: dict[str, tuple[Statement, Statement]] = {}
        self.earned: dict[str, dict[str, Decimal]] = {}

    # --- reading both sides ------------------------------------------------------------------------------------------

    def synced(self) -> list[Synced]:
        """Read every venue's news."""
        with at_home(self.home):
            done = sync(self.venues, self.ledger, list(self.floors), self.since_ms)
        assert [each.error for each in done] == [None] * len(done)
        return done

    def compare(self, step: str) -> None:
        """Sync, and note in what ours and theirs differ; again where a venue settled something meanwhile."""
        while True:
            before = {name: self.sim.accounts(name) for name in self.floors}
            self.synced()
            found = {name: self._apart(name) for name in VENUES}
            found[BOOKLESS] = contracts_apart(self.ledger, self.sim, self.index, self.contracts, self.mixed)
            states = venue_states(self.venues, list(self.floors), time.monotonic() + 20)
            if before == {name: self.sim.accounts(name) for name in self.floors}:
                break
        for name, apart in found.items():
            self.apart[name, step] = apart
            seen = Seen("USDT", defaultdict(lambda: Mark(None, "", "no position")), states={name: states[name]})
            statement = read_statement(self.ledger, venues=[name])
            told = unexplained(self.ledger, statement, seen, whole=True)
            told = [item for item in told if not item.nothing and (name, item.what) != UNTOLD]
            self.apart[name, step] += [f"unexplained: {item}" for item in told]

    def _apart(self, name: str) -> list[str]:
        return differences(ours(self.ledger, name), theirs(self.sim, name, self.venues.cache.all(name)))

    def cash(self, name: str) -> dict[str, Decimal]:
        """Add up what the simulator says is in all wallets."""
        return theirs(self.sim, name, self.venues.cache.all(name)).cash

    # --- living ------------------------------------------------------------------------------------------------------

    def trade(self, item: Instrument, times: int, *, rest: bool = False) -> None:
        """Trade so many usual sizes; `rest`: at a price that the market has to come to."""
        floor, side = self.floors[item.venue], BUY if times > 0 else SELL
        size = abs(times) * floor.size(item)
        if rest:
            price = floor.away(item, side, "-0.02" if side == BUY else "0.02")
            floor.submit(item, OrderSpec(fresh_id(), side, LIMIT, size, price, tif=GTC))
            floor.meet(item, price, size, SELL if side == BUY else BUY)
        elif item.kind == OPTION:  # not every venue takes market orders in options
            price = floor.away(item, side, "0.1" if side == BUY else "-0.1")
            floor.submit(item, OrderSpec(fresh_id(), side, LIMIT, size, price, tif=GTC))
        else:
            floor.submit(item, OrderSpec(fresh_id(), side, MARKET, size))

    def trade_contracts(self, step: str) -> None:
        """Buy and sell contracts of a whole, of which two are open at once for a while."""
        if step in (OPENED, ADDED):
            self._contract(BUY)
        elif step == REDUCED:
            self._end_contract()
        elif step == TURNED:
            self._end_contract()
            self._contract(SELL)
        elif step == CLOSED:
            self._end_contract()

    def _contract(self, side: str) -> None:
        floor = self.floors[BOOKLESS]
        _, answer = floor.place(self.index, side, MARKET, size=D(1))
        made = floor.by_id(self.index, answer.order_id)
        assert made is not None
        self.contracts.append(made)
        self.mixed = self.mixed or len(self.contracts) > 1

    def _end_contract(self) -> None:
        first = self.contracts.pop(0)
        self.mixed = self.mixed and bool(self.contracts)
        side = SELL if first.side == BUY else BUY
        self.floors[BOOKLESS].place(self.index, side, MARKET, size=first.size, reduce_only=True)

    def fund(self) -> None:
        """Settle the funding of every perpetual that is held."""
        for item in self.everything():
            if item.kind == PERPETUAL:
                assert len(self.sim.settle_funding(item.venue, item.native_id, item.product)) == 1

    def everything(self) -> Iterator[Instrument]:
        """Give every instrument that lives."""
        for items in self.items.values():
            yield from items

    def pay_fees_in_a_third_coin(self) -> None:
        """Switch on what Binance's users switch on."""
        with self.floors["binance"].trading.signing() as session:
            session.exchange.sapi_post_bnbburn({"spotBNBBurn": "true"})
            session.exchange.fapiprivate_post_feeburn({"feeBurn": "true"})

    def live(self) -> None:
        """Play it all."""
        self.began = {name: self.cash(name) for name in VENUES}
        self.compare("before anything")  # of accounts made this moment, and traded with in the next
        for step in STEPS:
            if step == REDUCED:
                self.pay_fees_in_a_third_coin()
            if step in (FUNDED_LONG, FUNDED_SHORT):
                self.fund()
            for item in self.everything():
                times = (SPOT_TRADED if item.kind == SPOT else TRADED).get(step, 0)
                if times:
                    self.trade(item, times, rest=step == ADDED)
            self.trade_contracts(step)
            self.compare(step)
        for name in VENUES:
            self.flat[name] = tuple(read_statement(self.ledger, method=each, venues=[name]) for each in (AVERAGE, FIFO))
            self.earned[name] = wallet_of(self.ledger, name)
        self.ended = {name: self.cash(name) for name in VENUES}

    def trade_elsewhere(self) -> None:
        """Buy a perpetual with our own desk, which writes it down, and sell it with nothing but the library."""
        for name in VENUES:
            floor, item = self.floors[name], self.linear(name)
            send(floor.desk, floor.prepared(floor.ticket(item, BUY, MARKET)))
            written = floor.desk.journal.fills()
            assert written
            assert take_in(self.ledger, floor.desk.journal) == len(written)
            self.written[name] = {fill.trade_id for fill in written}
            contracts = float(floor.size(item) / item.unit_size)
            with floor.trading.signing() as session:
                made = session.exchange.create_order(item.symbol, "market", "sell", contracts)
            self.elsewhere[name] = made["id"]
        self.compare(ELSEWHERE)

    def linear(self, name: str) -> Instrument:
        """Give a venue's linear perpetual."""
        return next(item for item in self.items[name] if label_of(item) == "linear")

    def expire(self) -> None:
        """Hold what has a date until then: futures long, options long and written."""
        dated = [item for item in self.everything() if item.expiry_ms is not None]
        for item in dated:
            self.trade(item, 2)
        written = [self.another_option(item) for item in dated if item.kind == OPTION]
        for item in written:
            self.trade(item, -1)
        self.compare(HELD)
        for item in (*dated, *written):
            assert len(self.sim.expire(item.venue, item.native_id, item.product)) == 1
        self.compare(EXPIRED)

    def another_option(self, item: Instrument) -> Instrument:
        """Find an option that expires at the same time and is bought now."""
        floor = self.floors[item.venue]
        for other in self.venues.cache.all(item.venue):
            if label_of(other) == "option" and other.expiry_ms == item.expiry_ms and other.asset == item.asset:
                bid = other.symbol != item.symbol and floor.connector.fetch_quote(other).bid
                if bid and other.settle == item.settle and other.tick_size and bid > 40 * other.tick_size:
                    return other
        raise AssertionError(f"{item.venue} has one option only")


@pytest.fixture(scope="module")
def life(running_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """The life, played once."""
    running_simulator.reset_accounts()
    home = tmp_path_factory.mktemp("ledger-conformance")
    with open_floors(running_simulator, home) as venues:
        found = Life(venues, running_simulator, home)
        try:
            found.live()
            found.trade_elsewhere()
            found.expire()
            yield found
        finally:
            found.ledger.close()
            running_simulator.reset_accounts()  # what expired is traded again


@pytest.mark.parametrize("step", ["before anything", *STEPS, ELSEWHERE, *EXPIRY])
@pytest.mark.parametrize("name", [*VENUES, BOOKLESS])
def test_positions_gains_fees_funding_and_cash_are_the_simulators_own_after_every_step(
    life: Life, name: str, step: str
) -> None:
    assert life.apart[name, step] == []


@pytest.mark.parametrize("name", VENUES)
def test_average_and_first_in_first_out_agree_once_everything_is_flat(life: Life, name: str) -> None:
    average, fifo = life.flat[name]
    assert len(average.books) == len(life.items[name])
    for key, book in average.books.items():
        other = fifo.books[key]
        if book.contract.kind == SPOT:  # fees in coins leave some dust, which was sold short
            assert abs(book.position) <= sum(fill.fee or 0 for fill in life.ledger.fills(*key))
        else:
            assert (book.position, book.cost, book.lots) == (0, 0, ())
        assert book.position == other.position
        assert (book.realized, book.fees, book.funding) == (other.realized, other.fees, other.funding)


@pytest.mark.parametrize("name", VENUES)
def test_what_was_earned_is_what_the_wallet_has_more_in_every_currency(life: Life, name: str) -> None:
    changed = {each: life.ended[name][each] - life.began[name].get(each, 0) for each in life.ended[name]}
    earned = life.earned[name]
    assert {each for each, amount in changed.items() if amount} <= set(earned)
    assert [each for each in earned if abs(earned[each] - changed[each]) > TOLERANCE] == []
    assert any(amount for amount in earned.values())


@pytest.mark.parametrize("name", VENUES)
def test_funding_was_paid_while_long_and_received_while_short(life: Life, name: str) -> None:
    for item in life.items[name]:
        paid = [payment.amount for payment in life.ledger.payments(name, item.symbol)]
        assert bool(paid) == (item.kind == PERPETUAL)
        assert not paid or min(paid) < 0 < max(paid)


@pytest.mark.parametrize("name", [name for name in VENUES if {"linear-future", "inverse-future"} & set(MARKETS[name])])
def test_what_is_held_to_its_expiry_is_delivered_with_the_amount_of_the_wallet(life: Life, name: str) -> None:
    delivered = {delivery.symbol: delivery for delivery in life.ledger.deliveries(name)}
    dated = {item.symbol for item in life.items[name] if item.expiry_ms is not None}
    written = {symbol for symbol in delivered if delivered[symbol].size < 0}
    assert set(delivered) == dated | written
    assert len(written) == ("option" in MARKETS[name])
    for symbol in delivered:
        assert not life.ledger.holds(name, symbol)


# --- the moment of the first look ------------------------------------------------------------------------------------


@pytest.mark.parametrize("deposited_ms", [0, 60_900], ids=["a trade after it", "a deposit before it, too"])
def test_stamps_of_whole_seconds_put_nothing_on_the_wrong_side_of_the_first_look(
    deposited_ms: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = Instrument("okx", "BTC/USDT", "BTC-USDT", SPOT, "BTC", "USDT", None, "BTC")
    trading = ScriptedTrading("okx", NOON_MS + 60_700)
    trading.found = Traded((item,))
    trading.cash = [[Balance("okx", "USDT", None, None, D(1000))]]
    trading.moved = [transfer("d", time_ms=NOON_MS + deposited_ms)]

    def pass_time(seconds: float) -> None:
        trading.now_ms += round(seconds * 1000)

    monkeypatch.setattr("monitoring.syncing.time.sleep", pass_time)
    venues: Any = ScriptedVenues({"okx": trading}, [item])
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        (first,) = sync(venues, ledger, ["okx"], NOON_MS, clock_ms=lambda: trading.now_ms)
        assert (first.error, first.opened) == (None, True)
        # Made a moment later, and stamped with the second in which that was.
        stamp_ms = trading.now_ms // 1000 * 1000
        trading.listed = [fill("t", time_ms=stamp_ms, price="100", size="1", fee="0")]
        pass_time(60)
        sync(venues, ledger, ["okx"], NOON_MS, clock_ms=lambda: trading.now_ms)
        assert ledger.opening_balances().get(("okx", "USDT"), D(0)) == 0
        should = expected(ledger, ["okx"])["okx"]
        assert should is not None
        assert should.cash["USDT"] == D(900)


# --- fees in a third coin --------------------------------------------------------------------------------------------


def worth(ledger: Ledger, venue: str, coin: str) -> dict[str, list[Decimal]]:
    """List, by symbol, by which rates fees in a coin were valued."""
    found: dict[str, list[Decimal]] = defaultdict(list)
    rates = ledger.rates()

    def look(book: Book, line: Line) -> None:
        fill = line.entry
        if isinstance(fill, Fill) and fill.fee_currency == coin and fill.fee:
            rate = rates[venue, coin, book.contract.currency, fill.time_ms // 60_000 * 60_000]
            assert line.fee == fill.fee * rate
            found[book.contract.symbol].append(rate)

    lacks = read_statement(ledger, venues=[venue], sink=look).lacks
    assert [lack for lack in lacks if coin in lack.text] == []
    return found


def test_fees_in_bnb_are_valued_by_the_market_of_their_minute(life: Life) -> None:
    found = worth(life.ledger, "binance", "BNB")
    assert set(found) == {item.symbol for item in life.items["binance"]}
    bid, ask = life.floors["binance"].touch(known(life, "binance", "BNB/USDT"))
    for rate in (rate for rates in found.values() for rate in rates):
        assert abs(rate / ((bid + ask) / 2) - 1) < D("0.01")


def known(life: Life, venue: str, symbol: str) -> Instrument:
    """Find an instrument in the venue's list."""
    found = life.venues.cache.find(venue, symbol)
    assert found is not None
    return found


def test_fees_in_kucoins_own_coin_are_valued_and_leave_that_wallet(life: Life, tmp_path: Path) -> None:
    name, owner, shared = "kucoin", "kcs", life.floors["kucoin"]
    number = next(number for number, account in enumerate(ACCOUNTS[name]) if account.owner == owner)
    floor, item = Floor(life.venues, name, life.sim, tmp_path, number), shared.instrument("spot")
    try:
        with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
            for side in (None, BUY, SELL):
                if side is not None:
                    floor.submit(item, OrderSpec(fresh_id(), side, MARKET, floor.size(item)))
                with at_home(life.home):
                    (done,) = sync(life.venues, ledger, [name], life.since_ms)
                assert done.error is None
                other = theirs(life.sim, name, life.venues.cache.all(name), owner)
                assert differences(ours(ledger, name), other) == []
            (symbol,) = found = worth(ledger, name, "KCS")
            assert symbol == item.symbol
            bid, ask = floor.touch(known(life, name, "KCS/USDT"))
            assert all(abs(rate / ((bid + ask) / 2) - 1) < D("0.01") for rate in found[symbol])
            assert wallet_of(ledger, name)["KCS"] == -sum(fill.fee or 0 for fill in ledger.fills(name)) < 0
    finally:
        floor.trading.close()
        floor.connector.close()
        life.venues._tradings[name], life.venues._connectors[name] = shared.trading, shared.connector


# --- orders made elsewhere -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VENUES)
def test_what_our_desk_wrote_down_is_there_once_and_what_was_made_elsewhere_as_well(life: Life, name: str) -> None:
    item = life.linear(name)
    fills = list(life.ledger.fills(name, item.symbol))
    ids = [fill.trade_id for fill in fills]
    assert len(ids) == len(set(ids))
    assert life.written[name] <= set(ids)
    elsewhere = [fill for fill in fills if fill.order_id == life.elsewhere[name]]
    assert sum(fill.size for fill in elsewhere) == life.floors[name].size(item)
    assert {fill.side for fill in elsewhere} == {SELL}
    assert not {fill.trade_id for fill in elsewhere} & life.written[name]
    assert [gap for gap in life.ledger.gaps(name) if gap.kind == CONTRADICTION] == []


# --- the answers of the commands -------------------------------------------------------------------------------------

FIGURES = ("realized", "fees", "funding", "unrealized", "net")
GROUPINGS = ("venue", "symbol", "day", "order")


def run(home: Path, *arguments: str) -> Any:
    """Run a command over the ledger of a home."""
    done = crossbook(*arguments, "--env", "sim", "--json", CROSSBOOK_HOME=str(home))
    assert done.code == 0, (done.out, done.err)
    return done.json


def test_venues_symbols_days_and_orders_are_the_same_money(life: Life) -> None:
    sums = []
    for by in GROUPINGS:
        told = run(life.home, "pnl", "--by", by)
        for figure in FIGURES:
            assert sum(D(row[figure]) for row in told["rows"]) == D(told["total"][figure]), (by, figure)
        parts: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for part in (part for row in told["rows"] for part in row["parts"]):
            for figure in ("realized", "fees", "funding"):
                parts[part["venue"], part["currency"], figure] += D(part[figure])
        sums.append(dict(parts))
        apart = [D(item["difference"]) for item in told["unexplained"] if item["difference"] is not None]
        assert len(apart) > len(VENUES)
        assert max(map(abs, apart)) <= TOLERANCE
    assert {venue for venue, _, _ in sums[0]} == set(life.floors)
    assert all(each == sums[0] for each in sums[1:])
    lines: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for (venue, _), book in read_statement(life.ledger).books.items():
        for figure in ("realized", "fees", "funding"):
            lines[venue, book.contract.currency, figure] += getattr(book, figure)
    assert sums[0] == lines


def test_at_the_same_marks_and_rates_every_grouping_and_method_has_the_same_total(life: Life) -> None:
    totals = defaultdict[str, list[dict[str, Any]]](list)
    for method, by in product((AVERAGE, FIFO), GROUPINGS):
        gathered = gather(life.ledger, Asked(by=by, method=method))
        held = [book.contract for book in gathered.statement.open_books()]
        marks = {(contract.venue, contract.symbol): Mark(D(80_000), "a test") for contract in held}
        rates = {
            (currency, venue): Rate(currency, "USDT", D(80_000), "a test") for currency, venue in gathered.currencies()
        }
        answer = value_gathered(gathered, Seen("USDT", marks, rates))
        totals[method].append({figure: answer.total(figure) for figure in FIGURES})
    for each in totals.values():
        assert each == each[:1] * len(GROUPINGS)
    (average, *_), (fifo, *_) = totals[AVERAGE], totals[FIFO]
    assert average["net"]
    assert abs(average["net"] - fifo["net"]) <= TOLERANCE


def test_the_venues_agree_with_the_ledger_when_they_are_asked(life: Life) -> None:
    assert run(life.home, "position", "reconcile")["differences"] == []


def test_what_venues_do_not_tell_is_said_with_the_figures(life: Life) -> None:
    told = run(life.home, "pnl", "--by", "venue")
    lacking = {row["venue"]: row["incomplete"] for row in told["rows"]}
    reasons = {item["venue"]: item["reason"] for item in told["incomplete"]}
    assert "by symbol only" in reasons["binance"]
    assert "options are not read" in reasons["bybit"]
    assert set(lacking["binance"]) == set(lacking["bybit"]) == set(told["total"]["incomplete"]) == set(FIGURES)
    assert lacking["kucoin"] == lacking["deribit"] == []


# --- what is missing -------------------------------------------------------------------------------------------------

SWAP, SPOT_PAIR, GONE, ODD = "ETH/USDT:USDT", "ETH/USDT", "GONE/USDT:USDT", "gone for ever"
"""Of a venue's symbols, two that are listed, one that is not any more, and one that nobody can read."""
FEE = "okx ETH/USDT:USDT: the fees of 1 trade are unknown."
COIN = "okx ETH/USDT: 1 amount in XYZ has no rate to USDT."
CUT = "okx keeps three months."


@pytest.fixture(scope="module")
def torn(life: Life, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose ledger lacks something of everything; what the simulator never leaves out is put there by hand."""
    home = tmp_path_factory.mktemp("torn")
    (home / "state").mkdir()
    shutil.copy(life.home / "state" / "simulator.json", home / "state")
    shutil.copytree(life.home / "cache", home / "cache")
    usual = {"price": "2000", "size": "1", "fee": "1"}
    with at_home(home):
        path = ledger_path(life.venues.place.journal)
    with Ledger.open(path) as ledger:
        ledger.add_instruments([known(life, "okx", SWAP), known(life, "okx", SPOT_PAIR)])
        ledger.add_fills(
            [
                fill("whole", symbol=SWAP, **usual),
                fill("no fee", symbol=SWAP, **usual | {"fee": None}, fee_currency=None),
                fill("no order", symbol=SWAP, order_id=None, **usual),
                fill("unknown coin", symbol=SPOT_PAIR, fee_currency="XYZ", **usual),
                fill("delisted", symbol=GONE, **usual),
                fill("odd", symbol=ODD, **usual),
            ]
        )
        ledger.add_gap(Gap("okx", "OLD-USDT", UNLISTED, "OLD-USDT was traded, and is not listed any more.", 1, 2))
        ledger.add_gap(Gap("okx", None, BLIND, CUT, 1, 2))
    return home


def reasons(told: Any) -> list[str]:
    """List what an answer says that it lacks."""
    return [item["reason"] for item in told["incomplete"]]


def pnl(torn: Path, *arguments: str) -> Any:
    """Run `pnl` where the venue holds nothing of what the ledger has."""
    done = crossbook("pnl", "--env", "sim", "--json", *arguments, CROSSBOOK_HOME=str(torn))
    assert done.code in (0, 6, 8), (done.out, done.err)
    return done.json


def test_a_missing_fee_or_one_without_a_rate_leaves_the_figure_marked_and_the_sentence_says_why(torn: Path) -> None:
    told = pnl(torn)
    rows = {row["symbol"]: row for row in told["rows"]}
    assert {FEE, COIN} <= set(reasons(told))
    for symbol, known_fees in ((SWAP, "2"), (SPOT_PAIR, "0")):
        assert D(rows[symbol]["fees"]) == D(known_fees)
        assert {"fees", "net"} <= set(rows[symbol]["incomplete"])
    assert {"fees", "net"} <= set(told["total"]["incomplete"])
    assert "fees" not in rows[GONE]["incomplete"]


def test_a_trade_without_an_order_is_a_row_of_its_own_and_nothing_is_lost(torn: Path) -> None:
    rows = pnl(torn, "--by", "order", "--symbol", SWAP)["rows"]
    kinds = {row["kind"]: row for row in rows}
    assert D(kinds["no order"]["fees"]) == 1
    assert sum(D(row["fees"]) for row in rows) == 2


def test_what_is_delisted_is_counted_where_it_can_be_and_named_where_not(torn: Path) -> None:
    told = pnl(torn)
    assert any(row["symbol"] == GONE and D(row["fees"]) == 1 for row in told["rows"])
    assert ODD not in {row["symbol"] for row in told["rows"]}
    assert any(ODD in reason for reason in reasons(told))
    assert any("OLD-USDT" in reason for reason in reasons(told))
    assert set(told["total"]["incomplete"]) == set(FIGURES)


def test_a_gap_of_the_history_marks_the_total_and_the_days(torn: Path) -> None:
    for by in ("venue", "day"):
        told = pnl(torn, "--by", by)
        assert CUT in reasons(told)
        assert told["rows"]
        assert all(set(row["incomplete"]) == set(FIGURES) for row in told["rows"] if row["kind"] != "open")


def test_what_is_open_without_a_mark_is_not_known_and_never_zero(torn: Path) -> None:
    told = pnl(torn, "--symbol", SWAP)
    (row,) = told["rows"]
    assert (row["unrealized"], row["net"], told["total"]["net"]) == (None, None, None)
    assert any("what is open has no mark" in reason for reason in reasons(told))


def test_positions_name_what_their_figures_lack(torn: Path) -> None:
    done = crossbook("position", "list", "--venue", "okx", "--env", "sim", "--json", CROSSBOOK_HOME=str(torn))
    assert done.code == 0, (done.out, done.err)
    told = done.json
    rows = {row["symbol"]: row for row in told["positions"]}
    assert D(rows[SWAP]["ours"]) == 3
    assert D(rows[SWAP]["difference"]) == -3
    assert D(rows[GONE]["ours"]) == 1
    for said in (CUT, ODD):
        assert any(said in reason for reason in told["incomplete"]), said
    assert any("Never synced: okx" in note for note in told["notes"])
