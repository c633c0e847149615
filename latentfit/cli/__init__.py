"""The command line: parses, calls, prints. One module for each command."""

from latentfit.cli._main import main

__all__ = ["main"]
