"""Declarations with categories or transitions of probability exactly 0, and their likelihoods.

Each example has a function that builds the declaration, the names of its latents, and the
log-likelihood as a function of the unconstrained point. The latter is written in probabilities, not
in logarithms, without a single 0 · ∞, and accepts complex numbers, so that its derivatives can be
computed by complex steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc_extras.distributions import DiscreteMarkovChain
from scipy.special import comb, factorial

COUNTS = np.array([0, 0, 0, 0, 1, 2, 5, 0, 3])
DETECTIONS = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0]])
ANSWERS = np.array([[0, 0, 1, 1, 1], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]])
ITEMS = np.array([0, 1, 2, 2, 1, 0, 1])


@dataclass(frozen=True)
class Example:
    """A declaration and its log-likelihood."""

    build: Callable[[], pm.Model]
    latents: tuple[str, ...]
    log_likelihood: Callable[[np.ndarray], complex]
    size: int


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


def simplex(u):
    """The probabilities that PyMC's transform maps to u, shape (..., K - 1)."""
    weights = np.exp(np.concatenate([u, -u.sum(axis=-1, keepdims=True)], axis=-1))
    return weights / weights.sum(axis=-1, keepdims=True)


def poisson(y, rate):
    return rate**y * np.exp(-rate) / factorial(y)


def bernoulli(y, p):
    return np.where(y == 1, p, 1 - p)


def sum_over_paths(initial, transition, emission):
    """p(x | θ) of one chain, from probabilities of shapes (K,), ([T - 1,] K, K), and (T, K)."""
    transition = np.broadcast_to(transition, (len(emission) - 1, *np.shape(transition)[-2:]))
    message = initial * emission[0]
    for step, probabilities in zip(transition, emission[1:], strict=True):
        message = (message @ step) * probabilities
    return message.sum()


# --------------------------------------------------------------------------- independent latents


def zero_inflated_by_a_list():
    with pm.Model() as model:
        w, rate = pm.Dirichlet("w", np.ones(2)), pm.Gamma("rate", 2, 0.5)
        z = pm.Categorical("z", w, shape=len(COUNTS))
        pm.Poisson("y", pt.stack([0.0, rate])[z], observed=COUNTS)
    return model


def zero_inflated_by_a_product():
    with pm.Model() as model:
        psi, lam = pm.Beta("psi", 1, 1), pm.Gamma("lam", 1, 0.1)
        z = pm.Bernoulli("z", psi, shape=len(COUNTS))
        pm.Poisson("y", lam * z, observed=COUNTS)
    return model


def zero_inflated(psi, rate):
    return np.log((1 - psi) * (COUNTS == 0) + psi * poisson(COUNTS, rate)).sum()


def zero_and_two_rates():
    with pm.Model() as model:
        w, rate = pm.Dirichlet("w", np.ones(3)), pm.Gamma("rate", 2, 0.5, shape=2)
        z = pm.Categorical("z", w, shape=len(COUNTS))
        pm.Poisson("y", pt.concatenate([[0.0], rate])[z], observed=COUNTS)
    return model


def zero_and_two_rates_likelihood(u):
    w, rate = simplex(u[:2]), np.exp(u[2:])
    terms = [COUNTS == 0, poisson(COUNTS, rate[0]), poisson(COUNTS, rate[1])]
    return np.log(sum(p * term for p, term in zip(w, terms, strict=True))).sum()


def zero_inflated_negative_binomial():
    with pm.Model() as model:
        psi, mu = pm.Beta("psi", 1, 1), pm.Gamma("mu", 2, 0.5)
        z = pm.Bernoulli("z", psi, shape=len(COUNTS))
        pm.NegativeBinomial("y", mu=mu * z, alpha=1.7, observed=COUNTS)
    return model


def zero_inflated_negative_binomial_likelihood(u):
    psi, mu, alpha = sigmoid(u[0]), np.exp(u[1]), 1.7
    coefficients = np.array([np.prod(alpha + np.arange(y)) / factorial(y) for y in COUNTS])
    share = mu / (mu + alpha)
    present = coefficients * (1 - share) ** alpha * share**COUNTS
    return np.log((1 - psi) * (COUNTS == 0) + psi * present).sum()


def occupancy():
    with pm.Model() as model:
        psi, p = pm.Beta("psi", 1, 1), pm.Beta("p", 1, 1)
        z = pm.Bernoulli("z", psi, shape=len(DETECTIONS))
        pm.Bernoulli("y", p=(z * p)[:, None], shape=DETECTIONS.shape, observed=DETECTIONS)
    return model


def occupancy_likelihood(u):
    psi, p = sigmoid(u)
    present = bernoulli(DETECTIONS, p).prod(axis=1)
    return np.log((1 - psi) * ~DETECTIONS.any(axis=1) + psi * present).sum()


def capture_recapture():
    """Individuals of an augmented list, each captured some of 4 times."""
    with pm.Model() as model:
        psi, p = pm.Beta("psi", 1, 1), pm.Beta("p", 1, 1)
        z = pm.Bernoulli("z", psi, shape=len(DETECTIONS))
        pm.Binomial("y", n=4, p=z * p, observed=DETECTIONS.sum(axis=1))
    return model


def capture_recapture_likelihood(u):
    count = DETECTIONS.sum(axis=1)
    return occupancy_likelihood(u) + np.log(comb(4, count)).sum()


def emission_matrix():
    """Answers of two classes, neither of which gives all answers; rows are normalised."""
    possible = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    with pm.Model() as model:
        w, b = pm.Dirichlet("w", np.ones(2)), pm.Gamma("b", 2, 1, shape=(2, 3))
        weights = b * possible
        z = pm.Categorical("z", w, shape=len(ITEMS))
        pm.Categorical("y", (weights / weights.sum(-1, keepdims=True))[z], observed=ITEMS)
    return model


def emission_matrix_likelihood(u):
    possible = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    weights = np.exp(u[1:].reshape(2, 3)) * possible
    return np.log(simplex(u[:1]) @ (weights / weights.sum(-1, keepdims=True))[:, ITEMS]).sum()


# ------------------------------------------------------------------------------- several latents


def clicks():
    """A result is clicked if it is both examined and attractive."""
    clicked, place = np.array([1, 0, 0, 1, 0, 0]), np.arange(6) % 3
    with pm.Model() as model:
        gamma, alpha = pm.Beta("gamma", 1, 1, shape=3), pm.Beta("alpha", 1, 1)
        examined = pm.Bernoulli("examined", gamma[place], shape=6)
        attractive = pm.Bernoulli("attractive", alpha, shape=6)
        pm.Bernoulli("y", p=1.0 * examined * attractive, observed=clicked)
    return model


def clicks_likelihood(u):
    clicked, place = np.array([1, 0, 0, 1, 0, 0]), np.arange(6) % 3
    return np.log(bernoulli(clicked, sigmoid(u[:3])[place] * sigmoid(u[3]))).sum()


def zero_inflated_mixture():
    with pm.Model() as model:
        psi, w = pm.Beta("psi", 1, 1), pm.Beta("w", 1, 1)
        rate = pm.Gamma("rate", 2, 0.5, shape=2)
        z = pm.Bernoulli("z", psi, shape=len(COUNTS))
        c = pm.Bernoulli("c", w, shape=len(COUNTS))
        pm.Poisson("y", z * rate[c], observed=COUNTS)
    return model


def zero_inflated_mixture_likelihood(u):
    psi, w, rate = sigmoid(u[0]), sigmoid(u[1]), np.exp(u[2:])
    present = (1 - w) * poisson(COUNTS, rate[0]) + w * poisson(COUNTS, rate[1])
    return np.log((1 - psi) * (COUNTS == 0) + psi * present).sum()


# ------------------------------------------------------------------------------------------ chains


def knowledge_tracing():
    """Once learned, a skill is not forgotten, and answers are right; rows are normalised."""
    with pm.Model() as model:
        learn, guess = pm.Gamma("learn", 1, 1), pm.Beta("guess", 1, 1)
        weights = pt.stack([pt.stack([1.0, learn]), pt.stack([0.0, 1.0])])
        P = weights / weights.sum(-1, keepdims=True)
        start = pm.Categorical.dist(np.array([1.0, 0.0]))
        z = DiscreteMarkovChain("z", P=P, init_dist=start, shape=ANSWERS.shape)
        pm.Bernoulli("y", p=pt.stack([guess, 1.0])[z], observed=ANSWERS)
    return model


def knowledge_tracing_likelihood(u):
    learn, guess = np.exp(u[0]), sigmoid(u[1])
    transition = np.array([[1 / (1 + learn), learn / (1 + learn)], [0, 1]])
    emission = bernoulli(ANSWERS[..., None], np.array([guess, 1.0]))
    return sum(np.log(sum_over_paths(np.array([1.0, 0.0]), transition, e)) for e in emission)


def survival():
    """Cormack-Jolly-Seber: alive or dead, and captured only while alive."""
    history = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0], [1, 0, 1, 1, 1]])
    with pm.Model() as model:
        phi, p = pm.Beta("phi", 1, 1), pm.Beta("p", 1, 1)
        P = pt.stack([pt.stack([1.0, 0.0]), pt.stack([1 - phi, phi])])
        start = pm.Categorical.dist(np.array([0.0, 1.0]))
        z = DiscreteMarkovChain("z", P=P, init_dist=start, shape=history.shape)
        pm.Bernoulli("y", p=z * p, observed=history)
    return model


def survival_likelihood(u):
    history = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0], [1, 0, 1, 1, 1]])
    phi, p = sigmoid(u)
    transition = np.array([[1, 0], [1 - phi, phi]])
    emission = bernoulli(history[..., None], np.array([0.0, p]))
    return sum(np.log(sum_over_paths(np.array([0.0, 1.0]), transition, e)) for e in emission)


STAGES = 7
STAGE_ITEMS = np.array([[0, 1, 1, 2, 2], [0, 0, 1, 1, 2]])
STAGE_EMISSION = np.eye(STAGES, 3) + np.eye(STAGES, 3, k=-1)
STAGE_EMISSION[3:, 2] = 1


def stages():
    """Seven stages, one after the other: too many states for pairwise sums."""
    with pm.Model() as model:
        rate, b = pm.Gamma("rate", 1, 1, shape=STAGES), pm.Gamma("b", 1, 1, shape=3)
        weights = np.eye(STAGES) + rate[:, None] * np.eye(STAGES, k=1)
        P = weights / weights.sum(-1, keepdims=True)
        B = b * STAGE_EMISSION
        start = pm.Categorical.dist(np.eye(STAGES)[0])
        z = DiscreteMarkovChain("z", P=P, init_dist=start, shape=STAGE_ITEMS.shape)
        pm.Categorical("y", (B / B.sum(-1, keepdims=True))[z], observed=STAGE_ITEMS)
    return model


def stages_likelihood(u):
    weights = np.eye(STAGES) + np.exp(u[:STAGES, None]) * np.eye(STAGES, k=1)
    transition = weights / weights.sum(-1, keepdims=True)
    B = np.exp(u[STAGES:]) * STAGE_EMISSION
    emission = (B / B.sum(-1, keepdims=True))[:, STAGE_ITEMS]
    return sum(
        np.log(sum_over_paths(np.eye(STAGES)[0], transition, emission[:, n].T)) for n in range(2)
    )


DIFFICULTY = np.linspace(0.0, 1.0, 4)


def time_varying_chain():
    """An absorbing state that is reached with a probability that differs between times."""
    answers = np.array([0, 0, 1, 1, 1])
    with pm.Model() as model:
        learn, guess = pm.Beta("learn", 1, 1), pm.Beta("guess", 1, 1)
        q = learn * DIFFICULTY
        P = pt.stack([pt.stack([1 - q, q], -1), pt.stack([0 * q, 1 + 0 * q], -1)], -2)
        start = pm.Categorical.dist(np.array([1.0, 0.0]))
        z = DiscreteMarkovChain("z", P=P, time_varying_P=True, init_dist=start, shape=5)
        pm.Bernoulli("y", p=pt.stack([guess, 1.0])[z], observed=answers)
    return model


def time_varying_chain_likelihood(u):
    learn, guess = sigmoid(u)
    answers = np.array([0, 0, 1, 1, 1])
    transition = np.array([[[1 - learn * d, learn * d], [0, 1]] for d in DIFFICULTY])
    emission = bernoulli(answers[:, None], np.array([guess, 1.0]))
    return np.log(sum_over_paths(np.array([1.0, 0.0]), transition, emission))


def second_order_chain():
    """A state that depends on the two before it, and is never left."""
    answers = np.array([0, 0, 1, 0, 1, 1])
    with pm.Model() as model:
        learn, guess = pm.Beta("learn", 1, 1), pm.Beta("guess", 1, 1)
        stay = pt.stack([pt.stack([1 - learn, learn]), pt.stack([0.0, 1.0])])
        P = pt.stack([stay, pt.stack([pt.stack([0.5, 0.5]), pt.stack([0.0, 1.0])])])
        start = pm.Categorical.dist(np.array([1.0, 0.0]))
        z = DiscreteMarkovChain(
            "z", P=P / P.sum(-1, keepdims=True), n_lags=2, init_dist=start, shape=6
        )
        pm.Bernoulli("y", p=pt.stack([guess, 1.0])[z], observed=answers)
    return model


def second_order_chain_likelihood(u):
    learn, guess = sigmoid(u)
    answers = np.array([0, 0, 1, 0, 1, 1])
    P = [[[1 - learn, learn], [0, 1]], [[0.5, 0.5], [0, 1]]]
    total = 0
    for z in product(range(2), repeat=4):
        path = (0, 0, *z)
        term = np.prod([P[path[t - 2]][path[t - 1]][path[t]] for t in range(2, 6)])
        emission = np.where(np.array(path) == 1, 1.0, guess)
        total = total + term * bernoulli(answers, emission).prod()
    return np.log(total)


EXAMPLES = {
    "zero and a rate in a list": Example(
        zero_inflated_by_a_list,
        ("z",),
        lambda u: zero_inflated(1 - simplex(u[:1])[0], np.exp(u[1])),
        2,
    ),
    "zero times a rate": Example(
        zero_inflated_by_a_product,
        ("z",),
        lambda u: zero_inflated(sigmoid(u[0]), np.exp(u[1])),
        2,
    ),
    "zero and two rates": Example(zero_and_two_rates, ("z",), zero_and_two_rates_likelihood, 4),
    "zero-inflated negative binomial": Example(
        zero_inflated_negative_binomial, ("z",), zero_inflated_negative_binomial_likelihood, 2
    ),
    "occupancy": Example(occupancy, ("z",), occupancy_likelihood, 2),
    "capture-recapture": Example(capture_recapture, ("z",), capture_recapture_likelihood, 2),
    "matrix of emissions": Example(emission_matrix, ("z",), emission_matrix_likelihood, 7),
    "clicks": Example(clicks, ("examined", "attractive"), clicks_likelihood, 4),
    "zero-inflated mixture": Example(
        zero_inflated_mixture, ("z", "c"), zero_inflated_mixture_likelihood, 4
    ),
    "knowledge tracing": Example(knowledge_tracing, ("z",), knowledge_tracing_likelihood, 2),
    "survival": Example(survival, ("z",), survival_likelihood, 2),
    "seven stages": Example(stages, ("z",), stages_likelihood, STAGES + 3),
    "time-varying chain": Example(time_varying_chain, ("z",), time_varying_chain_likelihood, 2),
    "second-order chain": Example(second_order_chain, ("z",), second_order_chain_likelihood, 2),
}


def gradient_by_complex_steps(function, point):
    """The gradient of an analytic function, up to rounding (Squire & Trapp 1998)."""
    step = 1e-30
    directions = np.eye(len(point))
    return np.array([np.imag(function(point + 1j * step * e)) / step for e in directions])


def hessian_by_differences(gradient, point):
    """Derivatives of a gradient by differences of order 6, with an error of about 1e-11."""
    step, weights = 0.01, {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    return np.array(
        [
            sum(
                weight * (gradient(point + k * step * e) - gradient(point - k * step * e)) / step
                for k, weight in weights.items()
            )
            for e in np.eye(len(point))
        ]
    )
