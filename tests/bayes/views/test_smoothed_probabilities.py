"""Smoothing, filtering and draws of Markov chains, against the sum over all paths."""

import numpy as np
import pytest
from markov_chain_terms import paths, random_chain
from scipy.special import logsumexp

from latentfit.bayes.views import MarkovChainTerms, draw_paths, smoothed_probabilities

pytestmark = pytest.mark.slow


def test_smoothed_probabilities_are_sums_over_all_paths():
    chain = random_chain()
    listed, log_joint = zip(*paths(chain), strict=True)
    weights = np.exp(np.array(log_joint) - logsumexp(log_joint))
    indicators = np.eye(3)[np.array(listed)]
    gamma, xi = smoothed_probabilities(chain)
    np.testing.assert_allclose(gamma, np.einsum("p,ptk->tk", weights, indicators), rtol=1e-12)
    pairs = np.einsum("p,ptj,ptk->tjk", weights, indicators[:, :-1], indicators[:, 1:])
    np.testing.assert_allclose(xi, pairs, rtol=1e-12)


def test_filtered_probabilities_are_smoothed_ones_of_the_data_so_far():
    chain = random_chain(times=5)
    filtered, _ = smoothed_probabilities(chain, ahead=False)
    for t in range(1, 6):
        so_far = MarkovChainTerms(chain.initial, chain.transition, chain.emission[:t])
        gamma, _ = smoothed_probabilities(so_far)
        np.testing.assert_allclose(filtered[t - 1], gamma[-1], rtol=1e-12)


def test_sequences_are_smoothed_separately():
    chains = random_chain(batch=(2,))
    gamma, xi = smoothed_probabilities(chains)
    for row in range(2):
        one = MarkovChainTerms(chains.initial[row], chains.transition, chains.emission[row])
        np.testing.assert_allclose(gamma[row], smoothed_probabilities(one)[0], rtol=1e-12)
        np.testing.assert_allclose(xi[row], smoothed_probabilities(one)[1], rtol=1e-12)


def test_drawn_paths_have_their_conditional_probabilities():
    chain = random_chain(times=3, states=2)
    gamma, xi = smoothed_probabilities(chain)
    count = 200_000
    drawn = draw_paths(
        np.broadcast_to(gamma, (count, *gamma.shape)),
        np.broadcast_to(xi, (count, *xi.shape)),
        np.random.default_rng(1),
    )
    listed, log_joint = zip(*paths(chain), strict=True)
    probabilities = np.exp(np.array(log_joint) - logsumexp(log_joint))
    for path, p in zip(listed, probabilities, strict=True):
        share = np.mean(np.all(drawn == path, axis=-1))
        assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / count)
