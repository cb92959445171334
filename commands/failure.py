"""Turning whatever went wrong into one sentence (or one JSON object) and an exit code."""

import os
import sys

import click

from domain.errors import CrossbookError, UsageError
from domain.exit_codes import ExitCode
from utils.rendering import emit_error
from utils.rendering.report import JSON, TABLE
from utils.secrets.redaction import redact


def report_failure(error: Exception, arguments: list[str]) -> int:
    """Report an error in the output format that the command line asked for; return the exit code."""
    output = _asked_output(arguments)
    if isinstance(error, BrokenPipeError):
        return 0  # the reader has gone (`| head`): nothing more can be said to it, and it is no failure of ours
    if isinstance(error, click.ClickException):
        hint = f"See: {error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else None
        return int(emit_error(UsageError(error.format_message(), hint=hint), output))
    if isinstance(error, CrossbookError):
        error.message = redact(error.message)
        return int(emit_error(error, output))
    return _internal(error, output)


def _internal(error: Exception, output: str) -> int:
    import traceback

    from utils.config.paths import state_dir

    trace = redact("".join(traceback.format_exception(error)))
    try:
        log = state_dir() / "errors.log"
        with log.open("a", encoding="utf-8") as stream:
            log.chmod(0o600)
            stream.write(trace + "\n")
        kept = f"The details are in {log}."
    except OSError:
        kept = "The details could not be written down."
    failure = CrossbookError(f"Internal error ({type(error).__name__}).", hint=f"{kept} Please report it.")
    if os.environ.get("CROSSBOOK_DEBUG"):
        sys.stderr.write(trace)
    emit_error(failure, output)
    return int(ExitCode.INTERNAL)


def _asked_output(arguments: list[str]) -> str:
    for index, argument in enumerate(arguments):
        if argument in ("--json", "--output=json"):
            return JSON
        if argument == "--output" and arguments[index + 1 : index + 2] == [JSON]:
            return JSON
    return TABLE
