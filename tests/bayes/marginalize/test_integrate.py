"""Latents integrated out, against closed forms, finite differences and the joint density."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from pymc.model.transform.conditioning import remove_value_transforms
from pymc_extras.marginal import conditional, marginalize
from scipy import stats
from scipy.integrate import quad
from scipy.special import digamma

import latentfit
from latentfit.bayes import marginalize as marginalisation
from latentfit.bayes.marginalize import (
    ConjugateMarginalRV,
    QuadratureMarginalRV,
    StateSpaceMarginalRV,
    _state_space,
    nodes,
)
from latentfit.bayes.marginalize._chain_solve import solve_chain
from latentfit.bayes.marginalize._conjugate import strategy
from latentfit.bayes.marginalize._normal import NORMAL
from latentfit.bayes.marginalize._tabulated import POINTS, quantile
from latentfit.declaration import double_precision, function, interpreting, stable

pytestmark = pytest.mark.slow

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


def normal(mean, covariance, y):
    return stats.multivariate_normal(mean, covariance).logpdf(y).sum()


def scales(*names):
    return [pm.HalfNormal(name, 2) for name in names]


def intercepts():
    s, t = scales("s", "t")
    mu = pm.Normal("mu", 0, 10)
    z = pm.Normal("z", 0, t, shape=5)
    pm.Normal("y", mu + z[GROUP], s, observed=Y)


def intercepts_density(p):
    between = p["t"] ** 2 * np.equal.outer(GROUP, GROUP)
    return normal(np.full(15, p["mu"]), between + p["s"] ** 2 * np.eye(15), Y)


def lines():
    s, t = scales("s", "t")
    z = pm.MvNormal("z", np.zeros(2), np.array([[1.0, 0.5], [0.5, 2.0]]) * t**2, shape=(5, 2))
    pm.Normal("y", z[GROUP, 0] + z[GROUP, 1] * X, s, observed=Y)


def lines_density(p):
    design = np.stack([np.ones(15), X], axis=1)
    within = design @ (np.array([[1.0, 0.5], [0.5, 2.0]]) * p["t"] ** 2) @ design.T
    between = within * np.equal.outer(GROUP, GROUP)
    return normal(np.zeros(15), between + p["s"] ** 2 * np.eye(15), Y)


def unequal_blocks():
    s, t = scales("s", "t")
    z = pm.Normal("z", 0, t, shape=15)
    sums = pt.concatenate([pt.cumsum(z[g == GROUP]) for g in range(5)])
    pm.Normal("y", sums, s, observed=Y)


def unequal_blocks_density(p):
    add = np.zeros((15, 15))
    for g in range(5):
        own = np.flatnonzero(g == GROUP)
        add[np.ix_(own, own)] = np.tri(len(own))
    return normal(np.zeros(15), p["t"] ** 2 * add @ add.T + p["s"] ** 2 * np.eye(15), Y)


def loadings():
    (s,) = scales("s")
    w = pm.Normal("w", 0, 1, shape=(4, 2))
    z = pm.Normal("z", 0, 1, shape=(12, 2))
    pm.Normal("y", z @ w.T, s, observed=ROWS)


def loadings_density(p):
    return normal(np.zeros(4), p["w"] @ p["w"].T + p["s"] ** 2 * np.eye(4), ROWS)


def walk():
    s, t = scales("s", "t")
    z = pm.GaussianRandomWalk("z", 0, t, init_dist=pm.Normal.dist(0, 10), steps=24)
    pm.Normal("y", z, s, observed=WALK)


def walk_density(p):
    times = np.arange(25)
    covariance = 100 + p["t"] ** 2 * np.minimum.outer(times, times) + p["s"] ** 2 * np.eye(25)
    return normal(np.zeros(25), covariance, WALK)


def two_children():
    s, t = scales("s", "t")
    z = pm.Normal("z", 1, t, shape=5)
    pm.Normal("first", z[GROUP], s, observed=Y)
    pm.Normal("second", 2 * z, 1, observed=np.arange(5.0))


def two_children_density(p):
    design = np.concatenate([np.eye(5)[GROUP], 2 * np.eye(5)])
    noise = np.diag(np.repeat([p["s"] ** 2, 1.0], [15, 5]))
    values = np.concatenate([Y, np.arange(5.0)])
    return normal(design.sum(axis=1), p["t"] ** 2 * design @ design.T + noise, values)


def not_all_depend():
    s, t = scales("s", "t")
    z = pm.Normal("z", 0, t, shape=3)
    pm.Normal("y", pt.concatenate([z, pt.zeros(12)]), s, observed=Y)


def not_all_depend_density(p):
    scale = np.where(np.arange(15) < 3, np.hypot(p["s"], p["t"]), p["s"])
    return stats.norm(0, scale).logpdf(Y).sum()


def counts():
    a, b = scales("a", "b")
    z = pm.Gamma("z", a, b, shape=8)
    pm.Poisson("y", z * EXPOSURE, observed=COUNTS)


def counts_density(p):
    return stats.nbinom(p["a"], p["b"] / (p["b"] + EXPOSURE)).logpmf(COUNTS).sum()


def precisions():
    nu, s = scales("nu", "s")
    mu = pm.Normal("mu", 0, 10)
    z = pm.Gamma("z", nu / 2, nu / 2, shape=15)
    pm.Normal("y", mu, s / pt.sqrt(z), observed=Y)


def variances():
    nu, s = scales("nu", "s")
    mu = pm.Normal("mu", 0, 10)
    z = pm.InverseGamma("z", nu / 2, nu / 2, shape=15)
    pm.Normal("y", mu, s * pt.sqrt(z), observed=Y)


def t_density(p):
    return stats.t(p["nu"], p["mu"], p["s"]).logpdf(Y).sum()


def waits():
    a, b = scales("a", "b")
    z = pm.Gamma("z", a, b, shape=8)
    pm.Exponential("y", z, observed=EXPOSURE)


def waits_density(p):
    return stats.lomax(p["a"], scale=p["b"]).logpdf(EXPOSURE).sum()


def shares():
    a, b = scales("a", "b")
    z = pm.Beta("z", a, b, shape=8)
    pm.Binomial("y", 12, z, observed=COUNTS)


def shares_density(p):
    return stats.betabinom(12, p["a"], p["b"]).logpmf(COUNTS).sum()


def tables():
    a = pm.HalfNormal("a", 2, shape=3)
    z = pm.Dirichlet("z", a, shape=(6, 3))
    pm.Multinomial("y", 20, z, observed=TABLE)


def tables_density(p):
    return stats.dirichlet_multinomial(p["a"], 20).logpmf(TABLE).sum()


def utilities():
    b = pm.Normal("b", 0, 2, shape=2)
    z = pm.Normal("z", b[0] + b[1] * X, 1)
    pm.Bernoulli("y", pm.math.switch(z > 0, 1.0, 0.0), observed=(Y > 1).astype(int))


def utilities_density(p):
    mean = p["b"][0] + p["b"][1] * X
    return stats.norm.logcdf(np.where(Y > 1, mean, -mean)).sum()


LOW, HIGH = np.array([0, 1, 2, 5.0]), np.array([1, 2, 5, np.inf])


def grouped():
    a, b = scales("a", "b")
    z = pm.Weibull("z", a, b, shape=4)
    within = pm.math.and_(z > LOW, z <= HIGH)
    pm.Bernoulli("y", pm.math.switch(within, 1.0, 0.0), observed=np.ones(4, int))


def grouped_density(p):
    lifetimes = stats.weibull_min(p["a"], scale=p["b"])
    return np.log(lifetimes.sf(LOW) - lifetimes.sf(HIGH)).sum()


LIMITS = np.array([1.0, 2, 40, 0.5])


def censored():
    (rate,) = scales("rate")
    z = pm.Exponential("z", rate, shape=4)
    pm.Bernoulli("y", pm.math.switch(z > LIMITS, 1.0, 0.0), observed=np.ones(4, int))


def censored_density(p):
    return -(p["rate"] * LIMITS).sum()


def rounded():
    mu = pm.Normal("mu", 0, 10)
    (s,) = scales("s")
    z = pm.Normal("z", mu, s, shape=15)
    whole = np.round(Y)
    within = pm.math.and_(z > whole - 0.5, z <= whole + 0.5)
    pm.Bernoulli("y", pm.math.switch(within, 1.0, 0.0), observed=np.ones(15, int))


def rounded_density(p):
    ends = [(np.round(Y) + end - p["mu"]) / p["s"] for end in (-0.5, 0.5)]
    # From the lower tail, whichever it is: differences near 1 have no digits left.
    low, high = np.sort(np.where(ends[0] > 0, np.negative(ends), ends), axis=0)
    return np.log(stats.norm.cdf(high) - stats.norm.cdf(low)).sum()


ANSWERS = (RNG.random((12, 6)) < np.linspace(0.1, 0.9, 12)[:, None]).astype(int)


def abilities():
    b = pm.Normal("b", 0, 1, shape=6)
    (s,) = scales("s")
    z = pm.Normal("z", 0, s, shape=12)
    pm.Bernoulli("y", logit_p=z[:, None] - b, observed=ANSWERS)


def abilities_density(p):
    def likelihood(z, answers):
        logits = z - p["b"]
        return np.exp(answers @ logits - np.logaddexp(0, logits).sum())

    def integrated(answers):
        density = stats.norm(0, p["s"]).pdf
        found, _ = quad(
            lambda z: density(z) * likelihood(z, answers),
            -12 * p["s"],
            12 * p["s"],
            epsabs=0,
            epsrel=1e-12,
            limit=400,
        )
        return found

    return np.sum([np.log(integrated(row)) for row in ANSWERS])


def overdispersed():
    """Groups of counts with a lognormal factor in common."""
    mu = pm.Normal("mu", 1, 1)
    (s,) = scales("s")
    z = pm.Normal("z", 0, s, shape=3)
    pm.Poisson("y", pt.exp(mu + z[OTHER[:8]]), observed=COUNTS)


def overdispersed_density(p):
    def integrated(group):
        def height(z):
            own = COUNTS[OTHER[:8] == group]
            return (
                stats.norm.logpdf(z, 0, p["s"])
                + stats.poisson.logpmf(own, np.exp(p["mu"] + z)).sum()
            )

        top = max(height(z) for z in np.linspace(-3, 3, 61))
        grid = np.linspace(-12 * p["s"] - 3, 12 * p["s"] + 3, 6001)
        values = [np.exp(height(z) - top) for z in grid]
        return top + np.log(np.sum(values) * (grid[1] - grid[0]))

    return sum(integrated(group) for group in range(3))


@dataclass(frozen=True)
class Case:
    """A declaration, and log p(x | θ) as statistics books have it."""

    declare: Callable
    density: Callable
    blocks: tuple[int, int] | None = None
    # PyMC knows no density of variables that were drawn in another order.
    in_order: bool = True

    def __str__(self):
        return self.declare.__name__


CASES = [
    Case(intercepts, intercepts_density, (5, 1)),
    Case(lines, lines_density, (5, 2)),
    Case(unequal_blocks, unequal_blocks_density, (5, 5), in_order=False),
    Case(loadings, loadings_density, (12, 2)),
    Case(walk, walk_density, (1, 25)),
    Case(two_children, two_children_density, (5, 1)),
    Case(not_all_depend, not_all_depend_density, (3, 1)),
    Case(counts, counts_density, (8, 1)),
    Case(precisions, t_density, (15, 1)),
    Case(variances, t_density, (15, 1)),
    Case(waits, waits_density, (8, 1)),
    Case(shares, shares_density, (8, 1)),
    Case(tables, tables_density, (6, 3)),
    Case(utilities, utilities_density),
    Case(grouped, grouped_density),
    Case(censored, censored_density),
    Case(rounded, rounded_density),
    Case(overdispersed, overdispersed_density),
]


class Both:
    """The joint and the observed view of one declaration, and some parameters."""

    def __init__(self, declare, latents=("z",)):
        with double_precision(), pm.Model() as self.joint:
            declare()
        self.view = marginalize(self.joint, list(latents))
        rng = np.random.default_rng(1)
        start = self.view.initial_point()
        self.points = [
            {k: v + 0.5 * rng.normal(size=np.shape(v)) for k, v in start.items()} for _ in range(2)
        ]


def natural_of(point):
    """All transforms here are logarithms."""
    return {
        name.removesuffix("_log__"): np.exp(value) if name.endswith("_log__") else value
        for name, value in point.items()
    }


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request):
    return request.param, Both(request.param.declare)


def observed_logp(model):
    (graph,) = stable([model.logp(vars=model.observed_RVs)])
    evaluate = function(model.value_vars, graph, rewritten=True)
    return lambda point: evaluate(*(point[value.name] for value in model.value_vars))


def test_it_is_the_density_of_the_books(case):
    case, both = case
    density = observed_logp(both.view)
    for point in both.points:
        assert density(point) == pytest.approx(case.density(natural_of(point)), rel=1e-12)


def test_blocks_are_as_small_as_they_can_be(case):
    case, both = case
    if case.blocks is None:
        pytest.skip("one by one")
    ops = [rv.owner.op for rv in both.view.observed_RVs]
    (op,) = {op for op in ops if isinstance(op, ConjugateMarginalRV)}
    assert op.blocks.entries.shape == case.blocks


def test_its_gradient_is_that_of_differences(case):
    _, both = case
    evaluate = value_and_slope(both.view)
    point = both.points[0]
    names = [value.name for value in both.view.value_vars]
    flat = np.concatenate([np.ravel(point[name]) for name in names])
    ends = np.cumsum([np.size(point[name]) for name in names])[:-1]

    def at(where):
        parts = np.split(where, ends)
        there = {n: p.reshape(np.shape(point[n])) for n, p in zip(names, parts, strict=True)}
        return float(evaluate(there)[0])

    steps = 1e-5 * np.eye(len(flat))
    differences = [(at(flat + step) - at(flat - step)) / 2e-5 for step in steps]
    found = np.concatenate([np.ravel(part) for part in evaluate(point)[1:]])
    np.testing.assert_allclose(found, differences, rtol=1e-6, atol=1e-6)


def test_the_conditional_is_the_joint_over_the_marginal(case):
    """log p(x, z) - log p(x) = log p(z | x), for whatever z."""
    case, both = case
    if not case.in_order:
        pytest.skip("drawn in another order")
    (latent,) = [rv for rv in both.joint.free_RVs if rv.name == "z"]
    with double_precision():
        model = conditional(both.view)
    plain = remove_value_transforms(both.joint, vars=[latent])
    with interpreting():
        with np.errstate(all="ignore"):
            z = pm.draw(model["z"], random_seed=4)
        own = model.compile_logp(vars=[model["z"]])
        whole = plain.compile_logp(vars=[*plain.observed_RVs, plain["z"]])
    density = observed_logp(both.view)
    for point in both.points:
        given = {**point, "z": z}
        rest = whole(given) - density(point)
        assert own(given) == pytest.approx(rest, rel=1e-9, abs=1e-9)


def test_points_far_out_in_a_tail():
    """Of an exponential variable nothing is known but that it is large: it has no memory."""
    complete, point, natural = completed(censored, np.ones(4, int))
    statistics = complete.statistics(point, RNG)
    expected = LIMITS + 1 / natural["rate"]
    np.testing.assert_allclose(statistics["z"], expected, rtol=1e-12)
    squares = complete.expectation(lambda z, d: z["z"] ** 2, statistics)
    np.testing.assert_allclose(squares, expected**2 + natural["rate"] ** -2, rtol=1e-12)


def test_points_between_two_ends():
    complete, point, natural = completed(rounded, np.ones(15, int))
    whole = np.round(Y)
    low, high = ((whole + end - natural["mu"]) / natural["s"] for end in (-0.5, 0.5))
    expected = stats.truncnorm(low, high, natural["mu"], natural["s"])
    statistics = complete.statistics(point, RNG)
    np.testing.assert_allclose(statistics["z"], expected.mean(), rtol=1e-9)
    squares = complete.expectation(lambda z, d: z["z"] ** 2, statistics)
    np.testing.assert_allclose(squares, expected.var() + expected.mean() ** 2, rtol=1e-9)


@pytest.mark.parametrize(
    ("declare", "y", "statistic", "books"),
    [
        (counts, COUNTS, np.log, lambda p: digamma(p["a"] + COUNTS) - np.log(p["b"] + EXPOSURE)),
        (
            shares,
            COUNTS,
            np.log,
            lambda p: digamma(p["a"] + COUNTS) - digamma(p["a"] + p["b"] + 12),
        ),
        (
            tables,
            TABLE,
            np.log,
            lambda p: digamma(p["a"] + TABLE) - digamma(p["a"].sum() + 20),
        ),
        (variances, Y, np.reciprocal, None),
    ],
    ids=["gamma", "beta", "dirichlet", "inverse gamma"],
)
def test_expectations_of_logarithms(declare, y, statistic, books):
    complete, point, natural = completed(declare, y)
    statistics = complete.statistics(point, RNG)
    found = complete.expectation(lambda z, d: statistic(z["z"]), statistics)
    if books is None:
        nu, mu, s = (natural[name] for name in ("nu", "mu", "s"))
        expected = (nu + 1) / (nu + ((Y - mu) / s) ** 2)
    else:
        expected = books(natural)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_two_latents_that_depend_on_one_another():
    complete, point, p = completed(crossed, Y, latents=("z", "w"))
    design = np.concatenate([np.eye(5)[GROUP], np.eye(3)[OTHER]], axis=1)
    prior = np.concatenate([np.full(5, p["t"] ** -2), np.full(3, p["u"] ** -2)])
    precision = design.T @ design / p["s"] ** 2 + np.diag(prior)
    mean = np.linalg.solve(precision, design.T @ (Y - p["mu"])) / p["s"] ** 2
    statistics = complete.statistics(point, RNG)
    np.testing.assert_allclose(np.concatenate([statistics["z"], statistics["w"]]), mean, rtol=1e-9)
    second = np.linalg.inv(precision) + np.outer(mean, mean)
    products = complete.expectation(lambda z, d: np.outer(z["z"], z["w"]), statistics)
    np.testing.assert_allclose(products, second[:5, 5:], rtol=1e-9)
    marginal = design @ np.diag(1 / prior) @ design.T + p["s"] ** 2 * np.eye(15)
    expected = normal(np.full(15, p["mu"]), marginal, Y)
    assert complete.density.log_likelihood(point)[0] == pytest.approx(expected, rel=1e-12)


def by_dims():
    s, t = scales("s", "t")
    mu = pm.Normal("mu", 0, 10)
    z = pm.Normal("z", 0, t, dims="name")
    pm.Normal("y", mu + z[GROUP], s, observed=Y)


def test_dims_may_give_the_shape_of_a_latent():
    with pm.Model(coords={"name": range(5)}) as model:
        by_dims()
    with double_precision():
        view = marginalize(model, ["z"])
    point = view.initial_point()
    expected = intercepts_density(natural_of(point))
    assert observed_logp(view)(point) == pytest.approx(expected, rel=1e-12)


def test_expectations_where_dims_give_the_shape():
    complete, point, p = completed(by_dims, Y, coords={"name": range(5)})
    counts = np.bincount(GROUP)
    precision = counts / p["s"] ** 2 + p["t"] ** -2
    mean = np.bincount(GROUP, Y - p["mu"]) / p["s"] ** 2 / precision
    np.testing.assert_allclose(complete.statistics(point, RNG)["z"], mean, rtol=1e-9)
    assert complete.declaration.model.coords["name"] == tuple(range(5))


def autoregression():
    s, t = scales("s", "t")
    start = pm.Normal.dist(0, 10, shape=2)
    z = pm.AR("z", rho=[0.5, 0.3], sigma=t, init_dist=start, steps=23)
    pm.Normal("y", z, s, observed=WALK)


def walks():
    """Several series at once, of a length that is no power of two."""
    s, t = scales("s", "t")
    z = pm.GaussianRandomWalk("z", 0, t, init_dist=pm.Normal.dist(0, 3), shape=(4, 12))
    pm.Normal("y", z.T, s, observed=ROWS)


def trends():
    """A level and its slope, which are tied to those before them together."""
    s, t = scales("s", "t")
    z = pm.Normal("z", 0, 1, shape=(25, 2))
    level, slope = z[:, 0], z[:, 1]
    pm.Normal("steps", level[1:] - level[:-1] - slope[:-1], t, observed=np.zeros(24))
    pm.Normal("bends", slope[1:] - slope[:-1], t, observed=np.full(24, 0.1))
    pm.Normal("y", level, s, observed=WALK)


@pytest.mark.parametrize(
    ("declare", "width"),
    [
        (walk, 1),
        pytest.param(walks, 1, marks=pytest.mark.slow),
        pytest.param(autoregression, 2, marks=pytest.mark.slow),
        pytest.param(trends, 2, marks=pytest.mark.slow),
    ],
)
def test_the_kalman_filter_and_a_full_matrix_agree(declare, width, monkeypatch):
    monkeypatch.setattr(_state_space, "_SHORT", 8)
    filtered = Both(declare)
    with strategies(strategy(NORMAL)):
        full = Both(declare)
    ops = [both.view.observed_RVs[0].owner.op for both in (filtered, full)]
    assert [type(op) for op in ops] == [StateSpaceMarginalRV, ConjugateMarginalRV]
    assert ops[0].width == width
    functions = [value_and_slope(both.view) for both in (filtered, full)]
    for point in filtered.points:
        (value, *slope), (expected, *slopes) = (function(point) for function in functions)
        assert value == pytest.approx(expected, rel=1e-11)
        for one, other in zip(slope, slopes, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


def value_and_slope(model):
    """log p(x | θ) and its derivatives, as the library itself compiles them."""
    (graph,) = stable([model.logp(vars=model.observed_RVs)])
    outputs = [graph, *pytensor.grad(graph, model.value_vars)]
    evaluate = function(model.value_vars, outputs, rewritten=True)
    return lambda point: evaluate(*(point[value.name] for value in model.value_vars))


def test_chains_of_every_length_are_solved():
    rng = np.random.default_rng(8)
    for times, size in [(1, 1), (2, 1), (3, 1), (8, 1), (13, 1), (1, 2), (5, 2), (6, 3)]:
        factor = np.tril(rng.normal(size=(times * size,) * 2)) + 3 * np.eye(times * size)
        factor *= np.abs(np.subtract.outer(*2 * [np.arange(times * size) // size])) <= 1
        whole = factor @ factor.T
        blocks = whole.reshape(times, size, times, size).transpose(0, 2, 1, 3)
        t = np.arange(times)
        right = rng.normal(size=times * size)
        solution, log_determinant = solve_chain(
            pt.constant(blocks[t, t][None]),
            pt.constant(blocks[t[:-1], t[1:]][None]),
            pt.constant(right.reshape(1, times, size)),
            times,
            size,
        )
        with interpreting():
            found, height = pytensor.function([], [solution, log_determinant])()
        np.testing.assert_allclose(found.ravel(), np.linalg.solve(whole, right), rtol=1e-9)
        assert height[0] == pytest.approx(np.linalg.slogdet(whole)[1], rel=1e-10)


def test_quadrature_is_as_precise_as_its_nodes():
    """With nodes doubled nothing changes; with a few, something does."""
    fine = Both(abilities)
    with nodes(122):
        finer = Both(abilities)
    with nodes(5):
        few = Both(abilities)
    point = fine.points[0]
    density, doubled, coarse = (observed_logp(both.view)(point) for both in (fine, finer, few))
    assert density == pytest.approx(abilities_density(natural_of(point)), rel=1e-12)
    assert density == pytest.approx(doubled, rel=1e-12)
    assert density != pytest.approx(coarse, rel=1e-6)


@pytest.mark.parametrize(
    ("tabulated", "precision"),
    [
        (stats.norm(), 1e-12),
        (stats.norm(0.5, 0.5), 1e-9),
        (stats.norm(0, 3), 1e-9),
        (stats.gumbel_r(), 1e-7),
    ],
)
def test_quantiles_of_a_table_are_those_of_the_density(tabulated, precision):
    below = np.array([0.001, 0.025, 0.3, 0.5, 0.9, 0.999])
    heights = tabulated.logpdf(POINTS)
    (found,) = quantile(below[:, None], np.zeros(1), np.ones(1), heights[None]).T
    assert found == pytest.approx(tabulated.ppf(below), abs=precision)


def test_quadrature_and_a_closed_form_agree():
    """A normal mean, integrated out both ways."""
    exact = Both(intercepts)
    with strategies(marginalisation.STRATEGIES[-1]):
        numerical = Both(intercepts)
    ops = [both.view.observed_RVs[0].owner.op for both in (exact, numerical)]
    assert [type(op) for op in ops] == [ConjugateMarginalRV, QuadratureMarginalRV]
    for point in exact.points:
        found = [observed_logp(both.view)(point) for both in (exact, numerical)]
        assert found[0] == pytest.approx(found[1], rel=1e-11)


@contextmanager
def strategies(*only):
    kept, marginalisation.STRATEGIES = marginalisation.STRATEGIES, only
    try:
        yield
    finally:
        marginalisation.STRATEGIES = kept


def test_an_ability_by_fisher_s_identity():
    """Where θ = θ', the slope of Q is that of log p(x | θ); and means are those of an integral."""
    complete, point, p = completed(abilities, ANSWERS)
    statistics = complete.statistics(point, RNG)
    _, slope = complete.q(statistics, point)
    np.testing.assert_allclose(slope, complete.density.log_likelihood(point)[1], atol=1e-9)
    grid = np.linspace(-12, 12, 4001) * p["s"]
    logits = grid[:, None] - p["b"]
    heights = stats.norm.logpdf(grid, 0, p["s"])[:, None] + logits @ ANSWERS.T
    heights = heights - np.logaddexp(0, logits).sum(axis=1, keepdims=True)
    weights = np.exp(heights - heights.max(axis=0))
    expected = grid @ weights / weights.sum(axis=0)
    np.testing.assert_allclose(statistics["z"], expected, rtol=1e-10)


def crossed():
    s, t, u = scales("s", "t", "u")
    mu = pm.Normal("mu", 0, 10)
    z = pm.Normal("z", 0, t, shape=5)
    w = pm.Normal("w", 0, u, shape=3)
    pm.Normal("y", mu + z[GROUP] + w[OTHER], s, observed=Y)


@pytest.mark.parametrize("step", [pt.abs, lambda z: pt.switch(z > 0, z, 0.1 * z), pt.floor])
def test_what_is_straight_in_pieces_is_not_taken_for_straight(step):
    with pm.Model() as model:
        z = pm.Normal("z", 3, 1, shape=4)
        pm.Normal("y", step(z), 1, observed=np.zeros(4))
    with pytest.raises(NotImplementedError):
        marginalize(model, ["z"])


def completed(declare, y, latents=("z",), coords=None):
    """The complete-data view of one of the declarations, and some parameters."""

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


def test_expectations_where_pytensor_does_not_know_the_shape():
    """That of an autoregression it never knows."""
    complete, point, p = completed(autoregression, WALK)
    lag = np.zeros((25, 25))
    for t in range(2, 25):
        lag[t, t - 2 : t] = 0.3, 0.5
    shock = np.diag(np.repeat([10**-2, p["t"] ** -2], [2, 23]))
    precision = (np.eye(25) - lag).T @ shock @ (np.eye(25) - lag) + np.eye(25) / p["s"] ** 2
    mean = np.linalg.solve(precision, WALK / p["s"] ** 2)
    np.testing.assert_allclose(complete.statistics(point, RNG)["z"], mean, rtol=1e-9)


def test_points_are_as_good_as_the_books():
    """Means and covariances of a latent whose blocks are of several sizes."""
    complete, point, p = completed(unequal_blocks, Y)
    add = np.zeros((15, 15))
    for g in range(5):
        own = np.flatnonzero(g == GROUP)
        add[np.ix_(own, own)] = np.tri(len(own))
    precision = add.T @ add / p["s"] ** 2 + np.eye(15) / p["t"] ** 2
    mean = np.linalg.solve(precision, add.T @ Y) / p["s"] ** 2
    statistics = complete.statistics(point, RNG)
    np.testing.assert_allclose(statistics["z"], mean, rtol=1e-10)

    def squares(latents, data):
        return latents["z"] ** 2

    def products(latents, data):
        return np.outer(latents["z"], latents["z"])

    second = np.linalg.inv(precision) + np.outer(mean, mean)
    np.testing.assert_allclose(
        complete.expectation(squares, statistics), np.diag(second), rtol=1e-10
    )
    # Blocks are moved together: what mixes them is not known, and is not told.
    assert complete.expectation(products, statistics) is None
    assert complete.expectation(lambda z, d: z["z"] ** 4, statistics) is None


def logistic_lines():
    s, t = scales("s", "t")
    z = pm.MvNormal("z", np.zeros(2), np.diag([1.0, 0.5]) * t**2, shape=(5, 2))
    pm.Bernoulli("y", logit_p=s + z[GROUP, 0] + z[GROUP, 1] * X, observed=(Y > 1).astype(int))


def logistic_lines_density(p):
    grid = np.linspace(-8, 8, 401) * p["t"]
    z0, z1 = np.meshgrid(grid, grid, indexing="ij")
    total = 0.0
    for g in range(5):
        height = stats.norm.logpdf(z0, 0, p["t"]) + stats.norm.logpdf(z1, 0, np.sqrt(0.5) * p["t"])
        for i in np.flatnonzero(g == GROUP):
            logit = p["s"] + z0 + z1 * X[i]
            height = height + (Y[i] > 1) * logit - np.logaddexp(0, logit)
        total += np.log(np.sum(np.exp(height)) * (grid[1] - grid[0]) ** 2)
    return total


def test_quadrature_in_two_dimensions():
    """Groups of one or two answers say little, and their conditionals are far from normal."""
    views = {}
    for count in (61, 122, 180):
        with nodes(count):
            views[count] = Both(logistic_lines)
    op = views[61].view.observed_RVs[0].owner.op
    assert isinstance(op, QuadratureMarginalRV)
    assert op.blocks.entries.shape == (5, 2)
    densities = {count: observed_logp(both.view) for count, both in views.items()}
    for point in views[61].points:
        usual, doubled, fine = (densities[count](point) for count in (61, 122, 180))
        expected = logistic_lines_density(natural_of(point))
        assert fine == pytest.approx(expected, rel=1e-8)
        # The error that is reported is the one that there is.
        assert abs(usual - expected) <= 2 * abs(usual - doubled) + 1e-9
    with pytest.raises(NotImplementedError, match="has no name"):
        conditional(views[61].view)


def test_slopes_are_finite_where_a_probability_is_one_at_the_outer_nodes():
    """log(1 - p) is made stable before it is differentiated, not after."""
    with pm.Model() as model:
        a = pm.HalfNormal("a", 2)
        z = pm.Normal("z", 0, 1, shape=3)
        pm.Bernoulli("y", logit_p=0.3 + a * z, observed=[1, 0, 1])
    view = marginalize(model, ["z"])
    with interpreting():
        height, slope = view.compile_logp(jacobian=False), view.compile_dlogp(jacobian=False)
    for a in (2.0, 6.0, 9.0):
        low, high = (height({"a_log__": np.log(a) + step}) for step in (-1e-5, 1e-5))
        found = slope({"a_log__": np.array(np.log(a))})
        np.testing.assert_allclose(found, (high - low) / 2e-5, rtol=1e-4, atol=1e-6)
