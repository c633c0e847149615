"""Errors that PyTensor prints while a model is rewritten, although another strategy may apply."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytensor

_LOGGER = logging.getLogger("pytensor.graph.rewriting.basic")


class _Records(logging.Handler):
    """Keeps the texts of records."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextmanager
def unprinted_rewrite_errors() -> Iterator[None]:
    """Keep PyTensor, within the block, from printing errors of its rewrites.

    The errors are added as a note to an exception that leaves the block, so that a traceback, which
    ``--debug`` shows, has them.
    """
    records = _Records()
    propagates = _LOGGER.propagate
    _LOGGER.addHandler(records)
    _LOGGER.propagate = False
    try:
        with pytensor.config.change_flags(on_opt_error="warn"):
            yield
    except Exception as error:
        if records.texts:
            error.add_note("Errors of rewrites before:\n" + "\n".join(records.texts))
        raise
    finally:
        _LOGGER.propagate = propagates
        _LOGGER.removeHandler(records)
