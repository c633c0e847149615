"""Starting points of chains: draws from the prior, where it can be drawn from."""

import numpy as np
import pymc as pm
import pytest

from latentfit.bayes.sampling._dispersed_starts import dispersed_starts
from latentfit.declaration.compilation import interpreted_compilation

SEEDS = range(20)


def starts(declare):
    with pm.Model() as model:
        declare()
    with interpreted_compilation():
        start = dispersed_starts(model)
        return [start(seed) for seed in SEEDS]


def test_proper_priors_are_drawn_from():
    found = np.array([one["mu"] for one in starts(lambda: pm.Normal("mu", 0, 1000))])
    assert 500 < found.std() < 1500


@pytest.mark.parametrize(
    "prior",
    [
        lambda: pm.Gamma("v", 0.001, 0.001),
        lambda: pm.InverseGamma("v", 0.001, 0.001),
        lambda: pm.InverseGamma("v", 0.001, 0.001, shape=3),
    ],
)
def test_draws_of_vague_priors_that_under_or_overflow_are_replaced(prior):
    found = np.array([one["v_log__"] for one in starts(prior)])
    assert np.all(np.abs(found) < 40)
    assert found.std() > 0.3


def test_improper_priors_start_near_their_centre():
    def declare():
        pm.Flat("a", shape=2)
        pm.HalfFlat("s")
        pm.Normal("b", 0, 100)

    found = starts(declare)
    assert np.ptp([one["a"] for one in found]) > 0.5
    assert np.all(np.abs([one["a"] for one in found]) <= 1)
    assert np.all(np.abs([one["s_log__"] for one in found]) <= 1)
    assert np.std([one["b"] for one in found]) > 20


def test_density_without_a_random_generator():
    def declare():
        pm.CustomDist("c", logp=lambda value: -(value**2))

    assert np.all(np.isfinite([one["c"] for one in starts(declare)]))
