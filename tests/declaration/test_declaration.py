"""The declaration: roles, data, scales, and the messages about wrong declarations."""

import numpy as np
import pymc as pm
import pytest

from latentfit.declaration import declare, labels, parameter_space
from latentfit.declaration.data import mask_missing
from latentfit.errors import DeclarationError


def mixture(x, components=2):
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(components))
        mu = pm.Normal("mu", 0, 10, shape=components)
        sigma = pm.HalfNormal("sigma", 2)
        pm.Deterministic("variance", sigma**2)
        z = pm.Categorical("z", w, shape=len(x))
        pm.Deterministic("centre", mu[z])
        pm.Normal("x", mu[z], sigma, observed=x)
    return model


def gaps(y):
    with pm.Model() as model:
        scale = pm.Data("scale", np.array([1.0, 2.0, 4.0]))
        theta = pm.Gamma("theta", 1, 1)
        pm.Exponential("y", theta * scale, observed=np.ma.masked_invalid(y))
        pm.Poisson("k", theta, observed=np.ma.array([3, 0, 1], mask=[False, True, False]))
    return model


X = np.array([0.5, 1.5, 3.0, 4.0])
Y = np.array([1.0, np.nan, 3.0])


def test_roles_of_variables():
    declaration = declare(mixture, ("z",), {"x": X}, {"components": 3})
    assert declaration.latents == ("z",)
    assert declaration.parameters == ("w", "mu", "sigma")
    assert declaration.deterministics == ("variance",)
    assert declaration.observed == ("x",)
    np.testing.assert_array_equal(declaration.data["x"], X)


def test_data_are_found_masked_and_in_containers():
    declaration = declare(gaps, ("y_unobserved", "k_unobserved"), {"y": Y}, {})
    assert set(declaration.data) == {"y", "k", "scale"}
    assert declaration.data["y"].mask.tolist() == [False, True, False]
    assert declaration.data["y"].compressed().tolist() == [1.0, 3.0]
    assert declaration.data["k"].mask.tolist() == [False, True, False]
    assert declaration.data["k"].compressed().tolist() == [3, 1]
    assert not isinstance(declaration.data["scale"], np.ma.MaskedArray)


def test_a_built_model_will_do():
    declaration = declare(mixture(X), ("z",), {}, {})
    np.testing.assert_array_equal(declaration.data["x"], X)


def test_unknown_latent_is_named_with_the_variables_there_are():
    with pytest.raises(DeclarationError, match=r"no free variable 'zz'.*w, mu, sigma, z"):
        declare(mixture, ("zz",), {"x": X}, {})


def test_a_model_without_parameters_is_refused():
    with pytest.raises(DeclarationError, match="no parameter is left"):
        declare(mixture, ("w", "mu", "sigma", "z"), {"x": X}, {})


def test_a_model_that_observes_nothing_is_refused():
    with pm.Model() as model:
        pm.Normal("z")
        pm.Normal("theta")
    with pytest.raises(DeclarationError, match="observes nothing"):
        declare(model, ("z",), {}, {})


def test_a_potential_is_refused():
    with mixture(X) as model:
        pm.Potential("tilt", -(model["sigma"] ** 2))
    with pytest.raises(DeclarationError, match=r"Potential \(tilt\)"):
        declare(model, ("z",), {}, {})


def test_a_simulator_is_refused():
    with pm.Model() as model:
        theta = pm.Normal("theta")
        z = pm.Normal("z", theta)
        pm.Simulator("x", lambda rng, m, size: rng.normal(m, 1.0, size), z, observed=1.0)
    with pytest.raises(DeclarationError, match="x is a Simulator, whose log density is random"):
        declare(model, ("z",), {}, {})


def test_a_function_that_returns_no_model_is_refused():
    with pytest.raises(DeclarationError, match=r"must return a pm\.Model"):
        declare(lambda x: None, ("z",), {"x": X}, {})


def test_an_argument_changed_under_its_own_name_is_refused():
    def logs(x):
        return mixture(np.log(x))

    with pytest.raises(DeclarationError, match="changes its argument 'x'"):
        declare(logs, ("z",), {"x": X}, {})


def test_a_discrete_parameter_is_refused():
    with pytest.raises(DeclarationError, match="'z' is discrete"):
        parameter_space(declare(mixture, ("mu",), {"x": X}, {}))


@pytest.fixture(scope="module")
def three():
    return parameter_space(declare(mixture, ("z",), {"x": X}, {"components": 3}))


GOOD = {"w": [0.2, 0.3, 0.5], "mu": [1.0, 2.0, 3.0], "sigma": 0.7}


def test_both_scales_and_back(three):
    point = three.unconstrain(GOOD)
    assert point.shape == (three.size,) == (6,)
    back = three.constrain(point)
    for name, value in GOOD.items():
        np.testing.assert_allclose(back[name], value, rtol=1e-14)
    assert back["variance"] == pytest.approx(0.49, rel=1e-14)


def test_deterministics_locate_the_parameters(three):
    values = {"w": GOOD["w"], "mu": GOOD["mu"], "variance": 0.49}
    np.testing.assert_allclose(three.locate(values), three.unconstrain(GOOD), atol=1e-7)


def test_impossible_deterministics_are_refused(three):
    with pytest.raises(DeclarationError, match="no values of w, mu, sigma give"):
        three.locate({"w": GOOD["w"], "mu": GOOD["mu"], "variance": -1.0})


def test_values_that_leave_a_parameter_open_are_refused(three):
    with pytest.raises(DeclarationError, match="do not determine"):
        three.locate({"mu": GOOD["mu"], "variance": 0.49})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w": [0.2, 0.3, 0.6]}, r"w = \[0.2 0.3 0.6\] is outside its support.*sums of 1"),
        ({"w": [-0.2, 0.7, 0.5]}, r"w = .* outside its support"),
        ({"sigma": -0.5}, r"sigma = -0.5 is outside its support: it should be positive"),
        ({"mu": [1.0, 2.0]}, r"mu has shape \(2,\), and the model's mu has shape \(3,\)"),
        ({"mu": [1.0, np.nan, 2.0]}, r"mu = \[ 1. nan  2.\] is outside its support.*finite"),
        ({"nu": 3.0}, r"no parameter 'nu': it has w, mu, sigma, variance"),
    ],
)
def test_wrong_values_are_named(three, change, message):
    with pytest.raises(DeclarationError, match=message):
        three.locate(GOOD | change)


def test_a_missing_parameter_is_named(three):
    with pytest.raises(DeclarationError, match="no value for the parameter 'mu'"):
        three.unconstrain({"w": GOOD["w"], "sigma": 0.7})


def test_random_points_lie_in_the_support_and_follow_the_seed(three):
    first = three.random(np.random.default_rng(1))
    again = three.random(np.random.default_rng(1))
    assert first["w"].sum() == pytest.approx(1)
    assert first["sigma"] > 0
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])


def test_labels_of_scalars():
    assert labels("theta", ()) == ["theta"]
    assert labels("mu", (2,)) == ["mu[0]", "mu[1]"]
    assert labels("P", (1, 2)) == ["P[0,0]", "P[0,1]"]


def test_masked_only_where_values_are_missing():
    data = mask_missing({"a": np.array([1.0, np.nan]), "b": np.array([1, 2])})
    assert data["a"].mask.tolist() == [False, True]
    assert type(data["b"]) is np.ndarray


def test_the_steps_are_given_the_arguments_with_their_own_types():
    """PyMC stores counts as integers, and `fit` passes on what a table holds: floats."""

    def counts(y, trials):
        with pm.Model() as model:
            p = pm.Beta("p", 1, 1)
            pm.Data("trials", trials)
            pm.Binomial("y", trials, p, observed=y)
            pm.Binomial("again", 5, p, observed=np.array([2, 3]))
        return model

    arguments = {"y": np.array([1.0, 2.0]), "trials": np.array([3, 4], dtype=np.int64)}
    data = declare(counts, (), arguments, {}).data
    assert data["y"].dtype == float
    assert data["trials"].dtype == np.int64
    assert data["again"].dtype == np.int64
