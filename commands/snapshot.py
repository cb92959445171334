"""The `snapshot` commands: symbols after it are recorded; what is done with recordings is a file each."""

import difflib

import click

from commands.lazy import LazyGroup

DEFAULT = "record"
TABLE = {
    DEFAULT: ("commands.snapshot_record:record", "Record order books second by second; the word may be left out."),
    "list": ("commands.snapshot_list:list_snapshots", "List what is stored: series, days, coverage, size."),
    "show": ("commands.snapshot_show:show", "Show a recorded book as it was at a second."),
    "stats": ("commands.snapshot_stats:stats", "Spread, depth and impact of recorded books over time."),
    "export": ("commands.snapshot_export:export", "Write recorded books as CSV, NDJSON, Arrow or tardis."),
    "verify": ("commands.snapshot_verify:verify", "Prove that nothing recorded is missing or altered."),
    "compact": ("commands.snapshot_compact:compact", "Make one file of a day's files."),
    "prune": ("commands.snapshot_prune:prune", "Delete old recordings; their proof stays."),
}


class RecordingGroup(LazyGroup):
    """A group whose first word need not be a command: `snapshot BTC/USDT …` records."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in front that was left out, unless the first word looks like a mistyped one."""
        if args and args[0] not in self.table and args[0] not in ctx.help_option_names:
            word = args[0].lower()
            mistyped = word[0:1].isalpha() and "/" not in word and difflib.get_close_matches(word, self.table, n=1)
            args = args if mistyped else [DEFAULT, *args]
        return super().parse_args(ctx, args)


EPILOG = """\b
Examples:
  python main.py snapshot BTC/USDT --env sim --for 1m
  python main.py snapshot BTC/USDT ETH/USDT:USDT --venue okx --venue binance --to-s3
  python main.py snapshot verify"""


@click.group(
    cls=RecordingGroup,
    table=TABLE,
    options_metavar="",
    subcommand_metavar="SYMBOL… [OPTIONS] | COMMAND [ARGS]…",
    epilog=EPILOG,
)
def snapshot() -> None:
    """Record order books second by second, and prove, show, measure and keep what was recorded.

    The options of a recording: snapshot record --help.
    """
    from market_data.snapshots.lean import lean_arrow

    lean_arrow()
