"""Every command, option and configuration key is documented, and every command has help with an example."""

import re
from pathlib import Path

import click
import pytest

import main
from connectors.ccxt_trading import CcxtTrading
from domain.exit_codes import ExitCode
from order_management.order_states import UNSETTLED, Phase
from tests import orders_doc
from utils.config.load import PAPER, POLICY, REFERENCE, S3, SIMULATOR, STORAGE, TOP_LEVEL, VENUE

ROOT = Path(__file__).resolve().parent.parent
COMMANDS_DOC = (ROOT / "docs" / "commands.md").read_text()
CONFIG_DOC = (ROOT / "docs" / "configuration.md").read_text()
SHARED = {"--env", "--venue", "--output", "--json", "--timeout", "--help"}


def commands() -> list[tuple[str, click.Command]]:
    found = []
    context = click.Context(main.cli)
    for name in main.COMMANDS:
        command = main.cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            context = click.Context(command)
            inner = [(each, command.get_command(context, each)) for each in command.list_commands(context)]
            found += [(f"{name} {each}", one) for each, one in inner if one is not None]
        else:
            found.append((name, command))
    return found


COMMANDS = commands()


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_is_documented_with_its_options(name: str, command: click.Command) -> None:
    section = re.search(rf"^#+ `{re.escape(name)}[^`]*`$(.*?)(?=^#+ |\Z)", COMMANDS_DOC, re.M | re.S)
    assert section, f"docs/commands.md has no section headed `{name} …`"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            for flag in parameter.opts:
                if flag.startswith("--") and flag not in SHARED:
                    assert flag in section[1], f"{flag} of {name} is not documented"


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_has_help_with_an_example(name: str, command: click.Command) -> None:
    assert command.help
    assert command.epilog
    assert "Example" in command.epilog
    assert name.split()[0] in command.epilog
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.name} of {name} has no help"


@pytest.mark.parametrize("name", main.COMMANDS)
def test_the_short_help_of_the_group_is_the_commands_own_subject(name: str) -> None:
    command = main.cli.get_command(click.Context(main.cli), name)
    assert command is not None
    assert main.COMMANDS[name][1].endswith(".")
    assert len(main.COMMANDS[name][1]) < 70


def test_every_configuration_key_is_documented() -> None:
    keys = [key for key in TOP_LEVEL if key not in ("venues", "reference", "simulator", "policy", "paper", "storage")]
    keys += [f"storage.{key}" for key in STORAGE if key != "s3"] + [f"storage.s3.{key}" for key in S3]
    keys += [f"paper.{key}" for key in PAPER]
    keys += [f"policy.{key}" for key in POLICY]
    keys += [f"reference.{key}" for key in REFERENCE] + [f"simulator.{key}" for key in SIMULATOR]
    keys += [f"venues.<name>.{key}" for key in VENUE]
    for key in keys:
        assert f"| `{key}` |" in CONFIG_DOC, f"{key} is not documented"


@pytest.mark.parametrize(
    "document", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.name
)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_in_the_list_of_them(code: ExitCode) -> None:
    listed = COMMANDS_DOC.partition("Exit codes: ")[2].partition("An error is")[0]
    assert re.search(rf"(^|· ){code.value} \w", listed.replace("\n", " "))


def test_the_document_on_orders_says_what_the_code_says() -> None:
    document = orders_doc.DOC.read_text()
    for name, text in orders_doc.parts().items():
        assert orders_doc.marked(name, text) in document, f"{name} is out of date: run python -m tests.orders_doc"


def test_the_rules_of_every_enabled_venue_are_among_them() -> None:
    assert set(orders_doc.rules_by_venue()) == {"binance", "okx", "bybit", "kucoin", "deribit", "deriv"}


def test_every_status_is_explained_and_whether_it_is_settled() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (yes|no) \|$", orders_doc.DOC.read_text(), re.M)
    assert dict(rows) == {phase.value: "no" if phase in UNSETTLED else "yes" for phase in Phase}


def test_the_time_after_which_an_absence_is_proved_is_that_of_the_code() -> None:
    document = orders_doc.DOC.read_text()
    start_s = orders_doc.START_WITHIN_NS / 1e9
    assert f"\n  {start_s:g} s            an order is not handed to the network later than this" in document
    cautious = CcxtTrading.rules
    proved_s = start_s + (cautious.acceptance_ms + cautious.settling_ms) / 1000
    assert f"an absence proved after {proved_s:g} s" in document
