"""Markov chains and change points."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc_extras.distributions import DiscreteMarkovChain
from scipy import stats
from scipy.special import logsumexp

from constructs import Works
from constructs._numerics import forward, log_sum_over_values

X = np.array([0.2, -0.5, 2.1, 2.6, 1.9, 0.1, -0.3])
COUNTS = np.array([4, 5, 4, 1, 0, 1, 3, 0])
P = np.array([[0.8, 0.2], [0.3, 0.7]])
START = np.array([0.5, 0.5])
MU = np.array([0.0, 2.0])


def hidden_markov_normal():
    """Hidden Markov model with normal emissions, `mu[z]`."""

    def model():
        with pm.Model() as built:
            moves = pm.Dirichlet("P", np.ones((2, 2)))
            mu = pm.Normal("mu", 0, 5, shape=2)
            start = pm.Categorical.dist(START)
            z = DiscreteMarkovChain("z", P=moves, init_dist=start, shape=len(X))
            pm.Normal("x", mu[z], 1.0, observed=X)
        return built

    def log_likelihood(P, mu):  # noqa: N803
        return forward(START, P, stats.norm.logpdf(X[:, None], mu, 1.0))

    return Works(model, ("z",), log_likelihood, ({"P": P, "mu": MU},))


def hidden_markov_estimated_start():
    """Hidden Markov model whose start distribution is a parameter."""

    def model():
        with pm.Model() as built:
            moves = pm.Dirichlet("P", np.ones((2, 2)))
            delta = pm.Dirichlet("delta", np.ones(2))
            start = pm.Categorical.dist(delta)
            z = DiscreteMarkovChain("z", P=moves, init_dist=start, shape=len(COUNTS))
            pm.Poisson("y", pt.as_tensor([4.0, 0.7])[z], observed=COUNTS)
        return built

    def log_likelihood(P, delta):  # noqa: N803
        return forward(delta, P, stats.poisson.logpmf(COUNTS[:, None], [4.0, 0.7]))

    return Works(model, ("z",), log_likelihood, ({"P": P, "delta": np.array([0.9, 0.1])},))


def hidden_markov_eight_states():
    """Hidden Markov model with eight states."""

    def model():
        with pm.Model() as built:
            moves = pm.Dirichlet("P", np.ones((8, 8)))
            lam = pm.Gamma("lam", 2, 0.5, shape=8)
            start = pm.Categorical.dist(np.full(8, 1 / 8))
            z = DiscreteMarkovChain("z", P=moves, init_dist=start, shape=len(COUNTS))
            pm.Poisson("y", lam[z], observed=COUNTS)
        return built

    def log_likelihood(P, lam):  # noqa: N803
        return forward(np.full(8, 1 / 8), P, stats.poisson.logpmf(COUNTS[:, None], lam))

    moves = np.random.default_rng(0).dirichlet(np.ones(8), size=8)
    return Works(model, ("z",), log_likelihood, ({"P": moves, "lam": np.linspace(0.3, 6, 8)},))


def left_to_right_chain_of_eight():
    """Left-to-right chain of eight states with impossible transitions."""

    def model():
        with pm.Model() as built:
            stay = pm.Beta("stay", 1, 1)
            steps = np.eye(8, k=1)
            steps[-1, -1] = 1.0
            moves = stay * np.eye(8) + (1 - stay) * steps
            start = pm.Categorical.dist(np.eye(8)[0])
            z = DiscreteMarkovChain("z", P=moves, init_dist=start, shape=len(X))
            pm.Normal("x", pt.as_tensor(np.linspace(0, 3, 8))[z], 1.0, observed=X)
        return built

    def log_likelihood(stay):
        steps = np.eye(8, k=1)
        steps[-1, -1] = 1.0
        moves = stay * np.eye(8) + (1 - stay) * steps
        emission = stats.norm.logpdf(X[:, None], np.linspace(0, 3, 8), 1.0)
        return forward(np.eye(8)[0], moves, emission)

    return Works(model, ("z",), log_likelihood, ({"stay": 0.6},))


def several_sequences():
    """Several sequences with the same transitions, batches of a chain."""

    table = np.array([X, X[::-1], np.roll(X, 2)])

    def model():
        with pm.Model() as built:
            moves = pm.Dirichlet("P", np.ones((2, 2)))
            mu = pm.Normal("mu", 0, 5, shape=2)
            start = pm.Categorical.dist(START)
            z = DiscreteMarkovChain("z", P=moves, init_dist=start, shape=table.shape)
            pm.Normal("x", mu[z], 1.0, observed=table)
        return built

    def log_likelihood(P, mu):  # noqa: N803
        emissions = stats.norm.logpdf(table[:, :, None], mu, 1.0)
        return sum(forward(START, P, emission) for emission in emissions)

    return Works(model, ("z",), log_likelihood, ({"P": P, "mu": MU},))


def several_items_at_each_time():
    """Hidden Markov model with a row of items at each time, `p[z]`."""

    items = np.array([[1, 0, 1], [1, 1, 1], [0, 0, 1], [0, 0, 0], [0, 1, 0]])

    def model():
        with pm.Model() as built:
            moves = pm.Dirichlet("P", np.ones((2, 2)))
            p = pm.Beta("p", 1, 1, shape=(2, 3))
            start = pm.Categorical.dist(START)
            z = DiscreteMarkovChain("z", P=moves, init_dist=start, shape=len(items))
            pm.Bernoulli("items", p[z], observed=items)
        return built

    def log_likelihood(P, p):  # noqa: N803
        return forward(START, P, stats.bernoulli.logpmf(items[:, None], p).sum(axis=-1))

    p = np.array([[0.8, 0.6, 0.9], [0.1, 0.3, 0.4]])
    return Works(model, ("z",), log_likelihood, ({"P": P, "p": p},))


def second_order_chain():
    """Hidden Markov chain of order two, `n_lags=2`."""

    def model():
        with pm.Model() as built:
            moves = pm.Dirichlet("P", np.ones(2), shape=(2, 2, 2))
            start = pm.Categorical.dist(START)
            z = DiscreteMarkovChain("z", P=moves, init_dist=start, n_lags=2, shape=6)
            pm.Normal("x", pt.as_tensor(MU)[z], 1.0, observed=X[:6])
        return built

    def log_likelihood(P):  # noqa: N803
        def log_joint(z):
            z = np.array(z)
            moves = np.log(P[z[:-2], z[1:-1], z[2:]]).sum() + 2 * np.log(0.5)
            return moves + stats.norm.logpdf(X[:6], MU[z], 1.0).sum()

        return log_sum_over_values(log_joint, [(0, 1)] * 6)

    moves = np.array([[[0.7, 0.3], [0.4, 0.6]], [[0.5, 0.5], [0.1, 0.9]]])
    return Works(model, ("z",), log_likelihood, ({"P": moves},))


def switching_autoregression():
    """Autoregression of the data whose mean switches with a chain."""

    def model():
        with pm.Model() as built:
            moves = pm.Dirichlet("P", np.ones((2, 2)))
            mu = pm.Normal("mu", 0, 5, shape=2)
            phi = pm.Normal("phi", 0, 1)
            start = pm.Categorical.dist(START)
            z = DiscreteMarkovChain("z", P=moves, init_dist=start, shape=len(X) - 1)
            pm.Normal("x", mu[z] + phi * X[:-1], 1.0, observed=X[1:])
        return built

    def log_likelihood(P, mu, phi):  # noqa: N803
        mean = mu + phi * X[:-1, None]
        return forward(START, P, stats.norm.logpdf(X[1:, None], mean, 1.0))

    return Works(model, ("z",), log_likelihood, ({"P": P, "mu": MU, "phi": 0.4},))


def change_point():
    """Change point: a DiscreteUniform latent in `switch`, Poisson counts."""

    years = np.arange(len(COUNTS))

    def model():
        with pm.Model() as built:
            lam = pm.Gamma("lam", 2, 0.5, shape=2)
            tau = pm.DiscreteUniform("tau", 0, len(COUNTS) - 1)
            pm.Poisson("y", pm.math.switch(years < tau, lam[0], lam[1]), observed=COUNTS)
        return built

    def log_likelihood(lam):
        totals = [stats.poisson.logpmf(COUNTS, np.where(years < tau, *lam)).sum() for tau in years]
        return logsumexp(totals) - np.log(len(COUNTS))

    return Works(model, ("tau",), log_likelihood, ({"lam": np.array([4.0, 1.0])},))


def independent_steps():
    """A chain that is a list of Categorical latents, `P[z_1]`, `P[z_2]`."""

    def model():
        with pm.Model() as built:
            moves = pm.Dirichlet("P", np.ones((2, 2)))
            first = pm.Categorical("first", START)
            second = pm.Categorical("second", moves[first])
            third = pm.Categorical("third", moves[second])
            states = pt.stack([first, second, third])
            pm.Normal("x", pt.as_tensor(MU)[states], 1.0, observed=X[:3])
        return built

    def log_likelihood(P):  # noqa: N803
        return forward(START, P, stats.norm.logpdf(X[:3, None], MU, 1.0))

    return Works(model, ("first", "second", "third"), log_likelihood, ({"P": P},))
