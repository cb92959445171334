"""`snapshot` with a bucket that will not have it: said before anything is recorded, and nothing is left in it."""

from pathlib import Path
from typing import Any

import pytest

from market_data.snapshots.beginning import look_at
from tests.commands.clirun import Done, crossbook
from tests.utils.persistence.s3server import ALL, BUCKET, REGION, S3Server, without_credentials
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures
from utils.persistence.sinks.base import Put, StoreMisconfigured
from utils.persistence.sinks.local import LocalSink
from utils.persistence.sinks.s3 import Options, S3Sink

MARK = "Marked9f3aQ7Secret"


@pytest.fixture
def server(moto: S3Server, monkeypatch: pytest.MonkeyPatch, home: Path) -> S3Server:
    """One empty bucket, configured for `--to-s3`, and no credentials."""
    moto.reset()
    without_credentials(monkeypatch, home)
    s3 = f"{{url: 's3://{BUCKET}/mine', endpoint_url: '{moto.url}', region: {REGION}}}"
    (home / "config.yaml").write_text(f"storage: {{s3: {s3}}}")
    return moto


def record(*arguments: str) -> Done:
    return crossbook("snapshot", "BTC/USDT", "--venue", "okx", "--once", *arguments, "--env", "sim")


def refused(done: Done, code: int, said: str, home: Path) -> None:
    assert done.code == code, done.err
    assert said in done.err
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert not list(home.glob("state/recording/*/*/*/*.spool"))


def test_what_a_bucket_will_not_allow_is_said_before_anything_is_recorded(
    server: S3Server,
    warm: Any,  # noqa: F811 - the fixture
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused(record("--to-s3"), 3, f"There are no credentials for s3://{BUCKET}/mine.", home)
    for actions, missing in (
        (("s3:ListBucket", "s3:GetObject"), "access is denied (PutObject)"),
        (("s3:ListBucket", "s3:PutObject"), "access is denied (HeadObject)"),
    ):
        server.as_user(monkeypatch, *actions)
        refused(record("--to-s3"), 4, f"s3://{BUCKET}/mine: {missing}. The key needs s3:ListBucket,", home)
    server.as_user(monkeypatch)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", MARK)
    wrong = record("--to-s3")
    refused(wrong, 3, "it does not accept the credentials", home)
    assert MARK not in wrong.err
    with server.unverified() as client:
        assert "Contents" not in client.list_objects_v2(Bucket=BUCKET)


def test_looking_at_a_store_leaves_nothing_in_it(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.as_user(monkeypatch, *ALL)
    assert look_at(S3Sink(BUCKET, "mine", Options(endpoint_url=server.url))) == []
    with server.unverified() as client:
        assert "Contents" not in client.list_objects_v2(Bucket=BUCKET)


def test_a_store_that_ignores_conditions_is_refused_and_left_clean(tmp_path: Path) -> None:
    class Careless(LocalSink):
        def put(self, key: str, source: Path | bytes, *, only_if: str | None = None) -> Put:
            return super().put(key, source)

    sink = Careless(tmp_path / "store")
    with pytest.raises(StoreMisconfigured, match="ignores conditional writes"):
        look_at(sink)
    assert list(sink.list()) == []


def test_a_store_that_is_away_is_said_and_no_reason_not_to_record(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.as_user(monkeypatch)
    (said,) = look_at(S3Sink(BUCKET, "", Options(endpoint_url="http://127.0.0.1:9"), deadline_s=0.1))
    assert said == f"s3://{BUCKET} cannot be reached. Rows wait in the spool until it takes them."


def test_a_bucket_of_somebody_elses_files_is_left_alone(
    server: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.as_user(monkeypatch)
    day = "mine/order_books/2026-11-19/BTCUSDT"
    theirs = {f"{day}/notes.txt": b"theirs", "mine/order_books/readme.md": b"theirs"}
    with server.unverified() as client:
        for key, body in theirs.items():
            client.put_object(Bucket=BUCKET, Key=key, Body=body)
    at = f"s3://{BUCKET}/mine"
    listed = crossbook("snapshot", "list", "--store", at)
    assert (listed.code, "2 objects below order_books/ not ours" in listed.out) == (0, True), listed.out
    assert "Not ours, left alone" in crossbook("snapshot", "verify", at).err
    with server.unverified() as client:
        client.put_object(Bucket=BUCKET, Key=f"{day}/okx.manifest.json", Body=b'{"name": "somebody"}')
    shown = crossbook("snapshot", "show", "okx:BTC/USDT", "--store", at)
    refused(shown, 10, "okx.manifest.json is no manifest, or is damaged", home)
    assert crossbook("snapshot", "compact", "--store", at).code == 10
    with server.unverified() as client:
        assert {found["Key"] for found in client.list_objects_v2(Bucket=BUCKET)["Contents"]} >= set(theirs)
