"""Statistics that are additive over discrete latents, and their exact expectations."""

import numpy as np
import pytest
from markov_chain_terms import random_chain

from latentfit.bayes.complete_data._additive import find_additive_terms
from latentfit.bayes.views import smoothed_probabilities

pytestmark = pytest.mark.slow


def test_expectation_of_an_additive_statistic():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(4, 3))

    def total(latents):
        z = latents["z"]
        return np.array([np.sum(values[np.arange(4), z]), np.sum(z == 2)])

    terms = find_additive_terms(total, {"z": (4,)}, {"z": 3}, chain=False)
    r = rng.dirichlet(np.ones(3), size=4)
    expected = [np.sum(r * values), np.sum(r[:, 2])]
    np.testing.assert_allclose(terms.mean({"z": r}, {}), expected, rtol=1e-12)


@pytest.mark.parametrize("statistic", [lambda z: z["z"].sum() ** 2, lambda z: z["z"].max()])
def test_statistic_that_is_not_additive_is_refused(statistic):
    assert find_additive_terms(statistic, {"z": (4,)}, {"z": 3}, chain=False) is None


def test_number_of_transitions_is_additive_over_neighbours_only():
    def transitions(latents):
        z = latents["z"]
        counts = np.zeros((3, 3))
        np.add.at(counts, (z[:-1], z[1:]), 1)
        return counts

    assert find_additive_terms(transitions, {"z": (5,)}, {"z": 3}, chain=False) is None
    terms = find_additive_terms(transitions, {"z": (5,)}, {"z": 3}, chain=True)
    gamma, xi = smoothed_probabilities(random_chain(times=5))
    np.testing.assert_allclose(terms.mean({"z": gamma}, {"z": xi}), xi.sum(axis=0), atol=1e-12)


def test_statistic_with_too_many_terms_is_refused():
    def total(latents):
        return np.array(latents["z"].sum())

    assert find_additive_terms(total, {"z": (25_001,)}, {"z": 2}, chain=False) is None
    assert find_additive_terms(total, {"z": (6_000,)}, {"z": 2}, chain=False) is not None
