"""Each known mistake is named where it is made, and not where it is made at one θ' by chance.

An edit of the E step is a function of (params, data, right), where `right` is what the right E step
returns; of the M step, of (expectations, data, old, right).
"""

from functools import cache

import numpy as np
import pytest
from hinted_derivations import HintedDerivation

pytestmark = pytest.mark.slow

derivation = cache(HintedDerivation)


def normalised(values, axis=-1):
    return values / np.sum(values, axis=axis, keepdims=True)


def softmax(values):
    return normalised(np.exp(values - values.max(axis=-1, keepdims=True)))


def normal_parts(p, data):
    """Return log w, log sigma and the exponent of the normal densities."""
    u = (data["x"][:, None] - p["mu"]) / p["sigma"]
    return np.log(p["w"]), np.log(p["sigma"]), -0.5 * u**2


def log_joint(p, data):
    log_w, log_sigma, exponent = normal_parts(p, data)
    return log_w - log_sigma + exponent


def sd(r, x, mu, n):
    return np.sqrt(np.sum(r * (x[:, None] - mu) ** 2, axis=0) / n)


def poisson_chain(p, data):
    """Return start, P and the probability of each count in each state, first axis the sequence."""
    x = data["x"].T[..., None]
    return p["start"], p["P"], np.exp(x * np.log(p["lam"]) - p["lam"])


def smoothed(start, p, b):
    alpha, beta = [start * b[:, 0]], [np.ones_like(b[:, 0])]
    for t in range(1, b.shape[1]):
        alpha.append(alpha[-1] @ p * b[:, t])
        beta.insert(0, (b[:, -t] * beta[0]) @ p.T)
    return normalised(np.stack(alpha, axis=1) * np.stack(beta, axis=1))


def one_hot(r):
    return np.eye(r.shape[-1])[r.argmax(axis=-1)]


def answers(r, data):
    return np.einsum("ik,ija->kja", r, np.eye(2)[data["x"].astype(int)])


def weighted(z, x):
    return np.einsum("stk,st->k", z, x) / z.sum(axis=(0, 1))


def maximiser(r, x):
    mu = x @ r / r.sum(axis=0)
    return {"w": r.mean(axis=0), "mu": mu, "sigma": sd(r, x, mu, r.sum(axis=0))}


def pca(x, z, zz):
    """Return the parameters from the second moments zz of a single component z."""
    n, centred, mean = len(x), x - x.mean(axis=0), z.mean()
    covariance = centred.T @ z / n
    W = covariance / (zz / n - mean**2)
    variance = (np.sum(centred**2) / n - np.sum(W * covariance)) / x.shape[1]
    return {"mu": x.mean(axis=0) - W[:, 0] * mean, "W": W, "sigma": np.sqrt(variance)}


def e_step_densities(change):
    def edit(p, data, right):
        log_w, log_sigma, exponent = normal_parts(p, data)
        return softmax(change(log_w, log_sigma, exponent, p["sigma"]))

    return edit


E_STEPS = [
    (
        "gaussian-mixture",
        "z",
        e_step_densities(lambda w, s, e, sigma: w - s + 2 * e),
        "a factor 2 is left out, as in exp(-u²)",
    ),
    (
        "gaussian-mixture",
        "z",
        e_step_densities(lambda w, s, e, sigma: w + e),
        "a factor sigma is too much, or its reciprocal left out",
    ),
    (
        "gaussian-mixture",
        "z",
        e_step_densities(lambda w, s, e, sigma: w - s - e),
        "the exponent of the normal density has the wrong sign",
    ),
    (
        "gaussian-mixture",
        "z",
        e_step_densities(lambda w, s, e, sigma: w - s + sigma * e),
        "is divided by sigma, not by its square",
    ),
    (
        "gaussian-mixture",
        "z",
        e_step_densities(lambda w, s, e, sigma: w[::-1] - s + e),
        "w in the order (1, 0) is used in place of w",
    ),
    (
        "gaussian-mixture",
        "z",
        lambda p, data, right: np.round(right["z"], 2),
        "the probabilities are rounded to 2 decimals",
    ),
    (
        "gaussian-mixture",
        "z",
        lambda p, data, right: normalised(np.maximum(right["z"], 0.05)),
        "not allowed to be smaller than 0.05, and then normalised",
    ),
    (
        "probabilistic-pca",
        "zz",
        lambda p, data, right: (
            right["z"].T @ right["z"] + (right["zz"] - right["z"].T @ right["z"]) / len(right["z"])
        ),
        "the variance term is counted once in place of 11 times",
    ),
    (
        "probabilistic-pca",
        "zz",
        lambda p, data, right: 2 * right["z"].T @ right["z"] - right["zz"],
        "the variance term is subtracted",
    ),
    (
        "probabilistic-pca",
        "zz",
        lambda p, data, right: right["zz"] * 10 / 11,
        "this is 10/11 times what it should be: the ratio of n (the number of rows of x) - 1 and",
    ),
    (
        "hidden-markov",
        "z",
        lambda p, data, right: smoothed(p["start"] @ p["P"], *poisson_chain(p, data)[1:]),
        "one time step too many",
    ),
    (
        "hidden-markov",
        "z",
        lambda p, data, right: right["z"] * (np.arange(8) > 0)[:, None],
        "the first time step is left out",
    ),
    ("hidden-markov", "z", lambda p, data, right: one_hot(right["z"]), "hard assignments"),
    (
        "hidden-markov",
        "transitions",
        lambda p, data, right: np.einsum("stj,jk->jk", right["z"][:, :-1], p["P"]),
        "smoothed probabilities are multiplied by the transition probabilities",
    ),
    (
        "gaussian-mixture",
        "z",
        lambda p, data, right: softmax(log_joint({**p, "mu": p["sigma"], "sigma": p["mu"]}, data)),
        "mu and sigma are exchanged",
    ),
    (
        "gaussian-mixture",
        "z",
        lambda p, data, right: softmax(log_joint(maximiser(right["z"], data["x"]), data)),
        "one iteration ahead",
    ),
]

M_STEPS = [
    (
        "probabilistic-pca",
        "W",
        lambda z, data, old, right: pca(data["x"], z, z.T @ z),
        "the conditional variance of z is left out",
    ),
    (
        "gaussian-mixture",
        "sigma",
        lambda z, data, old, right: {"sigma": sd(z, data["x"], data["x"].mean(), z.sum(axis=0))},
        "the mean of all observations is used in place of mu",
    ),
    (
        "gaussian-mixture",
        "sigma",
        lambda z, data, old, right: {"sigma": sd(z, data["x"], old["mu"], z.sum(axis=0))},
        "the update uses the old value of mu",
    ),
    (
        "gaussian-mixture",
        "sigma",
        lambda z, data, old, right: {"sigma": sd(z, data["x"], 0, z.sum(axis=0))},
        "zero is used in place of mu",
    ),
    (
        "gaussian-mixture",
        "mu",
        lambda z, data, old, right: {"mu": np.full(2, data["x"].mean())},
        "the responsibilities are left out",
    ),
    (
        "gaussian-mixture",
        "sigma",
        lambda z, data, old, right: {
            "sigma": sd(np.ones_like(z), data["x"], right["mu"], z.sum(axis=0))
        },
        "the responsibilities are left out in the numerator",
    ),
    (
        "gaussian-mixture",
        "sigma",
        lambda z, data, old, right: {
            "sigma": np.full(2, np.sqrt(z.sum(axis=0) @ right["sigma"] ** 2 / len(z)))
        },
        "one value is estimated for all components together, from pooled sums",
    ),
    (
        "gaussian-mixture",
        "w",
        lambda z, data, old, right: {"w": normalised(z.sum(axis=0) + 0.5)},
        "0.5 is added to each count",
    ),
    (
        "gaussian-mixture",
        "mu",
        lambda z, data, old, right: {"mu": data["x"] @ z / (z.sum(axis=0) + 0.25)},
        "0.25 is added to the responsibilities' sum in the divisor",
    ),
    (
        "gaussian-mixture",
        "w",
        lambda z, data, old, right: {"w": one_hot(z).mean(axis=0)},
        "hard assignments",
    ),
    (
        "gaussian-mixture",
        "mu",
        lambda z, data, old, right: {"mu": data["x"] @ z**2 / (z**2).sum(axis=0)},
        "the responsibilities are squared",
    ),
    (
        "probabilistic-pca",
        "sigma",
        lambda z, data, old, right: {"sigma": right["sigma"] * np.sqrt(11 / 10)},
        "n (the number of rows of x) - 1 is used where n (the number of rows of x) belongs",
    ),
    (
        "probabilistic-pca",
        "sigma",
        lambda z, data, old, right: {"sigma": right["sigma"] * np.sqrt(33 / 30)},
        "n (the number of rows of x) - 1 is used where n (the number of rows of x) belongs",
    ),
    (
        "probabilistic-pca",
        "mu",
        lambda z, data, old, right: {"mu": data["x"].mean(axis=0)},
        "the latent z counts as zero",
    ),
    (
        "latent-class",
        "p2",
        lambda z, data, old, right: {"p2": normalised(answers(z, data), 0)},
        "the counts are normalised over axis 0, not over the last axis",
    ),
    (
        "latent-class",
        "p2",
        lambda z, data, old, right: {"p2": normalised(answers(z, data) + 1)},
        "1 is added to each count",
    ),
    (
        "hidden-markov",
        "lam",
        lambda z, data, old, right: {"lam": weighted(z[:, 1:], data["x"].T[:, 1:])},
        "the first time step is left out",
    ),
    (
        "hidden-markov",
        "lam",
        lambda z, data, old, right: {"lam": weighted(z[:, :-1], data["x"].T[:, 1:])},
        "used one time step too late",
    ),
    (
        "hidden-markov",
        "start",
        lambda z, data, old, right: {"start": z.mean(axis=(0, 1))},
        "the mean over all time steps is used where the first time step belongs",
    ),
    (
        "hidden-markov",
        "start",
        lambda z, data, old, right: {"start": z[:, 1].mean(axis=0)},
        "used one time step too early",
    ),
]


def values_of_entry(model, name, edit):
    found = derivation(model)
    return [edit(trial.params, found.data, trial.expected) for trial in found.trials]


def values_of_parameter(model, edit):
    found = derivation(model)
    return [
        {key: np.asarray(v, float) for key, v in edit(z, found.data, trial.params, right).items()}
        for trial, right in zip(found.trials, found.right_params, strict=True)
        for z in [trial.expected["z"]]
    ]


def coinciding_at_the_first(values, right):
    """Return values that differ from the right ones by the same numbers at all trial points."""
    return [one + values[0] - right[0] for one in right]


# The models whose declaration takes a second or two to build.
FAST = ("gaussian-mixture", "hidden-markov")


def parameters(cases):
    """Return the cases as parameters of a test."""
    return pytest.mark.parametrize(
        ("model", "name", "edit", "hint"),
        [
            pytest.param(
                *case,
                id=f"{case[0]}, {case[1]}: {case[3]}",
                marks=() if case[0] in FAST else pytest.mark.slow,
            )
            for case in cases
        ],
    )


@parameters(E_STEPS)
def test_a_mistake_in_the_e_step_is_named(model, name, edit, hint):
    values = values_of_entry(model, name, edit)
    assert hint in derivation(model).hint_of_entry(name, values)


@parameters(E_STEPS)
def test_another_mistake_in_the_e_step_is_not_taken_for_it(model, name, edit, hint):
    """The numbers are those of the known mistake at the first θ, and of another at the others."""
    found = derivation(model)
    right = [trial.expected[name] for trial in found.trials]
    values = coinciding_at_the_first(values_of_entry(model, name, edit), right)
    assert hint not in (found.hint_of_entry(name, values) or "")


@parameters(M_STEPS)
def test_a_mistake_in_the_m_step_is_named(model, name, edit, hint):
    values = values_of_parameter(model, edit)
    assert hint in derivation(model).hint_of_parameter(name, values)


@parameters(M_STEPS)
def test_another_mistake_in_the_m_step_is_not_taken_for_it(model, name, edit, hint):
    """The numbers are those of the known mistake at the first θ', and of another at the others."""
    found = derivation(model)
    right = [params[name] for params in found.right_params]
    mistaken = [values[name] for values in values_of_parameter(model, edit)]
    values = coinciding_at_the_first(mistaken, right)
    assert hint not in (found.hint_of_parameter(name, values) or "")
