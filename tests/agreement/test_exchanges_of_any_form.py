"""Exchangeable components are found from the log-likelihood, in whatever form they are written."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

from latentfit import bayes, declaration
from latentfit.agreement import Exchange, find_exchanges, match_components, renumber
from latentfit.agreement.alignment import align

X = np.linspace(-2, 3, 9)


def mixture(weight, first, second):
    """The log-likelihood of weight · N(first) + (1 - weight) · N(second)."""
    parts = [np.log(weight) + stats.norm.logpdf(X, *first)]
    parts.append(np.log(1 - weight) + stats.norm.logpdf(X, *second))
    return float(np.logaddexp.reduce(parts).sum())


def points(draw, count=3):
    rng = np.random.default_rng(11)
    return [draw(rng) for _ in range(count)]


def found(draw, log_likelihood, names, log_prior=lambda values: 0.0, **symmetries):
    return find_exchanges(
        {"z": 2}, points(draw), names, log_likelihood, log_prior, dict, **symmetries
    )


class TestFinding:
    def test_a_probability_and_its_complement(self):
        (exchange,) = found(
            lambda rng: {"theta": np.array(rng.uniform()), "mu": rng.normal(size=2)},
            lambda v: mixture(v["theta"], (v["mu"][0], 1), (v["mu"][1], 1)),
            ("theta", "mu"),
            sums={"theta": 1.0, "mu": 0.0},
        )
        assert exchange.axes == (("mu", 0),)
        assert exchange.complements == (("theta", 1.0),)

    def test_parameters_of_their_own(self):
        names = ("theta", "a", "b", "c", "d", "other")

        def draw(rng):
            values = {name: np.array(rng.uniform(0.2, 0.8)) for name in names}
            return values | {"a": np.array(rng.normal()), "b": np.array(rng.normal())}

        (exchange,) = found(
            draw,
            lambda v: mixture(v["theta"], (v["a"], v["c"]), (v["b"], v["d"])) * float(v["other"]),
            names,
            kinds={"theta": "unit", "a": "real", "b": "real", "c": "scale", "d": "scale"},
            sums={"theta": 1.0, "a": 0.0, "b": 0.0, "other": 1.0},
        )
        assert exchange.groups == (("a", "b"), ("c", "d"))
        assert exchange.complements == (("theta", 1.0),)

    def test_a_probability_that_is_not_one_of_two_weights_is_no_complement(self):
        (exchange,) = found(
            lambda rng: {
                "theta": np.array(rng.uniform()),
                "mu": rng.normal(size=2),
                "w": rng.dirichlet([1, 1]),
            },
            lambda v: mixture(v["w"][0], (v["mu"][0], 1), (v["mu"][1], 1)) + 3 * np.log(v["theta"]),
            ("theta", "mu", "w"),
            sums={"theta": 1.0},
        )
        assert set(exchange.axes) == {("mu", 0), ("w", 0)}
        assert exchange.complements == ()

    def test_independent_exchanges_are_separate(self):
        def log_likelihood(v):
            first = mixture(v["p"], (v["a"][0], 1), (v["a"][1], 1))
            return first + mixture(v["q"], (v["b"][0], 2), (v["b"][1], 2))

        exchanges = found(
            lambda rng: {
                "p": np.array(rng.uniform()),
                "q": np.array(rng.uniform()),
                "a": rng.normal(size=2),
                "b": rng.normal(size=2),
            },
            log_likelihood,
            ("p", "q", "a", "b"),
            sums={"p": 1.0, "q": 1.0},
        )
        assert {(one.axes, one.complements) for one in exchanges} == {
            ((("a", 0),), (("p", 1.0),)),
            ((("b", 0),), (("q", 1.0),)),
        }

    def test_hyperparameters_of_each_component_follow_for_the_prior(self):
        (exchange,) = found(
            lambda rng: {
                "theta": np.array(rng.uniform()),
                "mu": rng.normal(size=2),
                "centre": rng.normal(size=2),
                "unused": np.array(rng.uniform()),
            },
            lambda v: mixture(v["theta"], (v["mu"][0], 1), (v["mu"][1], 1)),
            ("theta", "mu", "centre", "unused"),
            lambda v: float(-((v["mu"] - v["centre"]) ** 2).sum() + np.log(v["unused"])),
            sums={"theta": 1.0, "unused": 1.0},
        )
        assert set(exchange.axes) == {("mu", 0), ("centre", 0)}
        assert exchange.complements == (("theta", 1.0),)
        assert not exchange.prior_distinguishes

    def test_a_prior_that_distinguishes_a_probability_from_its_complement(self):
        (exchange,) = found(
            lambda rng: {"theta": np.array(rng.uniform()), "mu": rng.normal(size=2)},
            lambda v: mixture(v["theta"], (v["mu"][0], 1), (v["mu"][1], 1)),
            ("theta", "mu"),
            lambda v: float(np.log(v["theta"])),
            sums={"theta": 1.0},
        )
        assert exchange.prior_distinguishes


def test_draws_are_put_back():
    exchange = Exchange(2, (), (), groups=(("a", "b"),), complements=(("theta", 1.0),))
    rng = np.random.default_rng(0)
    reference = {"a": np.array(0.0), "b": np.array(2.0), "theta": np.array(0.3)}
    scale = {name: np.array(0.1) for name in reference}
    draws = {name: at + 0.1 * rng.standard_normal(50) for name, at in reference.items()}
    order = np.array([[0, 1], [1, 0]])[rng.integers(0, 2, 50)]
    shuffled = renumber(exchange, draws, order)
    assert np.abs(shuffled["theta"] - draws["theta"]).max() > 0.2
    matched = match_components(exchange, shuffled, reference, scale)
    np.testing.assert_array_equal(matched, order)  # an exchange of two is its own inverse
    restored = renumber(exchange, shuffled, matched)
    for name in draws:
        np.testing.assert_allclose(restored[name], draws[name], rtol=0, atol=1e-15)


def test_a_probability_alone_is_matched():
    exchange = Exchange(2, (), (), complements=(("theta", 1.0),))
    at, scale = {"theta": np.array(0.2)}, {"theta": np.array(np.nan)}
    order = match_components(exchange, {"theta": np.array([0.25, 0.9])}, at, scale)
    assert order.tolist() == [[0, 1], [1, 0]]


@pytest.fixture(scope="module")
def alignment():
    """A mixture of two normals whose weights are ``stack([theta, 1 - theta])``."""
    with pm.Model() as model:
        theta = pm.Beta("theta", 2, 2)
        pm.Deterministic("odds", theta / (1 - theta))
        mu = pm.Normal("mu", 0, 5, shape=2)
        z = pm.Categorical("z", p=pm.math.stack([theta, 1 - theta]), shape=8)
        pm.Normal("y", mu[z], 1, observed=[-1.2, -0.8, 0.1, -0.3, 2.7, 3.1, 3.9, 2.2])
    declared = declaration.declare(model, ("z",), {}, {})
    density = bayes.Density(bayes.observed_view(declared), declaration.parameter_space(declared))
    at = {"theta": np.array(0.4), "mu": np.array([-0.5, 3.0])}
    return align(declared, density, density.space.unconstrain(at))


def test_a_declaration_with_a_weight_and_its_complement(alignment):
    (exchange,) = alignment.exchanges
    assert exchange.axes == (("mu", 0),)
    assert exchange.complements == (("theta", 1.0),)
    assert exchange.recomputed == ("odds",)
    assert not exchange.prior_distinguishes


def test_a_switched_chain_is_switched_back(alignment):
    rng = np.random.default_rng(5)
    theta = 0.4 + 0.05 * rng.standard_normal((4, 6))
    mu = np.array([-0.5, 3.0]) + 0.2 * rng.standard_normal((4, 6, 2))
    switched = theta.copy(), mu.copy()
    switched[0][2], switched[1][2] = 1 - theta[2], mu[2, :, ::-1]
    draws = xr.Dataset(
        {
            "theta": (("chain", "draw"), switched[0]),
            "mu": (("chain", "draw", "k"), switched[1]),
            "odds": (("chain", "draw"), switched[0] / (1 - switched[0])),
        }
    )
    aligned = alignment.align_draws(draws)
    np.testing.assert_allclose(aligned["theta"], theta, rtol=1e-12)
    np.testing.assert_allclose(aligned["mu"], mu, rtol=1e-12)
    np.testing.assert_allclose(aligned["odds"], theta / (1 - theta), rtol=1e-12)


def test_an_estimate_is_given_the_numbering_of_em(alignment):
    space = alignment.density.space
    other = space.unconstrain({"theta": np.array(0.55), "mu": np.array([2.9, -0.4])})
    natural = alignment.align_point(other).natural
    assert natural["theta"] == pytest.approx(0.45)
    np.testing.assert_allclose(natural["mu"], [-0.4, 2.9])
    assert natural["odds"] == pytest.approx(0.45 / 0.55)
