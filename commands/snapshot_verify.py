"""The `snapshot verify` command."""

import sys
import time
from collections.abc import Callable

import click

from commands.options import environment_option, output_option
from commands.session import finish, storage

EXAMPLES = """\b
Examples:
  python main.py snapshot verify
  python main.py snapshot verify s3://bucket/prefix --since 7d --json
  python main.py snapshot verify recordings --series okx:BTC/USDT --plot coverage.png"""
_TOLD_EVERY_S = 10.0
_SHOWN_EVERY_S = 0.1


@click.command(epilog=EXAMPLES)
@click.argument("store", required=False, metavar="[PATH|s3://…]")
@click.option("--since", metavar="SPAN|DATE", help="Days from this one on: 7d, 2026-11-01; default: all.")
@click.option("--series", multiple=True, metavar="VENUE:SYMBOL", help="This series only; repeatable.")
@click.option("--quick", is_flag=True, help="Look at manifests and sizes only; no file is read.")
@click.option("--plot", type=click.Path(dir_okay=False, writable=True), metavar="FILE.png", help="Draw the coverage.")
@environment_option
@output_option
def verify(
    store: str | None,
    since: str | None,
    series: tuple[str, ...],
    quick: bool,
    plot: str | None,
    env: str | None,
    output: str,
) -> None:
    """Prove that everything recorded is there, unaltered and in order; exit 10 where anything is missing or altered."""
    from market_data.snapshots.asking import first_day, wanted_series
    from market_data.snapshots.verifying import Asked
    from market_data.snapshots.verifying import verify as look
    from market_data.snapshots.verifying_report import plot_proof, verify_report
    from utils.persistence.sinks.opening import open_store

    if quick and plot:
        raise click.UsageError("--plot needs the rows, which --quick does not read.")
    begin = None if since is None else first_day(since, time.time_ns() // 1_000_000)
    asked = Asked(wanted_series(series), begin, quick, picture=plot is not None)
    proof = look(open_store(store, *storage(env)), asked, _progress())
    sys.stderr.write("\r\033[K" if sys.stderr.isatty() else "")
    notes = [plot_proof(proof, plot)] if plot else []
    finish(verify_report(proof, notes, every_column=output == "csv"), output)


def _progress() -> Callable[[str, int], None]:
    """Say on stderr how far it is: in one line on a terminal, else now and then."""
    on_terminal = sys.stderr.isatty()
    files = read = 0
    told = time.monotonic()

    def tell(key: str, size: int) -> None:
        nonlocal files, read, told
        files, read = files + 1, read + size
        if time.monotonic() - told >= (_SHOWN_EVERY_S if on_terminal else _TOLD_EVERY_S):
            told = time.monotonic()
            line = f"verified {files:,} files, {read / 1e6:,.0f} MB; now {key}"
            sys.stderr.write(f"\r\033[K{line[:100]}" if on_terminal else f"{line}\n")
            sys.stderr.flush()

    return tell
