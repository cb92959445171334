"""What a user waits for before anything happens."""

import sys

from bench.timing import show, side_by_side


def run() -> None:
    """Compare `--help` with importing click alone."""
    python = sys.executable
    figures = side_by_side(
        {
            "python -c pass": [python, "-c", "pass"],
            "python -c 'import click'": [python, "-c", "import click"],
            "main.py --help": [python, "main.py", "--help"],
            "main.py bbo --help": [python, "main.py", "bbo", "--help"],
        },
        rounds=15,
    )
    show("Start-up (whole processes, median of 15)", figures, "python -c 'import click'", "--help at most 2 ×")
