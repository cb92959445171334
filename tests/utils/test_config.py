"""Configuration: merged by precedence, strict about keys and types, and honest about where values come from."""

import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import ConfigError
from utils.config.load import load_config
from utils.config.paths import PROJECT_ROOT
from utils.config.settings import ENVIRONMENTS


def write(home: Path, text: str, mode: int = 0o600) -> Path:
    path = home / "config.yaml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_flag_wins_over_variable_over_user_file_over_project_file(home, monkeypatch) -> None:
    assert load_config().environment == "paper"
    path = write(home, "environment: testnet\n")
    assert load_config().environment == "testnet"
    assert load_config().origin("environment") == str(path)
    monkeypatch.setenv("CROSSBOOK_ENV", "live")
    assert load_config().origin("environment") == "environment CROSSBOOK_ENV"
    chosen = load_config(environment="sim")
    assert (chosen.environment, chosen.origin("environment")) == ("sim", "flag --env")


def test_a_users_venue_entry_is_merged_key_by_key(home) -> None:
    write(home, "venues:\n  okx: {taker_fee_bps: 3.5}\n  mine: {class: my.connector:Mine}\n")
    config = load_config()
    assert str(config.venues["okx"].taker_fee_bps) == "3.5"
    assert config.venues["okx"].class_path == "connectors.venues.okx:Okx"
    assert config.venues["mine"].class_path == "my.connector:Mine"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("enviroment: sim\n", "'environment'"),
        ("venues:\n  okx: {taker_fee: 1}\n", "'taker_fee_bps'"),
        ("simulator: {sed: 1}\n", "'seed'"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(home, text: str, expected: str) -> None:
    path = write(home, text)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert str(path) in caught.value.message
    assert expected in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b\n", "not a mapping"),
        ("just text\n", "not a mapping"),
        ("a: [1\n", "not valid YAML"),
        ("environment: sim\nenvironment: live\n", "given twice"),
        ("environment: moon\n", "must be one of"),
        ("timeout_s: soon\n", "must be a number"),
        ("timeout_s: -1\n", "from 0.05 to 600"),
        ("timeout_s: .nan\n", "must be a number"),
        ("market_ttl_h: 1e400\n", "must be a number"),
        ("venues: 3\n", "must be a mapping"),
        ("venues: {okx: 3}\n", "must be a mapping"),
        ("venues: {okx: {enabled: 3}}\n", "true or false"),
        ("venues: {okx: {class: okx}}\n", "package.module:Class"),
        ("venues: {new: {enabled: true}}\n", "no connector class"),
        ("1: 2\n", "is not text"),
        ("venues: {okx: {retired: 2026-02-30}}\n", "not valid YAML"),
        ("a: " + "[" * 5000 + "\n", "not valid YAML"),
        ("environment: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(home, text: str, expected: str) -> None:
    write(home, text)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert expected in caught.value.message
    assert "\n" not in caught.value.message


def test_a_file_that_others_can_write_is_refused_with_the_remedy(home) -> None:
    path = write(home, "environment: sim\n", mode=0o666)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert caught.value.hint == f"Run: chmod go-w {path}"


def test_an_edited_file_is_read_again_although_its_parsed_form_is_cached(home) -> None:
    write(home, "environment: sim\n")
    assert load_config().environment == "sim"
    assert load_config().environment == "sim"
    write(home, "environment: testnet\n")
    assert load_config().environment == "testnet"


def test_a_damaged_cache_of_the_parsed_form_is_ignored(home) -> None:
    write(home, "environment: sim\n")
    load_config()
    for cached in (home / "cache").glob("config-*.json"):
        cached.write_text("{")
    assert load_config().environment == "sim"


def test_a_warm_start_does_not_load_yaml(home) -> None:
    load_config()
    code = "import sys; from utils.config.load import load_config; load_config(); sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=False).returncode == 0


def test_a_missing_file_after_config_is_refused(home) -> None:
    with pytest.raises(ConfigError, match="no configuration file"):
        load_config(config_file=str(home / "nowhere.yaml"))


def test_the_command_lines_environments_are_the_configurations() -> None:
    import main

    option = next(parameter for parameter in main.cli.params if parameter.name == "env")
    assert tuple(option.type.choices) == ENVIRONMENTS
