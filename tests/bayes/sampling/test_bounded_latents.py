"""Latents of which the data exclude a part of the range, so that most draws from the prior fail.

Ten lifetimes are uniform on (0, theta), and it is known only which of them exceed 3 (Flury & Zoppè
2000, The American Statistician 54(3)).
"""

import subprocess
import sys

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

import latentfit
from latentfit.bayes import prepare_nuts, sample_posterior
from latentfit.bayes.sampling._starting_points import StartingPoints
from latentfit.errors import DeclarationError

ALIVE = np.repeat([1, 0], [4, 6])
TIMES = np.array([1.2, 3.4, 0.7, 4.9, 2.2, 3.9, 5.1, 0.3])


def lifetimes(y):
    with pm.Model() as model:
        theta = pm.Uniform("theta", 0, 50)
        pm.Uniform("y", 0, theta, observed=y)
        life = pm.Uniform("life", 0, theta, shape=10)
        pm.Bernoulli("alive", p=pt.switch(life > 3.0, 1.0, 0.0), observed=ALIVE)
    return model


def e_step(params, data):
    return {"life": np.where(ALIVE == 1, (3 + params["theta"]) / 2, 1.5)}


def e_step_that_forgets_the_survivors(params, data):
    return {"life": np.where(ALIVE == 1, params["theta"] / 2, 1.5)}


def m_step_of_expectations(expectations, data):
    return {"theta": max(data["y"].max(), expectations["life"].max())}


def m_step(expectations, data, params):
    """The maximiser of Q, -18 log θ for θ not below θ' and minus infinity elsewhere: EM stays."""
    return {"theta": max(data["y"].max(), params["theta"])}


def derivation(e_step=e_step, m_step=m_step):
    return latentfit.LatentModel(
        name="lifetimes",
        model=lifetimes,
        latents=("life",),
        e_step=e_step,
        m_step=m_step,
        initial=lambda data, rng: {"theta": rng.uniform(8, 20)},
    )


def test_starting_points_are_composed_of_several_draws():
    def draw(seed):
        return np.random.default_rng(seed).normal(size=30)

    def impossible(point):
        return {"alive": int(np.sum(point < 0)), "y": 0}

    point = StartingPoints(draw, impossible)(1)
    assert np.all(point > 0)
    np.testing.assert_array_equal(point, StartingPoints(draw, impossible)(1))


def test_possible_draw_from_the_prior_is_the_starting_point():
    start = StartingPoints(lambda seed: np.array([float(seed)]), lambda point: {"y": 0})
    assert start(7) == [7.0]


def test_starting_point_that_does_not_exist_is_an_error():
    start = StartingPoints(lambda seed: np.array([float(seed)]), lambda point: {"y": 2, "x": 0})
    with pytest.raises(
        DeclarationError, match=r"NUTS cannot start.*y \(2 of its entries\)"
    ) as error:
        start(1)
    assert len(str(error.value)) < 500


FAILING_CHAINS = """
import numpy as np
import pymc as pm
from dataclasses import replace
from latentfit.bayes import prepare_nuts, sample_posterior
from latentfit.errors import DeclarationError

with pm.Model() as model:
    pm.Normal("x", shape=3)
prepared = prepare_nuts(model, backend="jax")
for start in (lambda seed: np.full(3, np.nan), lambda seed: 1 / 0):
    try:
        sample_posterior(replace(prepared, start=start), draws=50, tune=50, chains=4, seed=1)
    except DeclarationError as error:
        print(error)
"""


@pytest.mark.slow
def test_chains_that_fail_end_before_python_does():
    """Python crashed at its end (status 139) while the threads of other chains still ran."""
    done = subprocess.run(
        [sys.executable, "-c", FAILING_CHAINS], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("NUTS stopped: ") for line in lines)


@pytest.mark.slow
def test_chains_start_where_the_data_are_possible():
    """θ has a density proportional to θ⁻⁸ above the largest time."""
    with pm.Model() as model:
        theta = pm.Uniform("theta", 0, 5000)
        pm.Uniform("y", 0, theta, observed=TIMES)
    tree = sample_posterior(
        prepare_nuts(model, backend="jax"), draws=1000, tune=500, chains=4, seed=1
    )
    theta = tree["posterior"]["theta"].values
    assert theta.min() > TIMES.max()
    median = TIMES.max() * 2 ** (1 / 7)
    assert np.median(theta) == pytest.approx(median, rel=0.02)


# All tests in one process, because each process would draw for the same fixture.
@pytest.mark.slow
@pytest.mark.xdist_group("bounded latents")
class TestLifetimes:
    @pytest.fixture(scope="class")
    def reference(self):
        return derivation().reference({"y": TIMES})

    def errors(self, result):
        return [(f.step, f.name) for f in result.findings if f.severity == "error"]

    def test_draws_are_uniform_on_what_the_data_leave(self, reference):
        density = reference.density
        point = density.space.locate({"theta": 9.0})
        drawn = density.draws(point, np.random.default_rng(3))["life"]
        low, high = np.where(ALIVE == 1, 3.0, 0.0), np.where(ALIVE == 1, 9.0, 3.0)
        assert np.all((drawn > low) & (drawn < high))
        uniform = (drawn - low) / (high - low)
        error = 1 / np.sqrt(12 * len(drawn))
        np.testing.assert_allclose(uniform.mean(axis=0), 0.5, atol=5 * error)
        np.testing.assert_allclose(uniform.std(axis=0), 1 / np.sqrt(12), rtol=0.1)

    def test_m_step_of_expectations_does_not_maximise_q(self, reference):
        result = derivation(m_step=m_step_of_expectations).check({"y": TIMES}, against=reference)
        assert self.errors(result) == [("M", "theta")]
        (finding,) = (f for f in result.findings if f.severity == "error")
        assert finding.evidence["q_after"] == -np.inf
        # Q(θ' | θ') has a term -log θ' for each of 18 times, and log Bernoulli probabilities of 0.
        theta = float(finding.message.split("theta = ")[1].split()[0])
        assert finding.evidence["q_before"] == pytest.approx(-18 * np.log(theta), rel=1e-6)
        assert "Q is minus infinity" in finding.message
        assert "theta bounds the range of life" in finding.hint

    def test_right_derivation_passes_and_derivatives_are_withheld(self, reference):
        result = derivation().check({"y": TIMES}, against=reference)
        assert result.passed
        checks = {check.id: check for check in result.checks}
        assert checks["e_step.life"].status == "pass"
        assert checks["m_step.maximum"].status == "skip"
        limit = checks["fixed_point.maximum"]
        assert limit.status == "warn"
        assert "the range of life depends on theta" in limit.detail

    def test_wrong_e_step_fails(self, reference):
        wrong = derivation(e_step=e_step_that_forgets_the_survivors)
        assert ("E", "life") in self.errors(wrong.check({"y": TIMES}, against=reference))
