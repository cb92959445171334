"""Where recorded data is kept, as the configuration says it."""

from pathlib import Path

import pytest

from domain.errors import ConfigError
from utils.config.load import load_config
from utils.config.settings import S3Settings, StorageSettings
from utils.config.show import flattened


def given(home: Path, text: str) -> None:
    (home / "config.yaml").write_text(text)


def test_by_default_data_stays_on_this_machine_and_buckets_are_boto3s_business() -> None:
    assert load_config().storage == StorageSettings(None, S3Settings(None, None, None, None, None))


def test_a_users_file_changes_single_keys_and_they_are_shown_with_their_origin(home: Path) -> None:
    given(home, "storage:\n  path: /data\n  s3:\n    url: s3://b/p\n    endpoint_url: https://minio.example:9000\n")
    config = load_config()
    assert config.storage == StorageSettings("/data", S3Settings("s3://b/p", "https://minio.example:9000"))
    rows = {key: (value, origin) for key, value, origin in flattened(config, everything=True)}
    assert rows["storage.path"] == ("/data", str(home / "config.yaml"))
    assert rows["storage.s3.url"] == ("s3://b/p", str(home / "config.yaml"))
    assert rows["storage.s3.region"][0] is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("storage: /data", "'storage' must be a mapping"),
        ("storage: {s3: x}", "'storage.s3' must be a mapping"),
        ("storage: {bucket: x}", "unknown key 'storage.bucket'"),
        ("storage: {s3: {regio: x}}", "unknown key 'storage.s3.regio'"),
        ("storage: {path: 5}", "'storage.path' must be text"),
        ("storage: {s3: {url: bucket}}", "'storage.s3.url' must look like s3://bucket/prefix"),
        ("storage: {s3: {endpoint_url: minio}}", "'storage.s3.endpoint_url' must begin with http"),
        ("storage: {s3: {region: ''}}", "'storage.s3.region' must be text"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(home: Path, text: str, told: str) -> None:
    given(home, text)
    with pytest.raises(ConfigError, match=told) as error:
        load_config()
    assert str(home / "config.yaml") in error.value.message
