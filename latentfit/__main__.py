"""Run the command line as ``python -m latentfit``."""

import sys

from latentfit.cli import main

if __name__ == "__main__":
    sys.exit(main())
