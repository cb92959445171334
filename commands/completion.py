"""The `completion` command."""

import click


@click.command(epilog='Example: eval "$(./crossbook completion bash)"')
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script of a shell, for the launcher `crossbook`."""
    from click.shell_completion import get_completion_class

    from main import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "crossbook", "_CROSSBOOK_COMPLETE").source())
