"""Keys: found where documented, never half, never shown."""

import pytest

from domain.errors import CredentialsError
from utils.secrets import credentials_for, credentials_source, redact


def test_keys_come_from_the_environment_and_never_show(monkeypatch) -> None:
    monkeypatch.setenv("OKX_API_KEY", "key-12345")
    monkeypatch.setenv("OKX_API_SECRET", "secret-12345")
    monkeypatch.setenv("OKX_API_PASSPHRASE", "phrase-12345")
    found = credentials_for("okx", "live")
    assert found is not None
    assert (found.key, found.secret, found.passphrase) == ("key-12345", "secret-12345", "phrase-12345")
    assert "12345" not in repr(found)
    assert "12345" not in str(found)
    assert redact("sent secret-12345 and phrase-12345") == "sent [hidden] and [hidden]"


def test_testnet_has_keys_of_its_own(monkeypatch) -> None:
    monkeypatch.setenv("OKX_API_KEY", "live-key")
    monkeypatch.setenv("OKX_API_SECRET", "live-secret")
    assert credentials_for("okx", "testnet") is None
    monkeypatch.setenv("OKX_TESTNET_API_KEY", "test-key")
    monkeypatch.setenv("OKX_TESTNET_API_SECRET", "test-secret")
    found = credentials_for("okx", "testnet")
    assert found is not None
    assert found.key == "test-key"


def test_half_given_keys_name_what_is_missing(monkeypatch) -> None:
    monkeypatch.setenv("OKX_API_KEY", "key-12345")
    with pytest.raises(CredentialsError, match="OKX_API_SECRET is missing"):
        credentials_for("okx", "live")


def test_an_env_file_works_and_must_be_private(home) -> None:
    path = home / ".env"
    path.write_text("BYBIT_API_KEY=abcd1\nBYBIT_API_SECRET=abcd2\n")
    path.chmod(0o600)
    assert credentials_source("bybit", "live") == ".env"
    path.chmod(0o644)
    with pytest.raises(CredentialsError, match="can be read by other users"):
        credentials_source("bybit", "live")


def test_ccxts_own_names_are_taken_where_ours_are_absent(monkeypatch) -> None:
    monkeypatch.setenv("BYBIT_APIKEY", "abcd1")
    monkeypatch.setenv("BYBIT_SECRET", "abcd2")
    assert credentials_source("bybit", "live") == "the environment"


def test_no_keys_is_no_error() -> None:
    assert credentials_for("okx", "live") is None


def test_an_env_file_that_is_no_text_is_said_to_be_none(home) -> None:
    path = home / ".env"
    path.write_bytes(b"OKX_API_KEY=\xff\xfe\n")
    path.chmod(0o600)
    with pytest.raises(CredentialsError, match="cannot be read as text"):
        credentials_for("okx", "live")
