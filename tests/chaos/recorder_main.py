"""The command line with its clock ahead by `CHAOS_AHEAD_S` seconds, so that a test of minutes has several days."""

import os
import sys
import time

if __name__ == "__main__":
    _real, _ahead_ns = time.time_ns, int(os.environ["CHAOS_AHEAD_S"]) * 1_000_000_000
    time.time_ns = lambda: _real() + _ahead_ns

    import main

    main.leave(main.run(sys.argv[1:]))
