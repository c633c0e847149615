"""A reported log-likelihood: is it log p(x | θ)?

Compared with the declaration's observed view at every θ that is tried. If it differs, the
difference is told from a constant, the ratio from a factor, and the value from that of another
iteration along EM's path.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from latentfit.check._result import Check, Finding, Outcome
from latentfit.check._subject import Subject

_SAME = 1e-8


def examine(subject: Subject, given: Mapping[str, float], path: Sequence[float]) -> Outcome:
    """Compare a reported log-likelihood with the declaration's.

    Parameters
    ----------
    subject : Subject
    given : mapping
        ``{trial.where: value}``.
    path : sequence of float
        What it returned when it was called along the trials one after the other; a function
        that lags behind gives there what belongs to the trial before.
    """
    if subject.log_likelihood is None:
        return Outcome((Check("log_likelihood", "skip", "the file reports none"),))
    if not subject.density.tractable:
        unknown = "log p(x | θ) is not known: the latents cannot be integrated out"
        return Outcome((Check("log_likelihood", "skip", unknown),))
    trials = [trial for trial in subject.trials if trial.where in given]
    values = np.array([given[trial.where] for trial in trials])
    exact = np.array([subject.density.log_likelihood(trial.point)[0] for trial in trials])
    if not len(values):
        return Outcome((Check("log_likelihood", "skip", "it could not be evaluated"),))
    error = np.abs(values - exact) / (1 + np.abs(exact))
    if np.all(error <= _SAME):
        detail = f"equal to log p(x | θ) at {len(values)} values of θ, to {error.max():.1g}"
        return Outcome((Check("log_likelihood", "pass", detail),))
    worst = int(np.argmax(np.where(np.isfinite(error), error, np.inf)))
    message = (
        f"log_likelihood is {values[worst]:.8g} where log p(x | θ) is {exact[worst]:.8g} "
        f"({trials[worst].where}; exact)"
    )
    finding = Finding(
        "log_likelihood",
        "log_likelihood",
        "error",
        message,
        _explained(subject, values, exact, np.asarray(path)),
        {
            "given": float(values[worst]),
            "expected": float(exact[worst]),
            "where": trials[worst].where,
        },
    )
    return Outcome((Check("log_likelihood", "fail", message),), (finding,))


def _explained(
    subject: Subject, values: np.ndarray, exact: np.ndarray, path: np.ndarray
) -> str | None:
    size = 1 + np.abs(exact).max()
    difference = values - exact
    if np.ptp(difference) <= _SAME * size:
        return f"it is log p(x | θ) plus a constant, {difference.mean():.8g}"
    if len(path) == len(exact) and len(exact) > 2:
        late = np.abs(path[1:] - exact[:-1])
        if np.all(late <= _SAME * size):
            return "it is evaluated one step late: this is the value at the θ before"
    with np.errstate(all="ignore"):
        ratio = values / exact
    if np.isfinite(ratio).all() and np.ptp(ratio) <= _SAME * np.abs(ratio).max():
        return _factor(subject, float(ratio.mean()))
    posterior = np.array([subject.density.log_posterior(t.point)[0] for t in subject.trials])
    if len(posterior) == len(values) and np.ptp(values - posterior) <= _SAME * size:
        return "the log prior is counted: it is log p(x | θ) + log p(θ), but for a constant"
    with np.errstate(all="ignore"):
        if np.allclose(np.log(values), exact, rtol=_SAME):
            return "it is the likelihood; its logarithm is wanted"
    return None


def _factor(subject: Subject, factor: float) -> str:
    for name, array in subject.data.items():
        counts = {
            f"the length of {name}": np.size(array),
            f"the number of observed {name}": np.ma.count(array),
        }
        for words, count in counts.items():
            if np.isclose(factor * count, 1, rtol=1e-7):
                return f"a mean where the sum belongs: it is divided by {words}, {count}"
            if np.isclose(-factor * count, 1, rtol=1e-7):
                return f"its sign is wrong, and it is divided by {words}, {count}"
    if np.isclose(factor, -1, rtol=1e-7):
        return "its sign is wrong"
    return f"it is log p(x | θ) times {factor:.6g}"
