"""Every command, option and configuration key is documented, and every command has help with an example."""

import re
from pathlib import Path

import click
import pytest

import main
from utils.config.load import REFERENCE, SIMULATOR, TOP_LEVEL, VENUE

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
            found += [(f"{name} {inner}", command.commands[inner]) for inner in sorted(command.commands)]
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
    keys = [key for key in TOP_LEVEL if key not in ("venues", "reference", "simulator")]
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
