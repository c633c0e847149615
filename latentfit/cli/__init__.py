"""The command line: parse arguments, call the library, print the result. One module a command."""

from latentfit.cli._start import main

__all__ = ["main"]
