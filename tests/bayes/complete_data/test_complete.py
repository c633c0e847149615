"""The complete-data view: exact expectations against enumeration, Q against its definition."""

from itertools import pairwise, product

import numpy as np
import pymc as pm
import pytest
from scipy.special import logsumexp

import latentfit
from latentfit import bayes
from latentfit.bayes._chain import drawn
from latentfit.bayes.complete_data._additive import additive

pytestmark = pytest.mark.slow

RNG = np.random.default_rng


def chain(seed=0, times=4, states=3, batch=()):
    rng = RNG(seed)
    initial = np.log(rng.dirichlet(np.ones(states), size=batch))
    transition = np.log(rng.dirichlet(np.ones(states), size=states))
    return bayes.Chain(initial, transition, rng.normal(size=(*batch, times, states)))


def paths(one):
    """Every path of one sequence, with its log joint density."""
    times, states = one.emission.shape
    for path in product(range(states), repeat=times):
        height = one.initial[path[0]] + sum(one.emission[t, k] for t, k in enumerate(path))
        yield path, height + sum(one.transition[j, k] for j, k in pairwise(path))


def test_smoothing_is_the_sum_over_all_paths():
    one = chain()
    listed, heights = zip(*paths(one), strict=True)
    weights = np.exp(np.array(heights) - logsumexp(heights))
    at = np.eye(3)[np.array(listed)]
    gamma, xi = bayes.smoothed(one)
    np.testing.assert_allclose(gamma, np.einsum("p,ptk->tk", weights, at), rtol=1e-12)
    together = np.einsum("p,ptj,ptk->tjk", weights, at[:, :-1], at[:, 1:])
    np.testing.assert_allclose(xi, together, rtol=1e-12)


def test_filtering_is_smoothing_of_the_sequence_so_far():
    one = chain(times=5)
    filtered, _ = bayes.smoothed(one, ahead=False)
    for t in range(1, 6):
        gamma, _ = bayes.smoothed(bayes.Chain(one.initial, one.transition, one.emission[:t]))
        np.testing.assert_allclose(filtered[t - 1], gamma[-1], rtol=1e-12)


def test_sequences_are_smoothed_each_by_itself():
    many = chain(batch=(2,))
    gamma, xi = bayes.smoothed(many)
    for row in range(2):
        one = bayes.Chain(many.initial[row], many.transition, many.emission[row])
        np.testing.assert_allclose(gamma[row], bayes.smoothed(one)[0], rtol=1e-12)
        np.testing.assert_allclose(xi[row], bayes.smoothed(one)[1], rtol=1e-12)


def test_drawn_paths_have_the_probabilities_of_paths():
    one = chain(times=3, states=2)
    gamma, xi = bayes.smoothed(one)
    count = 200_000
    found = drawn(
        np.broadcast_to(gamma, (count, *gamma.shape)),
        np.broadcast_to(xi, (count, *xi.shape)),
        RNG(1),
    )
    listed, heights = zip(*paths(one), strict=True)
    for path, p in zip(listed, np.exp(np.array(heights) - logsumexp(heights)), strict=True):
        share = np.mean(np.all(found == path, axis=-1))
        assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / count)


def test_an_additive_statistic_has_its_exact_mean():
    rng = RNG(3)
    values = rng.normal(size=(4, 3))

    def total(latents):
        z = latents["z"]
        return np.array([np.sum(values[np.arange(4), z]), np.sum(z == 2)])

    terms = additive(total, {"z": (4,)}, {"z": 3}, chain=False)
    r = rng.dirichlet(np.ones(3), size=4)
    expected = [np.sum(r * values), np.sum(r[:, 2])]
    np.testing.assert_allclose(terms.mean({"z": r}, {}), expected, rtol=1e-12)


@pytest.mark.parametrize("statistic", [lambda z: z["z"].sum() ** 2, lambda z: z["z"].max()])
def test_what_does_not_add_up_is_noticed(statistic):
    assert additive(statistic, {"z": (4,)}, {"z": 3}, chain=False) is None


def test_transitions_add_over_neighbours_and_not_over_states():
    def counted(latents):
        z = latents["z"]
        found = np.zeros((3, 3))
        np.add.at(found, (z[:-1], z[1:]), 1)
        return found

    assert additive(counted, {"z": (5,)}, {"z": 3}, chain=False) is None
    terms = additive(counted, {"z": (5,)}, {"z": 3}, chain=True)
    gamma, xi = bayes.smoothed(chain(times=5))
    np.testing.assert_allclose(terms.mean({"z": gamma}, {"z": xi}), xi.sum(axis=0), atol=1e-12)


def test_too_many_terms_are_not_tried():
    def total(latents):
        return np.array(latents["z"].sum())

    assert additive(total, {"z": (25_001,)}, {"z": 2}, chain=False) is None
    assert additive(total, {"z": (6_000,)}, {"z": 2}, chain=False) is not None


def two_groups(x, y):
    """Two latents that have nothing to do with one another, and an observation beside them."""
    with pm.Model() as model:
        p = pm.Beta("p", 2, 2)
        mu = pm.Normal("mu", 0, 5)
        a = pm.Bernoulli("a", p, shape=len(x))
        b = pm.Categorical("b", [0.2, 0.3, 0.5], shape=len(y))
        pm.Normal("x", mu * a, 1, observed=x)
        pm.Normal("y", mu + b, 1, observed=y)
        pm.Normal("beside", mu, 2, observed=0.7)
    return model


def test_several_latents_each_exactly():
    model = latentfit.LatentModel(
        model=two_groups, latents=("a", "b"), e_step=lambda p, d: {}, m_step=lambda e, d: {}
    )
    reference = model.reference({"x": [0.3, 1.2, 2.5], "y": [1.0, 3.0]})
    complete, density = reference.complete, reference.density
    assert complete.exact
    point = RNG(0).normal(size=density.space.size)
    statistics = complete.statistics(point, RNG(0))
    natural = density.space.constrain(point)
    p, mu = natural["p"], natural["mu"]
    odds = p / (1 - p) * np.exp(mu * np.array([0.3, 1.2, 2.5]) - mu**2 / 2)
    np.testing.assert_allclose(statistics["a"][:, 1], odds / (1 + odds), rtol=1e-10)
    assert statistics["b"].shape == (2, 3)
    # Fisher's identity: where θ = θ', the slope of Q is that of log p(x | θ).
    np.testing.assert_allclose(
        complete.q(statistics, point)[1], density.log_likelihood(point)[1], rtol=1e-9
    )


@pytest.mark.parametrize(
    ("name", "options", "data"),
    [
        ("hidden-markov", {"states": 3}, None),
        ("hidden-markov", {"emission": "gaussian"}, {"x": RNG(5).normal(size=(12, 3))}),
        ("genetic-linkage", {}, None),
        ("zero-inflated-poisson", {}, None),
    ],
)
def test_curvature_of_q_and_of_the_likelihood_differ_by_what_is_missing(name, options, data):
    """Minus the Hessian of Q at θ' = θ is the complete information, the larger of the two."""
    reference = latentfit.load(name).reference(data, **options)
    complete, density = reference.complete, reference.density
    point = density.space.origin + 0.3 * RNG(0).normal(size=density.space.size)
    statistics = complete.statistics(point, RNG(0))
    np.testing.assert_allclose(
        complete.q(statistics, point)[1],
        density.log_likelihood(point)[1],
        rtol=1e-8,
        atol=1e-8 * np.max(np.abs(density.log_likelihood(point)[1])),
    )
    missing = density.hessian(point) - complete.hessian(statistics, point)
    assert np.min(np.linalg.eigvalsh(missing)) >= -1e-8 * np.max(np.abs(missing))


def test_hessians_are_the_differences_of_gradients():
    reference = latentfit.load("hidden-markov").reference()
    density = reference.density
    point, step = density.space.origin + 0.2, 1e-5
    columns = [
        (density.log_posterior(point + step * e)[1] - density.log_posterior(point - step * e)[1])
        / (2 * step)
        for e in np.eye(density.space.size)
    ]
    np.testing.assert_allclose(density.hessian(point, prior=True), columns, rtol=1e-5, atol=1e-4)
    assert density.objective(point, prior=True) == pytest.approx(density.log_posterior(point)[0])


# Where a maximum lies on the boundary.


def test_em_that_stops_just_short_of_the_boundary_has_reached_it():
    # Its tolerance leaves 2.5e-9 of a cell that nobody was seen in: its logarithm has a slope.
    table = {
        "row": [np.nan, np.nan, 1, 1, 2, 2, 2],
        "column": [1, 2, np.nan, 1, np.nan, 1, 2],
        "count": [23, 17, 19, 72, 11, 11, 47],
    }
    result = latentfit.load("missing-categories").check(table, seed=1)
    assert result.passed
    assert [finding.name for finding in result.findings] == ["boundary"]


def test_a_weight_too_small_to_matter_by_itself_still_matters():
    """One of 1e-30 decides where the other component is ruled out: the objective has to see it."""
    counts = np.array([9000.0, 9000, 11000])
    model = latentfit.load("poisson-mixture")
    density = model.reference({"x": counts}).density
    params = {"w": np.array([1e-30, 1.0]), "lam": np.array([11000.0, 9000.0])}
    height, _ = density.log_likelihood(density.space.locate(params))
    assert height == pytest.approx(model.log_likelihood(params, {"x": counts}), rel=1e-12)


def test_no_animals_of_a_class_put_the_estimate_on_the_boundary():
    model = latentfit.load("genetic-linkage")
    counts = np.array([10, 18, 20, 0])
    result = model.check({"counts": counts})
    assert result.passed
    (note,) = result.findings
    assert (note.name, note.severity) == ("boundary", "warning")
    assert "theta is at an end of its range" in note.message
    space = model.reference({"counts": counts}).density.space
    assert space.on_boundary(space.constrain(space.unconstrain({"theta": 0.0}))) == ["theta"]
    assert space.on_boundary({"theta": np.array(0.3)}) == []


def test_standard_errors_of_the_others_are_given_what_is_on_the_boundary():
    def model(x):
        with pm.Model() as model:
            p = pm.Dirichlet("p", np.ones(3))
            z = pm.Categorical("z", [0.5, 0.5], shape=len(x))
            pm.Categorical("x", p + 0 * z[:, None], observed=x)
        return model

    x = np.repeat([0, 1], [30, 70])
    declared = latentfit.LatentModel(
        model=model, latents=("z",), e_step=lambda p, d: {}, m_step=lambda e, d: {}
    )
    density = declared.reference({"x": np.append(x, 2)[:-1]}).density
    point = density.space.unconstrain({"p": np.array([0.3, 0.7, 0.0])})
    errors = bayes.asymptotic_errors(density, point)["p"]
    np.testing.assert_allclose(errors[:2], np.sqrt(0.3 * 0.7 / 100), rtol=1e-4)
    assert np.isnan(errors[2])
