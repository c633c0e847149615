"""Unidentified parameters: rotations, reflections, free scales, and equal covariates."""

from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pymc as pm
import pytest
import report_sample as sample
from rich.console import Console
from test_verdicts import GOOD, MAXIMUM, fit

import latentfit
from latentfit import bayes, report
from latentfit.agreement import find_reflections
from latentfit.agreement.alignment import align
from latentfit.agreement.identified import Judged
from latentfit.agreement.verdicts import (
    chains,
    em_at_maximum,
    em_in_posterior,
    identified,
    prior_explains_map,
)
from latentfit.declaration import declare, parameter_space
from latentfit.em.information import curvature_of
from latentfit.report.sections.estimates import estimates_table
from latentfit.report.wording import overall

pytestmark = pytest.mark.slow

LOADINGS = np.array([[2.0, 0.0], [1.5, 0.5], [2.0, 1.0], [0.0, 2.0], [0.5, 1.5], [-1.0, 2.0]])


def factors(y, size=2, mean=0.0):
    n, p = y.shape
    with pm.Model() as model:
        W = pm.Normal("W", mean, 2, shape=(p, size))
        s = pm.HalfNormal("s", 2, shape=p)
        pm.Deterministic("covariance", W @ W.T + s**2 * np.eye(p))
        z = pm.Normal("z", 0, 1, shape=(n, size))
        pm.Normal("y", z @ W.T, s, observed=y)
    return model


def e_step(params, data):
    W, v = params["W"], params["s"] ** 2
    covariance = np.linalg.inv(np.eye(W.shape[1]) + (W.T / v) @ W)
    mean = data["y"] / v @ W @ covariance
    return {"z": mean, "zz": len(mean) * covariance + mean.T @ mean}


def m_step(expectations, data):
    y = data["y"]
    yz = y.T @ expectations["z"]
    W = np.linalg.solve(expectations["zz"], yz.T).T
    v = np.mean(y**2, axis=0) - np.sum(W * yz, axis=1) / len(y)
    return {"W": W, "s": np.sqrt(v)}


def initial(data, rng, size=2):
    y = data["y"]
    return {"W": rng.normal(size=(y.shape[1], size)), "s": 0.7 * y.std(axis=0)}


FACTORS = latentfit.LatentModel(
    model=factors,
    latents=("z",),
    e_step=e_step,
    m_step=m_step,
    initial=initial,
    expectations={"zz": lambda latents, data: latents["z"].swapaxes(-1, -2) @ latents["z"]},
    name="factors",
)


def measured(p=6, size=2, n=200, seed=0):
    rng = np.random.default_rng(seed)
    W = LOADINGS[:p, :size]
    return {"y": rng.normal(size=(n, size)) @ W.T + rng.normal(size=(n, p))}


def twins(y, x):
    with pm.Model() as model:
        a = pm.Normal("a", 0, 5)
        b = pm.Normal("b", 0, 5, shape=2)
        s = pm.HalfNormal("s", 5)
        pm.Deterministic("slope", b.sum())
        u = pm.Normal("u", 0, 1, shape=len(y))
        pm.Normal("y", a + x @ b + u, s, observed=y)
    return model


def scaled(y, group, positive=False):
    with pm.Model() as model:
        tau = pm.HalfNormal("tau", 2)
        b = pm.HalfNormal("b", 2) if positive else pm.Normal("b", 0, 2)
        s = pm.HalfNormal("s", 2)
        pm.Deterministic("sd", abs(b) * tau)
        z = pm.Normal("z", 0, tau, shape=int(group.max()) + 1)
        pm.Normal("y", b * z[group], s, observed=y)
    return model


def mixture(x):
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(2))
        rate = pm.Gamma("rate", 1, 1, shape=2)
        z = pm.Categorical("z", w, shape=len(x))
        pm.Poisson("x", rate[z], observed=x)
    return model


def density_of(build, latents, arguments, **options):
    declaration = declare(build, latents, arguments, options)
    density = bayes.Density(bayes.observed_view(declaration), parameter_space(declaration))
    return declaration, density


def highest(density, starts=3):
    rng = np.random.default_rng(1)
    points = [density.space.origin + rng.uniform(-1, 1, density.space.size) for _ in range(starts)]
    return max(bayes.maximum_likelihood(density, points), key=lambda found: found.value)


@pytest.fixture(scope="module")
def two():
    """Two factors, and the highest maximum."""
    declaration, density = density_of(factors, ("z",), measured())
    return declaration, density, highest(density)


@pytest.fixture(scope="module")
def one():
    """One factor, and the highest maximum."""
    declaration, density = density_of(factors, ("z",), measured(4, 1), size=1)
    return declaration, density, highest(density)


# Rotations


def test_loadings_are_not_identified_and_their_covariance_is(two):
    _, density, highest_maximum = two
    assert highest_maximum.reached
    known = bayes.maxima.identification(density, highest_maximum.point)
    assert known.directions == 1
    assert known.missing(density.space.parameters) == ("W",)
    assert known.identified["covariance"].all()
    assert known.identified["s"].all()


def test_standard_errors_of_what_is_identified(two):
    """The MLE of a variance is the sample's, whose standard error is σ² √(2 / n)."""
    _, density, highest_maximum = two
    errors = bayes.asymptotic_errors(density, highest_maximum.point)
    assert np.isnan(errors["W"]).all()
    assert np.isfinite(errors["s"]).all()
    variances = np.diag(density.space.constrain(highest_maximum.point)["covariance"])
    np.testing.assert_allclose(
        np.diag(errors["covariance"]), variances * np.sqrt(2 / 200), rtol=1e-6
    )


def test_every_rotation_is_the_same_maximum(two):
    _, density, highest_maximum = two
    natural = density.space.constrain(highest_maximum.point)
    for angle in (0.3, 1.1, np.pi / 2):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        point = density.space.unconstrain({"W": natural["W"] @ turn, "s": natural["s"]})
        there = bayes.maxima.polish(
            density.log_likelihood, density.hessian, point, density.space.bounded
        )
        assert there.reached
        assert there.value == pytest.approx(highest_maximum.value, abs=1e-8)


def test_a_curved_unidentified_direction_is_found_near_the_maximum(two):
    """The gradient is not zero where EM stops, nor is the curvature along the direction."""
    _, density, highest_maximum = two
    rng = np.random.default_rng(3)
    for size in (1e-8, 1e-6, 1e-4):
        point = highest_maximum.point + size * rng.standard_normal(density.space.size)
        _, gradient = density.log_likelihood(point)
        shape = curvature_of(density.hessian(point), gradient, density.space.bounded)
        assert shape.unidentified.sum() == 1
        assert 0 < shape.newton(gradient)[1] < 100 * size
        assert np.isnan(bayes.asymptotic_errors(density, point)["W"]).all()


def test_an_ill_conditioned_maximum_is_identified():
    """Covariates that differ by a thousandth: estimates are imprecise, but identified."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=80)
    y = 1 + 2 * x + rng.normal(size=80) * 1.5
    covariates = np.column_stack([x, x + 1e-3 * rng.normal(size=80)])
    _, density = density_of(twins, ("u",), {"y": y, "x": covariates})
    highest_maximum = highest(density)
    assert bayes.maxima.identification(density, highest_maximum.point).directions == 0
    assert np.isfinite(bayes.asymptotic_errors(density, highest_maximum.point)["b"]).all()


# Coefficients of a covariate that is given twice, and of a latent whose scale is not identified


def test_the_same_covariate_twice_identifies_the_sum():
    rng = np.random.default_rng(2)
    x = rng.normal(size=80)
    y = 1 + 2 * x + rng.normal(size=80) * 1.5
    _, density = density_of(twins, ("u",), {"y": y, "x": np.column_stack([x, x])})
    highest_maximum = highest(density)
    known = bayes.maxima.identification(density, highest_maximum.point)
    assert known.missing(density.space.parameters) == ("b",)
    natural = density.space.constrain(highest_maximum.point)
    slope, intercept = np.polyfit(x, y, 1)
    assert natural["slope"] == pytest.approx(slope, rel=1e-9)
    assert natural["a"] == pytest.approx(intercept, rel=1e-9)
    errors = bayes.asymptotic_errors(density, highest_maximum.point)
    variance = np.mean((y - intercept - slope * x) ** 2)
    expected = np.sqrt(variance / np.sum((x - x.mean()) ** 2))
    assert errors["slope"] == pytest.approx(expected, rel=1e-6)
    assert np.isnan(errors["b"]).all()


@pytest.mark.parametrize("positive", [False, True])
def test_a_latent_scale_and_its_coefficient_are_not_identified(positive):
    """If both are positive, the unidentified direction is straight on the scale of logarithms.

    So is the direction in which a scale goes to zero.
    """
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(8), 5)
    y = 1.5 * rng.normal(size=8)[group] + 0.7 * rng.normal(size=40)
    data = {"y": y, "group": group}
    _, density = density_of(scaled, ("z",), data, positive=positive)
    highest_maximum = highest(density)
    known = bayes.maxima.identification(density, highest_maximum.point)
    assert (known.directions, known.missing(density.space.parameters)) == (1, ("tau", "b"))
    errors = bayes.asymptotic_errors(density, highest_maximum.point)
    assert np.isnan([errors["tau"], errors["b"]]).all()
    assert 0 < errors["sd"] < 1


def test_a_scale_that_goes_to_zero_is_identified():
    """The log-likelihood is flat in its logarithm below the estimate, but not above it."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=40)
    group = np.tile(np.arange(8), 5)
    y -= np.array([y[group == g].mean() for g in range(8)])[group]
    _, density = density_of(scaled, ("z",), {"y": y, "group": group}, positive=True)
    highest_maximum = highest(density)
    assert density.space.constrain(highest_maximum.point)["sd"] < 1e-2
    known = bayes.maxima.identification(density, highest_maximum.point)
    assert known.identified["s"]


def test_a_component_without_observations_is_not_identified():
    x = np.random.default_rng(0).poisson(3, size=60)
    _, density = density_of(mixture, ("z",), {"x": x})
    alone = {"w": np.array([1 - 1e-20, 1e-20]), "rate": np.array([x.mean(), 2.0])}
    point = density.space.unconstrain(alone)
    known = bayes.maxima.identification(density, point)
    assert known.missing(density.space.parameters) == ("rate[1]",)
    errors = bayes.asymptotic_errors(density, point)["rate"]
    np.testing.assert_allclose(errors, [np.sqrt(x.mean() / 60), np.nan], rtol=1e-6)


# Maxima of plain functions


def maximised(value, gradient, hessian):
    return bayes.maxima.polish(
        lambda p: (value(*p), np.array(gradient(*p))),
        lambda p: np.array(hessian(*p)),
        np.array([0.0, 0.3]),
        np.zeros(2, dtype=bool),
    )


def test_a_maximum_with_an_unidentified_direction_is_a_maximum():
    found = maximised(
        lambda x, y: -(x**2), lambda x, y: (-2 * x, 0), lambda x, y: [[-2, 0], [0, 0]]
    )
    assert found.reached
    assert found.point[1] == 0.3


@pytest.mark.parametrize("beside", [0.1, 1e-4, -1e-5])
def test_the_maximum_is_found_where_unidentified_points_form_a_circle(beside):
    def objective(p):
        r = np.hypot(*p)
        return -250 * (r - 1) ** 2, -500 * (r - 1) * p / r

    def hessian(p):
        across = p / np.hypot(*p)
        along = np.array([-across[1], across[0]])
        return -500 * (np.outer(across, across) + (1 - 1 / np.hypot(*p)) * np.outer(along, along))

    start = (1 + beside) * np.array([np.cos(1), np.sin(1)])
    found = bayes.maxima.polish(objective, hessian, start, np.zeros(2, dtype=bool))
    assert found.reached
    assert np.hypot(*found.point) == pytest.approx(1, abs=1e-12)


def test_a_point_with_zero_curvature_and_higher_values_beside_it_is_no_maximum():
    def objective(x, y):
        return -(x**2) + (y - 0.3) ** 4

    found = maximised(
        objective,
        lambda x, y: (-2 * x, 4 * (y - 0.3) ** 3),
        lambda x, y: [[-2, 0], [0, 12 * (y - 0.3) ** 2]],
    )
    assert not found.reached
    assert "saddle" in found.problem


# Reflections


def test_one_factor_is_found_to_have_either_sign(one):
    declaration, density, highest_maximum = one
    aligned = align(declaration, density, highest_maximum.point)
    (mirror,) = aligned.reflections
    assert (mirror.label, mirror.prior_distinguishes) == ("W", False)
    assert np.all(mirror.signs["W"] == -1)
    assert np.all(mirror.signs["covariance"] == 1)
    assert np.all(mirror.signs["s"] == 1)
    natural = density.space.constrain(highest_maximum.point)
    other = density.space.unconstrain({"W": -natural["W"], "s": natural["s"]})
    np.testing.assert_allclose(aligned.align_point(other).natural["W"], natural["W"])
    assert bayes.maxima.identification(density, highest_maximum.point).directions == 0


def test_draws_are_reflected_to_the_sign_of_the_estimate(one):
    declaration, density, highest_maximum = one
    (mirror,) = align(declaration, density, highest_maximum.point).reflections
    natural = density.space.constrain(highest_maximum.point)
    rng = np.random.default_rng(0)
    sides = rng.choice([-1.0, 1.0], size=50)
    draws = {
        "W": sides[:, None, None] * natural["W"] + 0.05 * rng.normal(size=(50, 4, 1)),
        "s": np.tile(natural["s"], (50, 1)),
    }
    scale = {name: np.full(value.shape, 0.1) for name, value in natural.items()}
    opposite = mirror.is_opposite(draws, natural, scale)
    np.testing.assert_array_equal(opposite, sides < 0)
    reflected = mirror.reflect_draws(draws, opposite)
    assert np.abs(reflected["W"] - natural["W"]).max() < 0.3
    np.testing.assert_array_equal(reflected["s"], draws["s"])


def test_a_prior_may_distinguish_the_two_signs():
    data = measured(4, 1)
    declaration, density = density_of(factors, ("z",), data, size=1, mean=1.0)
    highest_maximum = highest(density)
    natural = density.space.constrain(highest_maximum.point)
    wrong = natural["W"] * -np.sign(natural["W"].sum())
    aligned = align(
        declaration, density, density.space.unconstrain({"W": wrong, "s": natural["s"]})
    )
    assert aligned.reflections[0].prior_distinguishes
    assert aligned.reflected
    assert aligned.em.natural["W"].sum() > 0
    assert aligned.align_expectations({"z": np.ones(3)}) == {}


def test_parameters_may_have_to_change_sign_together():
    def both(y):
        with pm.Model() as model:
            b = pm.Normal("b", 0, 1)
            m = pm.Normal("m", 0, 1)
            pm.Normal("unused", 0, 1)
            z = pm.Normal("z", m, 1, shape=len(y))
            pm.Normal("y", b * z, 1, observed=y)
        return model

    _, density = density_of(both, ("z",), {"y": np.array([0.3, 1.7, 2.2, 0.9])})
    rng = np.random.default_rng(0)
    found = find_reflections(
        density.space,
        [rng.normal(size=density.space.size) for _ in range(3)],
        lambda point: density.log_likelihood(point)[0],
        lambda point: density.log_prior(point)[0],
    )
    assert [mirror.label for mirror in found] == ["b and m"]


# Verdicts and sentences

LOST = replace(
    GOOD, name="W", mle=3.0, rhat=2.1, ess_bulk=3.0, eti=(4.0, 5.0), identified=False,
    em_minus_mle=-20.0,
)  # fmt: skip


def test_what_is_not_identified_is_not_judged():
    assert chains.of_diagnostics([GOOD, LOST], 0, 4000, 4).status == "pass"
    assert em_at_maximum.of_maxima(fit(), [GOOD, LOST], MAXIMUM, MAXIMUM, "MLE").status == "pass"
    assert em_in_posterior.of_parameters([GOOD, LOST]).status == "pass"
    pulled = prior_explains_map.of_maxima(
        [GOOD, replace(LOST, map_minus_mle=9.0)], MAXIMUM, MAXIMUM, 0, 0.2
    )
    assert "(theta)" in pulled.detail


def test_with_nothing_identified_log_likelihoods_are_judged():
    lower = replace(MAXIMUM, value=-11.0)
    assert em_at_maximum.of_maxima(fit(), [LOST], MAXIMUM, MAXIMUM, "MLE").status == "pass"
    assert em_at_maximum.of_maxima(fit(), [LOST], lower, MAXIMUM, "MLE").status == "fail"
    assert chains.of_diagnostics([LOST], 0, 4000, 4).status == "skip"
    assert chains.of_diagnostics([LOST], 90, 4000, 4).status == "fail"
    assert em_in_posterior.of_parameters([LOST]).status == "skip"
    assert prior_explains_map.of_maxima([LOST], MAXIMUM, MAXIMUM, 0, 0.2).status == "pass"


def test_unidentified_parameters_are_named_with_the_identified_ones():
    def on(names, judged, missing, directions, signs=()):
        return Judged(names, frozenset(), frozenset(judged), missing, directions, signs)

    assert identified.of_judged(on(("s",), {"s"}, (), 0)) is None
    sides = identified.of_judged(on(("W",), {"W[0]"}, (), 0, ("W",)))
    assert (sides.status, sides.id) == ("pass", "identified")
    assert "W can change sign" in sides.detail
    unidentified = identified.of_judged(on(("W", "s", "cov"), {"s", "cov[0,0]"}, ("W",), 1))
    assert unidentified.status == "warn"
    assert "1 direction" in unidentified.detail
    assert "W is not determined" in unidentified.detail
    assert "judged on s and cov" in unidentified.detail
    nothing = identified.of_judged(on(("b", "c"), (), ("b", "c"), 2))
    assert "2 directions" in nothing.detail
    assert "b and c are not determined" in nothing.detail


def test_the_report_marks_what_is_not_identified():
    given = sample.comparison()
    first, *others = given.parameters
    marked = replace(given, parameters=(replace(first, identified=False), *others))
    rows = estimates_table(marked).rows
    assert rows[0][0] == f"{first.name} (not identified)"
    assert rows[0][-1] == rows[0][-3] == "—"
    assert rows[1][0] == others[0].name
    words = overall(marked)
    assert words.headline == "The answers agree on what is identified"
    assert "1 parameter is not identified, and not judged" in words.sentence
    stream = StringIO()
    Console(file=stream, width=100).print(report.terminal(marked))
    assert "— not identified: shown, but not judged" in stream.getvalue()
    assert "(not identified)" in report.html(marked)
    assert marked.to_dict()["parameters"][0]["identified"] is False
    nothing = SimpleNamespace(verdicts=(), agree=True, objective="likelihood", parameters=(LOST,))
    assert "No parameter is identified" in overall(nothing).sentence


# Checks and comparisons


def test_a_check_names_the_unidentified_parameters():
    result = FACTORS.check(measured(), seed=1)
    assert result.passed
    (note,) = result.findings
    assert (note.name, note.severity) == ("ridge", "warning")
    assert note.message.endswith("the data do not identify W")


def test_factor_analysis_agrees_on_what_is_identified():
    comparison = FACTORS.compare(
        measured(), seed=1, check=False, backend="jax", draws=500, tune=500
    )
    assert comparison.agree is True
    status = {verdict.id: verdict.status for verdict in comparison.verdicts}
    assert status.pop("identified") == "warn"
    assert set(status.values()) == {"pass"}
    loadings = [p for p in comparison.parameters if p.name.startswith("W")]
    judged = [p for p in comparison.parameters if p.identified]
    assert not any(p.identified for p in loadings)
    assert max(abs(p.em - p.mle) for p in loadings) > 0.1
    names = [p.name for p in judged]
    assert names[:6] == [f"s[{i}]" for i in range(6)]
    # The two triangles of a covariance are equal.
    assert names[6:] == [f"covariance[{i},{j}]" for i in range(6) for j in range(i, 6)]
    assert all(abs(p.em_minus_mle) < 1e-4 for p in judged)
    assert "W is not determined" in comparison.verdicts[0].detail


def test_one_factor_agrees_with_the_sign_of_the_estimate():
    comparison = FACTORS.compare(measured(4, 1), seed=1, size=1, check=False, backend="jax")
    assert comparison.agree is True
    assert all(p.identified for p in comparison.parameters)
    assert comparison.verdicts[0].title == "The parameters are identified up to sign"
    draws = comparison.tree["posterior"]["W"].values[..., 0, 0]
    assert np.all(np.sign(draws) == np.sign(comparison.tree["em"]["W"].values[0, 0]))
