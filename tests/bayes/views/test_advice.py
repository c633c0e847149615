"""A model that is refused works after the change that the refusal advises."""

import re

import numpy as np
import pymc as pm
import pymc_extras as pmx
import pytensor.tensor as pt
import pytest

from latentfit import bayes
from latentfit.declaration import declare
from latentfit.errors import DeclarationError

COUNTS = np.array([2, 0, 3])
TABLE = np.array([[0.3, 1.1, -0.4], [2.2, 2.9, 1.7]])
P = np.array([[0.9, 0.1], [0.2, 0.8]])
UP_TO = np.arange(12)


def total_of_counts(t):
    z = pm.Poisson("z", t, shape=2)
    pm.Normal("y", z.sum(), 1, observed=3.0)


def total_of_categories(t):
    p = pm.math.exp(pm.logp(pm.Poisson.dist(t), UP_TO))
    z = pm.Categorical("z", p / p.sum(), shape=2)
    pm.Normal("y", z.sum(), 1, observed=3.0)


def inflated_counts(t):
    z = pm.ZeroInflatedPoisson("z", 0.6, t, shape=3)
    pm.Binomial("y", z, 0.5, observed=COUNTS)


def inflated_categories(t):
    p = pm.math.exp(pm.logp(pm.ZeroInflatedPoisson.dist(0.6, t), UP_TO))
    z = pm.Categorical("z", p / p.sum(), shape=3)
    pm.Binomial("y", z, 0.5, observed=COUNTS)


def many_classes_together(t):
    z = pm.Bernoulli("z", 0.3, shape=20)
    pm.Normal("y", z.sum(), t, observed=3.0)


def few_classes_together(t):
    z = pm.Bernoulli("z", 0.3, shape=(10, 2))
    pm.Normal("y", z.sum(axis=1), t, observed=np.ones(10))


def chain_of_several_rows(t):
    start = pm.Categorical.dist([0.5, 0.5])
    z = pmx.DiscreteMarkovChain("z", P=P, init_dist=start, shape=(1, 3))
    pm.Normal("y", z, t, observed=TABLE)


def chain_of_each_row(t):
    start = pm.Categorical.dist([0.5, 0.5])
    z = pmx.DiscreteMarkovChain("z", P=P, init_dist=start, shape=(2, 3))
    pm.Normal("y", z, t, observed=TABLE)


def improper(t):
    z = pm.Flat("z", shape=3)
    pm.Poisson("y", t * pm.math.exp(z), observed=COUNTS)


def proper(t):
    z = pm.Normal("z", 0, 1000, shape=3)
    pm.Poisson("y", t * pm.math.exp(z), observed=COUNTS)


def walk_of_counts(t):
    z = pm.GaussianRandomWalk("z", sigma=t, init_dist=pm.Normal.dist(), shape=6)
    pm.Poisson("y", pm.math.exp(z), observed=[*COUNTS, *COUNTS])


def walk_of_normal_data(t):
    z = pm.GaussianRandomWalk("z", sigma=t, init_dist=pm.Normal.dist(), shape=3)
    pm.Normal("y", z, 1, observed=COUNTS)


def independent_effects_on_counts(t):
    z = pm.Normal("z", 0, t, shape=3)
    pm.Poisson("y", pm.math.exp(z), observed=COUNTS)


def zero_sum_of_counts(t):
    z = pm.ZeroSumNormal("z", sigma=t, shape=6)
    pm.Poisson("y", pm.math.exp(z), observed=[*COUNTS, *COUNTS])


def zero_sum_of_normal_data(t):
    z = pm.ZeroSumNormal("z", sigma=t, shape=6)
    pm.Normal("y", z, 1, observed=[*COUNTS, *COUNTS])


def direction(t):
    z = pm.VonMises("z", 0, 1 + t, shape=3)
    pm.Normal("y", pt.sin(z), 1, observed=COUNTS)


def kinked(t):
    z = pm.Normal("z", 0, t, shape=3)
    pm.Normal("y", pt.abs(z), 1, observed=COUNTS)


REFUSED = [
    (total_of_counts, "declare z as Categorical up to a bound", [total_of_categories]),
    (inflated_counts, "declare z as Categorical up to a bound", [inflated_categories]),
    (
        many_classes_together,
        "let fewer of them affect the same observation",
        [few_classes_together],
    ),
    (chain_of_several_rows, "give z one row for each sequence", [chain_of_each_row]),
    (improper, "such as Normal with a large sigma", [proper]),
    (
        walk_of_counts,
        "declare such data, or entries of z that are independent",
        [walk_of_normal_data, independent_effects_on_counts],
    ),
    (
        zero_sum_of_counts,
        "declare such data, or entries of z that are independent",
        [zero_sum_of_normal_data, independent_effects_on_counts],
    ),
    (direction, "Normal or Gamma with independent entries", [independent_effects_on_counts]),
    (kinked, "Normal or Gamma with independent entries", [independent_effects_on_counts]),
]


def view(declare_variables):
    with pm.Model() as model:
        declare_variables(pm.HalfNormal("t"))
    return bayes.observed_view(declare(model, ("z",), {}, {}))


@pytest.mark.parametrize(
    ("declaration", "advice", "_"), REFUSED, ids=[one.__name__ for one, *_ in REFUSED]
)
def test_the_refusal_gives_the_advice(declaration, advice, _):
    with pytest.raises(DeclarationError, match=re.escape(advice)) as caught:
        view(declaration)
    continuous = declaration not in (
        total_of_counts,
        inflated_counts,
        many_classes_together,
        chain_of_several_rows,
    )
    assert ("draws of z from NUTS" in str(caught.value)) == continuous
    assert len(str(caught.value)) <= 500


@pytest.mark.parametrize(
    "declaration",
    list(dict.fromkeys(one for *_, advised in REFUSED for one in advised)),
    ids=lambda one: one.__name__,
)
def test_the_advice_works(declaration):
    assert [rv.name for rv in view(declaration).free_RVs] == ["t"]
