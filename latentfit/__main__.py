"""Run the command line as ``python -m latentfit``, or as the program ``latentfit``."""

import signal
import sys

# Not in worker processes, which import this module under another name.
if hasattr(signal, "pthread_sigmask") and __name__ in ("__main__", "latentfit.__main__"):
    # An interrupt waits until the command line can report it in one line.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

from latentfit.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
