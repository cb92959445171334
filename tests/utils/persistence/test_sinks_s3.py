"""A bucket as a store: signed, confirmed by checksum, tried again within a deadline, and refusals in words."""

import base64
import hashlib
import http.client
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from domain.exit_codes import ExitCode
from simulator.tls import make_tls
from tests.utils.persistence.s3server import BUCKET, REGION, S3Server, without_credentials
from utils.persistence.sinks import s3 as module
from utils.persistence.sinks.base import (
    ABSENT,
    Sink,
    StoreConflict,
    StoreFull,
    StoreMisconfigured,
    StoreRefused,
    StoreUnavailable,
)
from utils.persistence.sinks.s3 import Options, S3Sink

ROOT = Path(__file__).resolve().parents[3]
SMALLEST_PART = 5 * 1024 * 1024
LARGE = bytes(range(256)) * (SMALLEST_PART // 256 + 1)


@pytest.fixture
def server(moto: S3Server, monkeypatch: pytest.MonkeyPatch, home: Path) -> S3Server:
    moto.reset()
    without_credentials(monkeypatch, home)
    return moto


def at(url: str, bucket: str = BUCKET, prefix: str = "", **options: Any) -> S3Sink:
    return S3Sink(bucket, prefix, Options(endpoint_url=url), **options)


Fault = Callable[["Between"], bool]


class Between(BaseHTTPRequestHandler):
    """A network between us and the server: it notes what passes, and may do something else with a request."""

    protocol_version = "HTTP/1.1"
    target = ""
    fault: Fault | None = None
    seen: list[tuple[str, str, dict[str, str]]]

    def forward(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.command, self.path, dict(self.headers)))
        if type(self).fault and type(self).fault(self):  # type: ignore[misc]
            return
        self.answer(*self.ask())

    def ask(self) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=10)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() != "expect":
                connection.putheader(name, value)
        connection.endheaders(self.body)
        response = connection.getresponse()
        result = response.status, response.getheaders(), response.read()
        connection.close()
        return result

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def error(self, status: int, code: str, **headers: str) -> bool:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>what {code} says</Message></Error>".encode()
        if self.command == "HEAD":
            body = b""
        self.answer(status, [("Content-Length", str(len(body))), *headers.items()], body)
        return True

    def drop(self) -> bool:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
        return True

    def log_message(self, *_: Any) -> None: ...


for _method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
    setattr(Between, f"do_{_method}", Between.forward)


@contextmanager
def between(
    server: S3Server, fault: Fault | None = None, context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    seen: list[tuple[str, str, dict[str, str]]] = []
    handler = type(
        "Handler",
        (Between,),
        {"target": server.url.removeprefix("http://"), "fault": staticmethod(fault), "seen": seen},
    )
    if fault is None:
        handler.fault = None  # type: ignore[attr-defined]
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context is not None:
        proxy.socket = context.wrap_socket(proxy.socket, server_side=True)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http{'' if context is None else 's'}://127.0.0.1:{proxy.server_port}", seen
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less between tries, and send smaller parts: the smallest that S3 takes."""
    monkeypatch.setattr(module, "PART_BYTES", SMALLEST_PART)
    from utils.resilience import retry

    slow = retry.try_again
    monkeypatch.setattr(retry, "try_again", lambda *a, **k: slow(*a, **{**k, "first_wait_s": 0.005}))


def test_every_request_is_signed_and_names_its_checksum(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = server.as_user(monkeypatch)
    with between(server) as (url, seen):
        sink = at(url)
        sink.put("small", b"x")
        sink.put("large", LARGE)
        sink.head("small")
        sink.read("small")
        list(sink.list())
        sink.delete("small")
    assert {method for method, _, _ in seen} == {"PUT", "POST", "HEAD", "GET", "DELETE"}
    for method, path, headers in seen:
        assert headers["Authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={key}/"), (method, path)
        assert f"/{REGION}/s3/aws4_request" in headers["Authorization"]
        assert headers["X-Amz-Content-SHA256"] != "UNSIGNED-PAYLOAD"
    sent = [headers for method, path, headers in seen if method == "PUT"]
    assert len(sent) == 1 + 2
    assert all(len(base64.b64decode(headers["x-amz-checksum-sha256"])) == 32 for headers in sent)


def test_a_wrong_secret_is_refused_by_its_signature(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.as_user(monkeypatch)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreMisconfigured, match="does not accept the credentials") as error:
        at(server.url).put("k", b"x")
    assert error.value.exit_code == ExitCode.CONFIGURATION
    assert "wrong" not in f"{error.value} {error.value.hint}"


def test_without_credentials_nothing_is_asked(server: S3Server) -> None:
    with between(server) as (url, seen), pytest.raises(StoreMisconfigured, match="no credentials") as error:
        at(url).put("k", b"x")
    assert seen == []
    assert error.value.exit_code == ExitCode.CONFIGURATION
    assert "AWS_ACCESS_KEY_ID" in str(error.value.hint)


def test_a_missing_permission_is_a_refusal_that_names_what_is_needed(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.as_user(monkeypatch, "s3:ListBucket", "s3:GetObject")
    sink = at(server.url)
    assert list(sink.list()) == []
    with pytest.raises(StoreRefused, match="access is denied") as error:
        sink.put("k", b"x")
    assert error.value.exit_code == ExitCode.REFUSED
    assert "s3:PutObject" in str(error.value.hint)


def test_a_bucket_that_is_not_there_is_a_matter_of_configuration(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.as_user(monkeypatch)
    sink = at(server.url, bucket="nobody-has-this")
    for ask in (lambda: sink.put("k", b"x"), lambda: list(sink.list()), lambda: sink.put("l", LARGE)):
        with pytest.raises(StoreMisconfigured, match=r"s3://nobody-has-this: there is no such bucket\.") as error:
            ask()
        assert error.value.exit_code == ExitCode.CONFIGURATION


ANSWERS = [
    (301, "PermanentRedirect", StoreMisconfigured, "in the region eu-west-3", 3),
    (400, "AuthorizationHeaderMalformed", StoreMisconfigured, "in the region eu-west-3", 3),
    (400, "ExpiredToken", StoreMisconfigured, "expired", 3),
    (403, "InvalidAccessKeyId", StoreMisconfigured, "credentials", 3),
    (403, "RequestTimeTooSkewed", StoreMisconfigured, "clock", 3),
    (501, "NotImplemented", StoreMisconfigured, "lacks something", 3),
    (400, "InvalidStorageClass", StoreMisconfigured, "storage options", 3),
    (403, "AccessDenied", StoreRefused, "denied", 4),
    (400, "EntityTooLarge", StoreRefused, "what EntityTooLarge says", 4),
    (507, "XMinioStorageFull", StoreFull, "no room", 6),
    (503, "SlowDown", StoreUnavailable, "busy", 6),
    (500, "InternalError", StoreUnavailable, "HTTP 500", 6),
    (412, "PreconditionFailed", StoreConflict, "not as it was expected", 10),
]


def test_each_answer_has_one_meaning(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.as_user(monkeypatch)
    now = [ANSWERS[0]]

    def answering(request: Between) -> bool:
        status, code, _, text, _ = now[0]
        return request.error(status, code, **({"x-amz-bucket-region": "eu-west-3"} if "region" in text else {}))

    with between(server, answering) as (url, seen):
        sink = at(url)
        for now[0] in ANSWERS:
            _, code, kind, text, exit_code = now[0]
            del seen[:]
            with pytest.raises(kind, match=text) as error:
                sink.put("k", b"x", only_if=ABSENT)
            assert (type(error.value), error.value.exit_code) == (kind, exit_code), code
            assert error.value.message.startswith(("s3://books", "k in s3://books")), code
            assert error.value.message.endswith("."), code
            if error.value.retryable:
                assert [method for method, _, _ in seen] == ["PUT"] * module.ATTEMPTS, code


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.as_user(monkeypatch)
    context, authority = make_tls(tmp_path, [])
    with between(server, context=context) as (url, seen):
        with pytest.raises(StoreMisconfigured, match="no certificate that this machine trusts") as error:
            at(url).put("k", b"x")
        assert (error.value.exit_code, seen) == (ExitCode.CONFIGURATION, [])
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
        at(url).put("k", b"x")
    assert [method for method, _, _ in seen] == ["PUT"]


def test_the_region_that_a_store_expects_is_named(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.as_user(monkeypatch)
    body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>eu-west-3</Region></Error>"

    def malformed(request: Between) -> bool:
        request.answer(400, [("Content-Length", str(len(body)))], body)
        return True

    expected = r"the bucket is in the region eu-west-3\."
    with between(server, malformed) as (url, _), pytest.raises(StoreMisconfigured, match=expected) as error:
        list(at(url).list())
    assert "storage.s3.region" in str(error.value.hint)


def test_words_of_a_store_that_repeats_the_request_are_cleaned_of_keys(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = server.as_user(monkeypatch)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "MarkedToken9f3aQ7")

    def repeat(request: Between) -> bool:
        told = " ".join(request.headers[name] for name in ("X-Amz-Security-Token", "Authorization"))
        body = f"<Error><Code>Odd</Code><Message>{told}</Message></Error>".encode()
        request.answer(400, [("Content-Length", str(len(body)))], body)
        return True

    with between(server, repeat) as (url, seen), pytest.raises(StoreRefused, match="hidden") as error:
        list(at(url).list())
    signature = seen[-1][2]["Authorization"].rpartition("=")[2]
    for hidden in (key, secret, "MarkedToken9f3aQ7", signature):
        assert hidden not in str(error.value)


def test_an_endpoint_that_nobody_listens_at_is_unavailable(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.as_user(monkeypatch)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(StoreUnavailable, match=r"s3://books cannot be reached\.") as error:
            at(f"http://127.0.0.1:{taken.getsockname()[1]}").put("k", b"x")
    assert error.value.exit_code == ExitCode.UNAVAILABLE
    assert error.value.retryable


def test_an_endpoint_that_is_no_address_is_a_matter_of_configuration(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.as_user(monkeypatch)
    with pytest.raises(StoreMisconfigured, match="endpoint"):
        at("not an address").put("k", b"x")
    with pytest.raises(StoreMisconfigured):
        at(server.url, bucket="No Bucket!").put("k", b"x")


def test_a_store_that_never_answers_is_given_up_within_the_deadline(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.as_user(monkeypatch)
    over = threading.Event()
    with between(server, lambda request: over.wait(10) and request.drop()) as (url, seen):
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match="in time"):
            at(url, read_timeout_s=0.15, deadline_s=1.5).put("k", b"x")
        took = time.monotonic() - begun
        over.set()
    assert took < 4
    assert 1 < len(seen) <= module.ATTEMPTS


def failing(times: int, how: Callable[[Between], bool], method: str = "PUT") -> Fault:
    left = [times]

    def fault(request: Between) -> bool:
        if request.command != method or not left[0]:
            return False
        left[0] -= 1
        return how(request)

    return fault


def lost(request: Between) -> bool:
    """Carry a request out and lose the answer."""
    request.ask()
    return request.drop()


def test_a_busy_store_is_asked_again(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.as_user(monkeypatch)
    with between(server, failing(2, lambda request: request.error(503, "SlowDown"))) as (url, seen):
        at(url).put("k", b"x", only_if=ABSENT)
    assert len(seen) == 3
    assert at(server.url).read("k") == b"x"


@pytest.mark.parametrize("size", ["whole", "parts"])
def test_an_object_whose_answer_was_lost_is_not_mistaken_for_anothers(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    server.as_user(monkeypatch)
    data = b"x" if size == "whole" else LARGE
    completing = failing(1, lost, "PUT" if size == "whole" else "POST")

    def fault(request: Between) -> bool:
        return (size == "whole" or "uploadId" in request.path) and completing(request)

    with between(server, fault) as (url, _):
        put = at(url).put("k", data, only_if=ABSENT)
    found = at(server.url).head("k")
    assert found is not None
    assert (found.etag, found.sha256) == (put.etag, hashlib.sha256(data).hexdigest())


def test_a_replacement_whose_answer_was_lost_is_not_mistaken_for_a_conflict(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.as_user(monkeypatch)
    first = at(server.url).put("k", b"1")
    with between(server, failing(1, lost)) as (url, _):
        second = at(url).put("k", b"2", only_if=first.etag)
    at(server.url).put("k", b"3", only_if=second.etag)
    assert at(server.url).read("k") == b"3"


def test_a_conflict_after_a_lost_answer_stays_a_conflict(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.as_user(monkeypatch)

    def another(request: Between) -> bool:
        at(server.url).put("k", b"other")
        return request.drop()

    with between(server, failing(1, another)) as (url, _), pytest.raises(StoreConflict):
        at(url).put("k", b"x", only_if=ABSENT)
    assert at(server.url).read("k") == b"other"


def test_an_upload_that_fails_is_given_up_so_that_its_parts_cost_nothing(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.as_user(monkeypatch)
    refused: Fault = lambda request: (  # noqa: E731
        request.command == "PUT" and "partNumber=2" in request.path and request.error(403, "AccessDenied")
    )
    with between(server, refused) as (url, seen), pytest.raises(StoreRefused):
        at(url).put("k", LARGE)
    assert [method for method, _, _ in seen][-1] == "DELETE"
    with server.unverified() as s3:
        assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []
    assert at(server.url).head("k") is None


def test_a_store_that_confirms_other_data_is_not_believed(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.as_user(monkeypatch)
    wrong = base64.b64encode(bytes(32)).decode()

    def lying(request: Between) -> bool:
        if request.command != "PUT":
            return False
        status, headers, body = request.ask()
        kept = [(name, value) for name, value in headers if name.lower() != "x-amz-checksum-sha256"]
        request.answer(status, [*kept, ("x-amz-checksum-sha256", wrong)], body)
        return True

    with between(server, lying) as (url, _), pytest.raises(StoreUnavailable, match="confirms other data"):
        at(url).put("k", b"x")


def test_data_that_is_altered_on_its_way_back_is_noticed(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.as_user(monkeypatch)
    at(server.url).put("k", b"right")

    def altering(request: Between) -> bool:
        if request.command != "GET":
            return False
        status, headers, _ = request.ask()
        request.answer(status, headers, b"wrong")
        return True

    with between(server, altering) as (url, _), pytest.raises(StoreUnavailable, match="damaged"):
        at(url).read("k")


def test_a_file_that_changes_while_it_is_sent_is_not_stored(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.as_user(monkeypatch)
    path = tmp_path / "f"
    path.write_bytes(LARGE)

    def touching(request: Between) -> bool:
        if "partNumber=1" in request.path:
            with path.open("r+b") as file:
                file.seek(-1, 2)
                file.write(b"!")
        return False

    with between(server, touching) as (url, _), pytest.raises(StoreConflict, match="has changed while"):
        at(url).put("k", path)
    assert at(server.url).head("k") is None


def test_encryption_and_storage_class_are_those_of_the_configuration(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.as_user(monkeypatch)
    sink: Sink = S3Sink(BUCKET, "p", Options(server.url, REGION, "AES256", "STANDARD_IA"))
    sink.put("small", b"x")
    sink.put("large", LARGE)
    with server.unverified() as s3:
        for key in ("p/small", "p/large"):
            found = s3.head_object(Bucket=BUCKET, Key=key)
            assert (found["ServerSideEncryption"], found["StorageClass"]) == ("AES256", "STANDARD_IA")


def test_an_object_of_which_the_store_keeps_no_checksum_has_none(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.as_user(monkeypatch)
    with server.unverified() as s3:
        s3.put_object(Bucket=BUCKET, Key="theirs", Body=b"x", ChecksumAlgorithm="CRC32")
        s3.put_object(Bucket=BUCKET, Key="folder/", Body=b"")
    found = at(server.url).head("theirs")
    assert found is not None
    assert (found.size, found.sha256) == (1, None)
    assert [each.key for each in at(server.url).list()] == ["theirs"]


def test_more_than_a_page_is_listed(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.as_user(monkeypatch)
    monkeypatch.setattr(module, "PAGE", 3)
    sink = at(server.url, prefix="p")
    for number in range(7):
        sink.put(f"{number}/x", b"")
    assert [each.key for each in sink.list()] == [f"{number}/x" for number in range(7)]
    assert list(sink.folders()) == [str(number) for number in range(7)]


def test_boto3_is_loaded_at_the_first_use_only() -> None:
    code = (
        "import sys; from utils.persistence.sinks.opening import open_store;"
        "from utils.config.settings import StorageSettings; open_store('s3://b/p', StorageSettings());"
        "print([name for name in ('boto3', 'botocore', 'tenacity') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
