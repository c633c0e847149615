"""The record of the job that runs in this process."""

from latentfit.supervision._record import Record

_records: list[Record] = []


def use(record: Record) -> None:
    """Let `record` be the record of this process."""
    _records[:] = [record]


def current() -> Record | None:
    """Return the record of this process; None if the process is not supervised."""
    return _records[0] if _records else None


def acknowledge_signal() -> None:
    """Let the parent know that this process handles a signal."""
    if _records:
        _records[0].acknowledge_signal()


def note(**notes: str) -> None:
    """Note texts that the parent needs if this process cannot finish its job."""
    if _records:
        _records[0].note(**notes)
