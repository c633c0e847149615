"""Blocks of several entries are integrated about their mode only if they have one."""

import numpy as np
import pymc as pm
import pytest

from latentfit.bayes.marginalize import QuadratureMarginalRV, marginalise_latents
from latentfit.declaration.compilation import double_precision

TABLE = np.array([[0.3, 1.9], [1.4, 3.0], [0.1, 0.9]])
COUNTS = np.array([[1, 3], [0, 2], [4, 4]])


def marginalised(declare_variables, latents):
    with double_precision(), pm.Model() as model:
        declare_variables(pm.HalfNormal("sigma", 1))
    return marginalise_latents(model, latents)


def test_products_of_latents_are_refused():
    def declare_variables(sigma):
        a = pm.Normal("a", 0, 1, shape=3)
        b = pm.Normal("b", 0, 1, shape=2)
        pm.Normal("y", a[:, None] * b, sigma, observed=TABLE)

    with pytest.raises(NotImplementedError):
        marginalised(declare_variables, ["a", "b"])


def test_intercepts_and_slopes_of_counts_have_one_mode():
    def declare_variables(sigma):
        z = pm.Normal("z", 0, sigma, shape=(3, 2))
        pm.Poisson("y", pm.math.exp(z[:, :1] + z[:, 1:] * np.array([-0.5, 1.0])), observed=COUNTS)

    op = marginalised(declare_variables, ["z"])["y"].owner.op
    assert isinstance(op, QuadratureMarginalRV)
    assert op.blocks.entries.shape == (3, 2)
