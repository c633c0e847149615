"""Sums over the paths of a Markov chain by pairwise products, against the forward algorithm."""

import numpy as np
import pymc as pm
import pytensor
import pytest
from pymc_extras.distributions import DiscreteMarkovChain
from pymc_extras.marginal import marginalize
from pytensor.graph.traversal import ancestors
from pytensor.scan.op import Scan
from scipy import stats

from latentfit.bayes.marginalize import _markov_chain
from latentfit.declaration.compilation import compile_function, double_precision

pytestmark = pytest.mark.slow

INITIAL = np.array([0.2, 0.3, 0.5])
UPWARDS = np.array([[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.0, 0.0, 1.0]])


def chain(times, sequences=None, transition=None):
    x = np.random.default_rng(times).normal(size=times if sequences is None else (sequences, times))
    with pm.Model() as model:
        P = pm.Dirichlet("P", np.ones((3, 3))) if transition is None else transition
        initial = INITIAL if transition is None else np.array([1.0, 0.0, 0.0])
        z = DiscreteMarkovChain("z", P=P, init_dist=pm.Categorical.dist(initial), shape=x.shape)
        mu = pm.Normal("mu", 0, 2, shape=3)
        pm.Normal("x", mu[z], 1, observed=x)
    return model


def log_likelihood(model):
    """log p(x | θ) and its derivatives as a function of unconstrained values, and such values."""
    with double_precision():
        view = marginalize(model, ["z"])
        value = view.logp(vars=view.observed_RVs).sum()
        gradient = pytensor.grad(value, view.value_vars, disconnected_inputs="ignore")
    rng, start = np.random.default_rng(0), view.initial_point()
    point = [start[v.name] + 0.3 * rng.normal(size=start[v.name].shape) for v in view.value_vars]
    return compile_function(view.value_vars, [value, *gradient]), point


def forward_algorithm(x, rows, mu):
    """log p(x | P, μ) of unconstrained rows of P; values may be complex.

    PyMC's transform of a simplex is y -> softmax(y, -Σy).
    """
    powers = np.exp(np.append(rows, -rows.sum(axis=-1, keepdims=True), axis=-1))
    transition = powers / powers.sum(axis=-1, keepdims=True)
    emissions = np.exp(-0.5 * (x[..., None] - mu) ** 2) / np.sqrt(2 * np.pi)
    ahead = INITIAL * emissions[..., 0, :]
    for time in range(1, x.shape[-1]):
        ahead = emissions[..., time, :] * (ahead @ transition)
    return np.log(ahead.sum(axis=-1)).sum()


def derivative(function, value, width=1e-20):
    """By a complex step, which has no cancellation (Squire & Trapp 1998)."""
    directions = np.eye(value.size).reshape(-1, *value.shape)
    entries = [function(value + 1j * width * one).imag / width for one in directions]
    return np.reshape(entries, value.shape)


def assert_equals_the_forward_algorithm(model):
    evaluate, point = log_likelihood(model)
    (x,) = model.rvs_to_values[model["x"]].eval()[None]
    # Rows of P are a matrix, and μ is a vector.
    ordered = sorted(range(2), key=lambda place: -point[place].ndim)
    rows, mu = (point[place] for place in ordered)
    value, *gradients = evaluate(*point)
    of_rows, of_mu = (gradients[place] for place in ordered)
    assert value == pytest.approx(forward_algorithm(x, rows, mu), rel=1e-12)
    expected = derivative(lambda rows: forward_algorithm(x, rows, mu), rows)
    np.testing.assert_allclose(of_rows, expected, rtol=1e-10, atol=1e-12)
    expected = derivative(lambda mu: forward_algorithm(x, rows, mu), mu)
    np.testing.assert_allclose(of_mu, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("times", [2, 3, 4, 7, 30])
@pytest.mark.parametrize("sequences", [None, 2])
def test_pairwise_products_equal_the_forward_algorithm(times, sequences):
    assert_equals_the_forward_algorithm(chain(times, sequences))


def test_loop_over_times_equals_the_forward_algorithm(monkeypatch):
    monkeypatch.setattr(_markov_chain, "_MAX_STATES", 0)
    assert_equals_the_forward_algorithm(chain(7, 2))


@pytest.mark.parametrize(("states", "looped"), [(6, False), (7, True)])
def test_many_states_use_the_forward_algorithm(states, looped):
    with pm.Model() as model:
        P, initial = np.full((states, states), 1 / states), np.full(states, 1 / states)
        z = DiscreteMarkovChain("z", P=P, init_dist=pm.Categorical.dist(initial), shape=5)
        mu = pm.Normal("mu", 0, 2, shape=states)
        x = np.linspace(-1, 1, 5)
        pm.Normal("x", mu[z], 1, observed=x)
    view = marginalize(model, ["z"])
    (graph,) = view.logp(vars=view.observed_RVs, sum=False)
    loops = [one for one in ancestors([graph]) if one.owner and isinstance(one.owner.op, Scan)]
    assert bool(loops) == looped
    # All transitions have the same probability, so that the times are independent.
    evaluate, (mu,) = log_likelihood(model)
    expected = np.log(stats.norm(mu).pdf(x[:, None]).mean(axis=1)).sum()
    assert evaluate(mu)[0] == pytest.approx(expected, rel=1e-12)


def test_chain_of_a_single_time_is_a_mixture():
    model = chain(1)
    evaluate, point = log_likelihood(model)
    (mu,) = (values for values in point if values.shape == (3,))
    (x,) = model.rvs_to_values[model["x"]].eval()
    expected = np.log(INITIAL @ stats.norm(mu).pdf(x))
    assert evaluate(*point)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("times", [2, 3, 30])
def test_gradient_with_impossible_transitions_equals_differences(times, monkeypatch):
    pairwise, (mu,) = log_likelihood(chain(times, transition=UPWARDS))
    monkeypatch.setattr(_markov_chain, "_MAX_STATES", 0)
    forward, _ = log_likelihood(chain(times, transition=UPWARDS))
    steps = 1e-5 * np.eye(3)
    expected = [(pairwise(mu + step)[0] - pairwise(mu - step)[0]) / 2e-5 for step in steps]
    for evaluate in (pairwise, forward):
        value, gradient = evaluate(mu)
        assert value == pytest.approx(pairwise(mu)[0], rel=1e-12)
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("most_states", [6, 0])
def test_data_that_no_path_explains_have_probability_zero(most_states, monkeypatch):
    monkeypatch.setattr(_markov_chain, "_MAX_STATES", most_states)
    with pm.Model() as model:
        z = DiscreteMarkovChain("z", P=np.eye(2), init_dist=pm.Categorical.dist([1.0, 0]), shape=3)
        p = pm.Beta("p", 1, 1)
        pm.Bernoulli("x", pm.math.stack([0.0, p])[z], observed=[0, 1, 0])
    evaluate, point = log_likelihood(model)
    assert evaluate(*point)[0] == -np.inf
