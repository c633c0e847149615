"""The parametric bootstrap."""

import math

import numpy as np
import pytest
from em_toys import TOY, contents, toy_e, toy_m

from latentfit import em
from latentfit.em import Stopping, information
from latentfit.errors import InputError, StepError


def exponential(n, rng, params):
    return {"y": rng.exponential(1 / params["theta"], n), "m": 10}


def exponential_refit(data, start):
    n = len(data["y"]) + data["m"]
    return em.run(
        lambda params, data: {"rest": data["m"] / params["theta"]},
        lambda expectations, data: {"theta": n / (data["y"].sum() + expectations["rest"])},
        data,
        start,
    )


def test_the_exact_standard_error_is_within_monte_carlo_error():
    n, calls = 20, []
    found = information.bootstrap(
        lambda params, rng: exponential(n, rng, params),
        exponential_refit,
        {"theta": 2.0},
        replicates=400,
        seed=3,
        on_replicate=lambda done, total: calls.append((done, total)),
    )
    assert calls[-1] == (400, 400)
    assert len(calls) == 400
    # θ̂ = n / S with S gamma distributed: its moments are those of an inverse gamma.
    mean = 2 * n / (n - 1)
    exact = mean / math.sqrt(n - 2)
    errors = found.standard_errors
    assert abs(errors.errors["theta"] - exact) < 4 * found.monte_carlo["theta"]
    assert abs(found.bias["theta"] - (mean - 2)) < 4 * exact / math.sqrt(400)
    assert 0.03 < errors.precision < 0.1
    assert (errors.problem, errors.notes) == ("", ())
    assert found.outcomes == {"distance": 400}
    lower, upper = found.interval(0.9)["theta"]
    assert lower < 2 < upper
    again = information.bootstrap(
        lambda params, rng: exponential(n, rng, params),
        exponential_refit,
        {"theta": 2.0},
        replicates=5,
        seed=found.seed,
    )
    for one, other in zip(again.replicates, found.replicates, strict=False):
        assert one.params["theta"] == other.params["theta"]


@pytest.mark.slow
def test_replicates_without_an_estimate_are_reported():
    model = contents("gaussian-mixture")

    def refit(data, start):
        return em.run(
            model["e_step"],
            model["m_step"],
            data,
            start,
            log_likelihood=model["log_likelihood"],
            stopping=Stopping(max_iterations=300),
        )

    def draw(params, rng):
        z = rng.choice(2, 12, p=params["w"])
        return {"x": rng.normal(params["mu"][z], params["sigma"][z])}

    params = {"w": np.array([0.5, 0.5]), "mu": np.array([0.0, 2.0]), "sigma": np.array([1.0, 1.0])}
    found = information.bootstrap(draw, refit, params, replicates=60, seed=1)
    lost = {name: n for name, n in found.outcomes.items() if name not in ("distance", "parameters")}
    assert lost.get("collapsed", 0) > 3
    kept = sum(replicate.converged for replicate in found.replicates)
    assert kept + sum(lost.values()) == 60
    (note,) = found.standard_errors.notes
    assert note.startswith(f"{kept} of 60 replicates have an estimate")
    assert f"{lost['collapsed']} collapsed" in note
    assert "describe only samples that have one" in found.standard_errors.problem
    estimates = [r.params["mu"] for r in found.replicates if r.converged]
    np.testing.assert_allclose(
        found.standard_errors.errors["mu"], np.std(estimates, axis=0, ddof=1)
    )
    assert "60 replicates" in repr(found.standard_errors)


def test_replicates_that_do_not_converge_give_no_standard_errors():
    stopping = Stopping(max_iterations=1)
    found = information.bootstrap(
        lambda params, rng: {},
        lambda data, start: em.run(toy_e, toy_m, data, {"theta": 1.0}, stopping=stopping),
        TOY,
        replicates=3,
        seed=0,
    )
    assert found.outcomes == {"iteration_limit": 3}
    assert np.isnan(found.standard_errors.errors["theta"])
    assert found.standard_errors.problem.startswith("no standard errors")
    assert np.isnan(found.interval()["theta"]).all()


def test_errors_in_a_bootstrap():
    def broken(params, rng):
        raise KeyError("scale")

    with pytest.raises(StepError, match="simulate raised KeyError"):
        information.bootstrap(broken, exponential_refit, TOY, seed=0)
    with pytest.raises(StepError, match="e_step raised"):
        information.bootstrap(
            lambda params, rng: {},
            lambda data, start: em.run(lambda p, d: p["nothing"], toy_m, data, start),
            TOY,
            replicates=2,
            seed=0,
        )
    with pytest.raises(InputError, match="at least 2"):
        information.bootstrap(broken, exponential_refit, TOY, replicates=1)
