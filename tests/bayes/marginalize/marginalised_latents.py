"""What the tests of strategies have in common: data, cases, and the tests that every case passes.

The tests of a strategy are one file. It lists declarations as `Case`, defines the fixture ``case``
by `case_fixture`, and derives a class from `MarginalisedLatentTests`:

    CASES = [Case(declaration, its_log_likelihood)]
    case = case_fixture(CASES)


    class TestStrategy(MarginalisedLatentTests):
        pass
"""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor
import pytest
from pymc.model.transform.conditioning import remove_value_transforms
from pymc_extras.marginal import conditional, marginalize
from scipy import stats

import latentfit
from latentfit.bayes import marginalize as marginalisation
from latentfit.bayes.marginalize import ConjugateMarginalRV
from latentfit.declaration import double_precision, function, interpreting, stable

RNG = np.random.default_rng(3)
GROUP = np.repeat(np.arange(5), [1, 2, 3, 4, 5])
OTHER = RNG.integers(0, 3, 15)
Y = RNG.normal(size=15) + GROUP
X = RNG.normal(size=15)
ROWS = RNG.normal(size=(12, 4))
WALK = np.cumsum(RNG.normal(size=25))
COUNTS = RNG.poisson(3, size=8)
EXPOSURE = RNG.uniform(1, 5, 8)
TABLE = RNG.multinomial(20, [0.2, 0.3, 0.5], size=6)
ANSWERS = (RNG.random((12, 6)) < np.linspace(0.1, 0.9, 12)[:, None]).astype(int)


@dataclass(frozen=True)
class Case:
    """A declaration, and log p(x | θ) by another formula.

    Attributes
    ----------
    declare : callable
        Declares the model within a model context; its latent is called z.
    density : callable
        From natural parameters to log p(x | θ).
    blocks : tuple of int, optional
        Number and size of the independent blocks of a conjugate latent.
    in_order : bool
        Whether the entries of the latent are drawn in their own order. PyMC has no log density
        for variables that were rearranged after they were drawn.
    """

    declare: Callable
    density: Callable
    blocks: tuple[int, int] | None = None
    in_order: bool = True

    def __str__(self):
        return self.declare.__name__


class Views:
    """The joint and the observed view of one declaration, and some unconstrained parameters."""

    def __init__(self, declare, latents=("z",)):
        with double_precision(), pm.Model() as self.joint:
            declare()
        self.observed = marginalize(self.joint, list(latents))
        rng = np.random.default_rng(1)
        start = self.observed.initial_point()
        self.points = [
            {k: v + 0.5 * rng.normal(size=np.shape(v)) for k, v in start.items()} for _ in range(2)
        ]

    @property
    def op(self):
        """The operation that marginalises the latent."""
        return self.observed.observed_RVs[0].owner.op


def case_fixture(cases):
    """A fixture of each case and its views."""

    @pytest.fixture(scope="module", params=cases, ids=str)
    def case(request):
        return request.param, Views(request.param.declare)

    return case


class MarginalisedLatentTests:
    """Tests of log p(x | θ) and p(z | x, θ) for each case."""

    def test_log_likelihood_equals_the_other_formula(self, case):
        case, views = case
        log_likelihood = observed_logp(views.observed)
        for point in views.points:
            expected = case.density(natural_of(point))
            assert log_likelihood(point) == pytest.approx(expected, rel=1e-12)

    def test_blocks_are_as_small_as_possible(self, case):
        case, views = case
        if case.blocks is None:
            pytest.skip("the case does not state its blocks")
        ops = [rv.owner.op for rv in views.observed.observed_RVs]
        (op,) = {op for op in ops if isinstance(op, ConjugateMarginalRV)}
        assert op.blocks.entries.shape == case.blocks

    def test_gradient_equals_differences(self, case):
        _, views = case
        evaluate = value_and_gradient(views.observed)
        point = views.points[0]
        names = [value.name for value in views.observed.value_vars]
        flat = np.concatenate([np.ravel(point[name]) for name in names])
        ends = np.cumsum([np.size(point[name]) for name in names])[:-1]

        def at(moved):
            parts = np.split(moved, ends)
            values = {n: p.reshape(np.shape(point[n])) for n, p in zip(names, parts, strict=True)}
            return float(evaluate(values)[0])

        steps = 1e-5 * np.eye(len(flat))
        differences = [(at(flat + step) - at(flat - step)) / 2e-5 for step in steps]
        found = np.concatenate([np.ravel(part) for part in evaluate(point)[1:]])
        np.testing.assert_allclose(found, differences, rtol=1e-6, atol=1e-6)

    def test_conditional_is_the_joint_over_the_marginal(self, case):
        """log p(x, z) - log p(x) = log p(z | x), for any z."""
        case, views = case
        if not case.in_order:
            pytest.skip("PyMC has no log density of a rearranged variable")
        (latent,) = [rv for rv in views.joint.free_RVs if rv.name == "z"]
        with double_precision():
            model = conditional(views.observed)
        untransformed = remove_value_transforms(views.joint, vars=[latent])
        with interpreting():
            with np.errstate(all="ignore"):
                z = pm.draw(model["z"], random_seed=4)
            log_conditional = model.compile_logp(vars=[model["z"]])
            log_joint = untransformed.compile_logp(
                vars=[*untransformed.observed_RVs, untransformed["z"]]
            )
        log_likelihood = observed_logp(views.observed)
        for point in views.points:
            given = {**point, "z": z}
            difference = log_joint(given) - log_likelihood(point)
            assert log_conditional(given) == pytest.approx(difference, rel=1e-9, abs=1e-9)


def natural_of(point):
    """Natural parameters of an unconstrained point; all transforms here are logarithms."""
    return {
        name.removesuffix("_log__"): np.exp(value) if name.endswith("_log__") else value
        for name, value in point.items()
    }


def observed_logp(model):
    """The function from an unconstrained point to log p(x | θ)."""
    (graph,) = stable([model.logp(vars=model.observed_RVs)])
    evaluate = function(model.value_vars, graph, rewritten=True)
    return lambda point: evaluate(*(point[value.name] for value in model.value_vars))


def value_and_gradient(model):
    """log p(x | θ) and its derivatives, compiled as the library compiles them."""
    (graph,) = stable([model.logp(vars=model.observed_RVs)])
    outputs = [graph, *pytensor.grad(graph, model.value_vars)]
    evaluate = function(model.value_vars, outputs, rewritten=True)
    return lambda point: evaluate(*(point[value.name] for value in model.value_vars))


def exact_complete_data(declare, y, latents=("z",), coords=None):
    """The complete-data view of a declaration, an unconstrained point, and its natural values."""

    def model(y):
        with pm.Model(coords=coords) as model:
            declare()
        return model

    declared = latentfit.LatentModel(
        model=model, latents=latents, e_step=lambda p, d: {}, m_step=lambda e, d: {}
    )
    complete = declared.reference({"y": y}).complete
    assert complete.exact
    point = 0.5 * np.random.default_rng(2).normal(size=complete.density.space.size)
    return complete, point, complete.density.space.constrain(point)


@contextmanager
def only_strategies(*strategies):
    """Marginalise by these strategies alone."""
    kept, marginalisation.STRATEGIES = marginalisation.STRATEGIES, strategies
    try:
        yield
    finally:
        marginalisation.STRATEGIES = kept


def scales(*names):
    """Half-normal parameters."""
    return [pm.HalfNormal(name, 2) for name in names]


def log_normal(mean, covariance, y):
    """Log density of a multivariate normal distribution, summed over rows."""
    return stats.multivariate_normal(mean, covariance).logpdf(y).sum()


def intercepts():
    """Normal intercepts of groups."""
    s, t = scales("s", "t")
    mu = pm.Normal("mu", 0, 10)
    z = pm.Normal("z", 0, t, shape=5)
    pm.Normal("y", mu + z[GROUP], s, observed=Y)


def intercepts_density(p):
    between = p["t"] ** 2 * np.equal.outer(GROUP, GROUP)
    return log_normal(np.full(15, p["mu"]), between + p["s"] ** 2 * np.eye(15), Y)


def walk():
    """A random walk with observation error."""
    s, t = scales("s", "t")
    z = pm.GaussianRandomWalk("z", 0, t, init_dist=pm.Normal.dist(0, 10), steps=24)
    pm.Normal("y", z, s, observed=WALK)


def walk_density(p):
    times = np.arange(25)
    covariance = 100 + p["t"] ** 2 * np.minimum.outer(times, times) + p["s"] ** 2 * np.eye(25)
    return log_normal(np.zeros(25), covariance, WALK)


def autoregression():
    """An autoregression of order two, whose shape PyTensor does not know."""
    s, t = scales("s", "t")
    start = pm.Normal.dist(0, 10, shape=2)
    z = pm.AR("z", rho=[0.5, 0.3], sigma=t, init_dist=start, steps=23)
    pm.Normal("y", z, s, observed=WALK)
