"""ccxt exchange objects that speak through our transport: real URLs inside ccxt, our sockets underneath."""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connectors.base import VenueContext
from connectors.ccxt_loading import exchange_class
from connectors.http import Request, Response
from connectors.trading import check_in_time
from domain.errors import BadAnswer, NotSent

if TYPE_CHECKING:
    from ccxt.base.exchange import Exchange
    from requests import Response as RequestsResponse
    from requests import Session as RequestsSession

    from utils.secrets import Credentials


class CcxtSession:
    """One exchange object for one thread, and the last answer that it got.

    The numbers it hands out are the venue's own text: ccxt's `number` is `str` already while the class describes
    itself (its fees), and JSON numbers with a fraction are decoded to text.

    Args:
        options: ccxt options, merged over the class's own.
        headers: sent with each request (a testnet's marks).
        credentials: what it signs with; without them it cannot sign.
    """

    def __init__(
        self,
        exchange: str,
        context: VenueContext,
        options: Mapping[str, Any],
        headers: Mapping[str, str],
        credentials: "Credentials | None" = None,
    ) -> None:
        self.context = context
        self.headers = headers
        self.answer: Response | None = None
        self.requests = 0
        """How many requests were handed to the transport so far: none since a call began means that nothing left."""
        self.until: float | None = None
        """Until when (time.monotonic seconds) the call that is made now may take, where that is before the deadline."""
        self.exchange = self._make(exchange, options)
        if credentials is not None:
            self.exchange.parse_json = self._whole_json
            self.exchange.apiKey = credentials.key
            self.exchange.secret = credentials.secret
            self.exchange.password = credentials.passphrase or ""

    def _make(self, exchange: str, options: Mapping[str, Any]) -> "Exchange":
        found = exchange_class(exchange)
        textual = type(found.__name__, (found,), {"number": str, "__module__": found.__module__, **self._clock()})
        made: Exchange = textual(
            {
                "enableRateLimit": False,  # the guard has the budget
                "options": {**options, "maxRetriesOnFailure": 0, "warnOnFetchOpenOrdersWithoutSymbol": False},
                "timeout": max(1, int((self.context.deadline() - time.monotonic()) * 1000)),
            }
        )
        made.has["fetchCurrencies"] = False
        made.on_json_response = _numbers_as_text
        made.session = Wire(self, made.session)
        return made

    def _whole_json(self, text: str) -> Any:
        """Refuse an answer that is no JSON: ccxt would take it for an empty one, as "no order", "no position"."""
        found = type(self.exchange).parse_json(self.exchange, text)
        if found is None and self.answer is not None and self.answer.status < 300:
            raise BadAnswer("The answer is no JSON.")
        return found

    def _clock(self) -> dict[str, Any]:
        """Give ccxt's clock the venue's time, for what it signs.

        Of its classes some sign `nonce()`, which takes `options["timeDifference"]` off `milliseconds()`, and some
        (Deribit's, Hyperliquid's, Coinbase's) `milliseconds()` or `seconds()` themselves: all come by here.
        """

        def venue_ns() -> int:
            return time.time_ns() + self.context.clock_offset_ms() * 1_000_000

        units = {"seconds": 1_000_000_000, "milliseconds": 1_000_000, "microseconds": 1000}
        return {name: staticmethod(lambda ns=ns: venue_ns() // ns) for name, ns in units.items()}

    def send(self, method: str, url: str, headers: Mapping[str, str], body: str | bytes) -> Response:
        """Send what ccxt has prepared, and remember the answer."""
        self.answer = None
        check_in_time()
        self.requests += 1
        self.answer = self.context.http.send(
            Request(
                method=method,
                url=url,
                headers={name: value for name, value in headers.items() if name not in _OURS} | dict(self.headers),
                body=body.encode() if isinstance(body, str) else bytes(body),
                # An order may be a GET, and a signature with its nonce serves one delivery: the guard repeats reads.
                once=bool(self.exchange.apiKey),
            ),
            deadline=self.context.deadline() if self.until is None else min(self.until, self.context.deadline()),
        )
        if 300 <= self.answer.status < 400:
            # Following it would send an order that is a GET once more.
            raise BadAnswer(f"The answer is a redirection (HTTP {self.answer.status}), which is not followed.")
        return self.answer

    def received_at_ns(self) -> int:
        """Tell when the last answer came in (epoch nanoseconds)."""
        return self.answer.received_at_ns if self.answer is not None else time.time_ns()

    def base_urls(self) -> set[str]:
        """List scheme and host of every REST URL that the class knows."""
        from urllib.parse import urlsplit

        pending, found = [self.exchange.urls.get("api")], set()
        while pending:
            item = pending.pop()
            if isinstance(item, dict):
                pending += item.values()
            elif isinstance(item, str) and item.startswith("http"):
                parts = urlsplit(item.replace("{hostname}", self.exchange.hostname or ""))
                found.add(f"{parts.scheme}://{parts.netloc}")
        return found

    @staticmethod
    def folded(headers: Mapping[str, str]) -> Mapping[str, str]:
        """Give headers that are found whatever the case of their names, as ccxt's classes expect."""
        from requests.structures import CaseInsensitiveDict

        return CaseInsensitiveDict(headers)


_OURS = frozenset({"Accept-Encoding", "Connection", "Content-Length"})


class Wire:
    """Stands in for the `requests.Session` of a ccxt object: what ccxt asks of it goes out by our HTTP client.

    Preparing a request takes `requests` half a millisecond, of which an order needs nothing: ccxt has written URL,
    headers and body already, and they leave as they were signed. Our errors pass through ccxt unchanged: it catches
    those of `requests` only.
    """

    def __init__(self, session: CcxtSession, original: "RequestsSession") -> None:
        from requests import Response as RequestsResponse
        from requests.structures import CaseInsensitiveDict
        from requests.utils import requote_uri

        self._session = session
        self._usual = {name: _text(value) for name, value in original.headers.items()}
        self._quoted = requote_uri
        self._response = RequestsResponse
        self._headers = CaseInsensitiveDict
        self.cookies = original.cookies
        self.headers = original.headers

    def request(
        self, method: str, url: str, data: Any = None, headers: Any = None, files: object = None, **_: object
    ) -> "RequestsResponse":
        """Send one request; the other arguments (timeout, certificates, proxies) are our client's own business."""
        if files is not None:
            raise NotSent(f"{self._session.exchange.id} wants to upload a form, which this transport does not.")
        given = {name: _text(value) for name, value in (headers or {}).items() if value is not None}
        named = {name.lower() for name in given}
        usual = {name: value for name, value in self._usual.items() if name.lower() not in named}
        answer = self._session.send(method, self._quoted(url), {**usual, **given}, data or b"")
        response = self._response()
        response.status_code = answer.status
        response.headers = self._headers(answer.headers)
        response._content = answer.body
        response.encoding = "utf-8"
        response.reason = ""
        response.url = url
        return response

    def close(self) -> None:
        """Leave the sockets: they belong to the shared client."""


def _numbers_as_text(text: str) -> Any:
    return json.loads(text, parse_float=str)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
