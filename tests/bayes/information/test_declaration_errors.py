"""Standard errors with the exact derivatives of a declaration."""

import numpy as np
import pytest

import latentfit
from latentfit import bayes, declaration
from latentfit.em import Stopping, information
from latentfit.errors import DeclarationError, InputError


def declared(name):
    """A model, its declaration, its densities and EM's estimate."""
    model = latentfit.load(name)
    declared = model.declare()
    density = bayes.Density(bayes.observed_view(declared), declaration.parameter_space(declared))
    params = model.fit(seed=0, stopping=Stopping(distance=1e-11)).params
    return model, declared, density, bayes.complete_data_view(declared, density), params


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["exponential-missing", "genetic-linkage", "gaussian-mixture", "random-effects"]
)
def test_the_methods_agree_with_the_exact_hessian(name):
    model, declared_model, density, complete, params = declared(name)
    to_model = model.to_model or (lambda params: params)
    point = density.space.locate(to_model(params))
    exact = bayes.asymptotic_errors(density, point)
    em_map = information.em_map(model.e_step, model.maximise, declared_model.data)
    supplemented = bayes.information.supplemented_errors(
        complete, em_map, params, to_model=to_model
    )
    oakes = bayes.information.oakes_errors(complete, point)
    for found in (bayes.information.observed_errors(density, point), oakes, supplemented):
        assert (found.problem, found.notes) == ("", ())
        for name, value in exact.items():
            np.testing.assert_allclose(found.errors[name], value, rtol=1e-7)
    for name, value in oakes.missing.items():
        np.testing.assert_allclose(supplemented.missing[name], value, atol=1e-7)
    data = declared_model.data
    own = information.observed(lambda params: model.log_likelihood(params, data), params)
    for name, value in own.errors.items():
        np.testing.assert_allclose(value, exact[name], rtol=1e-6)
    if complete.joint is None:
        with pytest.raises(InputError, match="available for categorical latents"):
            bayes.information.louis_errors(complete, point)
        return
    louis = bayes.information.louis_errors(complete, point)
    assert (louis.problem, louis.notes) == ("", ())
    for name, value in exact.items():
        np.testing.assert_allclose(louis.errors[name], value, rtol=1e-7)
    assert louis.rate == pytest.approx(oakes.rate, abs=1e-7)


@pytest.mark.slow
def test_expectations_from_random_draws_have_no_second_derivatives():
    _, declared_model, density, complete, params = declared("exponential-missing")
    drawn = bayes.complete_data.complete_data_by_draws(declared_model, density)
    with pytest.raises(InputError, match="from random draws"):
        bayes.information.oakes_errors(drawn, density.space.locate(params))
    with pytest.raises(DeclarationError, match="has no variable rate"):
        bayes.information.supplemented_errors(complete, lambda params: params, {"rate": 0.2})
