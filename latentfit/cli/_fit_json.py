"""The entries of ``fit --json`` that describe runs of EM."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentfit.em import Fit, ShortRun, Solution


def fit_entries(fit: "Fit") -> dict[str, Any]:
    """Return the best solution, all solutions, the short runs and the maxima of a fit."""
    return {
        **_solution_entries(fit.best),
        "starts": [_solution_entries(solution) for solution in fit.solutions],
        "short_runs": [_short_run_entries(run) for run in fit.short_runs],
        "optima": _maxima(fit),
    }


def _solution_entries(solution: "Solution") -> dict[str, Any]:
    return {
        "parameters": solution.params,
        "log_likelihood": solution.log_likelihood,
        "iterations": solution.iterations,
        "evaluations": solution.evaluations,
        "stop": solution.stop.name.lower(),
        "converged": solution.converged,
        "message": solution.message,
    }


def _short_run_entries(run: "ShortRun") -> dict[str, Any]:
    return {
        "parameters": run.params,
        "log_likelihood": run.log_likelihood,
        "iterations": run.iterations,
        "stop": run.stop.name.lower(),
        "kept": run.kept,
    }


def _maxima(fit: "Fit") -> list[dict[str, Any]] | None:
    """Return each log-likelihood that starts reached; None if the fit has no log-likelihood."""
    if fit.log_likelihood is None:
        return None
    return [
        {"log_likelihood": one.log_likelihood, "count": one.count, "apart": one.max_distance}
        for one in fit.limit_points()
    ]
