"""Crossbook's command line: finds the subcommand that was asked for, loads only that, and reports errors."""

import gc
import os
import sys
from io import TextIOWrapper
from typing import Any

try:
    import click
except ModuleNotFoundError:
    # Called with a Python that lacks what Crossbook needs: use the one that `make setup` made.
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 – pathlib costs start-up time
    python = os.path.join(here, ".venv", "bin", "python")  # noqa: PTH118
    if os.path.exists(python) and sys.prefix == sys.base_prefix:  # noqa: PTH110
        os.execv(python, [python, *sys.argv])  # noqa: S606 – our own interpreter, no shell
    sys.stderr.write("Error: Crossbook is not installed yet. Run: make setup\n")
    sys.exit(3)

from commands.lazy import LazyGroup

# Modules make many objects that stay; looking through them again and again costs a tenth of a short command's time.
gc.set_threshold(50_000, 20, 20)

VERSION = "0.1.0"
COMMANDS = {
    "balance": ("commands.balance:balance", "What is in every wallet, and what it is worth."),
    "bbo": ("commands.bbo:bbo", "Best bid and ask across venues."),
    "book": ("commands.book:book", "Order book of one venue, or of all merged."),
    "completion": ("commands.completion:completion", "Print the completion script of a shell."),
    "config": ("commands.config:config", "Show the configuration and where each value comes from."),
    "demo": ("commands.demo:demo", "Guided tour on the simulator."),
    "doctor": ("commands.doctor:doctor", "Check configuration, keys, clocks, venues, caches and disk."),
    "funding": ("commands.funding:funding", "Funding rates of perpetuals, made comparable."),
    "impact": ("commands.impact:impact", "What a market order of a given size would cost."),
    "order": ("commands.order:order", "Place, cancel and follow orders."),
    "monitor": ("commands.monitor:monitor", "Watch everything of ours, live; alerts."),
    "panic": ("commands.panic:panic", "Cancel every order and close every position."),
    "pnl": ("commands.pnl:pnl", "What was earned, by venue, symbol, day or order, and why."),
    "position": ("commands.position:position", "What is held and earned; read it from the venues."),
    "query": ("commands.query:query", "Ask recorded order books by SQL."),
    "ratelimit": ("commands.ratelimit:ratelimit", "Request budgets, bans and circuit breakers per venue."),
    "snapshot": ("commands.snapshot:snapshot", "Record order books second by second; prove and use them."),
    "simulator": ("commands.simulator:simulator", "Run every venue on this machine, over its real wire."),
    "symbols": ("commands.symbols:symbols", "List, map and explain symbols across venues."),
    "trade": ("commands.trade:trade", "Arm and disarm trading, where nothing is sent without."),
    "venues": ("commands.venues:venues", "List venues, what they can do, fees and credentials."),
    "version": ("commands.version:version", "Show the versions of Crossbook and of what it stands on."),
}


@click.group(
    cls=LazyGroup,
    table=dict(sorted(COMMANDS.items())),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: python main.py bbo BTC/USDT --env sim",
)
@click.option("--env", type=click.Choice(("paper", "sim", "testnet", "live")), help="Environment; default paper.")
@click.option("--config", "config_file", metavar="FILE", help="Read this file instead of the user's configuration.")
@click.version_option(VERSION, prog_name="crossbook")
def cli(env: str | None, config_file: str | None) -> None:
    """Best prices and books across exchanges, and orders that are neither lost nor doubled."""


def run(args: list[str] | None = None) -> int:
    """Run the command line and return its exit code; every error becomes one sentence."""
    arguments = sys.argv[1:] if args is None else args
    stdout = sys.stdout
    try:
        result: Any = cli.main(
            arguments, prog_name="main.py", standalone_mode=False, complete_var="_CROSSBOOK_COMPLETE"
        )
    except click.exceptions.Abort:
        sys.stderr.write("Interrupted.\n")
        return 130
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130
    except SystemExit:
        if sys.stdout is not stdout:
            return 0  # click has put another in place, because the reader has gone (`| head`): no failure of ours
        raise
    except Exception as error:  # noqa: BLE001 – the one place where every error is turned into words for the user
        return _report(error, arguments)
    return result if isinstance(result, int) else 0


def _report(error: Exception, arguments: list[str]) -> int:
    from commands.failure import report_failure

    return report_failure(error, arguments)


def leave(code: int) -> None:
    """End the process at once: taking the interpreter apart would cost a tenth of a short command's time.

    Files and databases that matter are closed, and durable, before a command returns.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass  # the reader has gone (`| head`), which is no failure of ours
    except OSError:
        code = code or 1
    os._exit(code)


if __name__ == "__main__":
    if sys.stdout is None:  # closed by the caller (`>&-`)
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 – it stays open as long as the process lives
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without dashes is no reason to fail
    leave(run())
