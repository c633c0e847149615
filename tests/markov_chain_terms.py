"""Markov chains with random probabilities, and the sum over all of their paths."""

from itertools import pairwise, product

import numpy as np

from latentfit.bayes.views import MarkovChainTerms


def random_chain(seed=0, times=4, states=3, batch=()):
    """A chain with random initial, transition and emission probabilities."""
    rng = np.random.default_rng(seed)
    initial = np.log(rng.dirichlet(np.ones(states), size=batch))
    transition = np.log(rng.dirichlet(np.ones(states), size=states))
    return MarkovChainTerms(initial, transition, rng.normal(size=(*batch, times, states)))


def paths(chain):
    """Every path of one sequence, with its log joint probability with the data."""
    times, states = chain.emission.shape
    for path in product(range(states), repeat=times):
        emission = sum(chain.emission[t, k] for t, k in enumerate(path))
        transition = sum(chain.transition[j, k] for j, k in pairwise(path))
        yield path, chain.initial[path[0]] + emission + transition
