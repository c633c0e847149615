"""The EM loop: stopping, distances, rates, monotonicity, several starts, and representations."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentfit import em
from latentfit.em import Stop, Stopping
from latentfit.errors import InputError

DATA = {"y": np.ma.masked_invalid([5.0, np.nan])}


def toy_e(params, data):
    return {"y_unobserved": 1 / params["theta"]}


def toy_m(expectations, data):
    return {"theta": 2 / (5 + expectations["y_unobserved"])}


def toy_log_likelihood(params, data):
    return np.log(params["theta"]) - 5 * params["theta"]


def linear(rates, limits):
    """Steps of an EM map that multiplies the error of each entry by a constant rate."""
    rates, limits = np.asarray(rates), np.asarray(limits)
    return (
        lambda params, data: {"x": params["x"]},
        lambda expectations, data: {"x": limits + rates * (expectations["x"] - limits)},
    )


positive = st.floats(1e-3, 1e3)
# A run that starts at the fixed point does not determine the rate.
away_from_fixed_point = positive.filter(lambda theta: abs(theta - 0.2) > 1e-3)
without_deadline = settings(deadline=None)


@without_deadline
@given(positive)
def test_toy_iterates_follow_the_recursion(start):
    solution = em.run(toy_e, toy_m, DATA, {"theta": start})
    assert solution.converged
    theta = solution.trace.params["theta"]
    assert theta[0] == start
    np.testing.assert_allclose(theta[1:], 2 * theta[:-1] / (5 * theta[:-1] + 1), rtol=1e-14)
    assert solution.params["theta"] == pytest.approx(0.2, abs=2e-8)
    assert solution.params["theta"].shape == ()


@without_deadline
@given(away_from_fixed_point)
def test_toy_converges_with_rate_one_half(start):
    solution = em.run(toy_e, toy_m, DATA, {"theta": start})
    assert solution.rate == pytest.approx(0.5, abs=1e-5)


def test_a_start_at_the_fixed_point_stays_there():
    solution = em.run(toy_e, toy_m, DATA, {"theta": 0.2})
    assert (solution.stop, solution.iterations) == (Stop.PARAMETERS, 1)


@without_deadline
@given(away_from_fixed_point)
def test_remaining_distance_is_the_true_one(start):
    solution = em.run(toy_e, toy_m, DATA, {"theta": start}, stopping=Stopping(distance=1e-5))
    true = abs(solution.params["theta"] - 0.2) / 0.2
    assert solution.stop is Stop.DISTANCE
    assert solution.remaining == pytest.approx(true, rel=0.02)


@without_deadline
@given(st.floats(0.05, 0.99), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_the_distance_is_within_the_tolerance_whatever_the_rate(rate, start, limit):
    e_step, m_step = linear([rate], [limit])
    solution = em.run(e_step, m_step, {}, {"x": [start]}, stopping=Stopping(distance=1e-6))
    assert solution.converged
    scale = max(abs(solution.params["x"][0]), 1e-4 * abs(start - limit))
    assert abs(solution.params["x"][0] - limit) <= 1.2e-6 * scale


def test_a_slow_array_is_not_hidden_by_a_fast_one():
    def m_step(expectations, data):
        return {"fast": 0.3 * expectations["fast"], "slow": 1 + 0.99 * (expectations["slow"] - 1)}

    start = {"fast": 1.0, "slow": 1 + 1e-5}
    solution = em.run(lambda params, data: params, m_step, {}, start)
    assert abs(solution.params["slow"] - 1) <= 1.2e-8
    assert solution.rate == pytest.approx(0.99, abs=1e-4)


@without_deadline
@given(st.floats(0.2, 0.9), st.integers(-60, 60), st.floats(0.1, 10), st.floats(0.1, 10))
def test_results_do_not_depend_on_the_units(rate, exponent, start, limit):
    unit = 2.0**exponent  # a power of two, so that scaling is exact
    runs = [
        em.run(*linear([rate], [limit * u]), {}, {"x": [start * u]}, accelerate="none")
        for u in (1.0, unit)
    ]
    assert runs[0].stop is runs[1].stop
    assert runs[0].iterations == runs[1].iterations
    np.testing.assert_equal(runs[0].rate, runs[1].rate)
    np.testing.assert_array_equal(runs[0].params["x"] * unit, runs[1].params["x"])


def test_a_parameter_that_tends_to_zero_converges():
    solution = em.run(*linear([0.5], [0.0]), {}, {"x": [3.0]})
    assert solution.stop is Stop.DISTANCE
    assert 0 < solution.params["x"][0] <= 1e-11


def test_a_parameter_that_stays_zero_has_converged():
    solution = em.run(*linear([0.5, 0.5], [0.0, 0.0]), {}, {"x": [0.0, 0.0]})
    assert (solution.stop, solution.iterations) == (Stop.PARAMETERS, 1)


def test_a_closed_form_m_step_converges_in_two_iterations():
    solution = em.run(
        lambda p, d: {}, lambda e, d: {"mu": np.mean(d["x"])}, {"x": [1, 3]}, {"mu": 9}
    )
    assert (solution.stop, solution.iterations) == (Stop.PARAMETERS, 2)
    assert (solution.rate, solution.remaining) == (0, 0)
    assert solution.params["mu"] == 2


@pytest.mark.parametrize("tolerance", [None, 1e-300])
def test_steps_of_rounding_error_stop_a_run_without_criteria(tolerance):
    stopping = Stopping(distance=tolerance, parameters=tolerance, max_iterations=2000)
    solution = em.run(toy_e, toy_m, DATA, {"theta": 3.0}, stopping=stopping)
    assert solution.stop is Stop.PARAMETERS
    assert solution.iterations < 100
    assert "rounding error" in solution.message
    assert solution.rate == pytest.approx(0.5, abs=1e-3)  # from the last steps above rounding error
    assert solution.params["theta"] == pytest.approx(0.2, rel=1e-14)


def test_rounding_error_of_the_users_functions_stops_a_run():
    noise = itertools.cycle([1e-13, -2e-13, 0.5e-13])
    solution = em.run(
        lambda p, d: {},
        lambda e, d, params: {"x": 1 + 0.5 * (params["x"] - 1) + next(noise)},
        {},
        {"x": 2.0},
        stopping=Stopping(distance=None, parameters=None),
    )
    assert solution.stop is Stop.PARAMETERS
    assert solution.iterations < 200


def test_the_log_likelihood_criterion():
    stopping = Stopping(distance=None, parameters=None, log_likelihood=1e-6)
    solution = em.run(
        toy_e, toy_m, DATA, {"theta": 3.0}, log_likelihood=toy_log_likelihood, stopping=stopping
    )
    assert solution.stop is Stop.LOG_LIKELIHOOD
    gains = np.diff(solution.trace.log_likelihood)
    assert 0 <= gains[-1] <= 1e-6 < gains[-2]


def test_the_iteration_limit_reports_the_remaining_distance():
    stopping = Stopping(max_iterations=30)
    solution = em.run(*linear([0.9], [1.0]), {}, {"x": [2.0]}, stopping=stopping)
    assert solution.stop is Stop.ITERATION_LIMIT
    assert solution.iterations == 30
    assert not solution.converged
    assert solution.remaining == pytest.approx(0.9**30, rel=0.05)
    assert "largest in x" in solution.message


def test_sublinear_convergence_does_not_meet_the_criteria():
    solution = em.run(
        lambda p, d: {},
        lambda e, d, params: {"x": params["x"] - 0.1 * params["x"] ** 2},
        {},
        {"x": 1.0},
        stopping=Stopping(max_iterations=3000),
        accelerate="none",
    )
    assert solution.stop is Stop.ITERATION_LIMIT


def test_expectations_are_those_at_the_final_params():
    solution = em.run(toy_e, toy_m, DATA, {"theta": 1.0})
    assert solution.expectations["y_unobserved"] == 1 / solution.params["theta"]


def test_the_trace_holds_every_iterate():
    solution = em.run(
        *linear([0.5, 0.2], [1.0, 2.0]),
        {},
        {"x": [4.0, 4.0]},
        log_likelihood=lambda params, data: -np.sum((params["x"] - [1, 2]) ** 2),
    )
    assert solution.trace.params["x"].shape == (solution.iterations + 1, 2)
    assert solution.trace.log_likelihood.shape == (solution.iterations + 1,)
    np.testing.assert_array_equal(solution.trace.params["x"][0], [4, 4])
    np.testing.assert_array_equal(solution.trace.params["x"][-1], solution.params["x"])
    assert solution.trace.log_likelihood[-1] == solution.log_likelihood


def test_the_worst_decrease_is_recorded_and_does_not_stop_the_run():
    values = [0.0, 5.0, 4.5, 6.0, 3.0, 7.0]
    path = iter(range(1, 100))
    solution = em.run(
        lambda p, d: {},
        lambda e, d: {"x": next(path)},
        {},
        {"x": 0.0},
        log_likelihood=lambda params, data: values[int(params["x"])],
        stopping=Stopping(max_iterations=5),
    )
    assert solution.decrease == em.Decrease(iteration=4, amount=3.0)
    assert solution.iterations == 5


def test_rounding_error_is_not_recorded_as_a_decrease():
    values = itertools.cycle([-1000.0, np.nextafter(-1000.0, -np.inf)])
    solution = em.run(
        *linear([0.5], [1.0]), {}, {"x": [2.0]}, log_likelihood=lambda p, d: next(values)
    )
    assert solution.decrease is None


def test_third_argument_of_the_m_step_is_the_current_params():
    seen = []

    def m_step(expectations, data, params):
        seen.append(float(params["x"]))
        return {"x": params["x"] / 2 + 1}

    solution = em.run(lambda p, d: {}, m_step, {}, {"x": 0.0})
    np.testing.assert_array_equal(seen, solution.trace.params["x"][:-1])


def test_a_third_argument_with_a_default_is_a_setting_of_the_author():
    solution = em.run(lambda p, d: {}, lambda e, d, pull=0.5: {"x": 1 + pull}, {}, {"x": 0.0})
    assert solution.params["x"] == 1.5


def test_given_arrays_are_not_modified():
    start, y = {"x": np.array([4.0, 4.0])}, np.array([1.0, 2.0])
    em.run(lambda p, d: {"y": d["y"]}, lambda e, d: {"x": e["y"]}, {"y": y}, start)
    np.testing.assert_array_equal(start["x"], [4, 4])
    np.testing.assert_array_equal(y, [1, 2])
    start["x"][:] = y[:] = 0  # and they stay writable


def test_on_iteration_is_called_after_every_iteration():
    seen = []
    solution = em.run(
        toy_e, toy_m, DATA, {"theta": 1.0}, on_iteration=lambda i, params: seen.append(i)
    )
    assert seen == list(range(1, solution.iterations + 1))


def test_interrupts_propagate():
    def e_step(params, data):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        em.run(e_step, toy_m, DATA, {"theta": 1.0})


def bimodal(params, data):
    """A log-likelihood with maxima 1 at -1 and 2 at +1, the fixed points of the M step below."""
    x = params["x"]
    return float(1.5 + 0.5 * np.sign(x) - (abs(x) - 1) ** 2)


def m_step_to_nearest_mode(expectations, data, params):
    x = params["x"]
    return {"x": np.sign(x) + 0.5 * (x - np.sign(x))}


def test_the_converged_solution_with_the_highest_log_likelihood_is_best():
    done = []
    fit = em.fit(
        lambda p, d: {},
        m_step_to_nearest_mode,
        {},
        [{"x": x} for x in (-2.0, 3.0, -0.5)],
        log_likelihood=bimodal,
        on_start=lambda i, n: done.append((i, n)),
    )
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert fit.best is fit.solutions[1]
    assert fit.params["x"] == pytest.approx(1)
    counts = [(round(point.log_likelihood, 6), point.count) for point in fit.limit_points()]
    assert counts == [(2, 1), (1, 2)]
    assert "limit points" in repr(fit)


def test_a_degenerate_solution_is_never_the_best():
    def m_step(expectations, data, params):
        x = params["x"]
        return {"x": np.where(x > 10, np.nan, 1 + 0.5 * (x - 1))}

    fit = em.fit(
        lambda p, d: {},
        m_step,
        {},
        [{"x": 1e6}, {"x": 2.0}],
        log_likelihood=lambda params, data: params["x"],
    )
    assert fit.solutions[0].stop is Stop.NOT_FINITE
    assert fit.solutions[0].log_likelihood > fit.solutions[1].log_likelihood
    assert fit.best is fit.solutions[1]


def test_without_a_log_likelihood_the_first_converged_solution_is_best():
    starts = [{"theta": 0.5}, {"theta": 2.0}]
    fit = em.fit(toy_e, toy_m, DATA, starts)
    assert fit.best is fit.solutions[0]
    assert "no log-likelihood was given" in repr(fit)
    with pytest.raises(InputError, match="given no log_likelihood"):
        fit.limit_points()


def test_fit_needs_a_start():
    with pytest.raises(InputError, match="at least one start"):
        em.fit(toy_e, toy_m, DATA, [])


@pytest.mark.parametrize(
    "wrong",
    [{"distance": 0}, {"parameters": -1.0}, {"log_likelihood": np.nan}, {"max_iterations": 0}],
)
def test_stopping_validates_its_tolerances(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Stopping(**wrong)


def test_every_stop_is_classified():
    assert {s for s in Stop if s.converged} == {
        Stop.DISTANCE,
        Stop.PARAMETERS,
        Stop.LOG_LIKELIHOOD,
    }
    assert {s for s in Stop if s.degenerate} == {
        Stop.NOT_FINITE,
        Stop.COLLAPSED,
        Stop.EMPTY_COMPONENT,
    }


def test_representations_show_the_figures_and_escape_names():
    solution = em.run(
        lambda p, d: {},
        lambda e, d: {"<b>": 2.0},
        {},
        {"<b>": 1.0},
        log_likelihood=lambda p, d: -3.25,
    )
    text, page = repr(solution), solution._repr_html_()
    assert "<b>" in text
    assert "-3.25" in text
    assert "iterations" in text
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
