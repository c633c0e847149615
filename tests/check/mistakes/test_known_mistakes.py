"""Known mistakes: all are registered, and each is recognised from the numbers it leads to."""

import pkgutil
import re
import textwrap
from dataclasses import fields, replace
from itertools import combinations

import numpy as np
import pytest
from mistake_examples import OLD, RIGHT, Mixture, explain_mean_of_missing, explain_theta
from scipy.special import softmax

from latentfit.check import mistakes
from latentfit.check.examination import TrialPoint
from latentfit.check.mistakes import MistakeContext, _registry, confirmed, registered

# Quantities that one entry or parameter can be at the same time.
_TOGETHER = (
    {"categorical latent", "discrete latent", "statistic", "entry"},
    {"Markov chain", "discrete latent", "statistic", "entry"},
    {"continuous latent", "statistic", "entry"},
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


def test_a_known_mistake_that_fails_does_not_end_the_check(monkeypatch):
    monkeypatch.setattr(_registry, "_REGISTERED", dict(_registry._REGISTERED))

    @_registry.known_mistake(step="M", quantity="parameter", priority=1, hint="none")
    def failing(context):
        raise RuntimeError("no such number")
        yield

    assert explain_theta(lambda right, old: 2 * right).hint == "this is twice what it should be"


def test_the_documentation_names_every_part_of_the_context():
    parts = {name for name in vars(MistakeContext) if not name.startswith("_")}
    parts |= {field.name for field in fields(MistakeContext)}
    # Predictions use what is computed from these instead.
    parts -= {"step", "maximisers", "entry_for"}
    assert not [part for part in parts if not re.search(rf"``{part}\b", mistakes.__doc__)]


# The M step


Y = np.ma.masked_invalid([1.0, 2.0, np.nan, 4.0, np.nan])


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        (lambda right, old: right**2, "this is the square of the right value"),
        (lambda right, old: np.sqrt(right), "this is the square root of the right value"),
        (lambda right, old: 1 / right, "this is 1 divided by the right value"),
        (lambda right, old: np.log(right), "this is the logarithm of the right value"),
        (lambda right, old: -right, "the sign is wrong"),
        (
            lambda right, old: right * 5 / 4,
            "in the divisor, n (the length of y) - 1 is used where n (the length of",
        ),
        (
            lambda right, old: right * np.sqrt(5 / 6),
            "in the divisor of the variance, n (the length of y) + 1 is used",
        ),
        (lambda right, old: right * 5, "this is not divided by n (the length of y)"),
        (lambda right, old: right / 3, "this is divided by the number of observed y"),
        (lambda right, old: right * 3, "this is not divided by the number of observed y"),
        (
            lambda right, old: right / np.sqrt(5),
            "the square root is taken before the division by n (the length of y)",
        ),
        (lambda right, old: right[[1, 0, 2]], "the components are in another order (1, 0, 2)"),
        (lambda right, old: np.full(3, right.mean()), "all components are given one value"),
        (lambda right, old: old, "the parameter is not updated"),
        (lambda right, old: [right[0], old[1], right[2]], "theta[1] is not updated"),
        (lambda right, old: right + 0.25, "0.25 is added to the right value"),
        (lambda right, old: np.sqrt(right**2 + 0.01), "0.01 is added to the square of the right"),
    ],
)
def test_mistakes_in_an_m_step(mistake, hint):
    explanation = explain_theta(mistake, y=Y)
    assert hint in explanation.hint
    assert not explanation.increases_q


def test_a_cause_is_named_before_a_relation_of_the_numbers():
    """Twice the right value is also what n - 1 in place of n gives for n of two."""
    hint = explain_theta(lambda right, old: 2 * right, y=np.zeros(2)).hint
    assert hint == (
        "in the divisor, n (the length of y) - 1 is used where n (the length of y) belongs, or a "
        "sum where a mean belongs: this is not divided by n (the length of y)"
    )
    assert explain_theta(lambda right, old: 2 * right, y=np.zeros(9)).hint == (
        "this is twice what it should be"
    )


def test_a_mistake_has_to_explain_all_trial_points():
    def only_at_the_first_two(right, old):
        return np.where(right[0] == RIGHT[2, 0], 2.1 * right, 2 * right)

    assert explain_theta(only_at_the_first_two) is None


def test_what_coincides_at_one_trial_point_is_not_named():
    """At the first θ' the value happens to be half what it should be, a square and a reciprocal."""
    right = [[2.0], [1.7], [3.1]]
    assert explain_theta(lambda right, old: right - 1, right, y=Y).hint == (
        "-1 is added to the right value"
    )
    assert explain_theta(lambda right, old: np.exp(-right) + 1 - np.exp(-2), right) is None


@pytest.mark.parametrize("mistake", [lambda right, old: 2 * right, lambda right, old: old])
def test_fewer_than_three_trial_points_confirm_nothing(mistake):
    assert explain_theta(mistake) is not None
    assert explain_theta(mistake, RIGHT[:2], OLD[:2]) is None


def test_trial_points_that_share_a_coordinate_count_as_one():
    trials = [TrialPoint("", {}, np.array([i, 1.0]), {}, {}) for i in range(5)]
    assert not confirmed(trials)
    assert confirmed(replace(trial, point=trial.point * [1, i]) for i, trial in enumerate(trials))


def test_a_number_that_is_searched_for_needs_right_values_that_differ():
    """With one right value, some number always makes the difference."""
    right = np.tile(RIGHT[0], (3, 1))
    assert explain_theta(lambda right, old: right + 0.25, right) is None
    assert explain_theta(lambda right, old: 2 * right, right).hint == (
        "this is twice what it should be"
    )


def test_mistakes_that_cannot_be_distinguished_are_both_named_or_none():
    def double(right, old):
        return 2 * right

    # With four candidates, only the relation of the numbers is stated.
    three_of_four = np.ma.masked_invalid([1.0, 2.0, np.nan, 4.0])
    assert explain_theta(lambda right, old: right * 4 / 3, y=three_of_four).hint == (
        "this is 4/3 times what it should be: the ratio of n (the length of y) and the number of "
        "observed y"
    )
    two = explain_theta(double, x=np.zeros(2), y=np.zeros(2)).hint
    assert "n (the length of x and of y) - 1" in two
    assert explain_theta(
        lambda right, old: right * 5 / 7, a=np.zeros(5), b=np.zeros(7), c=np.zeros(10)
    ).hint == (
        "in the divisor, n (the length of b) is used where n (the length of a) belongs, or the "
        "reverse in the numerator"
    )


# The E step


def left_out(joint, prior, name="z"):
    """Return Bayes' theorem without the mixing weights."""
    return softmax(joint[name] - prior[name], axis=1)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (lambda joint, prior, r: left_out(joint, prior), "p(z) are left out"),
        (lambda joint, prior, r: softmax(joint["z"] + prior["z"], axis=1), "p(z) are used twice"),
        (lambda joint, prior, r: np.exp(joint["z"]), "joint densities p(x, z), not normalised"),
        (
            lambda joint, prior, r: joint["z"],
            "log joint densities log p(x, z): take their exponent",
        ),
        (lambda joint, prior, r: softmax(joint["z"] / 2, axis=1), "is half what it should be"),
        (lambda joint, prior, r: r["z"] / r["z"].sum(axis=0), "over the observations instead of"),
        (lambda joint, prior, r: np.eye(3)[r["z"].argmax(axis=1)], "hard assignments"),
        (
            lambda joint, prior, r: r["z"][:, [2, 0, 1]],
            "the categories are in another order (2, 0, 1)",
        ),
        (lambda joint, prior, r: np.log(r["z"]), "these are the logarithms of the probabilities"),
        (lambda joint, prior, r: np.round(r["z"]), "the probabilities are rounded to 0 decimals"),
        (lambda joint, prior, r: np.round(r["z"], 2), "the probabilities are rounded to 2 decimal"),
        (
            lambda joint, prior, r: np.maximum(r["z"], 0.1),
            "the probabilities are not allowed to be smaller than 0.1",
        ),
        (
            lambda joint, prior, r: softmax(joint["z"] - np.log([1, 2, 1]), axis=1),
            "a factor 2 is left out for category 1",
        ),
        (lambda joint, prior, r: 3 * r["z"], "the probabilities are not normalised"),
        (lambda joint, prior, r: r["z"] * (np.arange(7) < 5)[:, None], "some entries are zero"),
        (lambda joint, prior, r: r["z"] + 0.1, None),
    ],
)
def test_mistakes_in_the_posterior_of_a_categorical_latent(value, hint):
    found = Mixture("z").explain("z", value)
    assert found is None if hint is None else hint in found


@pytest.mark.parametrize("name", ["z", "u"])
def test_mistakes_are_recognised_in_each_of_several_latents(name):
    mixture = Mixture("z", "u")
    found = mixture.explain(name, lambda joint, prior, r: left_out(joint, prior, name))
    assert found == "the mixing weights p(z) are left out of Bayes' theorem"


@pytest.mark.parametrize("latent", ["z", "u"])
def test_mistakes_in_a_latent_are_recognised_in_a_statistic_of_it(latent):
    mixture = Mixture("z", "u", expectations={"n": lambda r: r["z"].sum(axis=0) @ r["u"].T})
    found = mixture.explain(
        "n",
        lambda joint, prior, r: mixture.expectations["n"](
            r | {latent: left_out(joint, prior, latent)}
        ),
    )
    assert found == "the mixing weights p(z) are left out of Bayes' theorem"


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        (lambda mean: 1 / mean, "this is 1 divided by the conditional mean"),
        (lambda mean: 0.0, "the missing values are counted as zero"),
        (lambda mean: np.log(2) * mean, "this is the median of an exponential distribution"),
        (lambda mean: 3 * mean, "this is the conditional mean times the number of entries"),
        (lambda mean: 5.0, "the mean of the observed values is used"),
        (lambda mean: 4.5, "the median of the observed values is used"),
        (lambda mean: 20.0, "the sum of the observed values is used"),
        (lambda mean: mean - 0.5 / mean, "1/lam is missing in the conditional mean"),
        (lambda mean: mean + 2 * mean, "this is the conditional mean times the number of entries"),
        (lambda mean: mean + 8, "the largest observed value is too much in the conditional mean"),
        (lambda mean: 1.7, None),
        (lambda mean: mean**2 - 2, None),
    ],
)
def test_mistakes_in_the_conditional_mean_of_missing_values(mistake, hint):
    data = [3.0, np.nan, 4.5, np.nan, 4.5, 8.0, np.nan]
    found = explain_mean_of_missing(mistake, data, lam=[4.0, 6.0, 10.0])
    assert found is None if hint is None else hint in found
