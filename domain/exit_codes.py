"""Exit codes of the command line, stable for scripts and cron."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process ends with. Documented in docs/commands.md; never renumbered."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    CONFIGURATION = 3
    REFUSED = 4
    DENIED_BY_POLICY = 5
    UNAVAILABLE = 6
    RATE_LIMITED = 7
    PARTIAL = 8
    OUTCOME_UNKNOWN = 9
    VERIFICATION_FAILED = 10
    INTERRUPTED = 130
