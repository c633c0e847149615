"""Settings of the jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from latentfit.em import Stopping
from latentfit.errors import InputError

# More of these would exhaust memory or time without a use.
MAX_STARTS = 100_000
MAX_DRAWS = 10_000_000
MAX_CHAINS = 1000


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
        There are fewer short runs than starts, or more than 100 000 starts or short runs.
    """

    seed: int | None = None
    starts: int = 5
    short_runs: int = 0
    stopping: Stopping | None = None
    accelerate: str = "auto"

    def __post_init__(self) -> None:
        """Check that there are more short runs than starts, and not too many of either."""
        _check_bounded("starts", self.starts, MAX_STARTS)
        _check_bounded("short_runs", self.short_runs, MAX_STARTS)
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
        A number is below 1 or unreasonably large.
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    backend: Literal["numba", "jax", "c"] = "numba"

    def __post_init__(self) -> None:
        """Check that all numbers are positive and not too large."""
        for label in ("draws", "chains", "tune"):
            if getattr(self, label) < 1:
                raise InputError(f"{label} must be at least 1, not {getattr(self, label)}")
            most = MAX_CHAINS if label == "chains" else MAX_DRAWS
            _check_bounded(label, getattr(self, label), most)


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

    Raises
    ------
    InputError
        There are more than 100 000 starts, or the timeout is not positive.
    """

    seed: int = 0
    starts: int = 3
    timeout: float = 10.0
    paths: bool = True
    strict: bool = False

    def __post_init__(self) -> None:
        """Check that there are not too many trial points, and that there is some time."""
        _check_bounded("starts", self.starts, MAX_STARTS)
        if not self.timeout > 0:  # NaN is no number of seconds either
            raise InputError(f"timeout must be a positive number of seconds, not {self.timeout}")


# Names of arguments of the jobs, which an option of ``model`` may have too.
SETTINGS_OF_JOBS = frozenset(
    {
        *(f.name for kind in (FitOptions, SamplerOptions, CheckOptions) for f in fields(kind)),
        "against",
        "bootstrap",
        "check",
        "columns",
        "data",
        "definition",
        "executor",
        "on_value",
        "option",
        "options",
        "params",
        "posterior",
        "profile",
        "progress",
        "replicates",
        "samples",
        "units",
        "values",
    }
)


def model_options(settings: Mapping[str, Any], options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options of ``model`` that a job is given.

    Parameters
    ----------
    settings : mapping
        What is left of the keyword arguments of a job.
    options : mapping, optional
        The job's argument ``options``, which may also hold options that have the name of one of the
        job's own settings, such as ``seed``.
    """
    return {**settings, **(options or {})}


def model_keywords(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments by which a job is given options of ``model``.

    An option whose name is that of an argument of a job, such as ``seed``, is an entry of the
    argument ``options``.
    """
    same = {name: value for name, value in options.items() if name in SETTINGS_OF_JOBS}
    others = {name: value for name, value in options.items() if name not in SETTINGS_OF_JOBS}
    return {**others, **({"options": same} if same else {})}


def _check_bounded(name: str, value: int, most: int) -> None:
    if value > most:
        raise InputError(f"{name} must be at most {most}, not {value}")


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
