"""What Crossbook adds to an order: to ccxt's call, to the disk, to a venue's own rate, and to a whole process."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

from bench.house import House, house
from bench.inprocess import in_turn
from bench.timing import ROOT, show, side_by_side
from connectors.ccxt_loading import exchange_class
from connectors.registry import Venues, open_venues
from connectors.trading import OrderRate
from domain.instruments import Instrument
from order_management.batch import view_ms
from order_management.desk import Desk
from order_management.journal import Journal, journal_path
from order_management.order_states import NOT_SENT
from order_management.placing import prepare, send
from order_management.policy.chain import policy_of
from order_management.tickets import Ticket
from utils.config.load import load_config
from utils.resilience.budget import LANES, ORDER

SYMBOLS = {
    "binance": "BTC/USDT",
    "okx": "BTC/USDT",
    "bybit": "BTC/USDT",
    "kucoin": "BTC/USDT",
    "deribit": "BTC/USDC",
}
BARE_OPTIONS: dict[str, dict[str, Any]] = {
    "bybit": {"enableUnifiedMargin": False, "enableUnifiedAccount": True, "unifiedMarginStatus": 6},
    "kucoin": {"hf": True, "uta": False},
}
"""What ccxt would otherwise ask the venue about first."""
ROUNDS, A_RESET = 300, 60
PROCESS_ROUNDS = 9
BATCH = 200
AMOUNT = "0.01"


class Redirected(HTTPAdapter):
    """Sends to the simulator what ccxt addresses to the real host."""

    def __init__(self, hosts: dict[str, str]) -> None:
        super().__init__()
        self._hosts = hosts

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Change where the request goes, and nothing else."""
        parts = urlsplit(request.url)
        request.url = self._hosts[parts.netloc] + request.url[len(f"{parts.scheme}://{parts.netloc}") :]
        return super().send(request, *args, **kwargs)


def bare(simulator: House, venues: Venues, name: str) -> Callable[[int], object]:
    """Make a call of an unmodified ccxt class: its market set, its session open, its signatures real."""
    keys = simulator.credentials[name]
    exchange = exchange_class(name)(
        {
            "apiKey": keys["key"],
            "secret": keys["secret"],
            "password": keys["passphrase"] or "",
            "enableRateLimit": False,
            "options": BARE_OPTIONS.get(name, {}),
        }
    )
    exchange.session.mount("https://", Redirected(simulator.hosts))
    exchange.set_markets([venues.connector(name).market_store().find(SYMBOLS[name])])  # type: ignore[attr-defined]
    return lambda turn: exchange.create_order(SYMBOLS[name], "limit", "buy", float(AMOUNT), 20_000 + turn % 1000)


def ours(desk: Desk, name: str) -> Callable[[int], object]:
    """Make a call of the whole of our way: policy, budgets, journal, the request, journal."""
    rules = desk.trading(name).rules
    desk.trading(name).rules = replace(rules, order_rate=OrderRate(1e6, 1e6))

    def place(turn: int) -> object:
        ticket = Ticket(name, SYMBOLS[name], "buy", Decimal(AMOUNT), price=Decimal(21_000 + turn % 1000))
        desk.trading(name).admit()
        prepared = prepare(desk, ticket, max_age_ms=view_ms(desk, ticket), look=False)
        return send(desk, prepared, follow=False, admitted=True)

    return place


@contextmanager
def at(simulator: House) -> Iterator[None]:
    """Make the simulator's home this process's own."""
    before = {name: os.environ.get(name) for name in simulator.environment}
    os.environ.update(simulator.environment)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def run() -> None:
    """Run all parts."""
    with house() as simulator, at(simulator):
        added(simulator)
        whole_processes(simulator)
        batches(simulator)


def added(simulator: House, rounds: int = ROUNDS) -> None:
    """Compare ccxt's bare call with ours, in turn, at each venue."""
    config = load_config(environment="sim")
    venues = open_venues(config, list(SYMBOLS))
    venues.ensure_markets()
    policy = policy_of(config)
    differences: list[float] = []
    figures: dict[str, float] = {}
    for name, symbol in SYMBOLS.items():
        venues.start(time.monotonic() + 600)
        # A journal for each: the policy's default limits count open orders and those of the last minute.
        journal = Journal.open(journal_path(f"bench-{name}"))
        desk = Desk(venues, config, journal, policy, venues.deadline)
        instrument = desk.instrument(name, symbol)
        calls = {"bare": bare(simulator, venues, name), "ours": ours(desk, name)}
        times = in_turn(
            calls,
            rounds=rounds,
            before=partial(_ready, simulator, desk, instrument),
        )
        pairs = [b - a for a, b in zip(times["bare"], times["ours"], strict=True)]
        differences += pairs
        figures |= {f"{name}: ccxt's create_order": statistics.median(times["bare"])}
        figures |= {f"{name}: prepare, journal, send, journal": statistics.median(times["ours"])}
        journal.close()
        print(f"  {name}: median difference {statistics.median(pairs):.3f} ms")
    show("One order on a warm connection", figures, next(iter(figures)), "median difference at most 1.0 ms")
    print(f"  overall median difference {statistics.median(differences):.3f} ms of {len(differences)} pairs")
    venues.close()


def _ready(simulator: House, desk: Desk, instrument: Instrument, turn: int) -> None:
    """Have the market seen, as a batch has, and few orders open."""
    if turn % A_RESET == 0:
        simulator.reset_accounts(instrument.venue)
    desk.look(instrument, 5_000)


def whole_processes(simulator: House) -> None:
    """Compare `order place` with a script that does the same with a bare ccxt class and nothing else."""
    venues = open_venues(load_config(environment="sim"), list(SYMBOLS))
    venues.ensure_markets()
    for name, symbol in SYMBOLS.items():
        simulator.reset_accounts(name)
        keys = simulator.credentials[name]
        asked = {
            "id": name,
            "keys": {"apiKey": keys["key"], "secret": keys["secret"], "password": keys["passphrase"] or ""},
            "market": venues.connector(name).market_store().find(symbol),  # type: ignore[attr-defined]
            "options": BARE_OPTIONS.get(name, {}),
            "hosts": simulator.hosts,
            "price": 20_000,
        }
        place = ["main.py", "order", "place", name, symbol, "buy", AMOUNT, "--price", "21000", "--allow-duplicate"]
        figures = side_by_side(
            {
                "bare ccxt class, one order": [sys.executable, "bench/scripts/one_order_ccxt.py", json.dumps(asked)],
                "main.py order place": [sys.executable, *place],
            },
            rounds=PROCESS_ROUNDS,
            environment=simulator.environment,
        )
        show(f"One order, whole processes, {name}", figures, "bare ccxt class, one order", "at most 1.6 ×")
    venues.close()


def _spans_s(ids: set[str]) -> dict[str, float]:
    """Tell per venue how long it was from its first of these orders to its last, as they were written down."""
    venues = open_venues(load_config(environment="sim"), ["okx"])
    with Journal.open(journal_path(venues.place.journal)) as journal:
        mine = [order.record for order in journal.orders() if order.record.client_id in ids]
    found = {name: [record.created_ns for record in mine if record.venue == name] for name in SYMBOLS}
    return {name: (max(times) - min(times)) / 1e9 for name, times in found.items()}


def batches(simulator: House) -> None:
    """Time `order batch` against what the venues' own rates of orders allow, in one process and in two at once."""
    simulator.set_limits(1)
    (simulator.home / "config.yaml").write_text("")  # the real budgets
    rules = {name: open_venues(load_config(environment="sim"), [name]).trading(name).rules for name in SYMBOLS}
    for processes in (1, 2):
        each = BATCH // len(SYMBOLS) // processes
        files = [_orders_file(simulator, f"{processes}-{number}", each) for number in range(processes)]
        for name in SYMBOLS:
            simulator.reset_accounts(name)
        time.sleep(max(rule.order_rate.burst / rule.order_rate.per_second for rule in rules.values()))  # refill
        command = [sys.executable, "main.py", "order", "batch", "--json", "--allow-duplicate"]
        begun = time.perf_counter()
        running = [
            subprocess.Popen(
                [*command, "--name", path, path], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for path in files
        ]
        answers = [process.communicate() for process in running]
        taken_s = time.perf_counter() - begun
        lines = [json.loads(line) for out, _ in answers for line in out.splitlines()]
        accepted = sum(line["outcome"] == "accepted" for line in lines)
        spans = _spans_s({line["id"] for line in lines})
        print(f"\norder batch, {each * processes} orders at each of {len(SYMBOLS)} venues, {processes} process(es)")
        for name, rule in rules.items():
            rate, count = rule.order_rate, each * processes
            allowed_s, kept_s = (
                max(0.0, (count - rate.burst * share) / rate.per_second) for share in (1.0, LANES[ORDER])
            )
            allows = f"its rate allows {allowed_s:5.2f} s; leaving cancels their share {kept_s:5.2f} s"
            print(f"  {name:<10} {allows}; from first to last order {spans[name]:5.2f} s")
        print(
            f"  took {taken_s:.2f} s; {accepted} of {len(lines)} accepted; turned away for their rate: {_turned_away()}"
        )


def _orders_file(simulator: House, name: str, each: int) -> str:
    lines = ["venue,symbol,side,amount,price"]
    for number in range(each):
        lines += [f"{venue},{symbol},buy,{AMOUNT},{20_000 + number}" for venue, symbol in SYMBOLS.items()]
    path = simulator.home / f"orders-{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def _turned_away() -> int:
    """Count the orders that were not sent, or that a venue answered with too many requests, by the journal."""
    config = load_config(environment="sim")
    with Journal.open(journal_path(open_venues(config, []).place.journal)) as journal:
        orders = journal.orders()
        return sum(event.kind == NOT_SENT for order in orders for event in journal.events(order.record.client_id))
