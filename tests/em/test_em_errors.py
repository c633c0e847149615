"""Messages about functions that break the contract, raise errors, or lead to degeneracy."""

import functools
import inspect

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.em import Stop, Stopping
from latentfit.errors import DeclarationError, InputError, StepError

START = {"w": [0.5, 0.5], "sigma": [1.0, 2.0]}


def nothing(params, data):
    return {}


def same(expectations, data, params):
    return dict(params)


@pytest.mark.parametrize(
    ("e_step", "m_step", "start", "message"),
    [
        (nothing, lambda e, d: {"w": [0.5, 0.5]}, START, "m_step returned no sigma: .*w, sigma"),
        (
            nothing,
            lambda e, d: {**START, "nu": 1},
            START,
            "m_step returned nu, .*expected w, sigma",
        ),
        (
            nothing,
            lambda e, d: {**START, "w": np.ones(3) / 3},
            START,
            r"m_step returned w of shape \(3,\), expected \(2,\)",
        ),
        (nothing, lambda e, d: None, START, "m_step returned None, expected a mapping"),
        (nothing, lambda e, d: [1, 2], START, "m_step returned a list, expected a mapping"),
        (
            nothing,
            lambda e, d: {**START, "w": "half"},
            START,
            "m_step gave a str for w, expected a number",
        ),
        (lambda p, d: [1.0], same, START, "e_step returned a list, expected a mapping"),
        (lambda p, d: None, same, START, "e_step returned None, expected a mapping"),
        (
            nothing,
            lambda e, d: {**START, "w": np.array([0.5 + 1j, 0.5])},
            START,
            r"m_step gave complex numbers for w, expected real numbers",
        ),
        (
            lambda p, d: {"z": p["w"] + 0j},
            same,
            START,
            "e_step gave complex numbers for z, expected real numbers",
        ),
        (nothing, same, {"w": 1j}, "the start gave complex numbers for w"),
        (nothing, lambda e: e, START, r"m_step takes 1 argument; expected m_step\("),
        (nothing, lambda e, d, p, q: e, START, "m_step takes 4 arguments"),
        (nothing, same, {}, "at least one parameter"),
        (nothing, same, {"w": [0.5, np.nan]}, r"the start has w\[1\] = nan"),
        (nothing, same, {"w": []}, "the start has no entries for w"),
        (nothing, same, {"w": None}, "the start has w = nan|the start gave None for w"),
    ],
)
def test_broken_contracts(e_step, m_step, start, message):
    with pytest.raises(DeclarationError, match=message):
        em.run(e_step, m_step, {}, start)


@pytest.mark.parametrize(
    ("returned", "kind"), [(np.zeros(5), r"shape \(5,\)"), ("high", "type str")]
)
def test_a_log_likelihood_is_one_number(returned, kind):
    with pytest.raises(DeclarationError, match=f"{kind}, expected a single number"):
        em.run(nothing, same, {}, START, log_likelihood=lambda p, d: returned)


def test_a_log_likelihood_without_return_is_not_finite():
    solution = em.run(nothing, same, {}, START, log_likelihood=lambda p, d: None)
    assert solution.stop is Stop.NOT_FINITE
    assert "log_likelihood gave nan" in solution.message


def failing_m(expectations, data, params):
    if params["theta"] < 0.3:
        return {"theta": 1 / int(params["theta"])}
    return {"theta": params["theta"] / 2}


def test_an_error_in_a_step_is_located():
    line = inspect.getsourcelines(failing_m)[1] + 2
    with pytest.raises(StepError) as caught:
        em.run(nothing, failing_m, {}, {"theta": 1.0})
    error = caught.value
    assert str(error) == (
        f"m_step raised ZeroDivisionError: division by zero (test_em_errors.py, line {line}) "
        f"at iteration 3, with theta = 0.25"
    )
    assert (error.step, error.iteration) == ("m_step", 3)
    assert error.params["theta"] == 0.25
    assert isinstance(error.__cause__, ZeroDivisionError)


def through_numpy(params, data):
    return {"z": np.linalg.inv(np.zeros((2, 2)))}


def test_the_line_in_a_message_is_the_users_not_the_librarys():
    line = inspect.getsourcelines(through_numpy)[1] + 1
    with pytest.raises(
        StepError, match=f"LinAlgError.*test_em_errors.py, line {line}.*iteration 1"
    ):
        em.run(through_numpy, same, {}, {"theta": 1.0})


def test_a_partial_and_a_callable_object_are_located_too():
    class EStep:
        def __call__(self, params, data):
            return np.linalg.inv(np.zeros((2, 2)))

    for e_step in (EStep(), functools.partial(through_numpy)):
        with pytest.raises(StepError, match=r"test_em_errors\.py"):
            em.run(e_step, same, {}, {"theta": 1.0})


def test_an_error_in_the_log_likelihood():
    with pytest.raises(StepError, match="log_likelihood raised KeyError: 'x'") as caught:
        em.run(nothing, same, {}, START, log_likelihood=lambda params, data: data["x"])
    assert caught.value.step == "log_likelihood"


def test_params_are_read_only():
    def e_step(params, data):
        params["theta"][0] = 1
        return {}

    with pytest.raises(StepError, match="read-only"):
        em.run(e_step, same, {}, {"theta": [2.0]})


def test_call_locates_errors_except_those_of_latentfit():
    def initial(data):
        raise ValueError("y has no observed value")

    def refuse():
        raise InputError("one clear line")

    with pytest.raises(
        StepError, match=r"initial raised ValueError: y has no observed value \(test"
    ):
        em.call(initial, "initial", {})
    with pytest.raises(InputError, match=r"^one clear line$"):
        em.call(refuse, "initial")
    assert em.call(dict, "initial", name=1, iteration=2) == {"name": 1, "iteration": 2}


@pytest.mark.filterwarnings("error")
def test_a_non_finite_m_step_is_named_and_the_last_finite_params_are_kept():
    def m_step(expectations, data, params):
        theta = params["theta"] + 1
        return {"theta": np.where(theta > 3, np.array([0.0, 1.0]) / 0.0, theta)}

    solution = em.run(nothing, m_step, {}, {"theta": [0.0, -9.0]})
    assert solution.stop is Stop.NOT_FINITE
    assert "m_step gave theta[0] = nan in iteration 4" in solution.message
    np.testing.assert_array_equal(solution.params["theta"], [3, -6])
    assert solution.iterations == 3
    assert len(solution.trace.params["theta"]) == 4


def test_a_non_finite_e_step_is_named():
    def e_step(params, data):
        return {"a": 1.0, "z": np.array([[0.0, 1.0], [params["x"] / 0.0, 1.0]])}

    solution = em.run(e_step, same, {}, {"x": 1.0})
    assert solution.stop is Stop.NOT_FINITE
    assert "e_step gave z[1,0] = inf in iteration 1" in solution.message


def test_a_non_finite_log_likelihood_is_named():
    solution = em.run(nothing, same, {}, {"x": 1.0}, log_likelihood=lambda p, d: -np.inf)
    assert solution.stop is Stop.NOT_FINITE
    assert "log_likelihood gave -inf in iteration 1" in solution.message


def test_a_masked_result_is_not_finite():
    solution = em.run(nothing, lambda e, d: {"x": np.ma.masked}, {}, {"x": 1.0})
    assert solution.stop is Stop.NOT_FINITE


def test_minus_infinity_is_a_valid_expectation():
    def e_step(params, data):
        return {"log_z": np.array([0.0, -np.inf])}

    assert em.run(e_step, same, {}, {"x": 1.0}).converged


def test_expectations_that_are_not_floats_are_not_checked():
    def e_step(params, data):
        return {"count": 3, "path": ("a", "b"), "kinds": np.array(["x"])}

    assert em.run(e_step, same, {}, {"x": 1.0}).converged


def vanishing(log_likelihood):
    """Run EM with a scale that halves in every iteration, and a given log-likelihood of it."""
    return em.run(
        nothing,
        lambda e, d, params: {"sigma": params["sigma"] * [1.0, 0.5], "mu": params["mu"]},
        {},
        {"sigma": [1.0, 1.0], "mu": 3.0},
        log_likelihood=log_likelihood and (lambda p, d: log_likelihood(p["sigma"][1])),
        stopping=Stopping(distance=None, parameters=None, max_iterations=60),
    )


def test_a_vanishing_scale_with_a_growing_likelihood_has_collapsed():
    for power in (
        0.5,
        1.0,
        3.0,
    ):  # variance, standard deviation, and a component of three equal points
        solution = vanishing(lambda sigma, power=power: -power * np.log(sigma))
        assert solution.stop is Stop.COLLAPSED
        assert "sigma[1] = " in solution.message
        assert 1e-9 < solution.params["sigma"][1] < 1e-8


def test_a_vanishing_rate_with_a_bounded_likelihood_has_not_collapsed():
    assert vanishing(lambda rate: -5 * rate).stop is not Stop.COLLAPSED
    assert vanishing(None).stop is not Stop.COLLAPSED


def test_without_a_log_likelihood_a_scale_at_rounding_level_has_collapsed():
    solution = em.run(
        nothing,
        lambda e, d, params: {"sigma": np.maximum(params["sigma"] * [1.0, 0.01], 1e-10)},
        {},
        {"sigma": [1.0, 1.0]},
        stopping=Stopping(distance=None),
    )
    assert solution.stop is Stop.COLLAPSED


def test_a_start_with_far_too_large_scales_is_not_degenerate():
    def m_step(expectations, data, params):
        return {"sigma": 1 + 0.1 * np.minimum(params["sigma"] - 1, 1)}

    solution = em.run(
        nothing,
        m_step,
        {},
        {"sigma": [1e12, 1e12]},
        log_likelihood=lambda p, d: -50 * np.sum(np.log(p["sigma"]) + 0.5 / p["sigma"] ** 2),
    )
    assert solution.converged


def test_a_collapse_explains_an_error_that_follows_it():
    def e_step(params, data):
        return {"r": 1 / float(params["variance"][1])}

    solution = em.run(e_step, lambda e, d: {"variance": [1.0, 0.0]}, {}, {"variance": [1.0, 2.0]})
    assert solution.stop is Stop.COLLAPSED
    assert "variance[1] = 0" in solution.message
    assert "ZeroDivisionError" in solution.message


def test_the_diagonal_of_a_covariance_is_a_scale():
    def m_step(expectations, data, params):
        return {"Sigma": params["Sigma"] * [[[1.0]], [[1e-3]]]}

    start = {"Sigma": np.array([[[1.0, -0.3], [-0.3, 2.0]]] * 2)}
    solution = em.run(
        nothing,
        m_step,
        {},
        start,
        log_likelihood=lambda p, d: -np.log(np.linalg.det(p["Sigma"])).sum() / 2,
        stopping=Stopping(distance=None, parameters=None),
    )
    assert solution.stop is Stop.COLLAPSED
    assert "Sigma[1,0,0]" in solution.message


def test_a_mean_that_becomes_negative_has_not_collapsed():
    """EM's map halves the distance of the mean to -3, from a start at 1."""
    solution = em.run(
        nothing,
        lambda e, d, params: {"mu": params["mu"] / 2 - 1.5},
        {},
        {"mu": 1.0},
        log_likelihood=lambda p, d: -((p["mu"] + 3) ** 2),
    )
    assert solution.converged, solution.message
    assert solution.params["mu"] == pytest.approx(-3, abs=1e-6)


def test_an_error_at_a_negative_mean_is_not_explained_by_a_collapse():
    def e_step(params, data):
        if params["mu"] < 0:
            raise ValueError("negative")
        return {}

    with pytest.raises(StepError, match="ValueError: negative"):
        em.run(e_step, lambda e, d, params: {"mu": params["mu"] - 2}, {}, {"mu": 1.0})


def test_a_variance_that_rounding_makes_negative_has_collapsed():
    def e_step(params, data):
        return {"z": np.log(params["variance"])}

    solution = em.run(e_step, lambda e, d: {"variance": [1.0, -1e-17]}, {}, {"variance": [1.0, 2]})
    assert solution.stop is Stop.COLLAPSED


def test_a_complex_log_likelihood_is_refused():
    with pytest.raises(DeclarationError, match="log_likelihood returned a complex number"):
        em.run(nothing, same, {}, START, log_likelihood=lambda p, d: np.complex128(1 + 2j))


def test_a_rate_that_grows_without_bound_has_collapsed():
    """Exponential waiting times that are all zero: every iteration doubles the rate."""
    solution = em.run(
        lambda p, d: {"y": 1 / p["theta"]},
        lambda e, d: {"theta": 2 / e["y"]},
        {},
        {"theta": 1.0},
        log_likelihood=lambda p, d: np.log(p["theta"]),
    )
    assert solution.stop is Stop.COLLAPSED
    assert "theta has grown" in solution.message


def test_a_vanished_weight_is_an_empty_component():
    def m_step(expectations, data, params):
        w = params["w"] * [1.0, 1e-200]
        w = w / w.sum()
        return {"w": w, "mu": np.array([1.0, 2.0]) * w / w}

    solution = em.run(nothing, m_step, {}, {"w": [0.5, 0.5], "mu": [1.0, 2.0]})
    assert solution.stop is Stop.EMPTY_COMPONENT
    assert "w[1] = " in solution.message


def test_vanished_responsibilities_are_an_empty_component():
    def e_step(params, data):
        return {"z": np.array([[1.0, 0.0], [1.0, 0.0]])}

    def m_step(expectations, data):
        n = expectations["z"].sum(axis=0)
        return {"mu": np.array([3.0, 0.0]) / n}

    solution = em.run(e_step, m_step, {}, {"mu": [-1.0, 1.0]})
    assert solution.stop is Stop.EMPTY_COMPONENT
    assert "z[..., 1] add up to 0" in solution.message


def test_rates_of_very_different_size_are_no_collapse():
    """Counts of about 2 and of about 1e9: the first M step rightly changes the rates a lot."""
    model = latentfit.load("poisson-mixture")
    fit = model.fit([1_000_000_000, 2, 1_000_000_100, 3], seed=0)
    assert fit.best.converged
    np.testing.assert_allclose(fit.params["lam"], [2.5, 1_000_000_050])
