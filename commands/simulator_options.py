"""The options that say how the simulator is started."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from commands.session import configured

Command = Callable[..., Any]


class _Tape(click.Path):
    """A directory that exists, or `s3://bucket/prefix`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if str(value).startswith("s3://") else super().convert(value, param, ctx)


_TAPE = _Tape(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option("--tape", type=_TAPE, metavar="DIR|s3://…", help="Serve recordings, or a store of order books."),
    click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of the synthetic market."),
    click.option("--frozen", is_flag=True, default=None, help="Let the synthetic market stand still."),
    click.option("--hold", type=click.Choice(("start", "end")), help="Keep the tape at its start or end."),
    click.option("--loop", is_flag=True, default=None, help="Begin the tape anew when it is over."),
    click.option("--no-limits", is_flag=True, default=None, help="Answer however often a venue is asked."),
    click.option("--fresh", is_flag=True, default=None, help="Begin with empty accounts (and another market)."),
    click.option("--faults", type=_FILE, metavar="FILE", help="Begin with the faults in this file."),
    click.option("--tls", is_flag=True, default=None, help="Serve https and wss, with an authority made on the spot."),
    click.option("--port-base", type=click.IntRange(1, 65_000), metavar="N", help="Use the ports N, N+1, …"),
    click.option(
        "--idle-minutes", type=click.FloatRange(min=0), metavar="N", help="End when idle for so long; 0: never."
    ),
)


def start_options(command: Command) -> Command:
    """Add the options; the command gets `seed, tape, frozen, hold, loop, no_limits, fresh,
    faults, tls, port_base, idle_s`.

    What is left out comes from the configuration, except that a tape needs no seed and a seed no tape.
    """

    @wraps(command)
    def with_settings(*, idle_minutes: float | None, **given: Any) -> Any:
        settings = configured().simulator
        given["idle_s"] = 60.0 * (settings.idle_minutes if idle_minutes is None else idle_minutes)
        if given["faults"] is None and settings.faults:
            given["faults"] = Path(settings.faults)
        if given["seed"] is None and given["tape"] is None and not given["frozen"]:
            given["seed"] = settings.seed
            given["tape"] = settings.tape or None
        return command(**given)

    wrapped: Command = with_settings
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
