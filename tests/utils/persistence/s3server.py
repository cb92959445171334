"""A real S3 server (moto's) on loopback, which verifies signatures and permissions as Amazon does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto.core.authorization import disable_iam_authentication, enable_iam_authentication
from moto.moto_api._internal import mock_random
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
BUCKET = "books"
ALL = ("s3:*",)


class S3Server:
    """The running server. `as_user` gives the environment the keys of a user that may do only so much."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._clients: dict[str, Any] = {}
        self._users: dict[tuple[str, ...], tuple[str, str]] = {}

    def as_user(self, monkeypatch: pytest.MonkeyPatch, *actions: str) -> tuple[str, str]:
        """Make a user with these permissions and put its keys where boto3 looks for them; return them."""
        key, secret = self._users.get(actions) or self._users.setdefault(actions, self._make_user(actions or ALL))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        return key, secret

    def _make_user(self, actions: tuple[str, ...]) -> tuple[str, str]:
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
        }
        with disable_iam_authentication():
            iam = self._client("iam")
            name = f"user-{mock_random.get_random_hex(8)}"
            iam.create_user(UserName=name)
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
            made = iam.create_access_key(UserName=name)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id="AKIATESTTESTTESTTEST",
                aws_secret_access_key="test",
            )
        return self._clients[service]

    @contextmanager
    def unverified(self) -> Iterator[Any]:
        """Look behind the scenes: a client that may do everything."""
        with disable_iam_authentication():
            yield self._client("s3")

    def reset(self) -> None:
        """Begin with one empty bucket."""
        with self.unverified() as s3:
            for bucket in s3.list_buckets()["Buckets"]:
                for found in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                    s3.delete_object(Bucket=bucket["Name"], Key=found["Key"])
                s3.delete_bucket(Bucket=bucket["Name"])
            s3.create_bucket(Bucket=BUCKET)


@contextmanager
def running() -> Iterator[S3Server]:
    """Run the server for a while."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with enable_iam_authentication():
            yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()


_loader: Any = None


def quick_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all sessions share what boto3 has read of its own data files, which takes a quarter of a second each time."""
    global _loader
    import botocore.session

    real = boto3.session.Session
    _loader = _loader or botocore.session.get_session().get_component("data_loader")

    def made() -> Any:
        session = botocore.session.get_session()
        session.register_component("data_loader", _loader)
        return real(botocore_session=session)

    monkeypatch.setattr(boto3.session, "Session", made)


def without_credentials(monkeypatch: pytest.MonkeyPatch, home: Any) -> None:
    """Take away all that boto3 could find on this machine."""
    import os

    quick_clients(monkeypatch)
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "aws-credentials"))
