"""How much a hand-in may use."""

from dataclasses import dataclass

_MIB = 1 << 20
# In seconds three weeks, which the kernel can still count in milliseconds; in bytes two TiB.
_LARGEST = {"seconds": 2_000_000, "bytes": 1 << 41, "files": 1 << 20}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on what a hand-in uses.

    Attributes
    ----------
    cpu_seconds : float
        Processor time of one call, and of running the hand-in's source. The load of the machine
        does not count.
    wall_seconds : float
        Elapsed time of the same, which ends a hand-in that sleeps. Time during which the process
        waits for a processor, because others compute, does not count.
    total_cpu_seconds : float
        Processor time of all calls in one process.
    memory_bytes : int
        Memory beyond that of Python and NumPy.
    scratch_bytes : int
        Size of all files in the scratch folder, which are in memory, too.
    scratch_files : int
        Number of files and folders in the scratch folder.
    result_bytes : int
        Size of the arrays that one call returns.
    printed_bytes : int
        What one call may print.
    source_bytes : int
        Size of the hand-in's source.
    """

    cpu_seconds: float = 10.0
    wall_seconds: float = 60.0
    total_cpu_seconds: float = 600.0
    memory_bytes: int = 1024 * _MIB
    scratch_bytes: int = 16 * _MIB
    scratch_files: int = 256
    result_bytes: int = 64 * _MIB
    printed_bytes: int = 4 * _MIB
    source_bytes: int = _MIB

    def __post_init__(self) -> None:
        """Refuse limits that are not positive and finite."""
        for name, value in vars(self).items():
            largest = _LARGEST[name.rpartition("_")[2]]
            if not 0 < value <= largest:
                raise ValueError(f"{name} has to be positive and at most {largest}, not {value!r}")
