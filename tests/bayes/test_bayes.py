"""Views and estimates against closed forms and brute force."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from pymc.logprob.utils import ParameterValueError
from pymc_extras.distributions import DiscreteMarkovChain
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.shape import Shape
from scipy import stats

from latentfit import bayes
from latentfit.bayes._curvature import with_known_shapes
from latentfit.bayes._recover import recovery
from latentfit.declaration import declare, interpreting, space
from latentfit.errors import DeclarationError


def exponential(y):
    with pm.Model() as model:
        theta = pm.Gamma("theta", alpha=1, beta=1e-3)
        pm.Exponential("y", theta, observed=np.ma.masked_invalid(y))
    return model


def mixture(x, components=2):
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(components))
        mu = pm.Normal("mu", 0, 10, shape=components)
        sigma = pm.LogNormal("sigma", 0, 1, shape=components)
        z = pm.Categorical("z", w, shape=len(x))
        pm.Normal("x", mu[z], sigma[z], observed=x)
    return model


def density_of(build, latents, arguments):
    declaration = declare(build, latents, arguments, {})
    density = bayes.Density(bayes.observed_view(declaration), space(declaration))
    return declaration, density


@pytest.fixture(scope="module")
def waiting():
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(-1, 0.5, 40), rng.normal(2, 1.0, 60)])
    return x, *density_of(mixture, ("z",), {"x": x})


@pytest.fixture(scope="module")
def toy():
    return density_of(exponential, ("y_unobserved",), {"y": np.array([5.0, np.nan])})


THETA = {"w": np.array([0.3, 0.7]), "mu": np.array([-1.0, 2.5]), "sigma": np.array([0.5, 1.2])}


def brute_force(x, params):
    parts = stats.norm.logpdf(x[:, None], params["mu"], params["sigma"]) + np.log(params["w"])
    return np.logaddexp.reduce(parts, axis=1), parts


def test_log_likelihood_sums_over_the_latent(waiting):
    x, _, density = waiting
    value, _ = density.log_likelihood(density.space.unconstrain(THETA))
    assert value == pytest.approx(brute_force(x, THETA)[0].sum(), rel=1e-13)


def test_log_prior_is_on_the_natural_scale(waiting):
    _, _, density = waiting
    value, _ = density.log_prior(density.space.unconstrain(THETA))
    expected = (
        stats.dirichlet.logpdf(THETA["w"], np.ones(2))
        + stats.norm.logpdf(THETA["mu"], 0, 10).sum()
        + stats.lognorm.logpdf(THETA["sigma"], 1).sum()
    )
    assert value == pytest.approx(expected, rel=1e-12)


def test_gradient_and_hessian_against_differences(waiting):
    _, _, density = waiting
    point = density.space.unconstrain(THETA)
    step = 1e-5
    for objective, prior in ((density.log_likelihood, False), (density.log_posterior, True)):
        _, gradient = objective(point)
        hessian = density.hessian(point, prior=prior)
        for axis, direction in enumerate(np.eye(len(point))):
            up, down = objective(point + step * direction), objective(point - step * direction)
            assert gradient[axis] == pytest.approx((up[0] - down[0]) / (2 * step), abs=1e-5)
            np.testing.assert_allclose(hessian[axis], (up[1] - down[1]) / (2 * step), atol=1e-5)


def test_childless_latent_is_left_out(toy):
    _, density = toy
    assert [rv.name for rv in density.view.free_RVs] == ["theta"]
    value, score = density.log_likelihood(density.space.unconstrain({"theta": 0.3}))
    assert value == pytest.approx(np.log(0.3) - 5 * 0.3, rel=1e-14)
    assert score[0] == pytest.approx(1 - 5 * 0.3, rel=1e-14)


def test_toy_estimates_in_closed_form(toy):
    """MLE 1/5, MAP 1/5.001, standard error θ/√1, joint mode 2/5.001 at y2 = 0."""
    declaration, density = toy
    (climb,) = bayes.maximum_likelihood(density, [density.space.unconstrain({"theta": 3.0})])
    assert climb.reached
    assert density.space.constrain(climb.point)["theta"] == pytest.approx(0.2, rel=1e-14)
    mode = bayes.maximum_a_posteriori(density, climb.point)
    assert mode.reached
    assert density.space.constrain(mode.point)["theta"] == pytest.approx(1 / 5.001, rel=1e-13)
    errors = bayes.asymptotic_errors(density, climb.point)
    assert errors["theta"] == pytest.approx(0.2, rel=1e-9)
    trap = bayes.joint_mode(declaration)
    assert trap.params["theta"] == pytest.approx(2 / 5.001, rel=1e-4)
    assert trap.latents["y_unobserved"] == pytest.approx(0, abs=1e-4)


def test_no_joint_mode_of_a_discrete_latent(waiting):
    assert bayes.joint_mode(waiting[1]) is None


def test_the_mode_is_that_of_pymc(waiting):
    _, _, density = waiting
    start = density.space.unconstrain(THETA)
    mode = bayes.maximum_a_posteriori(density, start)
    assert mode.reached
    natural = density.space.constrain(mode.point)
    with interpreting():
        theirs = pm.find_MAP(
            start={free.name: THETA[free.name] for free in density.view.free_RVs},
            model=density.view,
            progressbar=False,
        )
    for free in density.view.free_RVs:
        np.testing.assert_allclose(natural[free.name], theirs[free.name], rtol=1e-4)


def test_climbs_are_remembered(waiting):
    _, _, density = waiting
    start = density.space.unconstrain(THETA)
    (once,) = bayes.maximum_likelihood(density, [start])
    moved, again = bayes.maximum_likelihood(density, [start + 1e-9, start.copy()])
    assert again is once
    assert moved is not once
    np.testing.assert_allclose(moved.point, once.point, atol=1e-7)


def test_direct_maximum_has_no_slope(waiting):
    _, _, density = waiting
    (climb,) = bayes.maximum_likelihood(density, [density.space.unconstrain(THETA)])
    assert climb.reached
    assert climb.decrement < 1e-8
    value, gradient = density.log_likelihood(climb.point)
    assert np.abs(gradient).max() < 1e-9 * abs(value)


def test_a_saddle_is_not_called_a_maximum(waiting):
    """Equal components are a stationary point that the gradient cannot leave."""
    x, _, density = waiting
    same = {
        "w": np.array([0.5, 0.5]),
        "mu": np.full(2, x.mean()),
        "sigma": np.full(2, x.std()),
    }
    climb = bayes.polish(
        density.log_likelihood,
        density.hessian,
        density.space.unconstrain(same),
        density.space.bounded,
    )
    assert not climb.reached
    assert "not a maximum" in climb.problem


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_maximum_likelihood_in_any_unit(waiting, unit):
    x, _, density = waiting

    def scaled(x):
        with pm.Model() as model:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 10 * unit, shape=2)
            sigma = pm.LogNormal("sigma", np.log(unit), 1, shape=2)
            z = pm.Categorical("z", w, shape=len(x))
            pm.Normal("x", mu[z], sigma[z], observed=x)
        return model

    _, other = density_of(scaled, ("z",), {"x": x * unit})
    start = THETA | {"mu": THETA["mu"] * unit, "sigma": THETA["sigma"] * unit}
    (theirs,) = bayes.maximum_likelihood(other, [other.space.unconstrain(start)])
    (ours,) = bayes.maximum_likelihood(density, [density.space.unconstrain(THETA)])
    assert theirs.reached
    assert theirs.value == pytest.approx(ours.value - len(x) * np.log(unit), rel=1e-10)
    np.testing.assert_allclose(
        other.space.constrain(theirs.point)["mu"],
        density.space.constrain(ours.point)["mu"] * unit,
        rtol=1e-8,
    )
    np.testing.assert_allclose(
        bayes.asymptotic_errors(other, theirs.point)["mu"],
        bayes.asymptotic_errors(density, ours.point)["mu"] * unit,
        rtol=1e-6,
    )


def as_draws(density, points):
    natural = [density.space.constrain(point) for point in points]
    return xr.Dataset(
        {
            name: (
                ("sample", *(f"{name}_{axis}" for axis in range(len(shape)))),
                np.array([values[name] for values in natural]),
            )
            for name, shape in density.space.shapes.items()
        }
    )


def test_pointwise_log_likelihood_at_many_draws(waiting):
    x, _, density = waiting
    rng = np.random.default_rng(0)
    base = density.space.unconstrain(THETA)
    draws = as_draws(density, base + 0.1 * rng.standard_normal((7, density.space.size)))
    found = bayes.pointwise_log_likelihood(density.view, draws)["x"]
    for index in range(7):
        params = {name: draws[name].values[index] for name in THETA}
        np.testing.assert_allclose(found[index], brute_force(x, params)[0], rtol=1e-12)


def test_recovered_categories(waiting):
    x, declaration, density = waiting
    base = density.space.unconstrain(THETA)
    draws = as_draws(density, np.tile(base, (4000, 1)))
    found = bayes.recover(declaration, density.view, draws, seed=1)["z"]
    total, parts = brute_force(x, THETA)
    exact = np.exp(parts - total[:, None])
    np.testing.assert_allclose(found.mean, exact, rtol=1e-10, atol=1e-14)
    share = np.mean(found.draws == 1, axis=0)
    error = np.sqrt(exact[:, 1] * exact[:, 0] / 4000)
    assert np.all(np.abs(share - exact[:, 1]) < 5 * error + 1e-12)


def test_recovered_missing_value(toy):
    declaration, density = toy
    draws = as_draws(density, np.full((20000, 1), np.log(0.2)))
    found = bayes.recover(declaration, density.view, draws, seed=1)["y_unobserved"]
    assert found.draws.shape == (20000, 1)
    assert found.mean[0] == pytest.approx(5, abs=5 * 5 / np.sqrt(20000))
    assert stats.kstest(found.draws[:, 0], stats.expon(scale=5).cdf).pvalue > 1e-4


def test_a_chain_of_one_time_is_drawn():
    def short(y):
        with pm.Model() as model:
            p = pm.Dirichlet("p", np.ones((2, 2)))
            first = pm.Categorical.dist([0.5, 0.5])
            z = DiscreteMarkovChain("z", P=p, init_dist=first, shape=(len(y),))
            pm.Normal("y", 3.0 * z, 1.0, observed=y)
        return model

    declaration, density = density_of(short, ("z",), {"y": np.array([0.5])})
    at = as_draws(density, [np.zeros(density.space.size)])
    found = recovery(declaration, density.view)(at, 1, 4000)["z"].draws
    odds = stats.norm.logpdf(0.5, [0.0, 3.0])
    share = np.exp(odds[1] - np.logaddexp.reduce(odds))
    assert np.mean(found) == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / 4000))


def test_draws_of_one_theta_follow_one_another(waiting):
    x, declaration, density = waiting
    other = {**THETA, "mu": THETA["mu"][::-1], "sigma": THETA["sigma"][::-1]}
    points = [density.space.unconstrain(theta) for theta in (THETA, other)]
    draw = recovery(declaration, density.view)
    found = draw(as_draws(density, points), 3, 2000)["z"].draws
    assert found.shape == (4000, len(x))
    for theta, own in zip((THETA, other), (found[:2000], found[2000:]), strict=True):
        total, parts = brute_force(x, theta)
        exact = np.exp(parts - total[:, None])
        error = np.sqrt(exact[:, 1] * exact[:, 0] / 2000)
        assert np.all(np.abs(np.mean(own == 1, axis=0) - exact[:, 1]) < 5 * error + 1e-12)
    again = draw(as_draws(density, points), 3, 2000)["z"].draws
    np.testing.assert_array_equal(found, again)


def test_what_is_compiled_to_draw_continuous_latents_is_reproduced_by_its_seed(toy):
    declaration, density = toy
    draw = recovery(declaration, density.view)
    at = as_draws(density, np.log([[0.2], [20.0]]))
    one, again, other = (draw(at, seed, 5000)["y_unobserved"].draws for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    for own, mean in ((one[:5000], 5.0), (one[5000:], 0.05)):
        assert np.mean(own) == pytest.approx(mean, abs=5 * mean / np.sqrt(5000))


def test_q_by_draws_is_the_mean_over_them(waiting):
    x, declaration, density = waiting
    view = bayes.by_draws(declaration, density)
    start, point = density.space.unconstrain(THETA), density.space.unconstrain(THETA) + 0.1
    statistics = view.statistics(start, np.random.default_rng(0))
    found, slope = view.q(statistics, point)
    _, parts = brute_force(x, density.space.constrain(point))
    each = parts[np.arange(len(x)), statistics["z"]].sum(axis=1)
    assert found == pytest.approx(each.mean(), rel=1e-12)
    ahead = [view.q(statistics, point + 1e-6 * axis)[0] for axis in np.eye(len(point))]
    back = [view.q(statistics, point - 1e-6 * axis)[0] for axis in np.eye(len(point))]
    np.testing.assert_allclose(slope, (np.array(ahead) - back) / 2e-6, rtol=1e-6, atol=1e-5)
    # Picked out of the parameters one draw after the other, categories take seconds.
    assert not any(isinstance(node.op, Blockwise) for node in io_toposort([], view._graphs))


def test_a_latent_that_no_strategy_takes_is_named():
    def counted_angles(k):
        with pm.Model() as model:
            shape = pm.Gamma("shape", 2, 1)
            rate = pm.VonMises("rate", 0, shape, shape=len(k))
            pm.Poisson("k", np.pi + rate, observed=k)
        return model

    declaration = declare(counted_angles, ("rate",), {"k": np.array([1, 2, 3])}, {})
    with pytest.raises(DeclarationError, match="cannot integrate rate out"):
        bayes.observed_view(declaration)


def test_no_joint_mode_from_an_impossible_point():
    """Where 1 was chosen a utility of zero, PyMC's initial one, has no density."""

    def utilities(y):
        with pm.Model() as model:
            mu = pm.Normal("mu", 0, 1)
            z = pm.Normal("z", mu, 1, shape=len(y))
            pm.Bernoulli("y", pm.math.switch(z > 0, 1.0, 0.0), observed=y)
        return model

    declaration = declare(utilities, ("z",), {"y": np.array([1, 0, 1])}, {})
    assert bayes.joint_mode(declaration) is None


def test_categories_of_latents(waiting, toy):
    assert bayes.categories(waiting[1]) == {"z": 2}
    assert bayes.categories(toy[0]) == {}


def test_literal_numbers_are_doubles():
    """PyTensor alone would take the logarithm of the literal 10 in single precision."""

    def gamma(x):
        with pm.Model() as model:
            pm.Normal("z", 0, 1)
            scale = pm.LogNormal("scale", 0, 1)
            pm.Gamma("x", 10, 10 * scale, observed=x)
        return model

    x = np.array([0.5, 1.3])
    _, density = density_of(gamma, ("z",), {"x": x})
    value, _ = density.log_likelihood(density.space.unconstrain({"scale": 1.0}))
    assert value == pytest.approx(stats.gamma.logpdf(x, 10, scale=0.1).sum(), rel=1e-14)


def test_a_step_that_leaves_the_representable_numbers_is_shortened():
    """PyMC raises where a scale underflows to zero; a climb has to come back from there."""

    def objective(point):
        if point[0] < -2:
            raise ParameterValueError("sigma > 0")
        return float(np.log1p(point[0] + 2.5) - point[0]), 1 / (3.5 + point) - 1

    def hessian(point):
        # Too flat, so that Newton's step overshoots.
        return np.array([[-1e-2 / (3.5 + point[0]) ** 2]])

    climb = bayes.polish(objective, hessian, np.array([0.0]), np.array([False]))
    assert -2.0 <= climb.point[0] <= 0.0
    assert np.isfinite(climb.value)


def test_shapes_that_types_tell_are_not_computed_for_second_derivatives():
    x = pt.vector("x", shape=(3,))
    graph = pt.sum(x) * pt.shape(x)[0] + pt.shape(pt.exp(x))[0]
    (found,) = with_known_shapes([graph])
    assert not any(isinstance(node.op, Shape) for node in io_toposort([], [found]))
    assert found.eval({x: [1.0, 2.0, 3.0]}) == 21


def test_nor_are_those_that_follow_from_types():
    x = pt.matrix("x", shape=(3, 3))
    diagonal = x[pt.arange(x.shape[0]), pt.arange(x.shape[1])]
    assert diagonal.type.shape == (None,)
    (found,) = with_known_shapes([pt.shape(pt.diag(diagonal))[1] * pt.sum(x)])
    assert not any(isinstance(node.op, Shape) for node in io_toposort([], [found]))
    assert found.eval({x: np.eye(3)}) == 9
