"""A store of recorded order books as a tape: what was recorded is served again, and recorded again is the same.

The first recording is of the synthetic market, with the venues' own connectors and what takes snapshots; some of its
seconds meet faults. It is stored, served, and recorded a second time, second by second.
"""

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.registry import Venues
from domain.instruments import FUTURE, KINDS, OPTION, PERPETUAL, SPOT, Instrument
from domain.snapshots import OK, SECOND_NS, UNAVAILABLE, WITH_BOOK, SeriesFacts, Snapshot
from market_data.snapshots import parquet
from market_data.snapshots.taking import Taker
from simulator.faults import Fault
from simulator.limits import LIFTED
from simulator.market.listings import collect
from simulator.market.model import BookView, Market, NotRecorded
from simulator.market.synthetic import SyntheticMarket
from simulator.registry import venue_classes
from simulator.server import SimServer
from simulator.state import SimulatorError
from simulator.tape import stores
from simulator.tape.facts import Unlisted, to_listing
from simulator.tape.market import TapeMarket, load_tape
from tests.connectors.opened import once, opened
from tests.simfixture import start_simulator

SECONDS = 8
STALE_AFTER_MS = 2_000
DEPTH = 20
RECORDED = (
    ("binance", SPOT, "BTC/USDT"), ("binance", PERPETUAL, "1000PEPE/USDT:USDT"), ("binance", PERPETUAL, "BTC/USD:BTC"),
    ("bybit", SPOT, "BTC/USDT"), ("bybit", PERPETUAL, "BTC/USD:BTC"), ("bybit", OPTION, None),
    ("deribit", PERPETUAL, "BTC/USD:BTC"), ("deribit", OPTION, None), ("kucoin", SPOT, "BTC/USDT"),
    ("kucoin", PERPETUAL, "BTC/USDT:USDT"), ("kucoin", PERPETUAL, "BTC/USD:BTC"), ("okx", SPOT, "BTC/USDT"),
    ("okx", PERPETUAL, "BTC/USDT:USDT"), ("okx", PERPETUAL, "BTC/USD:BTC"), ("okx", FUTURE, None),
    ("okx", OPTION, None),
)  # fmt: skip
FAULTS = {2: ("server_error", {"status": 503}), 4: ("stale_book", {"ms": 60_000}), 5: ("crossed_book", {})}
"""In these seconds each venue is away, old or crossed."""
NAMED = (
    "product", "native_id", "kind", "base", "quote", "settle", "inverse", "multiplier", "expiry_ms", "strike",
    "option_type",
)  # fmt: skip
VENUES = sorted({venue for venue, _, _ in RECORDED})


class Clock:
    """The time of this process, set and running on from there."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._real = time.time_ns
        self._shift = 0
        patch.setattr(time, "time_ns", lambda: self._real() + self._shift)

    def set(self, moment_ns: int) -> None:
        self._shift = moment_ns - self._real()


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    with pytest.MonkeyPatch.context() as patch:
        yield Clock(patch)


@contextmanager
def served(market: Market, home: Path) -> Iterator[tuple[SimServer, Venues]]:
    """Serve a market from a thread of this process, and open its venues."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> SimServer:
        server = SimServer(market, venue_classes())
        server.set_limits(LIFTED)
        await server.start()
        return server

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    (home / "state").mkdir(parents=True)
    state = {"universe": market.universe, "hosts": server.hosts, "ca_file": None}
    (home / "state" / "simulator.json").write_text(json.dumps(state))
    venues = opened(home, VENUES)
    try:
        venues.ensure_markets()
        assert not venues.failures
        yield server, venues
    finally:
        venues.close()
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def record(
    clock: Clock,
    venues: Venues,
    instruments: list[Instrument],
    folder: Path,
    start_ns: int,
    each: Callable[[int], None],
) -> dict[str, list[Snapshot]]:
    """Take a snapshot of every series at each second; `each` is called before."""
    folder.mkdir()
    bases = {name: once(venues, name, folder) for name in VENUES}
    takers = [Taker(bases[item.venue], item, DEPTH, stale_after_ms=STALE_AFTER_MS, redact=str) for item in instruments]
    found: dict[str, list[Snapshot]] = {f"{item.venue} {item.symbol}": [] for item in instruments}
    for second in range(SECONDS):
        each(second)
        for item, taker in zip(instruments, takers, strict=True):
            clock.set(start_ns + second * SECOND_NS)
            assert taker.prepare(start_ns + second * SECOND_NS, SECOND_NS) is None
            clock.set(start_ns + second * SECOND_NS)
            found[f"{item.venue} {item.symbol}"].append(taker.take(start_ns + second * SECOND_NS, SECOND_NS))
    for closing in (*takers, *bases.values()):
        closing.close()
    return found


def put(root: Path, facts: SeriesFacts, rows: list[Snapshot], folder: str = "X", manifest: bool = False) -> Path:
    """Write one file into a store."""
    moment = time.gmtime(rows[0].time_ns // SECOND_NS)
    place = root / "order_books" / time.strftime("%Y-%m-%d", moment) / folder
    path = place / f"{facts.venue}-{time.strftime('%H%M%S', moment)}.parquet"
    parquet.write_file(path, facts, rows)
    if manifest:
        files = [{"key": path.relative_to(root).as_posix()}]
        (place / f"{facts.venue}.manifest.json").write_text(json.dumps({"schema": 1, "files": files}))
    return path


class Twice:
    """What was recorded the first and the second time, and the instruments as each time listed."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        start_ns = time.time_ns() // (3600 * SECOND_NS) * 3600 * SECOND_NS + 1800 * SECOND_NS
        self.start_ns = start_ns
        clock.set(start_ns)
        with served(SyntheticMarket(7), folder / "home1") as (server, venues):
            self.instruments = [chosen(venues, *wanted) for wanted in RECORDED]
            self.listed = {name: {item.symbol: item for item in venues.cache.all(name)} for name in VENUES}

            def meet(second: int) -> None:
                server.plan.clear()
                if second in FAULTS:
                    kind, args = FAULTS[second]
                    server.plan.add(Fault("*", kind, args=dict(args)))

            self.first = record(clock, venues, self.instruments, folder / "first", start_ns, meet)
        self.store = folder / "store"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parquet, "GROUP_ROWS", 3)
            patch.setattr(parquet, "GROUP_LEVELS", 0)
            for number, item in enumerate(self.instruments):
                rows, facts = self.first[f"{item.venue} {item.symbol}"], SeriesFacts.of(item, DEPTH)
                put(self.store, facts, rows[:4], f"S{number}")
                put(self.store, facts, rows[4:], f"S{number}")
        began_ns = start_ns + 7200 * SECOND_NS
        clock.set(began_ns + 100)
        with served(load_tape(self.store), folder / "home2") as (_, venues):
            self.again_listed = {name: {item.symbol: item for item in venues.cache.all(name)} for name in VENUES}
            same = [self.again_listed[item.venue][item.symbol] for item in self.instruments]
            self.second = record(clock, venues, same, folder / "second", began_ns, lambda _: None)
        self.moved_ns = began_ns - start_ns


def chosen(venues: Venues, venue: str, kind: str, symbol: str | None) -> Instrument:
    """Choose an instrument: the named one, or any of the kind."""
    found = [item for item in venues.cache.all(venue) if item.kind == kind and symbol in (None, item.symbol)]
    return min(found, key=lambda item: item.symbol)


@pytest.fixture(scope="module")
def twice(clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Twice:
    return Twice(clock, tmp_path_factory.mktemp("twice"))


NAMES = [f"{venue} {kind} {symbol or ''}" for venue, kind, symbol in RECORDED]


@pytest.mark.parametrize("number", range(len(RECORDED)), ids=NAMES)
def test_what_is_recorded_from_a_recording_is_the_same_second_by_second(twice: Twice, number: int) -> None:
    item = twice.instruments[number]
    first, second = (found[f"{item.venue} {item.symbol}"] for found in (twice.first, twice.second))
    assert [row.time_ns + twice.moved_ns for row in first] == [row.time_ns for row in second]
    with_book = 0
    for before, after in zip(first, second, strict=True):
        if before.status in WITH_BOOK:
            with_book += 1
            assert (after.status, after.bids, after.asks) == (before.status, before.bids, before.asks)
            assert after.sequence == before.sequence
    assert with_book == SECONDS - 1
    assert len({row.bids for row in first if row.status == OK}) > 1 or item.kind == OPTION


def test_the_first_recording_has_seconds_without_a_book_and_old_and_crossed_ones(twice: Twice) -> None:
    seen = {row.status for rows in twice.first.values() for row in rows}
    assert {"ok", "unavailable", "stale", "crossed"} <= seen


def test_while_a_venue_was_away_the_last_book_goes_on_and_is_as_old_as_it_is(twice: Twice) -> None:
    told = 0
    for name, rows in twice.second.items():
        before = twice.first[name]
        assert before[2].status == UNAVAILABLE
        assert (rows[2].status, rows[2].bids, rows[2].asks) == (OK, before[1].bids, before[1].asks)
        was, now = before[1].venue_time_ns, rows[2].venue_time_ns
        if was is not None and now is not None and now < rows[2].time_ns:
            told += 1
            assert abs(now - was - twice.moved_ns) <= SECOND_NS // 1000
    assert told >= 8


def test_instruments_are_listed_as_they_were_recorded(twice: Twice) -> None:
    for item in twice.instruments:
        assert twice.again_listed[item.venue][item.symbol] == item
    assert {item.venue: item.kind for item in twice.instruments}.keys() == twice.again_listed.keys()
    assert sum(map(len, twice.again_listed.values())) == len(twice.instruments)


@pytest.mark.parametrize("listed", [True, False], ids=["in the simulator's list", "not in it"])
def test_the_facts_of_a_series_are_enough_to_list_it(twice: Twice, listed: bool) -> None:
    own = [item for item in collect(twice.start_ns // 1_000_000) if item.venue in VENUES]
    by_id = {(item.venue, item.native_id, item.kind): item for item in own}
    instruments = [item for found in twice.listed.values() for item in list(found.values())[::4]]
    assert {(item.venue, item.kind) for item in instruments} >= {(venue, kind) for venue, kind, _ in RECORDED}
    for instrument in instruments:
        truth = by_id[instrument.venue, instrument.native_id, instrument.kind]
        known = [item for item in own if item.venue == instrument.venue and (listed or item is not truth)]
        found = to_listing(SeriesFacts.of(instrument, DEPTH)._asdict(), known)
        assert {name: getattr(found, name) for name in NAMED} == {name: getattr(truth, name) for name in NAMED}
        assert instrument.lot_size is not None
        sizes = (found.tick_size, found.lot_size, found.contract_size)
        unit = instrument.unit_size
        assert [Decimal(size) for size in sizes] == [instrument.tick_size, instrument.lot_size / unit, unit]


def test_a_venue_that_is_not_simulated_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unlisted, match="nowhere"):
        to_listing({"venue": "nowhere", "native_id": "X", "kind": KINDS[0]}, [])
    put(tmp_path, SWAP._replace(venue="nowhere"), rows(START_NS, "1"))
    with pytest.raises(SimulatorError, match="nowhere BTC/USD:BTC: the simulator's nowhere lists nothing like it"):
        load_tape(tmp_path)


# Stores of our own.

START_NS = 1_763_682_600 * SECOND_NS
"""2025-11-20T23:50:00Z."""
SWAP = SeriesFacts(
    "okx", "BTC/USD:BTC", "BTC-USD-SWAP", PERPETUAL, "BTC", "USD", "BTC", True, "100", "0.1", "10", "USD", 5
)
COIN = SeriesFacts("binance", "ODD/USDT", "ODDUSDT", SPOT, "ODD", "USDT", None, False, "1", "0.01", "1", "ODD", 5)


def rows(start_ns: int, *prices: str | None, step: int = 1, **known: Any) -> list[Snapshot]:
    """Make one row a price: the best bid, with an ask of twice as much; None: the venue was away."""
    return [
        Snapshot(start_ns + number * step * SECOND_NS, UNAVAILABLE, "away")
        if price is None
        else Snapshot(
            start_ns + number * step * SECOND_NS, OK, sequence=100 + number,
            bids=((price, "500"),), asks=((str(2 * Decimal(price)), "1500"),), **known,
        )
        for number, price in enumerate(prices)
    ]  # fmt: skip


class Shown:
    """A loaded tape and the moment at which its first second is shown."""

    def __init__(self, market: TapeMarket, venue: str = "okx") -> None:
        self.market = market
        self.listing = market.listings(venue)[0]
        self.began_ms = market.now_ms() // 1000 * 1000

    def at(self, seconds: float) -> BookView:
        return self.market.book(self.listing, 5, int(self.began_ms + seconds * 1000))

    def bid(self, seconds: float) -> str:
        return self.at(seconds).bids[0][0]

    def age_ms(self, seconds: float) -> int:
        return int(self.began_ms + seconds * 1000) - self.at(seconds).time_ms


def load(clock: Clock, store: Path | str, venue: str = "okx", **options: Any) -> Shown:
    clock.set(1_800_000_000 * SECOND_NS + 400_000_000)
    return Shown(load_tape(store, **options), venue)


def test_each_second_is_shown_in_a_second_of_today_and_the_last_one_stays(clock: Clock, tmp_path: Path) -> None:
    put(tmp_path, SWAP, rows(START_NS, "1", "2", "3"))
    tape = load(clock, tmp_path)
    assert [tape.bid(seconds) for seconds in (-5, 0, 0.999, 1, 1.999, 2, 2.999, 500)] == list("11122333")
    assert [tape.age_ms(seconds) for seconds in (0, 0.999, 1.5, 500)] == [0, 0, 0, 0]
    assert [tape.at(seconds).sequence for seconds in (0, 1, 2)] == [100, 101, 102]
    assert tape.market.recorded_ms(tape.listing, tape.began_ms + 1500) == START_NS // 1_000_000 + 1000


def test_sizes_are_in_the_units_of_the_wire(clock: Clock, tmp_path: Path) -> None:
    put(tmp_path, SWAP, rows(START_NS, "1"))
    book = load(clock, tmp_path).at(0)
    assert (book.bids, book.asks) == ([("1", "5")], [("2", "15")])


@pytest.mark.parametrize("number", ["12345678901234567890.12345678", "0.000000000001", "100000", "0.1", "123456789.5"])
def test_numbers_of_any_length_are_served_to_the_last_digit(clock: Clock, tmp_path: Path, number: str) -> None:
    row = Snapshot(START_NS, OK, bids=((number, "1"), ("0.0000000000005", number)))
    put(tmp_path, COIN, [row])
    assert tuple(load(clock, tmp_path, "binance").at(0).bids) == row.bids


def test_a_book_is_as_old_as_it_was_and_ages_from_when_the_next_was_due(clock: Clock, tmp_path: Path) -> None:
    known = {"received_at_ns": START_NS + 30_000_000, "venue_time_ns": START_NS - 70_000_000}
    late = rows(START_NS + 40 * SECOND_NS, "2", received_at_ns=START_NS, venue_time_ns=START_NS + 1)
    put(tmp_path, SWAP, [*rows(START_NS, "1", None, None, step=10, **known), *late])
    tape = load(clock, tmp_path)
    assert [tape.age_ms(seconds) for seconds in (0, 9.999, 10, 25, 39.999)] == [100, 100, 10_070, 25_070, 40_069]
    assert [tape.bid(seconds) for seconds in (0, 25, 39.999, 40)] == list("1112")
    assert tape.age_ms(40) == 0  # a venue's clock ahead of ours shows nothing from the future


def test_a_series_that_begins_later_or_without_a_book_shows_its_first_one_until_then(
    clock: Clock, tmp_path: Path
) -> None:
    put(tmp_path, COIN, rows(START_NS, "9", "9", "9", "9", "9", "9"))
    put(tmp_path, SWAP, rows(START_NS + 2 * SECOND_NS, None, "1", "2"))
    tape = load(clock, tmp_path)
    assert [tape.bid(seconds) for seconds in range(6)] == list("111122")
    assert tape.age_ms(0) == 0


def test_all_series_have_one_time_and_a_loop_goes_on_counting(clock: Clock, tmp_path: Path) -> None:
    put(tmp_path, COIN, rows(START_NS, "7", "8", "9"))
    put(tmp_path, SWAP, rows(START_NS, "1", "2"))
    okx, coin = load(clock, tmp_path, loop=True), load(clock, tmp_path, "binance", loop=True)
    assert [okx.bid(seconds) for seconds in range(7)] == list("1221221")
    assert [coin.bid(seconds) for seconds in range(7)] == list("7897897")
    assert [coin.at(seconds).sequence for seconds in range(7)] == [100, 101, 102, 103, 104, 105, 106]


def test_a_store_can_be_held(clock: Clock, tmp_path: Path) -> None:
    put(tmp_path, SWAP, rows(START_NS, "1", "2", "3"))
    assert {load(clock, tmp_path, position="start").bid(seconds) for seconds in (0, 2, 99)} == {"1"}
    assert {load(clock, tmp_path, position="end").bid(seconds) for seconds in (0, 2, 99)} == {"3"}


def test_an_outage_goes_over_row_groups_files_and_midnight(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    monkeypatch.setattr(parquet, "GROUP_LEVELS", 0)
    put(tmp_path, SWAP, rows(START_NS, "1", "2", "3", None, None, None, None))
    put(tmp_path, SWAP, rows(START_NS + 600 * SECOND_NS, None, None, None, "4", "5"))
    tape = load(clock, tmp_path)
    asked = {0: "1", 1: "2", 2: "3", 3: "3", 6: "3", 300: "3", 602: "3", 603: "4", 604: "5"}
    assert {seconds: tape.bid(seconds) for seconds in asked} == asked
    assert {seconds: tape.bid(seconds) for seconds in reversed(asked)} == asked
    assert tape.age_ms(602) == 600_000
    assert tape.market.faults == []


def test_the_next_row_group_is_read_before_its_time(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, SWAP, rows(START_NS, "1", "2"))
    later = put(tmp_path, SWAP, rows(START_NS + 300 * SECOND_NS, "3"))
    tape = load(clock, tmp_path)
    assert tape.bid(0) == "1"
    for thread in threading.enumerate():
        if thread.daemon and "_fetch" in thread.name:
            thread.join()
    path.unlink()
    later.unlink()
    assert [tape.bid(seconds) for seconds in (1, 300)] == ["2", "3"]


def test_what_was_not_recorded_is_not_there(clock: Clock, tmp_path: Path) -> None:
    put(tmp_path, SWAP, rows(START_NS, "1"))
    tape = load(clock, tmp_path)
    assert tape.market.trades(tape.listing, 5, tape.began_ms) == []
    for question in (tape.market.stats, tape.market.mark_price, tape.market.index_price, tape.market.funding):
        with pytest.raises(NotRecorded, match="BTC-USD-SWAP"):
            question(tape.listing, tape.began_ms)


def test_a_file_that_goes_away_meanwhile_is_an_error_of_its_series_alone(clock: Clock, tmp_path: Path) -> None:
    gone = put(tmp_path, SWAP, rows(START_NS, "1"))
    put(tmp_path, COIN, rows(START_NS, "7"))
    tape = load(clock, tmp_path)
    gone.unlink()
    with pytest.raises(NotRecorded, match="cannot be read any more"):
        tape.at(0)
    assert Shown(tape.market, "binance").bid(0) == "7"


def test_manifests_say_which_files_count(clock: Clock, tmp_path: Path) -> None:
    put(tmp_path, SWAP, rows(START_NS, "1", "2"), manifest=True)
    put(tmp_path, SWAP, rows(START_NS + SECOND_NS, "8"))
    tape = load(clock, tmp_path)
    assert [tape.bid(seconds) for seconds in (0, 1)] == ["1", "2"]
    assert tape.market.faults == ["2025-11-20/X/okx-235001.parquet: no manifest names it"]
    (tmp_path / "order_books/2025-11-20/X/okx-235000.parquet").unlink()
    with pytest.raises(SimulatorError, match=r"okx-235000\.parquet: its manifest names it, and it is missing"):
        load_tape(tmp_path)


def test_a_damaged_file_is_left_out_and_told(clock: Clock, tmp_path: Path) -> None:
    put(tmp_path, SWAP, rows(START_NS, "1"))
    cut = put(tmp_path, SWAP, rows(START_NS + 5 * SECOND_NS, "2"))
    cut.write_bytes(cut.read_bytes()[:-20])
    again = put(tmp_path, SWAP, rows(START_NS, "3", "4"))
    again.rename(again.with_name("okx-235000.c1.parquet"))
    put(tmp_path, SWAP, rows(START_NS + SECOND_NS, "1"))
    tape = load(clock, tmp_path)
    assert [tape.bid(seconds) for seconds in (0, 1, 2)] == ["3", "4", "4"]
    faults = " | ".join(tape.market.faults)
    assert re.search(
        r"okx-235005\.parquet cannot be read: .*okx-235001\.parquet begins before the file before", faults
    ) or (re.search(r"okx-235001\.parquet begins before .*okx-235005\.parquet cannot be read: ", faults))


def test_a_newer_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "SCHEMA", 2)
    put(tmp_path, SWAP, rows(START_NS, "1"))
    with pytest.raises(SimulatorError, match=r"okx-235000\.parquet has schema 2, and this simulator reads up to 1"):
        load_tape(tmp_path)


def test_a_part_of_a_store_is_a_tape_and_its_contents_name_the_universe(clock: Clock, tmp_path: Path) -> None:
    put(tmp_path / "a", SWAP, rows(START_NS, "1"))
    put(tmp_path / "a", SWAP, rows(START_NS + 600 * SECOND_NS, "2"))
    put(tmp_path / "b", SWAP, rows(START_NS, "1"))
    days = tmp_path / "a" / "order_books"
    parts = [days.parent, days, days / "2025-11-20", days / "2025-11-20" / "X", tmp_path / "b", days / "2025-11-21"]
    whole, same, first, series, copy, second = (load(clock, part) for part in parts)
    assert [tape.bid(0) for tape in (whole, same, first, series, copy, second)] == list("111112")
    universes = [tape.market.universe for tape in (whole, same, first, series, copy, second)]
    assert universes[0] == universes[1]
    assert universes[2] == universes[3] == universes[4]
    assert len(set(universes)) == 3
    assert all(re.fullmatch("tape-[0-9a-f]{10}", universe) for universe in universes)


# A bucket, served by a real S3 server of this machine.


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """Answer a function that uploads a store and says where it is."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1", "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"), "TMPDIR": str(tmp_path),
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)

    def upload(store: Path) -> str:
        client = boto3.client("s3")
        client.create_bucket(Bucket="tape-books", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        for path in store.rglob("*.*"):
            client.upload_file(str(path), "tape-books", f"kept/{path.relative_to(store).as_posix()}")
            client.upload_file(str(path), "tape-books", f"kept2/{path.relative_to(store).as_posix()}")
        client.put_object(Bucket="tape-books", Key="kept/notes.txt", Body=b"somebody else's")
        return "s3://tape-books/kept"

    yield upload
    server.stop()


def test_a_bucket_is_a_tape_and_nothing_of_it_stays_here(
    clock: Clock, tmp_path: Path, bucket: Callable[[Path], str]
) -> None:
    clock.set(time.time_ns())
    put(tmp_path / "store", SWAP, rows(START_NS, "1", "2"), manifest=True)
    put(tmp_path / "store", SWAP, rows(START_NS + 600 * SECOND_NS, "3"), manifest=True)
    where = bucket(tmp_path / "store")
    local = load_tape(tmp_path / "store")
    tape = Shown(load_tape(where))
    assert [tape.bid(seconds) for seconds in (0, 1, 600)] == ["1", "2", "3"]
    assert tape.market.universe == local.universe
    assert Shown(load_tape(f"{where}/order_books/2025-11-21/")).bid(0) == "3"
    # A path takes one of the slashes.
    assert Shown(load_tape(Path(where))).bid(1) == "2"
    del tape
    assert [path.name for path in tmp_path.glob("simulator-tape-*")] == []
    with pytest.raises(SimulatorError, match=r"s3://tape-books/else has no recorded order books: name a store"):
        load_tape("s3://tape-books/else")
    with pytest.raises(SimulatorError, match=r"several stores .*: name one of them"):
        load_tape("s3://tape-books")
    with pytest.raises(SimulatorError, match=r"The tape s3://nobodys/kept cannot be read: .*NoSuchBucket"):
        load_tape("s3://nobodys/kept")
    assert [path.name for path in tmp_path.glob("simulator-tape-*")] == []


def test_names_of_tapes_are_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert stores.full_name("s3://b/p/q") == stores.full_name(Path("s3://b/p/q")) == "s3://b/p/q"
    assert stores.full_name("store") == str(tmp_path / "store")
    assert [stores.is_bucket(name) for name in ("s3://b", Path("s3://b/p"), "s3", "/s3:/b", "./s3://b")] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_the_simulator_runs_on_a_store(tmp_path: Path) -> None:
    put(tmp_path / "store", SWAP, rows(START_NS, "30000.5"))
    with start_simulator(tmp_path / "state", tape=tmp_path / "store", hold="end") as simulator:
        universe = load_tape(tmp_path / "store").universe
        assert simulator.state["universe"] == universe
        assert simulator.state["options"]["tape"] == str(tmp_path / "store")
        home = tmp_path / "other"
        (home / "state").mkdir(parents=True)
        (home / "state" / "simulator.json").write_bytes(simulator.state_file.read_bytes())
        venues = opened(home, ["okx"])
        venues.ensure_markets()
        item = venues.cache.find("okx", "BTC/USD:BTC")
        assert item is not None
        book = venues.connector("okx").fetch_book(item, 5)
        best = book.best_bid()
        venues.close()
    assert best is not None
    assert (best.price, round(best.size * best.price, 9)) == (Decimal("30000.5"), 500)
