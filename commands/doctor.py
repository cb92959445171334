"""The `doctor` command."""

import click

from commands.options import common_options
from commands.session import finish, open_session
from domain.exit_codes import ExitCode
from utils.rendering import Report, Table


@click.command(epilog="Example: python main.py doctor --env sim")
@common_options
def doctor(env: str | None, venues: tuple[str, ...], output: str, timeout: float | None) -> None:
    """Check configuration, keys, clocks, venues, caches and disk; exit 1 when something is wrong."""
    from monitoring.doctor import WARNING, WRONG, examine

    session = open_session(env, venues, timeout)
    found = examine(session.venues, session.deadline())
    rows = [(finding.check, finding.state, finding.seen, finding.remedy) for finding in found]
    wrong = [finding for finding in found if finding.state == WRONG]
    warnings = [finding for finding in found if finding.state == WARNING]
    summary = [f"{len(found)} checks: {len(wrong)} wrong, {len(warnings)} with a warning."]
    record = {"environment": session.environment, "findings": [vars(finding) for finding in found]}
    table = Table(("check", "state", "seen", "remedy"), rows, f"doctor  ({session.environment})")
    finish(Report(record, [table], summary, exit_code=ExitCode.INTERNAL if wrong else ExitCode.OK), output)
