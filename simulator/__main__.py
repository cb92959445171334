"""Run the simulator as a program of its own: `python -m simulator run --state-dir DIR`."""

import argparse
import sys
from pathlib import Path

from simulator.run import Options, run
from simulator.state import SimulatorError, State


def main(arguments: list[str] | None = None) -> int:
    """Run until stopped; answer the exit code."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("run", help="serve every venue until stopped")
    command.add_argument("--state-dir", type=Path, required=True, help="where simulator.json is written")
    command.add_argument("--seed", type=int, help="the synthetic market's seed")
    command.add_argument("--tape", type=Path, help="serve the recordings of this directory")
    command.add_argument("--faults", type=Path, help="faults to begin with (YAML)")
    command.add_argument("--tls", action="store_true", help="serve https and wss")
    command.add_argument("--frozen", action="store_true", help="let the synthetic market stand still")
    command.add_argument("--hold", choices=("start", "end"), help="keep the tape at its start or end")
    command.add_argument("--loop", action="store_true", help="begin the tape anew when it is over")
    command.add_argument("--no-limits", action="store_true", help="answer however often a venue is asked")
    command.add_argument("--fresh", action="store_true", help="begin with empty accounts (and a new market)")
    command.add_argument("--port-base", type=int, help="use this port and the following ones")
    command.add_argument("--idle-s", type=float, default=1800.0, help="end after so many idle seconds; 0 never")
    given = parser.parse_args(arguments)
    try:
        run(Options(**vars(given)), _announce, log_to_file=False)
    except SimulatorError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _announce(state: State) -> None:
    sys.stderr.write(f"{state['universe']} is served by process {state['pid']}, control {state['control']}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main())
