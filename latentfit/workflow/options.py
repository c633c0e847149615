"""Settings of the jobs."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from latentfit.em import Stopping
from latentfit.errors import InputError


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """Settings of EM: its starts, when it stops, how it is accelerated.

    Parameters
    ----------
    seed : int, optional
        Seed of the starts; by default random.
    starts : int
        Number of starts. The best solution is kept, all are reported.
    short_runs : int
        If positive, this number of short runs of ten iterations is made, and the best are continued
        (em-EM; Biernacki, Celeux & Govaert 2003).
    stopping : Stopping, optional
        When EM stops; by default `Stopping`'s own defaults.
    accelerate : str
        ``"auto"``, ``"none"`` or the name of an accelerator, see `latentfit.em.run`.

    Raises
    ------
    InputError
        There are fewer short runs than starts.
    """

    seed: int | None = None
    starts: int = 5
    short_runs: int = 0
    stopping: Stopping | None = None
    accelerate: str = "auto"

    def __post_init__(self) -> None:
        """Check that there are more short runs than starts."""
        if self.short_runs and self.short_runs <= self.starts:
            raise InputError(
                f"{self.short_runs} short runs are too few to choose {self.starts} starts from: "
                f"there must be more short runs than starts"
            )

    @property
    def runs(self) -> int:
        """Number of starting values that are drawn: the short runs if there are any."""
        return self.short_runs or self.starts


@dataclass(frozen=True, kw_only=True)
class SamplerOptions:
    """Settings of the No-U-Turn sampler.

    Parameters
    ----------
    draws, tune : int
        Draws kept and draws discarded in each chain.
    chains : int
    backend : {"numba", "jax", "c"}
        What compiles the log density. Numba takes half a minute or more for a new model and keeps
        the compiled code for later runs; JAX (an extra) takes seconds in every run.

    Raises
    ------
    InputError
        A number is below 1.
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    backend: Literal["numba", "jax", "c"] = "numba"

    def __post_init__(self) -> None:
        """Check that all numbers are positive."""
        for label in ("draws", "chains", "tune"):
            if getattr(self, label) < 1:
                raise InputError(f"{label} must be at least 1, not {getattr(self, label)}")


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """Settings of the check of a derivation.

    Parameters
    ----------
    seed : int
        Seed of the trial points.
    starts : int
        Number of the trial points that come from ``initial``.
    timeout : float
        Seconds that one call of a step may take.
    paths : bool
        Whether to record, if a step is wrong, the iterates of the hand-written steps and of the
        declaration's own EM, for a picture.
    strict : bool
        Whether an M step that increases Q without maximising it is an error. By default it is not:
        it makes a generalised EM algorithm, which converges to the same maximum.
    """

    seed: int = 0
    starts: int = 3
    timeout: float = 10.0
    paths: bool = True
    strict: bool = False


def take[T](kind: type[T], settings: dict[str, Any]) -> T:
    """Remove the fields of an option class from `settings` and build the class from them.

    Parameters
    ----------
    kind : type
        One of the option classes.
    settings : dict
        Keyword arguments of a job. What is left are options of the model.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: settings.pop(name) for name in names if name in settings})
