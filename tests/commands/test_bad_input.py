"""Bad input: one clear sentence on stderr, or one JSON object; the right exit code, no traceback, nothing lost."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.commands.clirun import Done, crossbook
from tests.warmhome import warm, warmed_cache  # noqa: F401 - fixtures

SIM = ("--env", "sim")


def check_sentence(done: Done, code: int, *words: str) -> None:
    """Check the exit code, that nothing is on stdout, and that stderr is one line with these words."""
    assert done.code == code, done
    assert done.out == ""
    text = done.err.strip()
    assert text.startswith("Error: ")
    assert len(text.splitlines()) == 1
    assert text.endswith((".", "--help"))
    for word in words:
        assert word in text


def check_object(done: Done, code: int, category: str) -> dict[str, Any]:
    """Check the exit code, and that stdout is the one error object."""
    assert done.code == code
    error = json.loads(done.out)
    assert set(error) == {"error", "message", "venue", "retryable", "hint"}
    assert error["error"] == category
    assert error["message"]
    return error


def write_config(home: Path, text: str, mode: int = 0o600) -> Path:
    file = home / "config.yaml"
    file.write_text(text)
    file.chmod(mode)
    return file


# Arguments --------------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, int, str, tuple[str, ...]]] = [
    ("bbo NOSUCH/USDT", 2, "unknown_symbol", ("NOSUCH/USDT",)),
    ("bbo BTC/USTD", 2, "unknown_symbol", ("BTC/USTD", "BTC/USD")),
    ("bbo BTCUSTD --venue okx", 2, "unknown_symbol", ("BTCUSTD", "BTC/USDT")),
    ("bbo BTC", 2, "ambiguous_symbol", ("BTC/USDT",)),
    ("bbo BTC/USDT DOGGE/USDT", 2, "unknown_symbol", ("DOGE/USDT",)),
    ("bbo BTC/USDT --venue binanse", 2, "usage", ("binanse", "binance")),
    ("bbo BTC/USDT --venue bitmart", 4, "retired", ("2026-07-26",)),
    ("bbo BTC/USDT --size -1", 2, "usage", ("-1",)),
    ("bbo BTC/USDT --size 0", 2, "usage", ("--size",)),
    ("bbo BTC/USDT --size many", 2, "usage", ("many",)),
    ("bbo BTC/USDT --size nan", 2, "usage", ("nan",)),
    ("bbo BTC/USDT --size inf", 2, "usage", ("inf",)),
    ("bbo BTC/USDT --size 1e30", 2, "usage", ("1e30",)),
    ("bbo BTC/USDT --size 5 --quote-size 100", 2, "usage", ("--size", "--quote-size")),
    ("bbo BTC/USDT --numeraire YEN", 2, "usage", ("YEN",)),
    ("bbo BTC/EUR --numeraire USDT", 2, "usage", ("BTC/EUR",)),
    ("bbo BTC/USDT --timeout 0", 2, "usage", ("--timeout",)),
    ("bbo BTC/USDT --timeout -3", 2, "usage", ("--timeout",)),
    ("bbo BTC/USDT --timeout soon", 2, "usage", ("soon",)),
    ("bbo BTC/USDT --timeout 1000000", 2, "usage", ("--timeout",)),
    ("bbo BTC/USDT --timeout nan", 2, "usage", ("--timeout",)),
    ("bbo", 2, "usage", ("SYMBOL",)),
    ("bbo BTC/USDT --depht 5", 2, "usage", ("--depht",)),
    ("bbo BTC/USDT --output xml", 2, "usage", ("xml",)),
    ("impact BTC/USDT buy", 2, "usage", ("--quote", "--base")),
    ("impact BTC/USDT buy --quote 5 --base 2", 2, "usage", ("--quote", "--base")),
    ("impact BTC/USDT hold --quote 5", 2, "usage", ("hold",)),
    ("impact BTC/USDT buy --quote -5", 2, "usage", ("-5",)),
    ("impact BTC/USDT sell --base 1e40", 2, "usage", ("1e40",)),
    ("book BTC/USDT --depth 0", 2, "usage", ("--depth",)),
    ("book BTC/USDT --depth -3", 2, "usage", ("--depth",)),
    ("book BTC/USDT --depth 99999999 --venue okx", 2, "usage", ("5000",)),
    ("funding BTC/USDT:USDT --history 30x", 2, "usage", ("30x",)),
    ("funding BTC/USDT:USDT --history -5d", 2, "usage", ("-5d",)),
    ("symbols list --kind swap", 2, "usage", ("swap",)),
    ("symbols map", 2, "usage", ("SYMBOL",)),
]


@pytest.mark.parametrize(("line", "code", "category", "words"), WRONG, ids=[line for line, *_ in WRONG])
def test_wrong_arguments_are_one_sentence(
    warm: Any,  # noqa: F811
    line: str,
    code: int,
    category: str,
    words: tuple[str, ...],
) -> None:
    check_sentence(crossbook(*line.split(), *SIM), code, *words)


@pytest.mark.parametrize(("line", "code", "category", "words"), WRONG[::3], ids=[line for line, *_ in WRONG[::3]])
def test_wrong_arguments_are_one_object_where_json_is_asked_for(
    warm: Any,  # noqa: F811
    line: str,
    code: int,
    category: str,
    words: tuple[str, ...],
) -> None:
    error = check_object(crossbook(*line.split(), *SIM, "--json"), code, category)
    assert any(word in f"{error['message']} {error['hint']}" for word in words)


def test_empty_and_endless_symbols_are_refused(warm: Any) -> None:  # noqa: F811
    for text in (
        "",
        " ",
        "A" * 5000,
        "BTC/USDT\n",
        "\x00"[:0] + "💰/USDT",
        "../../etc/passwd",
        "'; DROP TABLE lists; --",
    ):
        done = crossbook("bbo", text, *SIM)
        if text == "BTC/USDT\n":
            assert done.code == 0  # blanks around a symbol are no mistake
        else:
            check_sentence(done, 2)
    assert crossbook("bbo", "BTC/USDT", *SIM).code == 0


def test_two_environments_are_a_conflict() -> None:
    done = crossbook("--env", "live", "bbo", "BTC/USDT", "--env", "sim")
    check_sentence(done, 2, "live", "sim")


def test_a_symbol_that_some_venues_list_is_answered_by_those(warm: Any) -> None:  # noqa: F811
    done = crossbook("bbo", "BTC/USDT", *SIM, "--json")
    assert done.code == 0
    rows = {row["venue"]: row for row in done.json["venues"]}
    assert rows["deriv"]["status"] == "not_listed"
    assert "BTC/USD" in rows["deriv"]["reason"]
    named = crossbook("bbo", "BTC/USDT", "--venue", "deriv", "--venue", "okx", *SIM, "--json")
    assert named.code == 8  # a venue that was named has not answered
    alone = crossbook("bbo", "BTC/USDT", "--venue", "deriv", *SIM)
    check_sentence(alone, 2, "deriv", "BTC/USD")


def test_several_symbols_of_which_one_is_wrong_ask_nobody(warm: Any) -> None:  # noqa: F811
    warm.reset_requests()
    check_sentence(crossbook("bbo", "BTC/USDT", "NOSUCH/USDT", *SIM), 2, "NOSUCH/USDT")
    assert warm.requests("okx") == {}


# Configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("timeouts: 3\n", ("timeouts", "timeout_s")),
        ("venues: {okx: {enable: true}}\n", ("venues.okx.enable", "enabled")),
        ("reference: {enabeld: true}\n", ("reference.enabeld", "enabled")),
        ("- one\n- two\n", ("list", "mapping")),
        ("just words\n", ("mapping",)),
        ("42\n", ("mapping",)),
        ("venues: 3\n", ("venues", "mapping")),
        ("venues: [okx]\n", ("venues", "mapping")),
        ("venues: {okx: 7}\n", ("venues.okx", "mapping")),
        ("timeout_s: soon\n", ("timeout_s", "soon")),
        ("timeout_s: -1\n", ("timeout_s", "-1")),
        ("stale_after_ms: 1.5\n", ("stale_after_ms", "1.5")),
        ("environment: moon\n", ("environment", "moon")),
        ("environment: sim\nenvironment: live\n", ("environment", "twice")),
        ("venues: {mine: {enabled: true}}\n", ("mine", "class")),
        ("venues: {mine: {class: nonsense}}\n", ("venues.mine.class", "nonsense")),
        ("timeout_s: [\n", ("YAML",)),
        ("\tx: 1\n", ("YAML",)),
        ("1: 2\n", ("not text",)),
        ("!!python/object/apply:os.system ['true']\n", ("YAML",)),
    ],
)
def test_a_wrong_configuration_is_one_sentence_that_names_the_file(
    home: Path, text: str, words: tuple[str, ...]
) -> None:
    file = write_config(home, text)
    check_sentence(crossbook("config", "show"), 3, str(file), *words)
    check_object(crossbook("config", "show", "--json"), 3, "configuration")
    assert file.read_text() == text


def test_binary_rubbish_as_configuration_is_one_sentence(home: Path) -> None:
    file = home / "config.yaml"
    file.write_bytes(b"\xff\xfe\x00\x01")
    file.chmod(0o600)
    check_sentence(crossbook("config", "show"), 3, str(file))


@pytest.mark.parametrize("mode", [0o602, 0o666, 0o646])
def test_a_configuration_that_others_can_write_is_refused(home: Path, mode: int) -> None:
    file = write_config(home, "timeout_s: 3\n", mode)
    done = crossbook("config", "show")
    assert done.code == 3
    assert str(file) in done.err
    assert f"chmod go-w {file}" in done.err


def test_a_configuration_that_is_not_there_is_refused_where_it_was_named(home: Path) -> None:
    check_sentence(crossbook("--config", str(home / "nowhere.yaml"), "config", "show"), 3, "nowhere.yaml")


def test_a_wrong_variable_is_named(home: Path) -> None:
    check_sentence(crossbook("config", "show", CROSSBOOK_TIMEOUT_S="soon"), 3, "CROSSBOOK_TIMEOUT_S", "soon")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_configuration_that_cannot_be_read_is_one_sentence(home: Path) -> None:
    file = write_config(home, "timeout_s: 3\n", 0o000)
    check_sentence(crossbook("config", "show"), 3, str(file))


# State ------------------------------------------------------------------------------------------------------------


def test_a_corrupt_market_cache_is_rebuilt_and_said(warm: Any, home: Path) -> None:  # noqa: F811
    (home / "cache" / "markets.sqlite").write_bytes(b"SQLite format 3\0" + os.urandom(4096))
    done = crossbook("bbo", "BTC/USDT", "--venue", "okx", *SIM, "--json")
    assert done.code == 0
    assert "rebuilt" in done.err
    assert done.json["venues"][0]["status"] == "ok"


def test_a_corrupt_state_of_the_simulator_does_not_stop_a_command(home: Path) -> None:
    (home / "state").mkdir()
    (home / "state" / "simulator.json").write_text("{nonsense")
    try:
        done = crossbook("bbo", "BTC/USDT", "--venue", "okx", *SIM, "--json")
        assert done.code == 0, done.err
    finally:
        crossbook("simulator", "stop")


@pytest.mark.parametrize(
    "line",
    ["--seed -1", "--seed x", "--tape /nowhere/at/all", "--faults /nowhere.yaml", "--port-base 99999", "--hold middle"],
)
def test_wrong_options_of_the_simulator_are_one_sentence(line: str) -> None:
    check_sentence(crossbook("simulator", "start", *line.split()), 2, line.split()[0])


def test_a_folder_without_recordings_is_no_tape(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    check_sentence(crossbook("simulator", "start", "--tape", str(empty)), 3, str(empty))
