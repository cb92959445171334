"""Errors for people and for machines."""

import sys
from contextlib import suppress

from domain.errors import CrossbookError
from domain.exit_codes import ExitCode
from utils.rendering.report import JSON, to_json


def emit_error(error: CrossbookError, output: str) -> ExitCode:
    """Print one sentence (and the hint) to stderr, or one JSON error object to stdout; return the exit code."""
    if output == JSON:
        record = {
            "error": error.category,
            "message": error.message,
            "venue": error.venue,
            "retryable": error.retryable,
            "hint": error.hint,
        }
        with suppress(OSError):  # where stdout takes nothing more, the exit code alone is left to tell
            sys.stdout.write(to_json(record) + "\n")
            sys.stdout.flush()
    else:
        sys.stderr.write(f"Error: {error.message}{' ' + error.hint if error.hint else ''}\n")
    return error.exit_code
