"""The command line itself: help, errors in one sentence, exit codes, and what it loads."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import main
from domain.exit_codes import ExitCode
from tests.commands.clirun import ROOT
from tests.commands.clirun import crossbook_started as crossbook
from utils.rendering.report import Report, emit

HEAVY = {
    *("ccxt", "requests", "urllib3", "http.client", "boto3", "matplotlib", "numpy", "aiohttp", "asyncio"),
    *("websockets", "yaml", "tenacity", "importlib.metadata", "concurrent.futures", "rich", "simulator.server"),
}


def loaded_by(*arguments: str) -> set[str]:
    code = f"import sys, main; main.run({list(arguments)!r}); sys.stderr.write('\\n@@' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stderr.rpartition("@@")[2].split())


def test_help_lists_every_command_and_loads_none() -> None:
    done = crossbook("--help")
    assert done.code == 0
    for name in main.COMMANDS:
        assert f"\n  {name} " in done.out
    modules = loaded_by("--help")
    assert not modules & HEAVY
    ours = {name for name in modules if name.startswith(("commands.", "connectors", "utils", "sqlite3"))}
    assert ours == {"commands.lazy"}, "the group itself is no command"


def test_a_mistyped_subcommand_of_a_group_names_the_nearest() -> None:
    done = crossbook("order", "plce")
    assert done.code == 2
    assert "Did you mean 'place'?" in done.err


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_shows_its_help(name: str) -> None:
    done = crossbook(name, "--help")
    assert done.code == 0
    assert "Usage: main.py" in done.out


@pytest.mark.parametrize("output", ["table", "json"])
def test_bbo_with_warm_caches_loads_nothing_heavy(sim, output: str) -> None:
    arguments = ("bbo", "BTC/USDT", "--env", "sim", "--output", output)
    assert crossbook(*arguments).code == 0
    modules = loaded_by(*arguments)
    assert not modules & HEAVY


def test_an_unknown_command_names_the_nearest() -> None:
    done = crossbook("bob")
    assert done.code == 2
    assert "Did you mean 'bbo'?" in done.err


def test_a_usage_error_is_one_sentence() -> None:
    done = crossbook("bbo", "BTC/USDT", "--env", "moon")
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1


def test_a_usage_error_is_one_object_where_json_is_asked_for() -> None:
    done = crossbook("bbo", "BTC/USDT", "--env", "moon", "--json")
    assert done.code == 2
    error = json.loads(done.out)
    assert error["error"] == "usage"
    assert set(error) == {"error", "message", "venue", "retryable", "hint"}


@pytest.mark.parametrize("flags", [("--json", "--output", "csv"), ("--output", "table", "--json")])
def test_two_conflicting_flags_are_refused(flags: tuple[str, ...]) -> None:
    done = crossbook("version", *flags)
    assert done.code == 2
    assert "contradict each other" in done.json["message"]


def test_json_is_short_for_output_json() -> None:
    assert crossbook("version", "--json").json == crossbook("version", "--output", "json", "--json").json


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell: str) -> None:
    done = crossbook("completion", shell)
    assert done.code == 0
    assert "crossbook" in done.out


def test_completion_completes_commands() -> None:
    done = crossbook(_CROSSBOOK_COMPLETE="bash_complete", COMP_WORDS="crossbook fund", COMP_CWORD="1")
    assert "funding" in done.out


def test_the_environment_may_stand_before_or_after_the_subcommand() -> None:
    before = crossbook("--env", "sim", "config", "show", "--json")
    after = crossbook("config", "show", "--env", "sim", "--json")
    assert before.json["environment"] == after.json["environment"] == "sim"


def test_config_show_tells_the_origin_of_each_value() -> None:
    done = crossbook("config", "show", "--resolved", "--origin", "--json", CROSSBOOK_STALE_AFTER_MS="1234")
    shown = done.json["config"]
    assert shown["stale_after_ms"] == {"value": 1234, "origin": "environment CROSSBOOK_STALE_AFTER_MS"}
    assert shown["venues.okx.retired"]["origin"] == "default"


def test_a_configuration_error_is_exit_code_3_with_the_remedy(home) -> None:
    (home / "config.yaml").write_text("timeouts: 3\n")
    (home / "config.yaml").chmod(0o600)
    done = crossbook("venues", "--env", "sim")
    assert done.code == 3
    assert "timeout_s" in done.err


def test_a_plug_in_that_cannot_be_loaded_stops_with_its_name_path_and_remedy(sim, home) -> None:
    (home / "config.yaml").write_text("venues: {mine: {class: nowhere.at_all:Mine}}\n")
    (home / "config.yaml").chmod(0o600)
    done = crossbook("bbo", "BTC/USDT", "--env", "sim")
    assert done.code == 3
    assert "'mine'" in done.err
    assert "nowhere.at_all:Mine" in done.err
    assert "venues.mine.class" in done.err


def test_a_connector_outside_this_repository_works_the_same_way(sim, home, tmp_path) -> None:
    (tmp_path / "their_package.py").write_text(
        "from connectors.venues.okx import Okx\nclass Theirs(Okx):\n    '''A connector of somebody else.'''\n"
    )
    (home / "config.yaml").write_text("venues: {theirs: {class: their_package:Theirs}}\n")
    (home / "config.yaml").chmod(0o600)
    done = crossbook("bbo", "BTC/USDT", "--env", "sim", "--venue", "theirs", "--json", PYTHONPATH=str(tmp_path))
    assert done.code == 0, done.err
    assert done.json["venues"][0]["venue"] == "theirs"
    assert done.json["venues"][0]["status"] == "ok"


def test_an_internal_error_keeps_its_traceback_in_the_log_and_out_of_sight(home, monkeypatch, capsys) -> None:
    import commands.version

    monkeypatch.setattr(commands.version, "finish", lambda *_: 1 / 0)
    assert main.run(["version"]) == 1
    shown = capsys.readouterr()
    assert "Internal error (ZeroDivisionError)" in shown.err
    assert "Traceback" not in shown.err
    assert "ZeroDivisionError" in (home / "state" / "errors.log").read_text()


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} main.py config show --resolved --origin | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_what_was_found_is_the_exit_code_although_the_reader_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        assert emit(Report({}, exit_code=ExitCode.VERIFICATION_FAILED), "json") == 10


def test_a_stdout_that_takes_nothing_is_said_in_one_sentence() -> None:
    for output in ("table", "json"):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "main.py", "version", "--output", output],
                cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert output == "json" or "cannot be written: No space left" in done.stderr


def test_a_stdout_that_is_closed_or_knows_no_dashes_is_no_failure() -> None:
    closed = f"exec {sys.executable} main.py version >&-"
    done = subprocess.run(["sh", "-c", closed], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    plain = crossbook("simulator", "status", "--help", PYTHONIOENCODING="ascii")
    assert plain.code == 0
    shown = crossbook("config", "show", "--resolved", PYTHONIOENCODING="ascii")
    assert shown.code == 0
    assert "\\u2013" in shown.out
