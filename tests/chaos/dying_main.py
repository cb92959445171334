"""The command line as tests of minutes need it: with its clock ahead, so that they have several days, and mortal.

`CHAOS_AHEAD_S`: how far ahead, in seconds. `CHAOS_DIES_AT`: it is killed with SIGKILL just before it makes the change
of that number in the folder `CHAOS_STORE`.
"""

import itertools
import os
import signal
import sys
import time

_CHANGES = frozenset({"open", "os.link", "os.rename", "os.remove", "os.rmdir", "os.mkdir"})


def mortal(folder: str, dies_at: int) -> None:
    """Kill this process before that change."""
    changes, writing = itertools.count(1), os.O_WRONLY | os.O_RDWR

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event not in _CHANGES or (event == "open" and not int(str(arguments[2] or 0)) & writing):
            return
        if any(str(each).startswith(folder) for each in arguments[:2]) and next(changes) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    _real, _ahead_ns = time.time_ns, int(os.environ.get("CHAOS_AHEAD_S", "0")) * 1_000_000_000
    if _ahead_ns:
        time.time_ns = lambda: _real() + _ahead_ns
    if "CHAOS_DIES_AT" in os.environ:
        mortal(os.environ["CHAOS_STORE"], int(os.environ["CHAOS_DIES_AT"]))

    import main

    main.leave(main.run(sys.argv[1:]))
