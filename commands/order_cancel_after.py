"""The `order cancel-after` command."""

import click

from commands.options import environment_option, output_option
from commands.order_desk import open_desk
from commands.session import finish

EXAMPLES = """\b
Examples:
  python main.py order cancel-after 60s --env sim
  python main.py order cancel-after 2m --venue binance
  python main.py order cancel-after off"""
OFF = "off"
_UNITS_S = {"s": 1, "m": 60, "h": 3600}


class Countdown(click.ParamType):  # type: ignore[type-arg]
    """A time such as `60s`, `2m` or `1h`, or `off`."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Read it in seconds."""
        text = str(value).strip().lower()
        if text == OFF:
            return OFF
        number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS_S else (text, "s")
        if not (number.isascii() and number.isdigit() and len(number) <= 6 and int(number)):
            self.fail(f"{value!r} is no time: write 60s, 2m, 1h or off.", param, ctx)
        return int(number) * _UNITS_S[unit]


@click.command("cancel-after", epilog=EXAMPLES)
@click.argument("time", type=Countdown(), metavar="TIME|off")
@click.option("--venue", "venues", multiple=True, metavar="NAME", help="At this venue only; repeatable.")
@environment_option
@output_option
@click.option("--timeout", type=float, metavar="SECONDS", help="Deadline for the whole answer.")
def cancel_after(time: int | str, venues: tuple[str, ...], env: str | None, output: str, timeout: float | None) -> None:
    """Have the venues cancel every open order unless you say so again within TIME; `off` ends that."""
    from order_management.dead_man import cancel_after as switch
    from order_management.dead_man import switched_report

    desk, session = open_desk(env, venues, timeout)
    names, skipped = desk.with_accounts(named=bool(venues))
    switched = switch(desk, names, time if isinstance(time, int) else None)
    finish(switched_report(session.environment, switched, skipped), output)
