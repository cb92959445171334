"""The `demo` command: a tour of everything, on the simulator, with the commands to repeat it."""

import shlex
import sys
import time

import click

from commands.tour import TOUR
from commands.tour_orders import EXPECTED

_RUN = f"tour{time.time_ns() // 1_000_000_000:x}"
"""Begins the ids of this run's orders; letters and digits, which every venue takes."""


@click.command(epilog="Example: python main.py demo")
@click.option("--list", "only_list", is_flag=True, help="Print the commands of the tour without running them.")
def demo(only_list: bool) -> None:
    """Take the guided tour: every capability, on the simulator, with the commands to repeat it."""
    from main import run

    failed = []
    for number, (title, templates) in enumerate(TOUR, 1):
        click.secho(f"\n{number}. {title}", bold=True)
        for command, expected in _filled(templates):
            arguments = shlex.split(command)
            if arguments[0] not in ("simulator", "version"):
                arguments = ["--env", "sim", *arguments]
            click.secho(f"\n$ python main.py {shlex.join(arguments)}", fg="cyan")
            sys.stdout.flush()
            if not only_list:
                code = run(arguments)
                if code not in expected:
                    failed.append(command)
                if code:
                    click.echo(f"(exit code {code})")
    if failed:
        raise click.ClickException(f"These commands of the tour failed: {'; '.join(failed)}")


def _filled(templates: tuple[str, ...]) -> list[tuple[str, tuple[int, ...]]]:
    """Put the configured venues into the tour; answer each command with the exit codes that are no failure."""
    from commands.session import configured
    from connectors.registry import load_class
    from utils.config.paths import cache_dir

    settings = [entry for entry in configured("sim").venues.values() if entry.enabled and not entry.retired]
    names = [entry.name for entry in settings]
    ticking = [e.name for e in settings if not load_class(e.class_path, e.name).capabilities.books]
    pictures = cache_dir() / "demo"
    pictures.mkdir(exist_ok=True)
    places = {
        "first": names[0],
        "second": names[min(1, len(names) - 1)],
        "ticking": ticking[0] if ticking else "",
        "run": _RUN,
        "pictures": shlex.quote(str(pictures)),
    }
    found: list[tuple[str, tuple[int, ...]]] = []
    for template in templates:
        if "{ticking}" in template and not ticking:
            continue
        each = names if "{each}" in template else [""]
        codes = (EXPECTED[template],) if template in EXPECTED else (0, 8)
        found += [(template.format(**places, each=name), codes) for name in each]
    return found
