"""Every ccxt error has a meaning per operation, and an answer's status is believed over ccxt's class."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.ccxt_errors import TABLE, Operation, page_words, retry_after_s, tidy, translate
from connectors.http import ConnectFailed
from domain import errors as domain
from domain.errors import OutcomeUnknown
from tests.connectors.fakes import answer
from utils.secrets.redaction import remember


def _classes(tree: dict[str, Any], parent: str | None = None) -> Iterator[tuple[str, str | None]]:
    for name, below in tree.items():
        yield name, parent
        yield from _classes(below, name)


def _hierarchy() -> dict[str, str | None]:
    from ccxt.base.errors import error_hierarchy

    return dict(_classes(error_hierarchy))


def _make(name: str, text: str = "kraken said no") -> Exception:
    from ccxt.base import errors

    made: Exception = getattr(errors, name)(text)
    return made


def test_every_class_of_ccxts_hierarchy_has_a_row_and_no_row_is_without_a_class() -> None:
    assert set(TABLE) == set(_hierarchy())


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_row_of_a_class_decides_not_that_of_its_base(name: str) -> None:
    row = TABLE[name]
    for operation, kind in zip(Operation, row, strict=True):
        found = translate(_make(name), operation, "kraken")
        assert type(found) is kind
        assert found.venue == "kraken"
        assert isinstance(found.__cause__, Exception)


def test_a_class_that_ccxt_may_add_is_treated_as_its_nearest_known_base() -> None:
    from ccxt.base.errors import RateLimitExceeded

    newer = type("BurstExceeded", (RateLimitExceeded,), {"__module__": "ccxt.base.errors"})
    assert isinstance(translate(newer("x"), Operation.READ, "v"), domain.RateLimited)


@pytest.mark.parametrize(
    "name", ["RequestTimeout", "NetworkError", "ExchangeNotAvailable", "BadResponse", "NullResponse"]
)
def test_silence_is_retried_on_a_read_and_unknown_on_an_order(name: str) -> None:
    assert translate(_make(name), Operation.READ, "v").retryable
    assert isinstance(translate(_make(name), Operation.SUBMIT, "v"), OutcomeUnknown)
    assert isinstance(translate(_make(name), Operation.CANCEL, "v"), OutcomeUnknown)


@pytest.mark.parametrize(
    "name", ["AuthenticationError", "InsufficientFunds", "InvalidOrder", "BadSymbol", "OperationRejected"]
)
def test_a_clear_no_is_refused_whatever_was_asked(name: str) -> None:
    for operation in Operation:
        found = translate(_make(name), operation, "v")
        assert isinstance(found, domain.Refused)
        assert not found.retryable


def test_rate_limits_on_a_submit_leave_the_outcome_unknown() -> None:
    for name in ("RateLimitExceeded", "DDoSProtection"):
        assert isinstance(translate(_make(name), Operation.SUBMIT, "v"), OutcomeUnknown)


def test_an_order_with_a_wrong_time_stamp_was_never_looked_at() -> None:
    assert isinstance(translate(_make("InvalidNonce"), Operation.SUBMIT, "v"), domain.Refused)
    assert isinstance(translate(_make("InvalidNonce"), Operation.READ, "v"), domain.Unavailable)


def test_what_is_no_ccxt_error_is_an_unreadable_answer_on_a_read_and_unknown_on_an_order() -> None:
    assert isinstance(translate(KeyError("price"), Operation.READ, "v"), domain.BadAnswer)
    assert isinstance(translate(TypeError("x"), Operation.CANCEL, "v"), OutcomeUnknown)


def test_a_builtin_that_shares_a_name_with_ccxt_is_not_mistaken_for_it() -> None:
    class NetworkError(Exception):
        pass

    assert isinstance(translate(NetworkError("x"), Operation.READ, "v"), domain.BadAnswer)


def test_our_own_errors_pass_and_a_timed_out_order_is_unknown() -> None:
    timed_out = domain.TimedOut("no answer")
    assert translate(timed_out, Operation.READ, "v") is timed_out
    unknown = translate(timed_out, Operation.SUBMIT, "v")
    assert isinstance(unknown, OutcomeUnknown)
    assert unknown.__cause__ is timed_out


def test_an_order_that_never_left_is_not_unknown() -> None:
    for error in (domain.NotSent("closed"), ConnectFailed("refused")):
        assert translate(error, Operation.SUBMIT, "v") is error


def test_retry_after_reaches_the_error() -> None:
    found = translate(_make("RateLimitExceeded"), Operation.READ, "v", answer({}, 429, {"retry-after": "7"}))
    assert isinstance(found, domain.RateLimited)
    assert found.retry_after_s == 7
    assert not found.banned


def test_a_418_is_a_ban() -> None:
    found = translate(_make("DDoSProtection"), Operation.READ, "v", answer({}, 418, {"retry-after": "120"}))
    assert isinstance(found, domain.RateLimited)
    assert found.banned
    assert not found.retryable


@pytest.mark.parametrize("headers", [{}, {"retry-after": "soon"}, {"retry-after": "-1"}, {"retry-after": "9e9"}])
def test_an_unusable_retry_after_is_none(headers: dict[str, str]) -> None:
    assert retry_after_s(headers) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (451, "{}"),
        (403, "<html>The Amazon CloudFront distribution is configured to block access from your country.</html>"),
        (400, '{"code":"x","msg":"Service is not available in your region"}'),
    ],
)
def test_a_geo_block_is_said_although_ccxt_calls_it_an_outage(status: int, body: str) -> None:
    for name in ("ExchangeNotAvailable", "ExchangeError"):
        found = translate(_make(name), Operation.READ, "v", answer(body, status))
        assert isinstance(found, domain.GeoBlocked)


def test_a_403_of_a_doorkeeper_that_limits_rates_is_a_ban_not_a_geo_block() -> None:
    found = translate(_make("ExchangeNotAvailable"), Operation.READ, "v", answer("error code: 1015", 403))
    assert isinstance(found, domain.RateLimited)
    assert found.banned


def test_maintenance_is_recognised_by_the_venues_words_and_a_server_error_is_no_refusal() -> None:
    body = '{"msg":"System is under maintenance."}'
    assert isinstance(
        translate(_make("ExchangeNotAvailable"), Operation.READ, "v", answer(body, 503)), domain.Maintenance
    )
    found = translate(_make("ExchangeError"), Operation.READ, "v", answer('{"msg":"oops"}', 500))
    assert type(found) is domain.Unavailable


def test_a_refused_key_stays_unauthorized_whatever_the_text_says() -> None:
    found = translate(_make("PermissionDenied"), Operation.READ, "v", answer("scheduled maintenance", 401))
    assert isinstance(found, domain.Unauthorized)


def test_messages_are_short_one_line_and_without_secrets() -> None:
    remember("s3cr3t-k3y")
    text = tidy("GET https://x/y?apiKey=abc&signature=0ff1ce&z=1\n" + "s3cr3t-k3y " + "long " * 200)
    assert "0ff1ce" not in text
    assert "s3cr3t-k3y" not in text
    assert "\n" not in text
    assert len(text) < 250


def test_a_page_is_told_by_its_title_and_a_text_by_its_beginning() -> None:
    assert page_words(b"<html><head><title> 502 Bad Gateway </title>") == "a page titled '502 Bad Gateway'"
    assert page_words(b"<p>error\ncode: 1015</p>") == "error code: 1015"
    assert page_words(b"") == "an empty answer"


def test_a_page_of_brackets_is_read_in_no_time() -> None:
    started = time.perf_counter()
    page_words(b"<" * 1_000_000)
    assert time.perf_counter() - started < 0.2


def test_what_would_steer_a_terminal_is_taken_out() -> None:
    assert tidy("no\x1b[2J\x07 more\ud800") == "no?[2J? more?"
