# ruff: noqa: F811 - fixtures
"""Nothing signed leaves the environment `paper`, whatever is asked of whom; and every public read does."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.http import HttpClient, Request
from connectors.registry import Venues
from connectors.trading import OrderRef, Trading
from connectors.unsigned import refuse_signed, refuse_signed_message
from domain.errors import CrossbookError, NotSent
from domain.orders import GTC, LIMIT, MARKET, OPEN, STOP, OrderReport, OrderSpec
from tests.paperhome import D, on_paper, paper, venues, warm, warmed_cache  # noqa: F401 - fixtures
from utils.secrets import Credentials

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIGURED = yaml.safe_load((ROOT / "config.yaml").read_text())["venues"]
VENUES = [name for name, entry in CONFIGURED.items() if "retired" not in entry]
SIMULATED = ("binance", "okx", "bybit", "kucoin", "deribit", "deriv")
KEYS = {
    "apiKey": "k" * 32,
    "secret": "c2VjcmV0" * 8,
    "password": "passphrase",
    "uid": "1234567",
    "accountId": "7654321",
    "login": "login-of-mine",
    "token": "token-token",
    "twofa": "JBSWY3DPEHPK3PXP",
    "walletAddress": "0x" + "11" * 20,
    "privateKey": "0x" + "22" * 32,
}


def endpoints(node: Any, api: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """List (section, method, path) of a ccxt class's description."""
    for key, value in node.items():
        if key.lower() in ("get", "post", "put", "delete", "patch"):
            for path in value:
                yield api, key.upper(), path
        else:
            yield from endpoints(value, (*api, key))


def test_no_request_that_any_ccxt_class_signs_passes_the_gate() -> None:
    """Sign every endpoint of every exchange offline, as ccxt would, and hold it against the gate."""
    import ccxt

    signed, passed = 0, []
    for name in ccxt.exchanges:
        exchange = getattr(ccxt, name)(KEYS)
        for api, method, path in endpoints(exchange.describe()["api"]):
            params = dict.fromkeys(re.findall(r"\{(\w+)\}", path), "1")
            try:
                made = exchange.sign(path, list(api), method, params)
            # Some need an account that is loaded first, a key of another form, or parameters: nothing is made then.
            except Exception:  # noqa: BLE001
                continue
            body = made.get("body") or b""
            headers = {key: str(value) for key, value in (made.get("headers") or {}).items()}
            raw = body if isinstance(body, bytes) else str(body).encode()
            carries = f"{made['url']} {headers} {raw!r}"
            secret = any(value in carries for value in KEYS.values()) or "ignature" in carries
            if not secret and "private" not in "".join(api).lower():
                continue
            signed += 1
            try:
                refuse_signed(method, made["url"], headers, raw)
            except NotSent:
                continue
            passed.append((name, api, method, path))
    assert signed > 9_000
    assert passed == []


@pytest.mark.parametrize(
    ("method", "url", "headers", "body"),
    [
        ("POST", "https://venue.test/api/order", {}, b""),
        ("DELETE", "https://venue.test/api/order", {}, b""),
        ("GET", "https://venue.test/book", {"X-MBX-APIKEY": "k"}, b""),
        ("GET", "https://venue.test/book", {"authorization": "Bearer x"}, b""),
        ("GET", "https://venue.test/book", {"Cookie": "session=1"}, b""),
        ("GET", "https://venue.test/book?symbol=A&Signature=x", {}, b""),
        ("GET", "https://venue.test/book?access_token=x", {}, b""),
        ("GET", "https://venue.test/book?api-key=", {}, b""),
        ("GET", "https://me:secret@venue.test/book", {}, b""),
        ("GET", "https://venue.test/api/v2/private/buy?amount=1", {}, b""),
        ("GET", "https://venue.test/api/v2/public/auth?grant_type=x", {}, b""),
        ("GET", "https://venue.test/book", {}, b'{"order": 1}'),
        ("POST", "https://venue.test/info", {}, b'{"type": "l2Book", "signature": {"r": "0x"}}'),
        ("POST", "https://venue.test/info", {}, b'{"type": "openOrders", "user": "0x"}'),
        ("POST", "https://venue.test/info", {}, b"type=l2Book"),
        ("POST", "https://venue.test/info/exchange", {}, b'{"type": "l2Book"}'),
    ],
)
def test_what_a_public_read_never_has_is_stopped(method: str, url: str, headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(NotSent, match="Nothing signed leaves this environment"):
        refuse_signed(method, url, headers, body)


def test_public_reads_pass() -> None:
    refuse_signed("GET", "https://venue.test/api/v5/market/books?instId=BTC-USDT&sz=5", {"Accept": "*/*"})
    refuse_signed("POST", "https://venue.test/info", {"Content-Type": "application/json"}, b'{"type": "meta"}')
    refuse_signed_message("venue.test", '{"ticks": "R_100", "req_id": 1}')


@pytest.mark.parametrize(
    "text",
    [
        '{"authorize": "token"}',
        '{"buy": 1, "price": 10}',
        '{"ticks": "R_100", "passthrough": {"authorize": "token"}}',
        '{"sell": 1}',
        '["ticks"]',
        "ticks",
        '{"jsonrpc": "2.0", "method": "private/buy", "params": {}}',
        '{"\\u0061uthorize": "token"}',
    ],
)
def test_a_message_on_a_websocket_that_is_no_public_call_is_stopped(text: str) -> None:
    with pytest.raises(NotSent, match="Nothing signed leaves this environment"):
        refuse_signed_message("venue.test", text)


def test_the_client_asks_the_gate_for_requests_and_connections(venues: Venues) -> None:
    client: HttpClient = venues.http
    assert client.signs is False
    with pytest.raises(NotSent, match="Nothing signed"):
        client.send(Request("POST", "https://www.okx.com/api/v5/trade/order"), deadline=venues.deadline())
    with pytest.raises(NotSent, match="Nothing signed"):
        client.connect("wss://ws.derivws.com/websockets/v3?token=x", deadline=venues.deadline())


class Wire:
    """Everything that this process sends to venues, before it is encrypted or masked."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.sent: list[bytes] = []
        from websockets.client import ClientProtocol

        from connectors import http

        run, send_text = http._Exchange.run, ClientProtocol.send_text

        def recorded_run(exchange: Any, data: bytes, method: str, *, repeatable: bool) -> Any:
            self.sent.append(data)
            return run(exchange, data, method, repeatable=repeatable)

        def recorded_text(protocol: Any, data: Any, *more: Any) -> Any:
            self.sent.append(bytes(data))
            return send_text(protocol, data, *more)

        patch.setattr(http._Exchange, "run", recorded_run)
        patch.setattr(ClientProtocol, "send_text", recorded_text)


def calls(trading: Trading, instrument: Any) -> dict[str, Callable[[], Any]]:
    """Everything that can be asked of a trading class."""
    spec = OrderSpec("mine0001", "buy", LIMIT, instrument.min_size or D(1), instrument.tick_size * 1000)
    market = spec._replace(client_id="mine0002", type=MARKET, price=None)
    stop = market._replace(
        client_id="mine0003", type=STOP, stop_price=instrument.tick_size * 1_000_000, reduce_only=True
    )
    ref = OrderRef(instrument, "12345678", "mine0001", since_ms=1)
    trigger = ref._replace(family="trigger")
    report = OrderReport(
        trading.venue, instrument.symbol, "12345678", "mine0001", OPEN, "buy", LIMIT, size=spec.size, price=spec.price,
        tif=GTC,
    )  # fmt: skip
    return {
        "admit": trading.admit,
        "prepare": lambda: trading.prepare(instrument, spec),
        "submit": lambda: trading.submit(instrument, spec),
        "submit market": lambda: trading.submit(instrument, market),
        "submit stop": lambda: trading.submit(instrument, stop),
        "cancel": lambda: trading.cancel(ref),
        "cancel by our id": lambda: trading.cancel(ref._replace(order_id=None)),
        "cancel a trigger": lambda: trading.cancel(trigger),
        "amend": lambda: trading.amend(ref, report, size=spec.size * 2, price=None),
        "find": lambda: trading.find(ref),
        "find by our id": lambda: trading.find(ref._replace(order_id=None)),
        "find a trigger": lambda: trading.find(trigger),
        "open_orders": trading.open_orders,
        "open_orders of one": lambda: trading.open_orders(instrument),
        "closed_orders": lambda: trading.closed_orders(instrument, 1_700_000_000_000),
        "fills": lambda: trading.fills(instrument, 1_700_000_000_000),
        "balances": trading.balances,
        "positions": trading.positions,
        "funding_payments": lambda: trading.funding_payments(instrument, 1_700_000_000_000),
        "cancel_all": lambda: trading.cancel_all(instrument),
        "cancel_after": lambda: trading.cancel_after(60),
        "permissions": trading.permissions,
    }


def outcome(call: Callable[[], Any]) -> tuple[Any, str]:
    """Answer what a call returned, or what its error said."""
    try:
        return call(), ""
    except CrossbookError as error:
        return None, str(error)


def symbols(venue: str, found: Venues) -> list[Any]:
    wanted = ("BTC/USDT", "BTC/USDC", "BTC/USDT:USDT", "BTC/USDC:USDC", "R_100/USD")
    return [item for symbol in wanted if (item := found.cache.find(venue, symbol)) is not None][:3]


@pytest.mark.parametrize("venue", SIMULATED)
def test_a_venues_own_trading_class_with_real_keys_gets_nothing_signed_out_on_paper(
    paper: Any, venues: Venues, venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = paper.credentials[venue]
    given = Credentials(keys["key"], keys["secret"], keys["passphrase"] or None, "a test")
    venues.place = venues.place._replace(keys=lambda _: given)
    connector = venues.connector(venue)
    assert connector.context.credentials() == given
    module, _, name = str(connector.trading_class).partition(":")
    paper.reset_accounts(venue)
    paper.reset_requests()
    wire = Wire(monkeypatch)
    answered, stopped = [], []
    for instrument in symbols(venue, venues):
        trading: Trading = getattr(import_module(module), name)(connector, venues.cache.of(venue))
        for what, call in calls(trading, replace(instrument, tick_size=instrument.tick_size or D("0.01"))).items():
            found, said = outcome(call)
            if found:
                answered.append(what)
            if "Nothing signed leaves this environment" in said:
                stopped.append(what)
        trading.close()
    assert answered == []
    assert {"submit market", "balances"} <= set(stopped)
    assert paper.placed(venue) == []
    told = b"\n".join(wire.sent).lower()
    for secret in (keys["key"], keys["secret"], keys["passphrase"]):
        assert not secret or secret.lower().encode() not in told
    for mark in (b"signature=", b"-sign:", b"apikey:", b"authorization:", b'"authorize"', b"/private/"):
        assert mark not in told
    assert not [path for path in paper.requests(venue) if re.search(r"private|order$|authorize|buy|sell$", path)]


def test_without_the_gate_the_same_keys_would_trade(paper: Any, venues: Venues) -> None:
    """The control: it is the transport that stops them, and nothing else."""
    keys = paper.credentials["okx"]
    venues.place = venues.place._replace(
        keys=lambda _: Credentials(keys["key"], keys["secret"], keys["passphrase"], "")
    )
    connector = venues.connector("okx")
    module, _, name = str(connector.trading_class).partition(":")
    trading = getattr(import_module(module), name)(connector, venues.cache.of("okx"))
    assert "Nothing signed" in outcome(trading.balances)[1]
    venues.http.signs = True
    assert outcome(trading.balances)[0]


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        (("bbo", "BTC/USDT"), {0}),
        (("bbo", "BTC/USDT:USDT", "--size", "1"), {0}),
        (("book", "BTC/USDT", "--venue", "okx"), {0}),
        (("impact", "BTC/USDT", "buy", "--base", "1"), {0, 8}),
        (("funding", "BTC/USDT:USDT"), {0, 8}),
        (("funding", "BTC/USDT:USDT", "--history", "1d"), {0, 8}),
        (("doctor",), {0}),
        (("symbols", "refresh"), {0}),
        (("venues",), {0}),
    ],
)
def test_every_public_read_of_the_market_data_commands_passes(
    paper: Any, arguments: tuple[str, ...], codes: set[int]
) -> None:
    done = on_paper(*arguments)
    assert done.code in codes, (done.out, done.err)
    assert "Nothing signed" not in done.out + done.err
    assert "stopped" not in done.out + done.err


def shared_code() -> list[Path]:
    packages = ("commands", "connectors", "domain", "market_data", "monitoring", "order_management", "utils")
    found = [ROOT / "main.py", *(path for name in packages for path in sorted((ROOT / name).rglob("*.py")))]
    apart = ("connectors/paper/", "connectors/environments.py")
    return [path for path in found if not path.relative_to(ROOT).as_posix().startswith(apart)]


@pytest.mark.parametrize("path", shared_code(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_shared_code_never_asks_whether_it_is_on_paper(path: Path) -> None:
    """Paper is a broker and an endpoint map: no branch anywhere else knows of it."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare | ast.Match):
            inside = list(ast.walk(node))
            texts = [each.value for each in inside if isinstance(each, ast.Constant)]
            names = [
                each.id if isinstance(each, ast.Name) else each.attr
                for each in inside
                if isinstance(each, ast.Name | ast.Attribute)
            ]
            assert "paper" not in texts, f"line {node.lineno}"
            assert "PAPER" not in names, f"line {node.lineno}"
        name = node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else ""
        assert "dry_run" not in name.lower()
        assert "is_paper" not in name.lower()
