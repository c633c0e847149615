"""log p(x | θ) of data with missing entries that PyMC splits in one operation, against SciPy."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats

from latentfit import bayes
from latentfit.declaration import declare, parameter_space

MU = np.array([-1.0, 2.0])
X = np.ma.masked_invalid([0.3, np.nan, 2.5, -1.2])
ROWS = np.ma.masked_invalid([[0.3, np.nan, 1.2], [np.nan, np.nan, -0.4], [0.5, 1.5, 0.1]])
COVARIANCE = np.array([[1.0, 0.4, 0.2], [0.4, 2.0, -0.3], [0.2, -0.3, 1.5]])


def log_likelihood(declare_variables, latents, theta):
    """log p(x | θ), and its derivative, by latentfit."""
    with pytest.warns(UserWarning, match="missing values"), pm.Model() as model:
        declare_variables()
    declaration = declare(model, latents, {}, {})
    space = parameter_space(declaration)
    density = bayes.Density(bayes.observed_view(declaration), space)
    return density.log_likelihood(space.unconstrain(theta))


def mixture():
    mu = pm.Normal("mu", 0, 5, shape=2)
    pm.NormalMixture("x", [0.3, 0.7], mu, 1.0, observed=X)


def test_a_missing_value_of_a_mixture_does_not_contribute():
    value, score = log_likelihood(mixture, ("x_unobserved",), {"mu": MU})
    seen = X.compressed()[:, None]
    densities = np.array([0.3, 0.7]) * stats.norm(MU, 1.0).pdf(seen)
    weights = densities / densities.sum(axis=1, keepdims=True)
    assert value == pytest.approx(np.log(densities.sum(axis=1)).sum(), rel=1e-12)
    np.testing.assert_allclose(score, (weights * (seen - MU)).sum(axis=0), rtol=1e-10)


def rows():
    mu = pm.Normal("mu", 0, 5)
    pm.MvNormal("x", mu * np.ones(3), COVARIANCE, observed=ROWS)


def test_missing_entries_of_correlated_rows_are_integrated_out():
    value, _ = log_likelihood(rows, ("x_unobserved",), {"mu": np.array(0.7)})
    expected = 0.0
    for row in ROWS:
        seen = np.flatnonzero(~row.mask)
        part = stats.multivariate_normal(np.full(len(seen), 0.7), COVARIANCE[np.ix_(seen, seen)])
        expected += part.logpdf(row.compressed())
    assert value == pytest.approx(expected, rel=1e-12)
