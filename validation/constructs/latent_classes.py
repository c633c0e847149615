"""Classes and hidden causes."""

import numpy as np
import pymc as pm
from scipy import stats
from scipy.special import logsumexp

from constructs import Works
from constructs._numerics import log_sum_over_values

ANSWERS = np.array([[1, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1], [0, 1, 0, 0], [1, 0, 0, 0]])


def latent_classes():
    """Latent class analysis, a matrix of answers, `p[z]`."""

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            p = pm.Beta("p", 1, 1, shape=(2, 4))
            z = pm.Categorical("z", w, shape=len(ANSWERS))
            pm.Bernoulli("y", p[z], observed=ANSWERS)
        return built

    def log_likelihood(w, p):
        each = stats.bernoulli.logpmf(ANSWERS[:, None, :], p).sum(axis=-1)
        return logsumexp(each + np.log(w), axis=1).sum()

    p = np.array([[0.2, 0.3, 0.1, 0.6], [0.9, 0.8, 0.4, 0.7]])
    return Works(model, ("z",), log_likelihood, ({"w": np.array([0.3, 0.7]), "p": p},))


def noisy_or():
    """Two hidden causes of one observation, noisy-or."""

    seen = np.array([1, 0, 1, 1])

    def model():
        with pm.Model() as built:
            prior = pm.Beta("prior", 1, 1, shape=2)
            works = pm.Beta("works", 1, 1, shape=2)
            a = pm.Bernoulli("a", prior[0], shape=4)
            b = pm.Bernoulli("b", prior[1], shape=4)
            silent = 0.9 * (1 - works[0]) ** a * (1 - works[1]) ** b
            pm.Bernoulli("seen", 1 - silent, observed=seen)
        return built

    def log_likelihood(prior, works):
        silent = 0.9 * np.prod(1 - prior * works)
        return stats.bernoulli.logpmf(seen, 1 - silent).sum()

    point = {"prior": np.array([0.3, 0.6]), "works": np.array([0.7, 0.4])}
    return Works(model, ("a", "b"), log_likelihood, (point,))


def additive_classes():
    """Classes of rows and classes of columns of a table, crossed."""

    table = np.array([[0.3, 1.9, 2.2], [1.4, 3.0, 2.8]])

    def model():
        with pm.Model() as built:
            share = pm.Beta("share", 1, 1)
            effect = pm.Normal("effect", 0, 2, shape=2)
            row = pm.Bernoulli("row", share, shape=2)
            column = pm.Bernoulli("column", 0.5, shape=3)
            mean = effect[0] * row[:, None] + effect[1] * column
            pm.Normal("x", mean, 1.0, observed=table)
        return built

    def log_likelihood(share, effect):
        def log_joint(z):
            row, column = np.array(z[:2]), np.array(z[2:])
            mean = effect[0] * row[:, None] + effect[1] * column
            prior = stats.bernoulli.logpmf(row, share).sum() + 3 * np.log(0.5)
            return prior + stats.norm.logpdf(table, mean, 1.0).sum()

        return log_sum_over_values(log_joint, [(0, 1)] * 5)

    point = {"share": 0.3, "effect": np.array([1.0, 2.0])}
    return Works(model, ("row", "column"), log_likelihood, (point,))


def annotators():
    """Annotators with confusion matrices, `pi[annotator, z]`."""

    ratings = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 0, 0]])

    def model():
        with pm.Model() as built:
            p = pm.Dirichlet("p", np.ones(2))
            pi = pm.Dirichlet("pi", np.ones(2), shape=(3, 2, 2))
            z = pm.Categorical("z", p, shape=4)
            pm.Categorical("ratings", pi[np.arange(3), z[:, None]], observed=ratings)
        return built

    def log_likelihood(p, pi):
        each = np.log(pi[np.arange(3), :, ratings]).sum(axis=1)
        return logsumexp(each + np.log(p), axis=1).sum()

    pi = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]], [[0.6, 0.4], [0.1, 0.9]]])
    return Works(model, ("z",), log_likelihood, ({"p": np.array([0.3, 0.7]), "pi": pi},))
