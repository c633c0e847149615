"""Known mistakes: all are registered, and each is recognised from the numbers it leads to."""

import pkgutil
import re
import textwrap
from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest
from mistake_examples import Mixture, explain_mean_of_missing, explain_theta
from scipy.special import softmax

from latentfit.check import mistakes
from latentfit.check.mistakes import MistakeContext, _registry, registered

# Quantities that one entry or parameter can be at the same time.
_TOGETHER = (
    {"categorical latent", "discrete latent", "statistic"},
    {"Markov chain", "discrete latent", "statistic"},
    {"continuous latent", "statistic"},
    {"parameter", "transition matrix"},
)


def test_every_module_registers_a_known_mistake():
    modules = {
        module.name
        for module in pkgutil.iter_modules(mistakes.__path__)
        if not module.name.startswith("_")
    }
    assert {one.predict.__module__.rpartition(".")[2] for one in registered()} == modules


def test_priorities_decide_between_any_two_mistakes_of_one_quantity():
    for one, other in combinations(registered(), 2):
        if one.step == other.step and any({one.quantity, other.quantity} <= t for t in _TOGETHER):
            assert one.priority != other.priority, (one.name, other.name)


def test_the_example_of_the_documentation(monkeypatch):
    """The module and its test, as the docstring of the package has them."""
    monkeypatch.setattr(_registry, "_REGISTERED", dict(_registry._REGISTERED))
    module, test = (
        textwrap.dedent(mistakes.__doc__.split(f"{before}::\n")[1].split(f"\n\n{after}")[0])
        for before, after in (
            ("``tenfold.py``", "The function yields"),
            ("``tests/mistake_examples.py``", "A mutant"),
        )
    )
    exec(module, {"__name__": f"{mistakes.__name__}.tenfold"})
    test_priorities_decide_between_any_two_mistakes_of_one_quantity()
    names = {}
    exec(test, names)
    names["test_ten_times_the_right_value"]()


def test_the_documentation_names_every_part_of_the_context():
    parts = {name for name in vars(MistakeContext) if not name.startswith("_")}
    parts |= {field.name for field in fields(MistakeContext)}
    # Predictions use what is computed from these instead.
    parts -= {"step", "maximisers", "entry_for"}
    assert not [part for part in parts if not re.search(rf"``{part}\b", mistakes.__doc__)]


# The M step


Y = np.ma.masked_invalid([1.0, 2.0, np.nan, 4.0])
THETA = np.array([0.3, 0.7, 1.9])


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (THETA**2, "this is the square of the right value"),
        (np.sqrt(THETA), "this is the square root of the right value"),
        (1 / THETA, "this is 1 divided by the right value"),
        (np.log(THETA), "this is the logarithm of the right value"),
        (-THETA, "the sign is wrong"),
        (THETA * 4 / 3, "in the divisor, n (the length of y) - 1 is used where n (the length of"),
        (THETA * np.sqrt(4 / 5), "in the divisor of the variance, n (the length of y) + 1 is used"),
        (THETA * np.sqrt(3 / 4), "in the divisor of the variance, n (the length of y) is used"),
        (THETA * 4, "this is not divided by n (the length of y)"),
        (THETA / 3, "this is divided by the number of observed y"),
        (THETA * 3, "this is not divided by the number of observed y"),
        (THETA * np.sqrt(2), "the square of this is twice what it should be"),
        (THETA[[1, 0, 2]], "the components are in another order (1, 0, 2)"),
        (np.full(3, THETA.mean()), "all components are given one value"),
        ([5.0, 6.0, 7.0], "the parameter is not updated"),
        ([0.3, 6.0, 1.9], "theta[1] is not updated"),
    ],
)
def test_mistakes_in_an_m_step(given, hint):
    explanation = explain_theta([given], [THETA], [5.0, 6.0, 7.0], y=Y)
    assert hint in explanation.hint
    assert not explanation.increases_q


def test_of_equal_predictions_the_lowest_priority_is_named():
    """Twice the right value is also what n - 1 in place of n gives for n of two."""
    hint = explain_theta([[2.0]], [[1.0]], y=np.zeros(2)).hint
    assert hint == (
        "in the divisor, n (the length of y) - 1 is used where n (the length of y) belongs"
    )
    assert explain_theta([[2.0]], [[1.0]], y=np.zeros(9)).hint == "this is twice what it should be"


def test_a_mistake_has_to_explain_all_trial_points():
    right = [[0.3, 0.7], [0.5, 0.5]]
    assert explain_theta([[0.6, 1.4], [1.0, 1.0]], right).hint == "this is twice what it should be"
    assert explain_theta([[0.6, 1.4], [1.1, 1.0]], right) is None


# The E step


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (lambda m, r: softmax(m.log_joint["z"] - m.log_prior["z"], axis=1), "p(z) are left out"),
        (lambda m, r: softmax(m.log_joint["z"] + m.log_prior["z"], axis=1), "p(z) are used twice"),
        (lambda m, r: np.exp(m.log_joint["z"]), "joint densities p(x, z), not normalised"),
        (lambda m, r: m.log_joint["z"], "log joint densities log p(x, z): take their exponential"),
        (lambda m, r: softmax(m.log_joint["z"] / 2, axis=1), "is half what it should be"),
        (lambda m, r: r["z"] / r["z"].sum(axis=0), "over the observations instead of the categ"),
        (lambda m, r: np.eye(3)[r["z"].argmax(axis=1)], "hard assignments"),
        (lambda m, r: r["z"][:, [2, 0, 1]], "the categories are in another order (2, 0, 1)"),
        (lambda m, r: np.log(r["z"]), "these are the logarithms of the probabilities"),
        (lambda m, r: r["z"] + 0.1, None),
    ],
)
def test_mistakes_in_the_posterior_of_a_categorical_latent(value, hint):
    mixture = Mixture("z")
    found = mixture.explain("z", lambda r: value(mixture, r))
    assert found is None if hint is None else hint in found


@pytest.mark.parametrize("name", ["z", "u"])
def test_mistakes_are_recognised_in_each_of_several_latents(name):
    mixture = Mixture("z", "u")
    found = mixture.explain(
        name, lambda r: softmax(mixture.log_joint[name] - mixture.log_prior[name], axis=1)
    )
    assert found == "the mixing weights p(z) are left out of Bayes' theorem"


@pytest.mark.parametrize("latent", ["z", "u"])
def test_mistakes_in_a_latent_are_recognised_in_a_statistic_of_it(latent):
    mixture = Mixture("z", "u", expectations={"n": lambda r: r["z"].sum(axis=0) @ r["u"].T})
    found = mixture.explain(
        "n",
        lambda r: mixture.expectations["n"](
            r | {latent: softmax(mixture.log_joint[latent] - mixture.log_prior[latent], axis=1)}
        ),
    )
    assert found == "the mixing weights p(z) are left out of Bayes' theorem"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (0.5, "this is 1 divided by the conditional mean"),
        (0.0, "the missing values are counted as zero"),
        (np.log(2) * 2, "this is the median of an exponential distribution"),
        (6.0, "this is the conditional mean times the number of entries"),
        (5.0, "the mean of the observed values is used"),
        (4.5, "the median of the observed values is used"),
        (20.0, "the sum of the observed values is used"),
        (1.7, None),
    ],
)
def test_mistakes_in_the_conditional_mean_of_missing_values(given, hint):
    found = explain_mean_of_missing(given, [3.0, np.nan, 4.5, np.nan, 4.5, 8.0, np.nan])
    assert found is None if hint is None else hint in found
