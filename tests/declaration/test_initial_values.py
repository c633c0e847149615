"""Values given as ``initval=`` are starts; everything else is as without them."""

import numpy as np
import pymc as pm
import pytest
from pymc.distributions.transforms import ordered

from latentfit.bayes import Density, observed_view
from latentfit.bayes.maxima import joint_mode
from latentfit.declaration import declare, parameter_space
from latentfit.errors import DeclarationError

Y = np.array([0.0, 1.0, 2.0, 5.0, 6.0])
ANSWERS = np.array([0, 1, 2, 1, 0])


def mixture(latent_start=None, **how):
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5, shape=2, **how)
        z = pm.Bernoulli("z", 0.4, shape=5, initval=latent_start)
        pm.Normal("y", mu[z], 1, observed=Y)
    return model


def answers(**how):
    with pm.Model() as model:
        cutpoints = pm.Normal("cutpoints", 0, 2, shape=2, transform=ordered, **how)
        z = pm.Normal("z", 0, 1, shape=5)
        pm.OrderedLogistic("y", eta=z, cutpoints=cutpoints, observed=ANSWERS)
    return model


def test_initial_value_is_the_origin_of_starts():
    declaration = declare(mixture(initval=[1.0, 4.0]), ("z",), {}, {})
    space = parameter_space(declaration)
    np.testing.assert_array_equal(space.constrain(space.origin)["mu"], [1.0, 4.0])
    np.testing.assert_array_equal(declaration.initial_values["mu"], [1.0, 4.0])
    start = space.random(np.random.default_rng(0))["mu"]
    assert np.all(np.abs(start - [1.0, 4.0]) <= 1)


def test_log_likelihood_is_the_same_as_without_initial_values():
    with_starts, without = (
        Density(observed_view(one), parameter_space(one))
        for one in (
            declare(model, ("z",), {}, {})
            for model in (mixture(np.ones(5, dtype=int), initval=[1.0, 4.0]), mixture())
        )
    )
    point = np.array([0.3, 5.0])
    assert with_starts.objective(point) == without.objective(point)


def test_ordered_initial_values():
    declaration = declare(answers(initval=[-0.5, 1.5]), ("z",), {}, {})
    space = parameter_space(declaration)
    np.testing.assert_allclose(space.constrain(space.origin)["cutpoints"], [-0.5, 1.5])
    assert [rv.name for rv in observed_view(declaration).free_RVs] == ["cutpoints"]


@pytest.mark.parametrize("start", ["prior", "support_point"])
def test_word_in_place_of_a_value_is_pymc_s_default(start):
    declaration = declare(mixture(initval=start), ("z",), {}, {})
    assert declaration.initial_values == {}
    np.testing.assert_array_equal(parameter_space(declaration).origin, [0.0, 0.0])


def test_model_of_the_caller_keeps_its_initial_values():
    model = mixture(initval=[1.0, 4.0])
    declare(model, ("z",), {}, {})
    np.testing.assert_array_equal(model.rvs_to_initial_values[model["mu"]], [1.0, 4.0])


def test_initial_value_outside_the_support_is_an_error():
    declaration = declare(answers(initval=[1.5, -0.5]), ("z",), {}, {})
    with pytest.raises(DeclarationError, match=r"initval of 'cutpoints' is .* increasing order"):
        parameter_space(declaration)


def test_search_for_the_joint_mode_starts_at_initial_values():
    """The density of y ~ N(z², 0.1²) has a maximum on either side of zero."""
    for start in (-1.0, 1.0):
        with pm.Model() as model:
            scale = pm.HalfNormal("scale", 1, initval=1.0)
            z = pm.Normal("z", 0, scale, initval=start)
            pm.Normal("y", z**2, 0.1, observed=4.0)
        mode = joint_mode(declare(model, ("z",), {}, {}))
        assert mode.latents["z"] == pytest.approx(2 * start, abs=0.1)
