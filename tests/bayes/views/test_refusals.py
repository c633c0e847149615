"""What cannot be marginalised is refused in the words of the model, with what would work."""

import re
import traceback

import numpy as np
import pymc as pm
import pytest
from pymc_extras.distributions import DiscreteMarkovChain

from latentfit import bayes
from latentfit.bayes import marginalize
from latentfit.bayes.views._refusal import refusal
from latentfit.declaration import declare
from latentfit.declaration.words import (
    describe_latent,
    distribution_name,
    explain_library_error,
    is_library_error,
)
from latentfit.errors import DeclarationError

COUNTS = np.array([2, 0, 3])
# How PyTensor writes operations and types.
OPERATIONS = re.compile(r"\w+_rv\b|\w+RV\b|\{|Elemwise|Subtensor|dtype|inplace|<")


def shifted_uniform():
    t = pm.HalfNormal("t")
    z = pm.VonMises("z", 0, 1 + t, shape=2)
    pm.Normal("y", z[0] * z[1], 1, observed=COUNTS)


def improper():
    s = pm.HalfNormal("s")
    z = pm.Flat("z", shape=3)
    pm.Normal("y", z, s, observed=COUNTS)


def random_walk():
    s = pm.HalfNormal("s")
    z = pm.GaussianRandomWalk("z", sigma=s, init_dist=pm.Normal.dist(), shape=3)
    pm.Poisson("y", pm.math.exp(z), observed=COUNTS)


def custom():
    s = pm.HalfNormal("s")
    z = pm.VonMises("z", 0, 1 + s, shape=2)
    pm.CustomDist("y", z.sum(), logp=lambda value, m: -((value - m) ** 4), observed=COUNTS)


def built(declaration):
    with pm.Model() as model:
        declaration()
    return model


@pytest.mark.parametrize(
    ("declaration", "described"),
    [
        (shifted_uniform, "z is VonMises, and y (Normal, observed) depends on it"),
        (improper, "z is Flat, and y (Normal, observed) depends on it"),
        (random_walk, "z is GaussianRandomWalk, and y (Poisson, observed) depends on it"),
        (custom, "z is VonMises, and y (CustomDist, observed) depends on it"),
    ],
)
def test_a_latent_is_described_with_what_depends_on_it(declaration, described):
    assert describe_latent(built(declaration), "z") == described


def test_dependents_are_direct_ones():
    with pm.Model() as model:
        a = pm.Normal("a")
        b = pm.Normal("b", a)
        pm.Normal("c", b, observed=0.0)
        pm.Poisson("d", pm.math.exp(a), observed=1)
    assert describe_latent(model, "a") == (
        "a is Normal, and b (Normal) and d (Poisson, observed) depend on it"
    )
    assert distribution_name(model["d"]) == "Poisson"


@pytest.mark.parametrize("declaration", [shifted_uniform, custom])
def test_a_refusal_names_variables_and_what_would_work(declaration):
    model = built(declaration)
    with pytest.raises(DeclarationError) as caught:
        bayes.observed_view(declare(model, ("z",), {}, {}))
    message = str(caught.value)
    assert message.startswith("cannot integrate z out of the model: z is ")
    assert "depends on it" in message
    assert "declare z as" in message
    assert "use `check` as it is" in message
    assert not OPERATIONS.search(message)
    assert len(message) <= 500
    assert "\n" not in message


def test_errors_of_rewrites_are_not_printed_and_stand_in_the_traceback(monkeypatch, capfd):
    def broken(*arguments, **options):
        raise ValueError("an error of a strategy")

    strategies = (marginalize.Strategy(marginalize.Precedence.CLOSED_FORM, broken),)
    monkeypatch.setattr(marginalize, "STRATEGIES", strategies)
    with pytest.raises(DeclarationError) as caught:
        bayes.observed_view(declare(built(shifted_uniform), ("z",), {}, {}))
    assert capfd.readouterr().err == ""
    assert "an error of a strategy" in "".join(traceback.format_exception(caught.value))


def test_an_error_of_a_library_names_improper_priors():
    with pm.Model() as model:
        s = pm.HalfFlat("s")
        z = pm.Normal("z", 0, s, shape=3)
        pm.Normal("y", z, 1, observed=COUNTS)
    with pytest.raises(NotImplementedError) as caught:
        pm.draw(model["s"])
    assert is_library_error(caught.value)
    message = explain_library_error(model, ("z",), caught.value)
    assert "s (HalfFlat) is improper; give a proper one instead" in message
    assert not OPERATIONS.search(message)
    assert len(message) <= 500


def test_an_error_of_a_library_loses_the_operations_of_its_graph():
    model = built(random_walk)
    error = ValueError("bad node Elemwise{add}(x, normal_rv{0})\nApply node that caused the error")
    message = explain_library_error(model, ("z",), error)
    assert message.startswith(
        "PyMC cannot evaluate what is needed of this model (ValueError): z is"
    )
    assert not OPERATIONS.search(message)


def test_errors_of_other_code_are_not_explained():
    with pytest.raises(KeyError) as caught:
        {}["x"]
    assert not is_library_error(caught.value)


def test_a_markov_chain_beside_another_latent_of_the_same_data():
    with pm.Model() as model:
        p = pm.Dirichlet("p", np.ones((2, 2)))
        start = pm.Categorical.dist([0.5, 0.5])
        z = DiscreteMarkovChain("z", P=p, init_dist=start, shape=(3,))
        b = pm.Bernoulli("b", 0.4, shape=3)
        pm.Poisson("y", 1.0 + z + b, observed=COUNTS)
    message = refusal(declare(model, ("z", "b"), {}, {}), ("z",), NotImplementedError())
    assert message.startswith("cannot integrate z out of the model: z is DiscreteMarkovChain, ")
    assert "depends on one state of z and on no other latent" in message
    assert "as one chain" in message
    assert len(message) <= 500


def test_a_truth_value_as_a_probability_is_named():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1)
        z = pm.Normal("z", mu, 1, shape=2)
        pm.Bernoulli("y", z > 0, observed=[0, 1])
    with pytest.raises(TypeError) as caught:
        model.point_logps()
    message = explain_library_error(model, ("z",), caught.value)
    assert "a parameter of y (Bernoulli) is a truth value" in message
    assert "pm.math.switch(condition, 1.0, 0.0)" in message
