"""Arguments for which there are no standard errors, and maps that are not EM."""

import numpy as np
import pytest
from em_toys import TOY, toy_e, toy_log_likelihood, toy_m, toy_q

from latentfit.em import information
from latentfit.errors import DeclarationError, InputError, StepError

toy_map = information.em_map(toy_e, toy_m, {})
toy_q_function = information.q_function(toy_q, toy_e, {})


def test_a_map_with_complex_or_negative_eigenvalues_is_not_em():
    def turn(params):
        x, y = params["x"]
        return {"x": np.array([0.5 * x - 0.5 * y, 0.5 * x + 0.5 * y])}

    where = {"x": np.zeros(2)}
    assert "not real" in information.convergence(turn, where).problem
    beyond = information.convergence(lambda params: {"x": -0.5 * params["x"]}, where)
    assert "are not negative" in beyond.problem


def test_a_map_that_is_not_defined_on_one_side_has_no_rate():
    found = information.convergence(
        lambda params: {"p": np.sqrt(params["p"] - 1) + params["p"]}, {"p": 1.0}
    )
    assert np.isnan(found.rate)
    assert "not defined at some params close to" in found.problem


# Invalid arguments.


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: information.observed(lambda p: np.nan, TOY), InputError, "is not finite"),
        (lambda: information.observed(lambda p: [1, 2], TOY), InputError, "shape"),
        (lambda: information.observed(lambda p: p["x"], TOY), StepError, "KeyError"),
        (
            lambda: information.observed(toy_log_likelihood, {"theta": np.inf}),
            DeclarationError,
            "finite",
        ),
        (
            lambda: information.observed(toy_log_likelihood, TOY, kinds={"mu": "real"}),
            InputError,
            "kinds names 'mu'",
        ),
        (
            lambda: information.observed(toy_log_likelihood, TOY, kinds={"theta": "rate"}),
            InputError,
            "expected one of real",
        ),
        (
            lambda: information.observed(toy_log_likelihood, TOY, kinds={"theta": "simplex"}),
            InputError,
            "which its values do not satisfy",
        ),
        (lambda: information.convergence(lambda p: {}, TOY), DeclarationError, "no theta"),
        (
            lambda: information.convergence(toy_map, TOY, sizes={"mu": 1.0}),
            InputError,
            "sizes names 'mu'",
        ),
        (lambda: information.louis(lambda p: [1.0], TOY), InputError, "units, values of z"),
        (
            lambda: information.louis(lambda p: [[1.0, 2.0]], TOY, weights=[[0.4, 0.4]]),
            InputError,
            "sum to one",
        ),
        (
            lambda: information.louis(lambda p: [[1.0, 2.0]], TOY, weights=[[1.0]]),
            InputError,
            "weights have shape",
        ),
        (
            lambda: information.louis(lambda p: [[np.nan, 2.0]], TOY, weights=[[0.5, 0.5]]),
            InputError,
            "not finite",
        ),
        (
            lambda: information.profile(toy_log_likelihood, TOY, level=95),
            InputError,
            "between 0 and 1",
        ),
        (
            lambda: information.profile(toy_log_likelihood, TOY, ["mu"]),
            InputError,
            "no parameter 'mu'",
        ),
    ],
)
def test_invalid_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_progress_is_reported():
    reported = []
    information.oakes(
        toy_q_function, TOY, on_step=lambda done, total: reported.append((done, total))
    )
    assert reported == [(1, 2), (2, 2)]
    reported.clear()
    information.profile(toy_log_likelihood, TOY, on_interval=lambda *where: reported.append(where))
    assert reported == [(1, 1)]
